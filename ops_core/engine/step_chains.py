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
from ops_core.engine.steps import Source, name_of
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


@dataclass(frozen=True)
class Heads:
    """Each user's first row of a step, by block."""

    blocks: list[Array]

    @property
    def nbytes(self) -> int:
        """Size in memory."""
        return sum(block.nbytes for block in self.blocks)


class Chains:
    """The chains through the first two, three … of one event per step, and each user's first start.

    The latest event of each step at or before one of the next step leads back to the latest start, and whatever
    window it is asked about, that start is inside if any is. They are found when a block is asked for, while its rows
    are at hand anyway; `keep` them when all blocks were, and a new window needs no search.
    """

    def __init__(self, store: Store, layout: Layout, sources: Sequence[Source], rows: Sequence[Rows]) -> None:
        self._layout, self._rows, self._room = layout, rows, _Room()
        self._cache, self._version = cache_of(store), store.data_version
        names = [name_of(*source) for source in sources]
        self._keys = [("chain", layout, *names[:n]) for n in range(2, len(sources) + 1)]
        self._kept = [self._cache.known(self._version, key) for key in self._keys]
        self._chains = [
            chain or Chain(np.empty(len(of.keys), np.int64), of.offsets)
            for chain, of in zip(self._kept, rows[1:], strict=True)
        ]
        self._heads_key = ("heads", layout, names[0])
        self._kept_heads = self._cache.known(self._version, self._heads_key)
        self._heads = self._kept_heads or Heads([np.empty(0, np.int64)] * layout.n_blocks)

    def block(self, number: int) -> tuple[list[Array], Array]:
        """Per step from the second on the starts that lead to its rows, and each user's first start."""
        starts = before = self._rows[0].block(number)
        if self._kept_heads is None:
            self._heads.blocks[number] = first_of_users(self._layout, starts)
        found = [chain.block(number) for chain in self._chains]
        for rows, kept, chain in zip(self._rows[1:], self._kept, found, strict=True):
            if kept is None:
                latest = _latest_before(before, rows.block(number), self._room)
                n_early = int(np.searchsorted(latest, 0))  # rows before the first one that could lead to them
                chain[:n_early] = NO_START
                np.take(starts, latest[n_early:], out=chain[n_early:], mode="clip")
            starts, before = chain, rows.block(number)
        return found, self._heads.blocks[number]

    def keep(self) -> None:
        """Keep what was found for later questions; every block was asked for."""
        for key, value in zip((*self._keys, self._heads_key), (*self._chains, self._heads), strict=True):
            self._cache.keep(self._version, key, value)
        self._kept, self._kept_heads = self._chains, self._heads


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


def first_of_users(layout: Layout, keys: Array) -> Array:
    """The first key of each user in sorted keys."""
    if not len(keys):
        return keys
    users = keys >> layout.time_bits
    heads = np.flatnonzero(users[1:] != users[:-1])
    heads += 1
    return np.concatenate((keys[:1], keys[heads]))
