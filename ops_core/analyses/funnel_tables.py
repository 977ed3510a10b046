"""Tables of a funnel's answer: pure arithmetic on its counted attempts."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ops_core.engine import funnel_lookup
from ops_core.engine.activity import local_hours
from ops_core.engine.funnel import NEVER_US, Journeys
from ops_core.engine.funnel_spec import NATURAL_DAY, FunnelSpec
from ops_core.errors import QueryError
from ops_core.model.group_names import names_apart
from ops_core.model.intervals import wilson
from ops_core.model.time import HOUR_US, TimeRules, dates_of
from ops_core.store import Store

if TYPE_CHECKING:
    from ops_core.analyses.funnel import FunnelQuery

ALL, OTHER, NONE = "all", "other", "(none)"
_MICROSECONDS = 1_000_000
_THREADS, _MANY = 2, 50_000  # NumPy lets two threads look for the quartiles of two steps at a time
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400
_MOST_BUCKETS = 20_000  # two years of hours, fifty of days
# Readable bounds of a time to convert, in seconds; those above the window are left out.
_EDGES = (
    0, _MINUTE, 5 * _MINUTE, 15 * _MINUTE, _HOUR, 3 * _HOUR, 8 * _HOUR, _DAY, 3 * _DAY, 7 * _DAY, 14 * _DAY, 30 * _DAY,
    90 * _DAY,
)  # fmt: skip


def one_group(n: int) -> pd.Categorical:
    """Everybody in one group."""
    return pd.Categorical.from_codes(np.zeros(n, np.int8), categories=[ALL])


def groups_of(store: Store, query: FunnelQuery, spec: FunnelSpec, journeys: Journeys) -> pd.Categorical:
    """The breakdown group of each attempt: the most frequent values, then `other`, then `(none)` for no value."""
    if query.breakdown is None:
        return one_group(len(journeys))
    if str(query.breakdown).startswith("user."):
        places, values = funnel_lookup.user_values(store, query.breakdown.removeprefix("user."), journeys.user_keys)
    else:
        places, values = pd.factorize(_touched(store, query, spec, journeys))
    counts = np.bincount(places[places >= 0], minlength=len(values))
    ranked = sorted(np.flatnonzero(counts).tolist(), key=lambda place: (-counts[place], values[place]))
    # One value more than `top` is shown by its name: "other" for a single value would only hide it.
    shown = ranked[: query.top] if len(ranked) > query.top + 1 else ranked
    codes = np.full(len(values) + 1, len(shown), np.int32)  # the last place, reached by -1, is that of no value
    codes[shown] = np.arange(len(shown))
    codes[-1] = len(shown) + 1
    names = [values[place] for place in shown]
    categories = [*names, *names_apart(names, OTHER, NONE)]
    return pd.Categorical.from_codes(codes[places], categories=categories).remove_unused_categories()


def steps_table(query: FunnelQuery, journeys: Journeys, groups: pd.Categorical) -> pd.DataFrame:
    """The steps of each group; columns as `FunnelResult.steps` says."""
    names = list(groups.categories) or [ALL]
    codes = np.asarray(groups.codes)
    if len(names) == 1:
        return _steps_of(query, journeys, names[0])
    parts = [_steps_of(query, journeys.take(codes == code), name) for code, name in enumerate(names)]
    return pd.concat(parts, ignore_index=True)


def seconds(journeys: Journeys, step: int, groups: pd.Categorical, group: str | None) -> np.ndarray:
    """Seconds from the first event to a step (from 0), of those who reached it."""
    chosen = journeys.reached[step]
    if group is not None:
        chosen = chosen & (np.asarray(groups) == group)
    return (journeys.at_us[step, chosen] - journeys.at_us[0, chosen]) / _MICROSECONDS


def time_edges(window_seconds: float | str) -> tuple[float, ...]:
    """Bounds for a histogram of times within a window."""
    window = _DAY if window_seconds == NATURAL_DAY else float(window_seconds)
    inner = tuple(edge for edge in _EDGES if edge < window)
    if len(inner) > 3:
        return (*inner, window)
    return tuple(np.linspace(0, window, 7).tolist())


def histogram(values: np.ndarray, edges: tuple[float, ...]) -> pd.DataFrame:
    """Users per stretch of time: from_seconds, to_seconds, users, share (nan without users)."""
    counts = np.histogram(values, bins=np.asarray(edges, dtype=float))[0]
    share = counts / len(values) if len(values) else np.full(len(counts), np.nan)
    bounds = list(pairwise(edges))
    return pd.DataFrame(
        {"from_seconds": [a for a, _ in bounds], "to_seconds": [b for _, b in bounds], "users": counts, "share": share}
    )


def tie_share(journeys: Journeys) -> float:
    """Share of the converted whose path has two steps at one instant; nan without converted."""
    done = journeys.take(journeys.reached[-1])
    if not len(done):
        return float("nan")
    latest = np.maximum.accumulate(done.at_us, axis=0)
    tied = (done.at_us[1:] == latest[:-1]) & done.reached[1:]
    return float(tied.any(axis=0).mean())


def bucket_numbers(rules: TimeRules, instants: np.ndarray, grain: str) -> np.ndarray:
    """Running bucket number of each UTC instant (µs); the hour is that of the wall clock."""
    if grain == "hour":
        return local_hours(rules, instants)
    return rules.bucket_index(rules.local_days(instants), grain)


def check_buckets(rules: TimeRules, spec: FunnelSpec, grain: str) -> None:
    """Refuse a period of more buckets than anybody can look at.

    Raises:
        QueryError: too many buckets, or an unknown grain.
    """
    first, last = bucket_numbers(rules, np.array([spec.start_us, spec.end_us - 1]), grain)
    if last - first >= _MOST_BUCKETS:
        raise QueryError("too_many_buckets", n=int(last - first) + 1, grain=grain, most=_MOST_BUCKETS)


def bucket_bounds(rules: TimeRules, numbers: np.ndarray, grain: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each bucket its name (first local day, or local hour) and its first and end instant (UTC µs)."""
    if grain == "hour":
        hours = numbers.astype(np.int64) * HOUR_US
        return hours.astype("datetime64[us]"), rules.to_utc_us(hours), rules.to_utc_us(hours + HOUR_US)
    first_days, end_days = rules.index_start_day(numbers, grain), rules.index_start_day(numbers + 1, grain)
    starts_us = np.array([rules.day_start_us(day) for day in first_days])
    return dates_of(first_days), starts_us, np.array([rules.day_start_us(day) for day in end_days])


def revenue(store: Store, spec: FunnelSpec, journeys: Journeys) -> pd.DataFrame:
    """Money of the counted event at each step: step, name, users_with_value, total, mean (nan without any)."""
    rows = []
    for number, step in enumerate(spec.steps):
        amounts = funnel_lookup.step_amounts(store, spec, number, journeys)
        known = amounts[~np.isnan(amounts)]
        mean = float(known.mean()) if len(known) else float("nan")
        rows.append((number + 1, step.name, len(known), float(known.sum()), mean))
    return pd.DataFrame(rows, columns=["step", "name", "users_with_value", "total", "mean"])


def _touched(store: Store, query: FunnelQuery, spec: FunnelSpec, journeys: Journeys) -> np.ndarray:
    n_steps = len(spec.steps)
    if query.attribution_step is not None:
        return funnel_lookup.event_values(store, spec, query.attribution_step - 1, journeys, query.breakdown)
    order = range(n_steps) if query.attribution == "first_touch" else range(n_steps - 1, -1, -1)
    found = np.full(len(journeys), None, object)
    for step in order:
        open_places = np.flatnonzero([value is None for value in found.tolist()])
        open_places = open_places[journeys.reached[step][open_places]]
        if len(open_places):
            values = funnel_lookup.event_values(store, spec, step, journeys.take(open_places), query.breakdown)
            found[open_places] = values
    return found


def _steps_of(query: FunnelQuery, journeys: Journeys, group: str) -> pd.DataFrame:
    reached = journeys.reached
    users = reached.sum(axis=1)
    previous = _previous_steps(query)
    of_previous = np.array([np.nan if step is None else users[step] for step in previous])
    of_start = np.full(len(users), users[0], float)
    lost = [
        np.nan if before is None else int((reached[before] & ~reached[step]).sum())
        for step, before in enumerate(previous)
    ]
    start_low, start_high = wilson(users, of_start)
    low, high = wilson(users, of_previous)
    start_low[0] = start_high[0] = np.nan  # the first step is 100 % of itself by definition, not by measurement
    return pd.DataFrame(
        {
            "group": group, "step": np.arange(1, len(users) + 1), "name": [step.name for step in query.steps],
            "optional": [step.optional for step in query.steps], "users": users, "of_start": of_start,
            "of_previous": of_previous, "conversion_from_start": _ratio(users, of_start),
            "conversion_from_previous": _ratio(users, of_previous), "share_low": start_low, "share_high": start_high,
            "previous_low": low, "previous_high": high, "lost": lost,
            **_times(journeys, previous),
        }
    )  # fmt: skip


def _previous_steps(query: FunnelQuery) -> list[int | None]:
    """For each step the step it is compared with: the last one before it that is not optional."""
    required = [number for number, step in enumerate(query.steps) if not step.optional]
    return [max((one for one in required if one < number), default=None) for number in range(len(query.steps))]


def _times(journeys: Journeys, previous: Sequence[int | None]) -> dict[str, tuple[float, ...]]:
    """Per step the seconds since the start, as its columns, and the median since the step before."""
    pairs = range(len(previous)), previous
    if len(journeys) > _MANY:
        with ThreadPoolExecutor(_THREADS) as threads:
            rows = list(threads.map(partial(_step_times, journeys), *pairs))
    else:
        rows = map(partial(_step_times, journeys), *pairs)
    names = ("median_seconds", "mean_seconds", "q1_seconds", "q3_seconds", "seconds_from_previous")
    return dict(zip(names, zip(*rows, strict=True), strict=True))


def _step_times(journeys: Journeys, step: int, before: int | None) -> tuple[float, ...]:
    done = np.flatnonzero(journeys.at_us[step] != NEVER_US)
    if before is None or not len(done):
        return (float("nan"),) * 5
    started, reached = journeys.at_us[0].take(done), journeys.at_us[step].take(done)
    since_start = (reached - started) / _MICROSECONDS
    q1, median, q3 = np.quantile(since_start, [0.25, 0.5, 0.75])
    since_previous = median
    if before > 0:
        # With optional steps in between, the step before on the user's own path.
        walked = journeys.at_us[before].take(done)
        walked = np.where(walked == NEVER_US, started, walked)
        since_previous = np.median((reached - walked) / _MICROSECONDS)
    return float(median), float(since_start.mean()), float(q1), float(q3), float(since_previous)


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.full(len(part), np.nan), where=np.nan_to_num(whole) > 0)
