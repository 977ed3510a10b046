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
    pasts: dict[int, list[tuple[int, np.ndarray]]] = {}
    for place in range(len(values)):
        past = np.arange(place - season, -1, -season)
        past = past[usable[past]][:MOST]
        if len(past) >= FEWEST:
            pasts.setdefault(len(past), []).append((place, past))
    for of_one_length in pasts.values():
        places, past = (np.array(part) for part in zip(*of_one_length, strict=True))
        middle, spread = _ahead(past, values[past], places)
        floor = np.sqrt(np.maximum(middle, 1.0)) if is_count else np.zeros(len(places))
        if denominator is not None:
            is_drawn = (middle > 0) & (middle < 1) & (denominator[places] > 0)
            with np.errstate(divide="ignore", invalid="ignore"):
                floor = np.where(is_drawn, np.sqrt(middle * (1 - middle) / denominator[places]), floor)
        width = np.maximum.reduce([spread, _FLOOR_SHARE * np.abs(middle), floor])
        told = width > 0  # amounts that were always 0 say nothing about what is normal
        centre[places[told]], scale[places[told]] = middle[told], width[told]
    low, high = centre - LIMIT * scale, centre + LIMIT * scale
    if is_count or denominator is not None:
        low = np.maximum(low, 0.0)
    if denominator is not None and np.nanmax(values, initial=0.0) <= 1:
        high = np.minimum(high, 1.0)
    with np.errstate(invalid="ignore"):
        unusual = np.where(usable & (values > high), 1, np.where(usable & (values < low), -1, 0))
    return Normal(centre, low, high, unusual)


def _ahead(when: np.ndarray, past: np.ndarray, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Centre and spread that the past gives for later places; `when` and `past` are [place, point of its past]."""
    later, earlier = np.triu_indices(past.shape[1], 1)
    rise, run = past[:, later] - past[:, earlier], when[:, later] - when[:, earlier]
    slope = np.median(rise / run, axis=1, keepdims=True)
    carried = past + slope * (places[:, None] - when)
    middle = np.median(carried, axis=1, keepdims=True)
    # One step beyond n points of a line the error of the line itself adds about 4 / n of the variance.
    spread = _MAD_TO_SD * np.median(np.abs(carried - middle), axis=1) * np.sqrt(1 + 4 / past.shape[1])
    return middle[:, 0], spread
