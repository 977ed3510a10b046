"""Source text becomes typed rows, each column proven: the temp table `typed`, and per row what is wrong with it.

Columns of `typed`: `line`, one per field (`<name>_wall` and `<name>_utc` for times), `row_hash` of the source cells,
and `reason`: code of the first thing wrong with the row, null when it can be loaded.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import pandas as pd

from ops_core.intake import columns, evidence, looks
from ops_core.intake.columns import Reading
from ops_core.intake.evidence import Choice
from ops_core.intake.notes import Note, warning
from ops_core.intake.source import PresumptionError, Source
from ops_core.model.time import TimeRules
from ops_core.store import zones

STAGED = "staged"
PROPERTY_PREFIX = "f"
RAW = Reading("written", "text", "{c}")
_EARLIEST, _LATEST = "TIMESTAMP '1900-01-01'", "TIMESTAMP '2200-01-01'"


@dataclass(frozen=True)
class Field:
    """A column that is wanted: output name, position in the source (or a constant) and wanted type.

    `wanted`: text, time, amount, number, boolean. `if_missing`, `if_unread`: reason codes that keep the row out; where
    they are `None` the cell stays empty.
    """

    name: str
    index: int | None
    label: str
    wanted: str = "text"
    if_missing: str | None = None
    if_unread: str | None = None
    constant: str | None = None

    @property
    def is_property(self) -> bool:
        """Whether no role wants the column."""
        return self.name.startswith(PROPERTY_PREFIX)

    @property
    def source(self) -> str:
        """The staged column as SQL."""
        return "c" + str(self.index) if self.constant is None else "'" + self.constant.replace("'", "''") + "'"


@dataclass(frozen=True)
class Typed:
    """What is in the table `typed`: fields with the chosen readings, remarks, and how times were written."""

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
        whole = f"{column} = floor({column}) AND abs({column}) < 1e15"
        return f"CASE WHEN {whole} THEN CAST({column} AS BIGINT)::VARCHAR ELSE {column}::VARCHAR END"
    return column + "::VARCHAR"


def lay_out(
    cursor: duckdb.DuckDBPyConnection,
    source: Source,
    fields: Sequence[Field],
    sample: pd.DataFrame,
    date_order: str | None,
) -> Typed:
    """Build the table `typed` from the source; every reading is proven over the whole column.

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
        choices, notes = _chosen(cursor, fields, sample, date_order)
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
    cursor: duckdb.DuckDBPyConnection, fields: Sequence[Field], sample: pd.DataFrame, date_order: str | None
) -> tuple[dict[str, Choice], tuple[Note, ...]]:
    """Readings that the sample suggests and that the pass over all rows will prove; where it suggests none, proven."""
    choices: dict[str, Choice] = {}
    notes: list[Note] = []
    for field in fields:
        reading = _suggested(field, sample)
        if reading is not None:
            choices[field.name] = Choice((reading,))
        else:
            choices[field.name] = _settled(field, _prove(cursor, field, date_order), notes)
    return choices, tuple(notes)


def _prove(cursor: duckdb.DuckDBPyConnection, field: Field, date_order: str | None) -> Choice:
    return evidence.prove(
        cursor, STAGED, field.index, field.label, field.wanted, date_order, asks=not field.is_property
    )


def _suggested(field: Field, sample: pd.DataFrame) -> Reading | None:
    if field.wanted == "text":
        return columns.WORDS
    cells = sample.iloc[:, field.index]
    if field.wanted == "time":
        return evidence.iso_shape(cells)
    if field.wanted in ("amount", "number") and _all_plain(cells):
        return (columns.AMOUNTS if field.wanted == "amount" else columns.NUMBERS)[0]
    return None


def _proven(
    cursor: duckdb.DuckDBPyConnection, typed: Typed, source: Source, date_order: str | None, raw: dict[str, Reading]
) -> Typed:
    """Make the table; where a suggested reading does not read every cell, prove another one and make it again."""
    choices, notes = dict(typed.choices), list(typed.notes)
    as_written = {name: Choice((reading,)) for name, reading in raw.items()}
    _create(cursor, typed.fields, choices | as_written, source, swift=bool(raw))
    wrong = [field for field in typed.fields if _is_unread(cursor, field, choices[field.name])]
    for field in wrong:
        found = _prove(cursor, field, date_order)
        choices[field.name] = _settled(field, found, notes)
    if wrong:
        _create(cursor, typed.fields, choices | as_written, source, swift=bool(raw))
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
    if cursor.execute(query.replace("{earliest}", _EARLIEST), {"latest": tomorrow}).fetchone() is not None:
        return False
    for table, column in (("incoming_users", "user_id"), ("incoming_names", "event")):
        statement = """
            CREATE OR REPLACE TEMP TABLE {table} AS
            SELECT written, {clean} AS name FROM (SELECT DISTINCT {column} AS written FROM typed)
        """
        statement = statement.replace("{table}", table).replace("{column}", column)
        cursor.execute(statement.replace("{clean}", columns.TEXT.replace("{c}", "written")))
        query = "SELECT 1 FROM {table} WHERE name IS NULL LIMIT 1"
        if cursor.execute(query.replace("{table}", table)).fetchone() is not None:
            cursor.execute("DROP TABLE IF EXISTS incoming_users")
            cursor.execute("DROP TABLE IF EXISTS incoming_names")
            return False
    return True


def _create(
    cursor: duckdb.DuckDBPyConnection,
    fields: Sequence[Field],
    choices: dict[str, Choice],
    source: Source,
    swift: bool = False,
) -> None:
    """Make the table. `swift`: rows that something may be wrong with get the reason `unclear`, and nothing more."""
    parts = ["line"]
    if source.wanted_cell is not None:
        parts.append(f"CASE WHEN {source.wanted_cell} IS NOT NULL THEN true END AS wanted_cell")
    for field in fields:
        choice = choices[field.name]
        if choice.type == "time":
            for name, in_utc in (("_wall", False), ("_utc", True)):
                expression = choice.sql(field.source, in_utc)
                parts.append((expression if swift else _within(expression)) + " AS " + field.name + name)
        else:
            parts.append(choice.sql(field.source) + " AS " + field.name)
    checked = [field for field in fields if _is_checked(field, choices[field.name])]
    raw = "".join(f", {field.source} AS raw_{field.name}" for field in checked)
    statement = """
        CREATE OR REPLACE TEMP TABLE typed AS SELECT * EXCLUDE ({raws}) FROM (
            SELECT *, {reason} AS reason, {unread} AS has_unread
            FROM (SELECT {parts}, {hash} AS row_hash {raw} FROM staged))
    """
    cells = ", ".join(f"c{index}" for index in range(len(source.columns)))
    whole = "hash(" + cells + ")"
    if any(field.name == "event_id" for field in fields):
        whole = "CASE WHEN event_id IS NULL THEN " + whole + " ELSE hash(event_id) END"
    reasons = "".join(_reason(field, choices[field.name]) for field in checked)
    verdict = "'unclear'" if swift else f"CASE {reasons} END"
    needed = [field for field in checked if field.if_missing or field.if_unread]
    optional = [field for field in checked if not field.if_unread]
    unread = " OR ".join(_unread(field, choices[field.name]) for field in optional) or "false"
    statement = statement.replace("{reason}", _where_empty(needed, choices, verdict, "NULL::VARCHAR"))
    statement = statement.replace("{unread}", _where_empty(optional, choices, unread, "false")).replace("{hash}", whole)
    statement = statement.replace("* EXCLUDE ({raws})", _excluding(["raw_" + field.name for field in checked]))
    cursor.execute(statement.replace("{parts}", ", ".join(parts)).replace("{raw}", raw))


def _where_empty(fields: Sequence[Field], choices: dict[str, Choice], then: str, otherwise: str) -> str:
    """An expression that is worked out only for rows with an empty field: the others pay for nothing but the look."""
    looks_empty = [
        f"({_empty(field, choices[field.name])}{'' if field.if_missing else f' AND raw_{field.name} IS NOT NULL'})"
        for field in fields
    ]
    return f"CASE WHEN {' OR '.join(looks_empty)} THEN {then} ELSE {otherwise} END" if fields else otherwise


def _excluding(names: Sequence[str]) -> str:
    return "* EXCLUDE (" + ", ".join(names) + ")" if names else "*"


def _is_checked(field: Field, choice: Choice) -> bool:
    """Whether a row can go wrong by this field: it is needed, or its cells must be read."""
    return field.constant is None and bool(field.if_missing or field.if_unread or choice.type != "text")


def _within(expression: str) -> str:
    """A time, or nothing where it lies in no year that can be meant."""
    if expression.startswith("NULL"):
        return expression
    return f"CASE WHEN ({expression}) BETWEEN {_EARLIEST} AND {_LATEST} THEN {expression} END"


def _reason(field: Field, choice: Choice) -> str:
    empty, present = _empty(field, choice), columns.IS_PRESENT.replace("{c}", "raw_" + field.name)
    unread = f" WHEN {empty} AND ({present}) THEN '{field.if_unread}'" if field.if_unread else ""
    missing = f" WHEN {empty} THEN '{field.if_missing}'" if field.if_missing else ""
    return unread + missing


def _unread(field: Field, choice: Choice) -> str:
    if choice.type == "text":
        return "false"
    return f"({_empty(field, choice)} AND {columns.IS_PRESENT.replace('{c}', 'raw_' + field.name)})"


def _empty(field: Field, choice: Choice) -> str:
    name = field.name
    return f"{name}_wall IS NULL AND {name}_utc IS NULL" if choice.type == "time" else f"{name} IS NULL"


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


def _all_plain(values: pd.Series) -> bool:
    cells = looks.present(values)
    return bool(cells) and all(_is_plain(cell) for cell in cells)


def _is_plain(cell: str) -> bool:
    body = cell.removeprefix("-")
    whole, _, part = body.partition(".")
    return whole.isdigit() and whole.isascii() and (not part or (part.isdigit() and part.isascii()))
