"""What can be asked of a trend: series, a formula of two, buckets, smoothing, breakdown, comparison, target."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ops_core.errors import QueryError
from ops_core.model.filters import Filter, filters_of
from ops_core.model.period import Period
from ops_core.model.segment import Segment
from ops_core.model.time import GRAINS

MEASURES = ("users", "total", "per_user", "sum", "mean", "median", "percentile")
FORMULAS = ("ratio", "difference", "sum")
COMPARISONS = ("previous", "year")
_OF_AMOUNT = ("sum", "mean", "median", "percentile")


@dataclass(frozen=True)
class Series:
    """One line: which events, and what of them.

    Attributes:
        event: a name, several (any of them), or `None` for any activity.
        measure: `users` (distinct), `total` (events), `per_user` (events ÷ users), or of the amount `sum`, `mean` (per
            event that has one), `median`, `percentile`.
        prop: the amount: `value` or a numeric event property.
        percentile: 0–100, for `percentile`.

    Raises:
        QueryError: an unknown measure or a percentile outside 0–100.
    """

    event: str | tuple[str, ...] | None = None
    measure: str = "users"
    prop: str = "value"
    percentile: float = 90.0
    filters: tuple[Filter, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "filters", filters_of(self.filters))
        if self.event is not None and not isinstance(self.event, str):
            several = isinstance(self.event, Iterable)
            object.__setattr__(self, "event", tuple(self.event) if several else str(self.event))
        if self.measure not in MEASURES:
            raise QueryError("trends_unknown_measure", value=self.measure, allowed=list(MEASURES))
        if not 0 <= self.percentile <= 100:
            raise QueryError("trends_percentile", value=self.percentile)

    @property
    def events(self) -> tuple[str, ...]:
        """The event names; none for any activity."""
        if self.event is None:
            return ()
        return (self.event,) if isinstance(self.event, str) else self.event

    @property
    def amount(self) -> str | None:
        """The property that is summed, `None` when events or users are counted."""
        return self.prop if self.measure in _OF_AMOUNT else None

    @property
    def quantile(self) -> float | None:
        """The quantile asked for, 0–1."""
        return {"median": 0.5, "percentile": self.percentile / 100}.get(self.measure)

    @property
    def is_additive(self) -> bool:
        """Whether buckets add up to the period."""
        return self.measure in ("total", "sum")

    @property
    def is_count(self) -> bool:
        """Whether the numbers are counts of users or events."""
        return self.measure in ("users", "total")


@dataclass(frozen=True)
class Target:
    """Will `value` be reached in `period`? A measure that adds up is meant over the whole period, any other in the
    bucket with the period's last day."""

    value: float
    period: Period


@dataclass(frozen=True)
class TrendsQuery:
    """What to count, when and how.

    Attributes:
        series: one or several (up to 5); plain event names are accepted, `None` is any activity event.
        period: every bucket that it touches is counted whole.
        grain: hour, day, week, month, quarter.
        formula: of exactly two series A and B: `ratio` A ÷ B, `difference` A − B, `sum` A + B.
        breakdown: event property or `user.<name>`; its `top` most frequent values are told apart: those of the first
            series, and where they are fewer, those of the others.
        rolling_buckets: each point covers this many buckets ending with its own: distinct users in them, totals and
            sums as the mean per bucket, everything else over all their events.
        cumulative: each point covers everything since the first bucket.
        compare: another period, `previous`, or `year` (weeks by ISO number, days by weekday).
        context_buckets: buckets before the period that are shown with it, as far as the data reach.

    Raises:
        QueryError: parts that do not go together.
    """

    series: tuple[Series, ...]
    period: Period
    grain: str = "day"
    formula: str | None = None
    breakdown: str | None = None
    top: int = 5
    rolling_buckets: int = 1
    cumulative: bool = False
    compare: Period | str | None = None
    segment: Segment | None = None
    target: Target | None = None
    context_buckets: int = 0

    def __post_init__(self) -> None:
        Period.checked(self.period)
        Segment.checked(self.segment)
        is_one = self.series is None or isinstance(self.series, (str, Series))
        given = (self.series,) if is_one else tuple(self.series)
        series = tuple(one if isinstance(one, Series) else Series(one) for one in given)
        object.__setattr__(self, "series", series)
        if not 1 <= len(series) <= 5:
            raise QueryError("trends_series_number", n=len(series))
        if self.grain not in GRAINS:
            raise QueryError("unknown_grain", value=self.grain, allowed=list(GRAINS))
        if self.formula is not None and self.formula not in FORMULAS:
            raise QueryError("trends_unknown_formula", value=self.formula, allowed=list(FORMULAS))
        if self.formula is not None and len(series) != 2:
            raise QueryError("trends_formula_needs_two", n=len(series))
        if (
            type(self.rolling_buckets) is not int
            or self.rolling_buckets < 1
            or (self.rolling_buckets > 1 and self.cumulative)
        ):
            raise QueryError("trends_smoothing", value=self.rolling_buckets)
        if self.context_buckets < 0 or (self.context_buckets and self.cumulative):
            raise QueryError("trends_context", value=self.context_buckets)
        if not isinstance(self.compare, Period | None) and self.compare not in COMPARISONS:
            raise QueryError("trends_unknown_comparison", value=self.compare, allowed=list(COMPARISONS))

    @property
    def line_names(self) -> tuple[str, ...]:
        """What the lines are called in the result: `1`, `2`, … or `formula`."""
        return ("formula",) if self.formula else tuple(str(number + 1) for number in range(len(self.series)))

    @property
    def width(self) -> int:
        """Buckets that each point covers; 0 for all since the first."""
        return 0 if self.cumulative else self.rolling_buckets
