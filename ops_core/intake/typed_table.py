"""The statement that lays the rows `typed`: one pass in which every cell is read and every row judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from ops_core.intake import columns, typed_rows
from ops_core.intake.evidence import Choice
from ops_core.intake.source import Source

PROPERTY_PREFIX = "f"
EARLIEST, _LATEST = "TIMESTAMP '1900-01-01'", "TIMESTAMP '2200-01-01'"


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


def create(
    cursor: duckdb.DuckDBPyConnection,
    fields: Sequence[Field],
    choices: dict[str, Choice],
    source: Source,
    swift: bool = False,
) -> None:
    """Make them. `swift`: rows that something may be wrong with get the reason `unclear`, and nothing more."""
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
        SELECT * EXCLUDE ({raws}) FROM (
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
    unread = _any_unread(optional, choices)
    statement = statement.replace("{reason}", _where_empty(needed, choices, verdict, "NULL::VARCHAR"))
    statement = statement.replace("{unread}", _where_empty(optional, choices, unread, "false")).replace("{hash}", whole)
    statement = statement.replace("* EXCLUDE ({raws})", _excluding(["raw_" + field.name for field in checked]))
    query = statement.replace("{parts}", ", ".join(parts)).replace("{raw}", raw)
    typed_rows.lay(cursor, query, source.folder_for_rows, len(parts))


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
    return f"CASE WHEN ({expression}) BETWEEN {EARLIEST} AND {_LATEST} THEN {expression} END"


def _reason(field: Field, choice: Choice) -> str:
    empty, present = _empty(field, choice), columns.IS_PRESENT.replace("{c}", "raw_" + field.name)
    unread = f" WHEN {empty} AND ({present}) THEN '{field.if_unread}'" if field.if_unread else ""
    missing = f" WHEN {empty} THEN '{field.if_missing}'" if field.if_missing else ""
    return unread + missing


def _any_unread(fields: Sequence[Field], choices: dict[str, Choice]) -> str:
    """Whether some cell is not read; one look at a list, as the database takes cubic time over a long OR."""
    cells = ", ".join(
        f"CASE WHEN {_empty(field, choices[field.name])} THEN raw_{field.name} END"
        for field in fields
        if choices[field.name].type != "text"
    )
    present = columns.IS_PRESENT.replace("{c}", "cell")
    return f"len(list_filter([{cells}], lambda cell: {present})) > 0" if cells else "false"


def _empty(field: Field, choice: Choice) -> str:
    name = field.name
    return f"{name}_wall IS NULL AND {name}_utc IS NULL" if choice.type == "time" else f"{name} IS NULL"
