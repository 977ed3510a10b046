"""Trends: every measure and grain against plain Python, comparisons, partial buckets, totals, refusals."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from ops_core import Filter, Period, Segment
from ops_core.analyses import trends
from ops_core.analyses.trend_query import MEASURES
from ops_core.analyses.trends import Series, Target, TrendsQuery
from ops_core.errors import QueryError
from tests.oracles import trends as oracle
from tests.oracles.random_events import random_events
from tests.support import workspace_of

ZONES = ("UTC", "Asia/Shanghai", "America/New_York", "Asia/Kathmandu")
PERIOD = Period("2026-03-02", "2026-04-06")  # the clocks change in New York on 8 March
CASES = [
    (ZONES[number % 4], grain, measure, event)
    for number, (measure, grain, event) in enumerate(
        (measure, grain, event)
        for measure in MEASURES
        for grain in ("day", "week", "month")
        for event in (None, "buy", ("buy", "view"))
    )
] + [("America/New_York", "hour", "users", "buy"), ("Asia/Kathmandu", "hour", "sum", None)]  # fmt: skip


@pytest.fixture(scope="module")
def events() -> pd.DataFrame:
    return random_events(4, dt.datetime(2026, 2, 20), 50, n_users=40, n_events=900)


@pytest.fixture(scope="module")
def workspaces(events: pd.DataFrame) -> dict:
    return {zone: workspace_of(events, zone) for zone in ZONES}


@pytest.mark.parametrize(("zone", "grain", "measure", "event"), CASES)
def test_every_measure_agrees_with_plain_python(workspaces, events, zone, grain, measure, event):
    series = Series(event, measure, percentile=80)
    result = trends.analyze(workspaces[zone], TrendsQuery(series, PERIOD, grain))
    rows = oracle.rows_of(events, zone)
    for point in result.points.itertuples():
        inside = [row for row in rows if oracle.bucket_start(row["local"], grain) == point.bucket]
        assert point.value == pytest.approx(oracle.number(inside, series), nan_ok=True), point.bucket


@pytest.mark.parametrize("by", ["coupon", "user.channel"])
@pytest.mark.parametrize("measure", ["users", "total", "sum"])
@pytest.mark.parametrize("event", [None, "buy"])
def test_groups_agree_with_plain_python(workspaces, events, by, measure, event):
    series = Series(event, measure)
    result = trends.analyze(workspaces["Asia/Shanghai"], TrendsQuery(series, PERIOD, "week", breakdown=by, top=1))
    rows = oracle.rows_of(events, "Asia/Shanghai")
    assert len(result.groups) == 1
    name = by.removeprefix("user.")
    for point in result.points.itertuples():

        def group(row: dict) -> str:
            value = row[name]
            if value is None or value != value:
                return trends.MISSING
            return value if value in result.groups else trends.OTHER

        inside = [row for row in rows if oracle.bucket_start(row["local"], "week") == point.bucket]
        inside = [row for row in inside if group(row) == point.group]
        assert point.value == pytest.approx(oracle.number(inside, series)), (point.bucket, point.group)
    if measure != "users":
        assert result.totals["share"].sum() == pytest.approx(1)


@pytest.mark.parametrize("measure", ["users", "total", "mean", "median"])
def test_rolling_and_cumulative_cover_their_windows(workspaces, events, measure):
    series = Series("buy", measure)
    rows = oracle.rows_of(events, "UTC")
    for settings, first in (({"rolling_buckets": 3}, None), ({"cumulative": True}, dt.datetime(2026, 3, 2))):
        result = trends.analyze(workspaces["UTC"], TrendsQuery(series, PERIOD, "week", **settings))
        for point in result.points.itertuples():
            start = first or point.bucket - dt.timedelta(weeks=2)
            end = point.bucket + dt.timedelta(weeks=1)
            inside = [row for row in rows if start <= row["local"] < end]
            expected = oracle.number(inside, series)
            if measure == "total" and not first:
                expected /= 3  # the mean per bucket
            assert point.value == pytest.approx(expected) or start < dt.datetime(2026, 2, 23)


def test_filters_and_segments_restrict(workspaces, events):
    series = Series("buy", "total", filters=(Filter("coupon", "eq", "A"),))
    segment = Segment("ads", (Filter("user.channel", "eq", "ads"),))
    result = trends.analyze(workspaces["UTC"], TrendsQuery(series, PERIOD, "month", segment=segment))
    rows = [row for row in oracle.rows_of(events, "UTC") if row["coupon"] == "A" and row["channel"] == "ads"]
    for point in result.points.itertuples():
        inside = [row for row in rows if oracle.bucket_start(row["local"], "month") == point.bucket]
        assert point.value == oracle.number(inside, series)


# By hand ------------------------------------------------------------------------------------------------------------

DAILY = [  # view: 2, 4, 3 and 5 events on 1–4 March, by users a (and b); buy: worth 10 and 30
    *[("a", "view", f"2026-03-01 0{n}:00") for n in range(2)],
    *[("a", "view", f"2026-03-02 0{n}:00") for n in range(3)], ("b", "view", "2026-03-02 09:00"),
    *[("a", "view", f"2026-03-03 0{n}:00") for n in range(3)],
    *[("b", "view", f"2026-03-04 0{n}:00") for n in range(5)],
    ("a", "buy", "2026-03-02 10:00", 10), ("b", "buy", "2026-03-04 10:00", 30),
]  # fmt: skip


def test_formula_and_comparison_by_hand():
    workspace = workspace_of(DAILY, as_of="2026-03-05")
    query = TrendsQuery(
        ("buy", "view"), Period("2026-03-03", "2026-03-05"), formula="ratio", compare="previous",
    )  # fmt: skip
    points = trends.analyze(workspace, query).points
    # Buyers ÷ viewers: 3 March 0/1, 4 March 1/1; two days before 0/1 and 1/2.
    assert points["value"].tolist() == [0, 1]
    assert points["compare_value"].tolist() == [0, 0.5]
    assert points["difference"].tolist() == [0, 0.5]
    assert np.isnan(points["relative"].iloc[0])
    assert points["relative"].iloc[1] == 1


def test_partial_buckets_take_no_part():
    workspace = workspace_of(DAILY, as_of="2026-03-04 12:00")
    query = TrendsQuery(Series("view", "total"), Period("2026-03-03", "2026-03-05"), compare="previous")
    result = trends.analyze(workspace, query)
    assert result.points["value"].tolist() == [3, 5]
    assert result.points["partial"].tolist() == [False, True]
    assert result.points["difference"].isna().tolist() == [False, True]
    # The period's figure stops at the last complete day, and so does what it is compared with: 3 against 2.
    assert result.totals[["value", "compare_value", "difference"]].values.tolist() == [[3, 2, 1]]


def test_a_bucket_that_begins_before_the_data_is_partial():
    workspace = workspace_of(DAILY, as_of="2026-04-01")
    result = trends.analyze(workspace, TrendsQuery("view", Period("2026-03-01", "2026-03-04"), "month"))
    assert result.points["partial"].tolist() == [False]
    result = trends.analyze(workspace, TrendsQuery("view", Period("2026-03-01", "2026-03-05"), "week"))
    # 1 March is a Sunday: its week began six days before the data.
    assert result.points["partial"].tolist() == [True, False]


def test_context_is_shown_and_not_compared():
    workspace = workspace_of(DAILY, as_of="2026-03-05")
    query = TrendsQuery(
        Series("view", "total"), Period("2026-03-04", "2026-03-05"), context_buckets=9, compare="previous",
    )  # fmt: skip
    points = trends.analyze(workspace, query).points
    assert points["value"].tolist() == [2, 4, 3, 5]  # the data do not reach back nine days
    assert points["in_period"].tolist() == [False, False, False, True]
    assert points["compare_value"].tolist()[-1] == 3
    assert points["compare_value"].isna().tolist() == [True, True, True, False]


def test_a_year_back_meets_the_same_weekday_and_iso_week():
    rows = [("a", "view", f"2025-09-0{day}") for day in range(1, 9)] + [("a", "view", "2026-09-07")]
    workspace = workspace_of(rows, as_of="2026-09-14")
    for grain, expected in (("day", "2025-09-08"), ("week", "2025-09-08")):
        query = TrendsQuery("view", Period("2026-09-07", "2026-09-08"), grain, compare="year")
        assert trends.analyze(workspace, query).points["compare_bucket"].iloc[0] == pd.Timestamp(expected)


def test_users_of_the_whole_period_are_counted_once():
    workspace = workspace_of(DAILY, as_of="2026-03-05")
    result = trends.analyze(workspace, TrendsQuery("view", Period("2026-03-01", "2026-03-05")))
    assert result.points["value"].tolist() == [1, 2, 1, 1]
    assert result.totals["value"].tolist() == [2]


def test_an_unusual_day_is_marked_and_the_others_are_not():
    rng = np.random.default_rng(8)
    rows = []
    for day in range(100):
        # Weekends are three times as busy; day 95 breaks in.
        n = int(rng.normal(60, 4)) * (3 if day % 7 >= 5 else 1) // (3 if day == 95 else 1)
        at = pd.Timestamp("2026-01-05") + pd.Timedelta(days=day)
        rows += [(f"u{user}", "view", at) for user in range(n)]
    workspace = workspace_of(rows, as_of="2026-04-15")
    result = trends.analyze(workspace, TrendsQuery("view", Period("2026-03-16", "2026-04-15")))
    assert result.points.loc[result.points["unusual"] != 0, "bucket"].tolist() == [pd.Timestamp("2026-04-10")]
    assert result.points.loc[result.points["unusual"] != 0, "unusual"].tolist() == [-1]


# Targets ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def steady():
    # 20 events every day, 30 on Saturdays, from 5 January to 14 April (100 days).
    rows = [
        (f"u{n}", "view", pd.Timestamp("2026-01-05") + pd.Timedelta(days=day))
        for day in range(100)
        for n in range(30 if day % 7 == 5 else 20)
    ]
    return workspace_of(rows, as_of="2026-04-15")


def test_a_total_is_what_is_there_plus_what_is_to_come(steady):
    query = TrendsQuery(
        Series("view", "total"),
        Period("2026-04-01", "2026-04-15"),
        target=Target(640, Period("2026-04-01", "2026-05-01")),
    )
    outlook = trends.analyze(steady, query).outlook
    # April to the 14th: 14 days with two Saturdays, 300. The rest: 16 days with two Saturdays (18th, 25th), 340.
    assert outlook.known == 300
    assert outlook.expected == pytest.approx(640)
    assert outlook.path["value"].iloc[-1] == pytest.approx(640)
    assert outlook.path["is_forecast"].sum() == 16
    assert outlook.back_test.n > 0
    assert outlook.back_test.median_error == pytest.approx(0, abs=1e-9)


def test_a_level_is_that_of_the_last_bucket(steady):
    query = TrendsQuery(
        "view", Period("2026-04-01", "2026-04-15"), target=Target(25, Period("2026-04-15", "2026-04-19"))
    )
    outlook = trends.analyze(steady, query).outlook
    assert not outlook.adds_up
    assert outlook.expected == pytest.approx(30 if dt.date(2026, 4, 18).weekday() == 5 else 20)


def test_a_short_past_or_a_past_period_is_not_forecast(steady):
    short = workspace_of(DAILY, as_of="2026-03-05")
    query = TrendsQuery(
        Series("view", "total"),
        Period("2026-03-01", "2026-03-05"),
        target=Target(50, Period("2026-03-01", "2026-04-01")),
    )
    outlook = trends.analyze(short, query).outlook
    assert outlook.reason == "short_past"
    assert outlook.known == 14
    assert np.isnan(outlook.chance)
    query = TrendsQuery(
        Series("view", "total"),
        Period("2026-03-01", "2026-03-05"),
        target=Target(600, Period("2026-03-01", "2026-04-01")),
    )
    outlook = trends.analyze(steady, query).outlook
    # March: 31 days with four Saturdays: 31 · 20 + 4 · 10.
    assert (outlook.reason, outlook.expected) == ("period_over", 660)


# Refusals -----------------------------------------------------------------------------------------------------------


def test_what_does_not_go_together_is_refused():
    period = Period("2026-03-01", "2026-03-05")
    with pytest.raises(QueryError, match="no measure 'weight'"):
        Series("view", "weight")
    with pytest.raises(QueryError, match="exactly two lines; there are 1"):
        TrendsQuery("view", period, formula="ratio")
    with pytest.raises(QueryError, match="cannot be cumulative"):
        TrendsQuery("view", period, rolling_buckets=7, cumulative=True)
    with pytest.raises(QueryError, match="one to five lines"):
        TrendsQuery((), period)
    with pytest.raises(QueryError, match="no comparison 'decade'"):
        TrendsQuery("view", period, compare="decade")


def test_what_the_data_cannot_answer_is_said(workspaces):
    workspace = workspaces["UTC"]
    with pytest.raises(QueryError, match=r"'vieww'.*view"):
        trends.analyze(workspace, TrendsQuery("vieww", PERIOD))
    with pytest.raises(QueryError, match="'coupon' holds text"):
        trends.analyze(workspace, TrendsQuery(Series("buy", "sum", "coupon"), PERIOD))
    with pytest.raises(QueryError, match="holds no data"):
        trends.analyze(workspace, TrendsQuery("buy", Period("2020-01-01", "2020-02-01")))
    bare = workspace_of(DAILY[:9], as_of="2026-03-05")
    with pytest.raises(QueryError, match="None of the events view carries a number in 'value'"):
        trends.analyze(bare, TrendsQuery(Series("view", "sum"), Period("2026-03-01", "2026-03-05")))


def test_groups_that_only_a_later_series_has_are_told_apart_while_there_is_room():
    # Sign-ups come from ads alone, orders from ads (2) and a shop (1): A + B is 1 + 2 and 0 + 1.
    seen = [("signup", "ads"), ("order", "ads"), ("order", "ads"), ("order", "shop")]
    rows = pd.DataFrame(
        [(f"u{n}", event, "2026-03-02 12:00", source) for n, (event, source) in enumerate(seen)],
        columns=["user_id", "event", "occurred_at", "source"],
    )
    day = Period("2026-03-02", "2026-03-03")
    series = (Series("signup", "total"), Series("order", "total"))
    with workspace_of(rows, as_of="2026-03-03") as workspace:
        both = trends.analyze(workspace, TrendsQuery(series, day, formula="sum", breakdown="source")).totals
        one = trends.analyze(workspace, TrendsQuery(series, day, formula="sum", breakdown="source", top=1)).totals
    assert dict(zip(both["group"], both["value"], strict=True)) == {"ads": 3, "shop": 1}
    assert dict(zip(one["group"], one["value"], strict=True)) == {"ads": 3, trends.OTHER: 1}


def test_more_buckets_than_anybody_can_read_are_refused(workspaces):
    with pytest.raises(QueryError, match="at most 100000 can be shown"):
        trends.analyze(workspaces["UTC"], TrendsQuery("buy", Period("0001-01-01", "2026-04-01")))


def test_amounts_can_be_groups_as_in_retention_and_funnels():
    rows = [
        ("ann", "buy", "2026-03-02 12:00", 9.9),
        ("bob", "buy", "2026-03-02 13:00", 9.9),
        ("cy", "buy", "2026-03-02 14:00"),
    ]
    with workspace_of(rows, as_of="2026-03-03") as workspace:
        query = TrendsQuery("buy", Period("2026-03-02", "2026-03-03"), breakdown="value")
        totals = trends.analyze(workspace, query).totals
    assert dict(zip(totals["group"], totals["value"], strict=True)) == {"9.900000": 2, trends.MISSING: 1}


def test_a_medium_called_none_is_not_a_missing_one():
    # Web statistics write "(none)" for direct visits: two users of it, one of mail, and one whose medium is not known.
    rows = [("ann", "(none)"), ("bob", "(none)"), ("cy", "mail"), ("dan", None)]
    frame = pd.DataFrame(rows, columns=["user_id", "medium"]).assign(event="visit", occurred_at="2026-03-02 12:00")
    day = Period("2026-03-02", "2026-03-03")
    for known, expected in ((frame, {"(none)": 2, "mail": 1, "(none)*": 1}), (frame[:3], {"(none)": 2, "mail": 1})):
        with workspace_of(known, as_of="2026-03-03") as workspace:
            totals = trends.analyze(workspace, TrendsQuery("visit", day, breakdown="medium")).totals
        assert dict(zip(totals["group"], totals["value"], strict=True)) == expected


def test_the_hour_that_a_clock_skips_is_no_point_of_zero():
    # New York, 8 March 2026: 01:59 EST is followed by 03:00 EDT; 06:30 and 07:30 UTC are 01:30 and 03:30 there.
    times = {"ann": "2026-03-08 06:30", "bob": "2026-03-08 07:30", "cay": "2026-03-09 09:00"}
    rows = [(user, "open", time) for user, time in times.items()]
    with workspace_of(rows, "America/New_York", as_of="2026-03-10") as workspace:
        query = TrendsQuery((Series(None, "users"),), Period("2026-03-08", "2026-03-09"), "hour")
        points = trends.analyze(workspace, query).points
    hours = points["bucket"].dt.hour.tolist()
    assert hours == [0, 1, *range(3, 24)]
    assert points["value"].tolist() == [0, 1, 1, *[0] * 20]
