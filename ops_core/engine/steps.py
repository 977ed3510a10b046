"""Step rows as sorted arrays: what the funnel kernel walks over.

A row is one key of 62 bits, `local user << time_bits | µs since the first event`, exact to the microsecond. Users are
cut into blocks of `2 ** block_bits` neighbours and numbered within their block, so that user and time always fit: the
longer the data's time span, the fewer users a block has (182 days: 262,144; 280 years: 512).

Events lie sorted by (event, user, time) in each import's run: one run comes out of the store in order; several are
merged by a stable sort, which is cheap on sorted runs.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from ops_core.engine import step_fetch
from ops_core.engine.cache import cache_of
from ops_core.engine.selection import Conditions
from ops_core.engine.step_layout import Array, Layout, Rows
from ops_core.store import Store

Source = tuple[int, Conditions]  # an event code, and what its rows have to pass
THREADS = max(1, min(4, os.cpu_count() or 1))
NO_START = -(1 << 62)  # further away from every key than any window
_TARGET_BLOCKS = 64
_FEW_BLOCKS = 4  # so little is done sooner than threads are started
_FEWEST_BITS = 13  # of users in a block: below, starting the work on a block takes longer than the work
_SEARCH_FROM = 5  # so many times longer, and a search per row of the shorter array is cheaper than merging


Item = TypeVar("Item")
Found = TypeVar("Found")


def on_threads(layout: Layout, work: Callable[[Item], Found], items: Iterable[Item]) -> list[Found]:
    """`work` done on each item, on all cores where the layout's data is worth them."""
    if layout.n_blocks <= _FEW_BLOCKS:
        return list(map(work, items))
    with ThreadPoolExecutor(THREADS) as threads:
        return list(threads.map(work, items))


def layout_of(store: Store, block_bits: int | None = None) -> Layout:
    """The layout for the workspace's present data; without events there is one empty block."""
    ((first, last, n_users),) = store.small_rows(
        "SELECT epoch_us(min(first_event_at)), epoch_us(max(last_event_at)), max(user_key) + 1 FROM users"
    )
    if first is None:
        return Layout(0, 1, 0, 2, 0)
    span = last - first + 1
    time_bits = (2 * span).bit_length()  # a time plus a window, which is cut to the span, must not touch the user bits
    if block_bits is None:
        block_bits = max(_FEWEST_BITS, (n_users // _TARGET_BLOCKS).bit_length())
    return Layout(first, span, n_users, time_bits, min(block_bits, 62 - time_bits, n_users.bit_length()))


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
    cache, version, names = cache_of(store), store.data_version, [_name(*source) for source in sources]
    keys = [("chain", layout, *names[:n]) for n in range(2, len(sources) + 1)]
    kept = [cache.known(version, key) for key in keys]
    chains = [
        chain or Chain(np.empty(len(of.keys), np.int64), of.offsets) for chain, of in zip(kept, rows[1:], strict=True)
    ]

    def fill(number: int) -> None:
        starts = rows[0].block(number)
        for place, chain in enumerate(chains):
            if kept[place] is None:
                _lead_back(rows[place].block(number), rows[place + 1].block(number), starts, chain.block(number))
            starts = chain.block(number)

    if None in kept:
        on_threads(layout, fill, range(layout.n_blocks))
        for key, chain in zip(keys, chains, strict=True):
            cache.keep(version, key, chain)
    return chains


def _lead_back(before: Array, rows: Array, starts: Array, found: Array) -> None:
    """Write into `found`, per row, the start of the latest row of the step before that is not later."""
    counts = counts_before(before, rows)
    n_early = int(np.searchsorted(counts, 1))  # rows before the first one that could lead to them
    found[:n_early] = NO_START
    counts -= 1
    np.take(starts, counts[n_early:], out=found[n_early:], mode="clip")


def counts_before(before: Array, rows: Array) -> Array:
    """For each of the sorted rows how many of the other sorted rows lie at or before it.

    Merging two arrays of like length by a stable sort is cheaper than a search per row.
    """
    if not len(rows) or len(before) > _SEARCH_FROM * len(rows):
        return np.searchsorted(before, rows, side="right")
    merged = np.empty(len(before) + len(rows), np.int64)
    np.left_shift(before, 1, out=merged[: len(before)])
    np.left_shift(rows, 1, out=merged[len(before) :])
    merged[len(before) :] |= 1
    merged.sort(kind="stable")
    is_row = merged.astype(np.uint8)
    is_row &= 1
    return np.flatnonzero(is_row.view(bool)) - np.arange(len(rows))


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

    return cache_of(store).get(store.data_version, ("heads", layout, _name(*source)), build)


def first_of_users(layout: Layout, keys: Array) -> Array:
    """The first key of each user in sorted keys."""
    if not len(keys):
        return keys
    users = keys >> layout.time_bits
    heads = np.flatnonzero(users[1:] != users[:-1])
    heads += 1
    return np.concatenate((keys[:1], keys[heads]))


def all_codes(store: Store) -> list[int]:
    """The codes of every event name."""
    with store.cursor() as cursor:
        return [row[0] for row in cursor.execute("SELECT event_code FROM event_names ORDER BY 1").fetchall()]


def rows_of(store: Store, layout: Layout, code: int, conditions: Conditions) -> Rows:
    """The rows of one event that pass the conditions, from the cache or the store."""
    key = ("rows", layout, _name(code, conditions))
    return cache_of(store).get(store.data_version, key, lambda: step_fetch.fetch(store, layout, code, conditions))


def masked_rows(store: Store, layout: Layout, code: int, per_step: Sequence[tuple[int, Conditions]]) -> Rows:
    """The rows of one event that pass the conditions of any of the steps, each with a mask: bit i for step i."""
    key = ("masked", layout, code, tuple(_name(step, conditions) for step, conditions in per_step))
    return cache_of(store).get(store.data_version, key, lambda: step_fetch.fetch_masked(store, layout, code, per_step))


def _name(number: int, conditions: Conditions) -> tuple[object, ...]:
    return number, conditions.text, tuple(map(repr, sorted(conditions.parameters.items())))


def merged(parts: Sequence[Array]) -> Array:
    """Several sorted arrays as one."""
    if len(parts) == 1:
        return parts[0]
    return np.sort(np.concatenate(parts), kind="stable") if parts else np.empty(0, np.int64)


def merged_masks(parts: Sequence[tuple[Array, Array]]) -> tuple[Array, Array]:
    """Several sorted (keys, masks) as one."""
    if len(parts) == 1:
        return parts[0]
    keys = np.concatenate([keys for keys, _ in parts])
    order = np.argsort(keys, kind="stable")
    return keys[order], np.concatenate([masks for _, masks in parts])[order]
