"""Killed at any instant, a workspace keeps what it acknowledged and nothing half-done.

`OPSDECK_CRASHES=1000` chooses another number of rounds.
"""

from __future__ import annotations

import os
from pathlib import Path

from benchmarks import crash, crash_work
from ops_core import Workspace

ROUNDS = int(os.environ.get("OPSDECK_CRASHES", "25"))


def test_kill_nine_loses_nothing_and_leaves_nothing_half_done():
    tally = crash.run(ROUNDS)
    assert tally.rounds == ROUNDS
    assert (tally.lost, tally.partial, tally.bad_backups, tally.refused) == (0, 0, 0, [])
    assert sum(tally.kills.values()) >= ROUNDS / 4, "most kills came between two deeds"
    # Wall time says little on a busy machine; opening is one process.
    assert max(tally.open_cpu_seconds) < crash.USABLE_SECONDS


def test_the_check_sees_what_is_missing(tmp_path: Path):
    path = tmp_path / "shop.duckdb"
    with Workspace.open(path) as workspace:
        first, second = (workspace.load(crash_work.write_file(tmp_path, number)).batch_id for number in (1, 2))
    tally = crash.Tally()
    crash.check(path, crash.Expected(batches={first, second}), tally)
    assert tally.is_clean
    with Workspace.open(path) as workspace:
        workspace.undo(first)
        with workspace.store.write() as cursor:
            cursor.execute("DELETE FROM events WHERE batch_id = $batch AND value = 3", {"batch": second})
    crash.check(path, crash.Expected(batches={first, second}), tally)
    assert (tally.lost, tally.partial) == (1, 2)  # a batch gone; another with fewer rows, and totals that disagree
