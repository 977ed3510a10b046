"""Funnels where other tools were once wrong: clocks that change, ids from another column, closed windows, repeats."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from ops_core import Period, QueryError, Workspace
from ops_core.analyses import funnel
from ops_core.analyses.funnel import Exclusion, FunnelQuery, Step
from tests.support import workspace_of

DAY = 86_400
MAY = Period("2026-05-01", "2026-06-01")


def counts(rows: list[tuple], steps: tuple, window: float = DAY, **options: object) -> list[int]:
    with workspace_of(rows, as_of="2027-01-01") as workspace:
        return funnel.analyze(workspace, FunnelQuery(steps, MAY, window, **options)).steps["users"].tolist()


def events(user: str, *parts: str) -> list[tuple]:
    """`events("ann", "view 10:00:00")` on 4 May."""
    return [(user, part.split()[0], f"2026-05-04 {part.split()[1]}") for part in parts]


@pytest.mark.parametrize("order", ["ordered", "strict", "unordered"])
@pytest.mark.parametrize(("paid_at", "converts"), [("2026-03-15 12:00:00", 1), ("2026-03-15 12:00:01", 0)])
def test_a_window_of_days_is_elapsed_time_also_where_clocks_change(order: str, paid_at: str, converts: int):
    # New York lost an hour on 8 March. 12:00 UTC on the 5th plus 10 × 86,400 s is 12:00 UTC on the 15th all the same.
    rows = [("ann", "trial", "2026-03-05 12:00:00"), ("ann", "pay", paid_at)]
    with workspace_of(rows, time_zone="America/New_York", as_of="2026-05-01") as workspace:
        query = FunnelQuery(("trial", "pay"), Period("2026-03-01", "2026-03-10"), 10 * DAY, order=order)
        found = funnel.analyze(workspace, query)
    assert found.steps["users"].tolist() == [1, converts]
    if converts:
        assert found.steps["mean_seconds"].iloc[1] == 10 * DAY


def test_a_funnel_of_companies_takes_their_id_for_the_user():
    # acme signs through one person and pays through another; what has no company is no step of any company.
    frame = pd.DataFrame(
        [
            ("ann", "sign", "2026-05-04 10:00", "acme"), ("bob", "pay", "2026-05-05 10:00", "acme"),
            ("ann", "sign", "2026-05-06 10:00", "bolt"), ("cid", "sign", "2026-05-04 10:00", None),
            ("cid", "pay", "2026-05-04 11:00", None),
        ],
        columns=["person", "event", "occurred_at", "company"],
    )  # fmt: skip
    with Workspace.memory() as workspace:
        report = workspace.load(frame, kind="events", mapping={"user_id": "company"}, as_of="2026-07-01")
        found = funnel.analyze(workspace, FunnelQuery(("sign", "pay"), MAY, 7 * DAY))
        reached = found.users(2)["user_id"].tolist()
    assert report.rows_quarantined == 2
    assert found.steps["users"].tolist() == [2, 1]
    assert reached == ["acme"]


def test_what_is_excluded_after_the_window_excludes_nothing():
    # Ten seconds: the refund at 11 s and the order at 12 s are both too late; ann simply did not convert.
    rows = events("ann", "view 10:00:00", "refund 10:00:11", "order 10:00:12")
    options = {"window": 10, "exclusions": (Exclusion("refund", 1, 2),), "on_exclusion": "drop"}
    assert counts(rows, ("view", "order"), **options) == [1, 0]


def test_an_exclusion_at_the_instant_of_its_step_is_not_between():
    rows = events("ann", "view 10:00:00", "refund 10:00:05", "order 10:00:05")
    assert counts(rows, ("view", "order"), exclusions=(Exclusion("refund", 1, 2),)) == [1, 1]


def test_a_clean_second_try_counts_with_its_own_time():
    # The first try holds a refund and ran out; the second takes 29 of 30 seconds.
    rows = events("ann", "view 10:00:00", "refund 10:00:01", "order 10:00:31", "view 11:00:00", "order 11:00:29")
    with workspace_of(rows, as_of="2027-01-01") as workspace:
        exclusions = (Exclusion("refund", 1, 2),)
        query = FunnelQuery(("view", "order"), MAY, 30, exclusions=exclusions, on_exclusion="drop")
        found = funnel.analyze(workspace, query)
    assert found.steps["users"].tolist() == [1, 1]
    assert found.seconds().tolist() == [29]


def test_an_optional_step_takes_an_event_only_if_a_later_step_can_spare_it():
    # All steps are clicks: ann has one, bob two and cid three.
    rows = [
        *events("ann", "click 10:00:00"), *events("bob", "click 10:00:00", "click 10:00:01"),
        *events("cid", "click 10:00:00", "click 10:00:01", "click 10:00:02"),
    ]  # fmt: skip
    # The deepest path wins: bob reaches step 3 by leaving out step 2; only cid has an event for step 2 as well.
    assert counts(rows, ("click", Step("click", optional=True), "click")) == [3, 1, 2]


def test_steps_of_several_events_never_share_one():
    # "look or buy" then "buy": the one purchase serves one of the two, the second purchase the other.
    # At one instant the look may come first, whatever the order of the rows.
    steps = (("look", "buy"), "buy")
    rows = [
        *events("ann", "buy 10:00:00"), *events("bob", "buy 10:00:00", "buy 10:00:09"),
        *events("cid", "buy 10:00:00", "look 10:00:00"), *events("dot", "buy 10:00:00", "look 10:00:01"),
    ]  # fmt: skip
    assert counts(rows, steps) == [4, 2]


def test_in_any_order_a_step_has_the_values_of_the_event_that_covered_it():
    rows = [
        ("u", "purchase", "2026-01-02 10:00", 50.0, "ios"), ("u", "view", "2026-01-02 11:00", None, "ios"),
        ("v", "view", "2026-01-02 10:00", None, "web"), ("v", "purchase", "2026-01-02 11:00", 30.0, "web"),
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["user_id", "event", "occurred_at", "value", "platform"])
    query = FunnelQuery(
        ("view", "purchase"), Period("2026-01-01", "2026-02-01"), DAY, "unordered", breakdown="platform"
    )
    with workspace_of(frame, as_of="2026-03-01") as workspace:
        for attribution in ("first_touch", "last_touch", 1, 2):
            steps = funnel.analyze(workspace, replace(query, attribution=attribution)).steps
            assert steps.groupby(["group", "step"])["users"].sum().to_dict() == {
                ("ios", 1): 1, ("ios", 2): 1, ("web", 1): 1, ("web", 2): 1,
            }  # fmt: skip
        assert funnel.analyze(workspace, replace(query, breakdown=None)).revenue()["total"].tolist() == [50, 30]


@pytest.mark.parametrize(("held", "message"), [("user.channel", "property of the user"), ("", "no property ''")])
def test_only_a_property_of_events_can_be_held(held: str, message: str):
    with pytest.raises(QueryError, match=message):
        counts(events("u", "a 10:00", "b 10:01"), ("a", "b"), hold_constant=held)
