"""Streaks: for how many buckets in a row users are active, at best and right now.

Counted: users active in a complete bucket of the period. A streak is a run of active buckets without a gap inside the
period; the current one ends with the last complete bucket and is 0 for users who were not active in it. A bucket that
ends after as-of breaks no streak: it is left out. A streak that began before the period is counted from the period's
start and is longer in truth; `n_cut` says how many users that concerns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from ops_core.analyses.activity_query import ActivityQuery
from ops_core.analyses.lifecycle import bucket_range, names
from ops_core.engine import activity, streaks
from ops_core.model.time import GRAINS
from ops_core.workspace import Workspace, one_state


@dataclass(frozen=True)
class StreakQuery(ActivityQuery):
    """Streaks of buckets that the period touches: day, week, month or quarter; see `ActivityQuery`."""

    grains: ClassVar[tuple[str, ...]] = GRAINS[1:]


@dataclass(frozen=True, eq=False)
class StreakResult:
    """How long users keep at it.

    `counts`: length (0 … n_buckets), users_longest (whose longest streak has exactly that length; nobody has 0),
        users_longest_at_least, users_current (whose streak up to now has exactly that length), users_current_at_least;
        share_longest, share_longest_at_least, share_current, share_current_at_least (of n_active; nan without any).
    `n_active`: users active in a complete bucket. `n_buckets`, `n_partial`: complete buckets, and those left out.
    `median_longest`: nan without users. `n_running`: users with a current streak. `n_cut`: users whose longest streak
    began before the period.
    """

    query: StreakQuery
    counts: pd.DataFrame
    n_active: int
    n_buckets: int
    n_partial: int
    median_longest: float
    n_running: int
    n_cut: int


@one_state
def analyze(workspace: Workspace, query: StreakQuery) -> StreakResult:
    """The streaks of a period.

    Raises:
        QueryError: no data yet, an unknown event or property, or more buckets than can be shown.
    """
    first, end = bucket_range(workspace, query.period, query.grain)
    complete_end = complete_until(workspace, query.grain, first, end)
    spec = activity.ActivitySpec(names(query.event), query.filters, query.segment)
    found = streaks.runs(activity.user_buckets(workspace.store, spec, query.grain), first, complete_end)
    n_buckets, n_active = complete_end - first, len(found.users)
    counts = pd.DataFrame({"length": np.arange(n_buckets + 1)})
    for name, lengths in (("longest", found.longest), ("current", found.current)):
        users = np.bincount(lengths, minlength=n_buckets + 1)
        at_least = users[::-1].cumsum()[::-1]
        for column, numbers in ((name, users), (f"{name}_at_least", at_least)):
            counts[f"users_{column}"] = numbers
            counts[f"share_{column}"] = numbers / (n_active or np.nan)
    return StreakResult(
        query=query,
        counts=counts,
        n_active=n_active,
        n_buckets=n_buckets,
        n_partial=end - complete_end,
        median_longest=float(np.median(found.longest)) if n_active else float("nan"),
        n_running=int((found.current > 0).sum()),
        n_cut=int(found.is_cut.sum()),
    )


def complete_until(workspace: Workspace, grain: str, first: int, end: int) -> int:
    """The bucket after the last one of first … end − 1 that has ended by as-of."""
    ends = activity.bucket_end_us(workspace.rules, np.arange(first, end), grain)
    return first + int(np.sum(ends <= workspace.as_of_us))
