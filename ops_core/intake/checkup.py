"""What loading a file would do, found out without storing anything: each row's fate, how times and numbers are read,
and the as-of that the data suggest.

    with open_source("export.csv") as source:
        zone = TimeRules("Asia/Shanghai")
        found = check(source, sample, roles.guess(source.columns, sample), (zone, zone))
        found.rows_loaded, found.rows_duplicate, found.quarantined_in(t)

Known limit: rows that an earlier import has brought already are known to the workspace only; the load counts them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import duckdb
import pandas as pd

from ops_core.errors import IntakeError
from ops_core.intake import accounts, batch, checks, columns, fields, proof
from ops_core.intake.evidence import Choice
from ops_core.intake.load import MAX_PROPERTIES
from ops_core.intake.meaning import Guess
from ops_core.intake.notes import Note
from ops_core.intake.proof import Field, Typed
from ops_core.intake.report import no_problems, told
from ops_core.intake.source import Source
from ops_core.intake.watch import Watch
from ops_core.locale import Translator
from ops_core.model.time import TimeRules

QUESTIONS = ("dates_ambiguous", "dates_contradict")
_EXAMPLES = 3
_EITHER = re.compile(r"([-+]?[1-9]\d{0,2}[.,]\d{3}( |$))+")

Told = tuple[str | None, str | None]


@dataclass(frozen=True)
class Reading:
    """How a column of times or numbers is read. `examples`: pairs of cell as written and value as text (None: unread).

    `codes` name the ways (`import.reads_<code>`), the most usual first. `unsure`: all numbers are like 1.234, where
    the sign may stand before decimals or thousands.
    """

    role: str
    column: str
    type: str
    codes: tuple[str, ...]
    examples: tuple[tuple[str, str | None], ...]
    unsure: bool = False


@dataclass(frozen=True)
class Checkup:
    """`rows_read == rows_loaded + rows_duplicate + rows_quarantined`. `question`: what only a person can answer, else
    nothing was checked beyond it and the counts are those of reading alone. `as_of_us`, `last_us` are UTC µs, None for
    kinds without events.
    """

    rows_read: int
    rows_loaded: int
    rows_duplicate: int
    rows_quarantined: int
    problems: pd.DataFrame = field(repr=False, compare=False)
    duplicate_lines: tuple[int, ...] = ()
    readings: tuple[Reading, ...] = ()
    notes: tuple[Note, ...] = ()
    first_us: int | None = None
    last_us: int | None = None
    as_of_us: int | None = None
    question: IntakeError | None = None

    def quarantined_in(self, t: Translator) -> pd.DataFrame:
        """Rows that would not be loaded: line, column, value, reason, remedy."""
        return told(self.problems, t)


def check(
    source: Source,
    sample: pd.DataFrame,
    guess: Guess,
    rules: tuple[TimeRules, TimeRules],
    told: Told = (None, None),
    cancelled: Callable[[], bool] | None = None,
) -> Checkup:
    """Type every row as a load would, in scratch memory. `rules`: of the report and of the source. `told`: what a
    person said of the order of dates and of the decimal sign, see `LoadOptions`.

    Raises:
        IntakeError: more columns than a load takes; `load_cancelled` once `cancelled()` says so.
    """
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        cursor = connection.cursor()
        with Watch(cancelled=cancelled).over(cursor):
            try:
                return _checked(cursor, source, sample, guess, rules, told)
            except IntakeError as question:
                if question.code not in QUESTIONS:
                    raise
                found = accounts.rejected(source)
                n = len(found)
                return Checkup(source.rows_in_file, source.rows_in_file - n, 0, n, _or_none(found), question=question)


def both_orders(cells: Sequence[str]) -> pd.DataFrame:
    """How cells like 03/04/2026 read either way: written, day_first, month_first (datetimes, NaT where unread)."""
    with duckdb.connect() as connection:
        query = "SELECT v AS written, {day} AS day_first, {month} AS month_first FROM (SELECT unnest($cells) AS v)"
        readings = {name: one.of("v") for name, one in columns.DATE_ORDERS.items()}
        query = query.replace("{day}", readings["day_first"]).replace("{month}", readings["month_first"])
        rows = connection.execute(query, {"cells": list(cells)}).fetchall()
    return pd.DataFrame(rows, columns=["written", "day_first", "month_first"])


def _checked(
    cursor: duckdb.DuckDBPyConnection,
    source: Source,
    sample: pd.DataFrame,
    guess: Guess,
    rules: tuple[TimeRules, TimeRules],
    told: Told,
) -> Checkup:
    if len(guess.properties) > MAX_PROPERTIES:
        raise IntakeError("too_many_columns", columns=len(source.columns), limit=MAX_PROPERTIES)
    wanted = fields.wanted_fields(guess, sample, told[1])
    typed = proof.lay_out(cursor, source, wanted, sample, told[0])
    notes = [*typed.notes, *checks.mark_future(cursor, typed, rules[1], None)]
    if _is_deduplicated(guess, typed):
        accounts.mark_repeated(cursor, typed, guess.role("event_id") is not None)
    query = "SELECT count(*) FROM typed WHERE reason = 'duplicate'"
    n_duplicate = cursor.execute(query).fetchone()[0]
    query = "SELECT line FROM typed WHERE reason = 'duplicate' AND line IS NOT NULL ORDER BY line LIMIT 1000"
    lines = tuple(row[0] for row in cursor.execute(query).fetchall())
    accounts.take_out_duplicates(cursor)
    found = accounts.problems(cursor, source, typed)
    bounds = _bounds(cursor, typed, guess, rules[1])
    return Checkup(
        rows_read=source.rows_in_file,
        rows_loaded=source.rows_in_file - n_duplicate - len(found),
        rows_duplicate=n_duplicate,
        rows_quarantined=len(found),
        problems=found,
        duplicate_lines=lines,
        readings=tuple(
            _reading(cursor, one, typed.choices[one.name], sample, told[1]) for one in typed.fields if _told(one, typed)
        ),
        notes=tuple(notes),
        first_us=bounds and bounds[0],
        last_us=bounds and bounds[1],
        as_of_us=batch.as_of_of(None, bounds, typed.dates_only(cursor), *rules),
    )  # fmt: skip


def _is_deduplicated(guess: Guess, typed: Typed) -> bool:
    """Whether equal rows count once; see the layers of `laying`."""
    if guess.kind in ("events", "feedback"):
        return True
    if guess.kind == "orders":
        return guess.role("order_id") is None
    if guess.kind == "units":
        return guess.role("user_id") is not None and any(choice.type == "time" for choice in typed.choices.values())
    return guess.role({"users": "signup_at"}.get(guess.kind, "occurred_at")) is not None and guess.kind != "spend"


def _bounds(
    cursor: duckdb.DuckDBPyConnection, typed: Typed, guess: Guess, source_rules: TimeRules
) -> tuple[int, int] | None:
    if guess.kind not in ("events", "orders", "feedback") or "occurred_at" not in typed.choices:
        return None
    query = "SELECT epoch_us(min({at})), epoch_us(max({at})) FROM typed WHERE reason IS NULL"
    query = query.replace("{at}", typed.instant(cursor, "occurred_at", source_rules))
    first, last = cursor.execute(query).fetchone()
    return None if first is None else (first, last)


def _told(one: Field, typed: Typed) -> bool:
    return one.index is not None and typed.type(one.name) in ("time", "number")


def _reading(
    cursor: duckdb.DuckDBPyConnection, one: Field, choice: Choice, sample: pd.DataFrame, told: str | None
) -> Reading:
    """The reading of a column with the first few different cells of the sample as examples."""
    every = list(dict.fromkeys(str(cell).strip() for cell in sample.iloc[:, one.index].dropna()))
    cells = every[:_EXAMPLES]
    if choice.type == "time":
        value = "coalesce(" + choice.sql("v", False) + ", " + choice.sql("v", True) + ")"
    else:
        value = choice.sql("v")
    query = "SELECT v, ({value})::VARCHAR FROM (SELECT unnest($cells) AS v)".replace("{value}", value)
    pairs = tuple(cursor.execute(query, {"cells": cells}).fetchall()) if cells else ()
    role = "" if one.is_property else one.name
    codes = tuple(dict.fromkeys(reading.code for reading in choice.readings))
    unsure = choice.type == "number" and _EITHER.fullmatch(" ".join(every)) is not None if told is None else False
    return Reading(role, one.label, choice.type, codes, pairs, unsure)


def _or_none(found: pd.DataFrame) -> pd.DataFrame:
    return found if len(found) else no_problems()
