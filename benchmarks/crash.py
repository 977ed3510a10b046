"""Kill −9 at any instant: `python -m benchmarks.crash --rounds 1000`.

Each round starts a process that imports, replaces, undoes, backs up, compacts or migrates a workspace and kills it at
a random instant of that deed. Then the workspace is opened again and compared with what was acknowledged: nothing
acknowledged may be missing, nothing may be there in part, every backup must be whole, and it must be usable within two
seconds.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import random
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

import duckdb

from benchmarks.crash_work import ROWS_PER_FILE, state, work, write_file
from ops_core import OpsError, Workspace
from ops_core.store.schema import MIGRATIONS

KINDS = ("migrate", "import", "replace", "undo", "backup", "compact")
USABLE_SECONDS = 2.0
Message = tuple[str, str, object]
_ROUNDS_PER_WORKSPACE = 12
# What must agree after any crash: rows of live batches, derived tables, the account of each batch.
_FACTS = """
    SELECT batch_id, rows_loaded - coalesce(any_value(replaced), 0), rows_loaded, count(events.batch_id)
    FROM batches LEFT JOIN events USING (batch_id)
    LEFT JOIN (SELECT old_batch, sum(n_rows) AS replaced FROM replacements GROUP BY 1) ON old_batch = batch_id
    WHERE undone_at IS NULL GROUP BY batch_id, rows_loaded
"""
_TOTALS = """
    SELECT (SELECT count(*) FROM events), (SELECT coalesce(sum(n_events), 0) FROM event_stats),
           (SELECT coalesce(sum(n_events), 0) FROM user_days), (SELECT coalesce(sum(n_events), 0) FROM event_volumes),
           (SELECT coalesce(sum(n_events), 0) FROM users)
"""
_STRAYS = "SELECT count(*) FROM events WHERE batch_id NOT IN (SELECT batch_id FROM batches WHERE undone_at IS NULL)"


@dataclass
class Tally:
    """What the rounds showed. `lost`: acknowledged and not there; `partial`: there in part; both must stay 0."""

    rounds: int = 0
    kills: dict[str, int] = field(default_factory=dict)
    acknowledged: int = 0
    lost: int = 0
    partial: int = 0
    bad_backups: int = 0
    refused: list[str] = field(default_factory=list)
    open_seconds: list[float] = field(default_factory=list)
    open_cpu_seconds: list[float] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        """Whether nothing was lost, partial, damaged or refused."""
        return not (self.lost or self.partial or self.bad_backups or self.refused)


@dataclass
class Expected:
    """What was acknowledged so far: live batches, and the batch that replaced each of the others.

    `undoing`: the batch whose undo was under way when the process died; `importing`: whether an import was.
    """

    batches: set[int] = field(default_factory=set)
    replaced: dict[int, int] = field(default_factory=dict)
    backups: set[str] = field(default_factory=set)
    opened: set[str] = field(default_factory=set)  # backups that were looked into
    undoing: int | None = None
    importing: bool = False


def run(rounds: int, seed: int = 1) -> Tally:
    """The rounds, each with a kill at another instant."""
    started = multiprocessing.get_context("forkserver" if sys.platform != "win32" else "spawn")
    if sys.platform != "win32":
        started.set_forkserver_preload(["benchmarks.crash_work"])
    chance, tally = random.Random(seed), Tally()
    usual = dict.fromkeys(set(KINDS), 0.1)
    with tempfile.TemporaryDirectory() as folder:
        template = Path(folder) / "template.duckdb"
        with Workspace.open(template) as workspace:
            first = [workspace.load(write_file(Path(folder), number)).batch_id for number in range(4)]
        for number in range(rounds):
            kind = KINDS[number % len(KINDS)]
            if number % _ROUNDS_PER_WORKSPACE == 0:
                path, expected = Path(folder) / str(number) / "shop.duckdb", Expected(batches=set(first))
                path.parent.mkdir()
                shutil.copyfile(template, path)
            if kind == "migrate":
                make_old(path)
            pipe, child_pipe = started.Pipe(duplex=False)
            child = started.Process(target=work, args=(child_pipe, str(path), kind, seed * 1_000_003 + number))
            child.start()
            child_pipe.close()
            _take(_kill_within(pipe, child, kind, usual, chance), expected, tally)
            tally.rounds += 1
            check(path, expected, tally)
            if (number + 1) % _ROUNDS_PER_WORKSPACE == 0:
                shutil.rmtree(path.parent)
    return tally


def _kill_within(
    pipe: Connection, child: BaseProcess, kind: str, usual: dict[str, float], chance: random.Random
) -> list[Message]:
    """Wait for the deed to begin, kill at a random instant of its usual duration; all that the process said."""
    messages: list[Message] = []
    while not messages or messages[-1][:2] != ("begin", kind):
        messages.append(pipe.recv())
    began = time.perf_counter()
    # Up to a little beyond the usual end, so that kills right after the commit occur, too.
    deadline = began + chance.uniform(0, 1.2) * usual[kind]
    if pipe.poll(max(0.0, deadline - time.perf_counter())):
        usual[kind] = 0.7 * usual[kind] + 0.3 * (time.perf_counter() - began)
        time.sleep(max(0.0, deadline - time.perf_counter()))
    else:
        usual[kind] *= 1.05  # it was killed before its end: later kills must reach that, too
    child.kill()
    child.join()
    with contextlib.suppress(EOFError, OSError):
        while True:
            messages.append(pipe.recv())
    pipe.close()
    return messages


def _take(messages: list[Message], expected: Expected, tally: Tally) -> None:
    """Note what was acknowledged, and the deed that death cut short."""
    for stage, deed, detail in messages:
        if stage == "begin":
            expected.undoing, expected.importing = (detail if deed == "undo" else None), deed in ("import", "replace")
            continue
        tally.acknowledged += 1
        if deed in ("import", "replace", "undo"):
            expected.batches, expected.replaced = detail
        elif deed == "backup":
            expected.backups.add(detail)
        expected.undoing, expected.importing = None, False
    stage, deed, _ = messages[-1]
    if stage == "begin":
        tally.kills[deed] = tally.kills.get(deed, 0) + 1


def check(path: Path, expected: Expected, tally: Tally) -> None:
    began, cpu = time.perf_counter(), time.process_time()
    try:
        with Workspace.open(path) as workspace:
            live, replaced = state(workspace)
            tally.open_seconds.append(time.perf_counter() - began)
            tally.open_cpu_seconds.append(time.process_time() - cpu)
            tally.partial += _partial(workspace)
    except OpsError as refusal:
        tally.refused.append(str(refusal))
        return
    # The deed that was cut short may have become whole; whatever was acknowledged must have.
    new = {number for number in live - expected.batches if expected.replaced.get(number) is None}
    revived = live - expected.batches - new
    gone = expected.batches - live - {expected.undoing}
    tally.lost += sum(replaced.get(number) not in new for number in gone)
    tally.partial += len(new) > int(expected.importing) or any(
        expected.replaced[number] != expected.undoing for number in revived
    )
    expected.batches, expected.replaced = live, replaced
    folder = path.parent / "backups"
    there = {file.name for file in folder.glob("*.duckdb")} if folder.exists() else set()
    asked_for = {name for name in expected.backups if "-auto-" not in name}  # of the others only the last few are kept
    tally.bad_backups += len(asked_for - there)
    tally.bad_backups += sum(_is_bad(folder / name) for name in there - expected.opened)
    expected.backups = expected.opened = there


def _partial(workspace: Workspace) -> int:
    with workspace.store.cursor() as cursor:
        facts = cursor.execute(_FACTS).fetchall()
        totals = cursor.execute(_TOTALS).fetchone()
        strays = cursor.execute(_STRAYS).fetchone()[0]
    broken = sum(stored != found or loaded != ROWS_PER_FILE for _, stored, loaded, found in facts)
    return broken + (len(set(map(int, totals))) != 1) + bool(strays)


def _is_bad(backup: Path) -> int:
    try:
        with Workspace.open(backup) as workspace:
            return int(_partial(workspace) > 0)
    except OpsError:
        return 1


def make_old(path: Path) -> None:
    """Rewrite a workspace file as the first version of the format wrote it; it knew of no replaced rows."""
    with duckdb.connect(str(path)) as connection:
        if connection.execute("SELECT count(*) FROM replacements").fetchone()[0]:
            return
    old = path.with_name("old.duckdb")
    with duckdb.connect(str(old)) as connection:
        connection.execute(MIGRATIONS[0])
        connection.execute("ATTACH $path AS newer", {"path": str(path)})
        columns = """
            SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE database_name = $name
            ORDER BY table_name, column_index
        """
        of_old, of_new = (connection.execute(columns, {"name": name}).fetchall() for name in ("old", "newer"))
        tables = {table for table, _, _ in of_old}
        known = {(table, column) for table, column, _ in of_old}
        for table, column, kind in of_new:
            if table in tables and column.startswith("p") and column[1:].isdigit():
                connection.execute(f'ALTER TABLE "{table}" ADD COLUMN "{column}" {kind}')
                known.add((table, column))
        for table in tables:
            kept = ", ".join(f'"{column}"' for name, column, _ in of_new if name == table and (name, column) in known)
            statement = 'INSERT INTO old."{table}" ({kept}) SELECT {kept} FROM newer."{table}"'
            connection.execute(statement.replace("{table}", table).replace("{kept}", kept))
        connection.execute("UPDATE old.meta SET schema_version = 1")
    for ending in ("", ".wal"):
        path.with_name(path.name + ending).unlink(missing_ok=True)
    old.replace(path)


def main() -> None:
    """Run the rounds and print what they showed; the exit code is 1 when anything was lost, partial or slow."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    tally = run(asked.rounds, asked.seed)
    usual, worst = sorted(tally.open_seconds)[len(tally.open_seconds) // 2], max(tally.open_seconds)
    print(f"{tally.rounds} rounds; killed in the middle of: {tally.kills}")
    print(
        f"acknowledged {tally.acknowledged}: lost {tally.lost}, partial {tally.partial}, "
        f"bad backups {tally.bad_backups}"
    )
    print(
        f"usable again after {usual:.2f} s (worst {worst:.2f} s, of processor time {max(tally.open_cpu_seconds):.2f} s)"
    )
    for refusal in tally.refused:
        print("refused:", refusal)
    sys.exit(not tally.is_clean or worst > USABLE_SECONDS)


if __name__ == "__main__":
    main()
