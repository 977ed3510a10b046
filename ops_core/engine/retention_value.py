"""What the users of each cohort were worth, bucket by bucket: sums of values since they entered, with their spread.

Values of one user lie in order, with running totals in millionths, so that each user's sum over any window is the
difference of two running totals. The window of the start holds the starting row, too: its value is value.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ops_core.engine.activity import ActivitySpec, user_days
from ops_core.engine.arrays import fetch_columns, is_sorted
from ops_core.engine.cohorts import Entries, entries
from ops_core.engine.purchases import MICRO
from ops_core.engine.retention import before_data, window_end_us
from ops_core.engine.retention_spec import UNIT_US, UNSEEN_US, RetentionSpec
from ops_core.engine.selection import on_events
from ops_core.store import Store

_CHOSEN = "event_code IN (SELECT unnest($codes::USMALLINT[]))"
_REVENUE = "event_code IN (SELECT event_code FROM event_names WHERE counts_revenue)"
_VALUES = """
    SELECT user_key, epoch_us(occurred_at) AS at_us, (value::DECIMAL(30, 6) * 1000000)::BIGINT AS micros FROM events
    WHERE {events} AND {conditions} AND value IS NOT NULL AND value <> 0 AND occurred_at < make_timestamp($before_us)
    ORDER BY user_key, occurred_at
"""
_ANY_VALUE = """
    SELECT count(*) > 0 FROM (
        SELECT 1 FROM events WHERE {events} AND {conditions} AND value IS NOT NULL AND value <> 0 LIMIT 1
    )
"""
_ENTRIES_PER_BLOCK = 100_000
_KEYS = 1 << 62


@dataclass(frozen=True, eq=False)
class Sums:
    """Per group, cohort and window: value (sum), squares (sum of users' squared sums), payers (users with a positive
    sum)."""

    value: np.ndarray
    squares: np.ndarray
    payers: np.ndarray


@dataclass(frozen=True, eq=False)
class ValueCounts:
    """Value per group and cohort: inside each window, and from the start to the window's end (`so_far`).

    `n_users`: [group, cohort]; `is_ripe`, `ripe_us`: [cohort, window], as in `RetentionCounts`, with no ripe window
    for a cohort with sign-ups before the data. `n_values`: rows with a value that the cohorts' users have from their
    start on; `n_negative`: those below zero among them.
    """

    groups: tuple[str | None, ...]
    cohorts: np.ndarray
    n_users: np.ndarray
    inside: Sums
    so_far: Sums
    is_ripe: np.ndarray
    ripe_us: np.ndarray
    n_values: int
    n_negative: int


@dataclass(frozen=True, eq=False)
class _Values:
    """Rows with a value, sorted by user and place (bucket, or instant), with running totals before each row."""

    users: np.ndarray
    place: np.ndarray
    total: np.ndarray
    n_negative: np.ndarray

    @property
    def span(self) -> int:
        """How far places reach, and one more on either side."""
        return int(self.place.max() - self.place.min()) + 3 if len(self.place) else 3


def count(store: Store, spec: RetentionSpec) -> ValueCounts:
    """The cohorts of the period and their value; `spec.returns` are the events whose values count, all that count as
    revenue when it names none.

    Raises:
        QueryError: an unknown event or property.
    """
    rollup = functools.cache(lambda: user_days(store, ActivitySpec()))
    entered = entries(store, spec.entry, rollup)
    cells = entered.group.astype(np.int64) * len(entered.cohorts) + entered.cohort
    shape = (len(entered.groups), len(entered.cohorts))
    values = _values(store, spec)
    inside, so_far, n_values, n_negative = _summed(spec, entered, cells, shape, values)
    # What counts is all that was spent since the start, in every window.
    is_early = before_data(store, spec, entered.cohorts)
    ripe_us = np.where(is_early[:, None], UNSEEN_US, window_end_us(store, spec, entered.cohorts))
    return ValueCounts(
        groups=entered.groups,
        cohorts=entered.cohorts,
        n_users=np.bincount(cells, minlength=shape[0] * shape[1]).reshape(shape),
        inside=inside,
        so_far=so_far,
        is_ripe=ripe_us <= (store.as_of_us or 0),
        ripe_us=ripe_us,
        n_values=n_values,
        n_negative=n_negative,
    )


def _values(store: Store, spec: RetentionSpec) -> _Values:
    named = bool(spec.returns.events)
    conditions = on_events(store, spec.returns.filters)
    parameters = {"before_us": store.as_of_us or 0, **conditions.parameters}
    if named:
        parameters["codes"] = store.event_codes(spec.returns.events)
    statement = _VALUES.replace("{events}", _CHOSEN if named else _REVENUE).replace("{conditions}", conditions.text)
    with store.cursor() as cursor:
        rows = fetch_columns(cursor, statement, parameters)
    users, at_us, micros = rows["user_key"], rows["at_us"], rows["micros"]
    place = at_us if spec.rolling else spec.entry.bucket_of(store.rules, at_us).astype(np.int64)
    if not is_sorted(users, place):  # clocks put back: an hour of the day before comes again
        order = np.lexsort((place, users))
        users, micros, place = users[order], micros[order], place[order]
    # Running totals over all users may wrap around; the differences that are taken of them do not.
    total, n_negative = (np.concatenate([[0], np.cumsum(each)]) for each in (micros, micros < 0))
    return _Values(users, place, total, n_negative)


def _summed(
    spec: RetentionSpec, entered: Entries, cells: np.ndarray, shape: tuple[int, int], values: _Values
) -> tuple[Sums, Sums, int, int]:
    n_cells, n_windows = shape[0] * shape[1], len(spec.windows)
    totals = [np.zeros((n_cells, n_windows)) for _ in range(6)]
    n_values = n_negative = 0
    # Users without any value add nothing to a sum.
    chosen = np.flatnonzero(np.isin(entered.users, np.unique(values.users)))
    for rows in _blocks(entered.users, chosen, values.span):
        edges = _positions(spec, entered, rows, values)
        rest = np.searchsorted(values.users, entered.users[rows], side="right")
        n_values += int((rest - edges[0]).sum())
        n_negative += int((values.n_negative[rest] - values.n_negative[edges[0]]).sum())
        for window, (first, last) in enumerate(spec.windows):
            end = values.total[edges[last + 1]]
            for kind, start in enumerate((edges[first], edges[0])):
                _add(totals[3 * kind : 3 * kind + 3], window, cells[rows], end - values.total[start])
    blocks = [total.reshape(*shape, n_windows) for total in totals]
    return Sums(*blocks[:3]), Sums(*blocks[3:]), n_values, n_negative


def _blocks(users: np.ndarray, chosen: np.ndarray, span: int) -> Iterator[np.ndarray]:
    """The chosen rows in blocks whose users and places fit into one 63-bit key."""
    start, theirs = 0, users[chosen]
    while start < len(chosen):
        end = int(np.searchsorted(theirs, int(theirs[start]) + _KEYS // span))
        end = min(max(end, start + 1), start + _ENTRIES_PER_BLOCK)
        yield chosen[start:end]
        start = end


def _positions(spec: RetentionSpec, entered: Entries, rows: np.ndarray, values: _Values) -> dict[int, np.ndarray]:
    """For each edge of a window and each entry: how many rows with a value lie before it."""
    users = entered.users[rows].astype(np.int64)
    low, high = np.searchsorted(values.users, np.array([users[0], users[-1] + 1], dtype=values.users.dtype))
    origin, span = int(values.place.min()) - 1, values.span
    keys = (values.users[low:high] - users[0]).astype(np.int64) * span + (values.place[low:high] - origin)
    begin = entered.at_us[rows] if spec.rolling else entered.bucket[rows].astype(np.int64)
    unit = UNIT_US[spec.entry.grain] if spec.rolling else 1
    found = {}
    for edge in _edges(spec):
        place = np.clip(begin + edge * unit - origin, 0, span - 1)
        found[edge] = low + np.searchsorted(keys, (users - users[0]) * span + place)
    return found


def _edges(spec: RetentionSpec) -> set[int]:
    """Offsets at which a window begins or the one after it does; the start among them."""
    return {0} | {edge for first, last in spec.windows for edge in (first, last + 1)}


def _add(totals: list[np.ndarray], window: int, cell: np.ndarray, micros: np.ndarray) -> None:
    """Add users' sums to their cells. Units and millionths apart: both are whole numbers, which doubles add exactly."""
    n_cells = len(totals[0])
    whole, part = np.divmod(micros, MICRO)
    totals[0][:, window] += np.bincount(cell, weights=whole, minlength=n_cells)
    totals[0][:, window] += np.bincount(cell, weights=part, minlength=n_cells) / MICRO
    totals[1][:, window] += np.bincount(cell, weights=(micros / MICRO) ** 2, minlength=n_cells)
    totals[2][:, window] += np.bincount(cell[micros > 0], minlength=n_cells)


def has_values(store: Store, returns: ActivitySpec) -> bool:
    """Whether any event asked for carries a value, whoever it is of."""
    named = bool(returns.events)
    conditions = on_events(store, returns.filters)
    parameters = dict(conditions.parameters) | ({"codes": store.event_codes(returns.events)} if named else {})
    statement = _ANY_VALUE.replace("{events}", _CHOSEN if named else _REVENUE).replace("{conditions}", conditions.text)
    with store.cursor() as cursor:
        return bool(cursor.execute(statement, parameters).fetchone()[0])
