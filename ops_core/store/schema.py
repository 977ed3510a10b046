"""Tables of a workspace file, their migrations, and the one way a name becomes an identifier.

Events lie physically ordered by (event_code, user_key, occurred_at) inside each import's run: that order is what makes
a funnel a few contiguous reads. A property never lends its name to a column: the table `properties` maps names to
`p1, p2, …` (`c1, c2, …` for unit tables).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

SCHEMA_VERSION = 4

# One entry per schema version; a file of version n is brought up by running the entries n+1 …
MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE meta (schema_version INTEGER NOT NULL, data_version BIGINT NOT NULL, created_at TIMESTAMP NOT NULL);
    CREATE TABLE settings (key VARCHAR PRIMARY KEY, value VARCHAR NOT NULL);
    CREATE TABLE batches (
        batch_id INTEGER PRIMARY KEY, kind VARCHAR NOT NULL, file_name VARCHAR NOT NULL, file_hash VARCHAR NOT NULL,
        loaded_at TIMESTAMP NOT NULL, loaded_by VARCHAR NOT NULL, rows_read BIGINT NOT NULL,
        rows_loaded BIGINT NOT NULL, rows_duplicate BIGINT NOT NULL, rows_quarantined BIGINT NOT NULL,
        first_at TIMESTAMP, last_at TIMESTAMP, as_of TIMESTAMP, previous_as_of TIMESTAMP,
        mapping VARCHAR NOT NULL, notes VARCHAR NOT NULL, undone_at TIMESTAMP
    );
    CREATE TABLE quarantine (
        batch_id INTEGER NOT NULL, line BIGINT, column_name VARCHAR, value VARCHAR, reason VARCHAR NOT NULL,
        detail VARCHAR NOT NULL
    );
    CREATE TABLE properties (
        scope VARCHAR NOT NULL, name VARCHAR NOT NULL, column_name VARCHAR NOT NULL, type VARCHAR NOT NULL,
        PRIMARY KEY (scope, name)
    );
    CREATE TABLE user_keys (user_key INTEGER NOT NULL, user_id VARCHAR NOT NULL);
    CREATE TABLE user_records (batch_id INTEGER NOT NULL, user_key INTEGER NOT NULL, signup_at TIMESTAMP);
    CREATE TABLE users (
        user_key INTEGER NOT NULL, user_id VARCHAR NOT NULL, signup_at TIMESTAMP, first_seen_at TIMESTAMP,
        is_left_censored BOOLEAN NOT NULL, first_event_at TIMESTAMP, last_event_at TIMESTAMP, n_events BIGINT NOT NULL
    );
    CREATE TABLE event_names (
        event_code USMALLINT NOT NULL, name VARCHAR NOT NULL, is_passive BOOLEAN NOT NULL,
        counts_revenue BOOLEAN NOT NULL
    );
    CREATE TABLE events (
        event_code USMALLINT NOT NULL, user_key INTEGER NOT NULL, occurred_at TIMESTAMP NOT NULL, value DECIMAL(18, 6),
        event_id VARCHAR, batch_id INTEGER NOT NULL
    );
    CREATE TABLE user_days (
        user_key INTEGER NOT NULL, local_day DATE NOT NULL, n_events INTEGER NOT NULL, value DECIMAL(38, 6)
    );
    CREATE TABLE event_volumes (
        event_code USMALLINT NOT NULL, local_day DATE NOT NULL, n_events BIGINT NOT NULL, n_users BIGINT NOT NULL
    );
    CREATE TABLE assignments (
        batch_id INTEGER NOT NULL, experiment VARCHAR NOT NULL, user_key INTEGER NOT NULL, variant VARCHAR NOT NULL,
        assigned_at TIMESTAMP
    );
    CREATE TABLE unit_tables (
        batch_id INTEGER NOT NULL, name VARCHAR NOT NULL, n_rows BIGINT NOT NULL, user_column VARCHAR,
        variant_column VARCHAR
    );
    CREATE TABLE saved (
        kind VARCHAR NOT NULL, name VARCHAR NOT NULL, body VARCHAR NOT NULL, saved_at TIMESTAMP NOT NULL,
        PRIMARY KEY (kind, name)
    );
    """,
    """
    CREATE TABLE spend (
        batch_id INTEGER NOT NULL, local_day DATE NOT NULL, channel VARCHAR NOT NULL, amount DECIMAL(18, 6) NOT NULL
    );
    """,
    """
    CREATE TABLE event_stats (
        event_code USMALLINT NOT NULL, n_events BIGINT NOT NULL, n_users BIGINT NOT NULL, first_at TIMESTAMP NOT NULL,
        last_at TIMESTAMP NOT NULL
    );
    INSERT INTO event_stats
    SELECT event_code, count(*), count(DISTINCT user_key), min(occurred_at), max(occurred_at) FROM events GROUP BY 1;
    """,
    """
    ALTER TABLE batches ADD COLUMN replaced_by INTEGER;
    CREATE TABLE replacements (
        by_batch INTEGER NOT NULL, old_batch INTEGER NOT NULL, from_at TIMESTAMP NOT NULL, to_at TIMESTAMP NOT NULL,
        experiments VARCHAR[], n_rows BIGINT NOT NULL
    );
    CREATE TABLE parked (
        parked_id INTEGER NOT NULL, reason VARCHAR NOT NULL, by_batch INTEGER NOT NULL, source VARCHAR NOT NULL,
        columns VARCHAR NOT NULL
    );
    """,
)

# Property types as people see them, and what DuckDB stores.
PROPERTY_TYPES = {"text": "VARCHAR", "number": "DOUBLE", "boolean": "BOOLEAN", "time": "TIMESTAMP"}


@dataclass(frozen=True)
class Column:
    """A property and the column that holds it. `type` is one of `PROPERTY_TYPES`."""

    scope: str
    name: str
    column_name: str
    type: str


def converted(expression: str, given: str, kept: str) -> str:
    """SQL of a property's value that came as one type and is kept as another.

    Numbers that join a text column stand there as people write them: 101, not 101.0.
    """
    if (given, kept) == ("number", "text"):
        return f"regexp_replace(CAST({expression} AS VARCHAR), '\\.0+$', '')"
    return f"CAST({expression} AS {PROPERTY_TYPES[kept]})"


def quote(identifier: str) -> str:
    """An identifier, quoted for SQL. The only way a name that is not a constant reaches a statement."""
    return '"' + identifier.replace('"', '""') + '"'


def quoted_list(identifiers: Iterable[str], prefix: str = "") -> str:
    """Identifiers as `, "p1", "p2"`: to be put behind fixed columns; empty text when there are none."""
    return "".join(f", {prefix}{quote(identifier)}" for identifier in identifiers)
