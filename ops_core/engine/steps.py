"""Step rows as sorted arrays: what the funnel kernel walks over.

A row is one 63-bit key, `local user << time_bits | µs since the first event`, exact to the microsecond. Users are cut
into blocks of `2 ** block_bits` neighbours and numbered within their block, so that user and time always fit: the
longer the data's time span, the fewer users a block has (182 days: 524,288; 280 years: 1,024).

Events lie sorted by (event, user, time) in each import's run: one run comes out of the store in order; several are
merged by a stable sort, which is cheap on sorted runs.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from ops_core.engine.cache import cache_of
from ops_core.engine.selection import Conditions
from ops_core.store import Store
from ops_core.store.schema import quote

Array = np.ndarray
THREADS = max(1, min(4, os.cpu_count() or 1))
_TARGET_BLOCKS = 64
_KEY = (
    "(((user_key & $low_users)::BIGINT << $time_bits) | (epoch_us(occurred_at) - $base_us)) AS key,"
    " (user_key >> $block_bits)::INTEGER AS block"
)


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
    def parameters(self) -> dict[str, int]:
        """The parameters of the key expression in SQL."""
        return {
            "low_users": (1 << self.block_bits) - 1,
            "time_bits": self.time_bits,
            "base_us": self.base_us,
            "block_bits": self.block_bits,
        }

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


def layout_of(store: Store, block_bits: int | None = None) -> Layout:
    """The layout for the workspace's present data; without events there is one empty block."""
    with store.cursor() as cursor:
        first, last, n_users = cursor.execute(
            "SELECT epoch_us(min(first_event_at)), epoch_us(max(last_event_at)), max(user_key) + 1 FROM users"
        ).fetchone()
    if first is None:
        return Layout(0, 1, 0, 2, 0)
    span = last - first + 1
    time_bits = (2 * span).bit_length()  # a time plus a window, which is cut to the span, must not touch the user bits
    if block_bits is None:
        block_bits = max(8, (n_users // _TARGET_BLOCKS).bit_length())
    return Layout(first, span, n_users, time_bits, min(block_bits, 63 - time_bits, n_users.bit_length()))


@dataclass(frozen=True)
class Links:
    """For each row of a step: how many rows of the step before lie at or before it in its block (0: none)."""

    counts: Array
    offsets: Array

    @property
    def nbytes(self) -> int:
        """Size in memory."""
        return self.counts.nbytes + self.offsets.nbytes

    def block(self, number: int) -> Array:
        """The counts of one block."""
        return self.counts[self.offsets[number] : self.offsets[number + 1]]


def links_of(store: Store, layout: Layout, first: tuple[int, Conditions], second: tuple[int, Conditions]) -> Links:
    """How the rows of two events interleave, whatever the window: kept, so that a new window needs no search."""
    key = ("links", layout, *(part for code, one in (first, second) for part in (code, one.text, str(one.parameters))))

    def build() -> Links:
        before, rows = rows_of(store, layout, *first), rows_of(store, layout, *second)
        counts = np.empty(len(rows.keys), np.int32)

        def fill(number: int) -> None:
            found = np.searchsorted(before.block(number), rows.block(number), side="right")
            counts[rows.offsets[number] : rows.offsets[number + 1]] = found

        with ThreadPoolExecutor(THREADS) as threads:
            list(threads.map(fill, range(layout.n_blocks)))
        return Links(counts, rows.offsets)

    return cache_of(store).get(store.data_version, key, build)


def all_codes(store: Store) -> list[int]:
    """The codes of every event name."""
    with store.cursor() as cursor:
        return [row[0] for row in cursor.execute("SELECT event_code FROM event_names ORDER BY 1").fetchall()]


def rows_of(store: Store, layout: Layout, code: int, conditions: Conditions) -> Rows:
    """The rows of one event that pass the conditions, from the cache or the store."""
    key = ("rows", layout, code, conditions.text, tuple(map(repr, sorted(conditions.parameters.items()))))
    return cache_of(store).get(store.data_version, key, lambda: _fetch(store, layout, code, conditions))


def masked_rows(store: Store, layout: Layout, code: int, per_step: Sequence[tuple[int, Conditions]]) -> Rows:
    """The rows of one event that pass the conditions of any of the steps, each with a mask: bit i for step i."""
    marks = tuple((step, one.text, tuple(map(repr, sorted(one.parameters.items())))) for step, one in per_step)
    key = ("masked", layout, code, marks)
    return cache_of(store).get(store.data_version, key, lambda: _fetch_masked(store, layout, code, per_step))


def held_rows(
    store: Store, code: int, per_step: Sequence[tuple[int, Conditions]], column: str
) -> tuple[Array, Array, Array, object]:
    """User key, UTC µs, mask and value (an arrow column) of the rows of one event that carry the property."""
    mask, parameters = _mask_expression(per_step)
    statement = """
        SELECT user_key, epoch_us(occurred_at) AS time_us, mask, held FROM (
            SELECT user_key, occurred_at, {mask} AS mask, {column} AS held FROM events WHERE event_code = $code
        ) WHERE mask <> 0 AND held IS NOT NULL
    """
    statement = statement.replace("{mask}", mask).replace("{column}", quote(column))
    with store.cursor() as cursor:
        table = cursor.sql(statement, params={"code": code, **parameters}).to_arrow_table()
    return _array(table, "user_key"), _array(table, "time_us"), _array(table, "mask"), table.column("held")


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


def _fetch(store: Store, layout: Layout, code: int, conditions: Conditions) -> Rows:
    statement = "SELECT {key} FROM events WHERE event_code = $code AND {conditions}"
    statement = statement.replace("{key}", _KEY).replace("{conditions}", conditions.text)
    parameters = {"code": code, **layout.parameters, **conditions.parameters}
    with store.cursor() as cursor:
        table = cursor.sql(statement, params=parameters).to_arrow_table()
    return _laid_out(layout, _array(table, "block"), _array(table, "key"))


def _fetch_masked(store: Store, layout: Layout, code: int, per_step: Sequence[tuple[int, Conditions]]) -> Rows:
    mask, parameters = _mask_expression(per_step)
    statement = """
        SELECT {key}, mask FROM (SELECT user_key, occurred_at, {mask} AS mask FROM events WHERE event_code = $code)
        WHERE mask <> 0
    """
    statement = statement.replace("{key}", _KEY).replace("{mask}", mask)
    with store.cursor() as cursor:
        table = cursor.sql(statement, params={"code": code, **layout.parameters, **parameters}).to_arrow_table()
    return _laid_out(layout, _array(table, "block"), _array(table, "key"), _array(table, "mask"))


def _mask_expression(per_step: Sequence[tuple[int, Conditions]]) -> tuple[str, dict[str, object]]:
    parts, parameters = [], {}
    for step, conditions in per_step:
        parts.append(f"CASE WHEN {conditions.text} THEN {1 << step} ELSE 0 END")
        parameters.update(conditions.parameters)
    return f"({' + '.join(parts)})::USMALLINT", parameters


def _array(table: object, name: str) -> Array:
    chunks = [chunk.to_numpy(zero_copy_only=False) for chunk in table.column(name).chunks]
    return chunks[0] if len(chunks) == 1 else np.concatenate(chunks) if chunks else np.empty(0, np.int64)


def _laid_out(layout: Layout, block: Array, keys: Array, masks: Array | None = None) -> Rows:
    edges = np.arange(layout.n_blocks + 1)
    offsets = np.searchsorted(block, edges)
    if not _in_order(block, keys, offsets):
        order = np.lexsort((keys, block))
        block, keys = block[order], keys[order]
        masks = None if masks is None else masks[order]
        offsets = np.searchsorted(block, edges)
    return Rows(keys, offsets, masks)


def _in_order(block: Array, keys: Array, offsets: Array) -> bool:
    falls = np.flatnonzero(keys[1:] < keys[:-1]) + 1  # a key may fall only where a block begins
    return bool(np.isin(falls, offsets).all() and np.all(block[1:] >= block[:-1]))
