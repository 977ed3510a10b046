"""When each user was first seen: by sign-up, else by the first event. Kept as arrays until the data change."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ops_core.engine.activity import in_segment
from ops_core.engine.cache import kept_columns
from ops_core.model.segment import Segment
from ops_core.store import Store

_FIRST_SEEN = """
    SELECT user_key, epoch_us(first_seen_at) AS at_us, signup_at IS NOT NULL AS signed_up, is_left_censored
    FROM users WHERE first_seen_at IS NOT NULL ORDER BY user_key
"""


@dataclass(frozen=True, eq=False)
class FirstSeen:
    """Keys of the known users, ascending; the instant each was first seen, whether that is a sign-up, and whether it
    is left-censored (the data's first day, on which nobody can tell who is new)."""

    users: np.ndarray
    at_us: np.ndarray
    signed_up: np.ndarray
    is_left_censored: np.ndarray


def first_seen(store: Store) -> FirstSeen:
    """All users who were seen. The arrays are shared: they cannot be written to."""
    rows = kept_columns(store, _FIRST_SEEN, {})
    return FirstSeen(rows["user_key"], rows["at_us"], rows["signed_up"], rows["is_left_censored"])


def first_seen_days(store: Store, segment: Segment | None = None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Keys of the known users, the local day each was first seen on, and whether that day is left-censored."""
    found = first_seen(store)
    users, days, censored = found.users, store.rules.local_days(found.at_us), found.is_left_censored
    keep = in_segment(store, segment, users)
    return (users, days, censored) if keep is None else (users[keep], days[keep], censored[keep])
