"""Tables that are counted already: one row per day (and arm) with sums of clicks, visits, orders instead of users.

found = recognised(source.columns, sample)     # None for tables of users, events or orders
found.time, found.arm, found.counts            # date, group, (clicks, enrolments)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from ops_core.errors import OpsError
from ops_core.intake import kinds, looks, roles
from ops_core.intake.vocabulary import EXACT, PART, folded

MOST_ARMS = 20
_DAY_NAMES = r"(?:mon|tue|wed|thu|fri|sat|sun)\w*,?\s+\w{3,9}\s+\d{1,2}"


@dataclass(frozen=True)
class Aggregated:
    """`time`: column of the day. `arm`: column that names the arm, None where there is none. `counts`: columns of sums,
    the larger first: what happens later in a funnel happens less often. `n_rows` of the sample.
    """

    time: str
    arm: str | None
    counts: tuple[str, ...]


def recognised(columns: Sequence[str], sample: pd.DataFrame) -> Aggregated | None:
    """What a counted table counts; None where rows are users, events, orders or what a channel cost."""
    if sample.empty or not _is_counted(columns, sample):
        return None
    times = [name for name in columns if folded(name) in EXACT["occurred_at"] and _is_day(sample[name])]
    times = times or [name for name in columns if _is_day(sample[name])]
    if not times:
        return None
    counts = [name for name in columns if name not in times and _is_count(sample[name])]
    if len(counts) < 2:
        return None
    totals = {name: sum(float(cell.replace(",", "")) for cell in looks.present(sample[name])) for name in counts}
    return Aggregated(times[0], _arm(columns, sample, times), tuple(sorted(counts, key=lambda name: -totals[name])))


def together(tables: Mapping[str, pd.DataFrame]) -> tuple[pd.DataFrame, str]:
    """Tables of the same columns below each other, and the column that names the table of a row (`file`)."""
    column = "file"
    while any(column in table for table in tables.values()):
        column += "_"
    rows = pd.concat([table.assign(**{column: name}) for name, table in tables.items()], ignore_index=True)
    return rows[[name for name in rows if name in (*next(iter(tables.values())), column)]], column


def _is_counted(columns: Sequence[str], sample: pd.DataFrame) -> bool:
    """Whether the guess of roles refuses the table as counted; a day written as a name hides its time from it."""
    if any(_names_a_person(name) for name in columns):
        return False
    try:
        found = roles.guess(columns, sample)
    except OpsError as refusal:
        return refusal.code == "already_counted" or len(kinds.counted_columns(columns)) >= 2
    return found.kind in ("units", "users") and len(kinds.counted_columns(columns)) >= 2


def _names_a_person(name: str) -> bool:
    said = folded(name)
    return said in EXACT["user_id"] or said in EXACT["order_id"] or any(part in said for part in PART["user_id"])


def _arm(columns: Sequence[str], sample: pd.DataFrame, times: Sequence[str]) -> str | None:
    """The column named for the arm, else one of a few words that come again on every day."""
    named = [name for name in columns if folded(name) in EXACT["variant"]]
    if named:
        return named[0]
    few = [name for name in columns if name not in times and _is_label(sample[name])]
    return few[0] if few else None


def _is_label(values: pd.Series) -> bool:
    cells = looks.present(values)
    kinds = set(cells)
    return 1 <= len(kinds) <= MOST_ARMS and len(cells) >= 2 * len(kinds) and not looks.is_number(values)


def _is_day(values: pd.Series) -> bool:
    named = values.dropna().astype(str).str.strip().str.fullmatch(_DAY_NAMES, case=False)
    return looks.is_time(values) or bool(len(named) and named.mean() >= looks.ENOUGH)


def _is_count(values: pd.Series) -> bool:
    """Whether nearly all cells are whole numbers of nothing negative; blanks are days still open."""
    cells = [cell.replace(",", "") for cell in looks.present(values)]
    whole = [cell for cell in cells if cell.isdigit() or (cell.endswith(".0") and cell[:-2].isdigit())]
    return bool(cells) and len(whole) == len(cells)
