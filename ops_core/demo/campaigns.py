"""The demo's two experiments, with both potential outcomes of every assigned user known by construction.

Control outcome: whether the user pays within the window in the world without campaigns. Treatment outcome: the same,
or, for a share of the users who would not have paid, a purchase more. Only treated users get to see it.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace

import numpy as np

from ops_core.demo.people import People
from ops_core.demo.truths import PLATFORMS, Truths
from ops_core.demo.visits import CODE, DAY_US, Rows, Visits, browse, order_chain

_RECENT_DAYS = 28  # assigned are those active in the weeks before,
_SETTLED_DAYS = 7  # but not those who have just signed up
_FIRST_CAMPAIGN_ORDER = 900_001


@dataclass(frozen=True)
class Assigned:
    """One element per assigned user."""

    campaign: str
    user: np.ndarray
    treated: np.ndarray
    at: np.ndarray


def assign(
    campaign: str,
    when: dt.datetime,
    lift: float,
    natural: list[Rows],
    folk: People,
    truths: Truths,
    rng: np.random.Generator,
) -> tuple[Assigned, list[Rows]]:
    """Half of the recently active users are treated. Returns the assignment and the events that it caused.

    The users whom the treatment would win are drawn from both arms, exactly `lift` × assigned of them: the true
    average effect in this population is `lift`, not merely in expectation.
    """
    instant = int((when - dt.datetime.combine(truths.first_day, dt.time())) / dt.timedelta(microseconds=1))
    end = instant + truths.campaign_window_days * DAY_US
    users = _recently_active(natural, instant, folk)
    assigned = Assigned(campaign, users, rng.permutation(len(users)) % 2 == 1, np.full(len(users), instant))
    payers = np.concatenate([part.user[(part.at > instant) & (part.at <= end)] for part in natural if _is(part, "pay")])
    persuadable = rng.permutation(np.flatnonzero(~np.isin(users, payers)))[: round(lift * len(users))]
    won = users[persuadable[assigned.treated[persuadable]]]
    # A day's room at both ends keeps the whole chain inside the window.
    start = instant + ((0.1 + (truths.campaign_window_days - 1.1) * rng.random(len(won))) * DAY_US).astype(np.int64)
    extra = Visits(won, start, rng.integers(0, 5, len(won)), 1 + rng.poisson(1.9, len(won)))
    certain = replace(truths, pay_rate=dict.fromkeys(PLATFORMS, 1.0), incident_pay_rate=1.0)
    depth = np.full(len(won), 3)
    return assigned, [
        *browse(extra, rng),
        *order_chain(extra, depth, folk, certain, rng, first_order=_FIRST_CAMPAIGN_ORDER),
    ]


def _recently_active(natural: list[Rows], instant: int, folk: People) -> np.ndarray:
    opened = next(part for part in natural if _is(part, "open_app"))
    recent = (opened.at < instant) & (opened.at >= instant - _RECENT_DAYS * DAY_US)
    users = np.unique(opened.user[recent])
    return users[folk.signup_day[users] <= instant // DAY_US - _SETTLED_DAYS]


def _is(part: Rows, event: str) -> bool:
    return len(part.event) > 0 and part.event[0] == CODE[event]
