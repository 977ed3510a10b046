"""What the shop pays for its channels: a planted cost per new user, scattered from day to day, with a few days lost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ops_core.demo.people import People
from ops_core.demo.truths import CHANNELS, Truths

_SEED = 20_260_917
_SCATTER = 0.15


@dataclass(frozen=True)
class Costs:
    """One element per channel and day with a spend row."""

    channel: np.ndarray
    day: np.ndarray
    amount: np.ndarray


def costs(folk: People, truths: Truths) -> Costs:
    """Spend of the paid channels; the rows of the lost days are missing, not 0."""
    rng = np.random.default_rng(_SEED)
    parts = []
    for channel, cost in truths.cost_per_new_user.items():
        code = CHANNELS.index(channel)
        days = folk.signup_day[(folk.channel == code) & (folk.signup_day >= 0)]
        new = np.bincount(days, minlength=truths.n_days)
        amount = np.round(cost * new * rng.lognormal(-(_SCATTER**2) / 2, _SCATTER, truths.n_days), 2)
        kept = np.arange(truths.n_days)
        if channel == truths.spend_lost_channel:
            lost = [truths.day(day) for day in truths.spend_lost_days]
            kept = np.setdiff1d(kept, lost)
        parts.append((np.full(len(kept), code), kept, amount[kept]))
    return Costs(*(np.concatenate(column) for column in zip(*parts, strict=True)))
