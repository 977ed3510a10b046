"""Retention as array passes: who entered a cohort in which bucket, and who had the return event how much later.

Two inputs, each small: `Entries` (one row per user and cohort) and the users' buckets with a return event. Calendar
measures compare bucket numbers; rolling ones compare elapsed time with each entry's own start.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

import numpy as np

from ops_core.engine.activity import (
    ActivitySpec,
    UserBuckets,
    bucket_end_us,
    counted,
    event_rows,
    user_buckets,
    user_days,
)
from ops_core.engine.cohorts import Entries, Rollup, entries
from ops_core.engine.first_seen import first_seen
from ops_core.engine.retention_entries import by_entry
from ops_core.engine.retention_often import by_bucket, by_elapsed
from ops_core.engine.retention_once import by_offset, by_own_clock
from ops_core.engine.retention_spec import UNIT_US, UNSEEN_US, RetentionSpec
from ops_core.model.time import TimeRules
from ops_core.store import Store
from ops_core.store.catalog import first_event_us

__all__ = [
    "RetentionCounts", "RetentionSpec", "before_data", "cohort_bounds_us", "count", "returned_entries", "window_end_us",
]  # fmt: skip


@dataclass(frozen=True, eq=False)
class RetentionCounts:
    """Users per group and cohort, and how many of them returned per window.

    `cohorts`: bucket numbers; `n_users`, `n_returned`: arrays [group, cohort] and [group, cohort, window];
    `is_ripe`: [cohort, window], whether the data show the window for everybody in the cohort: it ended by as-of and
    began within the data; `ripe_us`: when it ends, `UNSEEN_US` where it began before the data.
    """

    groups: tuple[str | None, ...]
    cohorts: np.ndarray
    n_users: np.ndarray
    n_returned: np.ndarray
    is_ripe: np.ndarray
    ripe_us: np.ndarray


def count(store: Store, spec: RetentionSpec) -> RetentionCounts:
    """The cohorts of the period and who came back.

    Raises:
        QueryError: an unknown event or property.
    """
    rollup = functools.cache(lambda: user_days(store, ActivitySpec()))
    entered = entries(store, spec.entry, rollup)
    cells = entered.group.astype(np.int64) * len(entered.cohorts) + entered.cohort
    n_cells = len(entered.groups) * len(entered.cohorts)
    returned = _returned(store, spec, entered, cells, n_cells, rollup)
    shape = (len(entered.groups), len(entered.cohorts))
    ripe_us = _ripe_us(store, spec, entered.cohorts)
    return RetentionCounts(
        groups=entered.groups,
        cohorts=entered.cohorts,
        n_users=np.bincount(cells, minlength=n_cells).reshape(shape),
        n_returned=returned.reshape(*shape, len(spec.windows)),
        is_ripe=ripe_us <= (store.as_of_us or 0),
        ripe_us=ripe_us,
    )


def returned_entries(store: Store, spec: RetentionSpec) -> tuple[Entries, np.ndarray]:
    """The entries, and whether each of them returned in each window: bool [entry, window]."""
    rollup = functools.cache(lambda: user_days(store, ActivitySpec()))
    entered = entries(store, spec.entry, rollup)
    if not spec.rolling:
        return entered, by_entry(spec, entered, _return_pairs(store, spec, entered, rollup))
    numbered = np.arange(len(entered), dtype=np.int64)
    columns = [
        _returned(store, replace(spec, windows=(window,)), entered, numbered, len(entered), rollup)[:, 0] > 0
        for window in spec.windows
    ]
    return entered, np.stack(columns, axis=1)


def _returned(
    store: Store, spec: RetentionSpec, entered: Entries, cells: np.ndarray, n_cells: int, rollup: Rollup
) -> np.ndarray:
    """Entries that returned, per cell and window [cell, window]."""
    empty = np.zeros((n_cells, len(spec.windows)), dtype=np.int64)
    if not len(entered):
        return empty
    if spec.rolling:
        unit = UNIT_US[spec.entry.grain]
        end_us = spec.entry.end_us + (spec.farthest + 1) * unit
        users, at_us = event_rows(
            store, spec.returns, from_us=spec.entry.start_us, before_us=min(end_us, store.as_of_us or 0),
            in_order=not entered.one_per_user,
        )  # fmt: skip
        if entered.one_per_user:
            return by_own_clock(spec, entered, cells, users, at_us, empty)
        return by_elapsed(spec, entered, cells, users, at_us, empty)
    pairs = _return_pairs(store, spec, entered, rollup)
    if entered.one_per_user:
        return by_offset(spec, entered, cells, pairs, empty)
    return by_bucket(spec, entered, cells, pairs, empty)


def _return_pairs(store: Store, spec: RetentionSpec, entered: Entries, rollup: Rollup) -> UserBuckets:
    """Buckets with return events, those before the first cohort perhaps left out.

    Open windows end at as-of: when that is within a day, the rollup cannot tell.
    """
    is_open = any(last is None for _, last in spec.windows)
    as_of_us = store.as_of_us or 0
    rules = store.rules
    grain = spec.entry.grain
    if is_open:
        day = int(rules.local_days(np.array([as_of_us]))[0])
        if rules.day_start_us(day) != as_of_us or grain == "hour" or not spec.returns.is_any_activity:
            return _event_pairs(store, spec, entered, as_of_us)
        pairs = rollup()
        before = pairs.buckets < day
        pairs = UserBuckets(pairs.users[before], pairs.buckets[before], pairs.counts[before])
        return counted(pairs.users, spec.entry.bucket_of_days(rules, pairs.buckets), pairs.counts)
    if spec.returns.is_any_activity and grain != "hour":
        return user_buckets(store, ActivitySpec(), grain)
    return _event_pairs(store, spec, entered, int(window_end_us(store, spec, entered.cohorts[-1:]).max()))


def _event_pairs(store: Store, spec: RetentionSpec, entered: Entries, before_us: int) -> UserBuckets:
    """The same from the events themselves: those between the first cohort's begin and an instant."""
    rules = store.rules
    first_us, _ = cohort_bounds_us(rules, entered.cohorts[:1], spec.entry.grain)
    users, at_us = event_rows(store, spec.returns, from_us=int(first_us[0]), before_us=before_us)
    return counted(users, spec.entry.bucket_of(rules, at_us))


def _ripe_us(store: Store, spec: RetentionSpec, cohorts: np.ndarray) -> np.ndarray:
    """Instant from which each window counts for a whole cohort; `UNSEEN_US` where it begins before the data do."""
    ends = window_end_us(store, spec, cohorts)
    is_early = before_data(store, spec, cohorts)
    if not is_early.any():
        return ends
    rules, grain = store.rules, spec.entry.grain
    first = np.array([first for first, _ in spec.windows], dtype=np.int64)
    begins = bucket_end_us(rules, cohorts[:, None] + first - 1, grain)
    if spec.rolling:
        begins = cohort_bounds_us(rules, cohorts, grain)[0][:, None] + first * UNIT_US[grain]
    return np.where(is_early[:, None] & (begins < _data_from_us(store)), UNSEEN_US, ends)


def before_data(store: Store, spec: RetentionSpec, cohorts: np.ndarray) -> np.ndarray:
    """Which cohorts hold users who signed up before the data's first day: what they did at first nobody has seen.

    Everybody's sign-ups count, not those of a segment alone, so that two sides of a comparison have the same cells.
    """
    data_from_us = _data_from_us(store)
    if spec.entry.mode != "first_seen" or spec.entry.start_us >= data_from_us:
        return np.zeros(len(cohorts), dtype=bool)
    seen_us = first_seen(store).at_us
    early = seen_us[(seen_us >= spec.entry.start_us) & (seen_us < data_from_us)]
    return np.isin(cohorts, spec.entry.bucket_of(store.rules, early))


def _data_from_us(store: Store) -> int:
    """Begin of the data's first day, UTC µs."""
    rules = store.rules
    return rules.day_start_us(int(rules.local_days(np.array([first_event_us(store) or 0]))[0]))


def cohort_bounds_us(rules: TimeRules, cohorts: np.ndarray, grain: str) -> tuple[np.ndarray, np.ndarray]:
    """Begin and end of each cohort's bucket, UTC µs."""
    return bucket_end_us(rules, cohorts - 1, grain), bucket_end_us(rules, cohorts, grain)


def window_end_us(store: Store, spec: RetentionSpec, cohorts: np.ndarray) -> np.ndarray:
    """Instant at which each window has ended for a whole cohort; an open window when its first bucket has."""
    last = np.array([first if end is None else end for first, end in spec.windows], dtype=np.int64)
    rules, grain = store.rules, spec.entry.grain
    if spec.rolling:
        return bucket_end_us(rules, cohorts, grain)[:, None] + (last + 1)[None, :] * UNIT_US[grain]
    return bucket_end_us(rules, cohorts[:, None] + last[None, :], grain)
