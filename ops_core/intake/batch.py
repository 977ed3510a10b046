"""The record of an import: its number, its account, its as-of."""

from __future__ import annotations

import datetime as dt
import getpass
import json
from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import numpy as np

from ops_core.errors import IntakeError, QueryError
from ops_core.intake.meaning import Guess
from ops_core.intake.notes import Note
from ops_core.intake.source import Source
from ops_core.model.period import Period
from ops_core.model.time import DAY_US, TimeRules
from ops_core.store import Store
from ops_core.store.store import utc_datetime


@dataclass(frozen=True)
class Counts:
    """Rows of the file, by what became of them, and the rows stored."""

    read: int
    loaded: int
    duplicate: int
    quarantined: int
    stored: int


def next_batch_id(cursor: duckdb.DuckDBPyConnection) -> int:
    """The number of the batch that is being loaded; numbers are never used again."""
    return cursor.execute("SELECT coalesce(max(batch_id), 0) + 1 FROM batches").fetchone()[0]


def loaded_before(store: Store, source: Source, guess: Guess) -> int | None:
    """The batch that holds the very same file, read the same way, and was not undone."""
    with store.cursor() as cursor:
        rows = cursor.execute(
            """
            SELECT batch_id, file_hash FROM batches
            WHERE kind = $kind AND mapping = $mapping AND undone_at IS NULL ORDER BY batch_id DESC
            """,
            {"kind": guess.kind, "mapping": _mapping(guess)},
        ).fetchall()
    # A big file's hash is still being worked out: it is asked for only where it can matter.
    return next((batch_id for batch_id, file_hash in rows if file_hash == source.file_hash), None)


def remembered(store: Store, columns: Sequence[str]) -> tuple[int, str, dict[str, str]] | None:
    """How the latest file with the very same columns was read: its batch, kind and mapping."""
    with store.cursor() as cursor:
        rows = cursor.execute(
            "SELECT batch_id, mapping FROM batches WHERE undone_at IS NULL ORDER BY batch_id DESC LIMIT 200"
        ).fetchall()
    for batch_id, text in rows:
        said = json.loads(text)
        if said.get("columns") == list(columns):
            return batch_id, said["kind"], said["mapping"]
    return None


def record(
    cursor: duckdb.DuckDBPyConnection,
    batch_id: int,
    source: Source,
    guess: Guess,
    counts: Counts,
    notes: Sequence[Note],
    bounds: tuple[int, int] | None,
    as_of: tuple[int | None, int | None],
) -> None:
    """Write the batch's row. `as_of`: the batch's own and the workspace's before it, UTC µs."""
    first, last = bounds or (None, None)
    written = json.dumps(
        [{"code": note.code, "values": dict(note.values), "level": note.level} for note in notes],
        ensure_ascii=False,
        default=str,
    )
    cursor.execute(
        """
        INSERT INTO batches (batch_id, kind, file_name, file_hash, loaded_at, loaded_by, rows_read, rows_loaded,
                             rows_duplicate, rows_quarantined, first_at, last_at, as_of, previous_as_of, mapping, notes)
        VALUES ($batch_id, $kind, $file_name, $file_hash, $loaded_at, $loaded_by, $rows_read, $rows_loaded,
                $rows_duplicate, $rows_quarantined, $first_at, $last_at, $as_of, $previous_as_of, $mapping, $notes)
        """,
        {
            "batch_id": batch_id,
            "kind": guess.kind,
            "file_name": source.name,
            "file_hash": source.file_hash,
            "loaded_at": dt.datetime.now(dt.UTC).replace(tzinfo=None),
            "loaded_by": _person(),
            "rows_read": counts.read,
            "rows_loaded": counts.loaded,
            "rows_duplicate": counts.duplicate,
            "rows_quarantined": counts.quarantined,
            "first_at": _moment(first),
            "last_at": _moment(last),
            "as_of": _moment(as_of[0]),
            "previous_as_of": _moment(as_of[1]),
            "mapping": _mapping(guess),
            "notes": written,
        },
    )


def as_of_of(
    given: object, bounds: tuple[int, int] | None, dates_only: bool, rules: TimeRules, source_rules: TimeRules
) -> int | None:
    """The batch's as-of in UTC µs: as declared, else the local midnight that starts the day of the newest event; for
    a source with dates only the end of its newest date. `None` where the batch has no events.

    Raises:
        IntakeError: what was declared is no date.
    """
    if given is not None:
        try:
            return Period(given, "9999-01-01").bounds(rules)[0]
        except QueryError:
            raise IntakeError("bad_as_of", value=str(given)) from None
    if bounds is None:
        return None
    last = bounds[1]
    if dates_only:
        wall = int(source_rules.local_us(np.array([last]))[0])
        return source_rules.day_start_us(wall // DAY_US + 1)
    return rules.day_start_us(int(rules.local_days(np.array([last]))[0]))


def _mapping(guess: Guess) -> str:
    said = {"kind": guess.kind, "mapping": guess.mapping, "columns": list(guess.columns)}
    return json.dumps(said, ensure_ascii=False, sort_keys=True)


def _moment(utc_us: int | None) -> dt.datetime | None:
    return None if utc_us is None else utc_datetime(utc_us)


def _person() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""
