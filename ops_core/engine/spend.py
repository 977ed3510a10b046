"""What was spent per channel and day: of several files that name a channel's day the latest counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ops_core.engine.arrays import fetch_columns
from ops_core.store import Store

_DAILY = """
    SELECT local_day, channel, lower(trim(channel)) AS folded, (sum(amount) * 1000000)::BIGINT AS micros
    FROM (SELECT *, max(batch_id) OVER (PARTITION BY channel, local_day) AS latest FROM spend
          WHERE local_day >= DATE '1970-01-01' + $first::INTEGER AND local_day < DATE '1970-01-01' + $end::INTEGER)
    WHERE batch_id = latest GROUP BY ALL ORDER BY channel, local_day
"""


@dataclass(frozen=True, eq=False)
class Spend:
    """One row per channel and day with a spend row (a recorded 0 is known, a missing day is not); "" is no channel.

    `folded`: the channel as it is matched with a user property (`purchases.user_places`), its case taken off.
    """

    channels: np.ndarray
    folded: np.ndarray
    days: np.ndarray
    amounts: np.ndarray

    def __len__(self) -> int:
        return len(self.days)

    def only(self, keep: np.ndarray) -> Spend:
        """The rows of a mask."""
        return Spend(self.channels[keep], self.folded[keep], self.days[keep], self.amounts[keep])


def daily(store: Store, first_day: int, end_day: int) -> Spend:
    """Spend of the local days first … end − 1."""
    with store.cursor() as cursor:
        rows = fetch_columns(cursor, _DAILY, {"first": first_day, "end": end_day})
    channel, folded = rows["channel"].astype(object), rows["folded"].astype(object)
    return Spend(channel, folded, rows["local_day"], rows["micros"] / 1_000_000)


def channels(store: Store) -> tuple[str, ...]:
    """Channels with spend, the most expensive first."""
    with store.cursor() as cursor:
        rows = cursor.execute(
            "SELECT channel FROM spend WHERE channel <> '' GROUP BY channel ORDER BY sum(amount) DESC, channel"
        ).fetchall()
    return tuple(row[0] for row in rows)
