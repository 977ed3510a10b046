"""Retention entry by entry: which of the entries returned in which window, for lists of users and for intervals that
know when one user stands in several cohorts."""

from __future__ import annotations

import numpy as np

from ops_core.engine.activity import UserBuckets
from ops_core.engine.cohorts import Entries
from ops_core.engine.retention_spec import RetentionSpec


def by_entry(spec: RetentionSpec, entered: Entries, pairs: UserBuckets) -> np.ndarray:
    """Whether each entry returned in each window of calendar buckets: bool [entry, window].

    Each window is the difference of two running totals over the users' buckets, found by binary search.
    """
    found = np.zeros((len(entered), len(spec.windows)), dtype=bool)
    if not len(entered):
        return found
    origin = int(min(entered.bucket.min(), pairs.buckets.min(initial=entered.bucket.min())))
    span = int(max(entered.bucket.max(), pairs.buckets.max(initial=0))) - origin + 2
    keys = pairs.users.astype(np.int64) * span + (pairs.buckets - origin)
    counts = pairs.counts
    if np.any(keys[1:] < keys[:-1]):  # clocks put back at midnight: a bucket comes again
        order = np.argsort(keys, kind="stable")
        keys, counts = keys[order], counts[order]
    total = np.concatenate([[0], np.cumsum(counts)])
    of_user = entered.users.astype(np.int64) * span
    place = entered.bucket.astype(np.int64) - origin
    edges: dict[int, np.ndarray] = {}
    for window, (first, last) in enumerate(spec.windows):
        ends = span - 1 if last is None else last + 1
        for edge in {first, ends} - edges.keys():
            edges[edge] = total[np.searchsorted(keys, of_user + np.minimum(place + edge, span - 1))]
        n_events = edges[ends] - edges[first] - (entered.is_own_return if first == 0 else 0)
        found[:, window] = n_events >= spec.min_occurrences
    return found
