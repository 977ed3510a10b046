"""How users and instants become sorted keys, and how fetched rows are laid out by block of users."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

Array = np.ndarray
_MANY_RUNS = 1_000


@dataclass(frozen=True)
class Layout:
    """How users and instants become keys. Times are µs since `base_us`, below `span_us`."""

    base_us: int
    span_us: int
    n_users: int
    time_bits: int
    block_bits: int

    @property
    def n_blocks(self) -> int:
        """How many blocks of users there are."""
        return max(1, -(-self.n_users >> self.block_bits))

    @property
    def block_edges(self) -> Array:
        """The first user key of each block (int32), and the one after the last block."""
        edges = np.arange(self.n_blocks + 1, dtype=np.int64) << self.block_bits
        return np.minimum(edges, np.iinfo(np.int32).max).astype(np.int32)

    def keys(self, user_keys: Array, times_us: Array, out: Array) -> None:
        """Write the key of each row into `out`: user keys (int32), UTC µs."""
        low_users = np.int32((1 << self.block_bits) - 1)
        np.left_shift(user_keys & low_users, self.time_bits, out=out, dtype=np.int64, casting="safe")
        out += times_us
        out -= self.base_us

    def users(self, keys: Array) -> Array:
        """Local user of each key."""
        return keys >> self.time_bits

    def times(self, keys: Array) -> Array:
        """µs since `base_us` of each key."""
        return keys & ((1 << self.time_bits) - 1)

    def with_blocks(self, block_bits: int) -> Layout:
        """The same with other blocks."""
        return Layout(self.base_us, self.span_us, self.n_users, self.time_bits, block_bits)


@dataclass(frozen=True)
class Rows:
    """Sorted keys of all blocks in one array, `offsets[i]:offsets[i + 1]` being block i; `masks` says which steps."""

    keys: Array
    offsets: Array
    masks: Array | None = None

    @property
    def nbytes(self) -> int:
        """Size in memory."""
        return self.keys.nbytes + self.offsets.nbytes + (0 if self.masks is None else self.masks.nbytes)

    def block(self, number: int) -> Array:
        """The keys of one block."""
        return self.keys[self.offsets[number] : self.offsets[number + 1]]

    def block_masks(self, number: int) -> Array:
        """The masks of one block."""
        return self.masks[self.offsets[number] : self.offsets[number + 1]]


def laid_out(layout: Layout, user_keys: Array, keys: Array, masks: Array | None = None) -> Rows:
    """Rows by block and key, whatever order they come in.

    Rows of one import come in order; those of several are a few sorted runs, whose pieces are merged block by block.
    """
    edges = layout.block_edges
    starts = _run_starts(user_keys, keys)
    if len(starts) > _MANY_RUNS:
        order = np.lexsort((keys, user_keys))
        user_keys, keys = user_keys[order], keys[order]
        masks = None if masks is None else masks[order]
        starts = np.zeros(1, np.intp)
    bounds = np.append(starts, len(keys))
    places = [first + np.searchsorted(user_keys[first:last], edges) for first, last in pairwise(bounds)]
    if len(places) == 1:
        return Rows(keys, places[0], masks)
    return _merged_runs(layout, np.array(places), keys, masks)


def falls_in(keys: Array, first: int, end: int) -> Array:
    """The places `first … end − 1` at which a key is smaller than the one before it."""
    first = max(first, 1)
    falls = keys[first:end] < keys[first - 1 : end - 1]
    return np.flatnonzero(falls) + first if falls.any() else np.empty(0, np.intp)  # nearly always none


def _run_starts(user_keys: Array, keys: Array) -> Array:
    """Where a sorted run begins; at least one place."""
    same = user_keys[1:] == user_keys[:-1]
    falls = (user_keys[1:] < user_keys[:-1]) | (same & (keys[1:] < keys[:-1]))
    return np.append(0, np.flatnonzero(falls) + 1)


def _merged_runs(layout: Layout, places: Array, keys: Array, masks: Array | None) -> Rows:
    """`places[run, block]`: where the rows of a block begin in a run."""
    sizes = np.diff(places, axis=1).sum(axis=0)
    offsets = np.append(0, np.cumsum(sizes))
    merged, merged_masks = np.empty_like(keys), None if masks is None else np.empty_like(masks)
    for number in range(layout.n_blocks):
        pieces = [slice(run[number], run[number + 1]) for run in places if run[number] < run[number + 1]]
        if not pieces:
            continue
        target = slice(offsets[number], offsets[number + 1])
        found = np.concatenate([keys[piece] for piece in pieces])
        if masks is None:
            found.sort(kind="stable")  # merges sorted pieces
            merged[target] = found
            continue
        order = np.argsort(found, kind="stable")
        merged[target] = found[order]
        merged_masks[target] = np.concatenate([masks[piece] for piece in pieces])[order]
    return Rows(merged, offsets, merged_masks)
