"""Retention of users who enter once: every return event has one offset.

The functions count entries that returned, per cell (an arbitrary number per entry) and window: arrays [cell, window],
added to zeros of that shape (`empty`).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ops_core.engine.activity import UserBuckets
from ops_core.engine.arrays import starts_of_runs, sum_over_blocks
from ops_core.engine.cohorts import Entries
from ops_core.engine.retention_spec import UNIT_US, RetentionSpec

_NEVER = np.iinfo(np.int32).max // 2


def by_offset(
    spec: RetentionSpec, entered: Entries, cells: np.ndarray, pairs: UserBuckets, empty: np.ndarray
) -> np.ndarray:
    """One entry per user: each row of `pairs` has one offset."""
    n_users = int(max(entered.users.max(), pairs.users.max(initial=0))) + 1
    # Users without an entry get a cohort so late that all their offsets are negative.
    cohort_of = np.full(n_users, _NEVER, dtype=np.int32)
    cohort_of[entered.users] = entered.bucket
    cell_of, own_of = np.zeros(n_users, dtype=np.int64), np.zeros(n_users, dtype=np.int32)
    cell_of[entered.users], own_of[entered.users] = cells, entered.is_own_return
    if spec.windows == tuple((k, k) for k in range(len(spec.windows))):
        tally = _each_offset(spec, cell_of * len(spec.windows), cohort_of, own_of, pairs, empty)
    else:
        tally = _each_window(spec, cell_of, cohort_of, own_of, pairs, empty)
    return sum_over_blocks(pairs.users, tally, empty)


def by_own_clock(
    spec: RetentionSpec, entered: Entries, cells: np.ndarray, users: np.ndarray, at_us: np.ndarray, empty: np.ndarray
) -> np.ndarray:
    """One entry per user and elapsed time: events counted per entry and stretch; their order does not matter."""
    unit, n_slots = UNIT_US[spec.entry.grain], spec.farthest + 1
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
        offset = (pairs.buckets[block] - cohort_of.take(users)).astype(np.int32, copy=False)
        is_hit = offset.view(np.uint32) < n_windows  # a negative offset is a huge one
        if spec.min_occurrences > 1:
            is_hit &= counts >= spec.min_occurrences
        rows = np.flatnonzero(is_hit)
        users, offset = users.take(rows), offset.take(rows)
        place = base_of.take(users)
        place += offset
        found = np.bincount(place, minlength=empty.size)
        alone = np.flatnonzero(offset == 0)
        users = users.take(alone)
        few = counts.take(rows.take(alone)) - own_of.take(users) < spec.min_occurrences
        found -= np.bincount(base_of.take(users[few]), minlength=empty.size)
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
    n_slots = spec.farthest + 2  # the last slot collects everything beyond

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
