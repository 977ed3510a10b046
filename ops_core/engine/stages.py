"""What is known of each user on a day: first seen, last active, how often lately, activated or not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ops_core.engine.activity import ActivitySpec, UserBuckets, user_days
from ops_core.engine.arrays import starts_of_runs
from ops_core.engine.first_seen import first_seen_days
from ops_core.model.segment import Segment
from ops_core.store import Store

NEVER = np.iinfo(np.int32).min // 2


@dataclass(frozen=True, eq=False)
class Standing:
    """One element per user known before a day, sorted by key. Days are numbers; `NEVER` for a user never active."""

    users: np.ndarray
    first_seen_day: np.ndarray
    last_active_day: np.ndarray
    recent_active_days: np.ndarray
    is_activated: np.ndarray


@dataclass(frozen=True, eq=False)
class Histories:
    """Everything that standings are read from: known users, their active days, days of the activation event."""

    users: np.ndarray
    first_seen_day: np.ndarray
    days: UserBuckets
    activations: UserBuckets | None

    def standing(self, end_day: int, recent_days: int) -> Standing:
        """What was known at the start of `end_day`; recent = the `recent_days` days before it."""
        known = self.first_seen_day < end_day
        users = self.users[known]
        size = int(self.users.max(initial=-1)) + 1
        before = self.days.buckets < end_day
        keys, days = self.days.users[before], self.days.buckets[before]
        last = np.full(size, NEVER, dtype=np.int32)
        start = starts_of_runs(keys)
        ends = np.append(start[1:], len(keys)) - 1
        inside = keys[start] < size
        last[keys[start][inside]] = days[ends[inside]]
        recent = np.bincount(keys[days >= end_day - recent_days], minlength=size)[:size]
        if self.activations is None:
            activated = np.bincount(keys, minlength=size)[:size] >= 2
        else:
            done = self.activations.users[self.activations.buckets < end_day]
            activated = np.bincount(done, minlength=size)[:size] >= 1
        return Standing(users, self.first_seen_day[known], last[users], recent[users], activated[users])


def histories(store: Store, segment: Segment | None, activation_event: str | None) -> Histories:
    """The histories of the users of a segment.

    Raises:
        QueryError: an unknown activation event or property.
    """
    users, first_seen_day, _ = first_seen_days(store, segment)
    days = user_days(store, ActivitySpec(segment=segment))
    activations = None
    if activation_event is not None:
        activations = user_days(store, ActivitySpec(events=(activation_event,), segment=segment))
    return Histories(users, first_seen_day, days, activations)


def gaps_between_active_days(days: UserBuckets, end_day: int) -> np.ndarray:
    """Days between one active day of a user and the next (1 = the next day), over all users, before `end_day`."""
    before = days.buckets < end_day
    users, active = days.users[before], days.buckets[before]
    return (active[1:] - active[:-1])[users[1:] == users[:-1]]
