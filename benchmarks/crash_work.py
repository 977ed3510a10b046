"""The process that gets killed: it does one thing after another and acknowledges each through a pipe."""

from __future__ import annotations

import datetime as dt
import random
from multiprocessing.connection import Connection
from pathlib import Path

from ops_core import Period, Workspace
from ops_core.store.compaction import compact

ROWS_PER_FILE = 120


def write_file(folder: Path, number: int) -> Path:
    """A file of events that no other number's file shares a row with."""
    path = folder / f"{number}.csv"
    lines = []
    for row in range(ROWS_PER_FILE):
        user, event = f"u{(row * 7 + number) % 41}", "view" if row % 3 else "pay"
        day = f"2026-{number % 12 + 1:02d}-{row % 27 + 1:02d}"
        lines.append(f"{user},{event},{day} 10:{row // 60:02d}:{row % 60:02d},{row % 5},{number}")
    path.write_text("user_id,event,occurred_at,value,file\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return path


def work(pipe: Connection, workspace_path: str, kind: str, seed: int) -> None:
    """Open the workspace (`migrate`: that is the deed), then do deeds of the kind until killed.

    Before each deed it sends `("begin", kind, batch)`, after it `("done", kind, detail)`.
    """
    chance, path = random.Random(seed), Path(workspace_path)
    pipe.send(("begin", "migrate", None))
    with Workspace.open(path) as workspace:
        pipe.send(("done", "migrate", None))
        for turn in range(100):
            deed = (
                kind
                if turn == 0 and kind != "migrate"
                else chance.choice(("import", "replace", "undo", "backup", "compact"))
            )
            batches = [int(number) for number in workspace.batches()["batch_id"]]
            batch = chance.choice(batches) if deed == "undo" and batches else None
            pipe.send(("begin", deed, batch))
            pipe.send(("done", deed, _do(workspace, deed, batch, chance)))


def state(workspace: Workspace) -> tuple[set[int], dict[int, int]]:
    """The live batches, and which batch replaced each of those that were replaced altogether."""
    known = workspace.batches(undone=True)
    replaced = known.dropna(subset="replaced_by")
    return (
        {int(number) for number in known.loc[known["undone_at"].isna(), "batch_id"]},
        dict(zip(replaced["batch_id"].astype(int), replaced["replaced_by"].astype(int), strict=True)),
    )


def _do(workspace: Workspace, deed: str, batch: int | None, chance: random.Random) -> object:
    if deed in ("import", "replace"):
        # Sometimes everything goes, more often a stretch of days.
        first, days = chance.randrange(1, 20), chance.randrange(1, 200)
        start = dt.date(2026, 1, 1) + dt.timedelta(days=first)
        wanted = "all" if chance.random() < 0.3 else Period(start, start + dt.timedelta(days=days))
        number = chance.randrange(10**9)
        workspace.load(write_file(Path(workspace.path).parent, number), replace=wanted if deed == "replace" else None)
        return state(workspace)
    if deed == "backup":
        return workspace.backup().name
    if deed == "undo" and batch is not None:
        workspace.undo(batch)
    if deed == "undo":
        return state(workspace)
    if deed == "compact":
        compact(workspace.store)
    return batch
