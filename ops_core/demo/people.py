"""Who the demo's users are, and on which days each of them comes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ops_core.demo.truths import CHANNELS, CITIES, PLATFORMS, TIERS, Truths

_KNOWN_BEFORE = 0.35  # of all users signed up before the data begins, many of them long gone
_OLDEST_DAYS = 400
_WEEKLY_GROWTH = 1.02  # new users, week on week
_WEEKDAY = np.array([0.95, 0.93, 0.94, 0.96, 1.02, 1.12, 1.08])  # Monday first
_CHANNEL_SHARE = (0.30, 0.26, 0.14, 0.13, 0.11, 0.06)
_CHANNEL_AFFINITY = np.array([1.15, 0.75, 1.0, 0.95, 1.4, 0.6])
_PLATFORM_SHARE = (0.46, 0.27, 0.19, 0.08)
_TIER_SHARE = (0.62, 0.24, 0.11, 0.03)
_TIER_AFFINITY = np.array([0.85, 1.1, 1.35, 1.6])
_CITY_SHARE = (0.16, 0.13, 0.10, 0.11, 0.09, 0.08, 0.06, 0.27)


@dataclass(frozen=True)
class People:
    """One array element per user; codes point into the tuples of `truths`."""

    channel: np.ndarray
    platform: np.ndarray
    tier: np.ndarray
    city: np.ndarray
    signup_day: np.ndarray  # day number, negative before the data begins

    @property
    def n(self) -> int:
        return len(self.channel)


def people(truths: Truths, rng: np.random.Generator) -> People:
    """The users in order of signing up: some from before the data, the others at a growing weekly pace."""
    n_known = int(truths.n_users * _KNOWN_BEFORE)
    n_new = truths.n_users - n_known
    days = np.arange(truths.n_days)
    pace = _WEEKLY_GROWTH ** (days / 7) * _WEEKDAY[days % 7]
    before = -1 - np.floor(_OLDEST_DAYS * rng.random(n_known) ** 1.6).astype(np.int64)
    since = rng.choice(days, size=n_new, p=pace / pace.sum())
    n = truths.n_users
    return People(
        channel=rng.choice(len(CHANNELS), size=n, p=_CHANNEL_SHARE),
        platform=rng.choice(len(PLATFORMS), size=n, p=_PLATFORM_SHARE),
        tier=rng.choice(len(TIERS), size=n, p=_TIER_SHARE),
        city=rng.choice(len(CITIES), size=n, p=_CITY_SHARE),
        signup_day=np.sort(np.concatenate([before, since])),
    )


def active_days(folk: People, truths: Truths, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """User number and day number of each active day, ordered by both.

    A user leaves for good at an age drawn from a Pareto law (the hazard declines: who stayed long stays longer) and
    until then comes on each day with a chance of their own. The day of signing up always counts; on the next day
    the chance is the planted one for everybody.
    """
    days = np.arange(truths.n_days)
    age = days[None, :] - folk.signup_day[:, None]
    lifetime = 12 * (rng.random(folk.n) ** (-1 / 0.55) - 1)
    chance = rng.gamma(1.2, 0.155, folk.n) * _CHANNEL_AFFINITY[folk.channel] * _TIER_AFFINITY[folk.tier]
    festival = (days >= truths.day(truths.festival_start)) & (days < truths.day(truths.festival_end))
    calendar = _WEEKDAY[days % 7] * np.where(festival, truths.festival_lift, 1.0)
    likely = np.minimum(chance, 0.6)[:, None] * calendar * (age <= lifetime[:, None])
    with_tour = folk.signup_day >= truths.day(truths.tour_start)
    next_day = np.where(with_tour, truths.next_day_return_with_tour, truths.next_day_return)
    likely = np.where(age == 1, next_day[:, None], likely)
    active = (rng.random(likely.shape) < likely) & (age > 0)
    active |= age == 0
    return np.nonzero(active)
