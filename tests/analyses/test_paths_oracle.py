"""Paths agree, user for user, with plain Python on random events, and what must always hold of their tables."""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter

import pandas as pd
import pytest

from ops_core import Period, Workspace
from ops_core.analyses import paths
from ops_core.analyses.paths import ENDED, START, PathQuery
from ops_core.engine import path_steps
from tests.oracles.paths import moves, paths_of
from tests.support import workspace_of
from tests.support_paths import check_invariants, steps_by_user

DAY = 86_400
US = 1_000_000


def random_rows(rng: random.Random) -> list[tuple[str, str, dt.datetime]]:
    """A few users, few events, times that often share an instant or differ by a µs."""
    begin = dt.datetime(2026, 1, 1)
    moments = [rng.randrange(40) for _ in range(12)]
    return [
        (f"u{rng.randrange(6)}", rng.choice("abcd"),
         begin + dt.timedelta(seconds=rng.choice(moments), microseconds=rng.choice([0, 0, 0, 1, 999_999])))
        for _ in range(rng.randrange(1, 50))
    ]  # fmt: skip


def test_random_tables_agree_with_plain_python(monkeypatch: pytest.MonkeyPatch):
    rng = random.Random(7)
    base = int(pd.Timestamp("2026-01-01").value // 1000)
    for _ in range(12):
        monkeypatch.setattr(path_steps, "_BLOCK_ROWS", rng.choice([1, 5, 1_000_000]))
        rows = random_rows(rng)
        as_of_s = rng.choice([20, 30, 60, DAY])
        with workspace_of(rows, as_of=str(pd.Timestamp("2026-01-01") + pd.Timedelta(as_of_s, "s"))) as workspace:
            plain = [(user, event, int(pd.Timestamp(at).value // 1000)) for user, event, at in rows]
            names = sorted({event for _, event, _ in rows})
            for _ in range(8):
                first, length = rng.randrange(0, 30), rng.randrange(1, 40)
                begin = dt.datetime(2026, 1, 1) + dt.timedelta(seconds=first)
                options = {"collapse": rng.random() < 0.5, "clip": rng.random() < 0.5, "levels": rng.randrange(1, 6)}
                hidden = frozenset(rng.sample(names, rng.randrange(0, 2)))
                starts = tuple(rng.sample(names, min(len(names), rng.choice([1, 1, 2]))))
                after, window = rng.random() < 0.5, rng.choice([0.000001, 3, 10, 25])
                query = PathQuery(
                    starts, Period(begin, begin + dt.timedelta(seconds=length)), window,
                    direction="after" if after else "before", hidden=tuple(hidden), shown=12, **options,
                )  # fmt: skip
                result = paths.analyze(workspace, query)
                period = (base + first * US, base + (first + length) * US)
                wanted, unripe = paths_of(
                    plain, set(starts), period, round(window * US), known=(base, base + as_of_s * US), after=after,
                    hidden=hidden, **options,
                )  # fmt: skip
                assert steps_by_user(result) == wanted
                assert result.n_immature == len(unripe)
                assert told_moves(result) == moves(wanted, options["levels"])
                check_invariants(result)


def told_moves(result: paths.PathResult) -> Counter:
    names = {START: "(start)", ENDED: None}
    return Counter(
        {
            (row.level, names.get(row.source_kind, row.source_event), names.get(row.target_kind, row.target_event)):
            row.users for row in result.links.itertuples()
        }
    )  # fmt: skip


def test_folding_and_fewer_levels_only_summarise(demo_workspace: Workspace):
    week = Period("2026-09-07", "2026-09-14")
    fine = paths.analyze(demo_workspace, PathQuery("view_item", week, DAY, levels=4, shown=12))
    coarse = paths.analyze(demo_workspace, PathQuery("view_item", week, DAY, levels=2, shown=1))
    for result in (fine, coarse):
        check_invariants(result)
    assert fine.n_started == coarse.n_started
    wanted = Counter()
    for row in fine.paths.itertuples():
        wanted[row.steps[:2]] += row.users
    assert dict(zip(coarse.paths["steps"], coarse.paths["users"], strict=True)) == dict(wanted)
