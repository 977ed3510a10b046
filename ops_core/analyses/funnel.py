"""Funnel: of those who start, how many get to each next step within a window, and where do the others stop?

Unit: user. The definition is that of the product's definitions, section 6: attempts start in the period, later steps
may follow up to the window's end, the deepest attempt counts and of equally deep ones the earliest; events at one
instant count in whichever order helps; one event serves one step. Attempts whose window is still open at as-of are
immature and stand apart. Shares carry Wilson intervals (1927).

Limits: a user is counted once, so shares are of users and not of visits; in an unordered funnel step k reads "k
different steps done" whatever their names.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from numbers import Integral

import numpy as np
import pandas as pd

from ops_core.analyses import funnel_tables as tables
from ops_core.analyses.funnel_compare import FunnelComparison, compare
from ops_core.engine import funnel as engine
from ops_core.engine import selection
from ops_core.engine.funnel_spec import (
    MAX_STEPS,
    MIN_STEPS,
    NATURAL_DAY,
    Exclusion,
    FunnelSpec,
    Step,
    as_exclusions,
    as_steps,
    check_exclusions,
    check_reentry,
    check_steps,
    window_us,
)
from ops_core.errors import QueryError
from ops_core.model.filters import Filter, filters_of
from ops_core.model.intervals import wilson
from ops_core.model.period import Period
from ops_core.model.segment import Segment
from ops_core.workspace import Workspace, one_state

__all__ = [
    "ALL",
    "MAX_STEPS",
    "MIN_STEPS",
    "NATURAL_DAY",
    "NONE",
    "OTHER",
    "Exclusion",
    "FunnelComparison",
    "FunnelQuery",
    "FunnelResult",
    "FunnelTrendQuery",
    "Step",
    "analyze",
    "analyze_trend",
    "compare",
]  # fmt: skip

ALL, OTHER, NONE = tables.ALL, tables.OTHER, tables.NONE
_ATTRIBUTIONS = ("first_touch", "last_touch")


@dataclass(frozen=True)
class FunnelQuery:
    """A funnel to ask.

    Attributes:
        steps: 2–10 of `Step`, event name, tuple of names or `None` (any event).
        period: when attempts start.
        window_seconds: from the attempt's first event, end included; or `NATURAL_DAY` for the same local day.
        order: `ordered`, `strict` (consecutive among all the user's events) or `unordered`.
        clip: only events inside the period exist.
        exclusions: events that must not lie between two steps; `on_exclusion` `cut` keeps the deepest clean level,
            `drop` takes users out whose deepest attempts are all excluded.
        hold_constant: an event property that must be the same at all steps.
        breakdown: a property (`user.channel`, `platform`); an event property is read where `attribution` says:
            `first_touch`, `last_touch` or a step's number.
        reentry: `deepest`, `first_entry` (only the user's first attempt) or `every_attempt` (attempts, not users; those
            that start at one instant share that instant's best path, and without an order they are one).
        quick_view: immature entrants who have already converted count, too.
        count_open: attempts whose window is still open count as they stand, as most products do; the rate is then too
            low for the latest entrants.
        top: groups of a breakdown before the rest becomes `other`.

    Raises:
        QueryError: fewer than 2 steps, a window of 0, an exclusion outside the steps and the like.
    """

    steps: tuple[Step | str | tuple[str, ...] | None, ...]
    period: Period
    window_seconds: float | str
    order: str = "ordered"
    clip: bool = False
    exclusions: tuple[Exclusion, ...] = ()
    on_exclusion: str = "cut"
    hold_constant: str | None = None
    breakdown: str | None = None
    attribution: str | int = "first_touch"
    segment: Segment | None = None
    filters: tuple[Filter, ...] = ()
    reentry: str = "deepest"
    quick_view: bool = False
    count_open: bool = False
    top: int = 5

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", as_steps(self.steps))
        object.__setattr__(self, "exclusions", as_exclusions(self.exclusions))
        object.__setattr__(self, "filters", filters_of(self.filters))
        Period.checked(self.period)
        Segment.checked(self.segment)
        check_steps(self.steps, self.order)
        window_us(self.window_seconds)
        check_exclusions(self.exclusions, len(self.steps), self.order, self.on_exclusion)
        check_reentry(self.reentry)
        if self.hold_constant is not None and str(self.hold_constant).startswith("user."):
            raise QueryError("funnel_hold_user", value=self.hold_constant)
        if self.attribution_step is None and self.attribution not in _ATTRIBUTIONS:
            raise QueryError("funnel_attribution", value=self.attribution, n_steps=len(self.steps))
        if not isinstance(self.top, Integral) or self.top < 1:
            raise QueryError("funnel_top", value=self.top)

    @property
    def attribution_step(self) -> int | None:
        """The step (from 1) whose event gives the breakdown value; `None` for first and last touch."""
        words = str(self.attribution).removeprefix("step").strip()
        return int(words) if words.isdigit() and 1 <= int(words) <= len(self.steps) else None

    def spec(self, workspace: Workspace) -> FunnelSpec:
        """The funnel as the engine takes it."""
        start_us, end_us = self.period.bounds(workspace.rules)
        return FunnelSpec(
            self.steps, start_us, end_us, window_us(self.window_seconds), self.order, self.clip, self.exclusions,
            self.on_exclusion, self.hold_constant, self.segment, self.filters, self.reentry,
            None if self.count_open else workspace.as_of_us, self.quick_view,
        )  # fmt: skip


@dataclass(frozen=True)
class FunnelResult:
    """The answer to a funnel; tables are built when first asked for.

    Attributes:
        query: what was asked.
        journeys: the counted attempt of each user (engine's arrays).
        groups: the breakdown group of each counted attempt, in the order they are shown.
        n_immature: users without a counted attempt whose window is still open at as-of.
        n_dropped: users who left because all their deepest attempts were excluded.
    """

    query: FunnelQuery
    journeys: engine.Journeys
    groups: pd.Categorical
    immature: engine.Journeys
    n_dropped: int
    workspace: Workspace = field(repr=False, compare=False)

    @property
    def n_entered(self) -> int:
        """Users (attempts) in the rate."""
        return len(self.journeys)

    @property
    def n_converted(self) -> int:
        """Those who reached the last step."""
        return int(self.journeys.reached[-1].sum())

    @property
    def n_immature(self) -> int:
        """Users whose attempts are all immature: shown apart."""
        return len(self.immature)

    @cached_property
    def tie_share(self) -> float:
        """Share (0–1) of the converted whose counted path has two steps at one instant; nan without converted."""
        return tables.tie_share(self.journeys)

    @cached_property
    def steps(self) -> pd.DataFrame:
        """One row per group and step.

        Columns: group, step (from 1), name, optional, users, of_start and of_previous (denominators),
        conversion_from_start and conversion_from_previous (0–1; previous = the last step that is not optional),
        share_low and share_high (Wilson 95 % of conversion_from_start), previous_low and previous_high, lost (users who
        reached the previous step and not this one), median_seconds, mean_seconds, q1_seconds, q3_seconds (from the
        attempt's first event) and seconds_from_previous (median). nan: the first step's rates from a previous step,
        and whatever has nobody in it.
        """
        return tables.steps_table(self.query, self.journeys, self.groups)

    @cached_property
    def total(self) -> pd.DataFrame:
        """`steps` of all users together, whatever the breakdown."""
        return tables.steps_table(self.query, self.journeys, tables.one_group(len(self.journeys)))

    def trend(self, grain: str, from_step: int = 1, to_step: int | None = None) -> pd.DataFrame:
        """Conversion from one step to another by bucket of the attempt's first event, mature attempts only.

        Columns: bucket (its first local day; its wall-clock start for hours), users (reached `from_step`), converted
        (of these, reached `to_step`, default the last), share, share_low, share_high (nan without users), n_immature
        (users with no mature attempt yet), mature (all windows closed), partial (the bucket reaches over the period's
        or the data's end). A user may be in several buckets: they do not add up. Grains: hour, day, week, month,
        quarter.

        Raises:
            QueryError: an unknown grain, more than 20,000 buckets, or steps that are not there or not in order.
        """
        return _trend(self.workspace, self.query, grain, from_step, to_step)

    def users(self, step: int, dropped: bool = False, group: str | None = None) -> pd.DataFrame:
        """The users who reached a step (from 1); `dropped=True`: who reached it and not the next required one.

        Columns: user_id, group, started_at, reached_at (UTC).

        Raises:
            QueryError: there is no such step.
        """
        n_steps = len(self.query.steps)
        _check_step(self.query, step)
        reached = self.journeys.reached
        chosen = reached[step - 1].copy()
        if dropped:
            later = [k for k in range(step, n_steps) if not self.query.steps[k].optional] or list(range(step, n_steps))
            chosen &= ~reached[later[0]] if later else False
        if group is not None:
            chosen &= np.asarray(self.groups) == group
        picked = self.journeys.take(chosen)
        ids = selection.user_ids(self.workspace.store, picked.user_keys)
        return pd.DataFrame(
            {
                "user_id": ids, "group": np.asarray(self.groups)[chosen],
                "started_at": picked.at_us[0].astype("datetime64[us]"),
                "reached_at": picked.at_us[step - 1].astype("datetime64[us]"),
            }
        )  # fmt: skip

    def seconds(self, step: int | None = None, group: str | None = None) -> np.ndarray:
        """Seconds from the attempt's first event to a step (default the last): one value per user who reached it."""
        step = len(self.query.steps) if step is None else step
        _check_step(self.query, step)
        return tables.seconds(self.journeys, step - 1, self.groups, group)

    def time_to_convert(self, edges_seconds: tuple[float, ...] | None = None) -> pd.DataFrame:
        """Histogram of the time to the last step: from_seconds, to_seconds (half-open, the last closed), users, share.

        Default edges follow the window, so that two periods have the same ones.

        Raises:
            QueryError: fewer than two edges, or edges that do not rise.
        """
        edges = tables.time_edges(self.query.window_seconds) if edges_seconds is None else tuple(edges_seconds)
        if len(edges) < 2 or not all(low < high for low, high in pairwise(edges)):
            raise QueryError("funnel_time_edges", value=list(edges))
        return tables.histogram(self.seconds(), edges)

    def revenue(self) -> pd.DataFrame:
        """Money of the counted event at each step: step, name, users_with_value, total, mean (nan without any)."""
        return tables.revenue(self.workspace.store, self.query.spec(self.workspace), self.journeys)


@dataclass(frozen=True)
class FunnelTrendQuery:
    """A funnel's conversion from one step to another over time: see `FunnelResult.trend`."""

    funnel: FunnelQuery
    grain: str
    from_step: int = 1
    to_step: int | None = None


@one_state
def analyze_trend(workspace: Workspace, query: FunnelTrendQuery) -> pd.DataFrame:
    """The trend of a funnel without asking for the funnel itself; columns as `FunnelResult.trend`."""
    return _trend(workspace, query.funnel, query.grain, query.from_step, query.to_step)


@one_state
def analyze(workspace: Workspace, query: FunnelQuery) -> FunnelResult:
    """Ask a funnel.

    Raises:
        QueryError: an event or property that the workspace does not have (with the nearest names), a filter value of
            the wrong type.
    """
    spec = query.spec(workspace)
    found = engine.answer(workspace.store, spec)
    groups = tables.groups_of(workspace.store, query, spec, found.counted)
    return FunnelResult(query, found.counted, groups, found.immature, found.n_dropped, workspace)


def _check_step(query: FunnelQuery, step: object) -> None:
    n_steps = len(query.steps)
    if not isinstance(step, Integral) or not 1 <= step <= n_steps:
        raise QueryError("funnel_no_step", step=step, n_steps=n_steps)


def _trend(workspace: Workspace, query: FunnelQuery, grain: str, from_step: int, to_step: int | None) -> pd.DataFrame:
    rules, spec = workspace.rules, query.spec(workspace)
    to_step = len(query.steps) if to_step is None else to_step
    _check_step(query, from_step)
    _check_step(query, to_step)
    if from_step > to_step:
        raise QueryError("funnel_trend_steps", from_step=from_step, to_step=to_step)
    tables.check_buckets(rules, spec, grain)
    found = engine.by_bucket(
        workspace.store, spec, lambda instants: tables.bucket_numbers(rules, instants, grain), from_step - 1
    )
    users, converted = found.reached[from_step - 1], found.reached[to_step - 1]
    low, high = wilson(converted, users)
    buckets, starts_us, ends_us = tables.bucket_bounds(rules, found.buckets, grain)
    known_until = spec.end_us if spec.as_of_us is None else min(spec.end_us, spec.as_of_us)
    return pd.DataFrame(
        {
            "bucket": buckets, "users": users, "converted": converted,
            "share": np.divide(converted, users, out=np.full(len(users), np.nan), where=users > 0),
            "share_low": low, "share_high": high, "n_immature": found.n_immature, "mature": found.n_immature == 0,
            "partial": (ends_us > known_until) | (starts_us < spec.start_us),
        }
    )  # fmt: skip
