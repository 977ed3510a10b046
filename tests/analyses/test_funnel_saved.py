"""Saved funnels: what comes back is what was saved, each change is a version, and what is gone is said."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ops_core import Filter, Period, Segment, StoreError, Workspace
from ops_core.analyses import funnel, funnel_saved
from ops_core.analyses.funnel import Exclusion, FunnelQuery, Step

JANUARY = Period("2026-01-01", "2026-02-01")
FULL = FunnelQuery(
    (Step("view", (Filter("client", "in", ("ios", "web")),)), Step(("cart", "wish"), optional=True), "pay", None),
    JANUARY, 36 * 3600, order="ordered", clip=True, hold_constant="client", breakdown="user.channel",
    exclusions=(Exclusion("cancel", 1, 3, (Filter("value", "gt", 5),)),), on_exclusion="drop", attribution=3,
    filters=(Filter("user.channel", "ne", "ads"), Filter("client", "is_null", False)), reentry="first_entry", top=3,
)  # fmt: skip


def test_a_funnel_comes_back_equal_after_reopening(tmp_path):
    with Workspace.open(tmp_path / "w.duckdb") as workspace:
        funnel_saved.save(workspace, " 支付漏斗 ", FULL)
    with Workspace.open(tmp_path / "w.duckdb") as workspace:
        (found,) = funnel_saved.saved_funnels(workspace)
        assert (found.name, found.version, found.n_versions) == ("支付漏斗", 1, 1)
        assert found.query(JANUARY) == FULL
        other, few = Period("2026-03-01", "2026-04-01"), Segment("few", user_ids=frozenset({"a"}))
        assert found.query(other, few).segment == few
        assert str(found.query(other).period) == str(other)


def test_a_change_is_a_version_and_the_same_again_is_none():
    wider = FunnelQuery(("view", "pay"), JANUARY, np.int64(7200))
    with Workspace.memory() as workspace:
        funnel_saved.save(workspace, "pay", FunnelQuery(("view", "pay"), JANUARY, 3600))
        assert funnel_saved.save(workspace, "pay", wider).version == 2
        assert funnel_saved.save(workspace, "pay", wider).version == 2
        # Another period or segment is the same question.
        assert funnel_saved.save(workspace, "pay", FunnelQuery(("view", "pay"), Period("2025-01-01", "2025-02-01"),
                                                               7200, segment=Segment("s"))).version == 2  # fmt: skip
        assert [one.query(JANUARY).window_seconds for one in funnel_saved.history(workspace, "pay")] == [7200, 3600]
        assert funnel_saved.open_saved(workspace, "pay", 1).query(JANUARY).window_seconds == 3600
        with pytest.raises(StoreError, match=r"has no version 3\. Choose one from 1 to 2"):
            funnel_saved.open_saved(workspace, "pay", 3)
        funnel_saved.delete(workspace, "pay")
        assert funnel_saved.saved_funnels(workspace) == []


def test_names_that_are_not_there():
    with Workspace.memory() as workspace:
        funnel_saved.save(workspace, "checkout", FunnelQuery(("view", "pay"), JANUARY, 3600))
        for ask in (funnel_saved.open_saved, funnel_saved.history, funnel_saved.delete):
            with pytest.raises(StoreError, match=r"nothing saved under 'chekout'\. Nearest: checkout"):
                ask(workspace, "chekout")
        with pytest.raises(StoreError, match="name first"):
            funnel_saved.save(workspace, "  ", FunnelQuery(("view", "pay"), JANUARY, 3600))


def test_a_saved_funnel_says_what_was_taken_back():
    rows = [("u", "view", "2026-01-02 10:00"), ("u", "pay", "2026-01-02 10:10")]
    columns = ["user_id", "event", "occurred_at"]
    with Workspace.memory() as workspace:
        workspace.load(pd.DataFrame(rows, columns=columns), kind="events")
        second = pd.DataFrame([("u", "share", "2026-01-02 11:00")], columns=columns)
        report = workspace.load(second, kind="events")
        funnel_saved.save(workspace, "to share", FunnelQuery(("view", "share"), JANUARY, 86_400))
        kept = funnel_saved.open_saved(workspace, "to share").query(JANUARY)
        assert funnel_saved.missing(workspace, kept) is None
        assert funnel.analyze(workspace, kept).steps["users"].tolist()[0] in (0, 1)
        workspace.undo(report.batch_id)
        gone = funnel_saved.missing(workspace, funnel_saved.open_saved(workspace, "to share").query(JANUARY))
        assert "There is no event 'share' in this workspace. Nearest: " in str(gone)
