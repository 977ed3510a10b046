"""Will we reach the target? What is there so far, plus a simple forecast of the rest, with an interval and a chance.

A measure that adds up (events, sums) is forecast day by day and summed over the rest of the target's period; any other
bucket by bucket up to the one with the period's last day. Method and its limits: `forecast`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from ops_core.analyses.forecast import MOST, BackTest, back_test, chance_above, project
from ops_core.analyses.trend_query import TrendsQuery
from ops_core.analyses.trend_values import Window, bucket_of, complete_until_us, first_whole_bucket, measured
from ops_core.model.time import TimeRules
from ops_core.workspace import Workspace


@dataclass(frozen=True, eq=False)
class Outlook:
    """The forecast against the target.

    `known`: what the complete days of the target's period hold already (0 for a measure that does not add up).
    `expected`, `low`, `high`: the period's total, or the last bucket's value, with its 95 % prediction interval;
    `chance`: of reaching the target, 0–1; all nan when `reason` says why there is no forecast (`short_past`,
    `period_over`: then `expected` is the result itself; a period over before the data begins, or whose last bucket
    the data covers in part only, is a `short_past`). `path`: bucket, value, low, high, is_forecast: the values that
    the target is held against (running total, or value per bucket). `back_test`: how earlier forecasts did.
    """

    target: float
    adds_up: bool
    known: float
    expected: float
    low: float
    high: float
    chance: float
    path: pd.DataFrame
    back_test: BackTest
    n_ahead: int
    grain: str
    reason: str = ""


@dataclass(frozen=True, eq=False)
class _Frame:
    """Buckets: `first` … `now` − 1 are known (`values`), the target's period is `start` … `end` − 1."""

    rules: TimeRules
    grain: str
    first: int
    now: int
    start: int
    end: int
    values: np.ndarray

    def rows(self, first: int, end: int, value: np.ndarray, line: tuple[np.ndarray, np.ndarray] | None) -> pd.DataFrame:
        """Rows of the path for buckets first … end − 1."""
        dates = Window(first, max(first, end), self.grain).starts_local_us(self.rules, first, max(first, end))[:-1]
        low, high = line or (np.nan, np.nan)
        return pd.DataFrame(
            {"bucket": dates.astype("datetime64[us]"), "value": value, "low": low, "high": high}
        ).assign(is_forecast=line is not None)


def outlook_of(workspace: Workspace, query: TrendsQuery) -> Outlook:
    """The outlook on a query's target, for its first line.

    Raises:
        QueryError: as the trend itself.
    """
    adds_up = query.formula is None and query.series[0].is_additive
    grain = "day" if adds_up else query.grain
    rules = workspace.rules
    plain = replace(query, grain=grain, breakdown=None, rolling_buckets=1, cumulative=False, compare=None)
    now = bucket_of(rules, np.array([complete_until_us(workspace, grain)]), grain)[0]
    start, last = bucket_of(rules, np.array(query.target.period.bounds(rules)) - np.array([0, 1]), grain)
    first = int(max(min(now - MOST[grain], start), first_whole_bucket(workspace, grain)))
    window = Window(first, int(max(now, first + 1)), grain)
    values = next(iter(measured(workspace.store, plain, (), window).values())).value[0][: max(now - first, 0)]
    frame = _Frame(rules, grain, first, int(now), int(start), int(last) + 1, values)
    return _total(query.target.value, frame) if adds_up else _level(query.target.value, frame)


def _total(target: float, frame: _Frame) -> Outlook:
    """Running total over the target's period."""
    begin, until = max(frame.start, frame.first), min(frame.now, frame.end)
    so_far = np.cumsum(frame.values[begin - frame.first : max(until - frame.first, begin - frame.first)])
    known = float(so_far[-1]) if len(so_far) else 0.0
    path = frame.rows(begin, until, so_far, None)
    skip = max(frame.start - frame.now, 0)
    line = project(frame.values, frame.end - frame.now, frame.grain, skip)
    if line is None:
        return _unknown(target, frame, path, known, adds_up=True)
    ahead = frame.rows(
        frame.now + skip, frame.end, known + line.totals, (known + line.totals_low, known + line.totals_high)
    )
    expected = known + float(line.totals[-1])
    chance = chance_above(expected - target, float(line.total_errors[-1]), line.freedom)
    return _found(target, frame, pd.concat([path, ahead], ignore_index=True), known, chance, adds_up=True)


def _level(target: float, frame: _Frame) -> Outlook:
    """Value of the last bucket of the target's period."""
    shown = max(frame.first, frame.now - MOST[frame.grain])
    path = frame.rows(shown, frame.now, frame.values[shown - frame.first :], None)
    line = project(frame.values, frame.end - frame.now, frame.grain)
    if line is None:
        return _unknown(target, frame, path, 0.0, adds_up=False)
    ahead = frame.rows(frame.now, frame.end, line.points, (line.low, line.high))
    chance = chance_above(float(line.points[-1]) - target, float(line.errors[-1]), line.freedom)
    return _found(target, frame, pd.concat([path, ahead], ignore_index=True), 0.0, chance, adds_up=False)


def _found(target: float, frame: _Frame, path: pd.DataFrame, known: float, chance: float, adds_up: bool) -> Outlook:
    last = path.iloc[-1]
    tested = back_test(frame.values, frame.end - frame.now, frame.grain, adds_up)
    return Outlook(
        target, adds_up, known, float(last["value"]), float(last["low"]), float(last["high"]), chance, path, tested,
        frame.end - frame.now, frame.grain,
    )  # fmt: skip


def _unknown(target: float, frame: _Frame, path: pd.DataFrame, known: float, adds_up: bool) -> Outlook:
    last = frame.end - 1 - frame.first
    is_known = 0 <= last < len(frame.values)  # the period is over, and the data reaches back to its end
    expected = math.nan
    if is_known:
        expected = known if adds_up else float(frame.values[last])
    return Outlook(
        target, adds_up, known, expected, math.nan, math.nan, math.nan, path, BackTest(0, 0, math.nan),
        max(frame.end - frame.now, 0), frame.grain, "period_over" if is_known else "short_past",
    )  # fmt: skip
