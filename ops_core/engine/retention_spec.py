"""What retention is asked for, as the engine takes it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ops_core.engine.activity import ActivitySpec
from ops_core.engine.cohorts import EntrySpec
from ops_core.model.time import DAY_US, HOUR_US

UNIT_US = {"hour": HOUR_US, "day": DAY_US, "week": 7 * DAY_US}
UNSEEN_US = np.iinfo(np.int64).max  # the end, as it were, of a window that begins before the data do: it never counts


@dataclass(frozen=True)
class RetentionSpec:
    """What to count. `windows` are (first, last) offsets, both included; last = `None` means up to as-of.

    With `rolling` an offset is a stretch of 1 h, 24 h or 7 × 24 h from the entry itself, else a calendar bucket.
    """

    entry: EntrySpec
    returns: ActivitySpec
    windows: tuple[tuple[int, int | None], ...]
    rolling: bool = False
    min_occurrences: int = 1

    @property
    def farthest(self) -> int:
        """The last offset that a window begins or ends with."""
        return max(first if last is None else last for first, last in self.windows)
