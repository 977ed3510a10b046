"""What an import says, guesses and remembers."""

from __future__ import annotations

import pandas as pd
import pytest

from ops_core import IntakeError, Workspace
from ops_core.intake import roles
from ops_core.intake.load import LoadOptions
from ops_core.intake.watch import Watch
from ops_core.locale import translator


@pytest.fixture
def workspace():
    with Workspace.memory() as made:
        yield made


def codes(report) -> dict[str, dict]:
    for language in ("en", "zh"):
        assert all(report.sentences(translator(language)))
    return {note.code: dict(note.values) for note in report.notes}


def events(**columns) -> pd.DataFrame:
    n = max(len(cells) for cells in columns.values())
    plain = {"user_id": ["u"] * n, "event": [f"e{row}" for row in range(n)], "time": ["2026-01-05 10:00:00"] * n}
    return pd.DataFrame(plain | columns)


def test_damaged_and_look_alike_ids(workspace: Workspace):
    said = codes(workspace.load(events(user_id=["1.23457E+12", "1.23457E+12", "Ann", "ann", "café", "cafe\u0301"])))
    assert said["ids_damaged"] == {"column": "user_id", "n": 1, "example": "1.23457E+12"}
    assert said["ids_look_alike"]["n"] == 4


def test_hours_that_the_clock_skips_or_has_twice(workspace: Workspace):
    times = ["2024-03-10 02:30:00", "2024-11-03 01:30:00", "2024-11-03 03:30:00"]
    said = codes(workspace.load(events(time=times), source_time_zone="America/New_York"))
    assert said["times_ambiguous"] == {"n": 2, "zone": "America/New_York"}
    with workspace.store.cursor() as cursor:
        stored = cursor.execute("SELECT occurred_at::VARCHAR FROM events ORDER BY 1").fetchall()
    # First possible instants: the gap ends at 07:00 UTC; 01:30 first comes at 05:30 UTC (−4); 03:30 is −5.
    assert [row[0] for row in stored] == ["2024-03-10 07:00:00", "2024-11-03 05:30:00", "2024-11-03 08:30:00"]


def test_one_row_in_the_far_future_is_kept_out(workspace: Workspace):
    report = workspace.load(events(time=["2024-01-01", "2024-01-02", "2124-01-01"]))
    assert (report.rows_loaded, report.rows_quarantined) == (2, 1)
    assert "future" in report.quarantined["reason"].iloc[0]
    assert codes(report)["times_in_future"] == {"n": 1, "latest": "2124-01-01"}
    assert workspace.as_of.isoformat() == "2024-01-03T00:00:00+00:00"


def test_users_of_events_that_are_in_no_users_file(workspace: Workspace):
    workspace.load(pd.DataFrame({"user_id": ["u1"], "signup_date": ["2025-01-01"]}))
    assert codes(workspace.load(events(user_id=["u1", "u2", "u3"])))["users_unknown"] == {"n": 2}


@pytest.mark.parametrize(
    ("cells", "total", "code"),
    [
        (["1.234,56", "0,5", "-12,00"], "1223.060000", "number_comma"),
        (["$1,234.50", "(12.00)", "1 000"], "2222.500000", "number_grouped"),
        (["3.5万", "1亿", "12"], "100035012.000000", "number_units"),
        (["45%", "5.5%", "0"], "0.505000", "number_percent"),
    ],
)
def test_amounts_as_people_write_them(workspace: Workspace, cells, total, code):
    report = workspace.load(events(value=cells))
    assert f"column_reading_{code}" in codes(report)
    with workspace.store.cursor() as cursor:
        assert cursor.execute("SELECT sum(value)::VARCHAR FROM events").fetchone()[0] == total


@pytest.mark.parametrize(
    ("cells", "stored"),
    [
        (["2026年11月16日 8时5分", "2026年1月2日"], ["2026-01-02 00:00:00", "2026-11-16 08:05:00"]),
        (["31/01/2026", "01/02/2026"], ["2026-01-31 00:00:00", "2026-02-01 00:00:00"]),
        (["01/31/2026 1:05 PM", "02/01/2026 1:05 AM"], ["2026-01-31 13:05:00", "2026-02-01 01:05:00"]),
        (["01.02.2026", "03.04.2026"], ["2026-02-01 00:00:00", "2026-04-03 00:00:00"]),
        (["1706659200", "1706659201"], ["2024-01-31 00:00:00", "2024-01-31 00:00:01"]),
        (["1706659200123", "1706659200124"], ["2024-01-31 00:00:00.123", "2024-01-31 00:00:00.124"]),
        (["45322", "45322.5"], ["2024-01-31 00:00:00", "2024-01-31 12:00:00"]),
        (["2026-01-05T10:00:00+08:00", "2026-01-05 10:00:00"], ["2026-01-05 02:00:00", "2026-01-05 10:00:00"]),
        (["20260105", "20260106"], ["2026-01-05 00:00:00", "2026-01-06 00:00:00"]),
        (["2014-12-06 02", "2014-12-06 14"], ["2014-12-06 02:00:00", "2014-12-06 14:00:00"]),
    ],
)
def test_times_as_people_write_them(workspace: Workspace, cells, stored):
    workspace.load(events(time=cells))
    with workspace.store.cursor() as cursor:
        found = cursor.execute("SELECT occurred_at::VARCHAR FROM events ORDER BY occurred_at").fetchall()
    assert [row[0] for row in found] == stored


def test_the_order_of_day_and_month_can_be_told(workspace: Workspace):
    workspace.load(events(time=["01/02/2026", "03/04/2026"]), options=LoadOptions(date_order="month_first"))
    with workspace.store.cursor() as cursor:
        assert cursor.execute("SELECT max(occurred_at)::VARCHAR FROM events").fetchone()[0] == "2026-03-04 00:00:00"


def test_a_column_that_is_not_all_numbers_stays_text(workspace: Workspace):
    frame = events(score=[str(number) for number in range(3000)] + ["n. a. yet"])
    report = workspace.load(frame.assign(event="play"))
    assert codes(report)["column_stays_text"] == {"column": "score", "n": 1, "examples": ["n. a. yet"]}
    assert workspace.properties("event")["type"].tolist() == ["text"]


def test_a_mapping_is_remembered_for_the_same_columns(workspace: Workspace):
    first = pd.DataFrame({"who": ["a", "b"], "what": ["x", "y"], "when": ["2026-01-01", "2026-01-02"], "n": ["1", "2"]})
    mapping = {"user_id": "who", "event": "what", "occurred_at": "when", "value": "n"}
    workspace.load(first, kind="events", mapping=mapping)
    report = workspace.load(first.assign(when=["2026-01-08", "2026-01-09"]))
    assert (report.kind, report.guess.mapping) == ("events", mapping)
    assert codes(report)["mapping_remembered"] == {"batch": 1}


def test_a_cancelled_import_leaves_nothing(workspace: Workspace):
    steps = []
    watch = Watch(progress=lambda step, _share: steps.append(step), cancelled=lambda: len(steps) >= 3)
    with pytest.raises(IntakeError, match="was stopped"):
        workspace.load(events(time=["2026-01-01"]), watch=watch)
    assert steps == ["reading", "typing", "checking"]
    assert workspace.batches(undone=True).empty


@pytest.mark.parametrize(
    ("columns", "kind", "mapping"),
    [
        (["会员号", "行为", "发生时间"], "events", {"user_id": "会员号", "event": "行为", "occurred_at": "发生时间"}),
        (["openid", "action", "ts", "device"], "events", {"user_id": "openid", "event": "action", "occurred_at": "ts"}),
        (["客户编号", "订单号", "下单时间", "实付金额"], "orders",
         {"user_id": "客户编号", "occurred_at": "下单时间", "order_id": "订单号", "value": "实付金额"}),
        (["uid", "experiment", "arm"], "assignments", {"user_id": "uid", "variant": "arm", "experiment": "experiment"}),
        (["member_id", "组别", "是否购买"], "units", {"user_id": "member_id", "variant": "组别"}),
        (["User ID", "Registration Date", "City"], "users", {"user_id": "User ID", "signup_at": "Registration Date"}),
    ],
)  # fmt: skip
def test_kinds_and_roles_from_names_and_values(columns, kind, mapping):
    values = {
        "时间": "2026-01-05 10:00:00", "ts": "2026-01-05 10:00:00", "date": "2026-01-05", "金额": "12.5", "购买": "是",
    }  # fmt: skip
    shown = {name: next((text for part, text in values.items() if part in name.lower()), name) for name in columns}
    sample = pd.DataFrame({name: [text, text] for name, text in shown.items()})
    for name in ("组别", "arm"):
        if name in sample:
            sample[name] = ["A", "B"]
    found = roles.guess(columns, sample)
    assert (found.kind, found.mapping) == (kind, mapping)
    assert all(0 < role.confidence <= 1 and role.reason for role in found.roles)


def test_a_table_that_is_counted_already_is_named():
    sample = pd.DataFrame({"Date": ["2026-01-01"], "Pageviews": ["7000"], "Clicks": ["600"], "Enrollments": ["100"]})
    with pytest.raises(IntakeError, match="counted already: one row per 'Date' with Pageviews"):
        roles.guess(list(sample.columns), sample)
