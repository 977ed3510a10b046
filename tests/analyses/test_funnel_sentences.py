"""The funnel's definitions, sentence by sentence, each on rows that only that sentence decides."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from ops_core import Filter, Period
from ops_core.analyses import funnel
from ops_core.analyses.funnel import Exclusion, FunnelQuery, Step
from tests.support import workspace_of

JANUARY = Period("2026-01-01", "2026-02-01")
HOUR, DAY = 3_600, 86_400


def rows(user: str, *parts: str) -> list[tuple]:
    """`rows("u", "a 10:00", "b 10:05")` on 2 January, or with a day in front: `"b 03 10:05"`."""
    found = []
    for part in parts:
        event, *when = part.split()
        day, time = when if len(when) == 2 else ("02", when[0])
        found.append((user, event, f"2026-01-{day} {time}"))
    return found


def ask(events: list[tuple] | pd.DataFrame, steps: tuple, window: float | str = HOUR, **options: object):
    zone = options.pop("zone", "UTC")
    if isinstance(events, list):  # every event is known, by somebody who is long gone
        gone = [("nobody", name, "2025-01-01") for name in "abcx"]
        events = [(user, event, pd.Timestamp(at)) for user, event, at in [*events, *gone]]
    with workspace_of(events, time_zone=zone, as_of=options.pop("as_of", "2027-01-01")) as workspace:
        found = funnel.analyze(workspace, FunnelQuery(steps, options.pop("period", JANUARY), window, **options))
        return found, found.steps["users"].tolist()


def users(events: list[tuple] | pd.DataFrame, steps: tuple, window: float | str = HOUR, **options: object) -> list[int]:
    return ask(events, steps, window, **options)[1]


def test_a_step_is_any_of_its_events_that_pass_its_conditions_on_event_and_user():
    frame = pd.DataFrame(
        [("u", "a", "2026-01-02 10:00", "ios", "ads"), ("u", "c", "2026-01-02 10:01", "web", "ads"),
         ("v", "a", "2026-01-02 10:00", "ios", "seo"), ("v", "b", "2026-01-02 10:01", "ios", "seo")],
        columns=["user_id", "event", "occurred_at", "client", "user.channel"],
    )  # fmt: skip
    assert users(frame, ("a", ("b", "c"))) == [2, 2]
    assert users(frame, ("a", Step(("b", "c"), (Filter("client", "eq", "ios"),)))) == [2, 1]
    assert users(frame, (Step("a", (Filter("user.channel", "eq", "ads"),)), ("b", "c"))) == [1, 1]
    assert users(frame, ("a", None)) == [2, 2]


def test_an_attempt_starts_in_the_period_and_may_end_after_it():
    events = [("u", "a", "2025-12-31 23:59"), ("u", "b", "2026-01-01 00:01"),
              ("v", "a", "2026-01-31 23:59"), ("v", "b", "2026-02-01 00:58")]  # fmt: skip
    assert users(events, ("a", "b")) == [1, 1]
    assert users(events, ("a", "b"), clip=True) == [1, 0]


def test_an_open_window_stands_apart_unless_the_quick_view_is_asked_for_and_it_has_converted():
    # As-of 12:00, window an hour: u's window ended at 11:00, v and w started at 11:30; v has converted.
    events = rows("u", "a 10:00") + rows("v", "a 11:30", "b 11:40") + rows("w", "a 11:30")
    found, counts = ask(events, ("a", "b"), as_of="2026-01-02 12:00")
    assert (counts, found.n_immature) == ([1, 0], 2)
    found, counts = ask(events, ("a", "b"), as_of="2026-01-02 12:00", quick_view=True)
    assert (counts, found.n_immature) == ([2, 1], 1)
    found, counts = ask(events, ("a", "b"), as_of="2026-01-02 12:00", count_open=True)
    assert (counts, found.n_immature) == ([3, 1], 0)
    # A window that ends at as-of to the second is over.
    assert users(rows("u", "a 11:00"), ("a", "b"), as_of="2026-01-02 12:00") == [1, 0]


def test_the_window_runs_from_the_first_event_and_includes_its_end():
    events = rows("u", "a 10:00:00", "b 10:59:59", "c 11:00:00") + rows("v", "a 10:00:00", "b 10:00:01", "c 11:00:01")
    assert users(events, ("a", "b", "c")) == [2, 2, 1]


def test_the_window_counts_elapsed_seconds_across_a_change_of_the_clock():
    # New York, 8 March 2026: 2:00 becomes 3:00. From 1:30 to 3:30 on the wall is one hour. UTC 6:30 to 7:30.
    events = [("u", "a", "2026-03-08 06:30"), ("u", "b", "2026-03-08 07:30")]
    march = {"period": Period("2026-03-01", "2026-04-01"), "zone": "America/New_York"}
    assert users(events, ("a", "b"), HOUR, **march) == [1, 1]
    assert users(events, ("a", "b"), HOUR - 1, **march) == [1, 0]
    # That local day has 23 hours: it runs from 5:00 to 4:00 UTC.
    late = [("u", "a", "2026-03-08 05:00"), ("u", "b", "2026-03-09 03:59"), ("v", "a", "2026-03-08 05:00"),
            ("v", "b", "2026-03-09 04:00")]  # fmt: skip
    assert users(late, ("a", "b"), funnel.NATURAL_DAY, **march) == [2, 1]


def test_one_event_serves_one_step_and_ties_count_in_the_order_that_helps():
    assert users(rows("u", "a 10:00") + rows("v", "a 10:00", "a 10:00"), ("a", "a")) == [2, 1]
    assert users(rows("u", "c 10:00", "b 10:00", "a 10:00"), ("a", "b", "c")) == [1, 1, 1]
    # One event that matches both steps cannot be both.
    assert users(rows("u", "a 10:00", "b 09:00"), (("a", "b"), "a"), HOUR - 1) == [1, 0]


def test_the_share_that_rests_on_ties_is_told():
    found, _ = ask(rows("u", "b 10:00", "a 10:00") + rows("v", "a 10:00", "b 10:01"), ("a", "b"))
    assert found.tie_share == 0.5


def test_the_deepest_attempt_counts_and_of_equally_deep_ones_the_earliest():
    events = rows("u", "a 10:00", "a 12:00", "b 12:10", "a 14:00", "b 14:20")
    with workspace_of(events, as_of="2027-01-01") as workspace:
        found = funnel.analyze(workspace, FunnelQuery(("a", "b"), JANUARY, HOUR))
        assert found.users(2)["started_at"].astype(str).tolist() == ["2026-01-02 12:00:00"]
    assert found.total["median_seconds"][1] == 600


def test_strict_means_consecutive_among_all_events_of_the_user():
    events = rows("u", "a 10:00", "b 10:01", "c 10:02") + rows("v", "a 10:00", "b 10:01", "other 10:02", "c 10:03")
    assert users(events, ("a", "b", "c"), order="strict") == [2, 2, 1]
    # The second a is the one that b follows at once.
    assert users(rows("u", "a 10:00", "a 10:01", "b 10:02"), ("a", "b"), order="strict") == [1, 1]


def test_without_an_order_the_level_is_the_number_of_different_steps_covered():
    events = (
        rows("u", "c 10:00", "b 10:10", "a 10:20") + rows("v", "b 10:00", "b 10:05") + rows("w", "c 10:00", "a 11:01")
    )
    assert users(events, ("a", "b", "c"), order="unordered") == [3, 1, 1]


def test_an_exclusion_lies_strictly_between_its_two_steps():
    between = {"exclusions": (Exclusion("x", 2, 3),)}
    events = (
        rows("before", "a 10:00", "x 10:01", "b 10:02", "c 10:03")  # between 1 and 2: no matter
        + rows("between", "a 10:00", "b 10:02", "x 10:03", "c 10:04")
        + rows("at", "a 10:00", "b 10:02", "x 10:02", "c 10:04", "x 10:04")  # at the steps' own instants
    )
    assert users(events, ("a", "b", "c"), **between) == [3, 3, 2]
    assert users(events, ("a", "b", "c"), on_exclusion="drop", **between) == [2, 2, 2]
    # Who stops before the excluded stretch is not taken out, whatever follows.
    assert users(rows("u", "a 10:00", "x 10:01"), ("a", "b"), exclusions=(Exclusion("x", 1, 2),),
                 on_exclusion="drop") == [1, 0]  # fmt: skip


def test_drop_keeps_a_user_with_one_clean_attempt_among_the_deepest():
    between = {"exclusions": (Exclusion("x", 1, 2),), "on_exclusion": "drop"}
    clean_later = rows("u", "a 10:00", "x 10:01", "b 10:02", "a 12:00", "b 12:01")
    clean_shallow = rows("v", "a 10:00", "x 10:01", "b 10:02", "a 12:00")  # its clean attempt is not as deep
    found, counts = ask(clean_later + clean_shallow, ("a", "b"), **between)
    assert (counts, found.n_dropped) == ([1, 1], 1)


def test_a_held_property_is_the_same_at_all_steps():
    frame = pd.DataFrame(
        [("u", "a", "2026-01-02 10:00", "o1"), ("u", "a", "2026-01-02 10:01", "o2"),
         ("u", "b", "2026-01-02 10:02", "o1"), ("u", "c", "2026-01-02 10:03", "o2"),
         ("v", "a", "2026-01-02 10:00", None), ("v", "b", "2026-01-02 10:01", None)],
        columns=["user_id", "event", "occurred_at", "order"],
    )  # fmt: skip
    assert users(frame, ("a", "b", "c")) == [2, 2, 1]
    assert users(frame, ("a", "b", "c"), hold_constant="order") == [1, 1, 0]


def test_the_deepest_path_wins_then_the_one_with_most_steps():
    steps = ("a", Step("b", optional=True), "c")
    events = rows("both", "a 10:00", "b 10:01", "c 10:02") + rows("late", "a 10:00", "c 10:01", "b 10:02") + rows(
        "again", "a 10:00", "c 10:01", "a 12:00", "b 12:01", "c 12:02"
    )  # fmt: skip
    assert users(events, steps) == [3, 2, 3]
    assert users(rows("u", "a 10:00", "b 10:01"), steps) == [1, 1, 0]


def test_groups_partition_the_users_whatever_gives_the_value():
    frame = pd.DataFrame(
        [(f"u{n}", event, f"2026-01-02 10:0{step}", ["ios", "web", "h5", "app", None][(n + step) % 5])
         for n in range(40) for step, event in enumerate("abc"[: 1 + n % 3])],
        columns=["user_id", "event", "occurred_at", "client"],
    )  # fmt: skip
    total = users(frame, ("a", "b", "c"))
    for attribution in ("first_touch", "last_touch", 1, 2, 3):
        found, _ = ask(frame, ("a", "b", "c"), breakdown="client", attribution=attribution, top=2)
        assert found.steps.groupby("step")["users"].sum().tolist() == total


def test_every_rate_has_its_numerator_denominator_and_interval():
    events = [row for n in range(4) for row in rows(f"u{n}", "a 10:00", *["b 10:01", "c 10:02"][: n - 1 if n else 0])]
    table = ask(events, ("a", "b", "c"))[0].steps
    assert table["users"].tolist() == [4, 2, 1]
    assert table["of_start"].tolist() == [4, 4, 4]
    assert table["of_previous"].tolist()[1:] == [4, 2]
    assert table["conversion_from_previous"].tolist()[1:] == [0.5, 0.5]
    assert (table["share_low"][1:] < table["conversion_from_start"][1:]).all()
    assert (table["share_high"][1:] > table["conversion_from_start"][1:]).all()
    assert math.isnan(table["share_low"][0])


def test_a_user_stands_in_each_bucket_in_which_they_start():
    events = rows("u", "a 05 10:00", "a 12 10:00", "b 12 10:10")
    with workspace_of(events, as_of="2026-01-20") as workspace:
        trend = funnel.analyze(workspace, FunnelQuery(("a", "b"), Period("2026-01-05", "2026-01-19"), HOUR)).trend(
            "week"
        )
    assert trend["users"].tolist() == [1, 1]
    assert trend["converted"].tolist() == [0, 1]
    assert trend["mature"].tolist() == [True, True]


@pytest.mark.parametrize(("step", "lost"), [(1, ["v"]), (2, ["u"])])
def test_those_who_reached_a_step_and_not_the_next_are_a_list(step: int, lost: list[str]):
    events = rows("u", "a 10:00", "b 10:01") + rows("v", "a 10:00") + rows("w", "a 10:00", "b 10:01", "c 10:02")
    with workspace_of(events, as_of="2027-01-01") as workspace:
        found = funnel.analyze(workspace, FunnelQuery(("a", "b", "c"), JANUARY, HOUR))
        assert found.users(step, dropped=True)["user_id"].tolist() == lost
