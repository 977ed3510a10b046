"""How the steps of a plain funnel lead to one another: found once per data version and kept, whatever the window.

The chain of a row is the latest row of the first step from which it can be reached.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ops_core.engine.cache import cache_of
from ops_core.engine.step_layout import Array, Layout, Rows
from ops_core.engine.steps import Source, name_of, on_threads, rows_of
from ops_core.store import Store

NO_START = -(1 << 62)  # further away from every key than any window
_SEARCH_FROM = 5  # so many times longer, and a search per row of the shorter array is cheaper than merging


@dataclass(frozen=True)
class Chain:
    """For each row of a step the latest row of the first step from which it can be reached, whatever the window.

    `keys` lies like the rows of the step; `NO_START` where nothing leads to the row.
    """

    keys: Array
    offsets: Array

    @property
    def nbytes(self) -> int:
        """Size in memory."""
        return self.keys.nbytes + self.offsets.nbytes

    def block(self, number: int) -> Array:
        """The starts of one block."""
        return self.keys[self.offsets[number] : self.offsets[number + 1]]


def chains_of(store: Store, layout: Layout, sources: Sequence[Source]) -> list[Chain]:
    """The chains through the first two, three … of one event per step: kept, so that a new window needs no search.

    The latest event of each step at or before one of the next step leads back to the latest start, and whatever
    window it is asked about, that start is inside if any is.
    """
    rows = [rows_of(store, layout, *source) for source in sources]
    cache, version, names = cache_of(store), store.data_version, [name_of(*source) for source in sources]
    keys = [("chain", layout, *names[:n]) for n in range(2, len(sources) + 1)]
    kept = [cache.known(version, key) for key in keys]
    chains = [
        chain or Chain(np.empty(len(of.keys), np.int64), of.offsets) for chain, of in zip(kept, rows[1:], strict=True)
    ]
    room = _Room()

    def fill(number: int) -> None:
        starts = rows[0].block(number)
        for place, chain in enumerate(chains):
            if kept[place] is None:
                latest = _latest_before(rows[place].block(number), rows[place + 1].block(number), room)
                n_early = int(np.searchsorted(latest, 0))  # rows before the first one that could lead to them
                found = chain.block(number)
                found[:n_early] = NO_START
                np.take(starts, latest[n_early:], out=found[n_early:], mode="clip")
            starts = chain.block(number)

    if None in kept:
        on_threads(layout, fill, range(layout.n_blocks))
        for key, chain in zip(keys, chains, strict=True):
            cache.keep(version, key, chain)
    return chains


class _Room(threading.local):
    """Memory that a thread merges in again and again; fresh memory for each block is a few per cent slower."""

    def __init__(self) -> None:
        self._keys, self._ranks = np.empty(0, np.int64), np.empty(0, np.int64)

    def keys(self, n_keys: int) -> Array:
        """Room for so many keys."""
        if len(self._keys) < n_keys:
            self._keys = np.empty(n_keys + n_keys // 4, np.int64)  # blocks differ a little in size
        return self._keys[:n_keys]

    def ranks(self, n_ranks: int) -> Array:
        """1, 2, 3 …"""
        if len(self._ranks) < n_ranks:
            self._ranks = np.arange(1, n_ranks + n_ranks // 4 + 1)
        return self._ranks[:n_ranks]


def _latest_before(before: Array, rows: Array, room: _Room) -> Array:
    """For each of the sorted rows the place of the latest of the other sorted rows at or before it, −1 for none.

    Merging two arrays of like length by a stable sort is cheaper than a search per row.
    """
    if not len(rows) or len(before) > _SEARCH_FROM * len(rows):
        return np.searchsorted(before, rows, side="right") - 1
    merged = room.keys(len(before) + len(rows))
    tagged = merged[len(before) :]
    np.left_shift(before, 1, out=merged[: len(before)])
    np.left_shift(rows, 1, out=tagged)
    tagged |= 1
    merged.sort(kind="stable")
    is_row = merged.astype(np.uint8)
    is_row &= 1
    places = np.flatnonzero(is_row.view(bool))
    places -= room.ranks(len(rows))
    return places


def user_heads(store: Store, layout: Layout, source: Source) -> Rows:
    """Each user's first row of an event."""

    def build() -> Rows:
        rows = rows_of(store, layout, *source)
        users = np.arange(1 << layout.block_bits)

        def heads(number: int) -> Array:
            keys = rows.block(number)
            if not len(keys):
                return keys
            first = keys.take(np.searchsorted(keys, users << layout.time_bits), mode="clip")
            return first[layout.users(first) == users]

        found = on_threads(layout, heads, range(layout.n_blocks))
        return Rows(np.concatenate(found), np.append(0, np.cumsum([len(keys) for keys in found])))

    return cache_of(store).get(store.data_version, ("heads", layout, name_of(*source)), build)


def first_of_users(layout: Layout, keys: Array) -> Array:
    """The first key of each user in sorted keys."""
    if not len(keys):
        return keys
    users = keys >> layout.time_bits
    heads = np.flatnonzero(users[1:] != users[:-1])
    heads += 1
    return np.concatenate((keys[:1], keys[heads]))
