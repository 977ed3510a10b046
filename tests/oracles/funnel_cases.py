"""Random funnels on random tables: each table is a few users of its own, so that one workspace holds them all."""

from __future__ import annotations

import random
from collections import defaultdict

import pandas as pd

from ops_core import Filter
from ops_core.engine.funnel_spec import Exclusion, FunnelSpec, Step
from tests.oracles import funnel as oracle

SECOND = 1_000_000
START = 1_767_225_600 * SECOND  # 2026-01-01 00:00 UTC
ZONE = "America/New_York"
EVENTS = ("a", "b", "c", "d", "x")
UNIT = 3 * 3600 * SECOND  # so that attempts cross local midnights
_LENGTH = 12  # units


def table(rng: random.Random, number: int) -> list[oracle.Row]:
    """One table: 2 or 3 users with up to 8 events; coarse times are full of ties, fine ones have hardly any."""
    fine = rng.choice([1, 1, 4, 60])
    names = (*EVENTS[: rng.choice([2, 3, 5])], "x")
    return [
        {
            "user": f"t{number:05d}.{user}", "table": number, "event": rng.choice(names),
            "at": START + rng.randint(0, _LENGTH * fine) * UNIT // fine,
            "p": rng.choice(["u", "v", None]), "n": rng.randint(0, 3), "user.g": f"g{user}",
        }
        for user in range(rng.choice([2, 3]))
        for _ in range(rng.randint(1, 8))
    ]  # fmt: skip


def tables(seed: int, n_tables: int) -> list[list[oracle.Row]]:
    """All tables of a seed."""
    rng = random.Random(seed)
    return [table(rng, number) for number in range(n_tables)]


def frame(many: list[list[oracle.Row]]) -> pd.DataFrame:
    """All tables as one frame for `workspace_of`, in an order that says nothing."""
    rows = [row for one in many for row in one]
    random.Random(0).shuffle(rows)
    found = pd.DataFrame(rows).drop(columns="table").rename(columns={"user": "user_id", "at": "occurred_at"})
    return found.assign(occurred_at=found["occurred_at"].astype("datetime64[us]"))


def spec(rng: random.Random) -> FunnelSpec:
    """Any funnel: shared events, repeats, optional steps, filters, exclusions, holds, windows, re-entry, as-of."""
    n_steps = rng.choice([2, 2, 3, 3, 4])
    order = rng.choice(["ordered", "ordered", "ordered", "strict", "unordered"])
    names = [_event(rng) for _ in range(n_steps)] if rng.random() < 0.6 else rng.sample(EVENTS[:4], n_steps)
    steps = tuple(
        Step(name, _filters(rng), number > 0 and order != "unordered" and rng.random() < 0.25)
        for number, name in enumerate(names)
    )
    exclusions = []
    for _ in range(rng.choice([0, 0, 1, 1, 2])):
        first, last = (1, n_steps) if order == "unordered" else sorted(rng.sample(range(1, n_steps + 1), 2))
        exclusions.append(Exclusion(rng.choice(["x", "x", "d", ("x", "c"), None]), first, last, _filters(rng)))
    return FunnelSpec(
        steps=steps,
        start_us=START + rng.choice([0, 0, 2]) * UNIT,
        end_us=START + rng.choice([6, 20]) * UNIT,
        window_us=rng.choice([None, UNIT // 2, 2 * UNIT, 4 * UNIT, 30 * UNIT]),
        order=order,
        clip=rng.random() < 0.2,
        exclusions=tuple(exclusions),
        on_exclusion=rng.choice(["cut", "drop"]),
        hold_constant=rng.choice([None, None, "p"]),
        filters=rng.choice([(), (), (), (Filter("p", "ne", "v"),)]),
        reentry=rng.choice(["deepest", "deepest", "first_entry", "every_attempt"]),
        as_of_us=rng.choice([None, START + 9 * UNIT]),
        quick=rng.random() < 0.2,
    )


def _event(rng: random.Random) -> str | tuple[str, ...] | None:
    kind = rng.choice(["plain"] * 4 + ["several", "any"])
    return {"plain": rng.choice(EVENTS[:4]), "several": tuple(rng.sample(EVENTS[:4], 2)), "any": None}[kind]


def _filters(rng: random.Random) -> tuple[Filter, ...]:
    return rng.choice([()] * 6 + [(Filter("n", "gt", 0),), (Filter("user.g", "eq", "g0"),)])


def by_user(rows: list[tuple[str, object]]) -> dict[str, list[object]]:
    """Lists of what was found per user, sorted: an order of attempts is no part of the answer."""
    found = defaultdict(list)
    for user, one in rows:
        found[user].append(one)
    return {user: sorted(many, key=repr) for user, many in found.items()}
