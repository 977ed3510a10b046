"""All rows that an upload brought, wherever they lie now: stored, waiting behind rows they repeat, or replaced."""

from __future__ import annotations

import datetime as dt
import json
import re
from dataclasses import dataclass

import duckdb

from ops_core.errors import StoreError
from ops_core.store import parking
from ops_core.store.replacing import TABLES
from ops_core.store.schema import quote

_ROWS_OF = {
    "events": "user_id, event, occurred_at, regexp_replace(value::VARCHAR, '\\.?0+$', '') AS value, event_id",
    "orders": "user_id, event, occurred_at, regexp_replace(value::VARCHAR, '\\.?0+$', '') AS value, event_id",
    "feedback": "user_id, occurred_at",
    "users": "user_id, signup_at",
    "assignments": "experiment, user_id, variant, assigned_at",
    "spend": "local_day, channel, amount",
}


@dataclass(frozen=True)
class Upload:
    """A batch as the history knows it. Times in UTC."""

    batch_id: int
    kind: str
    file_name: str
    loaded_at: dt.datetime
    columns: tuple[str, ...]
    first_at: dt.datetime | None
    last_at: dt.datetime | None
    as_of: dt.datetime | None
    rows_read: int


def read_upload(cursor: duckdb.DuckDBPyConnection, batch_id: int) -> Upload:
    row = cursor.execute(
        """
        SELECT batch_id, kind, file_name, loaded_at, mapping, first_at, last_at, as_of, rows_read FROM batches
        WHERE batch_id = $batch AND (undone_at IS NULL OR replaced_by IS NOT NULL)
        """,
        {"batch": batch_id},
    ).fetchone()
    if row is None:
        known = cursor.execute("SELECT batch_id FROM batches WHERE undone_at IS NULL ORDER BY 1").fetchall()
        raise StoreError("unknown_batch", batch_id=batch_id, known=[one for (one,) in known[-10:]] or "—")
    number, kind, name, loaded_at, mapping, *times, rows_read = row
    return Upload(number, kind, name, loaded_at, tuple(json.loads(mapping).get("columns", ())), *times, rows_read)


def lay_out(cursor: duckdb.DuckDBPyConnection, upload: Upload, target: str, names: tuple[str, ...]) -> None:
    """All rows of an upload as the temp table `target`, wherever they lie: stored, waiting or replaced."""
    if upload.kind == "units":
        _unit_contents(cursor, upload, target, names)
        return
    source = TABLES[upload.kind]
    scope = {"events": "event", "user_records": "user"}.get(source, "")
    rows = cursor.execute("SELECT name, column_name FROM properties WHERE scope = $scope", {"scope": scope}).fetchall()
    live = source
    if source == "events":
        live = "(SELECT events.*, name AS event FROM events JOIN event_names USING (event_code))"
    parts = [_part(upload, live, dict(rows), names, stored="true")]
    for lot in [*parking.parked(cursor, "held"), *parking.parked(cursor, "replaced")]:
        if lot.source == source:
            of_lot = {column.name: column.column_name for column in lot.columns}
            stored = "true" if lot.reason == "replaced" else "false"
            parts.append(_part(upload, lot.table, of_lot, names, stored=stored))
    create = "CREATE OR REPLACE TEMP TABLE {target} AS {rows}"
    cursor.execute(
        create.replace("{target}", quote(target)).replace("{rows}", " UNION ALL ".join(parts)),
        {"batch": upload.batch_id},
    )


def _part(upload: Upload, table: str, columns: dict[str, str], names: tuple[str, ...], stored: str) -> str:
    cells = "".join(
        f", {quote(columns[name])}::VARCHAR AS q{number}" if name in columns else f", NULL::VARCHAR AS q{number}"
        for number, name in enumerate(names)
    )
    users = " JOIN user_keys USING (user_key)" if upload.kind != "spend" else ""
    part = "SELECT {own}, {stored} AS stored {cells} FROM {table} AS rows_of {users} WHERE batch_id = $batch"
    part = part.replace("{own}", _ROWS_OF[upload.kind]).replace("{stored}", stored).replace("{cells}", cells)
    return part.replace("{table}", table).replace("{users}", users)


def _unit_contents(cursor: duckdb.DuckDBPyConnection, upload: Upload, target: str, names: tuple[str, ...]) -> None:
    columns = _unit_columns(cursor, upload)
    cells = "".join(
        f", {quote(columns[name])}::VARCHAR AS q{number}" if name in columns else f", NULL::VARCHAR AS q{number}"
        for number, name in enumerate(names)
    )
    create = "CREATE OR REPLACE TEMP TABLE {target} AS SELECT user_id, variant, true AS stored {cells} FROM {table}"
    create = create.replace("{target}", quote(target)).replace("{cells}", cells)
    cursor.execute(create.replace("{table}", quote(f"unit_rows_{upload.batch_id}")))


def _unit_columns(cursor: duckdb.DuckDBPyConnection, upload: Upload) -> dict[str, str]:
    """Names of a unit table's columns, also where the table is replaced and its names are parked."""
    tables = ["properties", *(lot.table for lot in parking.parked(cursor, "replaced") if lot.source == "properties")]
    query = " UNION ALL ".join(
        "SELECT name, column_name FROM {table} WHERE scope = $scope".replace("{table}", table) for table in tables
    )
    return dict(cursor.execute(query, {"scope": f"unit:{upload.batch_id}"}).fetchall())


def shared_properties(cursor: duckdb.DuckDBPyConnection, upload: Upload, previous: Upload) -> tuple[str, ...]:
    """Properties that both uploads have: a column that came or went changes no row."""
    if upload.kind == "units":
        return tuple(name for name in _unit_columns(cursor, upload) if name in _unit_columns(cursor, previous))
    scope = {"events": "event", "orders": "event", "feedback": "event", "users": "user"}.get(upload.kind)
    if scope is None:
        return ()
    rows = cursor.execute("SELECT name FROM properties WHERE scope = $scope ORDER BY name", {"scope": scope}).fetchall()
    sources = [*parking.parked(cursor, "replaced"), *parking.parked(cursor, "held")]
    names = {name for (name,) in rows} | {column.name for lot in sources for column in lot.columns}
    own = {"order_id", "n_lines", "quantity"} if upload.kind == "orders" else set()
    both = {_folded(name) for name in previous.columns} & {_folded(name) for name in upload.columns}
    return tuple(sorted(name for name in names if _folded(name) in both or name in own))


def _folded(name: str) -> str:
    return re.sub(r"\s+", " ", name).strip()
