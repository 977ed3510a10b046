"""Retention of users who may enter a cohort in every bucket.

As in `retention_once`, the functions count entries that returned: arrays [cell, window].
"""

from __future__ import annotations

import numpy as np

from ops_core.engine.activity import UserBuckets
from ops_core.engine.cohorts import Entries
from ops_core.engine.retention_spec import UNIT_US, RetentionSpec

_BLOCK_CELLS = 4_000_000


def by_bucket(
    spec: RetentionSpec, entered: Entries, cells: np.ndarray, pairs: UserBuckets, empty: np.ndarray
) -> np.ndarray:
    """Calendar buckets: a matrix user × bucket of events so far, for a block of users at a time."""
    n_buckets = len(entered.cohorts) + spec.farthest + 1  # the last bucket collects everything beyond
    n_rows = max(1, _BLOCK_CELLS // (n_buckets + len(empty)))
    found = empty.copy()
    for low in range(int(entered.users[0]), int(entered.users[-1]) + 1, n_rows):
        ours = _of_users(entered.users, low, low + n_rows)
        if ours.start == ours.stop:
            continue
        counts = _events(pairs, low, n_rows, int(entered.cohorts[0]), n_buckets)
        _tally(spec, entered, cells, ours, entered.users[ours] - low, counts, found)
    return found


def _events(pairs: UserBuckets, low: int, n_rows: int, origin: int, n_buckets: int) -> np.ndarray:
    """Events per user low … low + n_rows − 1 and bucket from `origin` on."""
    theirs = _of_users(pairs.users, low, low + n_rows)
    bucket = pairs.buckets[theirs] - origin
    keep = bucket >= 0
    place = (pairs.users[theirs][keep] - low) * n_buckets + np.minimum(bucket[keep], n_buckets - 1)
    counts = np.bincount(place, weights=pairs.counts[theirs][keep], minlength=n_rows * n_buckets)
    return counts.astype(np.int32).reshape(n_rows, n_buckets)


def _tally(
    spec: RetentionSpec,
    entered: Entries,
    cells: np.ndarray,
    ours: slice,
    row: np.ndarray,
    counts: np.ndarray,
    found: np.ndarray,
) -> None:
    """Add a block's hits to `found`.

    Windows of one bucket, or open ones, are one matrix product: who entered in which cell × who returned in (or from)
    which bucket. The window that holds the starting row, and brackets, are differences of running totals.
    """
    cohort, own, cell = entered.cohort[ours], entered.is_own_return[ours], cells[ours]
    before = np.zeros((counts.shape[0], counts.shape[1] + 1), dtype=np.int32)
    np.cumsum(counts, axis=1, out=before[:, 1:])
    cohort_of = np.full(len(found), -1, dtype=np.int64)
    cohort_of[cell] = cohort
    present = np.flatnonzero(cohort_of >= 0)
    products: dict[bool, np.ndarray] = {}
    for window, (first, last) in enumerate(spec.windows):
        is_open = last is None
        if first > 0 and (is_open or first == last) and len(found) <= counts.shape[1] * 16:
            if is_open not in products:
                reached = (before[:, -1:] - before[:, :-1] if is_open else counts) >= spec.min_occurrences
                products[is_open] = _meetings(row, cell, len(found), reached)
            found[present, window] += products[is_open][present, cohort_of[present] + first]
            continue
        total = before[row, -1 if is_open else cohort + last + 1] - before[row, cohort + first]
        hit = total - (own if first == 0 else 0) >= spec.min_occurrences
        found[:, window] += np.bincount(cell[hit], minlength=len(found))


def _meetings(row: np.ndarray, cell: np.ndarray, n_cells: int, reached: np.ndarray) -> np.ndarray:
    """Users that entered in a cell and are marked in a bucket [cell, bucket]."""
    entered = np.zeros((len(reached), n_cells), dtype=np.float32)
    entered[row, cell] = 1
    # Sums of ones stay exact in 32-bit floats up to 2^24; a block has fewer rows.
    return np.rint(entered.T @ reached.astype(np.float32)).astype(np.int64)


def by_elapsed(
    spec: RetentionSpec, entered: Entries, cells: np.ndarray, users: np.ndarray, at_us: np.ndarray, empty: np.ndarray
) -> np.ndarray:
    """Several entries per user and elapsed time: each window is two binary searches in the sorted return events."""
    unit = UNIT_US[spec.entry.grain]
    first_us = int(min(entered.at_us.min(), at_us.min(initial=entered.at_us.min())))
    farthest = spec.farthest + 1
    span = int(max(entered.at_us.max() + farthest * unit, at_us.max(initial=0))) - first_us + 2
    users_per_block = max(1, (2**62) // span)
    found = empty.copy()
    for low in range(int(entered.users[0]), int(entered.users[-1]) + 1, users_per_block):
        high = low + users_per_block
        ours = _of_users(entered.users, low, high)
        theirs = _of_users(users, low, high)
        rows = (users[theirs] - low).astype(np.int64) * span + (at_us[theirs] - first_us)
        of_user = (entered.users[ours] - low).astype(np.int64) * span
        start = of_user + (entered.at_us[ours] - first_us)
        edges: dict[int, np.ndarray] = {}
        for window, (first, last) in enumerate(spec.windows):
            # One window ends where the next begins: each edge is searched once.
            for edge in {first, last + 1} - edges.keys():
                edges[edge] = np.searchsorted(rows, start + edge * unit)
            total = edges[last + 1] - edges.pop(first)
            if first == 0:
                total = total - entered.is_own_return[ours]
            hit = total >= spec.min_occurrences
            found[:, window] += np.bincount(cells[ours][hit], minlength=len(empty))
    return found


def _of_users(users: np.ndarray, low: int, high: int) -> slice:
    """The rows of the users low … high − 1. The bounds take the array's type, or NumPy would copy all of it."""
    return slice(*np.searchsorted(users, np.array([low, high], dtype=users.dtype)).tolist())
