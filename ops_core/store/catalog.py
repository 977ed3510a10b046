"""What a workspace holds: event names, properties and their values."""

from __future__ import annotations

import pandas as pd

from ops_core.store.schema import Column, quote
from ops_core.store.store import Store

_SCOPE_TABLE = {"user": "users", "event": "events"}


def first_event_us(store: Store) -> int | None:
    """Instant of the first event, UTC µs; `None` when there is none."""
    return store.small_rows("SELECT epoch_us(min(first_at)) FROM event_stats")[0][0]


def event_names(store: Store) -> pd.DataFrame:
    """Events by volume: event, n_events, n_users, first_at, last_at (UTC), is_passive, counts_revenue."""
    with store.cursor() as cursor:
        return cursor.execute(
            """
            SELECT name AS event, n_events, n_users, first_at, last_at, is_passive, counts_revenue
            FROM event_stats JOIN event_names USING (event_code) ORDER BY n_events DESC, name
            """
        ).df()


def properties(store: Store, scope: str) -> pd.DataFrame:
    """Properties of a scope: name, type, n_distinct (of the whole table)."""
    rows = []
    with store.cursor() as cursor:
        for column in store.columns(scope):
            statement = "SELECT approx_count_distinct({column}) FROM {table}"
            rows.append((column.name, column.type, cursor.execute(_filled(statement, column)).fetchone()[0]))
    return pd.DataFrame(rows, columns=["name", "type", "n_distinct"])


def property_values(store: Store, prop: str, limit: int) -> pd.DataFrame:
    """The most frequent values of a property, as text: value, n. Missing values are left out.

    Raises:
        QueryError: no such property.
    """
    scope = "user" if prop.startswith("user.") else "event"
    column = store.column(scope, prop.removeprefix("user."))
    statement = """
        SELECT {column}::VARCHAR AS value, count(*) AS n FROM {table}
        WHERE {column} IS NOT NULL GROUP BY 1 ORDER BY n DESC, value LIMIT $limit
    """
    with store.cursor() as cursor:
        return cursor.execute(_filled(statement, column), {"limit": limit}).df()


def _filled(statement: str, column: Column) -> str:
    table = _SCOPE_TABLE.get(column.scope, "unit_rows_" + column.scope.removeprefix("unit:"))
    return statement.replace("{column}", quote(column.column_name)).replace("{table}", quote(table))
