"""Several routes to one number: the kernel, plain Python, portable SQL and ClickHouse's own function."""

from __future__ import annotations

import os
import random
from dataclasses import replace

import pytest

from ops_core.engine import funnel as engine
from ops_core.engine import funnel_sql
from ops_core.engine.funnel_spec import FunnelSpec, Step
from ops_core.model import Filter
from tests.oracles import funnel as oracle
from tests.oracles import funnel_cases as cases
from tests.support import workspace_of

N_TABLES = int(os.environ.get("OPSDECK_TABLES", "2000"))
SEED = int(os.environ.get("OPSDECK_SEED", "20260101"))
HOUR = 3600 * cases.SECOND
ROUNDS, SPECS = 6, 40  # each table is asked once per round, by one of that round's funnels


@pytest.fixture(scope="module")
def tables() -> list[list[oracle.Row]]:
    return cases.tables(SEED, N_TABLES)


@pytest.fixture(scope="module")
def store(tables):
    with workspace_of(cases.frame(tables), time_zone=cases.ZONE) as workspace:
        yield workspace.store


@pytest.fixture(scope="module")
def ids(store) -> list[str]:
    with store.cursor() as cursor:
        return [row[0] for row in cursor.execute("SELECT user_id FROM user_keys ORDER BY user_key").fetchall()]


@pytest.mark.parametrize("round_number", range(ROUNDS))
def test_the_kernel_answers_like_plain_python(tables, store, ids, round_number: int):
    rng = random.Random(SEED + round_number)
    for number in range(SPECS):
        spec = cases.spec(rng)
        rows = [row for one in tables[number::SPECS] for row in one]
        asked = {row["user"] for row in rows}
        found = engine.answer(store, spec)
        counted, immature = (attempts_of(part, ids, asked) for part in (found.counted, found.immature))
        if spec.reentry == "every_attempt":
            wanted, early = oracle.every_attempt(rows, spec, cases.ZONE)
            assert counted == cases.by_user([(user, (depth, at)) for user, depth, at in wanted]), spec
            assert immature == cases.by_user([(user, (depth, at)) for user, depth, at in early]), spec
            continue
        wanted, early, _ = oracle.answer(rows, spec, cases.ZONE)
        assert counted == {user: [answer] for user, answer in wanted.items()}, spec
        assert {user: one[0][0] for user, one in immature.items()} == early, spec


@pytest.mark.parametrize("first_hour", [0, 5, 22])
def test_data_that_span_a_few_hours_are_asked_by_natural_days(first_hour: int):
    # The first local day begins long before the data, in New York the one of 22:00 there, too.
    rows = [row for one in cases.tables(SEED + 7, 40) for row in one]
    rows = [{**row, "at": row["at"] + first_hour * HOUR - (row["at"] - cases.START) * 17 // 18} for row in rows]
    rng = random.Random(SEED)
    with workspace_of(cases.frame([rows]), time_zone=cases.ZONE) as evening:
        with evening.store.cursor() as cursor:
            ids = [row[0] for row in cursor.execute("SELECT user_id FROM user_keys ORDER BY user_key").fetchall()]
        for _ in range(40):
            spec = replace(cases.spec(rng), window_us=None, reentry="deepest", start_us=cases.START, as_of_us=None)
            found = attempts_of(engine.answer(evening.store, spec).counted, ids, set(ids))
            wanted, _, _ = oracle.answer(rows, spec, cases.ZONE)
            assert found == {user: [answer] for user, answer in wanted.items()}, spec


def test_the_portable_route_answers_funnels_of_every_kind(store):
    # Ties, repeats, optional steps, exclusions, held values, clipping, natural days, any and strict order, as-of.
    rng = random.Random(SEED + 100)
    for _ in range(20):
        spec = cases.spec(rng)
        spec = replace(spec, reentry="deepest" if spec.reentry == "every_attempt" else spec.reentry)
        found = engine.answer(store, spec).counted
        keys, depths = funnel_sql.depths(store, spec)
        assert (keys.tolist(), depths.tolist()) == (found.user_keys.tolist(), found.depth.tolist()), spec


def attempts_of(journeys: engine.Journeys, ids: list[str], asked: set[str]) -> dict[str, list[object]]:
    """User → (depth, {step: µs}) of each of their attempts; only the users asked for."""
    rows = []
    for place, key in enumerate(journeys.user_keys):
        if ids[key] in asked:
            at = {step: int(us) for step, us in enumerate(journeys.at_us[:, place]) if us != engine.NEVER_US}
            rows.append((ids[key], (int(journeys.depth[place]), at)))
    return cases.by_user(rows)


def test_the_portable_route_answers_like_the_kernel(store):
    rng = random.Random(SEED)
    for _ in range(25):
        names = rng.sample(cases.EVENTS, rng.choice([2, 3, 4]))
        filters = [rng.choice([(), (), (Filter("n", "gt", 0),)]) for _ in names]
        spec = FunnelSpec(
            tuple(Step(*parts) for parts in zip(names, filters, strict=True)),
            cases.START + rng.choice([0, 2]) * cases.UNIT, cases.START + rng.choice([6, 20]) * cases.UNIT,
            rng.choice([1, 2, 4, 30]) * cases.UNIT, filters=rng.choice([(), (Filter("p", "ne", "v"),)]),
        )  # fmt: skip
        found = engine.answer(store, spec).counted
        keys, depths = funnel_sql.depths(store, spec)
        assert (keys.tolist(), depths.tolist()) == (found.user_keys.tolist(), found.depth.tolist()), spec
