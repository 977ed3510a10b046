"""How long users stay before they fall silent: Kaplan–Meier per group, log-rank between the groups.

Unit: a user first seen in the period. Churn is the beginning of the first silence of `churn_days` whole days or more
after an active day (last active more than `churn_days` days ago: definitions §5); the age at that day is the time to
churn. A silence shows
only once it is long enough, so users are followed up to as-of − `churn_days` − 1 day: who has not churned by then is
censored there, and users too young for that are left out and counted. Coming back later does not undo a churn.

Survival: product limit (Kaplan & Meier 1958), intervals by the log–log transform of Greenwood's variance. Difference:
log-rank (Mantel 1966), two-sided, over all groups and between pairs, Holm-adjusted. Known limits: everybody of a group
is taken to be alike; groups are the users' property as stored now.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from numbers import Integral

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ops_core.analyses.lifecycle import names
from ops_core.engine import activity, purchases
from ops_core.engine.activity import ActivitySpec
from ops_core.engine.first_seen import first_seen_days
from ops_core.engine.trends import EVERYTHING, MISSING, OTHER, rest_names
from ops_core.errors import QueryError
from ops_core.model.filters import Filter, filters_of
from ops_core.model.intervals import normal_quantile
from ops_core.model.multiplicity import holm
from ops_core.model.period import Period
from ops_core.model.segment import Segment
from ops_core.workspace import Workspace, one_state

__all__ = [
    "EVERYTHING", "MISSING", "OTHER", "SurvivalQuery", "SurvivalResult", "analyze", "kaplan_meier", "log_rank",
]  # fmt: skip

_ROUNDING = 1e-9  # a product of shares that is one half may come out a little above it


@dataclass(frozen=True)
class SurvivalQuery:
    """Whose staying is followed.

    Attributes:
        period: users first seen in it.
        churn_days: whole days of silence that count as churn.
        event: what keeps a user alive: a name, several names, or `None` for any activity; with `filters` only events
            that pass them.
        breakdown: `user.<name>`; its `top` values are told apart. `segments` instead compares named segments, which
            must not overlap for the test to hold (users in several are counted in `n_overlapping`).

    Raises:
        QueryError: fewer than one day of silence, or a part that is not of its kind.
    """

    period: Period
    churn_days: int = 28
    event: str | tuple[str, ...] | None = None
    breakdown: str | None = None
    top: int = 5
    segment: Segment | None = None
    segments: tuple[Segment, ...] = ()
    filters: tuple[Filter, ...] = ()

    def __post_init__(self) -> None:
        Period.checked(self.period)
        object.__setattr__(self, "segments", tuple(self.segments))
        object.__setattr__(self, "filters", filters_of(self.filters))
        for segment in (self.segment, *self.segments):
            Segment.checked(segment)
        if not isinstance(self.churn_days, Integral) or self.churn_days < 1:
            raise QueryError("survival_churn_days", value=self.churn_days)


@dataclass(frozen=True, eq=False)
class SurvivalResult:
    """The answer, with its query.

    `curves`: group, age_days, at_risk, churned (at this age), survival (0–1), low, high (95 %).
    `groups`: group, users, churned, median_days (first age at which at most half are left; nan when more stay), and
    survival at 7, 30 and 90 days (`after_7` …, nan beyond the follow-up unless all have gone before).
    `p_value`: log-rank over all groups, nan with one group. `pairs`: group, other, p_value, p_adjusted (Holm).
    `n_young`: users left out because no churn of theirs could be seen yet. `n_overlapping`: users in several segments.
    """

    query: SurvivalQuery
    curves: pd.DataFrame
    groups: pd.DataFrame
    p_value: float
    pairs: pd.DataFrame
    n_users: int
    n_young: int
    n_overlapping: int


@one_state
def analyze(workspace: Workspace, query: SurvivalQuery) -> SurvivalResult:
    """Follow the users of a period.

    Raises:
        QueryError: no data, an unknown event or property, or nobody old enough.
    """
    if workspace.as_of_us is None:
        raise QueryError("no_data_yet")
    rules = workspace.rules
    end_day = int(rules.local_days(np.array([workspace.as_of_us]))[0])
    users, first, n_unknown = _new_users(workspace, query)
    followed = end_day - query.churn_days - 1 - first
    n_young = int((followed < 0).sum())
    users, first, followed = (each[followed >= 0] for each in (users, first, followed))
    if not len(users):
        if n_unknown and not n_young:
            raise QueryError("survival_left_censored", period=str(query.period), n=n_unknown)
        raise QueryError("survival_nobody", period=str(query.period), days=query.churn_days)
    silent = _silences(workspace, query, users, first, end_day)
    churned = silent <= followed
    age = np.where(churned, silent, followed)
    groups, names, n_overlapping = _groups(workspace, query, users)
    samples = {name: (age[member], churned[member]) for name, member in zip(names, groups, strict=True) if member.any()}
    curves = [kaplan_meier(*sample).assign(group=name) for name, sample in samples.items()]
    columns = ["group", "age_days", "at_risk", "churned", "survival", "low", "high"]
    table = pd.concat(curves, ignore_index=True).rename(columns={"time": "age_days", "events": "churned"})[columns]
    return SurvivalResult(
        query, table, _summary(table, samples), log_rank(list(samples.values())), _pairs(samples), len(users), n_young,
        n_overlapping,
    )  # fmt: skip


def kaplan_meier(times: ArrayLike, happened: ArrayLike, level: float = 0.95) -> pd.DataFrame:
    """The product-limit estimate: time (0, every time with an event, the last one), at_risk, events, survival, low,
    high.

    `happened`: whether the time ends with the event; otherwise it is only known that it comes later (ties: later).
    The interval is nan before the first event and where nobody is left.
    """
    times, happened = np.asarray(times, dtype=float), np.asarray(happened, dtype=bool)
    moments = np.unique(np.append(times[happened], [0.0, times.max(initial=0.0)]))
    ordered = np.sort(times)
    at_risk = len(times) - np.searchsorted(ordered, moments, side="left")
    events = np.bincount(np.searchsorted(moments, times[happened]), minlength=len(moments))
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(at_risk > 0, events / at_risk, 0.0)
        survival = np.cumprod(1 - share)
        greenwood = np.cumsum(np.where(at_risk > events, events / (at_risk * (at_risk - events.astype(float))), np.inf))
        spread = normal_quantile((1 + level) / 2) * np.sqrt(greenwood) / np.abs(np.log(survival))
        low, high = survival ** np.exp(spread), survival ** np.exp(-spread)
    known = (survival > 0) & (survival < 1)
    return pd.DataFrame(
        {
            "time": moments, "at_risk": at_risk, "events": events, "survival": survival,
            "low": np.where(known, low, np.nan), "high": np.where(known, high, np.nan),
        }
    )  # fmt: skip


def log_rank(samples: list[tuple[np.ndarray, np.ndarray]]) -> float:
    """Two-sided p-value that all groups share one survival curve; nan with fewer than two groups or no events.

    Each sample is (times, happened) as in `kaplan_meier`.
    """
    from scipy.special import chdtrc  # noqa: PLC0415

    if len(samples) < 2:
        return float("nan")
    moments = np.unique(np.concatenate([times[happened] for times, happened in samples]))
    if not len(moments):
        return float("nan")
    at_risk = np.array([len(times) - np.searchsorted(np.sort(times), moments) for times, _ in samples], dtype=float)
    events = np.array(
        [np.bincount(np.searchsorted(moments, times[happened]), minlength=len(moments)) for times, happened in samples]
    )
    all_at_risk, all_events = at_risk.sum(axis=0), events.sum(axis=0)
    difference = (events - at_risk * all_events / all_at_risk).sum(axis=1)[:-1]
    # Hypergeometric covariance of the groups' events at each moment; the last group follows from the others.
    with np.errstate(divide="ignore", invalid="ignore"):
        factor = np.where(
            all_at_risk > 1, all_events * (all_at_risk - all_events) / (all_at_risk**2 * (all_at_risk - 1)), 0.0
        )
    part = at_risk[:-1]
    covariance = np.diag((part * all_at_risk * factor).sum(axis=1)) - (part * factor) @ part.T
    if np.linalg.matrix_rank(covariance) < len(covariance):
        return float("nan")
    statistic = float(difference @ np.linalg.solve(covariance, difference))
    return float(chdtrc(len(samples) - 1, statistic))


def _new_users(workspace: Workspace, query: SurvivalQuery) -> tuple[np.ndarray, np.ndarray, int]:
    """Keys and first days of the users first seen in the period, and how many were left out as left-censored."""
    rules = workspace.rules
    first_day, end_day = query.period.days(rules)
    users, days, censored = first_seen_days(workspace.store, query.segment)
    data_from = workspace.data_period().days(rules)[0]
    inside = (days >= max(first_day, data_from)) & (days < end_day)
    keep = inside & ~censored
    return users[keep], days[keep].astype(np.int64), int((inside & censored).sum())


def _silences(
    workspace: Workspace, query: SurvivalQuery, users: np.ndarray, first: np.ndarray, end_day: int
) -> np.ndarray:
    """Age at which each user's first long silence begins, whether it can be seen yet or not."""
    spec = ActivitySpec(names(query.event), query.filters)
    seen = activity.user_days(workspace.store, spec)
    place = np.minimum(np.searchsorted(users, seen.users), len(users) - 1)
    mine = (users[place] == seen.users) & (seen.buckets < end_day)
    place, days = place[mine], seen.buckets[mine].astype(np.int64)
    mine = days >= first[place]
    # The day of being first seen starts the clock, with or without the event.
    place = np.concatenate([place[mine], np.arange(len(users))])
    days = np.concatenate([days[mine], first])
    order = np.lexsort((days, place))
    place, days = place[order], days[order]
    is_last = np.append(place[1:] != place[:-1], True)
    following = np.where(is_last, np.iinfo(np.int64).max, np.append(days[1:], 0))
    goes_silent = following - days > query.churn_days
    begins = np.full(len(users), np.iinfo(np.int64).max)
    np.minimum.at(begins, place[goes_silent], days[goes_silent])
    return begins - first


def _groups(
    workspace: Workspace, query: SurvivalQuery, users: np.ndarray
) -> tuple[list[np.ndarray], tuple[str, ...], int]:
    if query.segments:
        members = [activity.in_segment(workspace.store, segment, users) for segment in query.segments]
        found = [np.ones(len(users), dtype=bool) if member is None else member for member in members]
        n_overlapping = int((np.sum(found, axis=0) > 1).sum())
        return found, tuple(segment.name for segment in query.segments), n_overlapping
    if query.breakdown is None:
        return [np.ones(len(users), dtype=bool)], (EVERYTHING,), 0
    places, values = purchases.user_values(workspace.store, query.breakdown, query.top)
    group = places[users]
    numbers = (*range(len(values)), len(values), -1)
    return [group == number for number in numbers], (*values, *rest_names(values)), 0


def _summary(curves: pd.DataFrame, samples: dict[str, tuple[np.ndarray, np.ndarray]]) -> pd.DataFrame:
    rows = []
    for name, (age, churned) in samples.items():
        line = curves[curves["group"] == name]
        half = line["age_days"][line["survival"] <= 0.5 + _ROUNDING]
        row = {
            "group": name, "users": len(age), "churned": int(churned.sum()),
            "median_days": float(half.iloc[0]) if len(half) else np.nan,
        }  # fmt: skip
        for day in (7, 30, 90):
            known = line[line["age_days"] <= day]
            left = float(known["survival"].iloc[-1])
            followed = day <= age.max() or left == 0  # once all have gone, nobody is left at any later age
            row[f"after_{day}"] = left if followed else np.nan
        rows.append(row)
    return pd.DataFrame(rows)


def _pairs(samples: dict[str, tuple[np.ndarray, np.ndarray]]) -> pd.DataFrame:
    rows = [(one, other, log_rank([samples[one], samples[other]])) for one, other in itertools.combinations(samples, 2)]
    table = pd.DataFrame(rows, columns=["group", "other", "p_value"])
    return table.assign(p_adjusted=holm(table["p_value"].to_numpy(dtype=float)))
