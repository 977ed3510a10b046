"""What an import adds to the rollups, from the sorted run it laid down: linear passes over arrays instead of hashing.

`user_days` (user, local day), `event_volumes` (event, local day) and `event_stats` (event). A run is ordered by
(event, user, time), so users and days change in order inside each event's stretch. Work goes in blocks of users, so
that memory does not grow with the file.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import duckdb
import numpy as np
import pandas as pd

from ops_core.model.time import TimeRules
from ops_core.store import zones
from ops_core.store.ahead import worked_ahead
from ops_core.store.cells import SPARSE, Cells

_ROWS_AT_ONCE = 24_000_000
_CELLS_AT_ONCE = 8_000_000
_MICRO = 1_000_000
_LARGEST_SUM = 1 << 62
_VOLUME_COLUMNS = ("event_code", "local_day", "n_events", "n_users", "n_event_users")


@dataclass(frozen=True)
class _Rows:
    """Rows of a run in stored order; `stretches`: first and last position of each event code."""

    users: np.ndarray
    days: np.ndarray
    values: np.ndarray | None
    codes: tuple[int, ...]
    stretches: tuple[tuple[int, int], ...]

    def of_users(self, low: int, high: int, passive: frozenset[int]) -> Iterator[slice]:
        """Where the rows of users `low … high − 1` lie, one piece per event that is not passive."""
        for code, (first, end) in zip(self.codes, self.stretches, strict=True):
            if code not in passive:
                start, stop = np.searchsorted(self.users[first:end], (low, high))
                yield slice(first + int(start), first + int(stop))


def add_run(cursor: duckdb.DuckDBPyConnection, rules: TimeRules, batch_id: int) -> bool:
    """Add a batch's run to the rollups; False when its values are too large for that (then rebuild them)."""
    query = """
        SELECT epoch_us(min(occurred_at)), epoch_us(max(occurred_at)), count(*),
               coalesce(max(abs(value)) * count(value), 0)::DOUBLE
        FROM events WHERE batch_id = $batch
    """
    first, last, n_rows, largest = cursor.execute(query, {"batch": batch_id}).fetchone()
    if not n_rows:
        return True
    if largest * _MICRO > _LARGEST_SUM:
        return False
    day = "(" + zones.local_day("occurred_at", rules, first, last) + " - DATE '1970-01-01')::INTEGER"
    passive = {row[0] for row in cursor.execute("SELECT event_code FROM event_names WHERE is_passive").fetchall()}
    volumes: list[pd.DataFrame] = []
    old = _old_days(cursor)
    if old is not None:
        cursor.execute("DELETE FROM user_days")
    for part, (low, high) in enumerate(_parts(cursor, batch_id, n_rows)):
        rows = _fetched(cursor, day, batch_id, low, high, revenue=False)
        revenue = _fetched(cursor, day, batch_id, low, high, revenue=True)
        volumes.append(_volumes(rows).assign(part=part))
        _add_days(cursor, rows, revenue, frozenset(passive), old, (low, high))
    _add_volumes(cursor, rules, pd.concat(volumes), (first, last))
    _add_stats(cursor, batch_id, pd.concat(volumes))
    return True


def _parts(cursor: duckdb.DuckDBPyConnection, batch_id: int, n_rows: int) -> list[tuple[int, int]]:
    """Ranges of user keys with about `_ROWS_AT_ONCE` rows each; together all users."""
    end = cursor.execute("SELECT max(user_key) + 1 FROM user_keys").fetchone()[0]
    if n_rows <= _ROWS_AT_ONCE:
        return [(0, end)]
    query = "SELECT user_key, count(*) AS n FROM events WHERE batch_id = $batch GROUP BY 1 ORDER BY 1"
    counted = cursor.execute(query, {"batch": batch_id}).fetchnumpy()
    part = np.cumsum(counted["n"]) // _ROWS_AT_ONCE
    starts = counted["user_key"][np.flatnonzero(np.diff(part, prepend=part[0]))]
    edges = [0, *(int(start) for start in starts), end]
    return [(low, high) for low, high in itertools.pairwise(edges) if low < high]


def _fetched(
    cursor: duckdb.DuckDBPyConnection, day: str, batch_id: int, low: int, high: int, *, revenue: bool
) -> _Rows:
    """Users and local days of a run in stored order; with `revenue` only rows whose value counts, in millionths."""
    query = "SELECT event_code AS c, user_key AS u, {day} AS d {value} FROM events WHERE {which}"
    query = query.replace("{day}", day).replace(
        "{value}", ", (value::DECIMAL(30, 6) * 1000000)::BIGINT AS v" if revenue else ""
    )
    which = "batch_id = $batch AND user_key >= $low AND user_key < $high" + (
        " AND value IS NOT NULL" if revenue else ""
    )
    given = {"batch": batch_id, "low": low, "high": high}
    found = cursor.execute(query.replace("{which}", which), given).fetchnumpy()
    columns = {name: np.asarray(column) for name, column in found.items()}
    if revenue:
        counting = cursor.execute("SELECT event_code FROM event_names WHERE counts_revenue").fetchall()
        kept = np.isin(columns["c"], [row[0] for row in counting])
        columns = columns if kept.all() else {name: column[kept] for name, column in columns.items()}
    columns = _in_order(columns)
    codes = columns["c"]
    starts = [0, *(np.flatnonzero(codes[1:] != codes[:-1]) + 1).tolist()] if len(codes) else []
    stretches = tuple(itertools.pairwise([*starts, len(codes)]))
    return _Rows(columns["u"], columns["d"], columns.get("v"), tuple(codes[starts].tolist()), stretches)


def _in_order(columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Rows by event and user: as they come, but a scan of rows not yet committed may hand pieces out of turn."""
    codes, users = columns["c"], columns["u"]
    later = (codes[1:] > codes[:-1]) | ((codes[1:] == codes[:-1]) & (users[1:] >= users[:-1]))
    if later.all():
        return columns
    order = np.lexsort((users, codes))
    return {name: column[order] for name, column in columns.items()}


def _volumes(rows: _Rows) -> pd.DataFrame:
    """event_code, local_day (day number), n_events, n_users; and on each row of an event its users `n_event_users`."""
    parts = [pd.DataFrame({name: [] for name in _VOLUME_COLUMNS})]
    for code, (first, end) in zip(rows.codes, rows.stretches, strict=True):
        users, days = rows.users[first:end], rows.days[first:end]
        start = int(days.min())
        shifted = days - start
        new_user = np.empty(len(users), dtype=bool)
        new_user[0] = True
        np.not_equal(users[1:], users[:-1], out=new_user[1:])
        new_day = new_user.copy()
        new_day[1:] |= days[1:] != days[:-1]
        n_events, n_users = np.bincount(shifted), np.bincount(shifted[new_day])
        found = np.flatnonzero(n_events)
        n_users = np.pad(n_users, (0, len(n_events) - len(n_users)))
        parts.append(
            pd.DataFrame(
                {
                    "event_code": code, "local_day": found + start, "n_events": n_events[found],
                    "n_users": n_users[found], "n_event_users": int(new_user.sum()),
                }
            )
        )  # fmt: skip
    return pd.concat(parts[1:] or parts)


def _old_days(cursor: duckdb.DuckDBPyConnection) -> dict[str, np.ndarray] | None:
    query = """
        SELECT user_key AS u, (local_day - DATE '1970-01-01')::INTEGER AS d, n_events AS n,
               coalesce(value * 1000000, 0)::BIGINT AS v, value IS NOT NULL AS has FROM user_days
    """
    found = {name: np.asarray(column) for name, column in cursor.execute(query).fetchnumpy().items()}
    return found if len(found["u"]) else None


def _add_days(
    cursor: duckdb.DuckDBPyConnection,
    rows: _Rows,
    revenue: _Rows,
    passive: frozenset[int],
    old: dict[str, np.ndarray] | None,
    users: tuple[int, int],
) -> None:
    """Write `user_days` of a range of users: the rows' days on top of those that were there."""
    low, high = users
    first, last = (int(rows.days.min()), int(rows.days.max())) if len(rows.days) else (0, 0)
    if old is not None:
        first, last = min(first, int(old["d"].min())), max(last, int(old["d"].max()))
    span = last - first + 1
    step = max(1, _CELLS_AT_ONCE // span)
    if (high - low) * span > SPARSE * (len(rows.days) + (len(old["d"]) if old is not None else 0)):
        step = max(step, (high - low) // 8)

    def counted(start: int) -> pd.DataFrame:
        end = min(start + step, high)
        cells = Cells(start, first, span, (end - start) * span)
        for piece in rows.of_users(start, end, passive):
            cells.add(rows.users[piece], rows.days[piece])
        if revenue.values is not None:
            for piece in revenue.of_users(start, end, passive):
                cells.add_value(revenue.users[piece], revenue.days[piece], revenue.values[piece])
        if old is not None:
            piece = slice(*(int(edge) for edge in np.searchsorted(old["u"], (start, end))))
            cells.add_old({name: column[piece] for name, column in old.items()})
        return cells.table()

    for table in worked_ahead(counted, range(low, high, step)):
        _write(cursor, table)


def _write(cursor: duckdb.DuckDBPyConnection, table: pd.DataFrame) -> None:
    if not len(table):
        return
    # A result of which only the first row was fetched blocks register(); this one is fetched to its end.
    cursor.execute("SELECT 1").fetchall()
    cursor.register("block_of_days", table)
    cursor.execute(
        """
        INSERT INTO user_days
        SELECT u, DATE '1970-01-01' + d::INTEGER, n,
               CASE WHEN has THEN v::DECIMAL(26, 0) * 0.000001::DECIMAL(7, 6) END
        FROM block_of_days
        """
    )
    cursor.unregister("block_of_days")


def _add_volumes(
    cursor: duckdb.DuckDBPyConnection, rules: TimeRules, volumes: pd.DataFrame, bounds: tuple[int, int]
) -> None:
    """New days are taken as counted; days that other batches have, too, are counted again from the rows."""
    added = volumes.groupby(["event_code", "local_day"], as_index=False)[["n_events", "n_users"]].sum()
    first, last = int(added["local_day"].min()), int(added["local_day"].max())
    days = {"first": first, "last": last}
    which = "local_day BETWEEN DATE '1970-01-01' + $first::INTEGER AND DATE '1970-01-01' + $last::INTEGER"
    query = "SELECT count(*) FROM event_volumes WHERE {which}"
    if cursor.execute(query.replace("{which}", which), days).fetchone()[0]:
        query = "DELETE FROM event_volumes WHERE {which}"
        cursor.execute(query.replace("{which}", which), days)
        count_volumes(cursor, rules, rules.day_start_us(first), rules.day_start_us(last + 1), bounds)
        return
    cursor.execute("SELECT 1").fetchall()
    cursor.register("new_volumes", added)
    cursor.execute(
        """
        INSERT INTO event_volumes
        SELECT event_code, DATE '1970-01-01' + local_day::INTEGER, n_events, n_users FROM new_volumes ORDER BY 1, 2
        """
    )
    cursor.unregister("new_volumes")


def count_volumes(
    cursor: duckdb.DuckDBPyConnection, rules: TimeRules, from_us: int, to_us: int, bounds: tuple[int, int]
) -> None:
    """Count `event_volumes` from the rows between two instants (UTC µs), none of whose days is there."""
    day = zones.local_day("occurred_at", rules, min(from_us, bounds[0]), max(to_us, bounds[1]))
    query = """
        INSERT INTO event_volumes
        SELECT event_code, {day} AS local_day, count(*), count(DISTINCT user_key)
        FROM events WHERE occurred_at >= make_timestamp($from_us) AND occurred_at < make_timestamp($to_us)
        GROUP BY 1, 2 ORDER BY 1, 2
    """
    cursor.execute(query.replace("{day}", day), {"from_us": from_us, "to_us": to_us})


def _add_stats(cursor: duckdb.DuckDBPyConnection, batch_id: int, volumes: pd.DataFrame) -> None:
    others = cursor.execute("SELECT count(*) FROM events WHERE batch_id <> $batch", {"batch": batch_id}).fetchone()[0]
    if others:
        count_stats(cursor)
        return
    cursor.execute("DELETE FROM event_stats")
    users = volumes.drop_duplicates(["event_code", "part"]).groupby("event_code")["n_event_users"].sum()
    cursor.execute("SELECT 1").fetchall()
    cursor.register("users_of_events", users.reset_index())
    cursor.execute(
        """
        INSERT INTO event_stats
        SELECT event_code, n_events, n_event_users, first_at, last_at FROM users_of_events JOIN (
            SELECT event_code, count(*) AS n_events, min(occurred_at) AS first_at, max(occurred_at) AS last_at
            FROM events GROUP BY 1
        ) USING (event_code) ORDER BY 1
        """
    )
    cursor.unregister("users_of_events")


def count_stats(cursor: duckdb.DuckDBPyConnection) -> None:
    """Count `event_stats` from all rows."""
    cursor.execute("DELETE FROM event_stats")
    cursor.execute(
        """
        INSERT INTO event_stats
        SELECT event_code, count(*), count(DISTINCT user_key), min(occurred_at), max(occurred_at)
        FROM events GROUP BY 1 ORDER BY 1
        """
    )
