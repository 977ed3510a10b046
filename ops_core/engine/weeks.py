"""The counts behind weekly figures: who was active, new, activated, back, paying, per week."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ops_core.engine import activity
from ops_core.engine.first_seen import first_seen_days
from ops_core.model.segment import Segment
from ops_core.store import Store

ACTIVATION_DAYS = 7


@dataclass(frozen=True, eq=False)
class WeeklyCounts:
    """Arrays over the weeks first … end − 1.

    `active`, `daily_active` (sum over the week's days), `new` (first seen in the week), `paying`: users; `revenue`: nan
    where no week has a value. `activated`, `returned`: of the users first seen in a week, those active on a second day
    (or with the activation event) within 7 days of which the first is the day they were first seen, and those active in
    the week after. `is_left_censored`: some of the week's new users may be old ones. `n_known`: all known users.
    """

    first: int
    active: np.ndarray
    daily_active: np.ndarray
    new: np.ndarray
    activated: np.ndarray
    returned: np.ndarray
    revenue: np.ndarray
    paying: np.ndarray
    is_left_censored: np.ndarray
    n_known: int


def weekly_counts(
    store: Store, first: int, end: int, segment: Segment | None, activation_event: str | None
) -> WeeklyCounts:
    """The counts of weeks given by their running numbers.

    Raises:
        QueryError: an unknown activation event or property.
    """
    rules = store.rules
    n = end - first
    days = activity.user_days(store, activity.ActivitySpec(segment=segment))
    weeks = activity.folded(days, rules, "week")
    users, seen_day, censored = first_seen_days(store, segment)
    size = int(max(users.max(initial=-1), days.users.max(initial=-1))) + 1
    seen_week = np.full(size, -1, dtype=np.int32)
    week_of_seen = activity.bucket_numbers(rules, seen_day, "week")
    seen_week[users] = week_of_seen
    seen_on = np.zeros(size, dtype=np.int32)
    seen_on[users] = seen_day
    revenue, paying = activity.revenue_by_bucket(store, "week", first, end, segment)
    is_back = weeks.buckets == seen_week[weeks.users] + 1
    day_week = activity.bucket_numbers(rules, days.buckets, "week")
    return WeeklyCounts(
        first=first,
        active=_per_week(weeks.buckets, first, n),
        daily_active=_per_week(day_week, first, n),
        new=_per_week(week_of_seen, first, n),
        activated=_per_week(seen_week[_activated(store, days, seen_on, segment, activation_event)], first, n),
        returned=_per_week(weeks.buckets[is_back] - 1, first, n),
        revenue=revenue,
        paying=paying,
        is_left_censored=_per_week(week_of_seen[censored], first, n) > 0,
        n_known=len(users),
    )


def _activated(
    store: Store,
    days: activity.UserBuckets,
    seen_on: np.ndarray,
    segment: Segment | None,
    activation_event: str | None,
) -> np.ndarray:
    """Keys of the users who activated within their first days."""
    enough = 2
    if activation_event is not None:
        enough = 1
        days = activity.user_days(store, activity.ActivitySpec(events=(activation_event,), segment=segment))
    age = days.buckets - seen_on[days.users]
    early = days.users[(age >= 0) & (age < ACTIVATION_DAYS)]
    return np.flatnonzero(np.bincount(early, minlength=len(seen_on)) >= enough)


def _per_week(weeks: np.ndarray, first: int, n: int) -> np.ndarray:
    place = weeks - first
    return np.bincount(place[(place >= 0) & (place < n)], minlength=n).astype(np.int64)
