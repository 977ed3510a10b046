"""What is asked of all readings of activity: which buckets, and what counts as active."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ops_core.errors import QueryError
from ops_core.model.filters import Filter, filters_of
from ops_core.model.period import Period
from ops_core.model.segment import Segment
from ops_core.model.time import GRAINS


@dataclass(frozen=True)
class ActivityQuery:
    """Which buckets, and what counts as active.

    Args:
        period: every bucket that it touches is counted, whole.
        grain: one of `grains`.
        event: a name, several names, or `None` for any activity; with `filters` only events that pass them.

    Raises:
        QueryError: an unknown grain, or a part that is not of its kind.
    """

    grains: ClassVar[tuple[str, ...]] = GRAINS

    period: Period
    grain: str
    event: str | tuple[str, ...] | None = None
    segment: Segment | None = None
    filters: tuple[Filter, ...] = ()

    def __post_init__(self) -> None:
        Period.checked(self.period)
        Segment.checked(self.segment)
        object.__setattr__(self, "filters", filters_of(self.filters))
        if self.grain not in self.grains:
            raise QueryError("unknown_grain", value=self.grain, allowed=list(self.grains))
