"""A funnel's conversion over time, by hour and from optional steps, and what funnels refuse in words."""

from __future__ import annotations

import pandas as pd
import pytest

from ops_core import Filter, Period, QueryError
from ops_core.analyses import funnel
from ops_core.analyses.funnel import Exclusion, FunnelQuery, Step
from tests.support import workspace_of

HOUR = 3_600
DAY = 24 * HOUR
SPRING = Period("2026-03-29", "2026-03-30")  # Berlin puts its clocks from 2:00 to 3:00


def test_hours_are_those_of_the_wall_clock():
    # Berlin, 29 March: 00:30 UTC is 1:30, 01:30 UTC is 3:30; the hour from 2:00 does not exist. One hour's window:
    # ann converts within 20 minutes, bob not at all, cid an hour and a minute later.
    rows = [
        ("ann", "visit", "2026-03-29 00:30"), ("ann", "order", "2026-03-29 00:50"),
        ("bob", "visit", "2026-03-29 00:59"),
        ("cid", "visit", "2026-03-29 01:30"), ("cid", "order", "2026-03-29 02:31"),
    ]  # fmt: skip
    with workspace_of(rows, time_zone="Europe/Berlin", as_of="2026-04-01") as workspace:
        trend = funnel.analyze(workspace, FunnelQuery(("visit", "order"), SPRING, HOUR)).trend("hour")
    assert len(trend) == 24
    assert trend["bucket"].iloc[0] == pd.Timestamp("2026-03-29 00:00")
    assert trend["users"].tolist()[:5] == [0, 2, 0, 1, 0]
    assert trend["converted"].tolist()[:5] == [0, 1, 0, 0, 0]
    assert not trend["partial"].any()


def test_an_hour_that_as_of_cuts_is_partial():
    rows = [("ann", "visit", "2026-03-02 09:10"), ("ann", "order", "2026-03-02 09:11")]
    with workspace_of(rows, as_of="2026-03-02 10:30") as workspace:
        query = FunnelQuery(("visit", "order"), Period("2026-03-02 09:00", "2026-03-02 12:00"), 60)
        trend = funnel.analyze(workspace, query).trend("hour")
    assert trend["partial"].tolist() == [False, True, True]


def test_from_an_optional_step_only_those_who_took_it_convert():
    # Three reach the order, one of them over the coupon: from the coupon on it is 1 of 1, never 3 of 1.
    rows = [
        ("ann", "visit", "2026-03-02 09:00"), ("ann", "coupon", "2026-03-02 09:05"),
        ("ann", "order", "2026-03-02 09:10"),
        ("bob", "visit", "2026-03-02 09:00"), ("bob", "order", "2026-03-02 09:10"),
        ("cid", "visit", "2026-03-02 09:00"), ("cid", "order", "2026-03-02 09:10"),
    ]  # fmt: skip
    steps = ("visit", Step("coupon", optional=True), "order")
    with workspace_of(rows, as_of="2026-04-01") as workspace:
        result = funnel.analyze(workspace, FunnelQuery(steps, Period("2026-03-02", "2026-03-03"), DAY))
    assert result.trend("day", from_step=2)[["users", "converted", "share"]].values.tolist() == [[1, 1, 1.0]]
    assert result.trend("day")[["users", "converted", "share"]].values.tolist() == [[3, 3, 1.0]]


def test_a_period_of_centuries_is_not_cut_into_hours():
    # 2000 to 2100 is 36,525 days: 876,600 hours.
    with workspace_of([("ann", "visit", "2026-03-02 09:00")], as_of="2026-04-01") as workspace:
        found = funnel.analyze(workspace, FunnelQuery(("visit", "visit"), Period("2000-01-01", "2100-01-01"), DAY))
        with pytest.raises(QueryError, match="876,600 time units of 'hour'; at most 20000"):
            found.trend("hour")


@pytest.fixture(scope="module")
def result():
    rows = [("ann", "visit", "2026-03-02 09:00"), ("ann", "order", "2026-03-02 09:10")]
    with workspace_of(rows, as_of="2026-04-01") as workspace:
        yield funnel.analyze(workspace, FunnelQuery(("visit", "order"), Period("2026-03-02", "2026-03-03"), DAY))


@pytest.mark.parametrize(
    ("ask", "sentence"),
    [
        (lambda found: found.trend("day", 0), "no step 0 in this funnel. Choose one from 1 to 2"),
        (lambda found: found.trend("day", 1, 3), "no step 3 in this funnel"),
        (lambda found: found.trend("day", 2, 1), "not from step 2 to step 1"),
        (lambda found: found.trend("fortnight"), "Choose one of: day, week, month, quarter"),
        (lambda found: found.users("order"), "no step order in this funnel"),
        (lambda found: found.users(1.0), "no step 1.0 in this funnel"),
        (lambda found: found.seconds(3), "no step 3 in this funnel"),
        (lambda found: found.time_to_convert((60,)), "two or more rising bounds"),
        (lambda found: found.time_to_convert((60, 30)), "two or more rising bounds in seconds, not 60, 30"),
    ],
)
def test_what_is_not_in_the_funnel_is_refused_in_words(result, ask, sentence: str):
    with pytest.raises(QueryError, match=sentence):
        ask(result)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"steps": None}, "needs 2 to 10 steps, this one has 0"),
        ({"exclusions": ("refund",)}, "'refund' is not an exclusion. Write it as Exclusion"),
        ({"exclusions": None}, "'None' is not an exclusion"),
        ({"filters": ("new",)}, "'new' is not a filter"),
        ({"period": "2026-03"}, "'2026-03' is not a period"),
        ({"segment": "new users"}, "'new users' is not a segment"),
        ({"top": "three"}, "at least 1 group, not three"),
        ({"top": None}, "at least 1 group, not None"),
    ],
)
def test_what_is_no_funnel_is_refused_when_built(options: dict, sentence: str):
    asked = {"steps": ("visit", "order"), "period": SPRING, "window_seconds": DAY, **options}
    with pytest.raises(QueryError, match=sentence):
        FunnelQuery(**asked)


def test_one_condition_stands_for_a_list_of_one():
    paid, refund = Filter("value", "gt", 0), Exclusion("refund", 1, 2)
    alone = Step("order", filters=paid)
    assert alone == Step("order", filters=(paid,))
    assert FunnelQuery(("visit", alone), SPRING, DAY, exclusions=refund).exclusions == (refund,)
    with pytest.raises(QueryError, match="'paid' is not a filter"):
        Step("order", filters=("paid",))
