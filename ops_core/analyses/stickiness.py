"""Stickiness: on how many of the period's buckets users are active, and what share of them on an average day.

Counted: users active in the period, by the number of complete buckets in which they were. A bucket that ends after
as-of is left out, and so are those before the data's first day, when nobody was seen. stickiness = mean daily active
users over the period's complete days ÷ users active on them. Definitions §3.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ops_core.analyses.activity_query import ActivityQuery
from ops_core.analyses.lifecycle import bucket_range, names
from ops_core.engine import activity
from ops_core.workspace import Workspace, one_state


@dataclass(frozen=True)
class StickinessQuery(ActivityQuery):
    """How often within the buckets that the period touches: hour, day, week, month or quarter; see `ActivityQuery`."""


@dataclass(frozen=True, eq=False)
class StickinessResult:
    """How often users are active.

    `counts`: buckets_active (1 … n_buckets), users (in exactly so many buckets), users_at_least, share and
        share_at_least (of the active users; nan without any).
    `n_buckets`: complete buckets within the data. `n_partial`: the period's other buckets, left out. `n_active`: users
    active in a complete bucket.
    `mean_active`: mean active users per complete bucket. `stickiness`: mean_active ÷ n_active (nan without any).
    """

    query: StickinessQuery
    counts: pd.DataFrame
    n_buckets: int
    n_partial: int
    n_active: int
    mean_active: float
    stickiness: float


@one_state
def analyze(workspace: Workspace, query: StickinessQuery) -> StickinessResult:
    """The histogram of active buckets.

    Raises:
        QueryError: no data yet, an unknown event, or more buckets than can be shown.
    """
    asked, end = bucket_range(workspace, query.period, query.grain)
    first = min(max(asked, _first_bucket(workspace, query.grain)), end)
    ends = activity.bucket_end_us(workspace.rules, np.arange(first, end), query.grain)
    complete_end = first + int(np.sum(ends <= workspace.as_of_us))
    spec = activity.ActivitySpec(names(query.event), query.filters, query.segment)
    pairs = activity.user_buckets(workspace.store, spec, query.grain)
    users = activity.days_active(pairs, first, complete_end)
    n_buckets = complete_end - first
    n_active = int(users.sum())
    at_least = users[::-1].cumsum()[::-1]
    bucket_sum = int((users * np.arange(1, n_buckets + 1)).sum())
    mean_active = bucket_sum / n_buckets if n_buckets else float("nan")
    counts = pd.DataFrame({"buckets_active": np.arange(1, n_buckets + 1), "users": users, "users_at_least": at_least})
    return StickinessResult(
        query=query,
        counts=counts.assign(
            share=counts["users"] / (n_active or np.nan), share_at_least=counts["users_at_least"] / (n_active or np.nan)
        ),
        n_buckets=n_buckets,
        n_partial=end - asked - n_buckets,
        n_active=n_active,
        mean_active=mean_active,
        stickiness=mean_active / n_active if n_active else float("nan"),
    )


def _first_bucket(workspace: Workspace, grain: str) -> int:
    """The bucket that holds the data's first day, or that day's first hour."""
    rules = workspace.rules
    first_day, _ = workspace.data_period().days(rules)
    return first_day * 24 if grain == "hour" else int(rules.bucket_index(np.array([first_day]), grain)[0])
