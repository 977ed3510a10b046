"""Calendars against Python's own zone rules and calendars, and the traps of daylight saving."""

import datetime as dt
import itertools
import zoneinfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ops_core.errors import QueryError
from ops_core.model.time import DAY_US, TimeRules, date_of, day_number

EPOCH = dt.datetime(1970, 1, 1)
ZONES = ["UTC", "Asia/Shanghai", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Europe/London"]


def us(text: str) -> int:
    return (dt.datetime.fromisoformat(text) - EPOCH) // dt.timedelta(microseconds=1)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(ZONES), st.datetimes(dt.datetime(1971, 1, 1), dt.datetime(2090, 1, 1)))
def test_local_time_agrees_with_zoneinfo(zone, moment):
    instant = (moment - EPOCH) // dt.timedelta(microseconds=1)
    expected = moment.replace(tzinfo=dt.UTC).astimezone(zoneinfo.ZoneInfo(zone)).replace(tzinfo=None)
    rules = TimeRules(zone)
    assert int(rules.local_us([instant])[0]) == (expected - EPOCH) // dt.timedelta(microseconds=1)
    assert date_of(rules.local_days([instant])[0]) == expected.date()


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(ZONES), st.datetimes(dt.datetime(1971, 1, 1), dt.datetime(2090, 1, 1)))
def test_there_and_back_again(zone, moment):
    # An unambiguous wall-clock time comes back; in an overlap the first of the two instants is taken.
    instant = (moment - EPOCH) // dt.timedelta(microseconds=1)
    rules = TimeRules(zone)
    wall = rules.local_us([instant])
    back = int(rules.to_utc_us(wall)[0])
    assert int(rules.local_us([back])[0]) == int(wall[0])
    assert back <= instant
    assert back == instant or rules.is_ambiguous(wall)[0]


def test_a_time_in_the_gap_is_the_first_instant_after_it():
    # New York, 2026-03-08: 02:00 EST becomes 03:00 EDT at 07:00 UTC, so 02:30 never was.
    rules = TimeRules("America/New_York")
    assert int(rules.to_utc_us([us("2026-03-08 02:30")])[0]) == us("2026-03-08 07:00")
    assert rules.is_ambiguous([us("2026-03-08 02:30")]).tolist() == [True]


def test_a_time_in_the_overlap_is_the_first_of_two():
    # New York, 2026-11-01: 01:30 is 05:30 UTC (EDT) and again 06:30 UTC (EST).
    rules = TimeRules("America/New_York")
    assert int(rules.to_utc_us([us("2026-11-01 01:30")])[0]) == us("2026-11-01 05:30")
    assert rules.is_ambiguous([us("2026-11-01 01:30"), us("2026-11-01 02:30")]).tolist() == [True, False]


def test_days_around_the_change_of_clocks_have_23_and_25_hours():
    rules = TimeRules("America/New_York")
    spring, autumn = day_number(dt.date(2026, 3, 8)), day_number(dt.date(2026, 11, 1))
    hour = DAY_US // 24
    assert rules.day_start_us(spring + 1) - rules.day_start_us(spring) == 23 * hour
    assert rules.day_start_us(autumn + 1) - rules.day_start_us(autumn) == 25 * hour


def test_offset_ranges_cover_the_stretch_without_gap():
    rules = TimeRules("America/New_York")
    start, end = us("2026-01-01"), us("2027-01-01")
    ranges = rules.offset_ranges(start, end)
    assert [offset // 3_600_000_000 for *_, offset in ranges] == [-5, -4, -5]
    assert ranges[0][0] == start
    assert ranges[-1][1] == end
    assert all(before[1] == after[0] for before, after in itertools.pairwise(ranges))


@pytest.mark.parametrize(("week_start", "weekday"), [("monday", 0), ("sunday", 6), ("saturday", 5)])
def test_weeks_start_where_the_workspace_says(week_start, weekday):
    rules = TimeRules("UTC", week_start)
    days = np.arange(day_number(dt.date(2019, 12, 20)), day_number(dt.date(2021, 1, 20)))
    starts = rules.bucket_starts(days, "week")
    assert {date_of(day).weekday() for day in starts} == {weekday}
    assert np.all((days - starts >= 0) & (days - starts < 7))


@pytest.mark.parametrize("grain", ["day", "week", "month", "quarter"])
def test_buckets_are_numbered_without_gap_and_come_back(grain):
    rules = TimeRules()
    days = np.arange(-800, 30_000)
    index = rules.bucket_index(days, grain)
    assert set(np.diff(index)) <= {0, 1}
    assert np.array_equal(rules.bucket_index(rules.index_start_day(index, grain), grain), index)


def test_iso_weeks_agree_with_the_calendar_over_all_years():
    days = np.arange(day_number(dt.date(1999, 12, 1)), day_number(dt.date(2032, 1, 1)), 3)
    for day, start in zip(days, TimeRules().bucket_starts(days, "week"), strict=True):
        assert date_of(day).isocalendar()[:2] == date_of(start).isocalendar()[:2]


def test_a_day_may_be_written_as_text():
    assert day_number("2026-02-01") == day_number(dt.date(2026, 2, 1)) == day_number("2026-02-01 18:30")
    for no_date in ("soon", 5, None):
        with pytest.raises(QueryError, match="is not a date"):
            day_number(no_date)


def test_an_unknown_zone_names_the_nearest():
    with pytest.raises(QueryError, match="Did you mean Asia/Shanghai"):
        TimeRules("Asia/Shangai")


def test_an_offset_is_never_answered_with_a_zone_of_the_opposite_sign():
    # Etc/GMT+8 is spelled most like UTC+8 and lies eight hours west of Greenwich.
    with pytest.raises(QueryError, match="Did you mean Asia/Shanghai"):
        TimeRules("UTC+8")


def test_an_unknown_week_start_names_what_works():
    with pytest.raises(QueryError, match="monday, sunday, saturday"):
        TimeRules(week_start="friday")
