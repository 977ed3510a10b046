"""Which points of a series are unusual: each against its own past, in robust deviations.

A point is compared with the complete points before it that lie at the same place of the season (a Monday with
Mondays, an hour with that hour of that weekday), 8 to 13 of them. Centre: their median, carried along their median
slope (Theil 1950, Sen 1968), so that steady growth is no anomaly. Scale: 1.4826 × the median absolute deviation, the
robust standard deviation (Rousseeuw & Croux 1993), widened for the step beyond the past and never below a floor, so
that a flat past does not turn every wobble into an alarm. Known limit: holidays that move in the calendar are unusual.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SEASONS = {"hour": 168, "day": 7, "week": 1, "month": 1, "quarter": 1}
FEWEST, MOST = 8, 13  # points of the past
LIMIT = 3.5  # robust deviations (Iglewicz & Hoaglin 1993)
_MAD_TO_SD = 1.4826
_FLOOR_SHARE = 0.02  # of the centre: smaller moves are nobody's business


@dataclass(frozen=True, eq=False)
class Normal:
    """The normal range of each point: centre, low, high; nan where the past is too short. `unusual` is −1 below, 1
    above, 0 inside or unknown."""

    centre: np.ndarray
    low: np.ndarray
    high: np.ndarray
    unusual: np.ndarray


def normal_range(
    values: np.ndarray, grain: str, is_complete: np.ndarray, is_count: bool, denominator: np.ndarray | None = None
) -> Normal:
    """The range that each point's own past makes normal. Incomplete or undefined points neither judge nor are judged.

    `is_count`: the floor is then at least the spread that counting alone causes (Poisson). `denominator`: the values
    are shares of these numbers; the floor is then at least that of drawing so many (binomial), the range within 0–1.
    """
    values = np.asarray(values, dtype=float)
    season = SEASONS[grain]
    usable = np.asarray(is_complete, dtype=bool) & ~np.isnan(values)
    centre, scale = np.full(len(values), np.nan), np.full(len(values), np.nan)
    for place in range(len(values)):
        past = np.arange(place - season, -1, -season)
        past = past[usable[past]][:MOST]
        if len(past) < FEWEST:
            continue
        middle, spread = _ahead(past, values[past], place)
        floor = np.sqrt(max(middle, 1.0)) if is_count else 0.0
        if denominator is not None and 0 < middle < 1 and denominator[place] > 0:
            floor = np.sqrt(middle * (1 - middle) / denominator[place])
        width = max(spread, _FLOOR_SHARE * abs(middle), floor)
        if width > 0:  # amounts that were always 0 say nothing about what is normal
            centre[place], scale[place] = middle, width
    low, high = centre - LIMIT * scale, centre + LIMIT * scale
    if is_count or denominator is not None:
        low = np.maximum(low, 0.0)
    if denominator is not None and np.nanmax(values, initial=0.0) <= 1:
        high = np.minimum(high, 1.0)
    with np.errstate(invalid="ignore"):
        unusual = np.where(usable & (values > high), 1, np.where(usable & (values < low), -1, 0))
    return Normal(centre, low, high, unusual)


def _ahead(when: np.ndarray, past: np.ndarray, place: int) -> tuple[float, float]:
    """Centre and spread that the past gives for a later place."""
    later, earlier = np.triu_indices(len(past), 1)
    slope = float(np.median((past[later] - past[earlier]) / (when[later] - when[earlier])))
    carried = past + slope * (place - when)
    middle = float(np.median(carried))
    # One step beyond n points of a line the error of the line itself adds about 4 / n of the variance.
    spread = _MAD_TO_SD * float(np.median(np.abs(carried - middle))) * np.sqrt(1 + 4 / len(past))
    return middle, spread
