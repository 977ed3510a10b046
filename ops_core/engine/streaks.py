"""Runs of active buckets without a break, and the silences between active buckets, per user."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ops_core.engine.activity import UserBuckets
from ops_core.engine.arrays import starts_of_runs


@dataclass(frozen=True, eq=False)
class Runs:
    """Per user active in buckets first … end − 1: key, longest run inside them, the run that ends with the last bucket
    (0 without one), and whether the longest run began before the first bucket, so that it is longer than counted."""

    users: np.ndarray
    longest: np.ndarray
    current: np.ndarray
    is_cut: np.ndarray


@dataclass(frozen=True, eq=False)
class Silences:
    """Silences that began after an active bucket first … end − 1: the number of whole silent buckets, and whether an
    active bucket followed (else the silence was still going on when the last complete bucket ended)."""

    length: np.ndarray
    has_ended: np.ndarray


def runs(pairs: UserBuckets, first: int, end: int) -> Runs:
    """Runs inside the buckets first … end − 1 of rows sorted by (user, bucket)."""
    inside = (pairs.buckets >= first) & (pairs.buckets < end)
    users, bucket = pairs.users[inside], pairs.buckets[inside].astype(np.int64)
    if not len(users):
        empty = np.empty(0, dtype=np.int64)
        return Runs(users, empty, empty, empty.astype(bool))
    # Within a run bucket numbers rise in step with positions, so that their difference stays the same.
    begins = np.ones(len(users), dtype=bool)
    begins[1:] = (users[1:] != users[:-1]) | (bucket[1:] != bucket[:-1] + 1)
    start = np.flatnonzero(begins)
    length = np.diff(start, append=len(users))
    owner = starts_of_runs(users[start])
    longest = np.maximum.reduceat(length, owner)
    last = np.append(owner[1:], len(start)) - 1
    current = np.where(bucket[start[last]] + length[last] == end, length[last], 0)
    active_before = pairs.users[pairs.buckets == first - 1]
    opens = (bucket[start[owner]] == first) & (length[owner] == longest)
    return Runs(users[start[owner]], longest, current, opens & np.isin(users[start[owner]], active_before))


def silences(pairs: UserBuckets, first: int, end: int) -> Silences:
    """Silences after active buckets first … end − 1, followed up to bucket end − 1."""
    inside = pairs.buckets < end
    users, bucket = pairs.users[inside], pairs.buckets[inside].astype(np.int64)
    following = np.full(len(users), end, dtype=np.int64)
    has_next = np.zeros(len(users), dtype=bool)
    has_next[:-1] = users[1:] == users[:-1]
    following[:-1][has_next[:-1]] = bucket[1:][has_next[:-1]]
    length = following - bucket - 1
    chosen = (bucket >= first) & (length > 0)
    return Silences(length[chosen], has_next[chosen])
