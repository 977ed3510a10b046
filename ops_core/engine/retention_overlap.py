"""Users who stand on both sides of a comparison."""

from __future__ import annotations

import functools

import numpy as np

from ops_core.engine.activity import ActivitySpec, user_days
from ops_core.engine.cohorts import EntrySpec, entries
from ops_core.store import Store


def shared_users(store: Store, spec: EntrySpec, other: EntrySpec) -> int:
    """How many users enter a cohort of both.

    Raises:
        QueryError: an unknown event or property.
    """
    rollup = functools.cache(lambda: user_days(store, ActivitySpec()))
    users, others = (entries(store, one, rollup).users for one in (spec, other))
    return len(np.intersect1d(users, others))
