"""Life cycle, stages and stickiness: tables worked out by hand, an oracle with sets, identities."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ops_core import Filter, Period, Segment
from ops_core.analyses import lifecycle, stickiness
from ops_core.engine import activity
from ops_core.errors import QueryError
from ops_core.model.time import day_number
from tests.oracles import lifecycle as oracle
from tests.oracles.random_events import random_events
from tests.oracles.retention import Row, later
from tests.support import workspace_of

FLOWS = ["new", "returning", "resurrected", "newly_dormant", "dormant_stock"]
WORLDS = [
    ("UTC", "monday", dt.datetime(2026, 2, 20)),
    ("Asia/Shanghai", "sunday", dt.datetime(2025, 12, 20)),
    ("America/New_York", "saturday", dt.datetime(2026, 2, 25)),
    ("Asia/Kathmandu", "monday", dt.datetime(2026, 1, 1)),
]


def test_flow_worked_out_by_hand():
    # Days:  1  2  3  4     day 3: ann went away on day 2 and is back: resurrected. bob stays until day 3: returning.
    # ann    x  .  x  .     cy is new on day 3. Nobody is newly dormant on day 3 (bob, the only one active on day 2,
    # bob    x  x  x  .     stayed). Day 4: all three went: 3 newly dormant, dan is new.
    # cy     .  .  x  .     dormant stock day 2: ann; day 4: ann, bob, cy.
    # dan    .  .  .  x
    marks = {"ann": [1, 3], "bob": [1, 2, 3], "cy": [3], "dan": [4]}
    rows = [(user, "open", f"2026-03-0{day} 12:00") for user, days in marks.items() for day in days]
    with workspace_of(rows, as_of="2026-03-05") as workspace:
        query = lifecycle.LifecycleQuery(Period("2026-03-01", "2026-03-05"), "day")
        flow = lifecycle.analyze(workspace, query).flow
    assert flow[FLOWS].to_numpy().tolist() == [[2, 0, 0, 0, 0], [0, 1, 0, 1, 1], [1, 1, 1, 0, 0], [1, 0, 0, 3, 3]]
    assert flow["active"].tolist() == [2, 1, 3, 1]
    assert flow["partial"].tolist() == [False] * 4
    # quick ratio: day 2: 0 ÷ 1; days 1 and 3: nobody went; day 4: 1 ÷ 3.
    np.testing.assert_allclose(flow["quick_ratio"], [np.nan, 0, np.nan, 1 / 3])
    assert flow["left_censored"].tolist() == [True, False, False, False]


def test_the_period_does_not_make_anybody_new():
    rows = [("ann", "open", "2026-03-01"), ("ann", "open", "2026-03-03"), ("bob", "open", "2026-03-02")]
    with workspace_of(rows, as_of="2026-03-04") as workspace:
        query = lifecycle.LifecycleQuery(Period("2026-03-03", "2026-03-04"), "day")
        flow = lifecycle.analyze(workspace, query).flow
    # Only day 3 is asked for: ann was there on day 1, so she is resurrected; bob, active on day 2, is newly dormant.
    assert flow[FLOWS].to_numpy().tolist() == [[0, 0, 1, 1, 1]]


def test_midnight_and_the_clock_change_are_the_reporting_zone_s():
    # New York, 8 March 2026: clocks go forward. 04:30 UTC is still the 7th (23:30 EST); 03:30 UTC on the 9th is the 8th
    # (23:30 EDT). Both users are active on one local day each.
    rows = [("ann", "open", "2026-03-08 04:30"), ("bob", "open", "2026-03-09 03:30")]
    with workspace_of(rows, time_zone="America/New_York", as_of="2026-03-10 04:00") as workspace:
        query = lifecycle.LifecycleQuery(Period("2026-03-07", "2026-03-10"), "day")
        flow = lifecycle.analyze(workspace, query).flow
    assert flow["active"].tolist() == [1, 1, 0]
    assert flow["partial"].tolist() == [False] * 3


def test_a_bucket_that_ends_after_as_of_is_partial():
    rows = [("ann", "open", "2026-03-02"), ("ann", "open", "2026-03-11")]
    with workspace_of(rows, as_of="2026-03-12") as workspace:
        result = lifecycle.analyze(workspace, lifecycle.LifecycleQuery(Period("2026-03-01", "2026-03-20"), "week"))
    assert result.flow["partial"].tolist() == [False, False, True, True]
    assert len(result.complete) == 2


@pytest.mark.parametrize("grain", ["day", "week", "month", "quarter"])
@pytest.mark.parametrize(("zone", "week_start", "start"), WORLDS)
@pytest.mark.parametrize("event", [None, "buy"])
def test_agrees_with_counting_sets(grain: str, zone: str, week_start: str, start: dt.datetime, event: str | None):
    days = {"day": 40, "week": 120, "month": 400, "quarter": 900}[grain]
    frame = random_events(seed=days, start=start, days=days, n_events=350)
    rows = [Row(row.user_id, row.event, row.occurred_at.to_pydatetime()) for row in frame.itertuples()]
    active = oracle.active_sets([row for row in rows if event in (None, row.event)], zone, grain, week_start)
    with workspace_of(frame, time_zone=zone, week_start=week_start) as workspace:
        period = workspace.data_period()
        flow = lifecycle.analyze(workspace, lifecycle.LifecycleQuery(period, grain, event)).flow
        counted = stickiness.analyze(workspace, stickiness.StickinessQuery(period, grain, event))
    for row in flow.itertuples():
        expected = oracle.flow(active, row.bucket.to_pydatetime(), grain)
        assert {name: getattr(row, name) for name in FLOWS} == expected
    complete = [row.bucket.to_pydatetime() for row in flow.itertuples() if not row.partial]
    by_hand = oracle.buckets_active(active, complete)
    assert {row.buckets_active: row.users for row in counted.counts.itertuples() if row.users} == dict(by_hand)


@settings(max_examples=60, deadline=None)
@given(st.sets(st.tuples(st.integers(0, 5), st.integers(0, 12)), min_size=1), st.integers(0, 10), st.integers(1, 6))
def test_identities_hold_for_every_history(pairs: set[tuple[int, int]], first: int, length: int):
    rows = np.array(sorted(pairs), dtype=np.int32)
    history = activity.UserBuckets(rows[:, 0], rows[:, 1], np.ones(len(rows), dtype=np.int32))
    found = activity.flow(history, first, first + length)
    active = activity.active_in(history, first, first + length)
    assert (found.active == active).all()
    before = activity.active_in(history, first - 1, first + length - 1)
    assert (active == before - found.newly_dormant + found.new + found.resurrected).all()
    seen = np.array([len({user for user, bucket in pairs if bucket <= b}) for b in range(first, first + length)])
    assert (found.dormant_stock == seen - active).all()
    window = activity.rolling_active(history, 3, first, first + length)
    by_hand = [len({u for u, b in pairs if day - 3 < b <= day}) for day in range(first, first + length)]
    assert window.tolist() == by_hand


def test_segments_are_honoured():
    frame = random_events(seed=5, start=dt.datetime(2026, 1, 1), days=30)
    chosen = Segment("ads", (Filter("user.channel", "eq", "ads"),))
    only = frame[frame["user.channel"] == "ads"]
    period = Period("2026-01-01", "2026-01-29")
    with workspace_of(frame) as everybody, workspace_of(only) as alone:
        query = lifecycle.LifecycleQuery(period, "week", segment=chosen)
        without = lifecycle.LifecycleQuery(period, "week")
        found, expected = (
            lifecycle.analyze(everybody, query).flow[FLOWS],
            lifecycle.analyze(alone, without).flow[FLOWS],
        )
        stages_found = lifecycle.stages(everybody, segment=chosen).counts
        stages_expected = lifecycle.stages(alone, at=lifecycle.stages(everybody).at).counts
    assert found.equals(expected)
    assert stages_found.equals(stages_expected)


# Stages ------------------------------------------------------------------------------------------------------------


def test_stages_worked_out_by_hand():
    # At the start of 1 April. "n days ago" = 1 April − day.
    days = {
        "new": ["03-30"],  # first seen 2 days ago, one active day: introduction
        "grown": ["03-20", "03-25"],  # second active day, last active 7 days ago, 2 days of the last 28: growth
        "mature": [f"03-{day:02d}" for day in range(18, 26)],  # 8 active days, last active 7 days ago: maturity
        "fading": ["02-01", "03-10"],  # last active 22 days ago: decline
        "gone": ["02-01", "03-03"],  # last active 29 days ago: churned
        "edge14": ["03-01", "03-18"],  # exactly 14 days ago: still growth
        "edge28": ["02-01", "03-04"],  # exactly 28 days ago: still decline
        "once": ["03-21"],  # one active day, first seen 11 days ago: it did not take, decline
    }
    rows = [(user, "open", f"2026-{day} 09:00") for user, its in days.items() for day in its]
    with workspace_of(rows, as_of="2026-04-01") as workspace:
        found = lifecycle.stages(workspace)
        stage_of = {user: stage for stage in lifecycle.STAGES for user in found.users(stage)}
        faded = found.users("decline", before="growth")
    assert stage_of == {
        "new": "introduction", "grown": "growth", "mature": "maturity", "fading": "decline", "gone": "churned",
        "edge14": "growth", "edge28": "decline", "once": "decline",
    }  # fmt: skip
    # A week before (25 March): "once" was first seen 4 days ago: introduction; "fading" was last active 15 days ago:
    # decline; nobody went from growth to decline. "edge28" was last active 21 days ago: decline then, too.
    assert faded == []
    moves = found.transitions.set_index(["from_stage", "to_stage"])["users"]
    assert moves["not_yet", "introduction"] == 1
    assert moves["introduction", "decline"] == 1
    assert moves["decline", "churned"] == 1
    assert found.counts["users"].tolist() == [1, 2, 1, 3, 1]


@pytest.mark.parametrize("seed", range(4))
def test_stages_agree_with_the_rules_read_one_by_one(seed: int):
    frame = random_events(seed=seed, start=dt.datetime(2026, 1, 1), days=70, n_users=60, n_events=700)
    with workspace_of(frame, as_of="2026-03-05") as workspace:
        found = lifecycle.stages(workspace)
        stage_of = {user: stage for stage in lifecycle.STAGES for user in found.users(stage)}
    days: dict[str, set[dt.date]] = {}
    for row in frame.itertuples():
        days.setdefault(row.user_id, set()).add(row.occurred_at.date())
    at = dt.date(2026, 3, 5)
    expected = {user: oracle.stage(min(its), its, at) for user, its in days.items() if min(its) < at}
    assert stage_of == expected
    moves, counts = found.transitions, found.counts.set_index("stage")
    assert moves.groupby("to_stage")["users"].sum().to_dict() == counts["users"].to_dict()
    from_before = moves[moves["from_stage"] != "not_yet"].groupby("from_stage")["users"].sum()
    assert from_before.to_dict() == counts["users_before"].to_dict()
    assert moves["users"].sum() == found.n_users


def test_an_activation_event_and_own_thresholds_count():
    rows = [("ann", "open", "2026-03-30"), ("ann", "pay", "2026-03-30"), ("bob", "open", "2026-03-30")]
    with workspace_of(rows, as_of="2026-04-10") as workspace:
        rules = lifecycle.StageRules(activation_event="pay")
        assert lifecycle.stages(workspace, at=dt.date(2026, 4, 1), rules=rules).users("growth") == ["ann"]
        sooner = lifecycle.stages(workspace, rules=rules.with_(active_days=5, churn_days=9))
        assert sooner.counts["users"].tolist() == [0, 0, 0, 0, 2]
        with pytest.raises(QueryError, match=r"30 < 28"):
            lifecycle.StageRules(active_days=30)
        with pytest.raises(QueryError, match="no stage 'grown'"):
            lifecycle.stages(workspace).users("grown")


def test_churn_threshold_is_the_90th_percentile_of_own_gaps():
    # One user active on days 0, 1, …, 29 (gaps of 1) and then after 5, 10 and 20 days: 29 ones, 5, 10, 20.
    # 32 gaps; the 90th percentile lies at place 0.9 · 31 = 27.9 of the sorted gaps (from 0): 1.
    days = [*range(30), 34, 44, 64]
    start = dt.date(2026, 1, 1)
    rows = [("ann", "open", (start + dt.timedelta(days=day)).isoformat()) for day in days]
    with workspace_of(rows, as_of="2026-05-01") as workspace:
        found = lifecycle.suggest_churn_days(workspace)
        assert (found.days, found.n_gaps) == (1.0, 32)
        with pytest.raises(QueryError, match="at least 30"):
            lifecycle.suggest_churn_days(workspace, at=dt.date(2026, 1, 10))


# Stickiness --------------------------------------------------------------------------------------------------------


def test_stickiness_worked_out_by_hand():
    # Three complete days and a partial fourth. ann 3 of 3 days, bob 1, cy only on the partial day: left out.
    # mean of daily actives: (2 + 1 + 1) ÷ 3 = 4/3; active in the period: 2; stickiness 2/3.
    rows = [("ann", "open", f"2026-03-0{day} 08:00") for day in (1, 2, 3)]
    rows += [("bob", "open", "2026-03-01 08:00"), ("cy", "open", "2026-03-04 08:00")]
    with workspace_of(rows) as workspace:
        found = stickiness.analyze(workspace, stickiness.StickinessQuery(Period("2026-03-01", "2026-03-05"), "day"))
    assert found.counts[["buckets_active", "users", "users_at_least"]].to_numpy().tolist() == [
        [1, 1, 2], [2, 0, 1], [3, 1, 1],
    ]  # fmt: skip
    assert (found.n_buckets, found.n_partial, found.n_active) == (3, 1, 2)
    assert found.mean_active == pytest.approx(4 / 3)
    assert found.stickiness == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("grain", "start", "n_buckets", "n_left_out"),
    [
        ("day", "2026-02-20", 2, 10),  # nine days before the data, the 1st and 2nd, and the 3rd, which has not ended
        ("hour", "2026-02-28", 48, 48),
        ("week", "2026-02-02", 1, 4),  # the data begin on a Sunday; that week is theirs, the three before are not
    ],
)
def test_buckets_before_the_data_are_nobody_s(grain: str, start: str, n_buckets: int, n_left_out: int):
    # ann comes on both days, bob on the second: mean of daily actives 3/2 of 2 users.
    rows = [(user, "open", f"2026-03-0{day} 08:00") for user, day in (("ann", 1), ("ann", 2), ("bob", 2))]
    with workspace_of(rows, as_of="2026-03-03") as workspace:
        found = stickiness.analyze(workspace, stickiness.StickinessQuery(Period(start, "2026-03-04"), grain))
        before = stickiness.analyze(workspace, stickiness.StickinessQuery(Period(start, "2026-03-01"), "day"))
    assert (found.n_buckets, found.n_partial) == (n_buckets, n_left_out)
    if grain == "day":
        assert found.stickiness == pytest.approx(3 / 4)
    assert (before.n_buckets, before.n_active) == (0, 0)
    assert np.isnan(before.stickiness)


def test_nobody_active_is_undefined_not_zero():
    with workspace_of([("ann", "open", "2026-03-01")], as_of="2026-03-20") as workspace:
        found = stickiness.analyze(workspace, stickiness.StickinessQuery(Period("2026-03-10", "2026-03-12"), "day"))
    assert found.n_active == 0
    assert np.isnan(found.stickiness)


def test_refusals_say_what_would_work():
    period = Period("2026-03-01", "2026-03-05")
    with pytest.raises(QueryError, match="Choose one of: hour, day, week, month, quarter"):
        lifecycle.LifecycleQuery(period, "year")
    with workspace_of([("ann", "open", "2026-03-01")]) as workspace:
        with pytest.raises(QueryError, match="open"):
            lifecycle.analyze(workspace, lifecycle.LifecycleQuery(period, "day", event="opne"))
        with pytest.raises(QueryError, match="at most 4000"):
            lifecycle.analyze(workspace, lifecycle.LifecycleQuery(Period("2000-01-01", "2020-01-01"), "day"))
    assert day_number(later(dt.datetime(2026, 1, 31), 1, "month").date()) == day_number(dt.date(2026, 2, 1))


def test_a_flow_of_the_events_that_pass_a_filter():
    # ann buys for 30 on day 1 and for 5 on day 2; bob for 5, then 40. From 20 on: ann is active on day 1, bob on day 2.
    buys = [("ann", "01", 30), ("ann", "02", 5), ("bob", "01", 5), ("bob", "02", 40)]
    rows = [(user, "buy", f"2026-03-{day} 12:00", value) for user, day, value in buys]
    large = Filter("value", "gte", 20)  # one condition needs no list around it
    with workspace_of(rows, as_of="2026-03-03") as workspace:
        query = lifecycle.LifecycleQuery(Period("2026-03-01", "2026-03-03"), "day", "buy", filters=large)
        flow = lifecycle.analyze(workspace, query).flow
    assert flow[FLOWS].to_numpy().tolist() == [[1, 0, 0, 0, 0], [1, 0, 0, 1, 1]]


def test_hours_are_buckets_like_any_other():
    # Kathmandu is 5:45 ahead: 03:10 UTC is 8:55 there, 03:15 is 9:00. ann: 8, 9 and 11 o'clock; bob: 9 o'clock.
    rows = [("ann", "open", f"2026-03-02 {time}") for time in ("03:10", "03:15", "05:20")]
    rows += [("bob", "open", "2026-03-02 03:50"), ("old", "open", "2026-03-01 12:00")]
    with workspace_of(rows, "Asia/Kathmandu", as_of="2026-03-03") as workspace:
        period = Period("2026-03-02 08:00", "2026-03-02 12:00")
        found = lifecycle.analyze(workspace, lifecycle.LifecycleQuery(period, "hour"))
        counts = stickiness.analyze(workspace, stickiness.StickinessQuery(period, "hour")).counts
    assert [f"{hour:%d %H:%M}" for hour in found.flow["bucket"]] == ["02 08:00", "02 09:00", "02 10:00", "02 11:00"]
    assert found.flow[FLOWS].to_numpy().tolist() == [[1, 0, 0, 0, 1], [1, 1, 0, 0, 1], [0, 0, 0, 2, 3], [0, 0, 1, 0, 2]]
    assert not found.flow[["partial", "left_censored"]].to_numpy().any()
    assert counts["users"].tolist() == [1, 0, 1, 0]


def test_an_hour_that_the_clock_skips_is_no_hour_away():
    # New York, 8 March: 1:59 is followed by 3:00. ann: 1:30 and 3:30; bob: 1:30 only; cy: 3:30 and 4:30.
    rows = [("ann", "open", f"2026-03-08 {time}") for time in ("06:30", "07:30")]
    rows += [
        ("bob", "open", "2026-03-08 06:30"),
        ("cy", "open", "2026-03-08 07:30"),
        ("cy", "open", "2026-03-08 08:30"),
    ]
    with workspace_of(rows, "America/New_York", as_of="2026-03-09") as workspace:
        period = Period("2026-03-08 01:00", "2026-03-08 05:00")
        found = lifecycle.analyze(workspace, lifecycle.LifecycleQuery(period, "hour"))
        later = lifecycle.analyze(
            workspace, lifecycle.LifecycleQuery(Period("2026-03-08 03:00", "2026-03-08 05:00"), "hour")
        )
    assert [f"{hour:%H:%M}" for hour in found.flow["bucket"]] == ["01:00", "03:00", "04:00"]
    assert found.flow[FLOWS].to_numpy().tolist() == [[2, 0, 0, 0, 0], [1, 1, 0, 1, 1], [0, 1, 0, 1, 2]]
    assert later.flow[FLOWS].to_numpy().tolist() == found.flow[FLOWS].to_numpy().tolist()[1:]
