"""Periods and filters check themselves when built."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from ops_core import Filter, Period, QueryError, Segment, TimeRules

HOUR = 3_600_000_000


def test_a_period_is_read_in_the_reporting_zone():
    # Shanghai's New Year begins at 16:00 UTC of the day before: 8 hours before UTC's.
    utc = Period("2026-01-01", "2026-02-01").bounds(TimeRules("UTC"))
    shanghai = Period("2026-01-01", "2026-02-01").bounds(TimeRules("Asia/Shanghai"))
    assert [a - b for a, b in zip(utc, shanghai, strict=True)] == [8 * HOUR, 8 * HOUR]


def test_an_offset_in_the_text_wins_over_the_zone():
    period = Period("2026-01-01T00:00+08:00", "2026-01-02T00:00+08:00")
    assert period.bounds(TimeRules("America/New_York")) == Period("2026-01-01", "2026-01-02").bounds(
        TimeRules("Asia/Shanghai")
    )


def test_texts_dates_and_datetimes_are_the_same_period():
    assert Period("2026-01-01", "2026-01-08") == Period(dt.date(2026, 1, 1), dt.datetime(2026, 1, 8))
    assert Period("2026-01-01", "2026-01-08") == Period(np.datetime64("2026-01-01"), pd.Timestamp("2026-01-08"))


def test_the_end_is_exclusive():
    first, end = Period("2026-01-01", "2026-01-08").days(TimeRules("Asia/Shanghai"))
    assert end - first == 7
    assert Period("2026-01-01", "2026-01-08").last_date == dt.date(2026, 1, 7)


def test_the_previous_period_ends_where_this_one_starts():
    assert Period("2026-01-08", "2026-01-15").previous() == Period("2026-01-01", "2026-01-08")


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        ("2026-01-02", "2026-01-02", "is empty"),
        ("2026-02-01", "2026-01-01", "is empty"),
        ("soon", "2026-01-01", "'soon'"),
        (pd.NaT, "2026-01-01", "'NaT' is not a date"),
        (np.datetime64("NaT"), "2026-01-01", "is not a date"),
    ],
)
def test_what_is_no_period_is_said(start, end, message):
    with pytest.raises(QueryError, match=message):
        Period(start, end)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("channel", "like", "x"), "cannot use 'like'"),
        (("channel", "in", "ads"), "needs a list"),
        (("channel", "eq"), "needs a value"),
        ((5, "eq", 1), "'5' is not a filter"),
    ],
)
def test_what_is_no_filter_is_said(arguments, message):
    with pytest.raises(QueryError, match=message):
        Filter(*arguments)


def test_filters_and_segments_are_compared_by_value():
    one = Segment("ads", (Filter("user.channel", "in", ["a", "b"]),))
    assert one == Segment("ads", [Filter("user.channel", "in", ("a", "b"))])
    assert hash(one) == hash(Segment("ads", [Filter("user.channel", "in", ("a", "b"))]))


def test_a_segment_needs_user_properties():
    with pytest.raises(QueryError, match="'coupon' is not a user property"):
        Segment("coupon users", (Filter("coupon", "eq", "A"),))
