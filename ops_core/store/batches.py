"""Uploads as batches: their history, and taking one back as if it had never been loaded."""

from __future__ import annotations

import datetime as dt

import duckdb
import pandas as pd

from ops_core.errors import StoreError
from ops_core.store import derived, repeats, replacing
from ops_core.store.schema import quote
from ops_core.store.store import Store

_ROWS_OF = ("events", "user_records", "assignments", "spend", "quarantine", "unit_tables")


def batches(store: Store, undone: bool = False) -> pd.DataFrame:
    """Uploads, newest first: batch_id, kind, file_name, file_hash, loaded_at (UTC), loaded_by, rows_read, rows_loaded,
    rows_duplicate, rows_quarantined, first_at, last_at, as_of (UTC), undone_at, replaced_by (the batch that took its
    place), rows_replaced (stored rows of it that later batches replaced). With `undone`, those taken back or replaced
    altogether, too.
    """
    with store.cursor() as cursor:
        found = cursor.execute(
            """
            SELECT batch_id, kind, file_name, file_hash, loaded_at, loaded_by, rows_read, rows_loaded, rows_duplicate,
                   rows_quarantined, first_at, last_at, as_of, undone_at, replaced_by,
                   coalesce(replaced, 0)::BIGINT AS rows_replaced
            FROM batches
            LEFT JOIN (SELECT old_batch, sum(n_rows) AS replaced FROM replacements GROUP BY 1) ON old_batch = batch_id
            WHERE $undone OR undone_at IS NULL ORDER BY batch_id DESC
            """,
            {"undone": undone},
        ).df()
    return found.astype({"replaced_by": "Int64"})


def newest_batch(store: Store) -> int:
    """The number of the latest upload, undone or not; 0 without any."""
    with store.cursor() as cursor:
        return cursor.execute("SELECT coalesce(max(batch_id), 0) FROM batches").fetchone()[0]


def replaced_by(store: Store, batch_id: int) -> list[int]:
    """Batches with rows that a batch has replaced: undoing it brings those back."""
    query = "SELECT old_batch FROM replacements WHERE by_batch = $batch AND n_rows > 0 ORDER BY 1"
    with store.cursor() as cursor:
        return [row[0] for row in cursor.execute(query, {"batch": batch_id}).fetchall()]


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

    What it had replaced comes back; rows of other batches that repeated its rows take their place.

    Raises:
        StoreError: there is no such batch, it was taken back already, or another batch has replaced all of it.
    """
    with store.write() as cursor:
        remove(cursor, batch_id)
        derived.rebuild(cursor, store.rules)


def remove(cursor: duckdb.DuckDBPyConnection, batch_id: int) -> None:
    """The rows of a batch go, with names that nothing uses any more; derived tables are the caller's.

    Raises:
        StoreError: there is no such batch, it was taken back already, or another batch has replaced all of it.
    """
    _refuse_unless_live(cursor, batch_id)
    statement = "DELETE FROM {table} WHERE batch_id = $batch_id"
    for table in _ROWS_OF:
        cursor.execute(statement.replace("{table}", quote(table)), {"batch_id": batch_id})
    scope = {"scope": f"unit:{batch_id}"}
    statement = "DROP TABLE IF EXISTS {table}"
    cursor.execute(statement.replace("{table}", quote(f"unit_rows_{batch_id}")))
    cursor.execute("DELETE FROM properties WHERE scope = $scope", scope)
    cursor.execute(
        "UPDATE batches SET undone_at = $now WHERE batch_id = $batch_id",
        {"now": dt.datetime.now(dt.UTC).replace(tzinfo=None), "batch_id": batch_id},
    )
    forget_properties(cursor)
    replacing.forget(cursor, batch_id)
    replacing.bring_back(cursor, batch_id)
    repeats.release(cursor)
    forget_names(cursor)


def forget_names(cursor: duckdb.DuckDBPyConnection) -> None:
    """Event names that no row has any more are forgotten."""
    cursor.execute("DELETE FROM event_names WHERE event_code NOT IN (SELECT DISTINCT event_code FROM events)")


def forget_properties(cursor: duckdb.DuckDBPyConnection) -> None:
    """Properties of events and users that no row has any more are forgotten."""
    _forget_properties(cursor, "event", ("events",))
    _forget_properties(cursor, "user", ("user_records", "users"))


def _refuse_unless_live(cursor: duckdb.DuckDBPyConnection, batch_id: int) -> None:
    rows = cursor.execute("SELECT batch_id, undone_at IS NULL, replaced_by FROM batches ORDER BY 1").fetchall()
    live = [number for number, is_live, _ in rows if is_live]
    if batch_id in live:
        return
    by = next((by for number, _, by in rows if number == batch_id and by is not None), None)
    if by is not None:
        raise StoreError("batch_replaced", batch_id=batch_id, by=by)
    raise StoreError("unknown_batch", batch_id=batch_id, known=live[-10:] or "—")


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
