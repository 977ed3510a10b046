"""Counting events and adding up amounts per user and day in arrays."""

from __future__ import annotations

import numpy as np
import pandas as pd

# A grid of users × days is filled where at least one cell in this many is used; else keys are sorted.
SPARSE = 16


class Cells:
    """Counts and sums per user and day of a block of users, as a grid where it is filled enough, else by sorting."""

    def __init__(self, first_user: int, first_day: int, span: int, size: int) -> None:
        self._origin = (first_user, first_day, span, size)
        self._keys: list[np.ndarray] = []
        self._counts: list[np.ndarray | None] = []
        self._value_keys: list[np.ndarray] = []
        self._values: list[np.ndarray] = []

    def add(self, users: np.ndarray, days: np.ndarray, counts: np.ndarray | None = None) -> None:
        """One event per row, or `counts` events."""
        self._keys.append(self._key(users, days))
        self._counts.append(counts)

    def add_value(self, users: np.ndarray, days: np.ndarray, values: np.ndarray) -> None:
        """Revenue in millionths."""
        self._value_keys.append(self._key(users, days))
        self._values.append(values)

    def add_old(self, old: dict[str, np.ndarray]) -> None:
        """Rows of `user_days` as they were."""
        self.add(old["u"], old["d"], old["n"])
        has = old["has"]
        self.add_value(old["u"][has], old["d"][has], old["v"][has])

    def table(self) -> pd.DataFrame:
        """user_key, local_day (day number), n_events, value (millionths), has_value; in order."""
        first_user, first_day, span, size = self._origin
        n_keys = sum(map(len, self._keys))
        found, counts = self._grid() if size <= SPARSE * n_keys + 1000 else self._sorted()
        keys = np.concatenate([*self._value_keys, np.empty(0, np.int64)])
        values = np.concatenate([*self._values, np.empty(0, np.int64)])
        place = np.searchsorted(found, keys)
        sums, has = np.zeros(len(found), np.int64), np.zeros(len(found), bool)
        np.add.at(sums, place, values)
        has[place] = True
        # Whole division of 32-bit numbers takes half the time.
        cells = found.astype(np.int32) if size < 1 << 31 else found
        users = cells // span
        days = cells - users * span + first_day
        users += first_user
        return pd.DataFrame({"u": users, "d": days, "n": counts, "v": sums, "has": has})

    def _grid(self) -> tuple[np.ndarray, np.ndarray]:
        plain = [keys for keys, counts in zip(self._keys, self._counts, strict=True) if counts is None]
        grid = np.bincount(np.concatenate([*plain, np.empty(0, np.int64)]), minlength=self._origin[3])
        for keys, counts in zip(self._keys, self._counts, strict=True):
            if counts is not None:
                grid[keys] += counts
        found = np.flatnonzero(grid)
        return found, grid[found]

    def _sorted(self) -> tuple[np.ndarray, np.ndarray]:
        keys = np.concatenate([*self._keys, np.empty(0, np.int64)])
        weights = [
            np.ones(len(one), np.int64) if counts is None else counts.astype(np.int64)
            for one, counts in zip(self._keys, self._counts, strict=True)
        ]
        found, place = np.unique(keys, return_inverse=True)
        totals = np.zeros(len(found), np.int64)
        np.add.at(totals, place, np.concatenate([*weights, np.empty(0, np.int64)]))
        return found, totals

    def _key(self, users: np.ndarray, days: np.ndarray) -> np.ndarray:
        first_user, first_day, span, _ = self._origin
        keys = users.astype(np.int64)
        keys -= first_user
        keys *= span
        keys += days
        keys -= first_day
        return keys
