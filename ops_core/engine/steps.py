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
from typing import TypeVar

import numpy as np

from ops_core.engine import step_fetch
from ops_core.engine.cache import cache_of
from ops_core.engine.selection import Conditions
from ops_core.engine.step_layout import Array, Layout, Rows
from ops_core.store import Store

Source = tuple[int, Conditions]  # an event code, and what its rows have to pass
THREADS = max(1, min(4, os.cpu_count() or 1))
_TARGET_BLOCKS = 32
_FEW_BLOCKS = 4  # so little is done sooner than threads are started
_FEWEST_BITS = 13  # of users in a block: below, starting the work on a block takes longer than the work


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


def all_codes(store: Store) -> list[int]:
    """The codes of every event name."""
    with store.cursor() as cursor:
        return [row[0] for row in cursor.execute("SELECT event_code FROM event_names ORDER BY 1").fetchall()]


def rows_of(store: Store, layout: Layout, code: int, conditions: Conditions) -> Rows:
    """The rows of one event that pass the conditions, from the cache or the store."""
    key = ("rows", layout, name_of(code, conditions))
    return cache_of(store).get(store.data_version, key, lambda: step_fetch.fetch(store, layout, code, conditions))


def masked_rows(store: Store, layout: Layout, code: int, per_step: Sequence[tuple[int, Conditions]]) -> Rows:
    """The rows of one event that pass the conditions of any of the steps, each with a mask: bit i for step i."""
    key = ("masked", layout, code, tuple(name_of(step, conditions) for step, conditions in per_step))
    return cache_of(store).get(store.data_version, key, lambda: step_fetch.fetch_masked(store, layout, code, per_step))


def name_of(number: int, conditions: Conditions) -> tuple[object, ...]:
    """What tells one source from another, or one step's conditions on an event."""
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
