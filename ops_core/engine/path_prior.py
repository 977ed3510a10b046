"""What users did before an instant of their own, counted by group: no row of an event leaves the store."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

from ops_core.engine.arrays import fetch_columns
from ops_core.store import Store, catalog

Array = np.ndarray
_DAY_US = 86_400_000_000


@dataclass(frozen=True, eq=False)
class Moments:
    """One instant (UTC µs) per user, and the stretch `[at − window, at)` before it that is looked at."""

    user_keys: Array
    at_us: Array
    window_us: int

    def table(self, **columns: Array) -> pa.Table:
        """The moments as the store takes them, with further columns."""
        places = np.arange(len(self.at_us), dtype=np.int32)
        return pa.table({"user_key": self.user_keys, "place": places, "at_us": self.at_us, **columns})

    @property
    def bounds(self) -> dict[str, int]:
        """The parameters of the statements below."""
        if not len(self.at_us):
            return {"low_us": 0, "high_us": 0, "window_us": self.window_us}
        low, high = int(self.at_us.min()) - self.window_us, int(self.at_us.max())
        return {"low_us": low, "high_us": high, "window_us": self.window_us}


def is_seen(store: Store, moments: Moments) -> Array:
    """Whether each moment's stretch begins after the data does (the midnight before the first event)."""
    first_us = catalog.first_event_us(store)
    if first_us is None:
        return np.zeros(len(moments.at_us), bool)
    rules = store.rules
    begin = rules.day_start_us(int(rules.local_days(np.array([first_us]))[0]))
    return moments.at_us - moments.window_us >= begin


def active_days(store: Store, moments: Moments) -> Array:
    """On how many of the 24-hour stretches before each moment its user did something that is not passive."""
    with store.cursor() as cursor:
        cursor.register("moments_now", moments.table())
        rows = fetch_columns(
            cursor,
            """
            SELECT place, count(DISTINCT (at_us - epoch_us(occurred_at)) // $day_us) AS n_days
            FROM events JOIN moments_now USING (user_key) JOIN event_names USING (event_code)
            WHERE NOT is_passive
              AND occurred_at >= make_timestamp($low_us) AND occurred_at < make_timestamp($high_us)
              AND epoch_us(occurred_at) >= at_us - $window_us AND epoch_us(occurred_at) < at_us
            GROUP BY place
            """,
            {**moments.bounds, "day_us": _DAY_US},
        )
    found = np.zeros(len(moments.at_us), np.int64)
    found[rows["place"]] = rows["n_days"]
    return found


def doers(store: Store, moments: Moments, stratum: Array, converted: Array) -> pd.DataFrame:
    """Users who did an event before their moment: event, stratum, converted (0 or 1), users."""
    with store.cursor() as cursor:
        table = moments.table(stratum=stratum.astype(np.int32), converted=converted.astype(np.int8))
        cursor.register("moments_now", table)
        return cursor.execute(
            """
            WITH did AS (
                SELECT DISTINCT event_code, place FROM events JOIN moments_now USING (user_key)
                WHERE occurred_at >= make_timestamp($low_us) AND occurred_at < make_timestamp($high_us)
                  AND epoch_us(occurred_at) >= at_us - $window_us AND epoch_us(occurred_at) < at_us)
            SELECT name AS event, stratum, converted, count(*) AS users
            FROM did JOIN moments_now USING (place) JOIN event_names USING (event_code)
            GROUP BY ALL ORDER BY ALL
            """,
            moments.bounds,
        ).df()
