"""How a number moves: any event or several, counted per bucket, broken down, compared, and held against its own past.

Unit: a user (`users`), an event (`total`, `per_user`) or an amount of an event (`sum`, `mean`, `median`, `percentile`).
Buckets are whole calendar buckets of the reporting zone (definitions §1); one that ends after as-of, or begins before
the data, is partial and never part of a change, a normal range or a forecast. Users are distinct in each bucket, so
buckets do not add up to the period. Normal range: `anomalies`; outlook on a target: `outlook`. Known limit: groups of
an event property may share users.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ops_core.analyses.outlook import Outlook, outlook_of
from ops_core.analyses.trend_points import Points
from ops_core.analyses.trend_query import MEASURES, Series, Target, TrendsQuery
from ops_core.analyses.trend_values import (
    Window,
    bucket_of,
    complete_until_us,
    divided,
    first_whole_bucket,
    measured,
)
from ops_core.engine import trends as engine
from ops_core.engine.trends import EVERYTHING, MISSING, OTHER
from ops_core.errors import QueryError
from ops_core.model.alignment import year_before
from ops_core.model.period import Period
from ops_core.model.time import DAY_US
from ops_core.workspace import Workspace, one_state

__all__ = [
    "EVERYTHING", "MEASURES", "MISSING", "OTHER", "Period", "Series", "Target", "TrendsQuery", "TrendsResult",
    "analyze",
]  # fmt: skip

MOST_POINTS = 100_000
_UNEVEN = ("month", "quarter")  # their buckets are of different length


@dataclass(frozen=True, eq=False)
class TrendsResult:
    """The answer, with its query.

    `points`, one row per line, group and bucket: line (`1`, `2`, … or `formula`), group (value of the breakdown,
    `OTHER`, `MISSING`; `EVERYTHING` without a breakdown), bucket (its start: local wall-clock datetime), value
    (nan where undefined, or where a rolling window reaches back before the data),
    numerator, denominator (nan for counts and sums), partial, in_period (not mere context); with a comparison
    compare_bucket, compare_value, difference, relative (to the size of compare_value, so that its sign is that of the
    difference; both nan where either side is partial or undefined); normal_low,
    normal_high and unusual (−1 low, 1 high, 0 inside or unknown) for lines without breakdown, rolling or cumulating,
    nan where the past is too short.

    `totals`, one row per line and group over the complete part of the period: value, numerator, denominator, share
    (0–1 of all groups, only where groups add up), compare_value, difference, relative.

    `groups`: the values told apart. `complete_period`: the part of the period before as-of, `None` when there is none;
    the comparison's totals cover the same length. `outlook`: `None` without a target.
    """

    query: TrendsQuery
    points: pd.DataFrame
    totals: pd.DataFrame
    groups: tuple[str, ...]
    complete_period: tuple[int, int] | None
    outlook: Outlook | None


@one_state
def analyze(workspace: Workspace, query: TrendsQuery) -> TrendsResult:
    """Count, compare, judge.

    Raises:
        QueryError: no data, an unknown event or property, an amount that is no number or that no event carries, a
            period without data, or one of too many buckets.
    """
    first, end = _buckets(workspace, query)
    groups = _groups(workspace, query, Window(first, end, query.grain))
    shown_from = min(first, max(first - query.context_buckets, first_whole_bucket(workspace, query.grain)))
    points = Points(workspace, query, groups, Window(shown_from, end, query.grain, query.width), first)
    totals, complete = _totals(workspace, query, groups)
    totals = totals[~totals["group"].isin(points.empty_groups)].reset_index(drop=True)
    outlook = outlook_of(workspace, query) if query.target else None
    return TrendsResult(query, points.table(), totals, groups, complete, outlook)


def _buckets(workspace: Workspace, query: TrendsQuery) -> tuple[int, int]:
    """Running numbers of the buckets that the period touches, up to the last one with data."""
    start_us, end_us = query.period.bounds(workspace.rules)
    known = engine.event_span_us(workspace.store)
    if known is None or workspace.as_of_us is None:
        raise QueryError("no_data_yet")
    end_us = min(end_us, max(workspace.as_of_us, known[1] + 1))
    if end_us <= start_us or end_us <= known[0]:
        raise QueryError("trends_period_without_data", period=str(query.period), data=str(workspace.data_period()))
    first, last = (int(n) for n in bucket_of(workspace.rules, np.array([start_us, end_us - 1]), query.grain))
    if last - first >= MOST_POINTS:
        raise QueryError("too_many_buckets", n=last - first + 1, grain=query.grain, most=MOST_POINTS)
    return first, last + 1


def _groups(workspace: Workspace, query: TrendsQuery, window: Window) -> tuple[str, ...]:
    if query.breakdown is None:
        return ()
    found: dict[str, None] = {}
    for series in query.series:
        spec = engine.CountSpec(
            edges_us=window.edges_us(workspace.rules), events=series.events, filters=series.filters,
            segment=query.segment, breakdown=query.breakdown,
        )  # fmt: skip
        if len(found) < query.top:
            found |= dict.fromkeys(engine.top_values(workspace.store, spec, query.top))
    return tuple(found)[: query.top]


# Totals ------------------------------------------------------------------------------------------------------------


def _totals(
    workspace: Workspace, query: TrendsQuery, groups: tuple[str, ...]
) -> tuple[pd.DataFrame, tuple[int, int] | None]:
    start_us, end_us = query.period.bounds(workspace.rules)
    end_us = min(end_us, complete_until_us(workspace, query.grain))
    names = ["line", "group", "value", "numerator", "denominator", "share", "compare_value", "difference", "relative"]
    if end_us <= start_us:
        return pd.DataFrame(columns=names), None
    value, numerator, denominator, of_row = _one_stretch(workspace, query, groups, start_us, end_us)
    compared = _compared_stretch(workspace, query, start_us, end_us)
    compare_value = _one_stretch(workspace, query, groups, *compared)[0] if compared else np.full(len(value), np.nan)
    difference = value - compare_value
    columns = (value, numerator, denominator, _shares(value, query), compare_value, difference,
               divided(difference, np.abs(compare_value)))  # fmt: skip
    table = pd.DataFrame(of_row, columns=names[:2])
    return table.assign(**dict(zip(names[2:], columns, strict=True))), (start_us, end_us)


def _one_stretch(
    workspace: Workspace, query: TrendsQuery, groups: tuple[str, ...], start_us: int, end_us: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[tuple[str, str]]]:
    """Value, numerator and denominator of each line and group over a stretch, and their names."""
    lines = measured(workspace.store, query, groups, (start_us, end_us))
    value, numerator, denominator = (
        np.concatenate([getattr(line, name)[:, 0] for line in lines.values()])
        for name in ("value", "numerator", "denominator")
    )
    return value, numerator, denominator, [(name, group) for name, line in lines.items() for group in line.groups]


def _shares(value: np.ndarray, query: TrendsQuery) -> np.ndarray:
    of_user = query.breakdown is not None and query.breakdown.startswith("user.")
    adds_up = query.formula is None and all(
        series.is_additive or (series.measure == "users" and of_user) for series in query.series
    )
    if not (query.breakdown and adds_up):
        return np.full(len(value), np.nan)
    by_line = value.reshape(len(query.line_names), -1)
    whole = np.broadcast_to(np.nansum(by_line, axis=1, keepdims=True), by_line.shape).ravel()
    return np.where(whole > 0, divided(value, whole), np.nan)


def _buckets_before(workspace: Workspace, query: TrendsQuery, start_us: int, end_us: int) -> tuple[int, int]:
    """The stretch of the buckets that those of a stretch are compared with: before March comes February."""
    rules, grain = workspace.rules, query.grain
    instants = np.array([start_us, end_us, query.period.bounds(rules)[1]])
    first, end, whole_end = bucket_of(rules, instants, grain).tolist()
    back = first - year_before(rules, first, grain) if query.compare == "year" else whole_end - first
    return tuple(rules.day_start_us(day) for day in rules.index_start_day(np.array([first, end]) - back, grain))


def _is_whole(workspace: Workspace, query: TrendsQuery, *instants_us: int) -> bool:
    """Whether buckets begin at all of the instants, and at both ends of the period."""
    rules = workspace.rules
    instants = np.array([*instants_us, *query.period.bounds(rules)])
    starts = rules.index_start_day(bucket_of(rules, instants, query.grain), query.grain)
    return all(rules.day_start_us(day) == instant for day, instant in zip(starts, instants, strict=True))


def _compared_stretch(workspace: Workspace, query: TrendsQuery, start_us: int, end_us: int) -> tuple[int, int] | None:
    """The comparison's stretch, as long on the wall clock as the complete part of the period; `None` without data."""
    if query.compare is None:
        return None
    rules = workspace.rules
    known = rules.day_start_us(workspace.data_period().days(rules)[0])
    local = rules.local_us(np.array([start_us, end_us]))
    if query.grain in _UNEVEN and isinstance(query.compare, str) and _is_whole(workspace, query, start_us, end_us):
        moved = _buckets_before(workspace, query, start_us, end_us)
        return moved if moved[0] >= known else None
    if isinstance(query.compare, Period):
        other = query.compare.bounds(rules)
        if (start_us, end_us) == query.period.bounds(rules):
            return other if other[0] >= known else None
        back = local[0] - rules.local_us(np.array(other))[0]
    elif query.compare == "previous":
        whole = rules.local_us(np.array(query.period.bounds(rules)))
        back = whole[1] - whole[0]
    else:
        grain = "day" if query.grain == "hour" else query.grain
        index = int(rules.bucket_index(rules.local_days(np.array([start_us])), grain)[0])
        days = rules.index_start_day(np.array([index, year_before(rules, index, grain)]), grain).astype(np.int64)
        back = (days[0] - days[1]) * DAY_US
    start, end = rules.to_utc_us(local - back).tolist()
    if isinstance(query.compare, Period):
        end = min(end, other[1])
    return (start, end) if start >= known else None
