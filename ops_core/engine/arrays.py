"""Query results as NumPy arrays, and passes over them in blocks of users.

Rows come in the order they are stored in (by user, then time); what relies on it checks it. Blocks of a few hundred
thousand rows stay in the processor's cache, and NumPy lets two threads work on two of them at a time.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import duckdb
import numpy as np
import pyarrow as pa

BLOCK_ROWS = 300_000


def fetch_columns(
    cursor: duckdb.DuckDBPyConnection, statement: str, parameters: dict[str, object] | None = None
) -> dict[str, np.ndarray]:
    """The columns of a query without missing numbers; dates as day numbers (int32), texts as objects with `None`."""
    table = cursor.sql(statement, params=parameters or {}).to_arrow_table()
    return {name: _array(column) for name, column in zip(table.column_names, table.columns, strict=True)}


def _array(column: pa.ChunkedArray) -> np.ndarray:
    if pa.types.is_date32(column.type):
        column = column.cast(pa.int32())
    return column.combine_chunks().to_numpy(zero_copy_only=False)


def starts_of_runs(keys: np.ndarray) -> np.ndarray:
    """Positions at which a new value begins in a sorted array."""
    if not len(keys):
        return np.empty(0, dtype=np.int64)
    is_start = np.empty(len(keys), dtype=bool)
    is_start[0] = True
    np.not_equal(keys[1:], keys[:-1], out=is_start[1:])
    return np.flatnonzero(is_start)


def is_sorted(keys: np.ndarray, then: np.ndarray | None = None) -> bool:
    """Whether the values never fall; with `then`, whether rows stand in order of both."""
    if then is None:
        return bool(np.all(keys[1:] >= keys[:-1]))
    rises = keys[1:] > keys[:-1]
    rises |= (keys[1:] == keys[:-1]) & (then[1:] >= then[:-1])
    return bool(rises.all())


def user_blocks(users: np.ndarray, rows: int = BLOCK_ROWS) -> Iterator[slice]:
    """Slices of a sorted array of user keys, about `rows` long each; no user is in two of them."""
    start = 0
    while start < len(users):
        end = start + rows
        if end < len(users):
            end = int(np.searchsorted(users, users[end]))
            if end == start:  # one user with more rows than a block
                end = int(np.searchsorted(users, users[start], side="right"))
        else:
            end = len(users)
        yield slice(start, end)
        start = end


def sum_over_blocks(users: np.ndarray, tally: Callable[[slice], np.ndarray], empty: np.ndarray) -> np.ndarray:
    """The sum of `tally(block)` over blocks of users, `empty` (zeros of the right shape) when there is none."""
    blocks = list(user_blocks(users))
    if len(blocks) < 2:
        return sum(map(tally, blocks), empty)
    with ThreadPoolExecutor(max_workers=min(8, os.cpu_count() or 1)) as threads:
        return sum(threads.map(tally, blocks), empty)
