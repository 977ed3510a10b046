"""The kernel against ClickHouse's own `windowFunnel` in `strict_once` mode, where its engine is installed."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from ops_core import Workspace
from ops_core.engine import funnel as engine
from ops_core.engine.funnel_spec import FunnelSpec, as_steps
from tests.support import workspace_of

chdb = pytest.importorskip("chdb", reason="ClickHouse's engine (chdb, extra `bench`) is not installed: NOT COMPARED")

SECOND = 1_000_000
START = int(np.datetime64("2026-01-01", "us").astype(np.int64))
DAY = 86_400
N_USERS, PER_USER = 10_000, 10
ALL_TIME = {"start_us": START, "end_us": START + 100 * DAY * SECOND}


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    """10,000 users over 30 days in steps of 2 hours: ties and repeats in plenty."""
    rng = np.random.default_rng(20_260_101)
    n_rows = N_USERS * PER_USER
    return pd.DataFrame(
        {
            "user_id": rng.integers(0, N_USERS, n_rows).astype(str),
            "event": rng.choice(list("abcdx"), n_rows),
            "occurred_at": (START + rng.integers(0, 360, n_rows) * 7_200 * SECOND).astype("datetime64[us]"),
        }
    )


@pytest.fixture(scope="module")
def workspace(frame):
    with workspace_of(frame, as_of="2027-01-01") as made:
        yield made


@pytest.fixture(scope="module")
def csv(frame, tmp_path_factory):
    path = tmp_path_factory.mktemp("clickhouse") / "events.csv"
    at_us = frame["occurred_at"].astype("int64")
    frame.assign(occurred_at=at_us).to_csv(path, index=False)
    return path


def by_clickhouse(csv, names: tuple[str, ...], window_us: int) -> dict[str, int]:
    conditions = ", ".join(f"event = '{name}'" for name in names)
    statement = f"""
        SELECT user_id, windowFunnel({window_us}, 'strict_once')(occurred_at, {conditions}) AS depth
        FROM file('{csv}', CSVWithNames, 'user_id String, event String, occurred_at UInt64')
        GROUP BY user_id HAVING depth > 0
    """  # noqa: S608
    users, depths = json.loads(str(chdb.query(statement, "JSONCompactColumns")))
    return dict(zip(users, map(int, depths), strict=True))


def by_kernel(workspace: Workspace, names: tuple[str, ...], window_us: int) -> dict[str, int]:
    found = engine.answer(workspace.store, FunnelSpec(as_steps(names), window_us=window_us, **ALL_TIME)).counted
    with workspace.store.cursor() as cursor:
        ids = [row[0] for row in cursor.execute("SELECT user_id FROM user_keys ORDER BY user_key").fetchall()]
    return {ids[key]: int(depth) for key, depth in zip(found.user_keys, found.depth, strict=True)}


@pytest.mark.parametrize(
    ("names", "days"),
    [
        (("a", "b"), 1 / 12),
        (("a", "b", "c"), 3),
        (("d", "c", "b", "a"), 20),
        (("a", "a"), 3),
        (("a", "a", "b"), 20),
        (("a", "b", "a"), 3),
    ],
)
def test_the_kernel_answers_like_clickhouse(workspace, csv, names: tuple[str, ...], days: float):
    window_us = int(days * DAY * SECOND)
    assert by_kernel(workspace, names, window_us) == by_clickhouse(csv, names, window_us)
