"""Source text becomes typed rows, each column proven: the temp view `typed`, and per row what is wrong with it.

Columns of `typed`: `row_no`, `line`, one per field (`<name>_wall` and `<name>_utc` for times), `row_hash` of the source
cells, and `reason`: code of the first thing wrong with the row, null when it can be loaded.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import duckdb
import pandas as pd

from ops_core.intake import columns, evidence, looks, typed_table
from ops_core.intake.columns import Reading
from ops_core.intake.evidence import Choice
from ops_core.intake.notes import Note, warning
from ops_core.intake.source import PresumptionError, Source
from ops_core.intake.typed_table import EARLIEST, Field, create
from ops_core.model.time import TimeRules
from ops_core.store import zones

STAGED = "staged"
PROPERTY_PREFIX = typed_table.PROPERTY_PREFIX
KEYS = ("order_id", "event_id")  # rows with the same one are put together or left out
_WITH_CARE = {"user_id": columns.ID} | dict.fromkeys(KEYS, columns.KEY)
_WRAPPED = re.compile("[\t\n\ufeff]|^\\s*=")
RAW = Reading("written", "text", "{c}")


@dataclass(frozen=True)
class Typed:
    """What is in the view `typed`: fields with the chosen readings, remarks, and how times were written."""

    fields: tuple[Field, ...]
    choices: dict[str, Choice]
    notes: tuple[Note, ...]

    def type(self, name: str) -> str:
        """Property type of a field."""
        return self.choices[name].type

    def value(self, name: str) -> str:
        """SQL for a field of the table that is not a time."""
        return name if name in self.choices else "NULL"

    def dates_only(self, cursor: duckdb.DuckDBPyConnection) -> bool:
        """Whether the source's times are dates without a time of day."""
        if "occurred_at" not in self.choices:
            return False
        query = """
            SELECT 1 FROM typed WHERE reason IS NULL AND (occurred_at_utc IS NOT NULL
                OR occurred_at_wall IS DISTINCT FROM date_trunc('day', occurred_at_wall)) LIMIT 1
        """
        return cursor.execute(query).fetchone() is None

    def instant(self, cursor: duckdb.DuckDBPyConnection, name: str, source_rules: TimeRules) -> str:
        """SQL for a time field as UTC, read in the source's zone."""
        if name not in self.choices:
            return "NULL::TIMESTAMP"
        query = "SELECT epoch_us(min({n}_wall)), epoch_us(max({n}_wall)) FROM typed".replace("{n}", name)
        first, last = cursor.execute(query).fetchone()
        if first is None:
            return name + "_utc"
        utc = zones.utc_of_wall(name + "_wall", source_rules, first, last)
        return f"coalesce({name}_utc, {utc})"


def stage(cursor: duckdb.DuckDBPyConnection, source: Source, lines: bool = True) -> None:
    """The view `staged`: the source's rows as text, whatever types the source has."""
    source.stage(cursor, "source_rows", lines)
    cells = ", ".join(
        _as_text(f"c{index}", source.types[name]) + f" AS c{index}" for index, name in enumerate(source.columns)
    )
    statement = "CREATE OR REPLACE TEMP VIEW staged AS SELECT line, {cells} FROM source_rows"
    cursor.execute(statement.replace("{cells}", cells))


def _as_text(column: str, kind: str) -> str:
    if kind == "text":
        return column
    if kind in ("DOUBLE", "FLOAT"):
        # An id that lost its integer type to a missing cell is 17850 again, not 17850.0.
        whole = f"{column} = floor({column}) AND abs({column}) <= 2 ** 53"
        return f"CASE WHEN {whole} THEN CAST({column} AS BIGINT)::VARCHAR ELSE {column}::VARCHAR END"
    return column + "::VARCHAR"


def lay_out(
    cursor: duckdb.DuckDBPyConnection,
    source: Source,
    fields: Sequence[Field],
    sample: pd.DataFrame,
    date_order: str | None,
) -> Typed:
    """Build the view `typed` from the source; every reading is proven over the whole column.

    A big file is read without line numbers first, on all cores and with ids as they are written: that is enough where
    nothing is wrong with any row. Else it is read again, carefully.

    Raises:
        IntakeError: day and month cannot be told apart.
    """
    swift = not source.lines_are_free and {"user_id", "event"} <= {field.name for field in fields}
    if not swift:
        source.settle()
    stage(cursor, source, lines=not swift)
    try:
        choices, notes = _chosen(cursor, source, fields, sample, date_order)
        typed = Typed(tuple(fields), choices, notes)
        if swift:
            raw = {field.name: RAW for field in fields if field.name in ("user_id", "event") and field.constant is None}
            typed = _proven(cursor, typed, source, date_order, raw)
    except duckdb.InterruptException:
        raise
    except duckdb.Error:
        if source.is_presumed:
            raise PresumptionError from None
        raise
    if swift:
        if source.is_presumed:
            counted = "count(*), count(wanted_cell)" if source.wanted_cell is not None else "count(*)"
            source.settle(cursor.execute("SELECT {n} FROM typed".replace("{n}", counted)).fetchone())
        if _all_good(cursor):
            return typed
        stage(cursor, source)
    return _proven(cursor, typed, source, date_order, {})


def _chosen(
    cursor: duckdb.DuckDBPyConnection,
    source: Source,
    fields: Sequence[Field],
    sample: pd.DataFrame,
    date_order: str | None,
) -> tuple[dict[str, Choice], tuple[Note, ...]]:
    """Readings that the sample suggests and that the pass over all rows will prove; where it suggests none, proven."""
    choices: dict[str, Choice] = {}
    notes: list[Note] = []
    for field in fields:
        reading = _suggested(field, sample)
        if reading is not None:
            choices[field.name] = Choice((reading,))
        else:
            choices[field.name] = _settled(field, _prove(cursor, source, field, date_order), notes)
    return choices, tuple(notes)


def _prove(cursor: duckdb.DuckDBPyConnection, source: Source, field: Field, date_order: str | None) -> Choice:
    found = evidence.prove(
        cursor, STAGED, field.index, field.label, field.wanted, date_order, asks=not field.is_property
    )
    if not source.days_from_1904:
        return found
    return replace(found, readings=tuple(_from_1904(reading) for reading in found.readings))


def _from_1904(reading: Reading) -> Reading:
    return columns.SERIAL_1904 if reading is columns.SERIAL else reading


def _suggested(field: Field, sample: pd.DataFrame) -> Reading | None:
    if field.wanted == "text":
        wrapped = field.is_property and any(map(_WRAPPED.search, sample.iloc[:, field.index].dropna()))
        return columns.CAREFUL if wrapped else columns.WORDS
    cells = sample.iloc[:, field.index]
    if field.wanted == "time":
        return evidence.iso_shape(cells)
    if field.wanted in ("amount", "number") and _all_plain(cells):
        return (columns.AMOUNTS if field.wanted == "amount" else columns.NUMBERS)[0]
    return None


def _proven(
    cursor: duckdb.DuckDBPyConnection, typed: Typed, source: Source, date_order: str | None, raw: dict[str, Reading]
) -> Typed:
    """Make the rows; where a suggested reading does not read every cell, prove another one and make it again."""
    choices, notes = dict(typed.choices), list(typed.notes)
    as_written = {name: Choice((reading,)) for name, reading in raw.items()}
    create(cursor, typed.fields, choices | as_written, source, swift=bool(raw))
    wrong = [field for field in typed.fields if _is_unread(cursor, field, choices[field.name])]
    for field in wrong:
        found = _prove(cursor, source, field, date_order)
        choices[field.name] = _settled(field, found, notes)
    odd = [field for field in typed.fields if field.name not in raw and _needs_care(cursor, field, choices[field.name])]
    choices |= {field.name: Choice((_WITH_CARE.get(field.name, columns.CAREFUL),)) for field in odd}
    if wrong or odd:
        create(cursor, typed.fields, choices | as_written, source, swift=bool(raw))
    return Typed(typed.fields, choices, tuple(notes))


def _settled(field: Field, found: Choice, notes: list[Note]) -> Choice:
    """A property that is not read in every cell stays text; unread cells of a role stay empty or keep the row out."""
    is_role = not field.is_property or field.wanted == "time"
    if found.n_unread and not is_role:
        notes.append(warning("column_stays_text", column=field.label, n=found.n_unread, examples=list(found.examples)))
        return Choice((columns.WORDS,))
    notes += found.notes
    if found.n_unread and field.if_unread is None:
        notes.append(warning("cells_unread", column=field.label, n=found.n_unread, examples=list(found.examples)))
    return Choice(found.readings, found.n_cells, found.n_unread, found.examples)


def _all_good(cursor: duckdb.DuckDBPyConnection) -> bool:
    """Whether every row can be loaded; then the tables `incoming_users` and `incoming_names` clean ids and names."""
    query = (
        "SELECT 1 FROM typed WHERE reason IS NOT NULL OR occurred_at_wall NOT BETWEEN {earliest} AND $latest LIMIT 1"
    )
    tomorrow = dt.datetime.now(dt.UTC).replace(tzinfo=None) + dt.timedelta(days=1)
    if cursor.execute(query.replace("{earliest}", EARLIEST), {"latest": tomorrow}).fetchone() is not None:
        return False
    for table, column, words in (
        ("incoming_users", "user_id", columns.ID),
        ("incoming_names", "event", columns.CAREFUL),
    ):
        statement = """
            CREATE OR REPLACE TEMP TABLE {table} AS
            SELECT written, {clean} AS name FROM (SELECT DISTINCT {column} AS written FROM typed)
        """
        statement = statement.replace("{table}", table).replace("{column}", column)
        cursor.execute(statement.replace("{clean}", words.of("written")))
        query = "SELECT 1 FROM {table} WHERE name IS NULL LIMIT 1"
        if cursor.execute(query.replace("{table}", table)).fetchone() is not None:
            cursor.execute("DROP TABLE IF EXISTS incoming_users")
            cursor.execute("DROP TABLE IF EXISTS incoming_names")
            return False
    return True


def _is_unread(cursor: duckdb.DuckDBPyConnection, field: Field, choice: Choice) -> bool:
    """Whether some cell of a field was not read by a reading that the sample suggested."""
    if choice.type == "text" or field.index is None or choice.n_cells:
        return False
    if field.if_unread:
        query = "SELECT 1 FROM typed WHERE reason IN ($code, 'unclear') LIMIT 1"
        if cursor.execute(query, {"code": field.if_unread}).fetchone() is None:
            return False
    elif cursor.execute("SELECT 1 FROM typed WHERE has_unread LIMIT 1").fetchone() is None:
        return False
    query = "SELECT 1 FROM staged WHERE ({value}) IS NULL AND {present} LIMIT 1"
    value = "coalesce(" + ", ".join(reading.of(field.source) for reading in choice.readings) + ", NULL)"
    present = columns.IS_PRESENT.replace("{c}", field.source)
    return cursor.execute(query.replace("{value}", value).replace("{present}", present)).fetchone() is not None


def _needs_care(cursor: duckdb.DuckDBPyConnection, field: Field, choice: Choice) -> bool:
    """Whether a text that a role wants has marks of an export around some cell, or was cut by a spreadsheet."""
    if field.is_property or field.index is None or choice.type != "text":
        return False
    query = "SELECT 1 FROM typed WHERE {marks} LIMIT 1"
    return (
        cursor.execute(query.replace("{marks}", columns.NEEDS_CARE.replace("{c}", field.name))).fetchone() is not None
    )


def _all_plain(values: pd.Series) -> bool:
    cells = looks.present(values)
    return bool(cells) and all(_is_plain(cell) for cell in cells)


def _is_plain(cell: str) -> bool:
    body = cell.removeprefix("-")
    whole, _, part = body.partition(".")
    return whole.isdigit() and whole.isascii() and (not part or (part.isdigit() and part.isascii()))
