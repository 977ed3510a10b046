"""Do groups of users differ: segments side by side on the KPIs, each value with its interval.

Unit: a user, in the period. Groups: values of a user property, segments (which may overlap), or RFM classes and
life-cycle stages as they stood when the period began, so that what users do in it is no part of their group. KPIs:
`active_share` (active in the period ÷ users), `activation` (first seen in the period with a second active day, or the
activation event of the workspace's stage rules, in their first 7 days ÷ first seen and 7 days old; users of the data's
first day may be older than the data and are left out), `retention` (active in the equally long stretch before and again
in the period ÷ active before), `revenue_per_user` (net value ÷ users), `paying_share` (positive sum ÷ users). Shares
carry Wilson intervals, means t intervals; differences are Welch's or exact, Holm-adjusted over the whole table. Known
limit: users without the property, purchase or history that a grouping needs are in no group.
"""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real

import numpy as np
import pandas as pd

from ops_core.analyses import rfm, stages
from ops_core.engine import profiles, purchases
from ops_core.errors import QueryError, nearest
from ops_core.model.aggregates import Aggregates
from ops_core.model.intervals import FEW, Difference, difference_of_shares, welch, wilson
from ops_core.model.multiplicity import holm
from ops_core.model.period import Period
from ops_core.model.segment import Segment
from ops_core.workspace import Workspace, one_state

SHARES = {
    "active_share": ("active", "users"), "activation": ("activated", "fresh"), "retention": ("retained", "before"),
    "paying_share": ("paying", "users"),
}  # fmt: skip
KPIS = ("active_share", "activation", "retention", "paying_share", "revenue_per_user")
MONEY = ("paying_share", "revenue_per_user")
OTHER = "other"
RFM_SCHEMES = {"rfm": "classes", "rfm_names": "names"}


@dataclass(frozen=True)
class SegmentQuery:
    """`by`: a user property (`user.channel`), `stage`, `rfm` (the 8 classes), `rfm_names` (the 10), or segments.

    `reference`: the group the others are compared with (default: the one with most active users). `limit`: values of a
    property that get a group of their own; the rest is `other`.

    Raises:
        QueryError: fewer than two segments, two of one name, a limit outside 1–50, or an `alpha` outside 0–0.5.
    """

    by: str | tuple[Segment, ...]
    period: Period
    reference: str | None = None
    limit: int = 8
    alpha: float = 0.05

    def __post_init__(self) -> None:
        if not isinstance(self.by, str):
            object.__setattr__(self, "by", tuple(self.by))
            names = [segment.name for segment in self.by]
            if len(names) < 2:
                raise QueryError("segments_need_two")
            if len(set(names)) < len(names):
                raise QueryError("segments_name_twice", name=max(names, key=names.count))
        if not 1 <= self.limit <= 50:
            raise QueryError("segments_limit", value=self.limit)
        if not isinstance(self.alpha, Real) or not 0 < self.alpha < 0.5:
            raise QueryError("segments_alpha", value=self.alpha)


@dataclass(frozen=True, eq=False)
class SegmentResult:
    """The answer, with its query.

    Users are those first seen before the period's end.
    `groups`, in order of size or of the RFM scheme: segment, users, share (0–1 of all users in any group),
    is_reference, shared_with_reference (users in both).
    `kpis`, one row per group and KPI: segment, kpi, numerator, n (denominator), value (share 0–1 or amount), low, high,
    difference (to the reference), difference_low, difference_high, p_value, p_adjusted, is_clear, too_few (n < 30).
    value is nan where n is 0, and n is 0 in the KPIs of money while no event has an amount. The comparison is nan in
    the reference's row, where the group overlaps the reference, or where either n is below 30.
    `overlap`: users that each pair of groups shares (square, names on both sides). `is_partial`: the period ends after
    as-of and was cut there. `activation_event`: the event that activates; `None`: a second active day does.
    """

    query: SegmentQuery
    reference: str
    groups: pd.DataFrame
    kpis: pd.DataFrame
    overlap: pd.DataFrame
    is_partial: bool
    activation_event: str | None = None

    @property
    def overlap_is_diagonal(self) -> bool:
        """Whether no two groups share a user."""
        counts = self.overlap.to_numpy()
        return int(counts.sum()) == int(counts.trace())


@one_state
def analyze(workspace: Workspace, query: SegmentQuery) -> SegmentResult:
    """Compare groups of users on the KPIs of a period.

    Raises:
        QueryError: an unknown property or reference, no data, or a period after as-of.
    """
    if workspace.as_of_us is None:
        raise QueryError("no_data_yet")
    spec, is_partial = _spec(workspace, query.period)
    members = profiles.seen_before(workspace.store, _members(workspace, query), spec.end_us)
    # A property may have a value that is called like the rest: the rest then gets a mark of its own.
    rest = OTHER if OTHER not in members.names else f"{OTHER} *"
    names = [rest if name is None else name for name in members.names]
    sums = profiles.group_sums(workspace.store, members, spec).set_index("group_no")
    sums = sums.reindex(range(len(names)), fill_value=0).assign(segment=names)
    reference = _reference(query, sums)
    overlap = pd.DataFrame(profiles.overlap(workspace.store, members), index=names, columns=names)
    groups = pd.DataFrame(
        {
            "segment": names,
            "users": sums["users"].to_numpy(),
            "share": sums["users"].to_numpy() / max(1, len(np.unique(members.user_key))),
            "is_reference": [name == reference for name in names],
            "shared_with_reference": [0 if name == reference else int(overlap.loc[reference, name]) for name in names],
        }
    )
    # Without any amount in the data a paying share of 0 would be an invention: nobody is there to count.
    counted = {} if _has_money(workspace, sums) else dict.fromkeys(MONEY, sums.assign(users=0))
    kpis = pd.concat([_kpi(kpi, counted.get(kpi, sums), groups, query.alpha) for kpi in KPIS], ignore_index=True)
    adjusted = holm(kpis["p_value"])
    kpis.insert(kpis.columns.get_loc("p_value") + 1, "p_adjusted", adjusted)
    kpis = kpis.assign(is_clear=adjusted < query.alpha, too_few=kpis["n"] < FEW)
    return SegmentResult(query, reference, groups, kpis, overlap, is_partial, spec.activation_event)


def _members(workspace: Workspace, query: SegmentQuery) -> profiles.Groups:
    store = workspace.store
    if not isinstance(query.by, str):
        return profiles.groups_of_segments(store, query.by)
    if query.by.startswith("user."):
        return profiles.groups_by_property(store, query.by.removeprefix("user."), query.limit)
    if query.by == "stage":
        return _stages(workspace, query)
    if query.by not in RFM_SCHEMES:
        known = [f"user.{column.name}" for column in store.columns("user")]
        raise QueryError(
            "segments_unknown_by", value=query.by, nearest=nearest(query.by, [*known, *RFM_SCHEMES, "stage"])
        )
    found = rfm.analyze(workspace, rfm.RfmQuery(RFM_SCHEMES[query.by], at=query.period.first_date))
    order = tuple(found.classes.loc[found.classes["users"] > 0, "rfm_class"])
    place = {name: number for number, name in enumerate(order)}
    numbers = found.users["rfm_class"].map(place).to_numpy(dtype=np.int64)
    return profiles.Groups(order, found.users["user_key"].to_numpy(), numbers)


def _stages(workspace: Workspace, query: SegmentQuery) -> profiles.Groups:
    found = stages.stages(workspace, at=query.period.first_date)
    return profiles.Groups(stages.STAGES, found.keys, np.asarray(found.stage_of, dtype=np.int64))


def _spec(workspace: Workspace, period: Period) -> tuple[profiles.SegmentSpec, bool]:
    rules, as_of_us = workspace.rules, workspace.as_of_us
    first_day, end_day = period.days(rules)
    as_of_day = int(rules.local_days(np.array([as_of_us]))[0])
    end_us = rules.day_start_us(end_day)
    if as_of_day <= first_day:
        raise QueryError("period_after_as_of", start=str(period.first_date), as_of=str(workspace.as_of.date()))
    is_partial = end_us > as_of_us
    if is_partial:
        end_day, end_us = as_of_day, as_of_us
    event = stages.StageRules.of(workspace).activation_event
    return profiles.SegmentSpec(first_day, end_day, as_of_day, end_us, as_of_us, event), is_partial


def _has_money(workspace: Workspace, sums: pd.DataFrame) -> bool:
    return (
        bool(sums["revenue_squares"].any()) or len(purchases.user_days(workspace.store, workspace.as_of_us).users) > 0
    )


def _reference(query: SegmentQuery, sums: pd.DataFrame) -> str:
    names = sums["segment"].tolist()
    if query.reference is None:
        return str(sums.sort_values(["active", "users"], ascending=False, kind="stable")["segment"].iloc[0])
    if query.reference not in names:
        raise QueryError(
            "segments_unknown_reference", name=query.reference, nearest=nearest(query.reference, names) or names
        )
    return query.reference


def _kpi(kpi: str, sums: pd.DataFrame, groups: pd.DataFrame, alpha: float) -> pd.DataFrame:
    place = int(np.argmax(groups["is_reference"].to_numpy()))
    found = _share(sums, kpi, place, alpha) if kpi in SHARES else _revenue(sums, place, alpha)
    table, compared = found
    testable = (
        ~groups["is_reference"].to_numpy()
        & (groups["shared_with_reference"].to_numpy() == 0)
        & (table["n"].to_numpy() >= FEW)
        & (table["n"].iloc[place] >= FEW)
    )
    columns = ("difference", "difference_low", "difference_high", "p_value")
    values = (compared.difference, compared.low, compared.high, compared.p_value)
    table = table.assign(
        **{name: np.where(testable, value, np.nan) for name, value in zip(columns, values, strict=True)}
    )
    table.insert(0, "segment", sums["segment"].to_numpy())
    table.insert(1, "kpi", kpi)
    return table


def _share(sums: pd.DataFrame, kpi: str, place: int, alpha: float) -> tuple[pd.DataFrame, Difference]:
    successes, n = (sums[name].to_numpy(dtype=float) for name in SHARES[kpi])
    low, high = wilson(successes, n, 1 - alpha)
    with np.errstate(invalid="ignore"):
        value = successes / np.where(n > 0, n, np.nan)
    table = pd.DataFrame({"numerator": successes, "n": n.astype(int), "value": value, "low": low, "high": high})
    return table, difference_of_shares(successes, n, successes[place], n[place], 1 - alpha)


def _revenue(sums: pd.DataFrame, place: int, alpha: float) -> tuple[pd.DataFrame, Difference]:
    arms = [
        Aggregates(int(row["users"]), row["revenue"], row["revenue_squares"]) for row in sums.to_dict("records")
    ]  # fmt: skip
    n = np.array([arm.n for arm in arms], dtype=float)
    mean = np.array([arm.mean for arm in arms])
    error = np.array([arm.variance for arm in arms]) / np.where(n > 0, n, np.nan)
    # An arm without error and with endless users turns Welch's interval into the one-sample t interval.
    own = welch(mean, error, n, 0.0, 1e15, 1 - alpha)
    table = pd.DataFrame(
        {"numerator": [float(arm.total) for arm in arms], "n": n.astype(int), "value": mean,
         "low": own.low, "high": own.high}
    )  # fmt: skip
    return table, welch(mean - mean[place], error, n, error[place], n[place], 1 - alpha)
