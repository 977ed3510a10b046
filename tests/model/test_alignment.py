"""The same time last year, by every grain."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops_core.errors import QueryError
from ops_core.model import TimeRules
from ops_core.model.alignment import year_before
from ops_core.model.time import date_of, day_number


def partner(day: str, grain: str, week_start: str = "monday") -> dt.date:
    rules = TimeRules("UTC", week_start)
    index = int(rules.bucket_index([day_number(dt.date.fromisoformat(day))], grain)[0])
    return date_of(int(rules.index_start_day(year_before(rules, index, grain), grain)))


@pytest.mark.parametrize(
    ("day", "grain", "expected"),
    [
        ("2026-09-07", "week", "2025-09-08"),  # ISO week 37 of both years
        ("2021-01-04", "week", "2019-12-30"),  # week 1 of 2021 and of 2020
        ("2020-12-28", "week", "2019-12-23"),  # week 53 of 2020 meets week 52, the last of 2019
        ("2022-01-03", "week", "2021-01-04"),  # after a year of 53 weeks the distance is 52 weeks again
        ("2024-02-29", "month", "2023-02-01"),
        ("2026-08-30", "quarter", "2025-07-01"),
        ("2026-09-09", "day", "2025-09-10"),  # both Wednesdays
    ],
)
def test_partners_by_hand(day: str, grain: str, expected: str):
    assert partner(day, grain) == dt.date.fromisoformat(expected)


@given(st.dates(dt.date(1990, 1, 1), dt.date(2090, 1, 1)), st.sampled_from(["monday", "sunday", "saturday"]))
def test_weeks_meet_their_own_number(day: dt.date, week_start: str):
    rules = TimeRules("UTC", week_start)
    start = date_of(int(rules.bucket_starts([day_number(day)], "week")[0]))
    found = partner(day.isoformat(), "week", week_start)
    (year, week, _), (before, week_before, _) = ((one + dt.timedelta(days=3)).isocalendar() for one in (start, found))
    assert before == year - 1
    assert week_before == min(week, 52) or (week, week_before) == (53, 53)


def test_an_unknown_grain_is_refused():
    with pytest.raises(QueryError, match="decade"):
        year_before(TimeRules(), 0, "decade")
