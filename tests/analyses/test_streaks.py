"""Streaks and resurrection: runs and silences by hand, loops over random histories, identities."""

from __future__ import annotations

import datetime as dt
import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ops_core import Filter, Period
from ops_core.analyses import lifecycle, resurrection, stickiness, streaks
from ops_core.analyses.stickiness import StickinessQuery
from ops_core.errors import QueryError
from tests.oracles.random_events import random_events
from tests.oracles.retention import bucket_start
from tests.support import workspace_of

ROWS = [
    # Days 1–10 March; as-of is the 9th, so day 9 onwards is not complete.
    *[("ann", "open", f"2026-03-0{day}") for day in (1, 2, 3, 6, 7, 8)],  # 3 in a row twice, the second still running
    *[("bob", "open", f"2026-03-0{day}") for day in (2, 4, 5)],  # longest 2, over
    ("cat", "open", "2026-03-08"),  # 1, running
    ("dan", "open", "2026-03-09"),  # only in a bucket that is not over
    *[("eve", "open", day) for day in ("2026-02-27", "2026-02-28", "2026-03-01")],  # began before the period
]  # fmt: skip
PERIOD = Period("2026-03-01", "2026-03-11")


def test_streaks_by_hand():
    with workspace_of(ROWS, as_of="2026-03-09") as workspace:
        found = streaks.analyze(workspace, streaks.StreakQuery(PERIOD, "day"))
    assert (found.n_active, found.n_buckets, found.n_partial) == (4, 8, 2)
    counts = found.counts.set_index("length")
    # ann 3, bob 2, cat 1, eve 1 (inside the period)
    assert counts["users_longest"].tolist() == [0, 2, 1, 1, 0, 0, 0, 0, 0]
    assert counts["users_longest_at_least"].tolist()[:5] == [4, 4, 2, 1, 0]
    # ann 3, cat 1; bob and eve have none now
    assert counts["users_current"].tolist()[:5] == [2, 1, 0, 1, 0]
    assert counts["share_current"].tolist()[:2] == [0.5, 0.25]
    assert found.n_running == 2
    assert found.median_longest == 1.5
    assert found.n_cut == 1


def test_weeks_follow_the_workspace_and_filters_choose():
    with workspace_of(ROWS, as_of="2026-03-09") as workspace:
        week = streaks.analyze(workspace, streaks.StreakQuery(Period("2026-02-23", "2026-03-09"), "week"))
        none = streaks.analyze(workspace, streaks.StreakQuery(PERIOD, "day", filters=(Filter("value", "gt", 0),)))
        with pytest.raises(QueryError, match="open"):
            streaks.analyze(workspace, streaks.StreakQuery(PERIOD, "day", event="opne"))
    # ISO weeks of 23 February (ann, eve on Sunday 1 March) and of 2 March (ann, bob, cat).
    assert week.counts["users_longest"].tolist() == [0, 3, 1]
    assert none.n_active == 0
    assert np.isnan(none.median_longest)
    assert none.counts["share_longest"].isna().all()
    for bad in (streaks.StreakQuery, resurrection.ResurrectionQuery):
        with pytest.raises(QueryError, match="day, week, month, quarter"):
            bad(PERIOD, "hour")


def test_the_frequency_histogram_counts_only_events_that_pass():
    rows = [("ann", "buy", "2026-03-02", 5), ("ann", "buy", "2026-03-03", 0), ("bob", "buy", "2026-03-02", 0)]
    with workspace_of(rows, as_of="2026-03-05") as workspace:
        paid = StickinessQuery(Period("2026-03-02", "2026-03-04"), "day", filters=(Filter("value", "gt", 0),))
        everything = StickinessQuery(Period("2026-03-02", "2026-03-04"), "day")
        assert stickiness.analyze(workspace, paid).counts["users"].tolist() == [1, 0]
        assert stickiness.analyze(workspace, everything).counts["users"].tolist() == [1, 1]


def test_silences_by_hand():
    with workspace_of(ROWS, as_of="2026-03-09") as workspace:
        found = resurrection.analyze(workspace, resurrection.ResurrectionQuery(PERIOD, "day"))
    # Silences after a day of the period: ann 3→6 (2 silent days, ended); bob 2→4 (1, ended) and 5→ (3 so far);
    # eve 1→ (7 so far). ann's and cat's 8th is the last complete day: no silence yet.
    assert (found.n_silences, found.n_ended) == (4, 2)
    table = found.by_silence.set_index("silent_buckets")
    # After 1 silent day: 4 silences, bob's ends. After 2: ann, bob, eve; ann's ends. After 3: eve's only (bob's has
    # lasted 3 days, what follows is not over). 7: nobody is seen any further.
    assert table.loc[1:6, "silent"].tolist() == [4, 3, 1, 1, 1, 1]
    assert table.loc[1:3, "returned"].tolist() == [1, 1, 0]
    assert table.loc[1:3, "share"].tolist() == pytest.approx([1 / 4, 1 / 3, 0])
    # Still silent after 2: 3/4 · 2/3 = 1/2.
    assert table.loc[1:3, "back_by_then"].tolist() == pytest.approx([1 / 4, 1 / 2, 1 / 2])
    assert 7 not in table.index


def test_resurrected_by_bucket_is_growth_accounting():
    frame = random_events(3, dt.datetime(2026, 1, 1), 90)
    with workspace_of(frame, as_of="2026-03-20") as workspace:
        period = Period("2026-01-15", "2026-03-25")
        found = resurrection.analyze(workspace, resurrection.ResurrectionQuery(period, "week")).by_bucket
        flow = lifecycle.analyze(workspace, lifecycle.LifecycleQuery(period, "week")).flow
    assert found["resurrected"].tolist() == flow["resurrected"].tolist()
    assert found["dormant"].tolist()[1:] == flow["dormant_stock"].tolist()[:-1]
    assert found["partial"].tolist() == flow["partial"].tolist()
    assert (found["resurrected"] <= found["dormant"]).all()


@pytest.mark.parametrize(("zone", "week_start"), [("Asia/Shanghai", "sunday"), ("America/New_York", "monday"),
                                                  ("Asia/Kathmandu", "saturday")])  # fmt: skip
@pytest.mark.parametrize("grain", ["day", "week", "month"])
def test_random_histories_agree_with_loops(zone: str, week_start: str, grain: str):
    days = {"day": 30, "week": 120, "month": 400}[grain]
    frame = random_events(len(zone), dt.datetime(2026, 2, 20), days, n_users=25, n_events=250)
    with workspace_of(frame, time_zone=zone, week_start=week_start) as workspace:
        period = Period(
            dt.date(2026, 2, 20) + dt.timedelta(days=days // 5), dt.date(2026, 2, 20) + dt.timedelta(days=days - 1)
        )
        found = streaks.analyze(workspace, streaks.StreakQuery(period, grain))
        silent = resurrection.analyze(workspace, resurrection.ResurrectionQuery(period, grain)).by_silence
        first, end = lifecycle.bucket_range(workspace, period, grain)
        end = streaks.complete_until(workspace, grain, first, end)
        starts = pd.to_datetime(workspace.rules.index_start_day(np.arange(first - 60, end), grain), unit="D")
    number = {start: place + first - 60 for place, start in enumerate(starts)}
    per_user: dict[str, set[int]] = {}
    for row in frame.itertuples():
        start = bucket_start(row.occurred_at.to_pydatetime(), zone, grain, week_start)
        if start in number:
            per_user.setdefault(row.user_id, set()).add(number[pd.Timestamp(start)])
    longest, current, at_risk, ended = [], [], {}, {}
    for active in per_user.values():
        inside = sorted(one for one in active if one >= first)
        runs = [len(list(run)) for _, run in itertools.groupby(enumerate(inside), lambda pair: pair[1] - pair[0])]
        if inside:
            longest.append(max(runs))
            current.append(next(n for n in range(len(inside) + 1) if end - 1 - n not in inside))
        for bucket in inside:
            length = 1
            while bucket + length < end and bucket + length not in active:
                if bucket + length + 1 < end:  # the bucket after this many silent ones is over
                    at_risk[length] = at_risk.get(length, 0) + 1
                    ended[length] = ended.get(length, 0) + (bucket + length + 1 in active)
                length += 1
    assert found.counts["users_longest"].tolist() == [longest.count(n) for n in range(found.n_buckets + 1)]
    assert found.counts["users_current"].tolist() == [current.count(n) for n in range(found.n_buckets + 1)]
    assert dict(zip(silent["silent_buckets"], silent["silent"], strict=True)) == at_risk
    assert dict(zip(silent["silent_buckets"], silent["returned"], strict=True)) == ended


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 20)), min_size=1, max_size=40))
def test_identities_hold_for_every_history(pairs: list[tuple[int, int]]):
    start = dt.date(2026, 1, 1)
    rows = [(f"u{user}", "open", (start + dt.timedelta(days=day)).isoformat()) for user, day in pairs]
    with workspace_of(rows, as_of="2026-01-22") as workspace:
        period = Period("2026-01-01", "2026-01-22")
        found = streaks.analyze(workspace, streaks.StreakQuery(period, "day"))
        silent = resurrection.analyze(workspace, resurrection.ResurrectionQuery(period, "day"))
    counts = found.counts
    assert counts["users_longest"].sum() == counts["users_current"].sum() == found.n_active
    assert (counts["users_current_at_least"] <= counts["users_longest_at_least"]).all()
    assert silent.by_silence["returned"].sum() == silent.n_ended <= silent.n_silences
    back = silent.by_silence["back_by_then"].dropna().to_numpy()
    assert (np.diff(back) >= -1e-12).all()
