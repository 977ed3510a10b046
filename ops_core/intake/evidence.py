"""Which reading reads a column: proven on every distinct value, decided by what is found, asked where that fails."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import duckdb
import pandas as pd

from ops_core.errors import IntakeError
from ops_core.intake import columns, looks
from ops_core.intake.columns import Reading
from ops_core.intake.notes import Note, info, warning

_DISTINCT = """
    CREATE OR REPLACE TEMP TABLE distinct_values AS
    SELECT {c} AS v, count(*) AS n FROM {view} WHERE {present} GROUP BY 1
"""
_ISO_CLOCK = re.compile(r"\d{4}-\d\d-\d\d(?P<between>[ T])\d\d:\d\d:\d\d(\.\d{1,6})?(?P<zone>Z?)", re.ASCII)
_DAY_MONTH = "regexp_matches(v, '^\\s*\\d{1,2}[-/.]\\d{1,2}[-/.]\\d{2,4}(\\D|$)')"
_FIRST = "try_cast(regexp_extract(v, '^\\s*(\\d{1,2})[-/.]', 1) AS INTEGER)"
_SECOND = "try_cast(regexp_extract(v, '^\\s*\\d{1,2}[-/.](\\d{1,2})', 1) AS INTEGER)"


_CANDIDATES = {"amount": columns.AMOUNTS, "number": columns.NUMBERS, "boolean": (columns.FLAG,)}
# What a person said about the decimal sign leaves only the readings that agree with it.
_CANDIDATES |= {
    f"{wanted}_{sign}": tuple(one for one in _CANDIDATES[wanted] if (one.code == "number_comma") == (sign == "comma"))
    for wanted in ("amount", "number")
    for sign in ("point", "comma")
}


@dataclass(frozen=True)
class Choice:
    """The readings of one column (the first that reads a cell wins), how many cells none of them reads, and why."""

    readings: tuple[Reading, ...]
    n_cells: int = 0
    n_unread: int = 0
    examples: tuple[str, ...] = ()
    notes: tuple[Note, ...] = field(default_factory=tuple)

    @property
    def type(self) -> str:
        """Property type: text, number, boolean or time."""
        return self.readings[0].type

    def sql(self, column: str, in_utc: bool | None = None) -> str:
        """The expression of a column; for times the part in wall-clock time or the part in UTC."""
        wanted = [one for one in self.readings if in_utc is None or one.in_utc is in_utc]
        if not wanted:
            return "NULL::TIMESTAMP"
        parts = [one.of(column) for one in wanted]
        return parts[0] if len(parts) == 1 else "coalesce(" + ", ".join(parts) + ")"


def suspected(values: pd.Series) -> str:
    """What a sampled column seems to hold: time, boolean, number or text."""
    if looks.is_time(values):
        return "time"
    if looks.is_flag(values) and not looks.is_number(values):
        return "boolean"
    return "number" if looks.is_number(values) and not looks.has_codes(values) else "text"


def iso_shape(values: pd.Series) -> Reading | None:
    """The fast reading of a sampled time column in plain ISO form, if it has one."""
    cells = looks.present(values)
    if not cells:
        return None
    if all(len(cell) == 10 and cell[4] == cell[7] == "-" for cell in cells):
        return columns.ISO_DATE
    in_utc = cells[0].endswith("Z")
    clocks = [_ISO_CLOCK.fullmatch(cell) for cell in cells]
    if all(clock is not None and (clock["zone"] == "Z") is in_utc for clock in clocks):
        between = {clock["between"] for clock in clocks}
        return columns.iso_clock(between.pop(), in_utc) if len(between) == 1 else None
    return None


def prove(
    cursor: duckdb.DuckDBPyConnection,
    view: str,
    index: int,
    name: str,
    wanted: str,
    date_order: str | None = None,
    *,
    asks: bool = True,
) -> Choice:
    """The best readings of a whole column for a wanted type: time, amount, number (`_point` or `_comma`), boolean.

    Raises:
        IntakeError: day and month cannot be told apart; without `asks` the column stays text instead.
    """
    column = f"c{index}"
    statement = _DISTINCT.replace("{present}", columns.IS_PRESENT).replace("{c}", column).replace("{view}", view)
    cursor.execute(statement)
    if wanted == "time":
        try:
            return _times(cursor, name, date_order)
        except IntakeError as question:
            if asks:
                raise
            values = {"column": name, "example": question.values.get("example", question.values.get("one"))}
            return Choice((columns.WORDS,), notes=(warning("date_order_unknown", **values),))
    candidates = _CANDIDATES[wanted]
    best: Choice | None = None
    for reading in candidates:
        choice = _measured(cursor, (reading,))
        if best is None or choice.n_unread < best.n_unread:
            best = choice
        if not best.n_unread:
            break
    code = best.readings[0].code
    notes = () if code in ("number", "flag") else (info("column_reading_" + code, column=name),)
    return Choice(best.readings, best.n_cells, best.n_unread, best.examples, notes)


def _measured(cursor: duckdb.DuckDBPyConnection, readings: tuple[Reading, ...]) -> Choice:
    expression = Choice(readings).sql("v")
    query = (
        "SELECT coalesce(sum(n), 0)::BIGINT, coalesce(sum(n) FILTER (({e}) IS NULL), 0)::BIGINT FROM distinct_values"
    )
    n_cells, n_unread = cursor.execute(query.replace("{e}", expression)).fetchone()
    examples: tuple[str, ...] = ()
    if n_unread:
        query = "SELECT v FROM distinct_values WHERE ({e}) IS NULL ORDER BY n DESC, v LIMIT 3"
        examples = tuple(row[0] for row in cursor.execute(query.replace("{e}", expression)).fetchall())
    return Choice(readings, int(n_cells), int(n_unread), examples)


def _times(cursor: duckdb.DuckDBPyConnection, name: str, date_order: str | None) -> Choice:
    plain = _measured(cursor, columns.TIMES)
    if not plain.n_unread:
        return _needed(cursor, plain, ())
    order, notes = _date_order(cursor, name, date_order)
    if order is None:
        return _needed(cursor, plain, ())
    return _needed(cursor, _measured(cursor, (*columns.TIMES, columns.DATE_ORDERS[order])), notes)


def _needed(cursor: duckdb.DuckDBPyConnection, choice: Choice, notes: tuple[Note, ...]) -> Choice:
    """The same choice with only the readings that read something."""
    branches = "".join(
        f" WHEN ({reading.of('v')}) IS NOT NULL THEN {number:d}" for number, reading in enumerate(choice.readings)
    )
    query = "SELECT DISTINCT CASE {branches} END FROM distinct_values"
    used = {row[0] for row in cursor.execute(query.replace("{branches}", branches)).fetchall()}
    kept = tuple(reading for number, reading in enumerate(choice.readings) if number in used)
    return Choice(kept or (columns.ISO,), choice.n_cells, choice.n_unread, choice.examples, notes)


def _date_order(cursor: duckdb.DuckDBPyConnection, name: str, told: str | None) -> tuple[str | None, tuple[Note, ...]]:
    """Whether the day or the month comes first in dates like 03/04/2026, by evidence."""
    query = (
        "SELECT count(*), count(*) FILTER ({first} > 12), count(*) FILTER ({second} > 12), min(v),"
        " bool_and(contains(v, '.')), min(v) FILTER ({first} > 12), min(v) FILTER ({second} > 12)"
        " FROM distinct_values WHERE {like}"
    )
    query = query.replace("{first}", _FIRST).replace("{second}", _SECOND).replace("{like}", _DAY_MONTH)
    n, days_first, days_second, example, dotted, day_example, month_example = cursor.execute(query).fetchone()
    if not n:
        return None, ()
    if told is not None:
        return told, (info("date_order_told_" + told, column=name),)
    if days_first and days_second:
        order, against = ("day_first", days_second) if days_first >= days_second else ("month_first", days_first)
        if against * 10 > max(days_first, days_second):
            raise IntakeError("dates_contradict", column=name, one=day_example, other=month_example)
        return order, (warning("date_order_mixed", column=name, n=int(against)),)
    if days_first:
        return "day_first", (info("date_order_day_first", column=name, example=day_example),)
    if days_second:
        return "month_first", (info("date_order_month_first", column=name, example=month_example),)
    if dotted:
        return "day_first", (info("date_order_dotted", column=name, example=example),)
    raise IntakeError("dates_ambiguous", column=name, example=example)
