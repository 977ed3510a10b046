"""Segments are kept as data and come back equal."""

import pytest

from ops_core import Filter, Segment, StoreError, Workspace


def test_segments_come_back_equal_after_reopening(tmp_path):
    rule = Segment("广告来的", (Filter("user.channel", "in", ("信息流", "搜索")), Filter("user.age", "gte", 18)))
    listed = Segment("dropped", user_ids={"007", "a'b\"c"})
    with Workspace.open(tmp_path / "w.duckdb") as workspace:
        workspace.save_segment(rule)
        workspace.save_segment(listed)
    with Workspace.open(tmp_path / "w.duckdb") as workspace:
        assert workspace.segments() == [listed, rule]
        workspace.delete_segment("dropped")
        assert workspace.segments() == [rule]


def test_what_is_not_there_cannot_be_deleted():
    with Workspace.memory() as workspace:
        workspace.save_segment(Segment("vip"))
        with pytest.raises(StoreError, match="Nearest: vip"):
            workspace.delete_segment("vib")


def test_a_blank_name_is_refused():
    with Workspace.memory() as workspace, pytest.raises(StoreError, match="name first"):
        workspace.save_segment(Segment("  "))
