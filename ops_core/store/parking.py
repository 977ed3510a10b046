"""Rows that are out of the tables but not out of the file: replaced by a later upload, or held back as repeats.

Each parking makes one table `parked_rows_<n>` and one row in `parked`: why (`replaced`, `held`), by which batch, from
which table, and what its property columns are called. Names are kept in full, because a property or an event that
nothing uses any more is forgotten and may come back under another number.

Every function works on the cursor of a running `Store.write()`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb

from ops_core.store import layout
from ops_core.store.schema import Column, converted, quote, quoted_list

_OWN = {
    "events": ("user_key", "occurred_at", "value", "event_id", "batch_id"),
    "user_records": ("batch_id", "user_key", "signup_at"),
    "assignments": ("batch_id", "experiment", "user_key", "variant", "assigned_at"),
    "spend": ("batch_id", "local_day", "channel", "amount"),
    "unit_tables": ("batch_id", "name", "n_rows", "user_column", "variant_column"),
    "properties": ("scope", "name", "column_name", "type"),
    "quarantine": ("batch_id", "line", "column_name", "value", "reason", "detail"),
}
_SCOPES = {"events": "event", "user_records": "user"}


@dataclass(frozen=True)
class Parked:
    """One parking: its table of rows, why and by which batch, and its property columns."""

    parked_id: int
    reason: str
    by_batch: int
    source: str
    columns: tuple[Column, ...]

    @property
    def table(self) -> str:
        """The table with the rows, quoted."""
        return quote(f"parked_rows_{self.parked_id}")


def park(
    cursor: duckdb.DuckDBPyConnection,
    reason: str,
    by_batch: int,
    source: str,
    which: str,
    given: Mapping[str, object],
) -> int:
    """Take the rows of a table for which a condition holds out of it and keep them; how many there were."""
    rows = "SELECT * FROM {source} WHERE {which}"
    if source == "events":
        rows = """
            SELECT events.* EXCLUDE (event_code), name AS event, is_passive, counts_revenue
            FROM events JOIN event_names USING (event_code) WHERE {which} ORDER BY event_code, user_key, occurred_at
        """
    rows = rows.replace("{source}", quote(source)).replace("{which}", which)
    n = keep(cursor, reason, by_batch, source, rows, given)
    if n:
        statement = "DELETE FROM {source} WHERE {which}".replace("{source}", quote(source))
        cursor.execute(statement.replace("{which}", which), given)
    return n


def keep(
    cursor: duckdb.DuckDBPyConnection,
    reason: str,
    by_batch: int,
    source: str,
    rows: str,
    given: Mapping[str, object],
    columns: tuple[Column, ...] | None = None,
) -> int:
    """Keep the rows of a query as parked rows of a table; how many. `columns`: where the table's do not do."""
    number = cursor.execute("SELECT coalesce(max(parked_id), 0) + 1 FROM parked").fetchone()[0]
    table = quote(f"parked_rows_{number}")
    create = "CREATE TABLE {table} AS {rows}"
    cursor.execute(create.replace("{table}", table).replace("{rows}", rows), given)
    n = count(cursor, table)
    if not n:
        cursor.execute("DROP TABLE {table}".replace("{table}", table))
        return 0
    known = _columns(cursor, source) if columns is None else columns
    filled = [column for column in known if count(cursor, table, quote(column.column_name))]
    cursor.execute(
        "INSERT INTO parked VALUES ($number, $reason, $by_batch, $source, $columns)",
        {
            "number": number,
            "reason": reason,
            "by_batch": by_batch,
            "source": source,
            "columns": json.dumps([[c.name, c.column_name, c.type] for c in filled], ensure_ascii=False),
        },
    )
    return n


def parked(cursor: duckdb.DuckDBPyConnection, reason: str, by_batch: int | None = None) -> list[Parked]:
    """The parkings for a reason, of one batch or of all, oldest first."""
    rows = cursor.execute(
        """
        SELECT parked_id, reason, by_batch, source, columns FROM parked
        WHERE reason = $reason AND ($by_batch IS NULL OR by_batch = $by_batch) ORDER BY by_batch, parked_id
        """,
        {"reason": reason, "by_batch": by_batch},
    ).fetchall()
    return [
        Parked(number, why, batch, source, tuple(Column(_SCOPES.get(source, ""), *one) for one in json.loads(columns)))
        for number, why, batch, source, columns in rows
    ]


def put_back(cursor: duckdb.DuckDBPyConnection, lot: Parked) -> int:
    """Put the rows of a parking back into their table, as one sorted run; how many. The parking is gone."""
    n = count(cursor, lot.table)
    if not n:  # an insert of no rows would lose a large one that follows it in the transaction (DuckDB 2.0.0)
        drop(cursor, lot)
        return 0
    columns = present(cursor, lot)
    own = _OWN[lot.source]
    cells = [*map(quote, own), *casts(lot, columns)]
    names = [*own, *(column.column_name for column in columns)]
    source, order = lot.table, ""
    if lot.source == "events":
        add_event_names(cursor, lot)
        names, cells = ["event_code", *names], ["event_code", *cells]
        source, order = lot.table + " JOIN event_names ON name = event", " ORDER BY 1, 2, 3"
    statement = "INSERT INTO {target} ({names}) SELECT {cells} FROM {source}".replace("{target}", quote(lot.source))
    statement = statement.replace("{names}", quoted_list(names).removeprefix(", ")).replace("{source}", source)
    cursor.execute(statement.replace("{cells}", ", ".join(cells)) + order)
    drop(cursor, lot)
    return n


def move(
    cursor: duckdb.DuckDBPyConnection, lot: Parked, by_batch: int, which: str, given: Mapping[str, object]
) -> None:
    """Hand the rows of a parking for which a condition holds to another batch's parking."""
    rows = "SELECT * FROM {table} WHERE {which}".replace("{table}", lot.table).replace("{which}", which)
    if keep(cursor, lot.reason, by_batch, lot.source, rows, given, lot.columns):
        delete(cursor, lot, which, given)


def delete(cursor: duckdb.DuckDBPyConnection, lot: Parked, which: str, given: Mapping[str, object]) -> None:
    """Forget the rows of a parking for which a condition holds."""
    statement = "DELETE FROM {table} WHERE {which}".replace("{table}", lot.table)
    cursor.execute(statement.replace("{which}", which), given)


def drop(cursor: duckdb.DuckDBPyConnection, lot: Parked) -> None:
    """Forget a parking with its rows."""
    cursor.execute("DROP TABLE {table}".replace("{table}", lot.table))
    cursor.execute("DELETE FROM parked WHERE parked_id = $number", {"number": lot.parked_id})


def add_event_names(cursor: duckdb.DuckDBPyConnection, lot: Parked) -> None:
    """Codes for the event names of a parking that were forgotten meanwhile, with what was said about them."""
    statement = """
        INSERT INTO event_names
        SELECT (coalesce((SELECT max(event_code) + 1 FROM event_names), 0) + row_number() OVER (ORDER BY event) - 1)
               ::USMALLINT, event, passive, counts
        FROM (SELECT event, bool_or(is_passive) AS passive, bool_and(counts_revenue) AS counts FROM {table}
              GROUP BY event) ANTI JOIN event_names ON name = event
    """
    cursor.execute(statement.replace("{table}", lot.table))


def count(cursor: duckdb.DuckDBPyConnection, table: str, column: str = "*") -> int:
    """Rows of a (quoted) table, or its values of a column."""
    query = "SELECT count({column}) FROM {table}".replace("{column}", column)
    return cursor.execute(query.replace("{table}", table)).fetchone()[0]


def casts(lot: Parked, columns: Sequence[Column]) -> list[str]:
    """A parking's properties as SQL of the types that the columns `columns` have now."""
    pairs = zip(lot.columns, columns, strict=True)
    return [converted(quote(old.column_name), old.type, new.type) for old, new in pairs]


def present(cursor: duckdb.DuckDBPyConnection, lot: Parked) -> list[Column]:
    """The columns that take a parking's properties now, made where they were forgotten."""
    if lot.source not in _SCOPES:
        return []
    return layout.add_columns(cursor, _SCOPES[lot.source], {column.name: column.type for column in lot.columns})


def _columns(cursor: duckdb.DuckDBPyConnection, source: str) -> tuple[Column, ...]:
    if source not in _SCOPES:
        return ()
    rows = cursor.execute(
        "SELECT scope, name, column_name, type FROM properties WHERE scope = $scope ORDER BY name",
        {"scope": _SCOPES[source]},
    ).fetchall()
    return tuple(Column(*row) for row in rows)
