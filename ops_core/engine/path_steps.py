"""What each user does right after, or right before, an event: the first few steps within a window of elapsed time.

Users are taken in blocks by their number of events, two blocks at a time, so that memory does not grow with the data;
of a block only the rows inside its users' windows leave the store.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa

from ops_core.engine import selection
from ops_core.engine.arrays import fetch_columns, starts_of_runs
from ops_core.engine.steps import THREADS
from ops_core.model.filters import Filter
from ops_core.model.segment import Segment
from ops_core.store import Store, catalog

Array = np.ndarray
ENDED = -1  # in place of an event: nothing more within the window
LONGEST_US = 1 << 52  # a window of 142 years: more than any data, and still an instant the store can name
_BLOCK_ROWS = 1_000_000


@dataclass(frozen=True)
class PathSpec:
    """Paths as the engine takes them; instants are UTC µs.

    `start`: event names, or `None` for the instant a user was first seen. A user's path hangs on their first start in
    `[start_us, end_us)` whose window the data covers. `as_of_us`: the data is complete up to there.
    """

    start: tuple[str, ...] | None
    start_us: int
    end_us: int
    window_us: int
    direction: str
    levels: int
    collapse: bool
    clip: bool
    hidden: tuple[str, ...]
    segment: Segment | None
    filters: tuple[Filter, ...]
    as_of_us: int


@dataclass(frozen=True, eq=False)
class Paths:
    """One path per user, sorted by `user_keys` (int32).

    `names`: the events, in order of name. `steps[i, j]` (int16): place in `names` of the j-th step away from the start,
    `ENDED` from where nothing more follows within the window. `is_tied`: two different events at one instant, so that
    the path's order rests on their names. `open_keys`: users with starts, none of which the data covers.
    `n_left_censored`: of those who start by being first seen, users who may be older than the data.
    """

    names: tuple[str, ...]
    user_keys: Array
    steps: Array
    is_tied: Array
    open_keys: Array
    n_left_censored: int

    def __len__(self) -> int:
        return len(self.user_keys)


@dataclass(frozen=True, eq=False)
class _Starts:
    """Where paths hang: user (sorted), instant in µs, place of the start event (`ENDED` for first seen)."""

    user_keys: Array
    at_us: Array
    event: Array
    is_censored: Array

    def take(self, kept: Array | slice) -> _Starts:
        return _Starts(self.user_keys[kept], self.at_us[kept], self.event[kept], self.is_censored[kept])


def answer(store: Store, spec: PathSpec) -> Paths:
    """The path of each user who starts.

    Raises:
        QueryError: an event or a property that does not exist, a filter value of the wrong type.
    """
    names, place_of = _names(store)
    hidden = store.event_codes(list(spec.hidden)) if spec.hidden else []
    allowed = selection.user_keys(store, spec.segment)
    covered = _covered(store, spec)
    starts = _starts(store, spec, place_of, allowed, *covered)
    everyone = starts if covered == (spec.start_us, spec.end_us) else _starts(
        store, spec, place_of, allowed, spec.start_us, spec.end_us
    )  # fmt: skip
    blocks = list(_blocks(store, starts))

    def walk(block: slice) -> tuple[Array, Array]:
        part = starts.take(block)
        return _first_steps(*_rows(store, spec, part, place_of, hidden), part, spec)

    with ThreadPoolExecutor(THREADS) as threads:
        found = list(threads.map(walk, blocks))
    none = np.empty((0, spec.levels), np.int16)
    return Paths(
        names,
        starts.user_keys,
        np.concatenate([steps for steps, _ in found]) if found else none,
        np.concatenate([tied for _, tied in found]) if found else np.empty(0, bool),
        np.setdiff1d(everyone.user_keys, starts.user_keys, assume_unique=True),
        int(starts.is_censored.sum()),
    )


def _names(store: Store) -> tuple[tuple[str, ...], Array]:
    """The event names in order, and the place of each code among them."""
    with store.cursor() as cursor:
        known = cursor.execute("SELECT event_code, name FROM event_names ORDER BY name").fetchall()
    place_of = np.full(max((code for code, _ in known), default=0) + 1, ENDED, np.int16)
    place_of[[code for code, _ in known]] = np.arange(len(known))
    return tuple(name for _, name in known), place_of


def _covered(store: Store, spec: PathSpec) -> tuple[int, int]:
    """Starts in here have a window that lies wholly inside what is known."""
    first_us = catalog.first_event_us(store)
    rules = store.rules
    begin = rules.day_start_us(int(rules.local_days(np.array([first_us]))[0])) if first_us is not None else 0
    low, high = begin, spec.as_of_us
    if spec.direction == "after" and not (spec.clip and spec.end_us <= spec.as_of_us):
        high = spec.as_of_us - spec.window_us + 1
    if spec.direction == "before" and not (spec.clip and spec.start_us >= begin):
        low = begin + spec.window_us
    low = max(low, spec.start_us)
    return low, max(low, min(high, spec.end_us))


def _starts(
    store: Store, spec: PathSpec, place_of: Array, allowed: Array | None, low_us: int, high_us: int
) -> _Starts:  # fmt: skip
    if spec.start is None:
        found = _first_seen(store, spec, low_us, high_us)
    else:
        found = _first_events(store, spec, place_of, low_us, high_us)
    return found if allowed is None else found.take(np.isin(found.user_keys, allowed))


def _first_seen(store: Store, spec: PathSpec, low_us: int, high_us: int) -> _Starts:
    conditions = selection.on_users(store, spec.filters)
    statement = """
        SELECT user_key, epoch_us(first_seen_at) AS at_us, is_left_censored FROM users
        WHERE first_seen_at >= make_timestamp($low_us) AND first_seen_at < make_timestamp($high_us) AND {conditions}
        ORDER BY user_key
    """
    parameters = {"low_us": low_us, "high_us": high_us, **conditions.parameters}
    with store.cursor() as cursor:
        rows = fetch_columns(cursor, statement.replace("{conditions}", conditions.text), parameters)
    nothing = np.full(len(rows["user_key"]), ENDED, np.int16)
    return _Starts(rows["user_key"].astype(np.int32), rows["at_us"], nothing, rows["is_left_censored"].astype(bool))


def _first_events(store: Store, spec: PathSpec, place_of: Array, low_us: int, high_us: int) -> _Starts:
    conditions = selection.on_events(store, spec.filters)
    statement = """
        SELECT user_key, epoch_us(min(occurred_at)) AS at_us FROM events
        WHERE event_code = $code AND occurred_at >= make_timestamp($low_us) AND occurred_at < make_timestamp($high_us)
              AND {conditions}
        GROUP BY user_key
    """
    statement = statement.replace("{conditions}", conditions.text)
    keys, at_us, places = [], [], []
    with store.cursor() as cursor:
        for code in store.event_codes(list(spec.start)):
            parameters = {"code": code, "low_us": low_us, "high_us": high_us, **conditions.parameters}
            rows = fetch_columns(cursor, statement, parameters)
            keys.append(rows["user_key"].astype(np.int32))
            at_us.append(rows["at_us"].astype(np.int64))
            places.append(np.full(len(keys[-1]), place_of[code], np.int16))
    users, at, event = np.concatenate(keys), np.concatenate(at_us), np.concatenate(places)
    order = np.lexsort((event, at, users))
    order = order[starts_of_runs(users[order])]
    return _Starts(users[order], at[order], event[order], np.zeros(len(order), bool))


def _blocks(store: Store, starts: _Starts) -> Iterator[slice]:
    """Slices of the starts whose users have about `_BLOCK_ROWS` events together."""
    if not len(starts.user_keys):
        return
    with store.cursor() as cursor:
        rows = fetch_columns(cursor, "SELECT user_key, n_events FROM users ORDER BY user_key")
    n_events = rows["n_events"][np.searchsorted(rows["user_key"], starts.user_keys)]
    number = np.cumsum(n_events) // _BLOCK_ROWS
    edges = [*starts_of_runs(number).tolist(), len(number)]
    yield from (slice(first, end) for first, end in pairwise(edges))


def _rows(
    store: Store, spec: PathSpec, starts: _Starts, place_of: Array, hidden: list[int]
) -> tuple[Array, Array, Array]:  # fmt: skip
    """Every event in the users' windows: place of the start, distance from it in µs, place of the event's name."""
    after = spec.direction == "after"
    low = starts.at_us if after else starts.at_us - spec.window_us
    high = starts.at_us + spec.window_us if after else starts.at_us
    if spec.clip:
        low, high = np.maximum(low, spec.start_us), np.minimum(high, spec.end_us - 1)
    wanted = pa.table(
        {"user_key": starts.user_keys, "place": np.arange(len(low), dtype=np.int32), "at_us": starts.at_us,
         "low_us": low, "high_us": high}
    )  # fmt: skip
    parameters = {
        "low_us": int(low.min()), "high_us": int(high.max()), "first": int(starts.user_keys[0]),
        "last": int(starts.user_keys[-1]), "hidden": hidden,
    }  # fmt: skip
    with store.cursor() as cursor:
        cursor.register("wanted_now", wanted)
        rows = fetch_columns(
            cursor,
            """
            SELECT place, event_code, abs(epoch_us(occurred_at) - at_us) AS distance
            FROM events JOIN wanted_now USING (user_key)
            WHERE events.user_key BETWEEN $first AND $last
              AND occurred_at >= make_timestamp($low_us) AND occurred_at <= make_timestamp($high_us)
              AND epoch_us(occurred_at) BETWEEN wanted_now.low_us AND wanted_now.high_us
              AND event_code NOT IN (SELECT unnest($hidden::USMALLINT[]))
              AND event_code NOT IN (SELECT event_code FROM event_names WHERE is_passive)
            """,
            parameters,
        )
    return rows["place"].astype(np.int64), rows["distance"].astype(np.int64), place_of[rows["event_code"]]


def _first_steps(
    places: Array, distance: Array, events: Array, starts: _Starts, spec: PathSpec
) -> tuple[Array, Array]:  # fmt: skip
    """The first steps of each start and whether their order rests on a tie."""
    n = len(starts.user_keys)
    order = _in_order(places, distance, events if spec.direction == "after" else -events)
    places, distance, events = places[order], distance[order], events[order]
    keep = ~_own_rows(places, distance, events, starts)
    places, distance, events = places[keep], distance[keep], events[keep]
    heads = np.zeros(len(places), bool)
    heads[starts_of_runs(places)] = True
    if spec.collapse and len(places):
        before = np.where(heads, starts.event[places], np.roll(events, 1))
        # Each event differs from the one before it; what continues the start event is no step either.
        kept = events != before
        places, distance, events = places[kept], distance[kept], events[kept]
    begins = starts_of_runs(places)
    runs = np.diff(np.append(begins, len(places)))
    position = np.arange(len(places)) - np.repeat(begins, runs)
    steps = np.full((n, spec.levels), ENDED, np.int16)
    near = position < spec.levels
    steps[places[near], position[near]] = events[near]
    is_tied = np.zeros(n, bool)
    later = near[:-1] & (places[1:] == places[:-1]) & (distance[1:] == distance[:-1]) & (events[1:] != events[:-1])
    is_tied[places[:-1][later]] = True
    if spec.start is not None:
        is_tied[places[near & (distance == 0) & (events != starts.event[places])]] = True
    return steps, is_tied


def _in_order(places: Array, distance: Array, rank: Array) -> Array:
    """The order by start, distance and then rank; the rank is only looked at where it decides."""
    bits = int(distance.max(initial=0)).bit_length()
    if bits + int(places.max(initial=0)).bit_length() > 63:
        return np.lexsort((rank, distance, places))
    key = places << bits | distance
    order = np.argsort(key, kind="stable")
    key = key[order]
    same = np.flatnonzero(key[1:] == key[:-1])
    if len(same):
        tied = np.union1d(same, same + 1)
        order[tied] = order[tied][np.lexsort((rank[order[tied]], key[tied]))]
    return order


def _own_rows(places: Array, distance: Array, events: Array, starts: _Starts) -> Array:
    """Marks the row of each start event itself: the first of its name at its instant."""
    own = np.flatnonzero((distance == 0) & (events == starts.event[places]))
    marked = np.zeros(len(places), bool)
    marked[own[starts_of_runs(places[own])]] = True
    return marked
