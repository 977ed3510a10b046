"""Rows that an upload repeats: not stored twice, they wait behind the rows they repeat.

When those are taken back or replaced, the waiting rows take their place, so that undoing any upload gives what loading
only the others would have given.

Every function works on the cursor of a running `Store.write()`.
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from ops_core.store import layout, parking
from ops_core.store.parking import Parked
from ops_core.store.schema import Column, quote, quoted_list


def release(cursor: duckdb.DuckDBPyConnection) -> None:
    """Waiting repeats of live batches whose rows are not stored any more take their place and count as loaded."""
    live = {row[0] for row in cursor.execute("SELECT batch_id FROM batches WHERE undone_at IS NULL").fetchall()}
    for lot in parking.parked(cursor, "held"):
        if lot.by_batch not in live:
            continue
        columns = parking.present(cursor, lot)
        (_release_events if lot.source == "events" else _release_assignments)(cursor, lot, columns)
        if not parking.count(cursor, lot.table):
            parking.drop(cursor, lot)


def hold_back(cursor: duckdb.DuckDBPyConnection, batch_id: int, source: str, columns: Sequence[Column]) -> None:
    """Keep the rows of the temp table `repeated_incoming`, which are stored already, to wait behind those."""
    if source == "events":
        cursor.execute("CREATE OR REPLACE TEMP TABLE repeated_users AS SELECT DISTINCT user_id FROM repeated_incoming")
        layout.add_user_keys(cursor, "repeated_users")
        rows = """
            SELECT user_key, event, occurred_at, value, event_id, $batch AS batch_id, false AS is_passive,
                   true AS counts_revenue, n_lines {columns}
            FROM repeated_incoming JOIN user_keys USING (user_id) ORDER BY event, user_key, occurred_at
        """
    else:
        rows = """
            SELECT $batch AS batch_id, experiment, user_key, variant, assigned_at, 1 AS n_lines
            FROM repeated_incoming JOIN user_keys USING (user_id) ORDER BY experiment, user_key
        """
    rows = rows.replace("{columns}", quoted_list(column.column_name for column in columns))
    parking.keep(cursor, "held", batch_id, source, rows, {"batch": batch_id}, tuple(columns))
    cursor.execute("DROP TABLE repeated_incoming")


def _release_events(cursor: duckdb.DuckDBPyConnection, lot: Parked, columns: Sequence[Column]) -> None:
    _stage_events(cursor, lot, columns, "n_lines", _uncovered("occurred_at"))
    layout.known_events(cursor, columns)
    cursor.execute("DELETE FROM incoming_events WHERE line IN (SELECT line FROM known_incoming)")
    n, n_lines = cursor.execute("SELECT count(*), sum(n_lines) FROM incoming_events").fetchone()
    cursor.execute("CREATE OR REPLACE TEMP TABLE moved_lines AS SELECT line FROM incoming_events")
    if n:
        layout.append_events(cursor, lot.by_batch, columns)
        _now_loaded(cursor, lot, int(n_lines))
    _forget_incoming(cursor)


def _release_assignments(cursor: duckdb.DuckDBPyConnection, lot: Parked, _columns: Sequence[Column]) -> None:
    _known_assignments(cursor, lot)
    create = """
        CREATE OR REPLACE TEMP TABLE moved_lines AS
        SELECT rowid AS line FROM {table} AS held
        WHERE {uncovered} AND rowid NOT IN (SELECT line FROM known_incoming)
    """
    cursor.execute(create.replace("{table}", lot.table).replace("{uncovered}", _uncovered("assigned_at")))
    statement = """
        INSERT INTO assignments SELECT batch_id, experiment, user_key, variant, assigned_at FROM {table}
        WHERE rowid IN (SELECT line FROM moved_lines)
    """
    n = parking.count(cursor, "moved_lines")
    if n:
        cursor.execute(statement.replace("{table}", lot.table))
        _now_loaded(cursor, lot, n)


def hold_known(cursor: duckdb.DuckDBPyConnection, lot: Parked) -> None:
    """Rows of a parking that another batch has stored meanwhile wait behind those; their batch counts them already."""
    own = "user_key, event, occurred_at, value, event_id, batch_id, is_passive, counts_revenue, 0 AS n_lines"
    if lot.source == "events":
        columns = parking.present(cursor, lot)
        _stage_events(cursor, lot, columns, "1 AS n_lines", "true")
        layout.known_events(cursor, columns)
        _forget_incoming(cursor)
    elif lot.source == "assignments":
        own = "batch_id, experiment, user_key, variant, assigned_at, 0 AS n_lines"
        _known_assignments(cursor, lot)
    else:
        return
    which = "rowid IN (SELECT line FROM known_incoming)"
    query = "SELECT DISTINCT batch_id FROM {table} WHERE {which} ORDER BY 1"
    query = query.replace("{table}", lot.table).replace("{which}", which)
    for (batch,) in cursor.execute(query).fetchall():
        rows = "SELECT {own} {columns} FROM {table} WHERE {which} AND batch_id = $batch".replace("{own}", own)
        rows = rows.replace("{columns}", quoted_list(column.column_name for column in lot.columns))
        rows = rows.replace("{table}", lot.table).replace("{which}", which)
        parking.keep(cursor, "held", batch, lot.source, rows, {"batch": batch}, lot.columns)
    parking.delete(cursor, lot, which, {})


def _stage_events(
    cursor: duckdb.DuckDBPyConnection, lot: Parked, columns: Sequence[Column], n_lines: str, which: str
) -> None:
    """The rows of a parking as the temp table `incoming_events`; `line` is their place in the parking."""
    cells = "".join(
        f", {cell} AS {quote(column.column_name)}"
        for cell, column in zip(parking.casts(lot, columns), columns, strict=True)
    )
    statement = """
        CREATE OR REPLACE TEMP TABLE incoming_events AS
        SELECT held.rowid AS line, user_id, event, occurred_at, value, event_id, {n_lines} {cells}
        FROM {table} AS held JOIN user_keys USING (user_key) WHERE {which}
    """
    statement = statement.replace("{cells}", cells).replace("{table}", lot.table).replace("{n_lines}", n_lines)
    cursor.execute(statement.replace("{which}", which))


def _forget_incoming(cursor: duckdb.DuckDBPyConnection) -> None:
    for table in ("incoming_events", "incoming_users", "incoming_names"):
        cursor.execute("DROP TABLE IF EXISTS {table}".replace("{table}", table))


def _known_assignments(cursor: duckdb.DuckDBPyConnection, lot: Parked) -> None:
    """Which rows of a parking are stored already: their place in it as `line` of the temp table `known_incoming`."""
    create = """
        CREATE OR REPLACE TEMP TABLE known_incoming AS
        SELECT held.rowid AS line FROM {table} AS held SEMI JOIN assignments AS stored
            ON stored.user_key = held.user_key AND stored.variant = held.variant
            AND stored.experiment = held.experiment AND stored.assigned_at IS NOT DISTINCT FROM held.assigned_at
    """
    cursor.execute(create.replace("{table}", lot.table))


def _now_loaded(cursor: duckdb.DuckDBPyConnection, lot: Parked, n_lines: int) -> None:
    parking.delete(cursor, lot, "rowid IN (SELECT line FROM moved_lines)", {})
    cursor.execute(
        """
        UPDATE batches SET rows_loaded = rows_loaded + $n, rows_duplicate = rows_duplicate - $n
        WHERE batch_id = $batch
        """,
        {"n": n_lines, "batch": lot.by_batch},
    )


def _uncovered(time: str) -> str:
    """SQL: no replacement in force covers the row of `held`."""
    clause = """
        NOT EXISTS (SELECT 1 FROM replacements WHERE old_batch = held.batch_id
                    AND coalesce(held.{time} >= from_at AND held.{time} < to_at, year(from_at) = 1) {named})
    """
    named = "AND (experiments IS NULL OR list_contains(experiments, held.experiment))" if time == "assigned_at" else ""
    return clause.replace("{time}", time).replace("{named}", named)
