"""Periods count back from the data's as-of: complete weeks, never an empty default."""

from __future__ import annotations

import datetime as dt

from tests.support import workspace_of
from ui import periods


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


def days(first: str, last: str) -> tuple[dt.date, dt.date]:
    return day(first), day(last)


def test_the_last_complete_week_comes_first():
    # 2026-01-05 is a Monday. Complete up to Wednesday 28 January: the week of the 19th is the last whole one.
    rows = [("u1", "view", f"2026-01-{n:02d} 12:00") for n in range(5, 29)]
    with workspace_of(rows, as_of="2026-01-28") as workspace:
        known = periods.calendar(workspace)
    assert known.default == days("2026-01-19", "2026-01-25")
    assert known.presets["this_week"] == days("2026-01-26", "2026-01-27")
    assert "last_4_weeks" not in known.presets, "four weeks before the 26th begin before the data"
    assert known.presets["all"] == days("2026-01-05", "2026-01-27")


def test_without_a_whole_week_all_there_is_is_shown():
    with workspace_of([("u1", "view", "2026-01-07 12:00"), ("u1", "view", "2026-01-09 12:00")]) as workspace:
        known = periods.calendar(workspace)
    assert known.default == known.span


def test_weeks_follow_the_workspace_and_its_zone():
    rows = [("u1", "view", f"2026-01-{n:02d} 23:00") for n in range(1, 21)]
    with workspace_of(rows, time_zone="Asia/Shanghai", week_start="sunday", as_of="2026-01-19 16:00") as workspace:
        known = periods.calendar(workspace)
    # 16:00 UTC on the 19th is midnight of the 20th (a Tuesday) in Shanghai; the last Sunday-to-Saturday is 11–17.
    assert known.default == days("2026-01-11", "2026-01-17")


def test_a_comparison_needs_data_that_reaches_back():
    rows = [("u1", "view", f"2026-01-{n:02d} 12:00") for n in range(5, 29)]
    with workspace_of(rows, as_of="2026-01-28") as workspace:
        known = periods.calendar(workspace)
    week = days("2026-01-19", "2026-01-25")
    before = periods.comparison(week, "previous", known)
    assert (before.first_date, before.last_date) == days("2026-01-12", "2026-01-18")
    assert periods.comparison(week, "year", known) is None
    assert periods.comparison(week, "none", known) is None
    assert periods.comparison(days("2026-01-08", "2026-01-14"), "previous", known) is None


def test_before_a_month_comes_the_month_before_and_a_year_back_the_same_month():
    known = periods.Calendar(first_day=0, end_day=30_000, complete_end_day=30_000, presets={})
    for code, whole, before in [
        ("previous", days("2026-03-01", "2026-03-31"), days("2026-02-01", "2026-02-28")),
        ("previous", days("2026-01-01", "2026-03-31"), days("2025-10-01", "2025-12-31")),
        ("year", days("2024-02-01", "2024-02-29"), days("2023-02-01", "2023-02-28")),
        ("previous", days("2026-03-02", "2026-03-31"), days("2026-01-31", "2026-03-01")),  # no whole month
    ]:
        found = periods.comparison(whole, code, known)
        assert (found.first_date, found.last_date) == before


def test_the_grain_keeps_charts_readable():
    assert periods.grain_of(days("2026-01-05", "2026-01-11")) == "day"
    assert periods.grain_of(days("2026-01-05", "2026-03-30")) == "week"
    assert periods.grain_of(days("2024-01-01", "2026-03-30")) == "month"
