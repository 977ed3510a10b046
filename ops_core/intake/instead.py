"""Loading a file in the place of earlier ones: what a person said, what would go, and making room for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pandas as pd

from ops_core.errors import IntakeError, QueryError
from ops_core.intake.columns import TEXT
from ops_core.intake.meaning import Guess
from ops_core.intake.notes import Note, info
from ops_core.intake.source import Source
from ops_core.model.period import Period
from ops_core.model.time import TimeRules
from ops_core.store import Store, batches, repeats, replacing
from ops_core.store.replacing import ALWAYS, Going

Replace = str | Period | None
ALL = "all"


@dataclass(frozen=True)
class Room:
    """What was taken out for a batch, and what is said about it."""

    gone: tuple[Going, ...] = ()
    notes: tuple[Note, ...] = ()

    @property
    def n_rows(self) -> int:
        """Stored rows that went."""
        return sum(one.n_rows for one in self.gone)


def period_of(text: str) -> str | Period:
    """`all`, or the days of `2026-11-01..2026-11-07`, both included.

    Raises:
        IntakeError: it is neither.
    """
    if text.strip().lower() == ALL:
        return ALL
    first, dots, last = text.partition("..")
    try:
        if dots:
            day = pd.Timestamp(Period(last.strip(), "9999-01-01").start).normalize() + pd.Timedelta(days=1)
            return Period(first.strip(), day.to_pydatetime())
    except QueryError:
        pass
    raise IntakeError("unknown_replace", value=text)


def bounds_of(replace: Replace, guess: Guess, rules: TimeRules) -> tuple[int, int] | None:
    """The instants between which rows are replaced (UTC µs, half-open); `None` when nothing is.

    Raises:
        IntakeError: it is neither `all` nor a period, or rows of this kind have no time that a period could cut.
    """
    if replace is None:
        return None
    if isinstance(replace, Period):
        timeless = guess.kind == "assignments" and guess.role("occurred_at") is None
        if guess.kind not in replacing.TIMES or timeless:
            raise IntakeError("replace_needs_times", kind=guess.kind)
        if guess.kind == "spend":  # a day of spend is a day wherever it is
            return replace.bounds(TimeRules("UTC"))
        return replace.bounds(rules)
    if replace != ALL:
        raise IntakeError("unknown_replace", value=replace)
    return ALWAYS


def would_go(
    store: Store, kind: str, columns: Sequence[str], file_name: str, bounds: tuple[int, int],
    experiments: Sequence[str] | None = None,
) -> pd.DataFrame:  # fmt: skip
    """What a replacement would take, oldest batch first: batch_id, file_name, loaded_at (UTC), rows, whole."""
    with store.cursor() as cursor:
        gone = replacing.going(cursor, replacing.series_of(kind, columns, file_name), bounds, experiments)
    frame = pd.DataFrame(
        [(one.batch_id, one.n_rows, one.whole) for one in gone], columns=["batch_id", "rows", "whole"]
    ).astype({"batch_id": "int64", "rows": "int64", "whole": "bool"})
    known = batches.batches(store)[["batch_id", "file_name", "loaded_at"]]
    return frame.merge(known, on="batch_id")[["batch_id", "file_name", "loaded_at", "rows", "whole"]]


def experiments_of(cursor: duckdb.DuckDBPyConnection, source: Source, guess: Guess) -> list[str] | None:
    """The experiments that a file of assignments is about; `None` for other kinds."""
    if guess.kind != "assignments":
        return None
    role = guess.role("experiment")
    if role is None:
        return [Path(source.name).stem]
    if role.constant is not None:
        return [role.constant]
    source.stage(cursor, "experiments_of_file", False)
    query = "SELECT DISTINCT coalesce({name}, $name) FROM experiments_of_file ORDER BY 1"
    column = f"c{source.columns.index(role.column)}::VARCHAR"
    query = query.replace("{name}", TEXT.replace("{c}", column))
    rows = cursor.execute(query, {"name": Path(source.name).stem}).fetchall()
    return [row[0] for row in rows]


def is_there(store: Store, batch_id: int, guess: Guess, file_name: str, bounds: tuple[int, int]) -> bool:
    """Whether the workspace is already as it would be after replacing: the same file did it, and nothing came after."""
    with store.cursor() as cursor:
        series = replacing.series_of(guess.kind, guess.columns, file_name)
        live = [number for number, is_live in replacing.earlier(cursor, series) if is_live]
        if live[-1:] != [batch_id]:
            return False
        if bounds == ALWAYS:
            return live == [batch_id]
        query = """
            SELECT count(*) FROM replacements
            WHERE by_batch = $batch AND from_at = make_timestamp($begin) AND to_at = make_timestamp($stop)
        """
        given = {"batch": batch_id, "begin": bounds[0], "stop": bounds[1]}
        return cursor.execute(query, given).fetchone()[0] > 0


def make_room(
    cursor: duckdb.DuckDBPyConnection, batch_id: int, source: Source, guess: Guess, bounds: tuple[int, int] | None
) -> Room:
    """Take out what a batch replaces; repeats that waited behind those rows take their place."""
    if bounds is None:
        return Room()
    series = replacing.series_of(guess.kind, guess.columns, source.name)
    gone = replacing.take_out(cursor, batch_id, series, bounds, experiments_of(cursor, source, guess))
    batches.forget_properties(cursor)
    repeats.release(cursor)
    room = Room(tuple(gone))
    if not gone:
        return Room((), (info("nothing_replaced"),))
    numbers = [str(one.batch_id) for one in gone]
    return Room(room.gone, (info("rows_replaced", n=room.n_rows, batches=numbers),))
