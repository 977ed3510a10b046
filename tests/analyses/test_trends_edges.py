"""Trends where a naive count goes wrong: months of different length, pasts that the data lacks, targets long over."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ops_core import Filter, Period, Segment, Workspace
from ops_core.analyses import trends
from ops_core.analyses.trends import OTHER, Series, Target, TrendsQuery
from ops_core.charts import trends as charts
from ops_core.errors import QueryError
from ops_core.locale import translator
from tests.support import workspace_of

TOTAL = Series(None, "total")
USERS = Series(None, "users")


def daily(first: str, days: int, times: Callable[[dt.date], int] = lambda day: 1) -> list[tuple]:
    """Rows of one user, `times(day)` a day."""
    start = dt.date.fromisoformat(first)
    dates = [start + dt.timedelta(days=number) for number in range(days)]
    return [("a", "view", f"{day} 10:{place:02d}") for day in dates for place in range(times(day))]


@pytest.fixture(scope="module")
def growing() -> Workspace:
    # A view a day in January, two in February, three in March.
    return workspace_of(daily("2026-01-01", 90, lambda day: day.month), as_of="2026-04-01")


def test_before_march_comes_february_in_points_and_in_totals(growing: Workspace):
    found = trends.analyze(growing, TrendsQuery(TOTAL, Period("2026-03-01", "2026-04-01"), "month", compare="previous"))
    point, total = found.points.set_index("bucket").loc["2026-03-01"], found.totals.iloc[0]
    assert point["compare_bucket"] == pd.Timestamp("2026-02-01")
    # 31 days of three, 28 days of two
    assert (point["value"], point["compare_value"]) == (93, 56)
    assert (total["value"], total["compare_value"]) == (93, 56)


def test_a_shorter_period_to_compare_with_is_taken_whole_and_no_longer(growing: Workspace):
    february = Period("2026-02-01", "2026-03-01")
    found = trends.analyze(growing, TrendsQuery(TOTAL, Period("2026-03-01", "2026-04-01"), "day", compare=february))
    points = found.points.set_index("bucket")["compare_value"]
    assert points["2026-03-28"] == 2
    assert points["2026-03-29":].isna().all(), "February has no 29th to compare with"
    assert found.totals.iloc[0]["compare_value"] == 56


def test_a_year_earlier_is_the_same_month(growing: Workspace):
    rows = daily("2025-02-01", 28, lambda day: 1) + daily("2026-02-01", 28, lambda day: 2)
    with workspace_of(rows, as_of="2026-03-01") as workspace:
        query = TrendsQuery(TOTAL, Period("2026-02-01", "2026-03-01"), "month", compare="year")
        total = trends.analyze(workspace, query).totals.iloc[0]
    assert (total["value"], total["compare_value"]) == (56, 28)


@pytest.mark.parametrize("settings", [{"rolling_buckets": 7}, {"cumulative": True}])
def test_a_comparison_that_reaches_back_before_the_data_is_unknown(settings: dict):
    with workspace_of(daily("2026-03-02", 28, lambda day: 5), as_of="2026-03-30") as workspace:
        query = TrendsQuery(TOTAL, Period("2026-03-16", "2026-03-30"), "day", compare="previous", **settings)
        points = trends.analyze(workspace, query).points
        # The period before begins with the data: rolling values of its first six days would lack days.
        known = points.loc[points["in_period"], "compare_value"].notna().tolist()
        assert known == ([False] * 6 + [True] * 8 if "rolling_buckets" in settings else [True] * 14)
        assert (points["relative"].dropna() == 0).all()
        earlier = replace(query, period=Period("2026-03-10", "2026-03-24"))
        if settings.get("cumulative"):
            assert trends.analyze(workspace, earlier).points["compare_value"].isna().all()


def test_the_values_told_apart_are_those_of_the_segment():
    # Twenty free users in each of the cities A to E, five paying ones in F.
    users = [(f"{city}{number}", city, "free") for city in "ABCDE" for number in range(20)]
    users += [(f"F{number}", "F", "pro") for number in range(5)]
    frame = pd.DataFrame(
        [(user, "view", "2026-03-03 10:00", city, plan) for user, city, plan in users],
        columns=["user_id", "event", "occurred_at", "user.city", "user.plan"],
    )
    pro = Segment("pro", (Filter("user.plan", "eq", "pro"),))
    with workspace_of(frame, as_of="2026-03-09") as workspace:
        query = TrendsQuery(USERS, Period("2026-03-02", "2026-03-09"), "week", breakdown="user.city", segment=pro)
        totals = trends.analyze(workspace, query).totals
    assert dict(zip(totals["group"], totals["value"], strict=True)) == {"F": 5}
    assert OTHER not in set(totals["group"])


def test_amounts_that_began_later_do_not_forbid_the_comparison():
    rows = [("a", "buy", f"2026-03-{day:02d} 10:00", None, float(day) if day > 14 else np.nan) for day in range(1, 31)]
    frame = pd.DataFrame(rows, columns=["user_id", "event", "occurred_at", "value", "price"]).assign(never=np.nan)
    with workspace_of(frame, as_of="2026-03-31") as workspace:
        query = TrendsQuery(Series("buy", "sum", "price"), Period("2026-03-15", "2026-03-29"), "day")
        alone = trends.analyze(workspace, query).totals.iloc[0]["value"]
        compared = trends.analyze(workspace, replace(query, compare="previous")).totals.iloc[0]
        assert compared["value"] == alone == sum(range(15, 29))
        with pytest.raises(QueryError, match="never"):
            trends.analyze(workspace, replace(query, series=(Series("buy", "sum", "never"),)))


@pytest.mark.parametrize(
    "wrong", [{"compare": ("2026-02-01", "2026-03-01")}, {"rolling_buckets": 2.5}, {"rolling_buckets": "7"}]
)
def test_settings_of_a_wrong_kind_are_refused_in_words(wrong: dict):
    with pytest.raises(QueryError):
        TrendsQuery(TOTAL, Period("2026-03-01", "2026-04-01"), **wrong)


@pytest.mark.parametrize("series", [USERS, TOTAL])
@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (Period("2026-01-01", "2026-02-01"), None),  # before the data
        (Period("2026-03-01", "2026-04-01"), {"users": None, "total": 28}),  # the month begins before the data
        (Period("2026-03-10", "2026-03-15"), {"users": 1, "total": 5}),
    ],
)
def test_a_target_whose_period_is_over_holds_its_result_or_nothing(series: Series, target: Period, expected):
    grain = "month" if target.first_date.day == 1 else "day"
    with workspace_of(daily("2026-03-04", 28), as_of="2026-04-01") as workspace:
        query = TrendsQuery(series, Period("2026-03-04", "2026-04-01"), grain, target=Target(5, target))
        result = trends.analyze(workspace, query)
        outlook, wanted = result.outlook, expected and expected[series.measure]
        assert outlook.reason == ("short_past" if wanted is None else "period_over")
        assert outlook.expected == pytest.approx(np.nan if wanted is None else wanted, nan_ok=True)
        charts.draw_outlook(outlook, result, translator("en"))
