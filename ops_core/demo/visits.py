"""What people do on an active day: visits, each a chain from opening the app towards a paid order.

All times are whole microseconds on the local wall clock, counted from the first day with data.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ops_core.demo.people import People
from ops_core.demo.truths import CATEGORIES, EVENTS, PLATFORMS, Truths

SECOND_US = 1_000_000
DAY_US = 86_400 * SECOND_US
CODE = {event: code for code, event in enumerate(EVENTS)}

_HOUR_WEIGHT = np.array([3, 1, 1, 1, 1, 2, 4, 7, 9, 10, 11, 13, 15, 13, 11, 10, 10, 11, 13, 16, 19, 20, 16, 0], float)
_CATEGORY_SHARE = (0.28, 0.22, 0.20, 0.12, 0.18)
_AMOUNT_MEDIAN = np.array([85, 160, 220, 480, 190], float)  # yuan per order, by category
_BROWSING_S = 250.0  # everything before the cart happens within these
_TO_SEARCH, _TO_VIEW, _TO_CART, _TO_CHECKOUT, _TO_ORDER, _TO_INVITE = 0.35, 0.92, 0.31, 0.54, 0.80, 0.012
_DELAY_MEDIAN_S = np.array([95, 210, 60, 45], float)  # to the cart, the check-out, the order, the payment
_DELAY_SPREAD = np.array([0.9, 1.2, 0.7, 0.9])
_LATER_SHARE = np.array([0.0, 0.15, 0.0, 0.12])  # come back to it hours later on the same day


@dataclass(frozen=True)
class Visits:
    """One element per visit."""

    user: np.ndarray
    start: np.ndarray
    category: np.ndarray
    n_views: np.ndarray

    def only(self, chosen: np.ndarray) -> Visits:
        """The visits at these positions, or where the mask is true."""
        return Visits(self.user[chosen], self.start[chosen], self.category[chosen], self.n_views[chosen])


@dataclass(frozen=True)
class Rows:
    """One element per event; `value` is nan and `order` −1 where there is none."""

    user: np.ndarray
    event: np.ndarray
    at: np.ndarray
    value: np.ndarray
    category: np.ndarray
    order: np.ndarray


def rows(user: np.ndarray, event: str, at: np.ndarray, **columns: np.ndarray) -> Rows:
    """Events of one name; columns not given are empty."""
    n = len(user)
    return Rows(
        user=user,
        event=np.full(n, CODE[event], np.int8),
        at=at.astype(np.int64),
        value=columns.get("value", np.full(n, np.nan)),
        category=columns.get("category", np.full(n, -1)),
        order=columns.get("order", np.full(n, -1)),
    )


def visits_on(user: np.ndarray, day: np.ndarray, rng: np.random.Generator) -> Visits:
    """The visits of active days: at least one each, spread over the day's busy hours."""
    repeat = 1 + rng.poisson(0.25, len(user))
    user, day = np.repeat(user, repeat), np.repeat(day, repeat)
    hour = rng.choice(24, size=len(user), p=_HOUR_WEIGHT / _HOUR_WEIGHT.sum())
    start = day * DAY_US + _us((hour + rng.random(len(user))) * 3600)
    n_views = np.where(rng.random(len(user)) < _TO_VIEW, 1 + rng.poisson(1.9, len(user)), 0)
    return Visits(user, start, rng.choice(len(CATEGORIES), size=len(user), p=_CATEGORY_SHARE), n_views)


def browse(visits: Visits, rng: np.random.Generator) -> list[Rows]:
    """Opening the app, searching, looking at items, inviting a friend: the first minutes of a visit."""
    n = len(visits.user)
    searching, inviting = visits.only(rng.random(n) < _TO_SEARCH), visits.only(rng.random(n) < _TO_INVITE)
    viewing = visits.only(np.repeat(np.arange(n), visits.n_views))
    return [
        rows(visits.user, "open_app", visits.start),
        rows(searching.user, "search", _after(searching, 2, 7, rng)),
        rows(viewing.user, "view_item", _after(viewing, 8, _BROWSING_S, rng), category=viewing.category),
        rows(inviting.user, "invite_friend", _after(inviting, 30, _BROWSING_S, rng)),
    ]


def shop(visits: Visits, folk: People, truths: Truths, rng: np.random.Generator) -> list[Rows]:
    """From the cart to the payment: of the visits with a look at an item, a share goes one step further each time."""
    chances = np.where(visits.n_views > 0, _TO_CART, 0.0)[:, None] * [1, 0, 0] + [0, _TO_CHECKOUT, _TO_ORDER]
    depth = np.cumprod(rng.random(chances.shape) < chances, axis=1).sum(axis=1)
    return order_chain(visits.only(depth > 0), depth[depth > 0], folk, truths, rng)


def order_chain(
    visits: Visits, depth: np.ndarray, folk: People, truths: Truths, rng: np.random.Generator, first_order: int = 1
) -> list[Rows]:
    """The events of visits that reach the cart (depth 1), the check-out (2) or an order (3), which may be paid."""
    user, category = visits.user, visits.category
    at = _step_times(visits.start + _us(np.full(len(user), _BROWSING_S)), rng)
    ordered = np.flatnonzero(depth == 3)
    paid = ordered[rng.random(len(ordered)) < _pay_rate(user[ordered], at[ordered, 2], folk, truths)]
    spread = np.exp(0.6 * rng.standard_normal(len(user)))
    amount = np.round(_AMOUNT_MEDIAN[category] * spread * (1 + 0.25 * folk.tier[user]), 2)
    order = first_order + np.arange(len(user))
    checking_out = np.flatnonzero(depth >= 2)
    return [
        rows(user, "add_to_cart", at[:, 0], category=category),
        rows(user[checking_out], "begin_checkout", at[checking_out, 1], category=category[checking_out]),
        rows(user[ordered], "submit_order", at[ordered, 2], category=category[ordered], order=order[ordered]),
        rows(user[paid], "pay", at[paid, 3], category=category[paid], order=order[paid], value=amount[paid]),
    ]


def _step_times(start: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Times of the four steps after `start`, squeezed where they would pass midnight."""
    shape = (len(start), 4)
    delay = _DELAY_MEDIAN_S * np.exp(_DELAY_SPREAD * rng.standard_normal(shape))
    delay += np.where(rng.random(shape) < _LATER_SHARE, 3600 * (0.3 + 7 * rng.random(shape)), 0)
    passed = np.cumsum(delay, axis=1) * SECOND_US
    left = (DAY_US - start % DAY_US)[:, None] * 0.98
    return start[:, None] + (passed * np.minimum(1, left / passed[:, -1:])).astype(np.int64)


def _pay_rate(user: np.ndarray, at: np.ndarray, folk: People, truths: Truths) -> np.ndarray:
    usual = np.array([truths.pay_rate[platform] for platform in PLATFORMS])[folk.platform[user]]
    day = at // DAY_US
    during = (day >= truths.day(truths.incident_start)) & (day < truths.day(truths.incident_end))
    broken = during & (folk.platform[user] == PLATFORMS.index(truths.incident_platform))
    return np.where(broken, truths.incident_pay_rate, usual)


def _after(visits: Visits, low_s: float, high_s: float, rng: np.random.Generator) -> np.ndarray:
    return visits.start + _us(low_s + (high_s - low_s) * rng.random(len(visits.user)))


def _us(seconds: np.ndarray) -> np.ndarray:
    return (seconds * SECOND_US).astype(np.int64)
