"""Facts about users in groups: purchases per user for RFM, and sums per group for the comparison of segments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
import pandas as pd

from ops_core.engine import selection
from ops_core.engine.first_seen import first_seen
from ops_core.errors import QueryError
from ops_core.model.segment import Segment
from ops_core.store import Store
from ops_core.store.schema import converted, quote
from ops_core.store.store import utc_datetime

ACTIVATION_DAYS = 7
_SUMS = (
    "group_no", "users", "active", "before", "retained", "fresh", "activated", "paying", "revenue", "revenue_squares",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Purchases:
    """One element per purchaser, sorted by user: local day of the last purchase, distinct days with one, net value.

    A purchase is an event that counts as revenue with a positive value; refunds lower `monetary` alone.
    """

    user_key: np.ndarray
    last_day: np.ndarray
    frequency: np.ndarray
    monetary: np.ndarray


@dataclass(frozen=True, eq=False)
class Groups:
    """Users by group: `names` in order, and one row (user_key, group_no) per member; users may be in several."""

    names: tuple[str | None, ...]
    user_key: np.ndarray
    group_no: np.ndarray


def purchases(store: Store, before_us: int) -> Purchases:
    """Every purchaser's purchases before an instant."""
    with store.cursor() as cursor:
        _lay_zone(cursor, store, before_us)
        found = cursor.execute(
            """
            SELECT user_key, max(day) FILTER (value > 0) AS last_day,
                   count(DISTINCT day) FILTER (value > 0) AS frequency, sum(value)::DOUBLE AS monetary
            FROM (SELECT user_key, value, datediff('day', DATE '1970-01-01',
                         (occurred_at + to_microseconds(offset_us))::DATE) AS day
                  FROM events JOIN event_names USING (event_code)
                  JOIN zone_ranges ON occurred_at >= from_at AND occurred_at < to_at
                  WHERE counts_revenue AND value IS NOT NULL)
            GROUP BY user_key HAVING count(*) FILTER (value > 0) > 0 ORDER BY user_key
            """
        ).fetchnumpy()
    return Purchases(*(np.asarray(found[name]) for name in ("user_key", "last_day", "frequency", "monetary")))


def groups_by_property(store: Store, name: str, limit: int) -> Groups:
    """Users by the value of a user property: the `limit` most frequent values, the rest as one group called None.

    Users without a value are in no group.

    Raises:
        QueryError: no such property, or one with as many values as users.
    """
    column = store.column("user", name)
    quoted = quote(column.column_name)
    statement = """
        WITH named AS (SELECT user_key, {value} AS name FROM users WHERE {column} IS NOT NULL),
        ranked AS (SELECT name, row_number() OVER (ORDER BY count(*) DESC, name) AS place FROM named GROUP BY name)
        SELECT user_key, least(place, $limit + 1) - 1 AS group_no, CASE WHEN place <= $limit THEN name END AS name
        FROM named JOIN ranked USING (name) ORDER BY user_key
    """
    statement = statement.replace("{value}", converted(quoted, column.type, "text")).replace("{column}", quoted)
    with store.cursor() as cursor:
        found = cursor.execute(statement, {"limit": limit}).df()
    if found.empty:
        raise QueryError("segment_property_empty", name=name)
    names = found.drop_duplicates("group_no").set_index("group_no")["name"].sort_index()
    texts = tuple(None if pd.isna(value) else str(value) for value in names)
    return Groups(texts, found["user_key"].to_numpy(), found["group_no"].to_numpy())


def groups_of_segments(store: Store, segments: Sequence[Segment]) -> Groups:
    """Users by segment; a segment without a rule holds everybody."""
    keys, places = [], []
    for place, segment in enumerate(segments):
        members = selection.user_keys(store, segment)
        if members is None:
            with store.cursor() as cursor:
                members = cursor.execute("SELECT user_key FROM users").fetchnumpy()["user_key"]
        keys.append(members)
        places.append(np.full(len(members), place))
    return Groups(tuple(segment.name for segment in segments), np.concatenate(keys), np.concatenate(places))


def seen_before(store: Store, groups: Groups, before_us: int) -> Groups:
    """The members first seen before an instant; a group that loses all of them stays."""
    found = first_seen(store)
    keep = np.isin(groups.user_key, found.users[found.at_us < before_us])
    return Groups(groups.names, groups.user_key[keep], groups.group_no[keep])


@dataclass(frozen=True)
class SegmentSpec:
    """Local days `[first_day, end_day)` and the equally long stretch before; instants are UTC µs.

    `activation_event`: name of the event that activates; `None`: a second active day does.
    """

    first_day: int
    end_day: int
    as_of_day: int
    end_us: int
    as_of_us: int
    activation_event: str | None = None


def group_sums(store: Store, groups: Groups, spec: SegmentSpec) -> pd.DataFrame:
    """Per group: group_no, users (first seen before the end), active, before (active in the stretch before), retained,
    fresh (first seen in the period, at least `ACTIVATION_DAYS` days ago, not left-censored), activated (a second active
    day, or the activation event, within them), paying (positive sum in the period), revenue, revenue_squares
    (decimals).

    Raises:
        QueryError: the activation event is unknown.
    """
    event = spec.activation_event
    code = None if event is None else store.event_codes([event])[0]
    with store.cursor() as cursor:
        cursor.register("members_now", pd.DataFrame({"user_key": groups.user_key, "group_no": groups.group_no}))
        _lay_zone(cursor, store, max(spec.end_us, spec.as_of_us))
        span = spec.end_day - spec.first_day
        rows = cursor.execute(
            """
            WITH seen AS (
                SELECT user_key, is_left_censored, datediff('day', DATE '1970-01-01',
                       (first_seen_at + to_microseconds(offset_us))::DATE) AS seen_day
                FROM users JOIN zone_ranges ON first_seen_at >= from_at AND first_seen_at < to_at
                WHERE first_seen_at < make_timestamp($end_us)),
            days AS (
                SELECT user_key, datediff('day', DATE '1970-01-01', local_day) AS day, value FROM user_days
                WHERE local_day >= DATE '1970-01-01' + $before_day::INTEGER
                  AND local_day < DATE '1970-01-01' + ($end_day + $activation_days)::INTEGER),
            facts AS (
                SELECT user_key, bool_or(day >= $first_day AND day < $end_day) AS is_active,
                       bool_or(day < $first_day) AS was_active,
                       coalesce(sum(value) FILTER (day >= $first_day AND day < $end_day), 0)::DECIMAL(19, 6) AS revenue
                FROM days GROUP BY user_key),
            activations AS (
                SELECT user_key, day FROM days WHERE $code IS NULL
                UNION ALL
                SELECT user_key, datediff('day', DATE '1970-01-01', (occurred_at + to_microseconds(offset_us))::DATE)
                FROM events JOIN zone_ranges ON occurred_at >= from_at AND occurred_at < to_at
                WHERE event_code = $code),
            firsts AS (
                SELECT seen.user_key, count(day) >= $enough AS is_activated
                FROM seen LEFT JOIN activations AS days ON days.user_key = seen.user_key
                     AND day BETWEEN seen_day AND seen_day + $activation_days - 1
                WHERE seen_day >= $first_day AND seen_day < $end_day AND seen_day + $activation_days <= $as_of_day
                      AND NOT is_left_censored
                GROUP BY seen.user_key)
            SELECT group_no, count(*) AS users, count(*) FILTER (is_active) AS active,
                   count(*) FILTER (was_active) AS before, count(*) FILTER (was_active AND is_active) AS retained,
                   count(is_activated) AS fresh, count(*) FILTER (is_activated) AS activated,
                   count(*) FILTER (revenue > 0) AS paying, coalesce(sum(revenue), 0) AS revenue,
                   coalesce(sum(revenue * revenue), 0) AS revenue_squares
            FROM members_now JOIN seen USING (user_key) LEFT JOIN facts USING (user_key)
            LEFT JOIN firsts USING (user_key)
            GROUP BY group_no ORDER BY group_no
            """,
            {
                "before_day": spec.first_day - span, "first_day": spec.first_day, "end_day": spec.end_day,
                "as_of_day": spec.as_of_day, "activation_days": ACTIVATION_DAYS, "end_us": spec.end_us, "code": code,
                "enough": 2 if code is None else 1,
            },
        ).fetchall()  # fmt: skip
    return pd.DataFrame(rows, columns=_SUMS)


def overlap(store: Store, groups: Groups) -> np.ndarray:
    """Users that each pair of groups shares, a square table; the diagonal holds the groups' own sizes."""
    shared = np.zeros((len(groups.names), len(groups.names)), dtype=np.int64)
    with store.cursor() as cursor:
        cursor.register("members_now", pd.DataFrame({"user_key": groups.user_key, "group_no": groups.group_no}))
        rows = cursor.execute(
            """
            SELECT one.group_no, other.group_no, count(*)
            FROM members_now AS one JOIN members_now AS other USING (user_key) GROUP BY ALL
            """
        ).fetchall()
    for one, other, n in rows:
        shared[one, other] = n
    return shared


def _lay_zone(cursor: duckdb.DuckDBPyConnection, store: Store, before_us: int) -> None:
    """A temp table with the offset of the reporting zone for every stretch before an instant."""
    first = cursor.execute("SELECT epoch_us(least(min(first_seen_at), min(first_event_at))) FROM users").fetchone()[0]
    cursor.execute("CREATE TEMP TABLE zone_ranges (from_at TIMESTAMP, to_at TIMESTAMP, offset_us BIGINT)")
    if first is None or first >= before_us:
        return
    cursor.executemany(
        "INSERT INTO zone_ranges VALUES (?, ?, ?)",
        [
            (utc_datetime(start), utc_datetime(end), offset)
            for start, end, offset in store.rules.offset_ranges(first, before_us)
        ],
    )
