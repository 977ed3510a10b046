"""Retention as array passes: who entered a cohort in which bucket, and who had the return event how much later.

Two inputs, each small: `Entries` (one row per user and cohort) and the users' buckets with a return event. Calendar
measures compare bucket numbers; rolling ones compare elapsed time with each entry's own start.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ops_core.engine.activity import (
    ActivitySpec,
    UserBuckets,
    bucket_end_us,
    counted,
    event_rows,
    folded,
    user_buckets,
    user_days,
)
from ops_core.engine.arrays import starts_of_runs, sum_over_blocks
from ops_core.engine.cohorts import Entries, EntrySpec, Rollup, entries
from ops_core.model.time import DAY_US, HOUR_US, TimeRules
from ops_core.store import Store

UNIT_US = {"hour": HOUR_US, "day": DAY_US, "week": 7 * DAY_US}
NO_END = np.iinfo(np.int32).max


@dataclass(frozen=True)
class RetentionSpec:
    """What to count. `windows` are (first, last) offsets, both included; last = `None` means up to as-of.

    With `rolling` an offset is a stretch of 1 h, 24 h or 7 × 24 h from the entry itself, else a calendar bucket.
    """

    entry: EntrySpec
    returns: ActivitySpec
    windows: tuple[tuple[int, int | None], ...]
    rolling: bool = False
    min_occurrences: int = 1


@dataclass(frozen=True, eq=False)
class RetentionCounts:
    """Users per group and cohort, and how many of them returned per window.

    `cohorts`: bucket numbers; `n_users`, `n_returned`: arrays [group, cohort] and [group, cohort, window];
    `is_ripe`: [cohort, window], whether the window ended by as-of for everybody in the cohort; `ripe_us`: when it does.
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


def returned_entries(store: Store, spec: RetentionSpec, window: int) -> tuple[Entries, np.ndarray]:
    """The entries, and whether each of them returned in one window."""
    rollup = functools.cache(lambda: user_days(store, ActivitySpec()))
    entered = entries(store, spec.entry, rollup)
    numbered = np.arange(len(entered), dtype=np.int64)
    one = RetentionSpec(spec.entry, spec.returns, (spec.windows[window],), spec.rolling, spec.min_occurrences)
    return entered, _returned(store, one, entered, numbered, len(entered), rollup)[:, 0] > 0


def _returned(
    store: Store, spec: RetentionSpec, entered: Entries, cells: np.ndarray, n_cells: int, rollup: Rollup
) -> np.ndarray:
    """Entries that returned, per cell and window [cell, window]."""
    empty = np.zeros((n_cells, len(spec.windows)), dtype=np.int64)
    if not len(entered):
        return empty
    if spec.rolling:
        unit = UNIT_US[spec.entry.grain]
        end_us = spec.entry.end_us + (_farthest(spec) + 1) * unit
        users, at_us = event_rows(
            store, spec.returns, from_us=spec.entry.start_us, before_us=min(end_us, store.as_of_us or 0),
            in_order=not entered.one_per_user,
        )  # fmt: skip
        if entered.one_per_user:
            return _by_own_clock(spec, entered, cells, users, at_us, empty)
        return _by_elapsed(spec, entered, cells, users, at_us, empty)
    pairs = _return_pairs(store, spec, rollup)
    if entered.one_per_user:
        return _by_offset(spec, entered, cells, pairs, empty)
    return _by_bucket(spec, entered, cells, pairs, empty)


def _return_pairs(store: Store, spec: RetentionSpec, rollup: Rollup) -> UserBuckets:
    """Buckets with return events. Open windows end at as-of: when that is within a day, the rollup cannot tell."""
    is_open = any(last is None for _, last in spec.windows)
    as_of_us = store.as_of_us or 0
    rules = store.rules
    grain = spec.entry.grain
    if is_open:
        day = int(rules.local_days(np.array([as_of_us]))[0])
        if rules.day_start_us(day) != as_of_us or grain == "hour" or not spec.returns.is_any_activity:
            users, at_us = event_rows(store, spec.returns, before_us=as_of_us)
            return counted(users, spec.entry.bucket_of(rules, at_us))
        pairs = rollup()
        before = pairs.buckets < day
        pairs = UserBuckets(pairs.users[before], pairs.buckets[before], pairs.counts[before])
        return counted(pairs.users, spec.entry.bucket_of_days(rules, pairs.buckets), pairs.counts)
    if spec.returns.is_any_activity and grain != "hour":
        return folded(rollup(), rules, grain)
    return user_buckets(store, spec.returns, grain)


def _by_offset(
    spec: RetentionSpec, entered: Entries, cells: np.ndarray, pairs: UserBuckets, empty: np.ndarray
) -> np.ndarray:
    """One entry per user: each row of `pairs` has one offset."""
    n_users = int(max(entered.users.max(), pairs.users.max(initial=0))) + 1
    # Users without an entry get a cohort so late that all their offsets are negative.
    cohort_of = np.full(n_users, NO_END // 2, dtype=np.int32)
    cohort_of[entered.users] = entered.bucket
    cell_of, own_of = np.zeros(n_users, dtype=np.int64), np.zeros(n_users, dtype=np.int32)
    cell_of[entered.users], own_of[entered.users] = cells, entered.is_own_return
    if spec.windows == tuple((k, k) for k in range(len(spec.windows))):
        tally = _each_offset(spec, cell_of * len(spec.windows), cohort_of, own_of, pairs, empty)
    else:
        tally = _each_window(spec, cell_of, cohort_of, own_of, pairs, empty)
    return sum_over_blocks(pairs.users, tally, empty)


def _each_offset(
    spec: RetentionSpec,
    base_of: np.ndarray,
    cohort_of: np.ndarray,
    own_of: np.ndarray,
    pairs: UserBuckets,
    empty: np.ndarray,
) -> Callable[[slice], np.ndarray]:
    """Windows 0, 1, 2, … of one bucket each: every row is a hit in its own window, if it has events enough."""
    n_windows = len(spec.windows)

    def tally(block: slice) -> np.ndarray:
        users, counts = pairs.users[block], pairs.counts[block]
        offset = pairs.buckets[block] - cohort_of[users]
        is_hit = (offset >= 0) & (offset < n_windows)
        if spec.min_occurrences > 1:
            is_hit &= counts >= spec.min_occurrences
        rows = np.flatnonzero(is_hit)
        users, offset = users[rows], offset[rows]
        found = np.bincount(base_of[users] + offset, minlength=empty.size)
        alone = np.flatnonzero(offset == 0)
        alone = alone[counts[rows[alone]] - own_of[users[alone]] < spec.min_occurrences]
        found -= np.bincount(base_of[users[alone]], minlength=empty.size)
        return found.reshape(empty.shape)

    return tally


def _each_window(
    spec: RetentionSpec,
    cell_of: np.ndarray,
    cohort_of: np.ndarray,
    own_of: np.ndarray,
    pairs: UserBuckets,
    empty: np.ndarray,
) -> Callable[[slice], np.ndarray]:
    """Any windows: running totals over the offsets of each user, one difference per window."""
    n_slots = _farthest(spec) + 2  # the last slot collects everything beyond

    def tally(block: slice) -> np.ndarray:
        users, counts = pairs.users[block], pairs.counts[block]
        offset = pairs.buckets[block] - cohort_of[users]
        keep = offset >= 0
        users, counts, offset = users[keep], counts[keep], offset[keep]
        counts = counts - own_of[users] * (offset == 0)
        start = starts_of_runs(users)
        row = np.repeat(np.arange(len(start)), np.diff(start, append=len(users)))
        code = row * n_slots + np.minimum(offset, n_slots - 1)
        per_slot = np.bincount(code, weights=counts, minlength=len(start) * n_slots).reshape(len(start), n_slots)
        before = np.zeros((len(start), n_slots + 1))
        np.cumsum(per_slot, axis=1, out=before[:, 1:])
        found = np.zeros_like(empty)
        for window, (first, last) in enumerate(spec.windows):
            total = before[:, n_slots if last is None else last + 1] - before[:, first]
            hit = total >= spec.min_occurrences
            found[:, window] = np.bincount(cell_of[users[start[hit]]], minlength=len(empty))
        return found

    return tally


def _farthest(spec: RetentionSpec) -> int:
    return max(first if last is None else last for first, last in spec.windows)


def _by_bucket(
    spec: RetentionSpec, entered: Entries, cells: np.ndarray, pairs: UserBuckets, empty: np.ndarray
) -> np.ndarray:
    """Several entries per user: running totals per user over the calendar, one difference per entry and window."""
    farthest = _farthest(spec)
    origin = int(entered.cohorts[0])
    n_buckets = len(entered.cohorts) + farthest + 1  # the last bucket collects everything beyond
    block_rows = max(1, 4_000_000 // n_buckets)

    found = empty.copy()
    entry_user = entered.users
    for low in range(int(entry_user[0]), int(entry_user[-1]) + 1, block_rows):
        high = low + block_rows
        ours = slice(*np.searchsorted(entry_user, [low, high]))
        theirs = slice(*np.searchsorted(pairs.users, [low, high]))
        if ours.start == ours.stop:
            continue
        bucket = pairs.buckets[theirs] - origin
        keep = bucket >= 0
        place = (pairs.users[theirs][keep] - low) * n_buckets + np.minimum(bucket[keep], n_buckets - 1)
        n_rows = min(high, int(entry_user[-1]) + 1) - low
        totals = np.zeros((n_rows, n_buckets + 1), dtype=np.int32)
        inside = place < n_rows * n_buckets
        per_bucket = np.bincount(
            place[inside], weights=pairs.counts[theirs][keep][inside], minlength=n_rows * n_buckets
        )
        np.cumsum(per_bucket.reshape(n_rows, n_buckets), axis=1, out=totals[:, 1:], dtype=np.int32)
        base = (entry_user[ours] - low) * (n_buckets + 1) + (entered.bucket[ours] - origin)
        end = (entry_user[ours] - low + 1) * (n_buckets + 1) - 1
        totals = totals.reshape(-1)
        for window, (first, last) in enumerate(spec.windows):
            total = totals[end if last is None else base + last + 1] - totals[base + first]
            if first == 0:
                total = total - entered.is_own_return[ours]
            hit = total >= spec.min_occurrences
            found[:, window] += np.bincount(cells[ours][hit], minlength=len(empty))
    return found


def _by_own_clock(
    spec: RetentionSpec, entered: Entries, cells: np.ndarray, users: np.ndarray, at_us: np.ndarray, empty: np.ndarray
) -> np.ndarray:
    """One entry per user and elapsed time: events counted per entry and stretch; their order does not matter."""
    unit, n_slots = UNIT_US[spec.entry.grain], _farthest(spec) + 1
    nobody = np.iinfo(np.int64).max
    start_us = entered.by_user(entered.at_us, users, missing=nobody)
    inside = np.flatnonzero((at_us >= start_us) & (start_us < nobody))
    slot = np.floor_divide(at_us[inside] - start_us[inside], unit)
    near = slot < n_slots
    inside, slot = inside[near], slot[near]
    row = entered.by_user(np.arange(len(entered), dtype=np.int32), users[inside], missing=0)
    counts = np.bincount(row.astype(np.int64) * n_slots + slot, minlength=len(entered) * n_slots)
    counts = counts.reshape(len(entered), n_slots)
    counts[:, 0] -= entered.is_own_return
    found = empty.copy()
    for window, (first, last) in enumerate(spec.windows):
        hit = counts[:, first : last + 1].sum(axis=1) >= spec.min_occurrences
        found[:, window] = np.bincount(cells[hit], minlength=len(empty))
    return found


def _by_elapsed(
    spec: RetentionSpec, entered: Entries, cells: np.ndarray, users: np.ndarray, at_us: np.ndarray, empty: np.ndarray
) -> np.ndarray:
    """Several entries per user and elapsed time: each window is two binary searches in the sorted return events."""
    unit = UNIT_US[spec.entry.grain]
    first_us = int(min(entered.at_us.min(), at_us.min(initial=entered.at_us.min())))
    farthest = _farthest(spec) + 1
    span = int(max(entered.at_us.max() + farthest * unit, at_us.max(initial=0))) - first_us + 2
    users_per_block = max(1, (2**62) // span)
    found = empty.copy()
    for low in range(int(entered.users[0]), int(entered.users[-1]) + 1, users_per_block):
        high = low + users_per_block
        ours = slice(*np.searchsorted(entered.users, [low, high]))
        theirs = slice(*np.searchsorted(users, [low, high]))
        rows = (users[theirs] - low).astype(np.int64) * span + (at_us[theirs] - first_us)
        of_user = (entered.users[ours] - low).astype(np.int64) * span
        start = of_user + (entered.at_us[ours] - first_us)
        for window, (first, last) in enumerate(spec.windows):
            end = of_user + span - 1 if last is None else start + (last + 1) * unit
            total = np.searchsorted(rows, end) - np.searchsorted(rows, start + first * unit)
            if first == 0:
                total = total - entered.is_own_return[ours]
            hit = total >= spec.min_occurrences
            found[:, window] += np.bincount(cells[ours][hit], minlength=len(empty))
    return found


def cohort_bounds_us(rules: TimeRules, cohorts: np.ndarray, grain: str) -> tuple[np.ndarray, np.ndarray]:
    """Begin and end of each cohort's bucket, UTC µs."""
    return bucket_end_us(rules, cohorts - 1, grain), bucket_end_us(rules, cohorts, grain)


def _ripe_us(store: Store, spec: RetentionSpec, cohorts: np.ndarray) -> np.ndarray:
    """Instant at which each window has ended for a whole cohort; an open window when its first bucket has."""
    last = np.array([first if end is None else end for first, end in spec.windows], dtype=np.int64)
    rules, grain = store.rules, spec.entry.grain
    if spec.rolling:
        return bucket_end_us(rules, cohorts, grain)[:, None] + (last + 1)[None, :] * UNIT_US[grain]
    return bucket_end_us(rules, cohorts[:, None] + last[None, :], grain)
