"""Tables that follow from the rows: users, rollups, as-of. Kept in the same transaction as the rows."""

from __future__ import annotations

import duckdb

from ops_core.model.time import TimeRules
from ops_core.store import layout, rollups
from ops_core.store.store import Store


def rebuild(cursor: duckdb.DuckDBPyConnection, rules: TimeRules) -> None:
    """Make everything derived anew from the rows of the batches that are there."""
    layout.rebuild_users(cursor, rules)
    layout.rebuild_rollups(cursor, rules)
    set_as_of(cursor)


def add_batch(cursor: duckdb.DuckDBPyConnection, rules: TimeRules, batch_id: int) -> None:
    """Bring everything derived up to date with a batch that was just laid down as one run."""
    if not rollups.add_run(cursor, rules, batch_id):
        layout.rebuild_rollups(cursor, rules)
    layout.rebuild_users(cursor, rules)
    set_as_of(cursor)


def set_as_of(cursor: duckdb.DuckDBPyConnection) -> None:
    """The workspace's as-of: the latest that a batch declares."""
    latest = cursor.execute("SELECT epoch_us(max(as_of)) FROM batches WHERE undone_at IS NULL").fetchone()[0]
    if latest is None:
        cursor.execute("DELETE FROM settings WHERE key = 'as_of_us'")
    else:
        Store.put_setting(cursor, "as_of_us", latest)
