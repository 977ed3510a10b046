"""Uploads as batches: their history, and taking one back as if it had never been loaded."""

from __future__ import annotations

import datetime as dt

import duckdb
import pandas as pd

from ops_core.errors import StoreError
from ops_core.store import derived
from ops_core.store.schema import quote
from ops_core.store.store import Store

_ROWS_OF = ("events", "user_records", "assignments", "spend", "quarantine", "unit_tables")


def batches(store: Store, undone: bool = False) -> pd.DataFrame:
    """Uploads, newest first: batch_id, kind, file_name, file_hash, loaded_at (UTC), loaded_by, rows_read, rows_loaded,
    rows_duplicate, rows_quarantined, first_at, last_at, as_of (UTC), undone_at. With `undone`, those taken back, too.
    """
    with store.cursor() as cursor:
        return cursor.execute(
            """
            SELECT batch_id, kind, file_name, file_hash, loaded_at, loaded_by, rows_read, rows_loaded, rows_duplicate,
                   rows_quarantined, first_at, last_at, as_of, undone_at
            FROM batches WHERE $undone OR undone_at IS NULL ORDER BY batch_id DESC
            """,
            {"undone": undone},
        ).df()


def quarantined(store: Store, batch_id: int) -> pd.DataFrame:
    """The quarantine of a batch as codes: line, column_name, value, reason, detail."""
    with store.cursor() as cursor:
        return cursor.execute(
            """
            SELECT line, column_name, value, reason, detail FROM quarantine
            WHERE batch_id = $batch_id ORDER BY line
            """,
            {"batch_id": batch_id},
        ).df()


def undo(store: Store, batch_id: int) -> None:
    """Take a batch back: the workspace is as if it had never been loaded; only the history still names it.

    Raises:
        StoreError: there is no such batch, or it was taken back already.
    """
    with store.write() as cursor:
        remove(cursor, batch_id)
        derived.rebuild(cursor, store.rules)


def remove(cursor: duckdb.DuckDBPyConnection, batch_id: int) -> None:
    """The rows of a batch go, with names that nothing uses any more; derived tables are the caller's.

    Raises:
        StoreError: there is no such batch, or it was taken back already.
    """
    rows = cursor.execute("SELECT batch_id FROM batches WHERE undone_at IS NULL ORDER BY 1").fetchall()
    live = [row[0] for row in rows]
    if batch_id not in live:
        raise StoreError("unknown_batch", batch_id=batch_id, known=live[-10:] or "—")
    statement = "DELETE FROM {table} WHERE batch_id = $batch_id"
    for table in _ROWS_OF:
        cursor.execute(statement.replace("{table}", quote(table)), {"batch_id": batch_id})
    scope = {"scope": f"unit:{batch_id}"}
    statement = "DROP TABLE IF EXISTS {table}"
    cursor.execute(statement.replace("{table}", quote(f"unit_rows_{batch_id}")))
    cursor.execute("DELETE FROM properties WHERE scope = $scope", scope)
    cursor.execute("DELETE FROM event_names WHERE event_code NOT IN (SELECT DISTINCT event_code FROM events)")
    _forget_properties(cursor, "event", ("events",))
    _forget_properties(cursor, "user", ("user_records", "users"))
    cursor.execute(
        "UPDATE batches SET undone_at = $now WHERE batch_id = $batch_id",
        {"now": dt.datetime.now(dt.UTC).replace(tzinfo=None), "batch_id": batch_id},
    )


def _forget_properties(cursor: duckdb.DuckDBPyConnection, scope: str, tables: tuple[str, ...]) -> None:
    """Properties that no row has any more."""
    rows = cursor.execute("SELECT name, column_name FROM properties WHERE scope = $scope", {"scope": scope}).fetchall()
    for name, column in rows:
        statement = "SELECT count({column}) FROM {table}"
        statement = statement.replace("{column}", quote(column)).replace("{table}", quote(tables[0]))
        if cursor.execute(statement).fetchone()[0]:
            continue
        cursor.execute("DELETE FROM properties WHERE scope = $scope AND name = $name", {"scope": scope, "name": name})
        for table in tables:
            drop = "ALTER TABLE {table} DROP COLUMN {column}"
            cursor.execute(drop.replace("{table}", quote(table)).replace("{column}", quote(column)))
