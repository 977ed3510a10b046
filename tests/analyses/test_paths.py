"""Paths against counting by hand, and against a strict funnel."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ops_core import Filter, Period, QueryError, Segment, Workspace
from ops_core.analyses import funnel, paths
from ops_core.analyses.paths import ENDED, EVENT, OTHER, START, PathQuery
from ops_core.store.reporting import mark_passive
from tests.support import workspace_of
from tests.support_paths import check_invariants, steps_by_user

DAY = 86_400
JAN = Period("2026-01-01", "2026-02-01")


def rows_of(text: str, start: str = "2026-01-05") -> list[tuple[str, str, str]]:
    """Rows from lines "user: event@second event@second"."""
    begin = pd.Timestamp(start)
    found = []
    for line in text.strip().splitlines():
        user, events = line.split(":")
        for one in events.split():
            event, at = one.split("@")
            found.append((user.strip(), event, begin + pd.Timedelta(float(at), "s")))
    return found


def asked(rows: str, query: PathQuery, as_of: str = "2026-02-01") -> paths.PathResult:
    return paths.analyze(workspace_of(rows_of(rows), as_of=as_of), query)


def test_levels_links_and_paths_by_hand():
    # a: buy, view, end. b: buy, push, view. c: end. d never buys.
    result = asked(
        """
        a: buy@0 view@5
        b: buy@0 push@3 view@9
        c: buy@0
        d: view@0
        """,
        PathQuery("buy", JAN, 10, levels=2),
    )
    assert result.n_started == 3
    nodes = result.nodes[["level", "kind", "event", "users", "ended_here"]].to_numpy().tolist()
    assert nodes == [
        [0, START, "", 3, 0],
        [1, EVENT, "push", 1, 0],
        [1, EVENT, "view", 1, 0],
        [1, ENDED, "", 1, 1],
        [2, EVENT, "view", 1, 0],
        [2, ENDED, "", 2, 1],  # c was over before, a ends here
    ]
    links = result.links[["level", "source", "target", "users", "share_of_source"]].to_numpy().tolist()
    assert links == [[1, 0, 0, 1, 1 / 3], [1, 0, 1, 1, 1 / 3], [1, 0, 2, 1, 1 / 3],
                     [2, 0, 0, 1, 1], [2, 1, 1, 1, 1], [2, 2, 1, 1, 1]]  # fmt: skip
    assert result.paths[["rank", "steps", "users", "is_over"]].to_numpy().tolist() == [
        [1, (), 1, True], [2, ("push", "view"), 1, False], [3, ("view",), 1, True]]  # fmt: skip
    assert result.users(2, 1) == ["a", "c"]
    assert result.users(2, 1, source=1) == ["a"]
    assert result.users_of_path(2) == ["b"]


def test_the_window_ends_on_its_last_microsecond():
    rows = "a: buy@0 view@10\nb: buy@0 view@10.000001"
    assert steps_by_user(asked(rows, PathQuery("buy", JAN, 10))) == {"a": ("view",), "b": ()}


def test_looking_back_reads_away_from_the_start():
    rows = "a: open@0 view@5 buy@9 view@12\nb: view@0 buy@20\nc: open@-90"
    result = asked(rows, PathQuery("buy", JAN, 10, direction="before"), as_of="2026-02-01")
    assert steps_by_user(result) == {"a": ("view", "open"), "b": ()}
    assert result.funnel_steps(result.paths.query("users == 1 and steps.str.len() == 2")["rank"].iloc[0]) == (
        "open", "view", "buy")  # fmt: skip


def test_runs_are_one_step_unless_asked():
    rows = "a: view@0 view@1 buy@2 buy@3 view@4"
    assert steps_by_user(asked(rows, PathQuery("view", JAN, 60))) == {"a": ("buy", "view")}
    each = asked(rows, PathQuery("view", JAN, 60, collapse=False, levels=8))
    assert steps_by_user(each) == {"a": ("view", "buy", "buy", "view")}


def test_hiding_an_event_joins_the_runs_around_it():
    rows = "a: buy@0 view@1 ad@2 view@3 pay@4"
    assert steps_by_user(asked(rows, PathQuery("buy", JAN, 60, hidden=("ad",)))) == {"a": ("view", "pay")}


def test_events_at_one_instant_lie_after_the_start_in_order_of_name():
    rows = "a: zoo@0 buy@0 ant@0 view@1"
    result = asked(rows, PathQuery("buy", JAN, 60))
    assert steps_by_user(result) == {"a": ("ant", "zoo", "view")}
    assert result.tie_share == 1.0
    back = asked("x: open@-999\na: zoo@0 buy@0 ant@0", PathQuery("buy", JAN, 60, direction="before"))
    assert steps_by_user(back) == {"a": ("zoo", "ant")}
    assert asked("a: buy@0 view@1", PathQuery("buy", JAN, 60)).tie_share == 0.0


def test_two_rows_of_the_start_at_one_instant_leave_one_as_a_step():
    result = asked("a: buy@0 buy@0", PathQuery("buy", JAN, 60, collapse=False))
    assert steps_by_user(result) == {"a": ("buy",)}


def test_open_windows_are_apart_and_the_first_ripe_start_counts():
    # As-of is at second 100; a window of 10 s is closed for starts up to second 90.
    as_of = "2026-01-05 00:01:40"
    rows = "a: buy@90 view@95\nb: buy@90.000001 view@95\nc: buy@50 pay@51 buy@99"
    result = asked(rows, PathQuery("buy", JAN, 10), as_of=as_of)
    assert steps_by_user(result) == {"a": ("view",), "c": ("pay",)}
    assert result.n_immature == 1
    # Looking back, the data begin at midnight: the first start's look-back does not fit, the second one's does.
    back = asked("c: view@2 buy@5 open@45 buy@50\nd: buy@9", PathQuery("buy", JAN, 10, direction="before"), as_of=as_of)
    assert steps_by_user(back) == {"c": ("open",)}
    assert back.n_immature == 1


def test_clip_knows_only_the_period():
    rows = "a: buy@0 view@5 pay@86401"
    day = Period("2026-01-05", "2026-01-06")
    assert steps_by_user(asked(rows, PathQuery("buy", day, 2 * DAY))) == {"a": ("view", "pay")}
    clipped = asked(rows, PathQuery("buy", day, 2 * DAY, clip=True), as_of="2026-01-06")
    assert steps_by_user(clipped) == {"a": ("view",)}


def test_after_first_seen_and_who_may_be_older():
    rows = "a: open@0 view@1\nb: open@864000 pay@864001"
    result = asked(rows, PathQuery(None, JAN, 60))
    assert steps_by_user(result) == {"a": ("open", "view"), "b": ("open", "pay")}
    assert result.n_left_censored == 1
    assert result.funnel_steps(1) == ("open", "pay")


def test_several_start_events_count_as_one_start():
    rows = "a: pay@5 buy@7\nb: buy@0 pay@3"
    assert steps_by_user(asked(rows, PathQuery(("buy", "pay"), JAN, 60))) == {"a": ("buy",), "b": ("pay",)}


def test_passive_events_start_paths_but_are_no_steps():
    with workspace_of(rows_of("a: push@0 view@1 push@2 pay@3"), as_of="2026-02-01") as workspace:
        mark_passive(workspace.store, ["push"])
        assert steps_by_user(paths.analyze(workspace, PathQuery("push", JAN, 60))) == {"a": ("view", "pay")}
        assert steps_by_user(paths.analyze(workspace, PathQuery("view", JAN, 60))) == {"a": ("pay",)}


def test_rare_events_fold_into_other_and_a_single_one_does_not():
    rows = "\n".join(f"u{i}: buy@0 {event}@1" for i, event in enumerate("aaabbcd"))
    folded = asked(rows, PathQuery("buy", JAN, 60, levels=1, shown=2)).nodes
    assert folded[["kind", "event", "n_events", "users"]].to_numpy().tolist() == [
        [START, "", 0, 7], [EVENT, "a", 1, 3], [EVENT, "b", 1, 2], [OTHER, "", 2, 2]]  # fmt: skip
    kept = asked(rows, PathQuery("buy", JAN, 60, levels=1, shown=3)).nodes
    assert kept["event"].tolist() == ["", "a", "b", "c", "d"]


def test_segments_and_filters_choose_who_starts():
    frame = pd.DataFrame(rows_of("a: buy@0 view@1\nb: buy@0 pay@1"), columns=["user_id", "event", "occurred_at"])
    frame["coupon"] = ["A", None, "B", None]
    frame["user.channel"] = ["ads", "ads", "shop", "shop"]
    with workspace_of(frame, as_of="2026-02-01") as workspace:
        for query in (
            PathQuery("buy", JAN, 60, filters=(Filter("coupon", "eq", "A"),)),
            PathQuery("buy", JAN, 60, filters=(Filter("user.channel", "eq", "ads"),)),
            PathQuery(None, JAN, 60, filters=(Filter("user.channel", "eq", "ads"),)),
            PathQuery("buy", JAN, 60, segment=Segment("ads", (Filter("user.channel", "eq", "ads"),))),
            PathQuery("buy", JAN, 60, segment=Segment("list", user_ids=frozenset({"a", "nobody"}))),
        ):
            assert set(steps_by_user(paths.analyze(workspace, query))) == {"a"}


def test_nobody_starts():
    result = asked("a: buy@0 view@1", PathQuery("buy", Period("2026-01-20", "2026-01-21"), 60, levels=2))
    assert result.n_started == 0
    assert result.nodes["users"].tolist() == [0]
    assert len(result.links) == len(result.paths) == 0
    assert np.isnan(result.tie_share)


def test_a_segment_of_nobody_starts_nothing():
    query = PathQuery("buy", JAN, 60, segment=Segment("nobody", user_ids=frozenset()))
    result = asked("a: buy@0 view@1", query)
    assert (result.n_started, result.n_immature, len(result.links)) == (0, 0, 0)


def test_users_without_events_have_paths_that_are_over_at_once():
    users = pd.DataFrame({"user_id": ["a", "b"], "signup_at": ["2026-01-05 00:00:00", "2026-01-05 01:00:00"]})
    with Workspace.memory() as workspace:
        workspace.load(pd.DataFrame(rows_of("a: open@3 view@9"), columns=["user_id", "event", "occurred_at"]),
                       kind="events", as_of="2026-02-01")  # fmt: skip
        workspace.load(users, kind="users", as_of="2026-02-01")
        result = paths.analyze(workspace, PathQuery(None, JAN, 60, levels=2))
        assert steps_by_user(result) == {"a": ("open", "view"), "b": ()}
        check_invariants(result)


@pytest.mark.parametrize("direction", paths.DIRECTIONS)
def test_a_window_longer_than_any_data_leaves_everybody_apart(direction: str):
    result = asked("a: buy@0 view@1", PathQuery("buy", JAN, 10**12, direction=direction))
    assert (result.n_started, result.n_immature) == (0, 1)
    clipped = asked("a: buy@0 view@1", PathQuery("buy", Period("2026-01-05", "2026-01-06"), 10**12, clip=True))
    assert steps_by_user(clipped) == {"a": ("view",)}


def test_everybody_who_started_is_the_first_node():
    result = asked("a: buy@0\nb: buy@0 view@1", PathQuery("buy", JAN, 60))
    assert result.users(0, 0) == ["a", "b"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"start": ()}, "at least one start event"),
        ({"direction": "around"}, "'around'.*after.*before"),
        ({"start": None, "direction": "before"}, "Nothing comes before"),
        ({"start": None, "filters": (Filter("coupon", "eq", "A"),)}, "no start event to filter on"),
        ({"window_seconds": 0}, "longer than 0 seconds"),
        ({"window_seconds": float("nan")}, "longer than 0 seconds"),
        ({"window_seconds": float("inf")}, "longer than 0 seconds"),
        ({"levels": 9}, "1 to 8 steps"),
        ({"shown": 0}, "Between 1 and 12"),
        ({"window_seconds": None}, "longer than 0 seconds"),
        ({"levels": 2.5}, "1 to 8 steps"),
        ({"shown": "3"}, "Between 1 and 12"),
        ({"start": 7}, "at least one start event"),
        ({"period": "2026-01"}, "not a period"),
        ({"segment": "new"}, "not a segment"),
        ({"filters": ("coupon",)}, "not a filter"),
    ],
)
def test_bad_questions_are_refused_in_a_sentence(change: dict, message: str):
    with pytest.raises(QueryError, match=message):
        PathQuery(**{"start": "buy", "period": JAN, "window_seconds": 60} | change)


def test_unknown_names_are_refused_with_the_nearest():
    with pytest.raises(QueryError, match="buy"):
        asked("a: buy@0", PathQuery("bye", JAN, 60))
    with pytest.raises(QueryError, match="view"):
        asked("a: buy@0 view@1", PathQuery("buy", JAN, 60, hidden=("vieww",)))
    with pytest.raises(QueryError, match="has no events yet"):
        paths.analyze(Workspace.memory(), PathQuery("buy", JAN, 60))
    result = asked("a: buy@0 view@1", PathQuery("buy", JAN, 60))
    with pytest.raises(QueryError, match="no node 7 at level 1"):
        result.users(1, 7)
    with pytest.raises(QueryError, match="no path of rank 2"):
        result.users_of_path(2)


def test_a_path_without_collapsing_is_a_strict_funnel(demo_workspace: Workspace):
    # Users whose very next event after their first order of the week is paying: the strict funnel of first entries.
    week = Period("2026-09-07", "2026-09-14")
    result = paths.analyze(
        demo_workspace, PathQuery("submit_order", week, DAY, levels=1, collapse=False, hidden=("push_delivered",))
    )
    paid = result.nodes.query("event == 'pay'")["users"].iloc[0]
    query = funnel.FunnelQuery(("submit_order", "pay"), week, DAY, reentry="first_entry")
    ordered = funnel.analyze(demo_workspace, query)
    strict = funnel.analyze(demo_workspace, funnel.FunnelQuery(("submit_order", "pay"), week, DAY, order="strict",
                                                               reentry="first_entry"))  # fmt: skip
    assert result.n_started == ordered.n_entered
    assert strict.n_converted <= paid <= ordered.n_converted
    assert result.n_started - paid == result.nodes.query("level == 1 and event != 'pay'")["users"].sum()


def test_a_lead_is_told_only_where_it_is_clear():
    # (60 − 40)² = 400 > 1.96² × 100 = 384; (59 − 41)² = 324 is not.
    assert paths.clear_lead(60, 40)
    assert not paths.clear_lead(59, 41)
