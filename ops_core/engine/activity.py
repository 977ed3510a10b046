"""Who was active when: the rollup of user days, folded into calendar buckets, and the counts that come of it.

`user_days` holds one row per user and local day with an activity event, so most questions about activity never touch
the events. Chosen events, filters and hours are answered from the events themselves; both routes give the same pairs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ops_core.engine.arrays import fetch_columns, is_sorted, starts_of_runs, sum_over_blocks
from ops_core.engine.cache import cache_of
from ops_core.engine.selection import on_events, user_keys
from ops_core.model.filters import Filter
from ops_core.model.segment import Segment
from ops_core.model.time import DAY_US, HOUR_US, TimeRules
from ops_core.store import Store

_EVENT_ROWS = """
    SELECT user_key, epoch_us(occurred_at) AS at_us FROM events
    WHERE {events} AND occurred_at >= make_timestamp($from_us) AND occurred_at < make_timestamp($before_us)
      AND {conditions}
"""
_IN_ORDER = " ORDER BY user_key, occurred_at"
_CHOSEN = "event_code IN (SELECT unnest($codes::USMALLINT[]))"
_ACTIVITY = "event_code IN (SELECT event_code FROM event_names WHERE NOT is_passive)"
_REVENUE = """
    SELECT bucket, sum(spent)::DOUBLE AS revenue, count(*) FILTER (spent > 0) AS n_paying
    FROM (SELECT user_key, bucket, sum(value) AS spent FROM user_days JOIN calendar USING (local_day)
          WHERE value IS NOT NULL GROUP BY user_key, bucket)
    GROUP BY bucket
"""
BEGIN_OF_TIME_US = -2_208_988_800_000_000  # 1900-01-01
END_OF_TIME_US = 4_102_444_800_000_000  # 2100-01-01


@dataclass(frozen=True)
class ActivitySpec:
    """Which events make a user active: all activity events, or the named ones that pass the filters."""

    events: tuple[str, ...] = ()
    filters: tuple[Filter, ...] = ()
    segment: Segment | None = None

    @property
    def is_any_activity(self) -> bool:
        """Whether the rollup answers."""
        return not self.events and not self.filters


@dataclass(frozen=True, eq=False)
class UserBuckets:
    """One row per user and bucket with at least one event, sorted by both: keys, bucket numbers, number of events."""

    users: np.ndarray
    buckets: np.ndarray
    counts: np.ndarray

    def __len__(self) -> int:
        return len(self.users)

    @property
    def nbytes(self) -> int:
        """Size in memory."""
        return self.users.nbytes + self.buckets.nbytes + self.counts.nbytes

    @property
    def user_starts(self) -> np.ndarray:
        """Position of each user's first row."""
        return starts_of_runs(self.users)

    @property
    def is_first(self) -> np.ndarray:
        """Whether a row is its user's first."""
        first = np.zeros(len(self.users), dtype=bool)
        first[self.user_starts] = True
        return first


def event_rows(
    store: Store,
    spec: ActivitySpec,
    from_us: int = BEGIN_OF_TIME_US,
    before_us: int = END_OF_TIME_US,
    *,
    in_order: bool = True,
) -> tuple[np.ndarray, np.ndarray]:
    """User keys and instants (UTC µs) of the events asked for in `[from_us, before_us)`, sorted by both if so wished.

    Raises:
        QueryError: an unknown event or property.
    """
    chosen, parameters = chosen_events(store, spec.events)
    conditions = on_events(store, spec.filters)
    statement = _EVENT_ROWS.replace("{events}", chosen).replace("{conditions}", conditions.text)
    parameters |= {"from_us": from_us, "before_us": before_us, **conditions.parameters}
    # One event's rows lie in order already, unless several imports brought them.
    in_sql = in_order and len(spec.events) != 1
    with store.cursor() as cursor:
        rows = fetch_columns(cursor, statement + _IN_ORDER if in_sql else statement, parameters)
    users, at_us = rows["user_key"], rows["at_us"]
    if in_order and not in_sql and not is_sorted(users, at_us):
        order = np.lexsort((at_us, users))
        users, at_us = users[order], at_us[order]
    keep = in_segment(store, spec.segment, users)
    return (users, at_us) if keep is None else (users[keep], at_us[keep])


def chosen_events(store: Store, names: tuple[str, ...]) -> tuple[str, dict[str, object]]:
    """The condition for rows of the named events (all activity events without a name) and its parameters."""
    return (_CHOSEN, {"codes": store.event_codes(names)}) if names else (_ACTIVITY, {})


def in_segment(store: Store, segment: Segment | None, users: np.ndarray) -> np.ndarray | None:
    """Which of the user keys belong to a segment; `None` for everybody."""
    keys = user_keys(store, segment)
    if keys is None:
        return None
    highest = int(max(users.max(initial=-1), keys.max(initial=-1)))
    member = np.zeros(highest + 1, dtype=bool)
    member[keys] = True
    return member[users]


def user_days(store: Store, spec: ActivitySpec) -> UserBuckets:
    """The days (numbers since 1970-01-01, in the reporting zone) on which each user was active."""
    if not spec.is_any_activity:
        users, at_us = event_rows(store, spec)
        return counted(users, store.rules.local_days(at_us))
    found = cache_of(store).get(store.data_version, "user_days", lambda: _rollup(store))
    keep = in_segment(store, spec.segment, found.users)
    return found if keep is None else UserBuckets(found.users[keep], found.buckets[keep], found.counts[keep])


def _rollup(store: Store) -> UserBuckets:
    with store.cursor() as cursor:
        rows = fetch_columns(cursor, "SELECT user_key, local_day, n_events FROM user_days")
    users, days, counts = rows["user_key"], rows["local_day"], rows["n_events"]
    if not is_sorted(users, days):
        order = np.lexsort((days, users))
        users, days, counts = users[order], days[order], counts[order]
    return _shared(UserBuckets(users, days, counts))


def _shared(found: UserBuckets) -> UserBuckets:
    for column in (found.users, found.buckets, found.counts):
        column.setflags(write=False)
    return found


def user_buckets(store: Store, spec: ActivitySpec, grain: str) -> UserBuckets:
    """The buckets in which each user was active, by their running number (`TimeRules.bucket_index`; hours: `hours`)."""
    if grain == "hour":
        users, at_us = event_rows(store, spec)
        return counted(users, local_hours(store.rules, at_us))
    if grain == "day" or not spec.is_any_activity or spec.segment is not None:
        return folded(user_days(store, spec), store.rules, grain)
    return cache_of(store).get(
        store.data_version, ("user_buckets", grain), lambda: _shared(folded(user_days(store, spec), store.rules, grain))
    )


def local_hours(rules: TimeRules, at_us: np.ndarray) -> np.ndarray:
    """Running number of the wall-clock hour of each instant (int32); the hour put back in autumn is one long hour."""
    return np.floor_divide(rules.local_us(at_us), HOUR_US).astype(np.int32)


def bucket_numbers(rules: TimeRules, days: np.ndarray, grain: str) -> np.ndarray:
    """Running number of the bucket of each day; one look-up per calendar day, not per row."""
    if grain == "day" or not len(days):
        return days
    first, last = int(days.min()), int(days.max())
    return rules.bucket_index(np.arange(first, last + 1), grain)[days - first]


def bucket_end_us(rules: TimeRules, buckets: np.ndarray, grain: str) -> np.ndarray:
    """Instant (UTC µs) at which each bucket ends."""
    after = np.asarray(buckets, dtype=np.int64) + 1
    if grain == "hour":
        return rules.to_utc_us(after * HOUR_US)
    return rules.to_utc_us(rules.index_start_day(after, grain).astype(np.int64) * DAY_US)


def folded(days: UserBuckets, rules: TimeRules, grain: str) -> UserBuckets:
    """User days as user weeks, months, quarters."""
    if grain == "day":
        return days
    return counted(days.users, bucket_numbers(rules, days.buckets, grain), days.counts)


def counted(users: np.ndarray, buckets: np.ndarray, counts: np.ndarray | None = None) -> UserBuckets:
    """Rows sorted by (user, bucket) as one row per pair, their counts added up (one each when there are none)."""
    if not len(users):
        return UserBuckets(users, buckets, np.empty(0, dtype=np.int32))
    is_start = np.empty(len(users), dtype=bool)
    is_start[0] = True
    np.not_equal(users[1:], users[:-1], out=is_start[1:])
    is_start[1:] |= buckets[1:] != buckets[:-1]
    start = np.flatnonzero(is_start)
    totals = np.diff(start, append=len(users)) if counts is None else np.add.reduceat(counts, start)
    return UserBuckets(users[start], buckets[start], totals.astype(np.int32))


# Counts ------------------------------------------------------------------------------------------------------------


def active_users(store: Store, spec: ActivitySpec, grain: str, first: int, end: int) -> np.ndarray:
    """Distinct active users in each bucket first … end − 1 (running numbers)."""
    if grain == "day" and spec.is_any_activity and spec.segment is None:
        with store.cursor() as cursor:
            rows = fetch_columns(
                cursor, "SELECT local_day, count(*) AS n_users FROM user_days GROUP BY local_day ORDER BY local_day"
            )
        return _placed(rows["local_day"], rows["n_users"], first, end)
    return active_in(user_buckets(store, spec, grain), first, end)


def active_in(pairs: UserBuckets, first: int, end: int) -> np.ndarray:
    """Users per bucket first … end − 1."""

    def tally(block: slice) -> np.ndarray:
        place = pairs.buckets[block] - first
        return np.bincount(place[(place >= 0) & (place < end - first)], minlength=end - first)

    return sum_over_blocks(pairs.users, tally, np.zeros(end - first, dtype=np.int64))


def rolling_active(days: UserBuckets, window_days: int, first: int, end: int) -> np.ndarray:
    """Distinct users active in the `window_days` days that end with each day first … end − 1."""
    # An active day counts for the windows that end from that day on until the user's next active day takes over.
    until = days.buckets + window_days
    same_user = days.users[1:] == days.users[:-1]
    until[:-1] = np.where(same_user, np.minimum(until[:-1], days.buckets[1:]), until[:-1])
    n_days = end - first
    enters, leaves = np.clip(days.buckets - first, 0, n_days), np.clip(until - first, 0, n_days)
    change = np.bincount(enters, minlength=n_days + 1) - np.bincount(leaves, minlength=n_days + 1)
    return np.cumsum(change)[:n_days]


@dataclass(frozen=True, eq=False)
class Flow:
    """Growth accounting per bucket first … end − 1 (int64 arrays); see `definitions` of the analysis."""

    new: np.ndarray
    returning: np.ndarray
    resurrected: np.ndarray
    newly_dormant: np.ndarray
    dormant_stock: np.ndarray

    @property
    def active(self) -> np.ndarray:
        """Users active in the bucket."""
        return self.new + self.returning + self.resurrected


def flow(pairs: UserBuckets, first: int, end: int) -> Flow:
    """New, returning, resurrected and dormant users per bucket; looks back over the whole history of each user."""
    n = end - first

    def tally(block: slice) -> np.ndarray:
        users, place = pairs.users[block], pairs.buckets[block] - first
        same = np.empty(len(users), dtype=bool)
        same[0] = False
        np.equal(users[1:], users[:-1], out=same[1:])
        stays = np.zeros(len(users), dtype=bool)
        stays[1:] = same[1:] & (place[1:] - place[:-1] == 1)
        # Slot 0 collects what lies before the period, slot 1 the bucket just before it.
        slot = np.clip(place + 2, 0, n + 2)
        return np.stack([np.bincount(slot[rows], minlength=n + 3) for rows in (slice(None), ~same, stays)])

    active, new, returning = sum_over_blocks(pairs.users, tally, np.zeros((3, n + 3), dtype=np.int64))
    inside = slice(2, n + 2)
    seen_before = np.cumsum(new)[1 : n + 1]
    return Flow(
        new=new[inside],
        returning=returning[inside],
        resurrected=(active - new - returning)[inside],
        newly_dormant=active[1 : n + 1] - returning[inside],
        dormant_stock=seen_before - (active - new)[inside],
    )


def days_active(pairs: UserBuckets, first: int, end: int) -> np.ndarray:
    """Users by the number of buckets first … end − 1 in which they were active: entry k − 1 for exactly k."""
    inside = (pairs.buckets >= first) & (pairs.buckets < end)
    users = pairs.users[inside]
    start = starts_of_runs(users)
    return np.bincount(np.diff(start, append=len(users)), minlength=end - first + 1)[1:].astype(np.int64)


def _placed(buckets: np.ndarray, counts: np.ndarray, first: int, end: int) -> np.ndarray:
    placed = np.zeros(end - first, dtype=np.int64)
    inside = (buckets >= first) & (buckets < end)
    placed[buckets[inside] - first] = counts[inside]
    return placed


def revenue_by_bucket(
    store: Store, grain: str, first: int, end: int, segment: Segment | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Revenue (nan without any value) and paying users (positive sum in the bucket) per bucket first … end − 1."""
    rules = store.rules
    days = np.arange(int(rules.index_start_day(first, grain)), int(rules.index_start_day(end, grain)))
    calendar = pd.DataFrame({"local_day": days.astype("datetime64[D]"), "bucket": bucket_numbers(rules, days, grain)})
    keys = user_keys(store, segment)
    with store.cursor() as cursor:
        cursor.register("calendar", calendar)
        statement = _REVENUE
        if keys is not None:
            cursor.register("chosen_users", pd.DataFrame({"user_key": keys}))
            statement = statement.replace("WHERE", "WHERE user_key IN (SELECT user_key FROM chosen_users) AND")
        rows = fetch_columns(cursor, statement)
    # A bucket without a value earned nothing; only where no bucket has one is revenue unknown.
    revenue = np.full(end - first, 0.0 if len(rows["bucket"]) else np.nan)
    payers = np.zeros(end - first, dtype=np.int64)
    revenue[rows["bucket"] - first] = rows["revenue"]
    payers[rows["bucket"] - first] = rows["n_paying"]
    return revenue, payers
