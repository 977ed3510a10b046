"""What is asked of an experiment: its metrics and how they are read. Part of `analyses.experiments`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from ops_core.errors import QueryError
from ops_core.model.filters import Filter
from ops_core.model.period import Period
from ops_core.model.segment import Segment

KINDS = ("proportion", "mean", "ratio", "retention", "revenue", "funnel")
ROLES = ("decision", "reference", "guardrail")
SHARE_KINDS = ("proportion", "retention", "funnel")
_WINDOWED = ("proportion", "mean", "ratio", "revenue", "funnel")
# What each kind reads beyond name, role and column; anything else that is set would be silently without effect.
_USES = {
    "proportion": {"event", "window_seconds", "filters", "covariate", "lookback_seconds"},
    "mean": {"event", "measure", "window_seconds", "filters", "winsorize", "covariate", "lookback_seconds"},
    "revenue": {"event", "window_seconds", "filters", "winsorize", "covariate", "lookback_seconds"},
    "ratio": {"event", "denominator", "measure", "window_seconds", "filters"},
    "retention": {"first_day", "last_day", "covariate", "lookback_seconds"},
    "funnel": {"event", "window_seconds"},
}
_OPTIONS = (
    "event", "denominator", "measure", "window_seconds", "first_day", "last_day", "filters", "winsorize", "covariate",
    "lookback_seconds",
)  # fmt: skip
_OF_EVENTS = ("event", "measure", "window_seconds", "first_day", "last_day", "filters", "lookback_seconds")


@dataclass(frozen=True)
class Metric:
    """One number per user that the arms are compared on.

    In a unit table it is a column (`column`, by default the one called `name`): proportion and retention of 0/1 or
    true/false, mean and revenue of numbers, ratio of `column` to `denominator`.

    With assignments it comes from the user's events after the first exposure, both ends of the window included:
    proportion (did any of `event`), mean (number of them, or their values with `measure="value"`), revenue (values of
    `event`, by default of all that count as revenue), ratio (the same over `denominator` events, filters on both),
    funnel (the events of `event` one after the other), each within `window_seconds`; retention (active on a local day
    `first_day` … `last_day` after the day of exposure). Users whose window is still open at as-of are left out and
    counted.

    `role`: decision metrics make the verdict (Holm), reference ones do not (Benjamini–Hochberg), guardrails are tested
    one-sided for harm. `winsorize`: quantile above which amounts are cut, over all arms. CUPED: `covariate` (a column
    from before) or `lookback_seconds` (the same metric before the exposure). `worthwhile`: the smallest difference
    worth acting on, in the metric's unit, positive.

    Raises:
        QueryError: an unknown kind or role, a value out of its range, or an option that the kind does not use.
    """

    name: str
    kind: str
    column: str | None = None
    event: str | tuple[str, ...] | None = None
    denominator: str | None = None
    measure: str = "count"
    window_seconds: int | None = None
    first_day: int | None = None
    last_day: int | None = None
    filters: tuple[Filter, ...] = ()
    role: str = "decision"
    higher_is_better: bool = True
    winsorize: float | None = None
    covariate: str | None = None
    lookback_seconds: int | None = None
    worthwhile: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "filters", tuple(self.filters))
        if isinstance(self.event, list):
            object.__setattr__(self, "event", tuple(self.event))
        for value, allowed, word in ((self.kind, KINDS, "kind"), (self.role, ROLES, "role")):
            if value not in allowed:
                raise QueryError(f"metric_unknown_{word}", name=self.name, value=value, allowed=list(allowed))
        if self.measure not in ("count", "value"):
            raise QueryError("metric_unknown_measure", name=self.name, value=self.measure)
        if self.kind == "ratio" and self.denominator is None:
            raise QueryError("metric_needs_denominator", name=self.name)
        self._check_ranges()
        if unused := [option for option in self._given(_OPTIONS) if option not in _USES[self.kind]]:
            raise QueryError("metric_unused", name=self.name, kind=self.kind, options=unused)

    def _check_ranges(self) -> None:
        if self.winsorize is not None and not 0.5 <= self.winsorize < 1:
            raise QueryError("metric_winsorize", name=self.name, value=self.winsorize)
        if self.lookback_seconds is not None and not self.lookback_seconds > 0:
            raise QueryError("metric_lookback", name=self.name, value=self.lookback_seconds)
        if self.worthwhile is not None and not 0 < self.worthwhile < math.inf:
            raise QueryError("metric_worthwhile", name=self.name, value=self.worthwhile)
        if self.first_day is not None and not 0 < self.first_day <= (self.last_day or self.first_day):
            raise QueryError("metric_days", name=self.name, first=self.first_day, last=self.last_day)

    def _given(self, options: tuple[str, ...]) -> list[str]:
        fields = self.__dataclass_fields__
        return [option for option in options if getattr(self, option) != fields[option].default]

    @property
    def events(self) -> tuple[str, ...]:
        """The event names, none for any."""
        if self.event is None:
            return ()
        return (self.event,) if isinstance(self.event, str) else self.event

    @property
    def is_share(self) -> bool:
        """Whether the mean is a share of users, 0 to 1."""
        return self.kind in SHARE_KINDS

    def check_for_unit_table(self) -> None:
        """Refuse what a table of finished outcomes cannot answer."""
        if self.kind == "funnel" or self._given(_OF_EVENTS):
            raise QueryError("metric_needs_events", name=self.name)

    def check_for_assignments(self) -> None:
        """Refuse what events cannot answer."""
        if self.column is not None or self.covariate is not None:
            raise QueryError("metric_needs_unit_table", name=self.name)
        if self.kind in _WINDOWED and not (self.window_seconds and self.window_seconds > 0):
            raise QueryError("metric_needs_window", name=self.name)
        if self.kind == "retention" and self.first_day is None:
            raise QueryError("metric_needs_days", name=self.name)
        if self.kind == "funnel" and len(self.events) < 2:
            raise QueryError("metric_needs_steps", name=self.name)


@dataclass(frozen=True)
class ExperimentQuery:
    """An experiment and how it is read.

    `source`: the name of an experiment in the assignments, or a unit table by batch id or name. `control`: the arm to
    compare with (default: the arm called control, 对照 and the like, else the first by name). `planned`: share of
    traffic per arm as a mapping (default: equal). `period`: first exposures that count. `power` is for the smallest
    visible difference, `tuning_n` the number of users at which the always-valid interval is tightest, `planned_n` the
    users per arm at which the experiment was to be read.

    Raises:
        QueryError: no metric, two of one name, or a level outside (0, 0.5).
    """

    source: str | int
    metrics: tuple[Metric, ...]
    control: str | None = None
    alpha: float = 0.05
    planned: Mapping[str, float] | tuple[tuple[str, float], ...] | None = None
    period: Period | None = None
    segment: Segment | None = None
    power: float = 0.8
    tuning_n: int = 10_000
    planned_n: int | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "metrics", tuple(self.metrics))
        if not self.metrics:
            raise QueryError("experiment_no_metrics")
        names = [metric.name for metric in self.metrics]
        if len(set(names)) < len(names):
            raise QueryError("experiment_metric_twice", name=max(names, key=names.count))
        if not 0 < self.alpha < 0.5 or not 0.5 <= self.power < 1 or self.tuning_n < 1:
            raise QueryError("experiment_levels", alpha=self.alpha, power=self.power)
        if isinstance(self.planned, Mapping):
            object.__setattr__(self, "planned", tuple(sorted(self.planned.items())))
