"""Intervals and tests for shares and means, vectorised; the one place that knows a Wilson or a Welch formula.

Undefined (no users, no variance known) is nan. scipy is imported only where a t or exact test is asked for: Wilson
intervals, which most pages draw, need the standard library alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
FEW = 30  # users or units: below, a share or a mean says little
SMALL_EXPECTED_COUNT = 5  # Cochran's rule: below it the normal approximation of a 2 × 2 table is not trusted


def normal_quantile(probability: float) -> float:
    """The standard normal quantile, e.g. 1.959964 for 0.975."""
    return NormalDist().inv_cdf(probability)


def wilson(successes: ArrayLike, n: ArrayLike, level: float = 0.95) -> tuple[Floats, Floats]:
    """Wilson score interval (Wilson 1927) of the share successes / n.

    Returns (low, high), each 0 to 1 in the broadcast shape of the inputs; nan where n is 0 or unknown.
    """
    successes, n = np.broadcast_arrays(np.asarray(successes, dtype=float), np.asarray(n, dtype=float))
    z = normal_quantile((1 + level) / 2)
    with np.errstate(divide="ignore", invalid="ignore"):
        trials = np.where(n > 0, n, np.nan)
        share = successes / trials
        centre = (share + z * z / (2 * trials)) / (1 + z * z / trials)
        half = z / (1 + z * z / trials) * np.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    # The bounds at 0 and n successes are exactly 0 and 1; rounding must not leave a bar of 1e-17.
    low = np.where(successes == 0, np.where(np.isnan(half), np.nan, 0.0), centre - half)
    high = np.where(successes == trials, 1.0, centre + half)
    return low, high


@dataclass(frozen=True)
class Difference:
    """A difference with its interval and two-sided p-value, arrays of one shape; nan where undefined.

    `is_exact` marks the places where an exact test stood in for Welch's.
    """

    difference: Floats
    low: Floats
    high: Floats
    p_value: Floats
    is_exact: NDArray[np.bool_] | bool = False


def welch(
    difference: ArrayLike, squared_error: ArrayLike, n: ArrayLike, other_error: ArrayLike, other_n: ArrayLike,
    level: float = 0.95,
) -> Difference:  # fmt: skip
    """Welch's t interval and test for a difference of two independent means (Welch 1947).

    `squared_error` and `other_error` are the variances of the two means (s² / n). nan where an arm has fewer than two
    users or where neither arm varies.
    """
    from scipy.special import stdtr, stdtrit  # noqa: PLC0415

    difference, squared_error, n, other_error, other_n = np.broadcast_arrays(
        *(np.asarray(each, dtype=float) for each in (difference, squared_error, n, other_error, other_n))
    )
    known = (n > 1) & (other_n > 1) & (squared_error + other_error > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        freedom = (squared_error + other_error) ** 2 / (squared_error**2 / (n - 1) + other_error**2 / (other_n - 1))
        error = np.sqrt(squared_error + other_error)
        freedom, error = np.where(known, freedom, np.nan), np.where(known, error, np.nan)
        half = stdtrit(freedom, (1 + level) / 2) * error
        p_value = 2 * stdtr(freedom, -np.abs(difference) / error)
    return Difference(difference, difference - half, difference + half, p_value)


def t_interval(
    total: ArrayLike, squares: ArrayLike, n: ArrayLike, level: float = 0.95
) -> tuple[Floats, Floats, Floats]:
    """Student's t interval of a mean (Student 1908), given Σ x, Σ x² and n.

    Returns (mean, low, high); the mean is nan where n is 0, the bounds where n is below two.
    """
    from scipy.special import stdtrit  # noqa: PLC0415

    total, squares, n = np.broadcast_arrays(*(np.asarray(each, dtype=float) for each in (total, squares, n)))
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = total / np.where(n > 0, n, np.nan)
        variance = np.maximum(squares - n * mean * mean, 0.0) / np.where(n > 1, n - 1, np.nan)
        half = stdtrit(np.where(n > 1, n - 1, np.nan), (1 + level) / 2) * np.sqrt(variance / n)
    return mean, mean - half, mean + half


def difference_of_shares(
    successes: ArrayLike, n: ArrayLike, other_successes: ArrayLike, other_n: ArrayLike, level: float = 0.95
) -> Difference:
    """The difference of two independent shares, successes / n − other_successes / other_n, from −1 to 1.

    Welch's interval and test; where an expected count of the 2 × 2 table is below 5 or neither share varies, Fisher's
    exact test with the hybrid score interval (Newcombe 1998, method 10). nan where a group is empty.
    """
    a, n, b, m = np.broadcast_arrays(
        *(np.asarray(each, dtype=float) for each in (successes, n, other_successes, other_n))
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        share, other_share = a / np.where(n > 0, n, np.nan), b / np.where(m > 0, m, np.nan)
        found = welch(
            share - other_share, share * (1 - share) / (n - 1), n, other_share * (1 - other_share) / (m - 1), m, level
        )
        small = expected_minimum(a, n, b, m) < SMALL_EXPECTED_COUNT
    small |= np.isnan(found.p_value) & (n > 0) & (m > 0)
    low, high, p_value = (np.array(each) for each in (found.low, found.high, found.p_value))
    if np.any(small):
        score_low, score_high = _newcombe(a, n, b, m, level)
        low, high = np.where(small, score_low, low), np.where(small, score_high, high)
        for place in np.argwhere(small):
            at = tuple(place)
            p_value[at] = fisher(int(a[at]), int(n[at]), int(b[at]), int(m[at]))
    return Difference(found.difference, low, high, p_value, small)


def expected_minimum(successes: ArrayLike, n: ArrayLike, other_successes: ArrayLike, other_n: ArrayLike) -> Floats:
    """The smallest expected count of the 2 × 2 table if both shares were equal; nan where both groups are empty."""
    a, n, b, m = (np.asarray(each, dtype=float) for each in (successes, n, other_successes, other_n))
    with np.errstate(divide="ignore", invalid="ignore"):
        pooled = (a + b) / np.where((n > 0) & (m > 0), n + m, np.nan)
        return np.minimum(n, m) * np.minimum(pooled, 1 - pooled)


def fisher(successes: int, n: int, other_successes: int, other_n: int) -> float:
    """Two-sided p-value of Fisher's exact test: tables no likelier than the one found (Fisher 1922)."""
    from scipy.special import gammaln  # noqa: PLC0415

    together = successes + other_successes
    possible = np.arange(max(0, together - other_n), min(n, together) + 1)

    def log_choose(size: int, chosen: NDArray[np.int64]) -> Floats:
        return gammaln(size + 1) - gammaln(chosen + 1) - gammaln(size - chosen + 1)

    log_weight = log_choose(n, possible) + log_choose(other_n, together - possible)
    weight = np.exp(log_weight - log_weight.max())
    observed = weight[successes - possible[0]]
    return float(min(1.0, weight[weight <= observed * (1 + 1e-7)].sum() / weight.sum()))


def _newcombe(a: Floats, n: Floats, b: Floats, m: Floats, level: float) -> tuple[Floats, Floats]:
    low, high = wilson(a, n, level)
    other_low, other_high = wilson(b, m, level)
    with np.errstate(divide="ignore", invalid="ignore"):
        share, other_share = a / n, b / m
        down = np.hypot(share - low, other_high - other_share)
        up = np.hypot(high - share, other_share - other_low)
    return share - other_share - down, share - other_share + up
