"""How a number moves: any event or several, counted per bucket, broken down, compared, and held against its own past.

Unit: a user (`users`), an event (`total`, `per_user`) or an amount of an event (`sum`, `mean`, `median`, `percentile`).
Buckets are whole calendar buckets of the reporting zone (definitions §1); one that ends after as-of, or begins before
the data, is partial and never part of a change, a normal range or a forecast. Users are distinct in each bucket, so
buckets do not add up to the period. Normal range: `anomalies`; outlook on a target: `outlook`. Known limit: groups of
an event property may share users.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ops_core.analyses.anomalies import MOST, SEASONS, normal_range
from ops_core.analyses.outlook import Outlook, outlook_of
from ops_core.analyses.trend_query import MEASURES, Series, Target, TrendsQuery
from ops_core.analyses.trend_values import Line, Window, bucket_of, complete_until_us, first_whole_bucket, measured
from ops_core.engine import trends as engine
from ops_core.engine.trends import EVERYTHING, MISSING, OTHER
from ops_core.errors import QueryError
from ops_core.model.alignment import year_before
from ops_core.model.period import Period
from ops_core.model.time import DAY_US, TimeRules
from ops_core.workspace import Workspace, one_state

__all__ = [
    "EVERYTHING", "MEASURES", "MISSING", "OTHER", "Period", "Series", "Target", "TrendsQuery", "TrendsResult",
    "analyze",
]  # fmt: skip


MOST_POINTS = 100_000


@dataclass(frozen=True, eq=False)
class TrendsResult:
    """The answer, with its query.

    `points`, one row per line, group and bucket: line (`1`, `2`, … or `formula`), group (value of the breakdown,
    `OTHER`, `MISSING`; `EVERYTHING` without a breakdown), bucket (its start: local wall-clock datetime), value
    (nan where undefined, or where a rolling window reaches back before the data),
    numerator, denominator (nan for counts and sums), partial, in_period (not mere context); with a comparison
    compare_bucket, compare_value, difference, relative (nan where either side is partial or undefined); normal_low,
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
    window = Window(shown_from, end, query.grain, query.width)
    count = functools.partial(measured, workspace.store, query, groups)
    lines = count(window)
    points = _points(workspace, query, window, lines)
    points["in_period"] = points["place"] >= first - shown_from
    points = _with_comparison(workspace, query, window, points, count)
    points = _with_normal_range(workspace, query, window, points, count)
    points = points[_exists(workspace.rules, window)[points["place"]]]
    totals, complete = _totals(workspace, query, groups)
    hidden = _empty_groups(lines.values())
    points, totals = (table[~table["group"].isin(hidden)].reset_index(drop=True) for table in (points, totals))
    outlook = outlook_of(workspace, query) if query.target else None
    return TrendsResult(query, points.drop(columns="place"), totals, groups, complete, outlook)


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


def _points(workspace: Workspace, query: TrendsQuery, window: Window, lines: dict[str, Line]) -> pd.DataFrame:
    partial = _is_partial(workspace, query, window)
    # A smoothed point whose window reaches back before the data would be too low.
    short = np.arange(window.first, window.end) - window.lead < first_whole_bucket(workspace, query.grain)
    frames = []
    for name, line in lines.items():
        frame = line.frame(workspace.rules, window)
        frame.insert(0, "line", name)
        frame["partial"] = partial[frame["place"]]
        if window.lead:
            frame["value"] = frame["value"].mask(short[frame["place"]])
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def _exists(rules: TimeRules, window: Window) -> np.ndarray:
    """Which buckets there are: the hour that a clock skips in spring is none."""
    return np.diff(window.edges_us(rules)) > 0


def _empty_groups(lines: Iterable[Line]) -> set[str]:
    """Of "other" and "no value", the last two of a breakdown, those with nothing in them."""
    lines = list(lines)
    rest = lines[0].groups[-2:] if len(lines[0].groups) > 1 else ()
    nothing = np.logical_and.reduce([line.is_empty for line in lines])[-2:]
    return {name for name, empty in zip(rest, nothing, strict=False) if empty}


def _is_partial(workspace: Workspace, query: TrendsQuery, window: Window) -> np.ndarray:
    edges = np.array(window.edges_us(workspace.rules))
    before_data = np.arange(window.first, window.end) < first_whole_bucket(workspace, query.grain)
    return (edges[1:] > workspace.as_of_us) | before_data


def _with_comparison(
    workspace: Workspace, query: TrendsQuery, window: Window, points: pd.DataFrame, count: functools.partial
) -> pd.DataFrame:
    if query.compare is None:
        return points
    own_first = window.first + int(points.loc[points["in_period"], "place"].min())
    partners = _partners(workspace.rules, query, np.arange(window.first, window.end), own_first)
    other = Window(int(partners.min()), int(partners.max()) + 1, query.grain, query.width)
    known_from, rules = first_whole_bucket(workspace, query.grain), workspace.rules
    pieces = []
    for name, line in count(other).items():
        piece = line.frame(rules, other)
        piece["compare_value"] = piece["value"].where(piece["place"] + other.first >= known_from)
        pieces.append(piece.assign(line=name, partner=piece["place"] + other.first, compare_bucket=piece["bucket"]))
    table = pd.concat(pieces)[["line", "group", "partner", "compare_bucket", "compare_value"]]
    joined = points.assign(partner=partners[points["place"]]).merge(table, on=["line", "group", "partner"], how="left")
    joined.loc[~joined["in_period"], "compare_value"] = np.nan
    joined.loc[~joined["in_period"], "compare_bucket"] = pd.NaT
    ends = np.array(other.edges_us(rules))[1:]
    unripe = ends[joined["partner"].to_numpy() - other.first] > workspace.as_of_us
    difference = (joined["value"] - joined["compare_value"]).where(~(joined["partial"] | unripe))
    relative = (difference / joined["compare_value"]).where(joined["compare_value"] != 0)
    return joined.assign(difference=difference, relative=relative).drop(columns="partner")


def _partners(rules: TimeRules, query: TrendsQuery, own: np.ndarray, first: int) -> np.ndarray:
    """The bucket that each bucket is compared with; `first` is the first one of the period."""
    if query.compare == "year":
        return np.array([year_before(rules, int(index), query.grain) for index in own])
    if query.compare == "previous":
        return own - (int(own[-1]) + 1 - first)
    start_us, _ = query.compare.bounds(rules)
    return own - first + int(bucket_of(rules, np.array([start_us]), query.grain)[0])


def _with_normal_range(
    workspace: Workspace, query: TrendsQuery, window: Window, points: pd.DataFrame, count: functools.partial
) -> pd.DataFrame:
    if query.breakdown or query.width != 1:
        return points.assign(normal_low=np.nan, normal_high=np.nan, unusual=0)
    earliest = max(window.first - MOST * SEASONS[query.grain], first_whole_bucket(workspace, query.grain))
    longer = Window(min(earliest, window.first), window.end, query.grain, 1)
    complete = ~_is_partial(workspace, query, longer) & _exists(workspace.rules, longer)
    back = window.first - longer.first
    for name, line in count(longer).items():
        is_count = query.formula is None and query.series[int(name) - 1].is_count
        is_share = query.formula == "ratio" and all(series.is_count for series in query.series)
        of = line.denominator[0] if is_share else None
        found = normal_range(line.value[0], query.grain, complete, is_count, of)
        rows = points["line"] == name
        points.loc[rows, "normal_low"] = found.low[back:]
        points.loc[rows, "normal_high"] = found.high[back:]
        points.loc[rows, "unusual"] = found.unusual[back:]
    return points.astype({"unusual": int})


# Totals ------------------------------------------------------------------------------------------------------------


def _totals(
    workspace: Workspace, query: TrendsQuery, groups: tuple[str, ...]
) -> tuple[pd.DataFrame, tuple[int, int] | None]:
    start_us, end_us = query.period.bounds(workspace.rules)
    end_us = min(end_us, complete_until_us(workspace, query.grain))
    names = ["line", "group", "value", "numerator", "denominator", "share", "compare_value", "difference", "relative"]
    if end_us <= start_us:
        return pd.DataFrame(columns=names), None
    table = _one_stretch(workspace, query, groups, start_us, end_us)
    table["share"] = _shares(table, query)
    compared = _compared_stretch(workspace, query, start_us, end_us)
    table["compare_value"] = np.nan
    if compared:
        table["compare_value"] = _one_stretch(workspace, query, groups, *compared)["value"]
    table["difference"] = table["value"] - table["compare_value"]
    table["relative"] = (table["difference"] / table["compare_value"]).where(table["compare_value"] != 0)
    return table[names], (start_us, end_us)


def _one_stretch(
    workspace: Workspace, query: TrendsQuery, groups: tuple[str, ...], start_us: int, end_us: int
) -> pd.DataFrame:
    rows = []
    for name, line in measured(workspace.store, query, groups, (start_us, end_us)).items():
        for place, group in enumerate(line.groups):
            value = (line.value[place, 0], line.numerator[place, 0], line.denominator[place, 0])
            rows.append((name, group, *value))
    return pd.DataFrame(rows, columns=["line", "group", "value", "numerator", "denominator"])


def _shares(table: pd.DataFrame, query: TrendsQuery) -> pd.Series:
    of_user = query.breakdown is not None and query.breakdown.startswith("user.")
    adds_up = query.formula is None and all(
        series.is_additive or (series.measure == "users" and of_user) for series in query.series
    )
    if not (query.breakdown and adds_up):
        return pd.Series(np.nan, index=table.index)
    whole = table.groupby("line")["value"].transform("sum")
    return (table["value"] / whole).where(whole > 0)


def _compared_stretch(workspace: Workspace, query: TrendsQuery, start_us: int, end_us: int) -> tuple[int, int] | None:
    """The comparison's stretch, as long on the wall clock as the complete part of the period; `None` without data."""
    if query.compare is None:
        return None
    rules = workspace.rules
    local = rules.local_us(np.array([start_us, end_us]))
    if isinstance(query.compare, Period):
        back = local[0] - rules.local_us(np.array([query.compare.bounds(rules)[0]]))[0]
    elif query.compare == "previous":
        whole = rules.local_us(np.array(query.period.bounds(rules)))
        back = whole[1] - whole[0]
    else:
        grain = "day" if query.grain == "hour" else query.grain
        index = int(rules.bucket_index(rules.local_days(np.array([start_us])), grain)[0])
        days = rules.index_start_day(np.array([index, year_before(rules, index, grain)]), grain).astype(np.int64)
        back = (days[0] - days[1]) * DAY_US
    moved = rules.to_utc_us(local - back)
    known = rules.day_start_us(workspace.data_period().days(rules)[0])
    return (int(moved[0]), int(moved[1])) if moved[0] >= known else None
