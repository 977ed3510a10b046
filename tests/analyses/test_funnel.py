"""Funnels on tiny tables whose answer is worked out in the comments, refused specs, and published numbers."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from ops_core import Filter, Period, QueryError, Segment, Workspace
from ops_core.analyses import funnel
from ops_core.analyses.funnel import Exclusion, FunnelQuery, Step
from tests.support import workspace_of

JANUARY = Period("2026-01-01", "2026-02-01")
DAY = 86_400


def counts(rows: list[tuple], steps: tuple, window: float | str = DAY, **options: object) -> list[int]:
    with workspace_of(rows, as_of="2027-01-01") as workspace:
        query = FunnelQuery(steps, options.pop("period", JANUARY), window, **options)
        return funnel.analyze(workspace, query).steps["users"].tolist()


def events(user: str, *parts: str) -> list[tuple]:
    """`events("u", "a 10:00", "b 10:05")` on 2 January."""
    return [(user, part.split()[0], f"2026-01-02 {part.split()[1]}") for part in parts]


def test_the_window_includes_its_end():
    rows = events("at", "a 10:00:00", "b 10:05:00") + events("after", "a 10:00:00", "b 10:05:01")
    assert counts(rows, ("a", "b"), 300) == [2, 1]


def test_one_event_serves_one_step():
    rows = events("one", "a 10:00") + events("two", "a 10:00", "a 10:01") + events("tied", "a 10:00", "a 10:00")
    assert counts(rows, ("a", "a")) == [3, 2]
    assert counts(rows, ("a", "a", "a")) == [3, 2, 0]


def test_equal_times_count_in_either_order():
    rows = events("u", "b 10:00", "a 10:00") + events("v", "c 10:00", "b 10:00", "a 10:00")
    assert counts(rows, ("a", "b", "c")) == [2, 2, 1]


def test_a_later_attempt_may_be_deeper():
    # The window of the first a (10:00) closes at 10:10; the second a converts. The level is the deepest attempt's.
    rows = events("u", "a 10:00", "a 11:00", "b 11:05")
    assert counts(rows, ("a", "b"), 600) == [1, 1]
    assert counts(rows, ("a", "b"), 600, reentry="first_entry") == [1, 0]
    assert counts(rows, ("a", "b"), 600, reentry="every_attempt") == [2, 1]


def test_times_come_from_the_earliest_of_the_deepest_attempts():
    # Attempts 10:00 (reaches b at 10:30) and 10:20 (b after 10 min) are equally deep: 1,800 s, not 600 s.
    with workspace_of(events("u", "a 10:00", "a 10:20", "b 10:30"), as_of="2027-01-01") as workspace:
        table = funnel.analyze(workspace, FunnelQuery(("a", "b"), JANUARY, 3600)).steps
    assert table["median_seconds"].tolist()[1] == 1800
    assert math.isnan(table["median_seconds"].tolist()[0])


def test_later_steps_may_follow_the_period_unless_clipped():
    rows = [("u", "a", "2026-01-31 23:00"), ("u", "b", "2026-02-01 01:00")]
    assert counts(rows, ("a", "b")) == [1, 1]
    assert counts(rows, ("a", "b"), clip=True) == [1, 0]


def test_strict_allows_nothing_in_between():
    rows = events("u", "a 10:00", "x 10:01", "b 10:02") + events("v", "a 10:00", "b 10:02", "x 10:03")
    assert counts(rows, ("a", "b"), order="strict") == [2, 1]
    assert counts(rows, ("a", "b")) == [2, 2]


def test_unordered_counts_different_steps():
    rows = events("u", "c 10:00", "a 10:01", "b 10:02") + events("v", "b 10:00", "b 10:01") + events("w", "x 10:00")
    assert counts(rows, ("a", "b", "c"), order="unordered") == [2, 1, 1]


def test_natural_day_ends_at_local_midnight():
    rows = [("u", "a", "2026-01-02 15:30"), ("u", "b", "2026-01-02 16:30")]  # 23:30 and 00:30 in Shanghai
    with workspace_of(rows, time_zone="Asia/Shanghai", as_of="2027-01-01") as workspace:
        query = FunnelQuery(("a", "b"), JANUARY, funnel.NATURAL_DAY)
        assert funnel.analyze(workspace, query).steps["users"].tolist() == [1, 0]
    assert counts(rows, ("a", "b"), funnel.NATURAL_DAY) == [1, 1]


def test_exclusions_cut_or_drop():
    rows = events("u", "a 10:00", "x 10:01", "b 10:02") + events("v", "a 10:00", "b 10:02", "x 10:03")
    between = (Exclusion("x", 1, 2),)
    assert counts(rows, ("a", "b"), exclusions=between) == [2, 1]
    assert counts(rows, ("a", "b"), exclusions=between, on_exclusion="drop") == [1, 1]
    # An excluded event at the very instant of a step is not strictly between.
    assert counts(events("u", "a 10:00", "x 10:00", "b 10:02"), ("a", "b"), exclusions=between) == [1, 1]
    # A clean attempt of the same depth saves the user.
    again = events("u", "a 10:00", "x 10:01", "b 10:02", "a 10:03", "b 10:04")
    assert counts(again, ("a", "b"), exclusions=between, on_exclusion="drop") == [1, 1]


def test_an_exclusion_is_dodged_by_a_later_event_of_the_step():
    # a b x b c with nothing allowed between b and c: the second b is clean.
    rows = events("u", "a 10:00", "b 10:01", "x 10:02", "b 10:03", "c 10:04")
    assert counts(rows, ("a", "b", "c"), exclusions=(Exclusion("x", 2, 3),)) == [1, 1, 1]


def test_hold_constant_keeps_orders_apart():
    frame = pd.DataFrame(
        [("u", "order", "2026-01-02 10:00", "o1"), ("u", "pay", "2026-01-02 10:10", "o2"),
         ("v", "order", "2026-01-02 10:00", "o3"), ("v", "pay", "2026-01-02 10:10", "o3"),
         ("w", "order", "2026-01-02 10:00", None)],
        columns=["user_id", "event", "occurred_at", "order_id"],
    )  # fmt: skip
    with workspace_of(frame, as_of="2027-01-01") as workspace:
        query = FunnelQuery(("order", "pay"), JANUARY, DAY, hold_constant="order_id")
        assert funnel.analyze(workspace, query).steps["users"].tolist() == [2, 1]


def test_optional_steps_are_counted_where_walked():
    # u walks 1-2-3, v skips 2, w stops after the optional 2.
    rows = events("u", "a 10:00", "b 10:01", "c 10:02") + events("v", "a 10:00", "c 10:02")
    rows += events("w", "a 10:00", "b 10:01")
    with workspace_of(rows, as_of="2027-01-01") as workspace:
        query = FunnelQuery(("a", Step("b", optional=True), "c"), JANUARY, DAY)
        table = funnel.analyze(workspace, query).steps
    assert table["users"].tolist() == [3, 2, 2]
    assert table["of_previous"].tolist()[1:] == [3, 3]  # the last step is compared with the last required one
    assert table["lost"].tolist()[1:] == [1, 1]


def test_immature_entrants_stand_apart():
    # As-of 3 January 12:00, window 1 day: the attempt of 2 January 10:00 is mature, those of 3 January are not.
    rows = events("old", "a 10:00", "b 11:00")
    rows += [("new", "a", "2026-01-03 08:00"), ("quick", "a", "2026-01-03 08:00"), ("quick", "b", "2026-01-03 09:00")]
    with workspace_of(rows, as_of="2026-01-03 12:00") as workspace:
        found = funnel.analyze(workspace, FunnelQuery(("a", "b"), JANUARY, DAY))
        assert (found.steps["users"].tolist(), found.n_immature) == ([1, 1], 2)
        early = funnel.analyze(workspace, FunnelQuery(("a", "b"), JANUARY, DAY, quick_view=True))
        assert (early.steps["users"].tolist(), early.n_immature) == ([2, 2], 1)


def test_a_window_that_ends_at_as_of_is_mature():
    rows = events("u", "a 12:00") + events("v", "b 12:00")
    for as_of, n_immature in (("2026-01-03 12:00", 0), ("2026-01-03 11:59:59.999999", 1)):
        with workspace_of(rows, as_of=as_of) as workspace:
            assert funnel.analyze(workspace, FunnelQuery(("a", "b"), JANUARY, DAY)).n_immature == n_immature


def test_breakdown_by_event_property_and_attribution():
    frame = pd.DataFrame(
        [("u", "a", "2026-01-02 10:00", "web"), ("u", "b", "2026-01-02 10:10", "app"),
         ("v", "a", "2026-01-02 10:00", "web"), ("w", "a", "2026-01-02 10:00", None)],
        columns=["user_id", "event", "occurred_at", "client"],
    )  # fmt: skip

    def groups(attribution: str | int) -> dict[tuple[str, int], int]:
        query = FunnelQuery(("a", "b"), JANUARY, DAY, breakdown="client", attribution=attribution)
        table = funnel.analyze(workspace, query).steps
        return {(row.group, row.step): row.users for row in table.itertuples()}

    with workspace_of(frame, as_of="2027-01-01") as workspace:
        assert groups("first_touch") == {("web", 1): 2, ("web", 2): 1, ("(none)", 1): 1, ("(none)", 2): 0}
        last = groups("last_touch")
        assert last == {("app", 1): 1, ("app", 2): 1, ("web", 1): 1, ("web", 2): 0, ("(none)", 1): 1, ("(none)", 2): 0}
        assert groups(2) == {("app", 1): 1, ("app", 2): 1, ("(none)", 1): 2, ("(none)", 2): 0}


def test_shares_carry_their_denominators_and_intervals():
    rows = [row for n in range(10) for row in events(f"u{n}", "a 10:00", *(["b 10:01"] if n < 4 else []))]
    with workspace_of(rows, as_of="2027-01-01") as workspace:
        last = funnel.analyze(workspace, FunnelQuery(("a", "b"), JANUARY, DAY)).steps.iloc[1]
    assert (last["users"], last["of_start"], last["conversion_from_start"], last["lost"]) == (4, 10, 0.4, 6)
    # Wilson, 4 of 10: (0.4 + 0.19207) / 1.38415 ∓ 0.259948 = 0.1682, 0.6873
    assert last["share_low"] == pytest.approx(0.1682, abs=1e-4)
    assert last["share_high"] == pytest.approx(0.6873, abs=1e-4)


def test_nobody_entered_is_undefined_not_zero():
    with workspace_of(events("u", "a 10:00", "b 10:01"), as_of="2027-01-01") as workspace:
        query = FunnelQuery(("a", "b"), Period("2025-01-01", "2025-02-01"), DAY)
        found = funnel.analyze(workspace, query)
        assert found.steps["users"].tolist() == [0, 0]
        assert found.steps["conversion_from_start"].isna().all()
        assert found.trend("week")["share"].isna().all()


def test_users_lists_and_segments():
    rows = events("u", "a 10:00", "b 10:01") + events("v", "a 10:00") + events("w", "a 10:00", "b 10:02")
    with workspace_of(rows, as_of="2027-01-01") as workspace:
        found = funnel.analyze(workspace, FunnelQuery(("a", "b"), JANUARY, DAY))
        assert found.users(1, dropped=True)["user_id"].tolist() == ["v"]
        assert found.users(2)["user_id"].tolist() == ["u", "w"]
        only = Segment("list", user_ids=frozenset({"v", "w"}))
        kept = funnel.analyze(workspace, FunnelQuery(("a", "b"), JANUARY, DAY, segment=only))
        assert kept.steps["users"].tolist() == [2, 1]
        with pytest.raises(QueryError, match="no step 3 in this funnel"):
            found.users(3)


def test_trend_marks_what_is_not_over():
    # Weeks from Monday: 5 Jan, 12 Jan. u enters in both. As-of Wednesday 14 January: the second week is not over.
    rows = [
        ("u", "a", "2026-01-06 00:00"),
        ("u", "b", "2026-01-06 01:00"),
        ("u", "a", "2026-01-12 00:00"),
        ("v", "a", "2026-01-13 00:00"),
    ]
    with workspace_of(rows, as_of="2026-01-14") as workspace:
        query = FunnelQuery(("a", "b"), Period("2026-01-05", "2026-01-19"), DAY)
        trend = funnel.analyze(workspace, query).trend("week")
    assert trend["users"].tolist() == [1, 2]
    assert trend["converted"].tolist() == [1, 0]
    assert trend["partial"].tolist() == [False, True]
    assert trend["mature"].tolist() == [True, True]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"steps": ("a",)}, "needs 2 to 10 steps, this one has 1"),
        ({"steps": ("a",) * 11}, "needs 2 to 10 steps, this one has 11"),
        ({"window_seconds": 0}, "longer than 0 seconds, not '0'"),
        ({"window_seconds": "a week"}, "not 'a week'"),
        ({"exclusions": (Exclusion("x", 1, 3),)}, "from 1 to 3 does not fit 2 steps"),
        ({"exclusions": (Exclusion("x", 2, 1),)}, "from 2 to 1 does not fit 2 steps"),
        ({"order": "loose"}, "order cannot be 'loose'. Choose one of: ordered, strict, unordered"),
        ({"steps": (Step("a", optional=True), "b")}, r"first step \('a'\) cannot be optional"),
        ({"steps": ("a", Step("b", optional=True)), "order": "unordered"}, "Optional steps need an order"),
        ({"on_exclusion": "ignore"}, "on_exclusion cannot be 'ignore'"),
        ({"attribution": 3}, "cannot be attributed to '3'"),
        ({"reentry": "all"}, "reentry cannot be 'all'"),
        ({"steps": ("a", ())}, "at least one event name"),
        ({"top": 0}, "at least 1 group"),
    ],
)
def test_bad_specs_are_refused_when_built(options: dict, sentence: str):
    with pytest.raises(QueryError, match=sentence):
        FunnelQuery(**{"steps": ("a", "b"), "period": JANUARY, "window_seconds": DAY, **options})


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"steps": ("view", "pays")}, r"no event 'pays' .* Nearest: pay"),
        ({"hold_constant": "order"}, "no property 'order'"),
        ({"breakdown": "user.channel"}, "no property 'channel'"),
        ({"exclusions": (Exclusion("vew", 1, 2),)}, r"no event 'vew' .* Nearest: view"),
        ({"filters": (Filter("client", "eq", "ios"),)}, "no property 'client'"),
    ],
)
def test_what_the_workspace_does_not_have_is_refused(options: dict, sentence: str):
    with workspace_of(events("u", "view 10:00", "pay 10:01")) as workspace:
        query = FunnelQuery(**{"steps": ("view", "pay"), "period": JANUARY, "window_seconds": DAY, **options})
        with pytest.raises(QueryError, match=sentence):
            funnel.analyze(workspace, query)


def test_shop_events_show_the_documented_payment_incident(shared_data):
    with Workspace.memory() as workspace:
        workspace.load(shared_data / "ecom.csv")

        def entered(first: str, last: str, steps: tuple = ("payment_details", "purchase"), **options: object):
            return funnel.analyze(workspace, FunnelQuery(steps, Period(first, last), **options)).steps["users"].tolist()

        week = {"window_seconds": 7 * DAY}
        assert entered("2024-01-01", "2024-05-19", **week) == [248, 143]
        assert entered("2024-05-19", "2024-06-08", **week) == [117, 28]
        assert entered("2024-06-08", "2024-06-22", **week) == [95, 51]
        shipping = ("shipping_details", "payment_details")
        expected = {"mobile": ([45, 26], [55, 15], [99, 55]), "desktop": ([80, 55], [96, 56], [144, 87])}
        for platform, (_, during, after) in expected.items():
            only = {"window_seconds": DAY, "filters": (Filter("platform", "eq", platform),)}
            assert entered("2024-04-09", "2024-05-10", shipping, **only) == during
            assert entered("2024-05-10", "2024-06-22", shipping, **only) == after


def test_behaviour_codes_give_both_published_answers(shared_data):
    # 1 view, 2 favourite, 3 cart, 4 buy, in any order. Published as 34/13/9 and 34/13/16: the last number is either
    # "viewed, put in the cart and bought" or "viewed and bought".
    with Workspace.memory() as workspace:
        workspace.load(
            shared_data / "tianchi_user_behavior.csv",
            mapping={"user_id": "user_id", "event": "behavior_type", "occurred_at": "time"},
            as_of="2015-06-01",
        )

        def all_done(*steps: str) -> list[int]:
            query = FunnelQuery(steps, Period("2014-11-01", "2015-01-01"), 90 * DAY, order="unordered")
            return funnel.analyze(workspace, query).steps["users"].tolist()

        assert all_done("1", "3") == [34, 13]
        assert all_done("1", "3", "4")[-1] == 9
        assert all_done("1", "4") == [34, 16]
