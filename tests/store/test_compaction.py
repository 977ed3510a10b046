"""Compaction changes where rows lie, and nothing else."""

from __future__ import annotations

import pandas as pd

from ops_core import Workspace
from ops_core.store.compaction import compact, n_runs

_ROWS = "SELECT * FROM events ORDER BY ALL"
_PLACES = "SELECT event_code, user_key, occurred_at FROM events"


def week(number: int) -> pd.DataFrame:
    rows = [
        (f"u{user}", event, f"2026-01-{number:02d} 10:{user:02d}") for user in range(9) for event in ("view", "pay")
    ]
    return pd.DataFrame(rows, columns=["user_id", "event", "time"]).assign(value="1.5", channel=f"c{number}")


def test_runs_become_one_and_no_row_changes(tmp_path):
    with Workspace.open(tmp_path / "shop.duckdb") as workspace:
        store = workspace.store
        assert (n_runs(store), compact(store)) == (0, False)
        for number in (5, 3, 9):
            workspace.load(week(number))
        with store.cursor() as cursor:
            before = cursor.execute(_ROWS).fetchall()
        assert n_runs(store) == 3
        assert compact(store)
        with store.cursor() as cursor:
            assert cursor.execute(_ROWS).fetchall() == before
            places = cursor.execute(_PLACES).fetchall()
            assert places == sorted(places)
        assert n_runs(store) == 1
        assert not compact(store)
        workspace.undo(2)  # batches can still be told apart
        assert int(workspace.event_names()["n_events"].sum()) == 36
        assert workspace.load(week(3)).rows_loaded == 18
