"""The whole demo as coded arrays: people, their events, the campaigns."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, fields

import numpy as np

from ops_core.demo.campaigns import Assigned, assign
from ops_core.demo.people import People, active_days, people
from ops_core.demo.truths import Truths
from ops_core.demo.visits import DAY_US, Rows, browse, rows, shop, visits_on

_SEED = 20_260_916
_PUSH_SHARE = 0.3  # of the known users, once a week


@dataclass(frozen=True)
class Shop:
    """People, their events in order of time, who was assigned to what; `signup_us` counts from the first day."""

    folk: People
    signup_us: np.ndarray
    events: Rows
    assigned: tuple[Assigned, ...]


def build(truths: Truths) -> Shop:
    """The demo, the same at every call."""
    rng = np.random.default_rng(_SEED)
    folk = people(truths, rng)
    visits = visits_on(*active_days(folk, truths, rng), rng)
    natural = [*browse(visits, rng), *shop(visits, folk, truths, rng)]
    coupon, bought = assign("coupon", truths.coupon_at, truths.coupon_lift, natural, folk, truths, rng)
    button, _ = assign("button", truths.button_at, truths.button_lift, natural, folk, truths, rng)
    parts = [*natural, *bought]
    signup_us = _signup_times(folk, visits.user, visits.start, rng)
    parts += _refunds(parts, truths, rng)
    parts += [_sign_ups(folk, signup_us), _pushes(folk, truths, rng)]
    return Shop(folk, signup_us, _merged(parts, truths), (coupon, button))


def _signup_times(folk: People, visitor: np.ndarray, start: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Whoever signs up while the data runs does so with the first visit; the others at any time of their day."""
    times = folk.signup_day * DAY_US + (rng.random(folk.n) * DAY_US).astype(np.int64)
    first = np.full(folk.n, np.iinfo(np.int64).max)
    np.minimum.at(first, visitor, start)
    return np.where(folk.signup_day >= 0, first, times)


def _sign_ups(folk: People, signup_us: np.ndarray) -> Rows:
    seen = np.flatnonzero(folk.signup_day >= 0)
    return rows(seen, "sign_up", signup_us[seen])


def _refunds(parts: list[Rows], truths: Truths, rng: np.random.Generator) -> list[Rows]:
    found = []
    for part in parts:
        chosen = np.flatnonzero((part.value > 0) & (rng.random(len(part.user)) < truths.refund_rate))
        first, last = truths.refund_days
        # Whole days later at the same time of day: office hours would do, midnight would not.
        at = part.at[chosen] + rng.integers(first, last + 1, len(chosen)) * DAY_US
        columns = {"value": -part.value[chosen], "category": part.category[chosen], "order": part.order[chosen]}
        found.append(rows(part.user[chosen], "request_refund", at, **columns))
    return found


def _pushes(folk: People, truths: Truths, rng: np.random.Generator) -> Rows:
    """A push every Thursday at ten to a share of everybody known by then: delivered, not done by the user."""
    thursdays = np.arange(3, truths.n_days, 7)
    got = (rng.random((folk.n, len(thursdays))) < _PUSH_SHARE) & (folk.signup_day[:, None] < thursdays)
    user, week = np.nonzero(got)
    at = thursdays[week] * DAY_US + DAY_US * 10 // 24 + (rng.random(len(user)) * 600e6).astype(np.int64)
    return rows(user, "push_delivered", at)


def _merged(parts: list[Rows], truths: Truths) -> Rows:
    """All events before the as-of, in order of time, as an event stream arrives."""
    columns = {field.name: np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Rows)}
    order = np.argsort(columns["at"], kind="stable")
    order = order[: np.searchsorted(columns["at"][order], truths.n_days * DAY_US)]
    return Rows(**{name: column[order] for name, column in columns.items()})


def clock(truths: Truths, us: np.ndarray) -> np.ndarray:
    """Wall-clock times (datetime64[us]) of microseconds since the first day."""
    start = np.datetime64(dt.datetime.combine(truths.first_day, dt.time()), "us")
    return start + us.astype("timedelta64[us]")
