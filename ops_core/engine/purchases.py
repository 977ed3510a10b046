"""Who bought when and for how much: purchases and refunds by user and local day.

A purchase is an event that counts as revenue with a positive value, a refund one with a negative value; events without
a value are neither.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ops_core.engine.arrays import fetch_columns, is_sorted, starts_of_runs
from ops_core.engine.selection import user_keys
from ops_core.errors import QueryError
from ops_core.model.segment import Segment
from ops_core.store import Store
from ops_core.store.schema import converted, quote

MICRO = 1_000_000  # values are decimals with six places: in millionths their sums are exact
_VALUES = """
    SELECT user_key, epoch_us(occurred_at) AS at_us, (value::DECIMAL(30, 6) * 1000000)::BIGINT AS micros
    FROM events JOIN event_names USING (event_code)
    WHERE counts_revenue AND value IS NOT NULL AND value <> 0 AND occurred_at < make_timestamp($before_us)
    ORDER BY user_key, occurred_at
"""


@dataclass(frozen=True, eq=False)
class UserDays:
    """One row per user and local day with a purchase or a refund, sorted by both.

    `n_purchases`: purchase events of the day; `gross`: their sum; `net`: refunds taken off.
    """

    users: np.ndarray
    days: np.ndarray
    n_purchases: np.ndarray
    gross: np.ndarray
    net: np.ndarray

    def only(self, keep: np.ndarray) -> UserDays:
        """The rows of a mask."""
        return UserDays(self.users[keep], self.days[keep], self.n_purchases[keep], self.gross[keep], self.net[keep])

    @property
    def bought(self) -> UserDays:
        """The rows with a purchase."""
        return self.only(self.n_purchases > 0)


def user_days(store: Store, before_us: int, segment: Segment | None = None) -> UserDays:
    """Purchases and refunds before an instant.

    Raises:
        QueryError: the segment has a filter on an unknown property.
    """
    with store.cursor() as cursor:
        rows = fetch_columns(cursor, _VALUES, {"before_us": before_us})
    users, micros, days = rows["user_key"], rows["micros"], store.rules.local_days(rows["at_us"])
    member = user_keys(store, segment)
    if member is not None:
        keep = np.isin(users, member)
        users, micros, days = users[keep], micros[keep], days[keep]
    packed = users.astype(np.int64) << 32 | (days.astype(np.int64) + (1 << 31))
    if not is_sorted(packed):  # clocks put back at midnight: an hour of the day before comes again
        order = np.argsort(packed, kind="stable")
        users, days, micros, packed = users[order], days[order], micros[order], packed[order]
    start = starts_of_runs(packed)
    if not len(start):
        empty = np.empty(0)
        return UserDays(users[:0], days[:0], empty.astype(np.int64), empty, empty)
    is_purchase = micros > 0
    return UserDays(
        users[start],
        days[start],
        np.add.reduceat(is_purchase.astype(np.int64), start),
        np.add.reduceat(np.where(is_purchase, micros, 0), start) / MICRO,
        np.add.reduceat(micros, start) / MICRO,
    )


def nobody_bought(store: Store, before_us: int, segment: Segment | None) -> QueryError:
    """Why nobody has a value: no event carries an amount, or none of a user of the segment."""
    if segment is not None and len(user_days(store, before_us).users):
        return QueryError("value_segment_no_purchases", name=segment.name)
    return QueryError("value_no_purchases")


def user_values(store: Store, prop: str, limit: int) -> tuple[np.ndarray, tuple[str, ...]]:
    """The `limit` most frequent values of a user property (`user.<name>`) as texts, and per user key the place of its
    value: `len(values)` for another value, −1 for none. Values that differ in case alone are one, spelled as by most.

    Raises:
        QueryError: no such property.
    """
    counted = """
        SELECT first(value ORDER BY n DESC, value) AS spelled
        FROM (SELECT {value} AS value, count(*) AS n FROM users WHERE {column} IS NOT NULL GROUP BY 1)
        GROUP BY lower(trim(value)) ORDER BY sum(n) DESC, spelled LIMIT $limit
    """
    with store.cursor() as cursor:
        found = cursor.execute(_filled(store, prop, counted), {"limit": limit}).fetchall()
    names = tuple(row[0] for row in found)
    return user_places(store, prop, names), names


def user_places(store: Store, prop: str, names: tuple[str, ...]) -> np.ndarray:
    """Per user key the place of its value of a property among names, case ignored: `len(names)` for another value, −1
    for none.

    Raises:
        QueryError: no such property.
    """
    placed = """
        WITH named AS (SELECT lower(trim(name)) AS folded, min(place) AS place
                       FROM (SELECT unnest($names::VARCHAR[]) AS name, unnest(range($n::BIGINT)) AS place) GROUP BY 1)
        SELECT user_key, CASE WHEN {column} IS NULL THEN -1 ELSE coalesce(place, $n) END AS place
        FROM users LEFT JOIN named ON folded = lower(trim({value}))
    """
    with store.cursor() as cursor:
        rows = cursor.execute(_filled(store, prop, placed), {"names": list(names), "n": len(names)}).fetchnumpy()
    places = np.full(int(rows["user_key"].max(initial=-1)) + 1, -1, dtype=np.int64)
    places[rows["user_key"]] = rows["place"]
    return places


def _filled(store: Store, prop: str, statement: str) -> str:
    column = store.column("user", prop.removeprefix("user."))
    quoted = quote(column.column_name)
    return statement.replace("{value}", converted(quoted, column.type, "text")).replace("{column}", quoted)
