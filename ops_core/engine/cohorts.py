"""Who enters a cohort, when, and under which group: the starting rows of retention and of value over time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from ops_core.engine.activity import (
    ActivitySpec,
    UserBuckets,
    bucket_numbers,
    chosen_events,
    in_segment,
    local_hours,
)
from ops_core.engine.arrays import fetch_columns, starts_of_runs
from ops_core.engine.cache import kept_columns
from ops_core.engine.first_seen import first_seen
from ops_core.engine.selection import event_column, on_events
from ops_core.errors import QueryError
from ops_core.model.filters import Filter
from ops_core.model.segment import Segment
from ops_core.model.time import TimeRules
from ops_core.store import Store
from ops_core.store.schema import Column, quote

MODES = ("first_time", "first_ever", "recurring", "first_seen")
OTHER = "__other__"
Rollup = Callable[[], UserBuckets]

# A first row is its own return only if every row of that instant is one: equal times count in the user's favour.
_FIRST_ROWS = """
    SELECT user_key, epoch_us(min(occurred_at) FILTER (WHERE {conditions})) AS at_us,
           epoch_us(min(occurred_at)) AS earliest_us,
           min(occurred_at) FILTER (WHERE {conditions} AND NOT coalesce({returns}, false))
               IS DISTINCT FROM min(occurred_at) FILTER (WHERE {conditions}) AS is_own_return {group}
    FROM events WHERE {events}
    GROUP BY user_key HAVING at_us IS NOT NULL ORDER BY user_key
"""
_ALL_ROWS = """
    SELECT user_key, epoch_us(occurred_at) AS at_us, coalesce({returns}, false) AS is_own_return {group}
    FROM events WHERE {events} AND {conditions}
      AND occurred_at >= make_timestamp($start_us) AND occurred_at < make_timestamp($end_us)
    ORDER BY user_key, occurred_at, is_own_return, event_id
"""
# The other rows of the first instant are looked up only for users who begin with a return.
_FIRST_SEEN = """
    WITH begun AS MATERIALIZED (
        SELECT user_key, first_seen_at AS occurred_at FROM users JOIN (
            SELECT user_key, min(occurred_at) AS first_seen_at FROM events WHERE {returns} GROUP BY user_key
        ) AS returned USING (user_key, first_seen_at)
        WHERE signup_at IS NULL
    ), tied AS (
        SELECT user_key FROM events JOIN begun USING (user_key, occurred_at) WHERE NOT coalesce({returns}, false)
    )
    SELECT user_key, epoch_us(first_seen_at) AS at_us,
           user_key IN (SELECT user_key FROM begun ANTI JOIN tied USING (user_key)) AS is_own_return
    FROM users WHERE first_seen_at IS NOT NULL ORDER BY user_key
"""
_GROUP = "{column}::VARCHAR"
_FIRST_GROUP = "arg_min_null({column}::VARCHAR, (occurred_at, event_id, {column}::VARCHAR)) FILTER (WHERE {conditions})"


@dataclass(frozen=True)
class EntrySpec:
    """The cohort event and what is known of a user at entry.

    `mode`: `first_time` (first event that passes name and filters), `first_ever` (first event of the name, if it passes
    the filters), `recurring` (first one in every bucket), `first_seen` (sign-up, else first event). Only entries in
    [start_us, end_us) count. `returns`: the return event, to know whether the starting row is one itself.
    `breakdown`: a property; its `n_groups` largest values and `OTHER`.
    """

    grain: str
    start_us: int
    end_us: int
    mode: str = "first_time"
    events: tuple[str, ...] = ()
    filters: tuple[Filter, ...] = ()
    segment: Segment | None = None
    breakdown: str | None = None
    n_groups: int = 5
    returns: ActivitySpec = field(default_factory=ActivitySpec)
    needs_time: bool = False

    def bucket_of(self, rules: TimeRules, at_us: np.ndarray) -> np.ndarray:
        """Running bucket number of instants."""
        if self.grain == "hour":
            return local_hours(rules, at_us)
        return bucket_numbers(rules, rules.local_days(at_us), self.grain)

    def bucket_of_days(self, rules: TimeRules, days: np.ndarray) -> np.ndarray:
        """Running bucket number of local days."""
        return bucket_numbers(rules, days, self.grain)


@dataclass(frozen=True, eq=False)
class Entries:
    """Entries sorted by (user, bucket): keys, bucket numbers, their instant (UTC µs; the start of the day where only
    that is needed), whether the starting row is a return event itself, and the place of group and cohort."""

    users: np.ndarray
    bucket: np.ndarray
    at_us: np.ndarray
    is_own_return: np.ndarray
    group: np.ndarray
    groups: tuple[str | None, ...]
    cohorts: np.ndarray
    one_per_user: bool

    def __len__(self) -> int:
        return len(self.users)

    @property
    def cohort(self) -> np.ndarray:
        """Place of each entry's bucket in `cohorts`."""
        return self.bucket - self.cohorts[0]

    def by_user(self, values: np.ndarray, users: np.ndarray, missing: int) -> np.ndarray:
        """The entry's value for each of some user keys, `missing` for users without an entry."""
        table = np.full(int(max(self.users.max(), users.max(initial=0))) + 1, missing, dtype=values.dtype)
        table[self.users] = values
        return table[users]


def entries(store: Store, spec: EntrySpec, rollup: Rollup) -> Entries:
    """The entries of a period; `rollup` gives everybody's active days, if they are needed.

    Raises:
        QueryError: an unknown event or property.
    """
    rules = store.rules
    users, at_us, own, names = _rows(store, spec, rollup)
    keep = in_segment(store, spec.segment, users)
    if keep is not None:
        users, at_us, own = users[keep], at_us[keep], own[keep]
        names = None if names is None else names[keep]
    bucket = spec.bucket_of(rules, at_us)
    if spec.mode == "recurring":
        width = int(bucket.max(initial=0)) + 1
        first = starts_of_runs(users.astype(np.int64) * width + bucket)
        users, at_us, own, bucket = users[first], at_us[first], own[first], bucket[first]
        names = None if names is None else names[first]
    group, groups = _groups(store, spec, users, names)
    edges = spec.bucket_of(rules, np.array([spec.start_us, spec.end_us - 1]))
    return Entries(
        users=users,
        bucket=bucket,
        at_us=at_us,
        is_own_return=own.astype(np.int32),
        group=group,
        groups=groups,
        cohorts=np.arange(edges[0], edges[1] + 1),
        one_per_user=spec.mode != "recurring",
    )


def _rows(
    store: Store, spec: EntrySpec, rollup: Rollup
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray | None]:
    """Keys, instants, own-return flags and, for a breakdown by an event property, its values."""
    column = _event_breakdown(store, spec)
    if spec.mode == "first_seen":
        users, at_us, own = _seen(store, spec)
        inside = (at_us >= spec.start_us) & (at_us < spec.end_us)
        return users[inside], at_us[inside], own[inside], None
    if _rollup_answers(store, spec):
        return _first_days(store.rules, spec, rollup())
    statement, parameters = _statement(store, spec, column)
    if column or spec.mode == "recurring":
        with store.cursor() as cursor:
            rows = fetch_columns(cursor, statement, parameters)
    else:
        rows = kept_columns(store, statement, parameters)
    users, at_us, own = rows["user_key"], rows["at_us"], rows["is_own_return"]
    names = rows["group_name"] if column else None
    if spec.mode == "recurring":
        return users, at_us, own, names
    inside = (at_us >= spec.start_us) & (at_us < spec.end_us)
    if spec.mode == "first_ever":
        inside &= at_us == rows["earliest_us"]
    return users[inside], at_us[inside], own[inside], None if names is None else names[inside]


def _seen(store: Store, spec: EntrySpec) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Keys of all users who were seen, when first, and whether that instant is a return itself."""
    if spec.returns.is_any_activity and not _has_passive_events(store):
        seen = first_seen(store)  # without a sign-up that is an event, and any event is a return
        return seen.users, seen.at_us, ~seen.signed_up
    returns, parameters = _returns(store, spec)
    rows = kept_columns(store, _FIRST_SEEN.replace("{returns}", returns), parameters)
    return rows["user_key"], rows["at_us"], rows["is_own_return"]


def _has_passive_events(store: Store) -> bool:
    ((n_passive,),) = store.small_rows("SELECT count(*) FROM event_names WHERE is_passive")
    return n_passive > 0


def _rollup_answers(store: Store, spec: EntrySpec) -> bool:
    rules = store.rules
    whole_days = all(
        rules.day_start_us(int(rules.local_days(np.array([edge]))[0])) == edge for edge in (spec.start_us, spec.end_us)
    )
    return (
        not spec.events and not spec.filters and spec.returns.is_any_activity and whole_days
        and spec.grain != "hour" and not spec.needs_time and _event_breakdown(store, spec) is None
    )  # fmt: skip


def _first_days(
    rules: TimeRules, spec: EntrySpec, days: UserBuckets
) -> tuple[np.ndarray, np.ndarray, np.ndarray, None]:
    """First day of activity (or, recurring, every active day) from the rollup; the instant is the day's start."""
    rows = slice(None) if spec.mode == "recurring" else days.user_starts
    users, day = days.users[rows], days.buckets[rows]
    first, last = (int(edge) for edge in rules.local_days(np.array([spec.start_us, spec.end_us - 1])))
    inside = (day >= first) & (day <= last)
    users, day = users[inside], day[inside]
    starts = np.array([rules.day_start_us(number) for number in range(first, last + 1)], dtype=np.int64)
    return users, starts[day - first], np.ones(len(users), dtype=bool), None


def _statement(store: Store, spec: EntrySpec, column: Column | None) -> tuple[str, dict[str, object]]:
    events, parameters = chosen_events(store, spec.events)
    conditions = on_events(store, spec.filters, prefix="c")
    return_text, return_parameters = _returns(store, spec)
    statement = _ALL_ROWS if spec.mode == "recurring" else _FIRST_ROWS
    group = ""
    if column:
        group = f", {_GROUP if spec.mode == 'recurring' else _FIRST_GROUP} AS group_name"
        group = group.replace("{column}", quote(column.column_name))
    for name, text in (("group", group), ("events", events), ("conditions", conditions.text), ("returns", return_text)):
        statement = statement.replace("{" + name + "}", text)
    parameters = {**parameters, **conditions.parameters, **return_parameters}
    if spec.mode == "recurring":
        parameters |= {"start_us": spec.start_us, "end_us": spec.end_us}
    return statement, parameters


def _returns(store: Store, spec: EntrySpec) -> tuple[str, dict[str, object]]:
    """The condition for rows of the return event, and its parameters."""
    events, parameters = chosen_events(store, spec.returns.events)
    conditions = on_events(store, spec.returns.filters, prefix="r")
    named = {"return_" + name: value for name, value in parameters.items()}
    return f"{events.replace('$codes', '$return_codes')} AND {conditions.text}", {**named, **conditions.parameters}


def _event_breakdown(store: Store, spec: EntrySpec) -> Column | None:
    if spec.breakdown is None or spec.breakdown.startswith("user."):
        return None
    if spec.mode == "first_seen":
        raise QueryError("first_seen_breakdown", prop=spec.breakdown)
    return event_column(store, spec.breakdown)


def _groups(
    store: Store, spec: EntrySpec, users: np.ndarray, names: np.ndarray | None
) -> tuple[np.ndarray, tuple[str | None, ...]]:
    """Group place per entry, and the groups: the largest values first, missing values as `None`, the rest `OTHER`."""
    if spec.breakdown is None:
        return np.zeros(len(users), dtype=np.int32), (None,)
    if names is None:
        names = _user_values(store, spec.breakdown.removeprefix("user."), users)
    texts = np.array(["" if name is None else "=" + name for name in names], dtype=object)
    values, place, sizes = np.unique(texts, return_inverse=True, return_counts=True)
    order = np.argsort(-sizes, kind="stable")
    kept = order if len(order) <= spec.n_groups + 1 else order[: spec.n_groups]
    new_place = np.full(len(values), len(kept), dtype=np.int32)
    new_place[kept] = np.arange(len(kept))
    groups = [values[index][1:] if values[index] else None for index in kept]
    if len(kept) < len(order):
        groups.append(OTHER)
    return new_place[place], tuple(groups) or (None,)


def _user_values(store: Store, name: str, users: np.ndarray) -> np.ndarray:
    column = store.column("user", name)
    statement = "SELECT user_key, {column}::VARCHAR AS name FROM users ORDER BY user_key"
    with store.cursor() as cursor:
        rows = fetch_columns(cursor, statement.replace("{column}", quote(column.column_name)))
    table = np.full(int(rows["user_key"].max(initial=0)) + 1, None, dtype=object)
    table[rows["user_key"]] = rows["name"]
    return table[users]
