"""Life cycle: where this bucket's active users come from and where last bucket's went.

Counted: users, per calendar bucket b. new: first activity ever in b. returning: active in b and b − 1. resurrected:
active in b, not in b − 1, not new. newly dormant: active in b − 1, not in b. dormant stock: seen before, not active
in b. So active(b) = new + returning + resurrected = active(b − 1) − newly dormant + new + resurrected. Definitions §4;
the stages of §5 are in `stages`.

Limits: the bucket that holds the data's first day knows no earlier activity, so everybody in it is new.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from ops_core.analyses.activity_query import ActivityQuery
from ops_core.analyses.cohort_axes import cohort_times
from ops_core.analyses.stages import NOT_YET, STAGES, StageRules, StagesResult, stages, suggest_churn_days
from ops_core.engine import activity
from ops_core.errors import QueryError
from ops_core.model.period import Period
from ops_core.model.time import TimeRules
from ops_core.workspace import Workspace, one_state

__all__ = [
    "NOT_YET", "STAGES", "LifecycleQuery", "LifecycleResult", "StageRules", "StagesResult", "analyze", "stages",
    "suggest_churn_days",
]  # fmt: skip
MOST_BUCKETS = 4_000


@dataclass(frozen=True)
class LifecycleQuery(ActivityQuery):
    """Growth accounting per bucket: hour, day, week, month or quarter; see `ActivityQuery`."""


@dataclass(frozen=True, eq=False)
class LifecycleResult:
    """Growth accounting.

    `flow`: one row per bucket that has any time (an hour that clocks skip has none): bucket (its first local day or
        hour), new, returning, resurrected, newly_dormant, dormant_stock (users), partial (bool: the bucket ends after
        as-of and enters no comparison), active (users), quick_ratio ((new + resurrected) ÷ newly dormant; nan when
        nobody went dormant), left_censored (bool: the bucket holds the data's first day, or is an hour of it),
        begins_early (bool: the bucket begins before that day, so it is not covered whole).
    `is_latest`: no complete bucket follows those of the table in the data.
    """

    query: LifecycleQuery
    flow: pd.DataFrame
    is_latest: bool = True

    @property
    def complete(self) -> pd.DataFrame:
        """The rows of `flow` whose bucket has ended."""
        return self.flow[~self.flow["partial"]]


@one_state
def analyze(workspace: Workspace, query: LifecycleQuery) -> LifecycleResult:
    """The flow of the period's buckets.

    Raises:
        QueryError: no data yet, an unknown event, or more buckets than can be shown.
    """
    spec = activity.ActivitySpec(names(query.event), query.filters, query.segment)
    first, end = bucket_range(workspace, query.period, query.grain)
    rules = workspace.rules
    pairs = activity.user_buckets(workspace.store, spec, query.grain)
    skipped = _skipped(rules, pairs, first, end, query.grain)
    found = _flow(pairs, skipped, first, end)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(found.newly_dormant > 0, (found.new + found.resurrected) / found.newly_dormant, np.nan)
    buckets = np.setdiff1d(np.arange(first, end), skipped)
    first_day, _ = workspace.data_period().days(rules)
    running = activity.bucket_end_us(rules, np.append(buckets, end), query.grain) > workspace.as_of_us
    table = pd.DataFrame(
        {
            "bucket": cohort_times(rules, query.grain, buckets),
            "new": found.new,
            "returning": found.returning,
            "resurrected": found.resurrected,
            "newly_dormant": found.newly_dormant,
            "dormant_stock": found.dormant_stock,
            "partial": running[:-1],
            "active": found.active,
            "quick_ratio": ratio,
            "left_censored": _holds(rules, buckets, query.grain, first_day),
            "begins_early": _begins_before(rules, buckets, query.grain, first_day),
        }
    )
    return LifecycleResult(query, table, bool(running[-1]))


def _skipped(rules: TimeRules, pairs: activity.UserBuckets, first: int, end: int, grain: str) -> np.ndarray:
    """Buckets up to `end` without an instant: the hour that a clock put forward leaves out, the day of a moved zone."""
    earliest = min(int(pairs.buckets.min(initial=first)), first)
    ends = activity.bucket_end_us(rules, np.arange(earliest - 1, end), grain)
    return np.arange(earliest, end)[ends[1:] == ends[:-1]]


def _flow(pairs: activity.UserBuckets, skipped: np.ndarray, first: int, end: int) -> activity.Flow:
    """The flow in which the buckets before and after a skipped one are neighbours."""
    if not len(skipped):
        return activity.flow(pairs, first, end)
    numbers = pairs.buckets - np.searchsorted(skipped, pairs.buckets)
    before, after = (bound - int(np.searchsorted(skipped, bound)) for bound in (first, end))
    return activity.flow(replace(pairs, buckets=numbers), before, after)


def _holds(rules: TimeRules, buckets: np.ndarray, grain: str, day: int) -> np.ndarray:
    """Which buckets hold a day, or are an hour of it."""
    if grain == "hour":
        return buckets // 24 == day
    return buckets == rules.bucket_index(np.array([day]), grain)[0]


def _begins_before(rules: TimeRules, buckets: np.ndarray, grain: str, day: int) -> np.ndarray:
    """Which buckets begin before a day; hours count as part of their day."""
    return (buckets // 24 if grain == "hour" else rules.index_start_day(buckets, grain)) < day


def bucket_range(workspace: Workspace, period: Period, grain: str, most: int = MOST_BUCKETS) -> tuple[int, int]:
    """First bucket that a period touches, and the one after its last.

    Raises:
        QueryError: no data yet, or more buckets than can be shown.
    """
    if workspace.as_of_us is None:
        raise QueryError("no_data_yet")
    rules = workspace.rules
    start_us, end_us = period.bounds(rules)
    touched = np.array([start_us, end_us - 1])
    if grain == "hour":
        first, last = (int(hour) for hour in activity.local_hours(rules, touched))
    else:
        first, last = (int(index) for index in rules.bucket_index(rules.local_days(touched), grain))
    if last - first >= most:
        raise QueryError("too_many_buckets", n=last - first + 1, grain=grain, most=most)
    return first, last + 1


def names(event: str | tuple[str, ...] | None) -> tuple[str, ...]:
    """An event choice as a tuple of names; empty for any activity."""
    if event is None:
        return ()
    return (str(event),) if isinstance(event, str) or not isinstance(event, Iterable) else tuple(event)
