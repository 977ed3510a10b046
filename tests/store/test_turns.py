"""Many people ask while one imports: every answer is of the data before or of the data after, never of a mixture."""

from __future__ import annotations

import threading
import time

import numpy as np
import pandas as pd

from ops_core import Period, Workspace
from ops_core.analyses import funnel, lifecycle, retention
from ops_core.store.turns import Turns

MONTH = Period("2026-01-01", "2026-02-01")


def events(seed: int, n: int = 1_500) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "user_id": np.char.add("u", draw.integers(0, 200, n).astype(str)),
            "event": draw.choice(["view", "cart", "pay"], n),
            "occurred_at": pd.Timestamp("2026-01-01") + pd.to_timedelta(draw.integers(0, 20 * 86_400, n), unit="s"),
            "client": draw.choice(["ios", "web"], n),
        }
    )


def answers(workspace: Workspace) -> tuple[tuple[float, ...], ...]:
    query = funnel.FunnelQuery(("view", "cart", "pay"), MONTH, 3_600, breakdown="client")
    flow = lifecycle.analyze(workspace, lifecycle.LifecycleQuery(MONTH, "day")).flow
    cells = retention.analyze(workspace, retention.RetentionQuery(MONTH, "day", 3, "view", "pay")).cells
    return (
        tuple(funnel.analyze(workspace, query).steps["users"]),
        tuple(flow["active"]),
        tuple(cells["returned"].fillna(-1)),
    )


def test_twenty_readers_never_see_half_an_import(tmp_path):
    with Workspace.open(tmp_path / "busy.duckdb") as workspace:
        workspace.load(events(1), as_of="2026-03-01")
        before = answers(workspace)
        batch = workspace.load(events(2), as_of="2026-03-01").batch_id
        after = answers(workspace)
        workspace.undo(batch)
        assert answers(workspace) == before != after

        wrong: list[object] = []
        done = threading.Event()

        def ask() -> None:
            while not done.wait(0.02):
                try:
                    found = answers(workspace)
                    wrong.extend(set(found) - set(before) - set(after))
                except (ValueError, IndexError, KeyError) as error:
                    wrong.append(error)

        readers = [threading.Thread(target=ask) for _ in range(20)]
        for reader in readers:
            reader.start()
        workspace.undo(workspace.load(events(2), as_of="2026-03-01").batch_id)
        done.set()
        for reader in readers:
            reader.join()
        assert wrong == []


def test_a_commit_waits_for_those_who_read_and_goes_before_those_who_come_later():
    turns, order, began = Turns(), [], threading.Event()

    def commit() -> None:
        began.set()
        with turns.committing():
            order.append("commit")

    def read_later() -> None:
        with turns.reading():
            order.append("later")

    with turns.reading():
        committer = threading.Thread(target=commit)
        committer.start()
        began.wait()
        time.sleep(0.05)
        later = threading.Thread(target=read_later)
        later.start()
        with turns.reading():  # a part of the same reading: it does not queue behind the commit
            time.sleep(0.05)
        order.append("first")
    committer.join()
    later.join()
    assert order == ["first", "commit", "later"]


def test_who_reads_may_also_commit():
    turns = Turns()
    with turns.reading(), turns.committing():
        pass
    with turns.committing():
        pass
