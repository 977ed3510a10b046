"""Killed at any instant: what was acknowledged is there, whole; what was not leaves no trace."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import pandas as pd
import pytest

from ops_core import Workspace

ROUNDS = 3
ROWS = 200
_WORK = """
import sys, pandas as pd
from ops_core import Workspace
with Workspace.open(sys.argv[1]) as workspace:
    start = int(sys.argv[2])
    for number in range(start, start + 1000):
        rows = range(200)
        frame = pd.DataFrame({"user_id": [f"u{row % 40}" for row in rows], "event": "e", "value": "1",
                              "time": [f"2026-01-{1 + row % 28:02d} 10:00:{row % 60:02d}" for row in rows],
                              "mark": [f"{number}-{row}" for row in rows]})
        batch = workspace.load(frame, kind="events").batch_id
        print(batch, flush=True)
        if number % 3 == 2:
            workspace.undo(batch)
            print(-batch, flush=True)
"""


def test_kill_at_any_instant(tmp_path: Path):
    path, chance, acknowledged = tmp_path / "crash.duckdb", random.Random(7), []
    for turn in range(ROUNDS):
        command = [sys.executable, "-c", _WORK, str(path), str(turn * 1000)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as worker:
            told = [worker.stdout.readline()]
            timer = threading.Timer(chance.uniform(0.05, 1.5), worker.kill)
            timer.start()
            told += worker.stdout.readlines()
            timer.cancel()
        acknowledged += [int(line) for line in told if line.endswith("\n")]
        began = time.monotonic()
        with Workspace.open(path) as workspace:
            assert time.monotonic() - began < 20
            _check(workspace, acknowledged)


def _check(workspace: Workspace, acknowledged: list[int]) -> None:
    undone = {-batch for batch in acknowledged if batch < 0}
    live = set(workspace.batches()["batch_id"])
    # One more import or undo may have been finished and not yet told.
    assert {batch for batch in acknowledged if batch > 0} - undone - live <= {max(map(abs, acknowledged))}
    assert not undone & live
    with workspace.store.cursor() as cursor:
        counts = dict(cursor.execute("SELECT batch_id, count(*) FROM events GROUP BY 1").fetchall())
        n_days = cursor.execute("SELECT sum(n_events) FROM user_days").fetchone()[0]
        n_users = cursor.execute("SELECT sum(n_events) FROM users").fetchone()[0]
    assert counts == dict.fromkeys(live, ROWS)
    assert n_days == n_users == ROWS * len(live)


@pytest.mark.parametrize("n_loads", [4])
def test_a_backup_made_while_others_write_is_one_instant(tmp_path: Path, n_loads: int):
    with Workspace.open(tmp_path / "busy.duckdb") as workspace:
        frame = pd.DataFrame({"user_id": ["a", "b"], "event": "e", "time": ["2026-01-01", "2026-01-02"]})
        workspace.load(frame.assign(mark="0"))

        def write() -> None:
            for number in range(1, n_loads + 1):
                workspace.load(frame.assign(mark=str(number)))

        writer = threading.Thread(target=write)
        writer.start()
        copies = [workspace.backup(tmp_path / f"copy{number}.duckdb") for number in range(3)]
        writer.join()
        assert len(workspace.batches()) == n_loads + 1
    for copy in copies:
        with Workspace.open(copy) as restored, restored.store.cursor() as cursor:
            n_batches = len(restored.batches())
            assert 1 <= n_batches <= n_loads + 1
            assert cursor.execute("SELECT count(*) FROM events").fetchone()[0] == 2 * n_batches
            assert cursor.execute("SELECT sum(n_events) FROM user_days").fetchone()[0] == 2 * n_batches
