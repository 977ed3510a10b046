"""The points of a trend: values per bucket with their comparison and their normal range, as arrays until the end."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import pandas as pd

from ops_core.analyses.anomalies import MOST, SEASONS, normal_range
from ops_core.analyses.trend_query import TrendsQuery
from ops_core.analyses.trend_values import Line, Window, bucket_of, divided, first_whole_bucket, measured
from ops_core.model.alignment import year_before
from ops_core.model.period import Period
from ops_core.workspace import Workspace

_PARTS = ("value", "numerator", "denominator")


class Points:
    """The lines of a query over the buckets of `window`, of which those before `first` are mere context."""

    def __init__(
        self, workspace: Workspace, query: TrendsQuery, groups: tuple[str, ...], window: Window, first: int
    ) -> None:
        self._workspace, self._query, self._groups, self._window, self._first = workspace, query, groups, window, first
        self._numbers = np.arange(window.first, window.end)
        self._known_from = first_whole_bucket(workspace, query.grain)
        self._judged = not query.breakdown and query.width == 1
        earliest = max(window.first - MOST * SEASONS[query.grain], self._known_from) if self._judged else window.first
        # Each bucket stands for itself, or together with those that `width` names: one count serves all that is asked.
        self._longer = Window(min(earliest, window.first), window.end, query.grain, query.width)
        self._counted = measured(workspace.store, query, groups, self._longer)

    def table(self) -> pd.DataFrame:
        """The rows as `TrendsResult.points` describes them."""
        window, rules = self._window, self._workspace.rules
        lines = self._over(window)
        names = [(name, group) for name, line in lines.items() for group in line.groups]
        columns = {part: np.concatenate([getattr(line, part) for line in lines.values()]) for part in _PARTS}
        if window.lead:
            # A smoothed point whose window reaches back before the data would be too low.
            columns["value"][:, self._numbers - window.lead < self._known_from] = np.nan
        columns |= {"partial": self._is_partial(window), "in_period": self._numbers >= self._first}
        if self._query.compare is not None:
            columns |= self._comparison(columns["value"], columns["partial"], columns["in_period"])
        columns |= self._normal_range(columns["value"].shape)
        starts = window.starts_local_us(rules, window.first, window.end)[:-1].astype("datetime64[us]")
        shape = columns["value"].shape
        line, group = (np.array(part, dtype=object)[:, None] for part in zip(*names, strict=True))
        kept = self._exists(window) & ~np.isin(group, list(self.empty_groups))
        columns = {"line": line, "group": group, "bucket": starts} | columns
        table = pd.DataFrame({name: np.broadcast_to(column, shape).ravel() for name, column in columns.items()})
        return table if kept.all() else table[kept.ravel()].reset_index(drop=True)

    @cached_property
    def empty_groups(self) -> set[str]:
        """Of "other" and "no value", the last two of a breakdown, those with nothing in them."""
        lines = list(self._counted.values())
        rest = lines[0].groups[-2:] if len(lines[0].groups) > 1 else ()
        nothing = np.logical_and.reduce([line.is_empty for line in lines])[-2:]
        return {name for name, empty in zip(rest, nothing, strict=False) if empty}

    def _over(self, window: Window) -> dict[str, Line]:
        counted = self._longer
        inside = counted.first <= window.first and window.end <= counted.end
        if window != counted and not (self._judged and inside):
            return measured(self._workspace.store, self._query, self._groups, window)
        first, end = window.first - counted.first, window.end - counted.first
        return {name: line.cut(first, end) for name, line in self._counted.items()}

    def _exists(self, window: Window) -> np.ndarray:
        """Which buckets there are: the hour that a clock skips in spring is none."""
        return np.diff(window.edges_us(self._workspace.rules)) > 0

    def _is_partial(self, window: Window) -> np.ndarray:
        edges = np.array(window.edges_us(self._workspace.rules))
        before_data = np.arange(window.first, window.end) < self._known_from
        return (edges[1:] > self._workspace.as_of_us) | before_data

    def _comparison(self, value: np.ndarray, partial: np.ndarray, in_period: np.ndarray) -> dict[str, np.ndarray]:
        rules, query = self._workspace.rules, self._query
        partners = self._partners()
        other = Window(int(partners.min()), int(partners.max()) + 1, query.grain, query.width)
        place = partners - other.first
        compared = np.concatenate([line.value for line in self._over(other).values()])[:, place]
        # A smoothed or summed value whose own window reaches back before the data would be too low.
        first_used = partners - other.lead if query.width else np.full(len(partners), partners.min())
        without = ~in_period | (partners > self._last_partner())
        compared[:, without | (first_used < self._known_from)] = np.nan
        starts = other.starts_local_us(rules, other.first, other.end).astype("datetime64[us]")[place]
        starts[without] = np.datetime64("NaT")
        unripe = np.array(other.edges_us(rules))[1:][place] > self._workspace.as_of_us
        difference = np.where(partial | unripe, np.nan, value - compared)
        return {
            "compare_bucket": starts, "compare_value": compared, "difference": difference,
            "relative": divided(difference, np.abs(compared)),
        }  # fmt: skip

    def _partners(self) -> np.ndarray:
        """The bucket that each bucket is compared with."""
        own, query, rules = self._numbers, self._query, self._workspace.rules
        if query.compare == "year":
            return np.array([year_before(rules, int(index), query.grain) for index in own])
        if query.compare == "previous":
            return own - (self._window.end - self._first)
        start_us, _ = query.compare.bounds(rules)
        return own - self._first + int(bucket_of(rules, np.array([start_us]), query.grain)[0])

    def _last_partner(self) -> float:
        """The last bucket of a period that is compared with; a shorter one ends before all of this one's are paired."""
        if not isinstance(self._query.compare, Period):
            return float("inf")
        _, end_us = self._query.compare.bounds(self._workspace.rules)
        return int(bucket_of(self._workspace.rules, np.array([end_us - 1]), self._query.grain)[0])

    def _normal_range(self, shape: tuple[int, int]) -> dict[str, np.ndarray]:
        low, high, unusual = np.full(shape, np.nan), np.full(shape, np.nan), np.zeros(shape, int)
        if self._judged:
            query, complete = self._query, ~self._is_partial(self._longer) & self._exists(self._longer)
            back = self._window.first - self._longer.first
            for place, (name, line) in enumerate(self._counted.items()):
                is_count = query.formula is None and query.series[int(name) - 1].is_count
                is_share = query.formula == "ratio" and all(series.is_count for series in query.series)
                of = line.denominator[0] if is_share else None
                found = normal_range(line.value[0], query.grain, complete, is_count, of)
                low[place], high[place], unusual[place] = found.low[back:], found.high[back:], found.unusual[back:]
        return {"normal_low": low, "normal_high": high, "unusual": unusual}
