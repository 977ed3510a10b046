"""Physical layout: how rows are laid down so that questions are a few contiguous reads.

An import appends one run of events sorted by (event_code, user_key, occurred_at). Derived tables (`users`,
`user_days`, `event_volumes`) are kept in the same transaction.

Every function works on the cursor of a running `Store.write()`.
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from ops_core.model.time import TimeRules
from ops_core.store import rollups, runs, zones
from ops_core.store.schema import PROPERTY_TYPES, Column, converted, quote, quoted_list
from ops_core.store.store import utc_datetime


def add_columns(cursor: duckdb.DuckDBPyConnection, scope: str, wanted: dict[str, str]) -> list[Column]:
    """Columns for the wanted properties (name → type), new ones added; a known name keeps its type or becomes text.

    Scope is `user` or `event`.
    """
    tables = {"user": ("user_records", "users"), "event": ("events",)}[scope]
    rows = cursor.execute(
        "SELECT name, column_name, type FROM properties WHERE scope = $scope", {"scope": scope}
    ).fetchall()
    known = {name: Column(scope, name, column_name, kind) for name, column_name, kind in rows}
    for name, kind in wanted.items():
        if name in known:
            if known[name].type != kind and known[name].type != "text":
                _retype(cursor, tables, known[name])
                known[name] = Column(scope, name, known[name].column_name, "text")
            continue
        highest = max((int(column.column_name.removeprefix("p")) for column in known.values()), default=0)
        column = Column(scope, name, f"p{highest + 1}", kind)
        for table in tables:
            _alter(cursor, "ALTER TABLE {table} ADD COLUMN {column} {type}", table, column.column_name, kind)
        cursor.execute(
            "INSERT INTO properties VALUES ($scope, $name, $column_name, $type)",
            {"scope": scope, "name": name, "column_name": column.column_name, "type": kind},
        )
        known[name] = column
    return [known[name] for name in wanted]


def append_events(
    cursor: duckdb.DuckDBPyConnection, batch_id: int, columns: Sequence[Column] = (), event_ids: bool = True
) -> int:
    """Lay down the rows of `incoming_events` (temp table or view) as one sorted run of a batch; how many they are.

    It has `user_id, event, occurred_at, value, event_id` and one column `p…` per property; without `event_ids` no row
    has one. Where the temp tables `incoming_users` and `incoming_names` (written, name) say what the ids and names of
    the rows stand for, those count.
    """
    _map_incoming(cursor)
    cursor.execute("CREATE OR REPLACE TEMP TABLE incoming_keys AS SELECT DISTINCT name AS user_id FROM incoming_users")
    add_user_keys(cursor, "incoming_keys")
    cursor.execute(
        """
        INSERT INTO event_names
        SELECT (coalesce((SELECT max(event_code) + 1 FROM event_names), 0) + row_number() OVER (ORDER BY name) - 1)
               ::USMALLINT, name, false, true
        FROM (SELECT DISTINCT name FROM incoming_names ANTI JOIN event_names USING (name))
        """
    )
    _key_incoming(cursor)
    n = runs.insert_sorted(cursor, batch_id, [*["event_id"] * event_ids, *(column.column_name for column in columns)])
    for table in ("incoming_users", "incoming_names", "incoming_user_keys", "incoming_codes"):
        cursor.execute("DROP TABLE {table}".replace("{table}", table))
    return n


def _map_incoming(cursor: duckdb.DuckDBPyConnection) -> None:
    for table, column in (("incoming_users", "user_id"), ("incoming_names", "event")):
        statement = """
            CREATE TEMP TABLE IF NOT EXISTS {table} AS
            SELECT DISTINCT {column} AS written, {column} AS name FROM incoming_events
        """
        cursor.execute(statement.replace("{table}", table).replace("{column}", column))


def _key_incoming(cursor: duckdb.DuckDBPyConnection) -> None:
    """What ids and names as they are written stand for: `incoming_user_keys` and `incoming_codes`."""
    cursor.execute(
        """
        CREATE OR REPLACE TEMP TABLE incoming_user_keys AS
        SELECT written, user_key FROM incoming_users JOIN user_keys ON user_id = name
        """
    )
    cursor.execute(
        """
        CREATE OR REPLACE TEMP TABLE incoming_codes AS
        SELECT written, event_code FROM incoming_names JOIN event_names USING (name)
        """
    )


def known_events(cursor: duckdb.DuckDBPyConnection, columns: Sequence[Column]) -> int:
    """Which rows of `incoming_events` are stored already: their `line` in the temp table `known_incoming`; how many.

    The same event id; without one, equal in user, event, time, value and every property.
    """
    parts = [
        """
        SELECT line FROM incoming_events WHERE event_id IS NOT NULL
        AND event_id IN (SELECT event_id FROM events WHERE event_id IS NOT NULL)
        """
    ]
    first, last = cursor.execute("SELECT min(occurred_at), max(occurred_at) FROM incoming_events").fetchone()
    near = {"first": first, "last": last}
    overlap = "SELECT count(*) FROM events WHERE occurred_at BETWEEN $first AND $last LIMIT 1"
    overlaps = first is not None and cursor.execute(overlap, near).fetchone()[0] > 0
    if overlaps:
        _map_incoming(cursor)
        rows = cursor.execute("SELECT column_name FROM properties WHERE scope = 'event'").fetchall()
        given = {column.column_name for column in columns}
        same = "".join(
            f" AND old.{quote(name)} IS NOT DISTINCT FROM new.{quote(name)}"
            if name in given
            else f" AND old.{quote(name)} IS NULL"
            for (name,) in rows
        )
        statement = """
            SELECT line FROM incoming_events AS new
            JOIN (SELECT written, user_key FROM incoming_users JOIN user_keys ON user_id = name) AS user_keys
                ON user_keys.written = new.user_id
            JOIN (SELECT written, event_code FROM incoming_names JOIN event_names USING (name)) AS event_names
                ON event_names.written = new.event
            SEMI JOIN (SELECT * FROM events WHERE occurred_at BETWEEN $first AND $last) AS old
            ON old.event_code = event_names.event_code AND old.user_key = user_keys.user_key
               AND old.occurred_at = new.occurred_at AND old.value IS NOT DISTINCT FROM new.value {same}
            WHERE new.event_id IS NULL
        """
        parts.append(statement.replace("{same}", same))
    # One statement: where an insert of no rows is followed by a large one in the same transaction, DuckDB 2.0.0 loses
    # the rows of the large one.
    create = "CREATE OR REPLACE TEMP TABLE known_incoming AS {parts}"
    cursor.execute(create.replace("{parts}", " UNION ALL ".join(parts)), near if overlaps else {})
    return cursor.execute("SELECT count(*) FROM known_incoming").fetchone()[0]


def add_user_keys(cursor: duckdb.DuckDBPyConnection, table: str) -> None:
    """Dense keys for the users of a temp table (column `user_id`) that have none yet."""
    statement = """
        CREATE OR REPLACE TEMP TABLE new_keys AS
        SELECT (coalesce((SELECT max(user_key) + 1 FROM user_keys), 0) + row_number() OVER (ORDER BY user_id) - 1)
               ::INTEGER AS user_key, user_id
        FROM (SELECT DISTINCT user_id FROM {table} ANTI JOIN user_keys USING (user_id))
    """
    cursor.execute(statement.replace("{table}", quote(table)))
    # Never an insert of no rows: DuckDB 2.0.0 loses a large one that follows it in the same transaction.
    if cursor.execute("SELECT count(*) FROM new_keys").fetchone()[0]:
        cursor.execute("INSERT INTO user_keys SELECT user_key, user_id FROM new_keys ORDER BY user_key")


def rebuild_users(cursor: duckdb.DuckDBPyConnection, rules: TimeRules) -> None:
    """One row per known user from user records (the latest batch wins, value by value) and events.

    A user without sign-up time whose first event falls on the first local day of the data is left-censored.
    """
    columns = [row[0] for row in cursor.execute("SELECT column_name FROM properties WHERE scope = 'user'").fetchall()]
    first = cursor.execute("SELECT epoch_us(min(occurred_at)) FROM events").fetchone()[0]
    censored_until = 0 if first is None else rules.day_start_us(int(rules.local_days([first])[0]) + 1)
    latest = "".join(f", max_by({quote(name)}, batch_id) AS {quote(name)}" for name in columns)
    cursor.execute("DELETE FROM users")
    statement = """
        INSERT INTO users (user_key, user_id, signup_at, first_seen_at, is_left_censored, first_event_at,
                           last_event_at, n_events {columns})
        SELECT user_key, user_id, signup_at, coalesce(signup_at, first_event_at),
               signup_at IS NULL AND coalesce(first_event_at < $censored_until, false),
               first_event_at, last_event_at, coalesce(n_events, 0) {columns}
        FROM user_keys
        LEFT JOIN (SELECT user_key, max_by(signup_at, batch_id) AS signup_at {latest} FROM user_records GROUP BY 1)
            AS records USING (user_key)
        LEFT JOIN (SELECT user_key, min(occurred_at) AS first_event_at, max(occurred_at) AS last_event_at,
                          count(*) AS n_events FROM events GROUP BY 1) AS active USING (user_key)
        WHERE records.user_key IS NOT NULL OR active.user_key IS NOT NULL
        ORDER BY user_key
    """
    statement = statement.replace("{columns}", quoted_list(columns)).replace("{latest}", latest)
    cursor.execute(statement, {"censored_until": utc_datetime(censored_until)})


def rebuild_rollups(cursor: duckdb.DuckDBPyConnection, rules: TimeRules) -> None:
    """`user_days`, `event_volumes` and `event_stats` from the events, in the workspace's zone."""
    cursor.execute("DELETE FROM user_days")
    cursor.execute("DELETE FROM event_volumes")
    rollups.count_stats(cursor)
    first, last = cursor.execute("SELECT epoch_us(min(first_at)), epoch_us(max(last_at)) FROM event_stats").fetchone()
    if first is None:
        return
    query = """
        INSERT INTO user_days
        SELECT user_key, {day} AS local_day, count(*), sum(CASE WHEN counts_revenue THEN value END)
        FROM events JOIN event_names USING (event_code)
        WHERE NOT is_passive
        GROUP BY 1, 2 ORDER BY 1, 2
    """
    cursor.execute(query.replace("{day}", zones.local_day("occurred_at", rules, first, last)))
    rollups.count_volumes(cursor, rules, first, last + 1, (first, last))


def _retype(cursor: duckdb.DuckDBPyConnection, tables: Sequence[str], column: Column) -> None:
    """A property that came with two types is kept as text: nothing is lost, nothing is guessed."""
    as_text = converted(quote(column.column_name), column.type, "text")
    statement = "ALTER TABLE {table} ALTER COLUMN {column} TYPE {type} USING " + as_text
    for table in tables:
        _alter(cursor, statement, table, column.column_name, "text")
    cursor.execute(
        "UPDATE properties SET type = 'text' WHERE scope = $scope AND name = $name",
        {"scope": column.scope, "name": column.name},
    )


def _alter(cursor: duckdb.DuckDBPyConnection, statement: str, table: str, column: str, kind: str) -> None:
    filled = statement.replace("{table}", quote(table)).replace("{column}", quote(column))
    cursor.execute(filled.replace("{type}", PROPERTY_TYPES[kind]))
