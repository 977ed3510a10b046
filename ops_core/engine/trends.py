"""Events counted in consecutive stretches of time: users, events, sums and quantiles of an amount, per group.

The caller gives the edges of the stretches as instants, so one routine serves hours, days, months and whole periods.
Any activity without filters on events is answered from `user_days` where the edges are local midnights; everything else
from the events. Both routes give the same numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ops_core.engine.activity import ActivitySpec, user_days
from ops_core.engine.arrays import fetch_columns, is_sorted
from ops_core.engine.selection import event_column, on_events, user_keys
from ops_core.errors import QueryError
from ops_core.model.filters import Filter
from ops_core.model.group_names import names_apart
from ops_core.model.segment import Segment
from ops_core.model.time import DAY_US
from ops_core.store import Store
from ops_core.store.schema import Column, quote

EVERYTHING, OTHER, MISSING = "", "(other)", "(none)"
MICRO = 1_000_000  # values are decimals with six places: counted in millionths they are whole numbers
_CHOSEN = "event_code IN (SELECT unnest($codes::USMALLINT[]))"
_ACTIVITY = "event_code IN (SELECT event_code FROM event_names WHERE NOT is_passive)"
_REVENUE = "event_code IN (SELECT event_code FROM event_names WHERE NOT is_passive AND counts_revenue)"
_ROWS = """
    SELECT user_key, epoch_us(occurred_at) AS at_us, {amount} AS amount, {group} AS group_no FROM events
    WHERE {chosen} AND occurred_at >= make_timestamp($from_us) AND occurred_at < make_timestamp($to_us)
      AND {conditions}
"""
_TOP_OF_EVENTS = """
    SELECT {column}::VARCHAR AS value FROM events
    WHERE {chosen} AND occurred_at >= make_timestamp($from_us) AND occurred_at < make_timestamp($to_us)
      AND {conditions} AND {column} IS NOT NULL
      AND ($is_everybody OR events.user_key IN (SELECT unnest($members::INTEGER[])))
    GROUP BY 1 ORDER BY count(*) DESC, value LIMIT $limit
"""
_TOP_OF_USERS = """
    SELECT {column}::VARCHAR AS value FROM users JOIN events USING (user_key)
    WHERE {chosen} AND occurred_at >= make_timestamp($from_us) AND occurred_at < make_timestamp($to_us)
      AND {conditions} AND {column} IS NOT NULL
      AND ($is_everybody OR events.user_key IN (SELECT unnest($members::INTEGER[])))
    GROUP BY 1 ORDER BY count(*) DESC, value LIMIT $limit
"""


@dataclass(frozen=True)
class CountSpec:
    """What is counted, and between which instants.

    Attributes:
        events: names; none of them means any activity event (for sums of `value`: any that counts as revenue).
        amount: `value` or a numeric event property to be summed; `None` to count only.
        per_amount: whether `n_amounts` is to be exact; else it only tells whether there are any.
        quantile: of the amount, 0–1; `None` when not asked for.
        edges_us: n + 1 rising instants (UTC µs) around n stretches.
        width: each number covers this many stretches, ending with its own; 0 means all since the first edge.
        breakdown: event property or `user.<name>`; `groups` are the values told apart, others fall together.
    """

    edges_us: tuple[int, ...]
    events: tuple[str, ...] = ()
    filters: tuple[Filter, ...] = ()
    segment: Segment | None = None
    amount: str | None = None
    per_amount: bool = False
    quantile: float | None = None
    width: int = 1
    breakdown: str | None = None
    groups: tuple[str, ...] = ()

    @property
    def group_names(self) -> tuple[str, ...]:
        """Groups in the order of the answer's rows; with a breakdown the last two are `rest_names`."""
        return (*self.groups, *rest_names(self.groups)) if self.breakdown else (EVERYTHING,)


@dataclass(frozen=True, eq=False)
class Counts:
    """Arrays (groups × stretches): distinct users, events, events with an amount (see `per_amount`), its sum, its
    quantile.

    `totals` and `quantiles` are nan without an amount; quantiles also where no event has one.
    """

    users: np.ndarray
    events: np.ndarray
    n_amounts: np.ndarray
    totals: np.ndarray
    quantiles: np.ndarray


@dataclass(frozen=True, eq=False)
class _Rows:
    """One element per row that counts: user, stretch (from 0), group, events it stands for, amount (nan: none)."""

    user: np.ndarray
    place: np.ndarray
    group: np.ndarray
    events: np.ndarray | None
    amount: np.ndarray | None


def answer(store: Store, spec: CountSpec) -> Counts:
    """Count.

    Raises:
        QueryError: an unknown event or property, or an amount that is no number.
    """
    found = _rollup_rows(store, spec) if _answers_from_rollup(store, spec) else _event_rows(store, spec)
    member = user_keys(store, spec.segment)
    if member is not None:
        found = _kept(found, np.isin(found.user, member))
    n_groups, n = len(spec.group_names), len(spec.edges_us) - 1
    slot = found.group * n + found.place

    def summed(weights: np.ndarray | None) -> np.ndarray:
        per_stretch = np.bincount(slot, weights, minlength=n_groups * n).reshape(n_groups, n)
        return _windowed(per_stretch, spec.width)

    events = summed(None) if found.events is None else np.rint(summed(found.events)).astype(np.int64)
    users = _distinct(found, n_groups, n, spec.width)
    if found.amount is None:
        unknown = np.full((n_groups, n), np.nan)
        return Counts(users, events, np.zeros((n_groups, n), np.int64), unknown, unknown)
    has_amount = ~np.isnan(found.amount)
    scale = MICRO if spec.amount == "value" else 1
    totals = summed(np.where(has_amount, found.amount, 0.0)) / scale
    n_amounts = np.rint(summed(has_amount.astype(float))).astype(np.int64)
    quantiles = _quantiles(_kept(found, has_amount), spec, n_groups, n) / scale
    return Counts(users, events, n_amounts, totals, quantiles)


def rest_names(values: tuple[str, ...]) -> tuple[str, str]:
    """`OTHER` and `MISSING`, with an asterisk where a value itself is called so (web statistics write "(none)")."""
    other, missing = names_apart(values, OTHER, MISSING)
    return other, missing


def top_values(store: Store, spec: CountSpec, limit: int) -> tuple[str, ...]:
    """The most frequent values of the breakdown among the events counted, as texts.

    Raises:
        QueryError: an unknown event or property.
    """
    if spec.breakdown is None:
        return ()
    column = _breakdown_column(store, spec.breakdown)
    statement = _TOP_OF_USERS if column.scope == "user" else _TOP_OF_EVENTS
    text, parameters = _filled(store, spec, statement)
    alias = "users" if column.scope == "user" else "events"
    text = text.replace("{column}", f"{alias}.{quote(column.column_name)}")
    members = user_keys(store, spec.segment)
    parameters |= {"is_everybody": members is None, "members": [] if members is None else members.tolist()}
    with store.cursor() as cursor:
        rows = cursor.execute(text, parameters | {"limit": limit}).fetchall()
    return tuple(row[0] for row in rows)


def event_span_us(store: Store) -> tuple[int, int] | None:
    """Instants (UTC µs) of the first and the last event; `None` when there is none."""
    span = "SELECT epoch_us(min(first_event_at)), epoch_us(max(last_event_at)) FROM users"
    ((first, last),) = store.small_rows(span)
    return None if first is None else (first, last)


# Rows --------------------------------------------------------------------------------------------------------------


def _answers_from_rollup(store: Store, spec: CountSpec) -> bool:
    plain = not spec.events and not spec.filters and spec.quantile is None and spec.amount in (None, "value")
    plain = plain and not spec.per_amount  # the rollup has the sum of a day's amounts, not their number
    if not plain or (spec.breakdown is not None and not spec.breakdown.startswith("user.")):
        return False
    # A property may be called "value" too; then it is the property that is asked for.
    if spec.amount == "value" and "value" in {column.name for column in store.columns("event")}:
        return False
    edges = np.array(spec.edges_us)
    return bool(np.all(store.rules.to_utc_us(store.rules.local_days(edges).astype(np.int64) * DAY_US) == edges))


def _rollup_rows(store: Store, spec: CountSpec) -> _Rows:
    edges = store.rules.local_days(np.array(spec.edges_us))
    user, day, events, amount = _days_with_amounts(store, edges) if spec.amount else _days(store, edges)
    place = np.repeat(np.arange(len(edges) - 1), np.diff(edges))[day - edges[0]]
    group = _user_groups(store, spec, user) if spec.breakdown else np.zeros(len(user), dtype=np.int64)
    return _Rows(user, place, group, events, amount)


def _days(store: Store, edges: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, None]:
    days = user_days(store, ActivitySpec())  # kept for all analyses
    inside = np.flatnonzero((days.buckets >= edges[0]) & (days.buckets < edges[-1]))
    return days.users[inside], days.buckets[inside], days.counts[inside], None


def _days_with_amounts(store: Store, edges: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    with store.cursor() as cursor:
        rows = fetch_columns(
            cursor,
            """
            SELECT user_key, local_day, n_events, (value * 1000000)::BIGINT AS amount FROM user_days
            WHERE local_day >= DATE '1970-01-01' + $first::INTEGER AND local_day < DATE '1970-01-01' + $end::INTEGER
            """,
            {"first": int(edges[0]), "end": int(edges[-1])},
        )
    return rows["user_key"], rows["local_day"], rows["n_events"], rows["amount"].astype(float)


def _event_rows(store: Store, spec: CountSpec) -> _Rows:
    statement, parameters = _filled(store, spec, _ROWS)
    of_event = None
    if spec.breakdown and not spec.breakdown.startswith("user."):
        of_event = _breakdown_column(store, spec.breakdown)
        code = "CASE WHEN {c} IS NULL THEN -1 ELSE coalesce(list_position($groups::VARCHAR[], {c}::VARCHAR), 0) END"
        statement = statement.replace("{group}", code.replace("{c}", quote(of_event.column_name)))
        parameters |= {"groups": list(spec.groups)}
    statement = statement.replace("{group}", "0").replace("{amount}", _amount(store, spec.amount))
    with store.cursor() as cursor:
        rows = fetch_columns(cursor, statement, parameters)
    user = rows["user_key"]
    place = np.searchsorted(np.array(spec.edges_us), rows["at_us"], side="right") - 1
    if of_event is not None:
        # list_position counts from 1, 0 is another value, −1 no value.
        n = len(spec.groups)
        group = np.where(rows["group_no"] > 0, rows["group_no"] - 1, np.where(rows["group_no"] == 0, n, n + 1))
    elif spec.breakdown:
        group = _user_groups(store, spec, user)
    else:
        group = np.zeros(len(user), dtype=np.int64)
    return _Rows(user, place, group.astype(np.int64), None, rows["amount"].astype(float) if spec.amount else None)


def _filled(store: Store, spec: CountSpec, statement: str) -> tuple[str, dict[str, object]]:
    conditions = on_events(store, spec.filters, alias="events")
    parameters = {"from_us": spec.edges_us[0], "to_us": spec.edges_us[-1], **conditions.parameters}
    chosen = _REVENUE if spec.amount == "value" else _ACTIVITY
    if spec.events:
        chosen = _CHOSEN
        parameters["codes"] = store.event_codes(spec.events)
    return statement.replace("{chosen}", chosen).replace("{conditions}", conditions.text), parameters


def _amount(store: Store, name: str | None) -> str:
    if name is None:
        return "0"
    column = event_column(store, name)
    if column.type != "number":
        raise QueryError("trends_amount_not_number", prop=name, type=column.type)
    return "(value::DECIMAL(30, 6) * 1000000)::BIGINT" if column.column_name == "value" else quote(column.column_name)


def _breakdown_column(store: Store, name: str) -> Column:
    if name.startswith("user."):
        return store.column("user", name.removeprefix("user."))
    return event_column(store, name)


def _user_groups(store: Store, spec: CountSpec, user: np.ndarray) -> np.ndarray:
    """The group of each row's user; users are dense, so their groups are one look-up."""
    column = _breakdown_column(store, spec.breakdown)
    statement = "SELECT user_key, list_position($groups::VARCHAR[], {c}::VARCHAR) AS place, {c} IS NULL AS is_missing"
    statement += " FROM users"
    with store.cursor() as cursor:
        statement = statement.replace("{c}", quote(column.column_name))
        rows = cursor.execute(statement, {"groups": list(spec.groups)}).fetchnumpy()
    n = len(spec.groups)
    highest = int(max(rows["user_key"].max(initial=-1), user.max(initial=-1)))
    group = np.full(highest + 1, n + 1, dtype=np.int64)
    place = np.ma.filled(rows["place"], 0)
    group[rows["user_key"]] = np.where(rows["is_missing"], n + 1, np.where(place > 0, place - 1, n))
    return group[user]


def _kept(found: _Rows, keep: np.ndarray) -> _Rows:
    return replace(
        found,
        user=found.user[keep],
        place=found.place[keep],
        group=found.group[keep],
        events=None if found.events is None else found.events[keep],
        amount=None if found.amount is None else found.amount[keep],
    )


# Windows -----------------------------------------------------------------------------------------------------------


def _windowed(per_stretch: np.ndarray, width: int) -> np.ndarray:
    """Sums over the last `width` stretches along the last axis; 0 means all so far."""
    if width == 1:
        return per_stretch
    running = np.cumsum(per_stretch, axis=1)
    if width:
        running[:, width:] = running[:, width:] - running[:, :-width].copy()
    return running


def _distinct(found: _Rows, n_groups: int, n: int, width: int) -> np.ndarray:
    """Distinct users in each window: a user counts from a stretch on until the window has passed or the next takes
    over."""
    n_users = int(found.user.max(initial=0)) + 1
    packed = (found.group * n_users + found.user) * n + found.place
    if not is_sorted(packed):
        packed = np.sort(packed)
    if len(packed):
        packed = packed[np.concatenate([[True], packed[1:] != packed[:-1]])]
    owner, place = np.divmod(packed, n)
    until = np.full(len(place), n, dtype=np.int64) if width == 0 else np.minimum(place + width, n)
    same = owner[1:] == owner[:-1]
    until[:-1] = np.where(same, np.minimum(until[:-1], place[1:]), until[:-1])
    base = owner // n_users * (n + 1)
    size = n_groups * (n + 1)
    change = np.bincount(base + place, minlength=size) - np.bincount(base + until, minlength=size)
    return np.cumsum(change.reshape(n_groups, n + 1), axis=1)[:, :n]


def _quantiles(found: _Rows, spec: CountSpec, n_groups: int, n: int) -> np.ndarray:
    """Quantile of the amounts in each window, between neighbours interpolated linearly; nan for an empty window."""
    answered = np.full((n_groups, n), np.nan)
    if spec.quantile is None:
        return answered
    slot = found.group * n + found.place
    order = np.argsort(slot, kind="stable")
    amounts, edges = found.amount[order], np.searchsorted(slot[order], np.arange(n_groups * n + 1))
    for group in range(n_groups):
        for end in range(n):
            start = 0 if spec.width == 0 else max(0, end - spec.width + 1)
            window = amounts[edges[group * n + start] : edges[group * n + end + 1]]
            if len(window):
                answered[group, end] = np.quantile(window, spec.quantile)
    return answered
