"""Event properties that are really the user's: where each user has one value only, it describes the user.

An export of events often repeats the channel or the platform of a user on every row. Such a property stays with the
events and is kept for the users as well, so that segments and breakdowns by user find it.
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from ops_core.intake.notes import Note, info
from ops_core.store import layout
from ops_core.store.schema import PROPERTY_TYPES, Column, quote, quoted_list

# One event per user proves nothing, and a value of one's own each (a name, a mail address) groups nobody.
_LEAST_EVENTS_PER_USER = 2
_LEAST_USERS_PER_VALUE = 2


def keep_traits(cursor: duckdb.DuckDBPyConnection, batch_id: int, columns: Sequence[Column]) -> tuple[Note, ...]:
    """Write the user-level properties among a batch's event properties to the user records of that batch."""
    traits = [
        column for column in columns if column.type in ("text", "boolean") and _is_trait(cursor, batch_id, column)
    ]
    traits = [column for column in traits if not _told_by_users_file(cursor, column.name)]
    if not traits:
        return ()
    kept = layout.add_columns(cursor, "user", {column.name: column.type for column in traits})
    values = "".join(
        f", any_value({quote(source.column_name)})::{PROPERTY_TYPES[target.type]}"
        for source, target in zip(traits, kept, strict=True)
    )
    statement = """
        INSERT INTO user_records (batch_id, user_key {columns})
        SELECT $batch_id, user_key {values} FROM events WHERE batch_id = $batch_id GROUP BY user_key ORDER BY user_key
    """
    names = quoted_list(column.column_name for column in kept)
    cursor.execute(statement.replace("{columns}", names).replace("{values}", values), {"batch_id": batch_id})
    return (info("traits_kept", columns=[column.name for column in traits]),)


def _is_trait(cursor: duckdb.DuckDBPyConnection, batch_id: int, column: Column) -> bool:
    statement = """
        SELECT count(*) FILTER (low <> high), count(low), count(DISTINCT low), coalesce(sum(n), 0)
        FROM (SELECT min({column}) AS low, max({column}) AS high, count({column}) AS n
              FROM events WHERE batch_id = $batch_id GROUP BY user_key)
    """
    found = cursor.execute(statement.replace("{column}", quote(column.column_name)), {"batch_id": batch_id}).fetchone()
    n_mixed, n_users, n_values, n_events = found
    repeated = n_events >= _LEAST_EVENTS_PER_USER * n_users
    return n_mixed == 0 and n_users > 0 and repeated and n_users >= _LEAST_USERS_PER_VALUE * n_values


def _told_by_users_file(cursor: duckdb.DuckDBPyConnection, name: str) -> bool:
    """Whether a users file says it already: that file is asked about users, an export of events only mentions them."""
    row = cursor.execute(
        "SELECT column_name FROM properties WHERE scope = 'user' AND name = $name", {"name": name}
    ).fetchone()
    if row is None:
        return False
    statement = """
        SELECT count(*) FROM user_records JOIN batches USING (batch_id) WHERE kind = 'users' AND {column} IS NOT NULL
    """
    return cursor.execute(statement.replace("{column}", quote(row[0]))).fetchone()[0] > 0
