"""Times as people write them: each is read as it is meant, or set aside; a blank one is never a date."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ops_core import Workspace
from tests.support import rows

SHANGHAI = "Asia/Shanghai"


def instants(cells: list[str], zone: str = "UTC") -> dict[str, str | None]:
    """Cell → UTC instant it was stored as; None where its row was set aside."""
    frame = pd.DataFrame({"user_id": [f"u{n}" for n in range(len(cells))], "event": "view", "time": cells})
    with Workspace.memory(zone) as workspace:
        report = workspace.load(frame)
        assert report.rows_read == len(cells) == report.rows_loaded + report.rows_quarantined
        assert set(report.problems["reason"]) <= {"time_unread"}
        query = "SELECT user_id, occurred_at::VARCHAR FROM events JOIN user_keys USING (user_key)"
        stored = dict(rows(workspace, query))
    return {cell: stored.get(f"u{n}") for n, cell in enumerate(cells)}


@pytest.mark.parametrize("zone", [SHANGHAI, "Europe/Berlin"])
def test_a_blank_or_unreadable_signup_stays_empty(tmp_path: Path, zone: str):
    cells = {"a": "2026-01-05 08:00:00", "b": "", "c": "soon", "d": "2026-02-05 08:00:00"}
    lines = ["user_id,signup_at", *(f"{user},{cell}" for user, cell in cells.items())]
    (tmp_path / "users.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    with Workspace.memory(zone) as workspace:
        assert workspace.load(tmp_path / "users.csv").rows_loaded == 4
        empty = rows(workspace, "SELECT user_id FROM users WHERE signup_at IS NULL ORDER BY 1")
        assert empty == [("b",), ("c",)]
        assert rows(workspace, "SELECT min(signup_at)::DATE::VARCHAR FROM users") == [("2026-01-05",)]


@pytest.mark.parametrize("zone", [SHANGHAI, "Europe/Berlin"])
def test_an_empty_time_of_a_typed_table_stays_empty(tmp_path: Path, zone: str):
    signups = pa.array([dt.datetime(2026, 1, 5), None, dt.datetime(2026, 2, 5)])
    pq.write_table(pa.table({"user_id": ["a", "b", "c"], "signup_at": signups}), tmp_path / "users.parquet")
    with Workspace.memory(zone) as workspace:
        workspace.load(tmp_path / "users.parquet")
        assert rows(workspace, "SELECT user_id FROM users WHERE signup_at IS NULL") == [("b",)]


def test_a_blank_time_of_an_assignment_or_a_property_stays_empty():
    arms = pd.DataFrame(
        {"user_id": ["a", "b"], "variant": ["x", "y"], "assigned_at": ["2026-01-05 10:00:00", ""]},
    )
    actions = pd.DataFrame(
        {"user_id": ["a", "b"], "event": "pay", "time": "2026-01-05 10:00:00", "paid_at": ["2026-01-05 10:00:00", ""]}
    )
    with Workspace.memory(SHANGHAI) as workspace:
        workspace.load(arms, kind="assignments")
        workspace.load(actions)
        assert rows(workspace, "SELECT assigned_at::VARCHAR FROM assignments ORDER BY user_key") == [
            ("2026-01-05 02:00:00",), (None,),
        ]  # fmt: skip
        assert workspace.properties("event")["type"].tolist() == ["time"]
        assert rows(workspace, "SELECT count(*), count(p1) FROM events") == [(2, 1)]


def test_the_afternoon_is_not_the_morning():
    assert instants(["2026-03-01 3:05:00 PM", "2026/3/1 3:05 PM", "2026-03-01 12:05:00 AM", "2026-03-01 11:00:00"]) == {
        "2026-03-01 3:05:00 PM": "2026-03-01 15:05:00",
        "2026/3/1 3:05 PM": "2026-03-01 15:05:00",
        "2026-03-01 12:05:00 AM": "2026-03-01 00:05:00",
        "2026-03-01 11:00:00": "2026-03-01 11:00:00",
    }


def test_a_zone_that_is_not_understood_is_not_left_out_of_the_time():
    unknown = [f"2026-03-01 10:00:00 {zone}" for zone in ("EST", "PDT", "CET", "Asia/Tokyo", "GMT+8")]
    known = ["2026-03-01 10:00:00", "2026-03-01 10:00:00 UTC", "2026-03-01T10:00:00+08:00"] * 3
    found = instants([*unknown, *known], SHANGHAI)
    assert {found[cell] for cell in unknown} == {None}
    assert [found[cell] for cell in known[:3]] == ["2026-03-01 02:00:00", "2026-03-01 10:00:00", "2026-03-01 02:00:00"]


@pytest.mark.parametrize(("counts_from_1904", "day"), [(False, "2026-03-01"), (True, "2030-03-02")])
def test_plain_numbers_count_from_the_year_that_the_workbook_says(tmp_path: Path, counts_from_1904: bool, day: str):
    table = pd.DataFrame({"user_id": ["a", "b"], "event": "view", "time": [46082, 46082.5]})
    options = {"options": {"date_1904": counts_from_1904}}
    with pd.ExcelWriter(tmp_path / "events.xlsx", engine="xlsxwriter", engine_kwargs=options) as writer:
        table.to_excel(writer, index=False)
    with Workspace.memory() as workspace:
        workspace.load(tmp_path / "events.xlsx", as_of="2031-01-01")
        assert rows(workspace, "SELECT occurred_at::VARCHAR FROM events ORDER BY 1") == [
            (f"{day} 00:00:00",), (f"{day} 12:00:00",),
        ]  # fmt: skip


def test_times_with_slips_of_writing_are_read_as_they_are_meant():
    meant = {
        "2026-03-01 10:00:00 +0800": "2026-03-01 02:00:00",
        "2026-03-01 10:00:00.5 -05:30": "2026-03-01 15:30:00.5",
        "2026-03-01 10:00:00,123": "2026-03-01 10:00:00.123",
        "2026-03-04\u00a010:00:00": "2026-03-04 10:00:00",
        "2026-03-05 10:00:00\t": "2026-03-05 10:00:00",
        "2026/3/1 下午 3:05:00": "2026-03-01 15:05:00",
        "2026/3/1 下午3:05": "2026-03-01 15:05:00",
        "2026-03-01 上午 12:30:00": "2026-03-01 00:30:00",
        "2026/3/1 下午 13:05:00": None,
        "2026-03-01 10:00:00 EST": None,
        "2026-03-01 10:00:00,": None,
    }
    assert instants(list(meant)) == meant


def test_a_column_of_times_in_the_morning_and_in_the_afternoon_is_known_for_one():
    halves = ["2026/3/1 上午 10:05:00", "2026/3/1 下午 3:05:00", "2026/3/1 下午3:07"]
    table = pd.DataFrame({"用户": ["a", "b", "a"], "行为": ["看", "看", "买"], "几时": halves})
    with Workspace.memory() as workspace:
        assert workspace.load(table).guess.role("occurred_at").column == "几时"
