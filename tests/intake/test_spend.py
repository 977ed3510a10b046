"""Spend files: what is taken for spend, what a later file replaces, what is said."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from ops_core import IntakeError, Workspace
from ops_core.engine import spend

DAYS = (20_000, 30_000)


def table(workspace: Workspace) -> list[tuple[str, str, float]]:
    found = spend.daily(workspace.store, *DAYS)
    dates = pd.to_datetime(found.days, unit="D").strftime("%Y-%m-%d")
    return list(zip(found.channels, dates, found.amounts.tolist(), strict=True))


def test_a_chinese_spend_file_is_known_as_such(tmp_path: Path):
    file = tmp_path / "花费.csv"
    file.write_text(
        "日期,渠道,花费,点击\n2026-06-01,信息流,1200.50,300\n2026-06-01,信息流,99.50,12\n"
        '2026-06-02,信息流,"¥1,300.00",310\n2026-06-03,,50,\n2026-06-04,搜索,,\n',
        encoding="gb18030",
    )
    with Workspace.memory("Asia/Shanghai") as workspace:
        report = workspace.load(file)
        assert report.kind == "spend"
        assert (report.rows_read, report.rows_loaded, report.rows_quarantined) == (5, 4, 1)
        assert report.quarantined["line"].tolist() == [6]
        assert "spend_without_channel" in [note.code for note in report.notes if note.level == "warning"]
        assert table(workspace) == [
            ("", "2026-06-03", 50.0), ("信息流", "2026-06-01", 1300.0), ("信息流", "2026-06-02", 1300.0),
        ]  # fmt: skip
        # Spend declares nothing complete.
        assert workspace.as_of is None


def test_a_later_file_replaces_the_days_it_names_and_undo_brings_them_back():
    with Workspace.memory() as workspace:
        first = pd.DataFrame({"date": ["2026-06-01", "2026-06-02"], "channel": "Ads", "amount": [10, 20]})
        workspace.load(first, kind="spend")
        report = workspace.load(
            pd.DataFrame({"date": ["2026-06-02"], "channel": ["Ads"], "amount": [25]}), kind="spend"
        )
        assert [note.code for note in report.notes] == ["spend_replaced"]
        assert [amount for *_, amount in table(workspace)] == [10, 25]
        workspace.undo(report.batch_id)
        assert [amount for *_, amount in table(workspace)] == [10, 20]


def test_a_file_with_people_is_no_spend_file(tmp_path: Path):
    file = tmp_path / "orders.csv"
    file.write_text("user_id,date,channel,amount\nu1,2026-06-01,Ads,10\nu2,2026-06-02,Ads,12\nu1,2026-06-03,Ads,9\n")
    with Workspace.memory() as workspace:
        assert workspace.load(file).kind == "orders"


def test_without_a_cost_column_nothing_is_stored():
    with Workspace.memory() as workspace:
        with pytest.raises(IntakeError, match=r"No column says what was spent\. Found: date, channel"):
            workspace.load(pd.DataFrame({"date": ["2026-06-01"], "channel": ["Ads"]}), kind="spend")
        assert table(workspace) == []
