"""Retention: who comes back, how much later, out of how many who could.

Counted: users. A cohort is the users whose cohort event falls in one calendar bucket of the period (`mode` says which
of a user's events that is); value k is how many of them have the return event in the k-th bucket after it. In bucket 0
the row that made the user enter is not its own return, every other row of that bucket is, also an earlier one of
another event (`rolling` counts from the row on). A cell whose bucket ends after as-of is not ripe and holds nan, and so
does one that begins before the data where users signed up by then (`first_seen`): what they did nobody has seen. A
cohort that could return and did not holds 0, an empty cohort has no share. Definitions §7.

Intervals: Wilson 1927. Limits: a user property is read as it stands now, an event property as on the starting row.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from numbers import Integral

import numpy as np
import pandas as pd

from ops_core.analyses.cohort_axes import (
    ALL,
    cohort_times,
    group_labels,
)
from ops_core.analyses.lifecycle import bucket_range, names
from ops_core.analyses.retention_tables import cells_table, mean_table, means_table
from ops_core.engine import retention as engine
from ops_core.engine.activity import ActivitySpec
from ops_core.engine.cohorts import MODES, EntrySpec
from ops_core.engine.first_seen import first_seen_days
from ops_core.engine.selection import user_ids
from ops_core.errors import QueryError
from ops_core.model.filters import Filter, filters_of
from ops_core.model.intervals import wilson
from ops_core.model.period import Period
from ops_core.model.segment import Segment
from ops_core.model.time import GRAINS
from ops_core.workspace import Workspace, one_state

MEASURES = ("on", "on_or_after", "bracket", "rolling")
ROLLING_GRAINS = ("hour", "day", "week")
MOST_PERIODS = 400
MOST_COHORTS = 100_000


@dataclass(frozen=True)
class RetentionQuery:
    """Which users, back by which event, when.

    Args:
        period: the cohort event lies in it; first events are looked for before it, too.
        grain: hour, day, week, month or quarter.
        periods: how many buckets to follow each cohort: offsets 0 … periods.
        cohort_event, return_event: a name, several names (any of them), or `None` for any activity.
        mode: `first_time`: the first event that passes name and filters; `first_ever`: the first event of that name, if
            it passes the filters; `recurring`: every bucket with the event; `first_seen`: sign-up, else first event.
        measure: `on`: exactly in bucket k; `on_or_after`: in bucket k or later, up to as-of; `bracket`: anywhere in
            each of `brackets`; `rolling`: k whole stretches (1 h, 24 h, 7 × 24 h by grain) after the user's own start.
        min_occurrences: return events needed inside the bucket, bracket or stretch.
        breakdown: a property (`user.channel`, or an event property of the starting row), at entry; the `top` largest.
        brackets: (first, last) offsets, both included, ascending and apart, e.g. `((1, 3), (4, 7))`.

    Raises:
        QueryError: a word that is not known, or options that exclude each other.
    """

    period: Period
    grain: str
    periods: int
    cohort_event: str | tuple[str, ...] | None = None
    return_event: str | tuple[str, ...] | None = None
    mode: str = "first_time"
    measure: str = "on"
    min_occurrences: int = 1
    breakdown: str | None = None
    segment: Segment | None = None
    cohort_filters: tuple[Filter, ...] = ()
    return_filters: tuple[Filter, ...] = ()
    brackets: tuple[tuple[int, int], ...] = ()
    top: int = 5

    def __post_init__(self) -> None:
        Period.checked(self.period)
        Segment.checked(self.segment)
        for name in ("cohort_filters", "return_filters"):
            object.__setattr__(self, name, filters_of(getattr(self, name)))
        object.__setattr__(self, "brackets", self._pairs())
        _one_of(self.grain, GRAINS, "unknown_grain")
        _one_of(self.mode, MODES, "unknown_retention_mode")
        _one_of(self.measure, MEASURES, "unknown_retention_measure")
        if not isinstance(self.periods, Integral) or not 1 <= self.periods <= MOST_PERIODS:
            raise QueryError("retention_periods", value=self.periods, most=MOST_PERIODS)
        if not isinstance(self.min_occurrences, Integral) or self.min_occurrences < 1:
            raise QueryError("retention_min_occurrences", value=self.min_occurrences)
        if self.measure == "rolling" and self.grain not in ROLLING_GRAINS:
            raise QueryError("rolling_grain", value=self.grain, allowed=list(ROLLING_GRAINS))
        if self.mode == "first_seen" and (self.cohort_event or self.cohort_filters):
            raise QueryError("first_seen_event")
        if self.breakdown is not None and not isinstance(self.breakdown, str):
            raise QueryError("retention_breakdown", value=str(self.breakdown))
        if not isinstance(self.top, Integral) or self.top < 1:
            raise QueryError("retention_top", value=self.top)
        self._check_brackets()

    def _pairs(self) -> tuple[tuple[int, int], ...]:
        try:
            return tuple((int(first), int(last)) for first, last in self.brackets)
        except (TypeError, ValueError):
            raise QueryError("retention_brackets", value=str(self.brackets), most=self.periods) from None

    def _check_brackets(self) -> None:
        if (self.measure == "bracket") != bool(self.brackets):
            raise QueryError("retention_brackets_needed" if self.measure == "bracket" else "retention_brackets_unused")
        edges = [-1, *(edge for bracket in self.brackets for edge in bracket)]
        apart = all(edges[i] < edges[i + 1] for i in range(0, len(edges) - 1, 2))
        if not apart or any(first > last for first, last in self.brackets) or edges[-1] > self.periods:
            raise QueryError("retention_brackets", value=str(list(self.brackets)), most=self.periods)

    @property
    def windows(self) -> tuple[tuple[int, int | None], ...]:
        """First and last offset of each column; the last is `None` where it runs to as-of."""
        if self.measure == "bracket":
            return self.brackets
        is_open = self.measure == "on_or_after"
        return tuple((k, None if is_open else k) for k in range(self.periods + 1))


@dataclass(frozen=True, eq=False)
class RetentionResult:
    """The cohorts of a query.

    `cells`: one row per group, cohort and column: group (text; `all` without a breakdown, `(none)` for users without a
        value, `other` for the rest), cohort (first local day or hour of the bucket), offset (of the column's first
        bucket), users (in the cohort), returned (users; nan while not ripe), share (0–1; nan while not ripe or for an
        empty cohort), low, high (Wilson 95 %), ripe (bool), ripe_on (local day from which the cell counts; NaT where it
        begins before the data and never will), offset_end (last offset of the column; nan where it runs to as-of).
    `mean`: per column over all groups: offset, eligible (users of ripe cells), returned, share (Σ returned ÷ Σ
        eligible; nan without a ripe cell), low, high, offset_end.
    `means`: the same per group. `cohorts`: group, cohort, users, is_partial (the bucket is cut by the period or by
        as-of), is_left_censored (the bucket holds the data's first day, or is an hour of it: nobody can tell who is
        new).
    """

    query: RetentionQuery
    cells: pd.DataFrame
    mean: pd.DataFrame
    means: pd.DataFrame
    cohorts: pd.DataFrame
    workspace: Workspace = field(repr=False)

    @functools.cached_property
    def groups(self) -> list[str]:
        """The groups, largest first."""
        return list(dict.fromkeys(self.means["group"]))

    @property
    def remarks(self) -> tuple[str, ...]:
        """What the data cannot tell, as codes: `nobody` (no user entered), `all_left_censored` (every cohort with users
        holds the data's first day, so nobody is known to be new), `one_cohort` (nothing to compare with),
        `before_data` (users signed up before the data begin, and cells are blank because of it) and `nothing_ripe` (no
        column after the start has ended for any cohort)."""
        filled = self.cohorts[self.cohorts["users"] > 0]
        if filled.empty:
            return ("nobody",)
        by_cohort = filled.groupby("cohort")["is_left_censored"].all()
        found = ["all_left_censored"] if self.query.mode != "recurring" and by_cohort.all() else []
        found += ["one_cohort"] if len(by_cohort) == 1 else []
        found += ["before_data"] if self.cells.loc[self.cells["users"] > 0, "ripe_on"].isna().any() else []
        return (*found, "nothing_ripe") if not self._later["eligible"].any() else tuple(found)

    @property
    def _later(self) -> pd.DataFrame:
        """Means of the columns that tell of a return: all brackets, else those after the start."""
        return self.mean if self.query.measure == "bracket" else self.mean[self.mean["offset"] > 0]

    @functools.cached_property
    def overall(self) -> pd.DataFrame:
        """`cells` with the groups of each cohort added up."""
        if len(self.groups) == 1:
            return self.cells
        keys = ["cohort", "offset", "offset_end", "ripe", "ripe_on"]
        summed = self.cells.groupby(keys, as_index=False, dropna=False)[["users", "returned"]].sum()
        returned = summed["returned"].where(summed["ripe"])
        low, high = wilson(returned, summed["users"].where(summed["ripe"], 0))
        share = returned / summed["users"].where(summed["users"] > 0)
        return summed.assign(group=ALL, returned=returned, share=share, low=low, high=high)

    @functools.cached_property
    def reached_offsets(self) -> list[int]:
        """Columns after the start that at least one cohort has reached; without any the first one after the start."""
        offsets, is_reached = self._later["offset"].tolist(), (self._later["eligible"] > 0).tolist()
        return [offset for offset, reached in zip(offsets, is_reached, strict=True) if reached] or offsets[:1]

    @functools.cached_property
    def reached(self) -> pd.DataFrame:
        """`overall` of cohorts with users in the reached columns, by cohort and offset; all of it where nobody is."""
        cells = self.overall
        kept = cells[(cells["users"] > 0) & cells["offset"].isin(self.reached_offsets)]
        return kept if len(kept) else cells

    def users(self, cohort: object, offset: int, returned: bool = True) -> list[str]:
        """Ids of a cohort's users who did (or did not) return in the column that starts at an offset.

        Raises:
            QueryError: the cell is not ripe, there is no such cell, or the cohort is no date.
        """
        at = _moment(cohort)
        cell = self.cells[(self.cells["cohort"] == at) & (self.cells["offset"] == offset)]
        if cell.empty or not cell["ripe"].iloc[0]:
            raise QueryError("retention_no_cell", cohort=str(at.date()), offset=offset)
        spec = retention_spec(self.workspace, self.query)
        window = next(window for window in spec.windows if window[0] == offset)
        entries, returned_in = engine.returned_entries(self.workspace.store, replace(spec, windows=(window,)))
        came_back = returned_in[:, 0]
        place = list(cohort_times(self.workspace.rules, self.query.grain, entries.cohorts)).index(
            np.datetime64(at, "s")
        )
        return user_ids(self.workspace.store, entries.users[(entries.cohort == place) & (came_back == returned)])


@one_state
def analyze(workspace: Workspace, query: RetentionQuery) -> RetentionResult:
    """The retention of every cohort of the period.

    Raises:
        QueryError: an event or property that the workspace does not have, no data yet, or too many cohorts.
    """
    bucket_range(workspace, query.period, query.grain, MOST_COHORTS)
    spec, rules = retention_spec(workspace, query), workspace.rules
    counts = engine.count(workspace.store, spec)
    labels = group_labels(query.breakdown, counts.groups)
    times = cohort_times(rules, query.grain, counts.cohorts)
    cells = cells_table(counts, labels, times, spec.windows, rules)
    means = means_table(counts, labels, spec.windows)
    summed = means.groupby("offset", sort=False)[["eligible", "returned"]].sum() if len(labels) > 1 else means
    mean = mean_table(
        np.array([ALL], dtype=object), summed["eligible"].to_numpy(), summed["returned"].to_numpy(), spec.windows
    )
    return RetentionResult(
        query=query,
        cells=cells,
        mean=mean.drop(columns="group"),
        means=means,
        cohorts=_cohorts(workspace, query, counts, labels, times),
        workspace=workspace,
    )


def retention_spec(workspace: Workspace, query: RetentionQuery) -> engine.RetentionSpec:
    """The query as the engine takes it."""
    start_us, end_us = query.period.bounds(workspace.rules)
    returns = ActivitySpec(names(query.return_event), query.return_filters)
    rolling = query.measure == "rolling"
    entry = EntrySpec(
        grain=query.grain,
        start_us=start_us,
        end_us=end_us,
        mode=query.mode,
        events=names(query.cohort_event),
        filters=query.cohort_filters,
        segment=query.segment,
        breakdown=query.breakdown,
        n_groups=query.top,
        returns=returns,
        needs_time=rolling,
    )
    return engine.RetentionSpec(entry, returns, query.windows, rolling, query.min_occurrences)


def _cohorts(
    workspace: Workspace,
    query: RetentionQuery,
    counts: engine.RetentionCounts,
    labels: Sequence[str],
    times: np.ndarray,
) -> pd.DataFrame:
    rules = workspace.rules
    start_us, end_us = query.period.bounds(rules)
    begins, ends = engine.cohort_bounds_us(rules, counts.cohorts, query.grain)
    n_groups = len(labels)
    is_partial = (begins < start_us) | (ends > min(end_us, workspace.as_of_us))
    return pd.DataFrame(
        {
            "group": np.repeat(np.array(labels, dtype=object), len(times)),
            "cohort": np.tile(times, n_groups),
            "users": counts.n_users.reshape(-1),
            "is_partial": np.tile(is_partial, n_groups),
            "is_left_censored": np.tile(_holds_first_day(workspace, query, begins, ends), n_groups),
        }
    )


def _holds_first_day(workspace: Workspace, query: RetentionQuery, begins: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Whether a bucket holds the first day of the data, or is an hour of it; with sign-ups known, only where someone's
    start is not."""
    if query.mode == "first_seen" and not first_seen_days(workspace.store, query.segment)[2].any():
        return np.zeros(len(begins), dtype=bool)
    rules = workspace.rules
    if query.grain == "hour":
        return rules.local_days(begins) == workspace.data_period().days(rules)[0]
    first_us, _ = workspace.data_period().bounds(rules)
    return (begins <= first_us) & (first_us < ends)


def _moment(cohort: object) -> pd.Timestamp:
    try:
        at = pd.Timestamp(cohort)
    except (TypeError, ValueError):
        at = pd.NaT
    if at is pd.NaT:
        raise QueryError("not_a_date", value=str(cohort))
    return at


def _one_of(value: str, allowed: Sequence[str], code: str) -> None:
    if value not in allowed:
        raise QueryError(code, value=value, allowed=list(allowed))
