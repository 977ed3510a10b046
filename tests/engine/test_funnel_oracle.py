"""The funnel engine against the plain-Python oracle: random tables full of ties, repeats and missing values."""

from __future__ import annotations

import os
import random

import pandas as pd
import pytest

from ops_core import Filter
from ops_core.engine import funnel as engine
from ops_core.engine.funnel_spec import Exclusion, FunnelSpec, Step
from tests.oracles import funnel as oracle
from tests.support import workspace_of

SECOND = 1_000_000
START = 1_767_225_600 * SECOND  # 2026-01-01 00:00 UTC
EVENTS = ("a", "b", "c", "d", "x")
ZONE = "Asia/Shanghai"
N_USERS = int(os.environ.get("OPSDECK_ORACLE_USERS", "100"))
N_SPECS = int(os.environ.get("OPSDECK_ORACLE_SPECS", "24"))


def random_rows(seed: int, n_users: int, step_s: int) -> list[oracle.Row]:
    rng = random.Random(seed)
    fine = rng.choice([1, 1, 50])  # coarse times are full of ties, fine ones have hardly any
    rows = [
        {
            "user": f"u{user:04d}",
            "event": rng.choice(EVENTS),
            "at": START + rng.randint(0, 12 * fine) * step_s * SECOND // fine,
            "p": rng.choice(["u", "v", None]),
            "n": rng.randint(0, 3),
        }
        for user in range(n_users)
        for _ in range(rng.randint(1, 8))
    ]
    rng.shuffle(rows)
    return rows


def random_spec(rng: random.Random, step_s: int) -> FunnelSpec:
    n_steps = rng.choice([2, 2, 3, 3, 4])
    order = rng.choice(["ordered", "ordered", "ordered", "strict", "unordered"])

    def event(overlapping: bool) -> object:
        kinds = ["plain"] * 4 + (["several", "any"] if overlapping else [])
        kind = rng.choice(kinds)
        return {"plain": rng.choice(EVENTS[:4]), "several": tuple(rng.sample(EVENTS[:4], 2)), "any": None}[kind]

    overlapping = rng.random() < 0.5
    names = [event(True) for _ in range(n_steps)] if overlapping else rng.sample(EVENTS[:4], n_steps)
    filters = [(Filter("n", "gt", 0),) if rng.random() < 0.15 else () for _ in names]
    optional = [i > 0 and order != "unordered" and rng.random() < 0.2 for i in range(n_steps)]
    steps = tuple(Step(*parts) for parts in zip(names, filters, optional, strict=True))
    exclusions = []
    for _ in range(rng.choice([0, 0, 1, 1, 2])):
        first, last = (1, n_steps) if order == "unordered" else sorted(rng.sample(range(1, n_steps + 1), 2))
        exclusions.append(Exclusion(rng.choice(["x", "x", "d", ("x", "c")]), first, last))
    start = START + rng.choice([0, 0, 2]) * step_s * SECOND
    end = START + rng.choice([6, 20]) * step_s * SECOND
    return FunnelSpec(
        steps=steps,
        start_us=start,
        end_us=end,
        window_us=rng.choice([None, 2, 4, 30]) and rng.choice([2, 4, 30]) * step_s * SECOND,
        order=order,
        clip=rng.random() < 0.2,
        exclusions=tuple(exclusions),
        on_exclusion=rng.choice(["cut", "drop"]),
        hold_constant=rng.choice([None, None, "p"]),
        filters=(Filter("p", "ne", "v"),) if rng.random() < 0.1 else (),
        reentry=rng.choice(["deepest", "deepest", "first_entry"]),
        as_of_us=rng.choice([None, START + 9 * step_s * SECOND]),
        quick=rng.random() < 0.2,
    )


def as_answers(found: engine.FunnelAnswer, ids: list[str]) -> tuple[dict, dict, int]:
    counted = {}
    for place, key in enumerate(found.counted.user_keys):
        at = {s: int(t) for s, t in enumerate(found.counted.at_us[:, place]) if t != engine.NEVER_US}
        counted[ids[key]] = (int(found.counted.depth[place]), at)
    immature = {ids[k]: int(d) for k, d in zip(found.immature.user_keys, found.immature.depth, strict=True)}
    return counted, immature, found.n_dropped


@pytest.mark.parametrize("seed", range(N_SPECS))
def test_engine_answers_like_the_oracle(seed: int):
    rng = random.Random(seed)
    step_s = rng.choice([1, 3 * 3600])
    rows = random_rows(seed, N_USERS, step_s)
    frame = pd.DataFrame(rows).rename(columns={"user": "user_id", "at": "occurred_at"})
    frame["occurred_at"] = frame["occurred_at"].astype("datetime64[us]")
    with workspace_of(frame, time_zone=ZONE) as workspace:
        with workspace.store.cursor() as cursor:
            ids = [row[0] for row in cursor.execute("SELECT user_id FROM user_keys ORDER BY user_key").fetchall()]
        for _ in range(6):
            spec = random_spec(rng, step_s)
            assert as_answers(engine.answer(workspace.store, spec), ids) == oracle.answer(rows, spec, ZONE), spec
