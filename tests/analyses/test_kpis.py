"""Weekly figures: a week worked out by hand, the same figures counted with sets, and what counts as unusual."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from ops_core import Filter, Segment, Workspace
from ops_core.analyses import kpis
from ops_core.analyses.stages import StageRules
from ops_core.errors import QueryError
from tests.oracles.random_events import random_events
from tests.support import workspace_of


def test_a_week_worked_out_by_hand():
    # Weeks start on Monday: 2, 9, 16 March 2026. Data from 2 March, as-of 23 March: the week of the 16th is the last.
    rows = [
        ("old", "open", "2026-03-02 10:00"), ("old", "open", "2026-03-16 10:00"),
        # First seen in the week of the 9th: ann is active again on her 7th day (activated, and back in the week after),
        # bob on his 8th only (back, not activated), cy never again.
        ("ann", "open", "2026-03-10 10:00"), ("ann", "open", "2026-03-16 10:00"),
        ("bob", "open", "2026-03-09 10:00"), ("bob", "open", "2026-03-17 10:00"),
        ("cy", "open", "2026-03-15 23:59"),
        # The week of the 16th: dan is new and pays 30, gets 10 back; old pays 5 and gets 5 back: not a paying user.
        ("dan", "pay", "2026-03-18 10:00", 30), ("dan", "refund", "2026-03-19 10:00", -10),
        ("old", "pay", "2026-03-18 10:00", 5), ("old", "refund", "2026-03-20 10:00", -5),
    ]  # fmt: skip
    with workspace_of(rows, as_of="2026-03-23") as workspace:
        found = kpis.analyze(workspace, kpis.KpiQuery())
    assert found.week == dt.date(2026, 3, 16)
    tile = found.tiles.set_index("kpi")
    assert tile["value"].to_dict() == pytest.approx(
        {
            "active_users": 4,  # old, ann, bob, dan
            "new_users": 1,  # dan
            "activation": 1 / 3,  # ann of ann, bob, cy
            "week1_retention": 2 / 3,  # ann and bob of the three
            "revenue": 20,  # 30 − 10 + 5 − 5
            "paying_users": 1,
            "revenue_per_payer": 20,
            # active days: old 16, 18, 20; ann 16; bob 17; dan 18, 19: seven, so 1 user on the mean day of 4
            "stickiness": 1 / 4,
        }
    )
    assert tile.loc["active_users", "previous"] == 3
    assert tile.loc["new_users", "change"] == -2
    assert tile.loc["new_users", "relative"] == pytest.approx(-2 / 3)
    assert (tile.loc["week1_retention", "numerator"], tile.loc["week1_retention", "denominator"]) == (2, 3)
    # With two weeks of history nothing can be called unusual.
    assert not tile["is_unusual"].any()
    assert tile["usual_low"].isna().all()
    # Nobody can tell who was new in the week of the data's first day.
    assert np.isnan(found.series["new_users"].iloc[0])


def test_activation_is_what_the_stage_rules_say():
    # Weeks start on Monday: of the three first seen in the week of the 9th, ann and bob have a second active day, cy
    # alone pays within 7 days; bob pays on his 8th.
    rows = [
        ("old", "open", "2026-03-02 10:00"), ("old", "open", "2026-03-16 10:00"),
        ("ann", "open", "2026-03-09 10:00"), ("ann", "open", "2026-03-10 10:00"),
        ("bob", "open", "2026-03-09 10:00"), ("bob", "open", "2026-03-10 10:00"), ("bob", "pay", "2026-03-16 10:00", 9),
        ("cy", "open", "2026-03-11 10:00"), ("cy", "pay", "2026-03-11 11:00", 9),
    ]  # fmt: skip
    with workspace_of(rows, as_of="2026-03-23") as workspace:
        assert kpis.analyze(workspace, kpis.KpiQuery()).tile("activation")["value"] == pytest.approx(2 / 3)
        StageRules(activation_event="pay").keep(workspace)
        assert kpis.analyze(workspace, kpis.KpiQuery()).tile("activation")["value"] == pytest.approx(1 / 3)


@pytest.mark.parametrize(("zone", "week_start"), [("UTC", "monday"), ("America/New_York", "sunday")])
def test_agrees_with_counting_sets(zone: str, week_start: str):
    frame = random_events(seed=3, start=dt.datetime(2026, 1, 1), days=90, n_users=80, n_events=1500)
    local = frame["occurred_at"].dt.tz_localize("UTC").dt.tz_convert(zone)
    day = local.dt.date
    shift = {"monday": 0, "sunday": 1}[week_start]
    week = day.map(lambda one: one - dt.timedelta(days=(one.weekday() + shift) % 7))
    with workspace_of(frame, time_zone=zone, week_start=week_start) as workspace:
        found = kpis.analyze(workspace, kpis.KpiQuery())
    first_day = day.groupby(frame["user_id"]).min()
    first_week = week.groupby(frame["user_id"]).min()
    for row in found.series.itertuples():
        start = row.week.date()
        here = frame[week == start]
        active = set(here["user_id"])
        assert row.active_users == len(active)
        spent = here.groupby("user_id")["value"].sum(min_count=1)
        assert row.revenue == pytest.approx(spent.sum(), abs=1e-6)
        assert row.paying_users == (spent > 0).sum()
        per_day = here["user_id"].groupby(day[week == start]).nunique()
        assert row.stickiness == pytest.approx(per_day.sum() / 7 / len(active))
        if start > first_week.min():
            assert row.new_users == (first_week == start).sum()
        before = start - dt.timedelta(days=7)
        cohort = set(first_week[first_week == before].index)
        if before > first_week.min() and cohort:
            assert row.week1_retention == pytest.approx(len(cohort & active) / len(cohort))
            early = {
                user
                for user in cohort
                if len({d for d in day[frame["user_id"] == user] if (d - first_day[user]).days < 7}) >= 2
            }
            assert row.activation == pytest.approx(len(early) / len(cohort))


def _steady(n_weeks: int, last: int) -> list[tuple[str, str, str]]:
    """100 or 101 users a week by turns, `last` in the last one."""
    monday = dt.date(2026, 1, 5)
    sizes = [100 + number % 2 for number in range(n_weeks - 1)] + [last]
    return [
        (f"u{user}", "open", (monday + dt.timedelta(weeks=number)).isoformat())
        for number, size in enumerate(sizes)
        for user in range(size)
    ]


@pytest.mark.parametrize(
    ("n_weeks", "last", "is_unusual"),
    [
        (
            14,
            130,
            False,
        ),  # +30 %, yet two Poisson counts of 100 and 130 differ by 3 × √(1/100 + 1/130) = 40 % by chance
        (14, 160, True),  # ln 1.6 = 0.47 is outside 3 × √(1/100 + 1/160) = 0.38
        (14, 60, True),  # ln 0.6 = −0.51 is outside 3 × √(1/100 + 1/60) = 0.49
        (9, 160, False),  # 7 earlier changes: too few to know what is normal
        (10, 160, True),  # 8 earlier changes
    ],
)
def test_unusual_needs_history_and_more_than_chance(n_weeks: int, last: int, is_unusual: bool):
    end = dt.date(2026, 1, 5) + dt.timedelta(weeks=n_weeks)
    with workspace_of(_steady(n_weeks, last), as_of=end.isoformat()) as workspace:
        tile = kpis.analyze(workspace, kpis.KpiQuery()).tile("active_users")
    assert tile["value"] == last
    assert bool(tile["is_unusual"]) == is_unusual


@pytest.mark.parametrize(
    ("before", "is_unusual"),
    [
        (2, False),  # none counts as half a user: ln(0.5 / 2) = −1.39, within 3 × √(1/1 + 1/1) = 4.2 of two counts of 1
        (100, True),  # ln(0.5 / 100) = −5.3 is outside 3 × √(1/50 + 1/50) = 0.6
    ],
)
def test_the_last_few_of_a_count_may_stay_away_by_chance(before: int, is_unusual: bool):
    rows = _steady(14, before)  # the last week but one: its two users, or as many as ever
    end = dt.date(2026, 1, 5) + dt.timedelta(weeks=15)
    with workspace_of(rows, as_of=end.isoformat()) as workspace:
        tile = kpis.analyze(workspace, kpis.KpiQuery()).tile("active_users")
    assert (tile["previous"], tile["value"], tile["relative"]) == (before, 0, -1)
    assert bool(tile["is_unusual"]) == is_unusual


def test_the_running_week_never_enters():
    rows = [*_steady(4, 100), ("late", "open", "2026-02-03")]
    with workspace_of(rows, as_of="2026-02-05") as workspace:
        found = kpis.analyze(workspace, kpis.KpiQuery())
        earlier = kpis.analyze(workspace, kpis.KpiQuery(until=dt.date(2026, 1, 22)))
    assert found.week == dt.date(2026, 1, 26)
    assert earlier.week == dt.date(2026, 1, 12)
    assert not found.has_revenue
    assert np.isnan(found.tile("revenue")["value"])


def test_segments_and_refusals():
    frame = random_events(seed=9, start=dt.datetime(2026, 1, 5), days=40)
    chosen = Segment("shop", (Filter("user.channel", "eq", "shop"),))
    with workspace_of(frame) as everybody, workspace_of(frame[frame["user.channel"] == "shop"]) as alone:
        until = kpis.analyze(everybody, kpis.KpiQuery()).week
        found = kpis.analyze(everybody, kpis.KpiQuery(segment=chosen, until=until))
        expected = kpis.analyze(alone, kpis.KpiQuery(until=until))
    columns = ["active_users", "revenue", "paying_users", "stickiness"]
    joined = found.series.merge(expected.series, on="week", suffixes=("", "_alone"))
    assert len(joined) >= 2
    for column in columns:
        np.testing.assert_allclose(joined[column], joined[f"{column}_alone"])
    rows = [("ann", "open", "2026-03-03"), ("ann", "open", "2026-03-05")]
    with workspace_of(rows) as workspace, pytest.raises(QueryError, match="no complete week"):
        kpis.analyze(workspace, kpis.KpiQuery())


def test_what_no_week_answers_is_said():
    # Data from Monday 2 March on, complete until 23 March: the first whole week ends on 9 March.
    rows = [("ann", "open", f"2026-03-{day:02d} 12:00") for day in (2, 9, 22)]
    with workspace_of(rows, as_of="2026-03-23") as workspace:
        assert kpis.analyze(workspace, kpis.KpiQuery(until="2026-03-09")).week == dt.date(2026, 3, 2)
        with pytest.raises(QueryError, match="begin on 2026-03-02, so no complete week ends by 2026-03-08"):
            kpis.analyze(workspace, kpis.KpiQuery(until="2026-03-08"))
    with pytest.raises(QueryError, match="A history of 0 weeks"):
        kpis.KpiQuery(weeks=0)


def test_a_rise_from_below_nothing_is_a_rise():
    rows = [("a", "refund", "2026-03-02 10:00", -100), ("a", "pay", "2026-03-10 10:00", 50)]
    with workspace_of(rows, as_of="2026-03-16") as workspace:
        tile = kpis.analyze(workspace, kpis.KpiQuery()).tile("revenue")
    # 50 after −100: 150 more, one and a half times the size of what was there
    assert (tile["change"], tile["relative"]) == (150, 1.5)


def test_first_days_that_the_data_lacks_activate_nobody_and_are_not_counted():
    # They signed up in the week before the data begins; most of their first seven days are not in it.
    events = pd.DataFrame([(f"u{n}", "open", "2026-03-02 10:00") for n in range(30)], columns=["user", "event", "time"])
    users = pd.DataFrame({"user": [f"u{n}" for n in range(30)], "signup_at": ["2026-02-25 10:00"] * 30})
    with Workspace.memory() as workspace:
        workspace.load(events)
        workspace.load(users)
        workspace.load(events.assign(time="2026-03-09 10:00"))
        tile = kpis.analyze(workspace, kpis.KpiQuery(until="2026-03-09")).tile("activation")
    assert np.isnan(tile["value"])
