"""Source text becomes typed rows, each column proven: the temp table `typed`, and per row what is wrong with it.

Columns of `typed`: `line`, one per field (`<name>_wall` and `<name>_utc` for times), `row_hash` of the source cells,
and `reason`: code of the first thing wrong with the row, null when it can be loaded.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import duckdb
import pandas as pd

from ops_core.intake import columns, evidence, looks
from ops_core.intake.evidence import Choice
from ops_core.intake.notes import Note, warning
from ops_core.intake.source import Source
from ops_core.model.time import TimeRules
from ops_core.store import zones

STAGED = "staged"
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
    def source(self) -> str:
        """The staged column as SQL."""
        return "c" + str(self.index) if self.constant is None else "'" + self.constant.replace("'", "''") + "'"


@dataclass(frozen=True)
class Typed:
    """What is in the table `typed`: fields with the chosen readings, remarks, and how times were written."""

    fields: tuple[Field, ...]
    choices: dict[str, Choice]
    notes: tuple[Note, ...]
    width: int

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
            SELECT count(*) FILTER (occurred_at_wall IS DISTINCT FROM date_trunc('day', occurred_at_wall)
                                    OR occurred_at_utc IS NOT NULL) FROM typed WHERE reason IS NULL
        """
        return cursor.execute(query).fetchone()[0] == 0

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


def choose(fields: Sequence[Field], sample: pd.DataFrame) -> tuple[dict[str, Choice], list[Field]]:
    """Readings that the sample suggests and that the pass over all rows will prove; fields that need proof first."""
    choices: dict[str, Choice] = {}
    unsure = []
    for field in fields:
        if field.wanted == "text":
            choices[field.name] = Choice((columns.WORDS,))
            continue
        cells = sample.iloc[:, field.index]
        fast = evidence.iso_shape(cells) if field.wanted == "time" else None
        if fast is not None:
            choices[field.name] = Choice((fast,))
        elif field.wanted in ("amount", "number") and _all_plain(cells):
            choices[field.name] = Choice(((columns.AMOUNTS if field.wanted == "amount" else columns.NUMBERS)[0],))
        else:
            unsure.append(field)
    return choices, unsure


def lay_out(
    cursor: duckdb.DuckDBPyConnection, fields: Sequence[Field], width: int, sample: pd.DataFrame, date_order: str | None
) -> Typed:
    """Build the table `typed` from the view `staged`; every reading is proven over the whole column.

    Raises:
        IntakeError: day and month cannot be told apart.
    """
    choices, unsure = choose(fields, sample)
    for field in unsure:
        choices[field.name] = evidence.prove(cursor, STAGED, field.index, field.label, field.wanted, date_order)
    _create(cursor, fields, choices, width)
    wrong = [field for field in fields if field not in unsure and _n_unread(cursor, field, choices[field.name])]
    if wrong or unsure:
        for field in wrong:
            choices[field.name] = evidence.prove(cursor, STAGED, field.index, field.label, field.wanted, date_order)
        stays_text = {field.name for field in fields if _is_unproven(field, choices[field.name])}
        notes = [
            note for field in fields if field.name not in stays_text for note in _remarks(field, choices[field.name])
        ]
        for field in fields:
            if field.name in stays_text:
                notes.append(_text_note(field, choices[field.name]))
                choices[field.name] = Choice((columns.WORDS,))
        if wrong or stays_text:
            _create(cursor, fields, choices, width)
        return Typed(tuple(fields), choices, tuple(notes), width)
    return Typed(tuple(fields), choices, (), width)


def _create(cursor: duckdb.DuckDBPyConnection, fields: Sequence[Field], choices: dict[str, Choice], width: int) -> None:
    parts = ["line"]
    for field in fields:
        choice = choices[field.name]
        if choice.type == "time":
            for name, in_utc in (("_wall", False), ("_utc", True)):
                parts.append(_within(choice.sql(field.source, in_utc)) + " AS " + field.name + name)
        else:
            parts.append(choice.sql(field.source) + " AS " + field.name)
    parts.append("hash(" + ", ".join(f"c{index}" for index in range(width)) + ") AS row_hash")
    needed = [field for field in fields if (field.if_missing or field.if_unread) and field.constant is None]
    raw = ", ".join(f"{field.source} AS raw_{field.name}" for field in needed) or "NULL AS raw_none"
    reasons = "".join(_reason(field, choices[field.name]) for field in needed)
    reason = "CASE" + reasons + " END" if reasons else "NULL::VARCHAR"
    statement = """
        CREATE OR REPLACE TEMP TABLE typed AS SELECT * EXCLUDE ({raws}) FROM (
            SELECT *, {reason} AS reason FROM (SELECT {parts}, {raw} FROM staged))
    """
    raws = ", ".join("raw_" + field.name for field in needed) or "raw_none"
    statement = statement.replace("{reason}", reason).replace("{parts}", ", ".join(parts))
    cursor.execute(statement.replace("{raw}", raw).replace("{raws}", raws))


def _within(expression: str) -> str:
    if expression.startswith("NULL"):
        return expression
    return f"CASE WHEN ({expression}) BETWEEN {_EARLIEST} AND {_LATEST} THEN {expression} END"


def _reason(field: Field, choice: Choice) -> str:
    name = field.name
    empty = f"{name}_wall IS NULL AND {name}_utc IS NULL" if choice.type == "time" else f"{name} IS NULL"
    present = columns.IS_PRESENT.replace("{c}", "raw_" + name)
    unread = f" WHEN {empty} AND ({present}) THEN '{field.if_unread}'" if field.if_unread else ""
    missing = f" WHEN {empty} AND NOT ({present}) THEN '{field.if_missing}'" if field.if_missing else ""
    return unread + missing


def _n_unread(cursor: duckdb.DuckDBPyConnection, field: Field, choice: Choice) -> bool:
    """Whether some present cell of a field was not read by the chosen reading."""
    if choice.type == "text" or field.index is None:
        return False
    if field.if_unread:
        query = "SELECT 1 FROM typed WHERE reason = $code LIMIT 1"
        return cursor.execute(query, {"code": field.if_unread}).fetchone() is not None
    empty = "{n}_wall IS NULL AND {n}_utc IS NULL" if choice.type == "time" else "{n} IS NULL"
    statement = """
        SELECT count(*) FROM (SELECT count(*) AS unread FROM typed WHERE {empty}),
            (SELECT count(*) FILTER (NOT ({present})) AS blank FROM staged) WHERE unread > blank
    """
    statement = statement.replace("{empty}", empty.replace("{n}", field.name))
    present = columns.IS_PRESENT.replace("{c}", field.source)
    return cursor.execute(statement.replace("{present}", present)).fetchone()[0] > 0


def _is_unproven(field: Field, choice: Choice) -> bool:
    """A property that is not read in every cell stays text; so does a role's column that is hardly read at all."""
    if choice.type == "text" or field.if_unread or field.wanted in ("time", "amount"):
        return False
    return choice.n_unread > 0


def _remarks(field: Field, choice: Choice) -> Iterable[Note]:
    yield from choice.notes
    if choice.n_unread and not field.if_unread:
        yield warning("cells_unread", column=field.label, n=choice.n_unread, examples=list(choice.examples))


def _text_note(field: Field, choice: Choice) -> Note:
    return warning("column_stays_text", column=field.label, n=choice.n_unread, examples=list(choice.examples))


def _all_plain(values: pd.Series) -> bool:
    cells = looks.present(values)
    return bool(cells) and all(_is_plain(cell) for cell in cells)


def _is_plain(cell: str) -> bool:
    body = cell.removeprefix("-")
    whole, _, part = body.partition(".")
    return whole.isdigit() and whole.isascii() and (not part or (part.isdigit() and part.isascii()))
