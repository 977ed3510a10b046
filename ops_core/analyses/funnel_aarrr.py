"""AARRR: of the users who came in a period, how many activate, stay, pay, bring others?

Counted: users first seen in the period (definitions §5), each stage as a share of them. Days are local calendar days
counted from the user's first one, day 0. Acquisition: first seen. Activation: did the activation event on days 0–6;
without such an event: active on a second day by then. Retention: active again on days 7–13. Revenue: a first payment
(an event of the chosen ones with a positive value, or any of them where they carry no value) on days 0–13. Referral:
did the referral event on days 0–13; whether the invited person came is not in the data. Each stage is counted over
the users whose days for it are over at as-of, so every share has its own n; Wilson 95 % intervals.

Limits: stages are counted independently of each other: somebody may pay without having been "activated". Users seen
in the data's first day may be older than the data (left-censored): they are left out and counted apart.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ops_core.analyses import funnel_tables
from ops_core.analyses.stages import StageRules
from ops_core.engine import activity, funnel_lookup
from ops_core.engine.first_seen import first_seen_days
from ops_core.engine.paths import first_times
from ops_core.errors import QueryError
from ops_core.model.filters import Filter
from ops_core.model.intervals import wilson
from ops_core.model.period import Period
from ops_core.model.segment import Segment
from ops_core.workspace import Workspace, one_state

STAGES = ("acquisition", "activation", "retention", "revenue", "referral")
DAYS = {"acquisition": (0, 0), "activation": (0, 6), "retention": (7, 13), "revenue": (0, 13), "referral": (0, 13)}
LONGEST_DAYS = 14
_TOP_CHANNELS = 8
_WORDS = {
    "activation": r"activat|onboard|complete|verif|first_|profile|激活|完善|认证|完成|实名|首次",
    "revenue": r"purchas|\bpay|paid|payment|order|subscri|recharge|支付|付款|购买|下单|充值|订阅",
    "referral": r"invit|refer|share|forward|邀请|分享|推荐|转发|裂变",
}
_UNDONE = re.compile(r"error|fail|cancel|refund|view|失败|取消|退|浏览", re.IGNORECASE)


@dataclass(frozen=True)
class Mapping:
    """Which events stand for the stages. Empty: activation = a second active day; revenue, referral = not known."""

    activation: tuple[str, ...] = ()
    revenue: tuple[str, ...] = ()
    referral: tuple[str, ...] = ()


@dataclass(frozen=True)
class AarrrQuery:
    """Users first seen in a period, and what counts as each stage; `channel`: a user property to part them by."""

    period: Period
    mapping: Mapping
    segment: Segment | None = None
    channel: str | None = None


@dataclass(frozen=True, eq=False)
class AarrrResult:
    """The stages of new users.

    `stages`: stage, group (`all`, or a channel), n (users whose days for the stage are over), users (of those, who did
        it), share, share_low, share_high (0–1; nan without n, or where no event stands for the stage), n_open (users
        whose days are not over).
    `n_new`: users first seen in the period. `n_left_out`: seen on the data's first day, perhaps older than the data.
    """

    query: AarrrQuery
    stages: pd.DataFrame
    n_new: int
    n_left_out: int

    @property
    def total(self) -> pd.DataFrame:
        """The rows of all new users together."""
        return self.stages[self.stages["group"] == funnel_tables.ALL]


@one_state
def guess(workspace: Workspace) -> Mapping:
    """A first mapping from the names of the workspace's events and from which of them carry money.

    The activation event of the workspace's stage rules comes first; a stage that no name speaks of stays empty.
    """
    names = workspace.event_names()["event"].tolist()
    known = first_times(workspace.store)
    paid = {name for name, has_value in zip(known.names, known.has_value, strict=True) if has_value}
    found = {stage: tuple(_named(names, pattern)) for stage, pattern in _WORDS.items()}
    revenue = [name for name in found["revenue"] if name in paid] or [name for name in names if name in paid]
    own = StageRules.of(workspace).activation_event
    activation = (own,) if own in names else found["activation"][:1]
    return Mapping(activation, tuple(revenue or found["revenue"])[:1], found["referral"])


def mature_period(workspace: Workspace, days: int = 28) -> Period:
    """The last `days` local days whose new users have all their 14 days behind them; shorter where the data is.

    Raises:
        QueryError: there are no events yet.
    """
    rules, known = workspace.rules, workspace.data_period()
    first_day, _ = known.days(rules)
    end_day = int(rules.local_days(np.array([workspace.as_of_us]))[0]) - LONGEST_DAYS + 1
    end_day = max(end_day, first_day + 1)
    return Period.of_days(max(end_day - days, first_day), end_day)


@one_state
def analyze(workspace: Workspace, query: AarrrQuery) -> AarrrResult:
    """Ask how far the new users of a period came.

    Raises:
        QueryError: no data yet, or an event or a property that the workspace does not have, with the nearest names.
    """
    if workspace.as_of_us is None:
        raise QueryError("no_data_yet")
    store, rules = workspace.store, workspace.rules
    keys, first_days, censored = first_seen_days(store, query.segment)
    start_day, end_day = query.period.days(rules)
    inside = (first_days >= start_day) & (first_days < end_day)
    keys, first_days, censored = keys[inside], first_days[inside], censored[inside]
    new, seen_on = keys[~censored], first_days[~censored]
    complete_until = int(rules.local_days(np.array([workspace.as_of_us]))[0])  # days before this one are over
    groups = _groups(workspace, query.channel, new)
    rows = []
    for stage in STAGES:
        done = _done(workspace, query.mapping, stage, new, seen_on)
        ripe = np.ones(len(new), bool) if stage == "acquisition" else seen_on + DAYS[stage][1] < complete_until
        rows += [_row(stage, name, of_group, ripe, done) for name, of_group in groups.items()]
    return AarrrResult(query, pd.DataFrame(rows), len(new), int(censored.sum()))


def _done(
    workspace: Workspace, mapping: Mapping, stage: str, users: np.ndarray, seen_on: np.ndarray
) -> np.ndarray | None:
    """Who did what stands for the stage on its days; `None` where nothing stands for it."""
    if stage == "acquisition":
        return np.ones(len(users), bool)
    store, (low, high) = workspace.store, DAYS[stage]
    if stage == "retention" or (stage == "activation" and not mapping.activation):
        # Without an activation event a second day counts, so day 0 itself does not.
        return _on_days(activity.user_days(store, activity.ActivitySpec()), users, seen_on, max(low, 1), high)
    events = getattr(mapping, stage)
    if not events:
        return None
    filters = (Filter("value", "gt", 0),) if stage == "revenue" and _has_value(workspace, events) else ()
    return _on_days(activity.user_days(store, activity.ActivitySpec(events, filters)), users, seen_on, low, high)


def _on_days(days: activity.UserBuckets, users: np.ndarray, seen_on: np.ndarray, low: int, high: int) -> np.ndarray:
    places = np.searchsorted(users, days.users)
    known = places < len(users)
    known[known] = users[places[known]] == days.users[known]
    places, since = places[known], days.buckets[known] - seen_on[places[known]]
    found = np.zeros(len(users), bool)
    found[places[(since >= low) & (since <= high)]] = True
    return found


def _row(stage: str, group: str, of_group: np.ndarray, ripe: np.ndarray, done: np.ndarray | None) -> dict[str, object]:
    n, n_open = int((of_group & ripe).sum()), int((of_group & ~ripe).sum())
    row = {"stage": stage, "group": group, "n": n, "n_open": n_open}
    if done is None or not n:
        nothing = float("nan")
        return row | {"users": nothing, "share": nothing, "share_low": nothing, "share_high": nothing}
    users = int((of_group & ripe & done).sum())
    low, high = wilson(np.array([users]), np.array([n]))
    if stage == "acquisition":  # everybody who came, by definition
        low, high = np.array([np.nan]), np.array([np.nan])
    return row | {"users": users, "share": users / n, "share_low": float(low[0]), "share_high": float(high[0])}


def _groups(workspace: Workspace, channel: str | None, users: np.ndarray) -> dict[str, np.ndarray]:
    everybody = {funnel_tables.ALL: np.ones(len(users), bool)}
    if channel is None:
        return everybody
    places, values = funnel_lookup.user_values(workspace.store, channel.removeprefix("user."), users)
    counts = np.bincount(places[places >= 0], minlength=len(values))
    ranked = sorted(np.flatnonzero(counts).tolist(), key=lambda place: (-counts[place], values[place]))
    shown = ranked[:_TOP_CHANNELS]
    found = everybody | {values[place]: places == place for place in shown}
    rest = (places >= 0) & ~np.isin(places, shown)
    if rest.any():
        found[funnel_tables.OTHER] = rest
    if (places < 0).any():
        found[funnel_tables.NONE] = places < 0
    return found


def _has_value(workspace: Workspace, events: tuple[str, ...]) -> bool:
    paid = activity.ActivitySpec(events, (Filter("value", "is_null", False),))
    return len(activity.user_days(workspace.store, paid)) > 0


def _named(names: list[str], pattern: str) -> list[str]:
    return [name for name in names if re.search(pattern, name, re.IGNORECASE) and not _UNDONE.search(name)]
