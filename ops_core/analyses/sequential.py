"""Reading an experiment more than once, and reading it as a bet: always-valid intervals, P(best) and expected loss."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ops_core.analyses.inference import Effect, Estimate

GRID_POINTS = 2_001


def always_valid(found: Effect, tuning_n: int, alpha: float = 0.05) -> tuple[float, float]:
    """Interval of the difference that holds at every look together, not only at the planned end.

    Asymptotic confidence sequence (Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas 2021), tightest when both arms together
    hold `tuning_n` users, and never narrower than the fixed interval (an exact one can be the wider). nan where the
    variance is unknown or nothing varies.
    """
    if not found.squared_error > 0:
        return math.nan, math.nan
    n = found.control.n + found.treatment.n
    level = -2 * math.log(alpha)
    tuning = (level + math.log(level + 1)) / tuning_n
    spread = n * tuning + 1
    width = math.sqrt(found.squared_error * 2 * spread / (n * tuning) * math.log(math.sqrt(spread) / alpha))
    return min(found.difference - width, found.low), max(found.difference + width, found.high)


@dataclass(frozen=True)
class Bet:
    """What a flat prior and the data leave: P(this arm is the best), 0–1, and the loss expected from choosing it."""

    p_best: float
    expected_loss: float


def bets(arms: Sequence[Estimate], higher_is_better: bool = True) -> list[Bet]:
    """One bet per arm, in their order; the posterior of a mean is taken as normal. nan where a variance is unknown.

    The distribution of the best arm is integrated on a grid, not simulated: the same data always give the same answer.
    """
    from scipy.special import ndtr  # noqa: PLC0415

    mean = np.array([arm.mean if higher_is_better else -arm.mean for arm in arms])
    error = np.sqrt([arm.squared_error for arm in arms])
    if not np.all(error > 0):
        return [Bet(math.nan, math.nan) for _ in arms]
    grid = np.unique(mean[:, None] + error[:, None] * np.linspace(-9, 9, GRID_POINTS))
    below = ndtr((grid - mean[:, None]) / error[:, None])
    mass, middle = np.diff(below, axis=1), (below[:, 1:] + below[:, :-1]) / 2
    place = (grid[1:] + grid[:-1]) / 2
    best = np.diff(np.prod(below, axis=0)) @ place
    found = []
    for own in range(len(arms)):
        others = np.prod(np.delete(middle, own, axis=0), axis=0)
        found.append(Bet(float(mass[own] @ others), float(best - mean[own])))
    return found
