"""Rows of a funnel that holds a property constant: by entity, a user together with one value of the property."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from ops_core.engine import step_fetch
from ops_core.engine.funnel_kernel import Array
from ops_core.engine.selection import Conditions
from ops_core.engine.step_layout import Layout
from ops_core.store import Store

PerCode = Iterable[tuple[int, Sequence[tuple[int, Conditions]]]]


@dataclass(frozen=True)
class HeldRows:
    """Rows by entity: a user together with one value of the held property; rows without a value are no rows."""

    keys: Array
    masks: Array
    offsets: Array
    owners: Array
    owner_offsets: Array

    @property
    def most_entities(self) -> int:
        """The number of entities in the fullest block."""
        return int(np.diff(self.owner_offsets).max(initial=0))

    @classmethod
    def fetch(cls, store: Store, layout: Layout, per_code: PerCode, column: str, clip_us: int | None) -> HeldRows:
        """Rows of all steps, numbered by entity within each block; with `clip_us` only those before that instant."""
        found = [step_fetch.held_rows(store, code, per_step, column) for code, per_step in per_code]
        users = np.concatenate([part[0] for part in found]).astype(np.int64)
        times = np.concatenate([part[1] for part in found]) - layout.base_us
        masks = np.concatenate([part[2] for part in found])
        values = _value_codes([part[3] for part in found])
        if clip_us is not None:
            kept = times < clip_us - layout.base_us
            users, times, masks, values = users[kept], times[kept], masks[kept], values[kept]
        order = np.lexsort((times, values, users))
        users, times, masks, values = users[order], times[order], masks[order], values[order]
        new = np.concatenate(([True], (users[1:] != users[:-1]) | (values[1:] != values[:-1]))) if len(users) else users
        entity = np.cumsum(new) - 1
        owners = users[new.astype(bool)]
        edges = np.arange(layout.n_blocks + 1) << layout.block_bits
        owner_offsets, offsets = np.searchsorted(owners, edges), np.searchsorted(users, edges)
        local = entity - owner_offsets[users >> layout.block_bits]
        keys = (local << layout.time_bits) | times
        return cls(keys, masks, offsets, owners & ((1 << layout.block_bits) - 1), owner_offsets)

    def block(self, number: int) -> tuple[Array, Array, Array]:
        """Keys (of local entities), masks, and the local user of each local entity."""
        rows = slice(self.offsets[number], self.offsets[number + 1])
        return (
            self.keys[rows], self.masks[rows], self.owners[self.owner_offsets[number] : self.owner_offsets[number + 1]]
        )  # fmt: skip


def _value_codes(columns: Sequence[pa.ChunkedArray]) -> Array:
    chunks = [chunk for column in columns for chunk in column.chunks]
    if not chunks:
        return np.empty(0, np.int64)
    encoded = pa.chunked_array(chunks).dictionary_encode().unify_dictionaries()
    return np.concatenate([chunk.indices.to_numpy(zero_copy_only=False) for chunk in encoded.chunks]).astype(np.int64)
