"""The figures of the last complete week, each with its change, its history and whether the change is unusual.

Counted per calendar week: active users; new users (first seen); revenue, paying users (positive sum) and revenue per
paying user; stickiness (mean daily active ÷ weekly active). Activation (a second active day, or the activation event of
the stage rules, within 7 days of which the first is the day first seen) and week-1 retention are shares of the users
first seen the week before, the newest whose time is up. Only complete weeks enter.

A change is unusual when it lies outside the median of the earlier week-to-week changes ± 3 × 1.4826 × their median
absolute deviation (Hampel 1974); changes of counts and money are taken as logarithms. The scale never falls below the
sampling error of the change. Fewer than 8 earlier changes: nothing is called unusual.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from numbers import Integral

import numpy as np
import pandas as pd

from ops_core.analyses.stages import StageRules
from ops_core.engine.weeks import WeeklyCounts, weekly_counts
from ops_core.errors import QueryError
from ops_core.model.intervals import wilson
from ops_core.model.segment import Segment
from ops_core.model.time import date_of, dates_of, day_number
from ops_core.workspace import Workspace, one_state

KPIS = (
    "active_users", "new_users", "activation", "week1_retention", "revenue", "paying_users", "revenue_per_payer",
    "stickiness",
)  # fmt: skip
UNITS = {
    "active_users": "count", "new_users": "count", "activation": "share", "week1_retention": "share",
    "revenue": "money", "paying_users": "count", "revenue_per_payer": "money", "stickiness": "share",
}  # fmt: skip
GOOD_WHEN = dict.fromkeys(KPIS, "up")
HISTORY_WEEKS = 26
FEWEST_CHANGES = 8
_NORMAL_SCALE = 1.4826  # median absolute deviation → standard deviation of a normal distribution
_WIDTH = 3
_NONE = 0.5
_MONEY_FLOOR = 0.01  # amounts per user vary in ways the sums cannot tell; 1 % is never called unusual


@dataclass(frozen=True)
class KpiQuery:
    """Whose weeks, and up to when.

    Args:
        until: the week shown ends on or before this day; default: the last complete week.
        weeks: length of the history in `series`.

    Raises:
        QueryError: a part that is not of its kind.
    """

    segment: Segment | None = None
    until: dt.date | str | None = None
    weeks: int = HISTORY_WEEKS

    def __post_init__(self) -> None:
        Segment.checked(self.segment)
        if not isinstance(self.weeks, Integral) or self.weeks < 1:
            raise QueryError("kpi_weeks", value=self.weeks)


@dataclass(frozen=True, eq=False)
class KpiResult:
    """The week's figures.

    `tiles`: one row per KPI: kpi, unit (count, share 0–1, money), value, previous (the week before), change (value −
        previous), relative (change ÷ size of previous), numerator and denominator (shares and ratios; else nan), low,
        high (Wilson 95 % of activation and retention, else nan), usual_low, usual_high (the normal range of the change:
        relative for counts and money, absolute for shares; nan with too little history), n_history (earlier changes),
        is_unusual (bool). Values are nan where there is nothing to divide by, revenue without any value.
    `series`: week (first day) and one column per KPI, oldest first, the last row is the week shown.
    `week`: first day of the week shown. `n_users`: all known users of the segment. `is_latest`: the week shown is the
        last complete one of the data.
    """

    query: KpiQuery
    week: dt.date
    n_users: int
    tiles: pd.DataFrame
    series: pd.DataFrame
    is_latest: bool = True

    @property
    def has_revenue(self) -> bool:
        """Whether any week shown has a value."""
        return bool(self.series["revenue"].notna().any())

    def tile(self, kpi: str) -> pd.Series:
        """The row of one KPI."""
        return self.tiles.set_index("kpi").loc[kpi]


@one_state
def analyze(workspace: Workspace, query: KpiQuery) -> KpiResult:
    """The figures of the last complete week.

    Raises:
        QueryError: no data yet, or no complete week.
    """
    first, end = _weeks(workspace, query)
    rules = workspace.rules
    event = StageRules.of(workspace).activation_event
    # One week more: the newest cohorts of activation and retention are those of the week before.
    counts = weekly_counts(workspace.store, first - 1, end, query.segment, event)
    starts = rules.index_start_day(np.arange(first - 1, end), "week")
    parts = _parts(counts, starts < workspace.data_period().days(rules)[0])
    values = {kpi: _ratio(*parts[kpi]) for kpi in KPIS}
    series = pd.DataFrame({"week": dates_of(rules.index_start_day(np.arange(first, end), "week")), **values})
    rows = [_tile(kpi, values[kpi], *parts[kpi]) for kpi in KPIS]
    week = date_of(int(rules.index_start_day(end - 1, "week")))
    complete_day = rules.local_days(np.array([workspace.as_of_us]))
    is_latest = end == int(rules.bucket_index(complete_day, "week")[0])
    return KpiResult(query, week, counts.n_known, pd.DataFrame(rows), series, is_latest)


def _weeks(workspace: Workspace, query: KpiQuery) -> tuple[int, int]:
    """First week of the history and the one after the week shown; only weeks that the data covers whole."""
    if workspace.as_of_us is None:
        raise QueryError("no_data_yet")
    rules = workspace.rules
    first_day, _ = workspace.data_period().days(rules)
    complete_day = int(rules.local_days(np.array([workspace.as_of_us]))[0])
    end_day = complete_day if query.until is None else min(complete_day, day_number(query.until))
    # The week of the data's first day is whole only when it is that week's first day.
    starts, ends = rules.bucket_index(np.array([first_day + 6, end_day]), "week")
    if ends <= starts:
        first, last = date_of(first_day).isoformat(), date_of(end_day - 1).isoformat()
        if end_day < complete_day:
            raise QueryError("no_week_until", first=first, until=date_of(end_day).isoformat())
        raise QueryError("no_complete_week", first=first, last=last)
    return max(int(starts), int(ends) - query.weeks), int(ends)


def _parts(counts: WeeklyCounts, begins_before: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Numerator and denominator per KPI over the weeks shown; the denominator of a plain count is 1.

    `begins_before`: the week begins before the data, which misses first days of those who signed up in it.
    """
    one = np.ones(len(counts.active) - 1)
    unknown = counts.is_left_censored
    new = np.where(unknown, np.nan, counts.new)
    activated = np.where(unknown | begins_before, np.nan, counts.activated)
    returned = np.where(unknown, np.nan, counts.returned)
    return {
        "active_users": (counts.active[1:], one),
        "new_users": (new[1:], one),
        "activation": (activated[:-1], new[:-1]),
        "week1_retention": (returned[:-1], new[:-1]),
        "revenue": (counts.revenue[1:], one),
        "paying_users": (np.where(np.isnan(counts.revenue), np.nan, counts.paying)[1:], one),
        "revenue_per_payer": (counts.revenue[1:], counts.paying[1:]),
        "stickiness": (counts.daily_active[1:] / 7, counts.active[1:]),
    }


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(np.asarray(denominator) > 0, numerator / denominator, np.nan).astype(float)


def _tile(kpi: str, values: np.ndarray, numerator: np.ndarray, denominator: np.ndarray) -> dict[str, object]:
    unit = UNITS[kpi]
    value, previous = values[-1], values[-2] if len(values) > 1 else np.nan
    low, high, n_history = _usual(kpi, values, denominator)
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = (value - previous) / abs(previous) if previous else np.nan
    is_cohort_share = kpi in ("activation", "week1_retention")
    share_low, share_high = wilson(numerator[-1], denominator[-1]) if is_cohort_share else (np.nan, np.nan)
    change = value - previous if unit == "share" else _judged(unit, relative, previous)
    is_plain = kpi in ("active_users", "new_users", "revenue", "paying_users")
    return {
        "kpi": kpi,
        "unit": unit,
        "value": value,
        "previous": previous,
        "change": value - previous,
        "relative": relative,
        "numerator": np.nan if is_plain else float(numerator[-1]),
        "denominator": np.nan if is_plain else float(denominator[-1]),
        "low": float(share_low),
        "high": float(share_high),
        "usual_low": low,
        "usual_high": high,
        "n_history": n_history,
        "is_unusual": bool(change < low or change > high),
    }


def _usual(kpi: str, values: np.ndarray, denominator: np.ndarray) -> tuple[float, float, int]:
    """The normal range of the last change, from the changes before it, and their number."""
    is_share = UNITS[kpi] == "share"
    with np.errstate(divide="ignore", invalid="ignore"):
        changes = np.diff(values if is_share else np.log(np.where(values > 0, values, np.nan)))
    earlier = changes[:-1][np.isfinite(changes[:-1])]
    if len(earlier) < FEWEST_CHANGES:
        return np.nan, np.nan, len(earlier)
    middle = np.median(earlier)
    scale = _NORMAL_SCALE * np.median(np.abs(earlier - middle))
    half = _WIDTH * max(scale, _sampling_error(kpi, values, denominator))
    low, high = middle - half, middle + half
    return (low, high, len(earlier)) if is_share else (np.expm1(low), np.expm1(high), len(earlier))


def _judged(unit: str, relative: float, previous: float) -> float:
    """The relative change that is held against the normal range: a count of none is half a one, as 0 has no logarithm.

    The last users of a small count may stay away by chance; −100 % would lie outside any range of logarithms.
    """
    return _NONE / previous - 1 if unit == "count" and relative == -1 else relative


def _sampling_error(kpi: str, values: np.ndarray, denominator: np.ndarray) -> float:
    """Standard error of the last change if nothing but chance were at work."""
    unit, pair = UNITS[kpi], values[-2:]
    if unit == "money":
        return _MONEY_FLOOR
    with np.errstate(divide="ignore", invalid="ignore"):
        if unit == "share":
            variance = pair * (1 - pair) / denominator[-2:]
        else:
            # Two counts of one mean; with a 0 among them only the mean says how far chance reaches.
            variance = 1 / pair if pair.min() > 0 else 1 / np.full(2, pair.mean())
    error = float(np.sqrt(np.sum(variance)))
    return error if np.isfinite(error) else 0.0
