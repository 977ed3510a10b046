"""The demo holds what it promises: each planted truth is found again inside the interval of its estimate."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from ops_core import demo
from ops_core.demo import TRUTHS
from ops_core.demo.truths import EVENTS, PLATFORMS
from ops_core.model.intervals import difference_of_shares, wilson


@pytest.fixture(scope="module")
def tables() -> demo.DemoFrames:
    return demo.frames("en")


@pytest.fixture(scope="module")
def orders(tables: demo.DemoFrames) -> pd.DataFrame:
    """One row per order placed: user_id, placed (time), paid, platform."""
    placed = tables.events[tables.events["event"] == "submit_order"].set_index("order_id")
    paid = tables.events.loc[tables.events["event"] == "pay", "order_id"]
    platform = tables.users.set_index("user_id")["platform"]
    return pd.DataFrame(
        {
            "user_id": placed["user_id"],
            "placed": placed["occurred_at"],
            "paid": placed.index.isin(paid),
            "platform": placed["user_id"].map(platform),
        }
    )


def holds(truth: float, successes: float, n: float) -> bool:
    low, high = wilson(successes, n, level=0.99)
    return bool(low <= truth <= high)


def during(times: pd.Series, start: dt.date, end: dt.date) -> pd.Series:
    return (times >= pd.Timestamp(start)) & (times < pd.Timestamp(end))


def test_size_and_time(tables: demo.DemoFrames):
    users, events = tables.users, tables.events
    assert len(users) == users["user_id"].nunique() == TRUTHS.n_users
    assert 950_000 < len(events) < 1_050_000
    assert set(events["event"]) == set(EVENTS)
    assert events["occurred_at"].is_monotonic_increasing
    assert events["occurred_at"].min() >= pd.Timestamp(TRUTHS.first_day)
    assert events["occurred_at"].max() < pd.Timestamp(TRUTHS.as_of)
    # 26 whole weeks from a Monday, then Monday and Tuesday of the partial one.
    assert TRUTHS.first_day.weekday() == 0
    assert divmod(TRUTHS.n_days, 7) == (26, 2)


def test_both_languages_tell_the_same_story(tables: demo.DemoFrames):
    chinese = demo.frames("zh")
    assert np.array_equal(chinese.events["occurred_at"], tables.events["occurred_at"])
    assert np.array_equal(chinese.events["value"], tables.events["value"], equal_nan=True)
    names = {demo.word("en", "event", event): demo.word("zh", "event", event) for event in EVENTS}
    assert (tables.events["event"].map(names) == chinese.events["event"]).all()
    assert (tables.users["user_id"] == chinese.users["user_id"]).all()
    assert set(chinese.users.columns) == {"user_id", "signup_at", "渠道", "平台", "会员等级", "城市"}


def test_nobody_acts_before_signing_up(tables: demo.DemoFrames):
    signup = tables.events["user_id"].map(tables.users.set_index("user_id")["signup_at"])
    assert (tables.events["occurred_at"] >= signup).all()


def test_a_chain_runs_forward(tables: demo.DemoFrames):
    placed, paid, refunded = (
        tables.events[tables.events["event"] == event].set_index("order_id")
        for event in ("submit_order", "pay", "request_refund")
    )
    assert placed.index.is_unique
    assert set(refunded.index) < set(paid.index) < set(placed.index)
    assert (paid["occurred_at"] >= placed["occurred_at"].loc[paid.index]).all()
    assert (refunded["value"] == -paid["value"].loc[refunded.index]).all()


@pytest.mark.parametrize("platform", PLATFORMS)
def test_pay_rate(orders: pd.DataFrame, platform: str):
    usual = ~during(orders["placed"], TRUTHS.incident_start, TRUTHS.incident_end)
    mine = orders[usual & (orders["platform"] == demo.word("en", "platform", platform))]
    # Payments of the last evening may still be on their way.
    mine = mine[mine["placed"] < pd.Timestamp(TRUTHS.as_of) - pd.Timedelta(days=1)]
    assert holds(TRUTHS.pay_rate[platform], mine["paid"].sum(), len(mine))


def test_payment_incident_hits_one_platform(orders: pd.DataFrame):
    mine = orders[during(orders["placed"], TRUTHS.incident_start, TRUTHS.incident_end)]
    assert (TRUTHS.incident_end - TRUTHS.incident_start).days == 14
    for platform in PLATFORMS:
        hit = platform == TRUTHS.incident_platform
        truth = TRUTHS.incident_pay_rate if hit else TRUTHS.pay_rate[platform]
        here = mine[mine["platform"] == demo.word("en", "platform", platform)]
        assert holds(truth, here["paid"].sum(), len(here)), platform


@pytest.mark.parametrize("with_tour", [False, True])
def test_next_day_return(tables: demo.DemoFrames, with_tour: bool):
    day = tables.users["signup_at"].dt.normalize()
    tour, last = pd.Timestamp(TRUTHS.tour_start), pd.Timestamp(TRUTHS.as_of) - pd.Timedelta(days=1)
    cohort = tables.users[
        (day >= tour) & (day < last) if with_tour else during(day, TRUTHS.first_day, TRUTHS.tour_start)
    ]
    done = tables.events[tables.events["event"] != "push_delivered"]
    active = pd.MultiIndex.from_arrays([done["user_id"], done["occurred_at"].dt.normalize()]).unique()
    next_day = cohort["signup_at"].dt.normalize() + pd.Timedelta(days=1)
    returned = pd.MultiIndex.from_arrays([cohort["user_id"], next_day]).isin(active).sum()
    truth = TRUTHS.next_day_return_with_tour if with_tour else TRUTHS.next_day_return
    assert holds(truth, returned, len(cohort))


def test_festival_week(tables: demo.DemoFrames):
    opened = tables.events[tables.events["event"] == "open_app"]
    # A day is an active one or not, so days are counted, not visits; the growth of the neighbours cancels out.
    days = opened.assign(day=opened["occurred_at"].dt.normalize()).drop_duplicates(["user_id", "day"])
    settled = days["user_id"].map(tables.users.set_index("user_id")["signup_at"]) < pd.Timestamp("2026-06-01")
    week = pd.Timedelta(days=7)
    n_before, n_during, n_after = (
        during(days.loc[settled, "day"], TRUTHS.festival_start + shift, TRUTHS.festival_end + shift).sum()
        for shift in (-week, 0 * week, week)
    )
    lift = n_during / ((n_before + n_after) / 2)
    # Delta method for a ratio of counts; users differ, which the factor for overdispersion allows for.
    error = lift * np.sqrt(2 * (1 / n_during + 1 / (n_before + n_after)))
    assert abs(lift - TRUTHS.festival_lift) < 2.58 * error


@pytest.mark.parametrize(("campaign", "lift"), [("coupon", TRUTHS.coupon_lift), ("button", TRUTHS.button_lift)])
def test_campaign_lift(tables: demo.DemoFrames, campaign: str, lift: float):
    assigned = tables.assignments[tables.assignments["experiment"] == demo.word("en", "experiment", campaign)]
    pays = tables.events[tables.events["event"] == "pay"].merge(assigned, on="user_id")
    window = pd.Timedelta(days=TRUTHS.campaign_window_days)
    inside = (pays["occurred_at"] > pays["assigned_at"]) & (pays["occurred_at"] <= pays["assigned_at"] + window)
    paid = assigned["user_id"].isin(pays.loc[inside, "user_id"])
    treated = assigned["variant"] != demo.word("en", "variant", "control")
    assert abs(treated.sum() - (~treated).sum()) <= 1
    found = difference_of_shares(paid[treated].sum(), treated.sum(), paid[~treated].sum(), (~treated).sum())
    assert found.low <= lift <= found.high
    assert (found.low > 0) == (lift > 0)


def test_refunds(tables: demo.DemoFrames):
    last_refundable = pd.Timestamp(TRUTHS.as_of) - pd.Timedelta(days=TRUTHS.refund_days[1])
    paid = tables.events[(tables.events["event"] == "pay") & (tables.events["occurred_at"] < last_refundable)]
    refunded = tables.events.loc[tables.events["event"] == "request_refund", "order_id"]
    assert holds(TRUTHS.refund_rate, paid["order_id"].isin(refunded).sum(), len(paid))


def test_the_shop_grows(tables: demo.DemoFrames):
    week = (tables.events["occurred_at"] - pd.Timestamp(TRUTHS.first_day)).dt.days // 7
    active = tables.events[tables.events["event"] != "push_delivered"].groupby(week)["user_id"].nunique()
    assert active[25] > 2 * active[0]
