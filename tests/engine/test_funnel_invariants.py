"""What must hold for any funnel, whatever its numbers; and the two routes to the same number."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ops_core import Filter, Period, Workspace
from ops_core.analyses import funnel
from ops_core.engine import funnel as engine
from ops_core.engine import funnel_sql, steps
from ops_core.engine.funnel_spec import FunnelSpec, as_steps
from ops_core.errors import EngineError
from ops_core.store import layout
from tests.support import workspace_of

SECOND = 1_000_000
START = int(np.datetime64("2026-01-01", "us").astype(np.int64))
SHIFT_S = 86_400 * 100 + 12_345
HOUR = Period("2026-01-01", "2026-01-01 01:00")
few = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
windows = st.integers(1, 40)
steps_of_three = st.permutations(["a", "b", "c"]) | st.lists(st.sampled_from("abc"), min_size=2, max_size=4)


def shop(events: list[tuple[str, str, int]], shift_s: int = 0) -> Workspace:
    named = [*events, *(("nobody", name, 10_000) for name in "abcx")]
    frame = pd.DataFrame(named, columns=["user_id", "event", "at"])
    frame["occurred_at"] = ((frame.pop("at") + shift_s) * SECOND + START).astype("datetime64[us]")
    frame["user.first"] = frame["user_id"].str[:1]
    return workspace_of(frame, as_of="2027-01-01")


@pytest.fixture(scope="module")
def events() -> list[tuple[str, str, int]]:
    rng = np.random.default_rng(7)
    n = 2_000
    users = np.char.add(rng.choice(["u", "v", "w"], n), rng.integers(0, 100, n).astype(str))
    return list(zip(users.tolist(), rng.choice(list("abcx"), n).tolist(), rng.integers(0, 60, n).tolist(), strict=True))


@pytest.fixture(scope="module")
def workspace(events):
    with shop(events) as made:
        yield made


@pytest.fixture(scope="module")
def shifted(events):
    with shop(events, SHIFT_S) as made:
        yield made


def users(workspace: Workspace, names: list[str], window: float, **options: object) -> list[int]:
    query = funnel.FunnelQuery(tuple(names), options.pop("period", HOUR), window, **options)
    return funnel.analyze(workspace, query).steps["users"].tolist()


def no_more(less: list[int], more: list[int]) -> bool:
    return all(small <= large for small, large in zip(less, more, strict=True))


@few
@given(steps_of_three, windows, windows, st.sampled_from(["ordered", "strict", "unordered"]))
def test_counts_never_rise_and_wider_windows_never_lower_them(workspace, names, window, more, order):
    narrow, wide = (users(workspace, names, seconds, order=order) for seconds in (window, window + more))
    assert narrow == sorted(narrow, reverse=True)
    assert no_more(narrow, wide)


@few
@given(steps_of_three, windows)
def test_stricter_rules_never_help(workspace, names, window):
    free = users(workspace, names, window)
    assert no_more(users(workspace, names, window, order="strict"), free)
    assert no_more(users(workspace, names, window, reentry="first_entry"), free)
    assert no_more(users(workspace, names, window, exclusions=(funnel.Exclusion("x", 1, 2),)), free)
    assert no_more(users(workspace, names, window, clip=True), free)
    assert no_more(free, users(workspace, names, window, order="unordered"))


@few
@given(steps_of_three, windows, st.sampled_from(["ordered", "strict", "unordered"]))
def test_a_shift_in_time_changes_nothing(workspace, shifted, names, window, order):
    start = dt.datetime(2026, 1, 1) + dt.timedelta(seconds=SHIFT_S)
    later = users(shifted, names, window, order=order, period=Period(start, start + dt.timedelta(hours=1)))
    assert users(workspace, names, window, order=order) == later


@few
@given(steps_of_three, windows)
def test_groups_partition_the_users(workspace, names, window):
    query = funnel.FunnelQuery(tuple(names), HOUR, window, breakdown="user.first", top=2)
    table = funnel.analyze(workspace, query).steps
    assert table["group"].nunique() == 3
    assert table.groupby("step")["users"].sum().tolist() == users(workspace, names, window)


@few
@given(st.permutations(["a", "b", "c", "x"]), st.integers(2, 4), windows)
def test_the_portable_route_agrees(workspace, names, n_steps, window):
    spec = FunnelSpec(as_steps(names[:n_steps]), START, START + 50 * SECOND, window * SECOND)
    keys, depths = funnel_sql.depths(workspace.store, spec)
    found = engine.answer(workspace.store, spec).counted
    assert dict(zip(keys.tolist(), depths.tolist(), strict=True)) == dict(
        zip(found.user_keys.tolist(), found.depth.tolist(), strict=True)
    )


def test_the_portable_route_counts_users_not_attempts():
    with shop([("u", "a", 1)]) as workspace:
        spec = FunnelSpec(as_steps(("a", "b")), START, START + 3600 * SECOND, 60 * SECOND, reentry="every_attempt")
        with pytest.raises(EngineError, match="counts users, not every attempt"):
            funnel_sql.depths(workspace.store, spec)


def many_users(n_users: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    n_rows = 12 * n_users
    at = START + rng.integers(0, 90 * 86_400 * SECOND, n_rows)
    return pd.DataFrame(
        {
            "user_id": np.char.add("u", rng.integers(0, n_users, n_rows).astype(str)),
            "event": rng.choice(["a", "b", "c", "x"], n_rows),
            "occurred_at": at.astype("datetime64[us]"),
        }
    )


def test_blocks_of_users_do_not_change_the_answer(monkeypatch):
    with workspace_of(many_users(1_000, 1), as_of="2027-01-01") as workspace:
        spec = FunnelSpec(as_steps(("a", "b", "c")), START, START + 80 * 86_400 * SECOND, 7 * 86_400 * SECOND)
        whole = {}
        layouts = [steps.layout_of(workspace.store, bits) for bits in (3, 8, 20)]
        assert [one.n_blocks for one in layouts] == [125, 4, 1]
        for one in layouts:
            monkeypatch.setattr(steps, "layout_of", lambda _, chosen=one: chosen)
            for order in ("ordered", "strict", "unordered"):
                found = engine.answer(workspace.store, replace(spec, order=order)).counted
                answer = (found.user_keys.tolist(), found.at_us.tolist())
                assert whole.setdefault(order, answer) == answer


def test_several_imports_answer_like_one():
    frame = many_users(300, 2)
    spec = FunnelSpec(as_steps(("a", "b", "c")), START, START + 80 * 86_400 * SECOND, 7 * 86_400 * SECOND)
    first, second = frame.iloc[::2], frame.iloc[1::2]
    with workspace_of(first, as_of="2027-01-01") as several, workspace_of(frame, as_of="2027-01-01") as one:
        before = engine.answer(several.store, spec).counted.reached.sum(axis=1)
        with several.store.write() as cursor:
            cursor.register("rows_in", second.assign(value=None, event_id=None))
            cursor.execute(
                "CREATE TEMP TABLE incoming_events AS SELECT user_id, event, occurred_at::TIMESTAMP AS occurred_at,"
                " NULL::DECIMAL(18, 6) AS value, NULL::VARCHAR AS event_id FROM rows_in"
            )
            layout.append_events(cursor, 2, [])
            layout.rebuild_users(cursor, several.rules)
        after = engine.answer(several.store, spec).counted.reached.sum(axis=1)
        assert after.tolist() == engine.answer(one.store, spec).counted.reached.sum(axis=1).tolist()
        assert after.tolist() != before.tolist()


def test_three_centuries_are_exact_to_the_microsecond():
    # 280 years of µs take 53 bits: few users fit in a block, none of the digits is lost.
    frame = pd.DataFrame(
        [("old", "a", "1750-01-01 00:00:00.000001"), ("u", "a", "2026-01-02 00:00:00.000001"),
         ("u", "b", "2026-01-02 00:01:00.000001"), ("v", "a", "2026-01-02 00:00:00.000001"),
         ("v", "b", "2026-01-02 00:01:00.000002")],
        columns=["user_id", "event", "occurred_at"],
    )  # fmt: skip
    frame["occurred_at"] = frame["occurred_at"].astype("datetime64[us]")
    with workspace_of(frame, as_of="2027-01-01") as workspace:
        assert steps.layout_of(workspace.store).time_bits >= 54
        assert users_of_minute(workspace) == [2, 1]


def users_of_minute(workspace: Workspace) -> list[int]:
    query = funnel.FunnelQuery(("a", "b"), Period("2026-01-01", "2026-02-01"), 60)
    return funnel.analyze(workspace, query).steps["users"].tolist()


def test_a_filter_on_the_user_is_a_filter_on_who_enters():
    with shop([("u", "a", 1), ("v", "a", 1), ("v", "b", 2)]) as workspace:
        assert users(workspace, ["a", "b"], 60, filters=(Filter("user.first", "eq", "v"),)) == [1, 1]
