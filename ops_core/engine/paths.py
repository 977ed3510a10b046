"""Which events people do, and in which order: the first time of each event per user, on a sample of users."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ops_core.engine.arrays import fetch_columns
from ops_core.store import Store

_SAMPLE_USERS = 4_000


@dataclass(frozen=True)
class FirstTimes:
    """First occurrence of each event for each sampled user.

    `names[j]`: event; `at_us[i, j]`: first time of event j by user i, the largest int64 where never; `has_value[j]`:
    whether the event carries money; `n_events[j]`: all rows of the event.
    """

    names: list[str]
    at_us: np.ndarray
    has_value: np.ndarray
    n_events: np.ndarray


def first_times(store: Store) -> FirstTimes:
    """First times on every n-th user, at most some thousands; passive events are left out."""
    with store.cursor() as cursor:
        names = cursor.execute(
            """
            SELECT event_code, name, coalesce(n_events, 0) FROM event_names
            LEFT JOIN (SELECT event_code, sum(n_events)::BIGINT AS n_events FROM event_volumes GROUP BY 1)
            USING (event_code) WHERE NOT is_passive ORDER BY event_code
            """
        ).fetchall()
        n_users = cursor.execute("SELECT coalesce(max(user_key) + 1, 0) FROM users").fetchall()[0][0]
        found = fetch_columns(
            cursor,
            """
            SELECT user_key, event_code, epoch_us(min(occurred_at)) AS first_us,
                   bool_or(coalesce(value, 0) > 0) AS has_value
            FROM events WHERE user_key % $stride = 0 GROUP BY 1, 2
            """,
            {"stride": max(1, n_users // _SAMPLE_USERS)},
        )
    column = {code: place for place, (code, _, _) in enumerate(names)}
    users, row = np.unique(found["user_key"], return_inverse=True)
    at_us = np.full((len(users), len(names)), np.iinfo(np.int64).max)
    has_value = np.zeros(len(names), bool)
    for code, place in column.items():
        chosen = found["event_code"] == code
        at_us[row[chosen], place] = found["first_us"][chosen]
        has_value[place] = bool(found["has_value"][chosen].any())
    return FirstTimes([name for _, name, _ in names], at_us, has_value, np.array([n for _, _, n in names]))
