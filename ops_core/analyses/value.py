"""What users are worth: LTV at fixed ages, ARPU and ARPPU, buying again, and what a channel's new users cost.

Unit: a user first seen in the period (LTV, CAC; definitions §9), a buyer or an active user of a bucket (the rates). LTV
at age d is the net value of a user's first d local days, averaged over cohorts of which every user has reached that
age; users whose first day is only the first day of the data, or lies before it, are left out and counted, and so is
the spend up to that day. Channel: the user property of the breakdown as it is stored, case ignored, credited with the
user's whole value (no multi-touch). Known limits: spend is matched by the channel's name; how much of it went to the
users of a segment is not known, so a segment has no costs; refunds lower the value on the day they happen.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ops_core.analyses import value_channels
from ops_core.analyses.value_ages import (
    NewUsers,
    cohort_table,
    cohorts_reached,
    curve,
    curve_age,
    days_of_curve,
    ltv,
    spent_by,
)
from ops_core.analyses.value_orders import buckets, interval_histogram, intervals, period_figures
from ops_core.analyses.value_query import ValueQuery
from ops_core.engine import activity, purchases
from ops_core.engine import spend as spend_engine
from ops_core.engine.activity import ActivitySpec
from ops_core.engine.first_seen import first_seen_days
from ops_core.engine.purchases import UserDays
from ops_core.engine.trends import EVERYTHING, MISSING, OTHER, rest_names
from ops_core.errors import QueryError
from ops_core.workspace import Workspace, one_state

__all__ = ["EVERYTHING", "MISSING", "OTHER", "ValueQuery", "ValueResult", "analyze", "spend_channels"]


@dataclass(frozen=True, eq=False)
class ValueResult:
    """The answer, with its query. Amounts are net of refunds, in the data's currency.

    `ltv`: group, age_days, users, cohorts, value, ltv, low, high. nan where no cohort has reached the age.
    `cohorts`: cohort, users, age_days, value, ltv; nan where the cohort has not reached the age.
    `curve`: group, age_days, users, ltv: from 1 to `curve_age_days`, the same users at every age; `curve_days`: first
    and last day on which one of them was first seen, None without a curve.
    `buckets`: bucket, active, revenue, paying, arpu, arppu, buyers, orders, repeat_buyers, repeat_rate, repeat_low,
    repeat_high, buyers_next, buy_again_rate, buy_again_low, buy_again_high, partial.
    `period`: the same figures over the complete days of the period, and per_order (gross ÷ orders).
    `interval_days`: quartiles and 90th percentile of the days between purchases: n, low (25 %), median, high (75 %),
    late (90 %); nan without intervals. `intervals`: from_days, to_days, n, share.
    `channels`: see `value_channels.economics`; empty without spend and with a segment. `unmatched_spend`: channel,
    amount. Spend counts from the first day on which all new users can be told.
    `n_left_out`: users whose true first day is not known. `n_new`: new users counted.
    """

    query: ValueQuery
    ltv: pd.DataFrame
    cohorts: pd.DataFrame
    curve: pd.DataFrame
    curve_age_days: int
    curve_days: tuple[dt.date, dt.date] | None
    buckets: pd.DataFrame
    period: dict[str, float]
    interval_days: dict[str, float]
    intervals: pd.DataFrame
    channels: pd.DataFrame
    unmatched_spend: pd.DataFrame
    n_new: int
    n_left_out: int

    @property
    def has_spend(self) -> bool:
        """Whether any spend is known in the period."""
        return bool(len(self.channels)) and bool(self.channels["spend"].notna().any())


@one_state
def analyze(workspace: Workspace, query: ValueQuery) -> ValueResult:
    """Value at fixed ages, rates per bucket, and costs where spend is known.

    Raises:
        QueryError: no data, no amounts at all or none in the segment, an unknown property, or a period without a
            complete day.
    """
    store, rules = workspace.store, workspace.rules
    if workspace.as_of_us is None:
        raise QueryError("no_data_yet")
    rows = purchases.user_days(store, workspace.as_of_us, query.segment)
    if not len(rows.users):
        raise purchases.nobody_bought(store, workspace.as_of_us, query.segment)
    complete_day = int(rules.local_days(np.array([workspace.as_of_us]))[0])
    first_day, end_day = query.period.days(rules)
    end_day = min(end_day, complete_day)
    if end_day <= first_day:
        raise QueryError("value_no_complete_day", period=str(query.period))
    people, n_left_out, known_from = _new_users(workspace, query, first_day, end_day, complete_day)
    spent = spent_by(people, rows)
    age = curve_age(people, query.ages_days)
    line = curve(people, spent, age)
    # All users of a channel shared its spend: of a segment's users nobody can say what they cost.
    spend = spend_engine.daily(store, known_from, end_day if query.segment is None else known_from)
    groups = value_channels.groups_of(store, query.breakdown, people, spend)
    gaps = intervals(rows, first_day, end_day)
    channels = value_channels.economics(people, spend, groups, line, age, query.margin, (known_from, end_day))
    return ValueResult(
        query=query,
        ltv=ltv(people, spent, query.ages_days),
        cohorts=cohort_table(people, spent, query.ages_days),
        curve=line,
        curve_age_days=age,
        curve_days=days_of_curve(people, age),
        buckets=_buckets(workspace, query, rows, first_day, end_day, complete_day),
        period=_period(workspace, query, rows, first_day, end_day),
        interval_days=_spread(gaps),
        intervals=interval_histogram(gaps),
        channels=channels if len(spend) else channels.iloc[:0],
        unmatched_spend=value_channels.unmatched(spend, groups),
        n_new=len(people),
        n_left_out=n_left_out,
    )


def spend_channels(workspace: Workspace) -> tuple[str, ...]:
    """Channels that spend files name, the most expensive first."""
    return spend_engine.channels(workspace.store)


def _new_users(
    workspace: Workspace, query: ValueQuery, first_day: int, end_day: int, complete_day: int
) -> tuple[NewUsers, int, int]:
    """The new users, how many are left out, and the first day (within the period) from which all can be told."""
    store, rules = workspace.store, workspace.rules
    users, days, censored = first_seen_days(store, query.segment)
    inside = (days >= first_day) & (days < end_day)
    data_from = workspace.data_period().days(rules)[0]
    unknown = inside & (censored | (days < data_from))
    # What was spent on users who are left out must not be laid on the others, nor what was spent before the data.
    known_from = min(max(first_day, data_from, int(days[unknown].max(initial=-1)) + 1), end_day)
    keep = inside & ~unknown
    users, days = users[keep], days[keep].astype(np.int64)
    group, names = np.zeros(len(users), dtype=np.int64), (EVERYTHING,)
    if query.breakdown:
        places, values = purchases.user_values(store, query.breakdown, query.top)
        group = places[users]
        group, names = _only_filled(np.where(group < 0, len(values) + 1, group), (*values, *rest_names(values)))
    index, reached = cohorts_reached(rules, days, query.grain, complete_day)
    first, last = (int(index.min()), int(index.max())) if len(index) else (0, -1)
    people = NewUsers(
        users, days, group, names, index - first,
        rules.index_start_day(np.arange(first, last + 1), query.grain), reached,
    )  # fmt: skip
    return people, int(unknown.sum()), known_from


def _only_filled(group: np.ndarray, names: tuple[str, ...]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Groups without new users go; the others keep their order."""
    n = np.bincount(group, minlength=len(names))
    place = np.cumsum(n > 0) - 1
    return place[group], tuple(name for name, users in zip(names, n, strict=True) if users) or (EVERYTHING,)


def _buckets(
    workspace: Workspace, query: ValueQuery, rows: UserDays, first_day: int, end_day: int, complete_day: int
) -> pd.DataFrame:
    rules = workspace.rules
    first, last = (int(number) for number in rules.bucket_index(np.array([first_day, end_day - 1]), query.grain))
    data_from = workspace.data_period().days(rules)[0]
    whole = int(rules.bucket_index(np.array([data_from]), query.grain)[0])
    if int(rules.index_start_day(whole, query.grain)) < data_from:
        whole += 1
    spec = ActivitySpec(segment=query.segment)
    active = activity.active_users(workspace.store, spec, query.grain, first, last + 1)
    return buckets(rules, rows, active, query.grain, first, last + 1, complete_day, whole)


def _period(workspace: Workspace, query: ValueQuery, rows: UserDays, first_day: int, end_day: int) -> dict[str, float]:
    seen = activity.user_days(workspace.store, ActivitySpec(segment=query.segment))
    inside = (seen.buckets >= first_day) & (seen.buckets < end_day)
    return period_figures(rows, len(np.unique(seen.users[inside])), first_day, end_day)


def _spread(gaps: np.ndarray) -> dict[str, float]:
    names = ("low", "median", "high", "late")
    marks = np.quantile(gaps, (0.25, 0.5, 0.75, 0.9)) if len(gaps) else np.full(4, np.nan)
    return {"n": float(len(gaps)), **{name: float(mark) for name, mark in zip(names, marks, strict=True)}}
