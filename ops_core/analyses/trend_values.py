"""From counts per bucket to the numbers of a trend's lines."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ops_core.analyses.trend_query import Series, TrendsQuery
from ops_core.engine import trends as engine
from ops_core.errors import QueryError
from ops_core.model.time import DAY_US, HOUR_US, TimeRules
from ops_core.store import Store
from ops_core.workspace import Workspace


@dataclass(frozen=True)
class Window:
    """Buckets first … end − 1 of a grain (running numbers), each point covering `width` of them (0: all so far)."""

    first: int
    end: int
    grain: str
    width: int = 1

    @property
    def lead(self) -> int:
        """Buckets before the first that its point still covers."""
        return max(self.width - 1, 0)

    def starts_local_us(self, rules: TimeRules, first: int, end: int) -> np.ndarray:
        """Wall-clock starts (µs) of the buckets first … end."""
        numbers = np.arange(first, end + 1, dtype=np.int64)
        if self.grain == "hour":
            return numbers * HOUR_US
        return rules.index_start_day(numbers, self.grain).astype(np.int64) * DAY_US

    def edges_us(self, rules: TimeRules, lead: int = 0) -> tuple[int, ...]:
        """The instants around the buckets, `lead` buckets earlier ones included."""
        local = self.starts_local_us(rules, self.first - lead, self.end)
        return tuple(int(edge) for edge in rules.to_utc_us(local))


@dataclass(frozen=True, eq=False)
class Line:
    """Numbers of one line: arrays (groups × buckets). `denominator` is nan for counts and sums; `is_empty` says of
    each group whether nothing at all was counted."""

    groups: tuple[str, ...]
    value: np.ndarray
    numerator: np.ndarray
    denominator: np.ndarray
    is_empty: np.ndarray

    def cut(self, first: int, end: int) -> Line:
        """The same over buckets first … end − 1, counted from the line's own first."""
        return replace(
            self, value=self.value[:, first:end], numerator=self.numerator[:, first:end],
            denominator=self.denominator[:, first:end],
        )  # fmt: skip


def measured(
    store: Store, query: TrendsQuery, groups: tuple[str, ...], window: Window | tuple[int, int]
) -> dict[str, Line]:
    """The lines of a query by name, over buckets or over one stretch between two instants.

    Raises:
        QueryError: an unknown event or property, or an amount that none of the events carries.
    """
    lines = [_line(store, query, series, groups, window) for series in query.series]
    if query.formula:
        lines = [_combined(query.formula, *lines)]
    return dict(zip(query.line_names, lines, strict=True))


def _line(
    store: Store, query: TrendsQuery, series: Series, groups: tuple[str, ...], window: Window | tuple[int, int]
) -> Line:
    is_stretch = not isinstance(window, Window)
    lead, width = (0, 1) if is_stretch else (window.lead, window.width)
    spec = engine.CountSpec(
        edges_us=window if is_stretch else window.edges_us(store.rules, lead),
        events=series.events, filters=series.filters, segment=query.segment, amount=series.amount,
        per_amount=series.measure == "mean",
        quantile=series.quantile, width=width, breakdown=query.breakdown, groups=groups,
    )  # fmt: skip
    counts = engine.answer(store, spec)
    if series.amount and counts.events.sum() and not counts.n_amounts.sum() and not _has_amounts(store, spec):
        raise QueryError("trends_no_amounts", prop=series.prop, events=list(series.events) or ["*"])
    per_bucket = max(width, 1) if series.is_additive else 1
    value, numerator, denominator = (part[:, lead:] for part in _of_measure(series, counts))
    return Line(spec.group_names, value / per_bucket, numerator, denominator, counts.events.sum(axis=1) == 0)


def _has_amounts(store: Store, spec: engine.CountSpec) -> bool:
    """Whether there is any amount at all: a property may have begun after the stretch that is asked for."""
    first_us, last_us = engine.event_span_us(store)
    everything = replace(spec, edges_us=(first_us, last_us + 1), width=1, quantile=None, segment=None)
    return bool(engine.answer(store, everything).n_amounts.sum())


def _of_measure(series: Series, counts: engine.Counts) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    unknown = np.full(counts.users.shape, np.nan)
    users, events, n_amounts = (each.astype(float) for each in (counts.users, counts.events, counts.n_amounts))
    if series.measure == "users":
        return users, users, unknown
    if series.measure == "total":
        return events, events, unknown
    if series.measure == "sum":
        return counts.totals, counts.totals, unknown
    if series.measure == "per_user":
        return divided(events, users), events, users
    if series.measure == "mean":
        return divided(counts.totals, n_amounts), counts.totals, n_amounts
    return counts.quantiles, unknown, n_amounts


def _combined(formula: str, first: Line, second: Line) -> Line:
    value = {
        "ratio": lambda: divided(first.value, second.value),
        "difference": lambda: first.value - second.value,
        "sum": lambda: first.value + second.value,
    }[formula]()
    return Line(first.groups, value, first.value, second.value, first.is_empty & second.is_empty)


def divided(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """The quotient, nan where the divisor is 0 or unknown."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(below != 0, above / np.where(below != 0, below, 1.0), np.nan)


def bucket_of(rules: TimeRules, utc_us: np.ndarray, grain: str) -> np.ndarray:
    """Running number of the bucket of each instant."""
    if grain == "hour":
        return np.floor_divide(rules.local_us(utc_us), HOUR_US)
    return rules.bucket_index(rules.local_days(utc_us), grain)


def first_whole_bucket(workspace: Workspace, grain: str) -> int:
    """Running number of the first bucket that the data covers from its first day on."""
    rules = workspace.rules
    first_day = workspace.data_period().days(rules)[0]
    if grain == "hour":
        return first_day * 24
    index = int(rules.bucket_index([first_day], grain)[0])
    return index if int(rules.index_start_day(index, grain)) >= first_day else index + 1


def complete_until_us(workspace: Workspace, grain: str) -> int:
    """The last local midnight (for hours: full hour) at or before as-of, UTC µs: up to it every day is complete."""
    rules = workspace.rules
    unit = HOUR_US if grain == "hour" else DAY_US
    local = int(rules.local_us(np.array([workspace.as_of_us]))[0]) // unit * unit
    return int(rules.to_utc_us(np.array([local]))[0])
