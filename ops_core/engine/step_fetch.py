"""Step rows out of the store: user keys and instants as they lie there, turned into keys batch by batch.

Batches are made into keys while the next ones are read, and written into one array of the right size: no row is copied
twice. Rows of one import come out in order; that is checked, and only where it is not so they are merged.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from ops_core.engine.selection import Conditions
from ops_core.engine.step_layout import Array, Layout, Rows, falls_in, laid_out
from ops_core.store import Store
from ops_core.store.schema import quote

_BATCH_ROWS = 122_880  # as many as DuckDB keeps in one piece
_COUNT = "SELECT count(*) FROM events WHERE event_code = $code"
_ROWS = "SELECT user_key, occurred_at FROM events WHERE event_code = $code AND {conditions}"
_MASKED = """
    SELECT user_key, occurred_at, mask
    FROM (SELECT user_key, occurred_at, {mask} AS mask FROM events WHERE event_code = $code) WHERE mask <> 0
"""
_HELD = """
    SELECT user_key, epoch_us(occurred_at) AS time_us, mask, held FROM (
        SELECT user_key, occurred_at, {mask} AS mask, {column} AS held FROM events WHERE event_code = $code
    ) WHERE mask <> 0 AND held IS NOT NULL
"""
PerStep = Sequence[tuple[int, Conditions]]


def fetch(store: Store, layout: Layout, code: int, conditions: Conditions) -> Rows:
    """The rows of one event that pass the conditions."""
    statement = _ROWS.replace("{conditions}", conditions.text)
    return _rows(store, layout, statement, {"code": code, **conditions.parameters})


def fetch_masked(store: Store, layout: Layout, code: int, per_step: PerStep) -> Rows:
    """The rows of one event that pass the conditions of any step, with a mask: bit i for step i."""
    mask, parameters = _mask_expression(per_step)
    return _rows(store, layout, _MASKED.replace("{mask}", mask), {"code": code, **parameters}, masked=True)


def _rows(store: Store, layout: Layout, statement: str, parameters: dict[str, object], masked: bool = False) -> Rows:
    with store.cursor() as cursor:
        ((most,),) = cursor.execute(_COUNT, {"code": parameters["code"]}).fetchall()
        keys, masks = np.empty(most, np.int64), np.empty(most, np.uint16) if masked else None
        edges, n_rows, last_user, rises = layout.block_edges, 0, -1, True
        offsets, falls = np.zeros(len(edges), np.intp), []
        for batch in cursor.sql(statement, params=parameters).to_arrow_reader(_BATCH_ROWS):
            if not len(batch):
                continue
            users, times = _numbers(batch.column(0)), _numbers(batch.column(1)).view(np.int64)
            end = n_rows + len(users)
            layout.keys(users, times, keys[n_rows:end])
            if masked:
                masks[n_rows:end] = _numbers(batch.column(2))
            falls.append(falls_in(keys, n_rows, end))
            places = np.searchsorted(users, edges)
            rises = rises and users[0] >= last_user and _lie_in_blocks(users, places, edges)
            n_rows, last_user = end, users[-1]
            offsets += places
    # A key may fall only where a block begins.
    if rises and np.isin(np.concatenate(falls) if falls else [], offsets).all():
        if n_rows < most:
            keys, masks = keys[:n_rows].copy(), masks[:n_rows].copy() if masked else None
        return Rows(keys, offsets, masks)
    del keys, masks
    with store.cursor() as cursor:
        table = cursor.sql(statement, params=parameters).to_arrow_table()
    return laid_out(layout, *_keyed(layout, table), _column(table, "mask") if masked else None)


def held_rows(store: Store, code: int, per_step: PerStep, column: str) -> tuple[Array, Array, Array, pa.ChunkedArray]:
    """User key, UTC µs, mask and value of the rows of one event that carry the property."""
    mask, parameters = _mask_expression(per_step)
    statement = _HELD.replace("{mask}", mask).replace("{column}", quote(column))
    with store.cursor() as cursor:
        table = cursor.sql(statement, params={"code": code, **parameters}).to_arrow_table()
    return _column(table, "user_key"), _column(table, "time_us"), _column(table, "mask"), table.column("held")


def _lie_in_blocks(users: Array, places: Array, edges: Array) -> bool:
    """Whether the users between two places are of that block: with keys that rise in each block they rise, too."""
    pieces = [(users[places[n] : places[n + 1]], edges[n], edges[n + 1]) for n in np.flatnonzero(np.diff(places))]
    return all(len(piece) and piece.min() >= first and piece.max() < end for piece, first, end in pieces)


def _keyed(layout: Layout, table: pa.Table) -> tuple[Array, Array]:
    users, times = _column(table, "user_key"), _column(table, "occurred_at").view(np.int64)
    keys = np.empty(len(users), np.int64)
    layout.keys(users, times, keys)
    return users, keys


def _mask_expression(per_step: PerStep) -> tuple[str, dict[str, object]]:
    parts, parameters = [], {}
    for step, conditions in per_step:
        parts.append(f"CASE WHEN {conditions.text} THEN {1 << step} ELSE 0 END")
        parameters.update(conditions.parameters)
    return f"({' + '.join(parts)})::USMALLINT", parameters


def _column(table: pa.Table, name: str) -> Array:
    return _numbers(table.column(name).combine_chunks())


def _numbers(column: pa.Array) -> Array:
    return column.to_numpy(zero_copy_only=False)
