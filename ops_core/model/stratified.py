"""Two shares compared within strata: the Mantel–Haenszel difference, its interval and its test, vectorised.

Each stratum compares like with like; the strata's differences are averaged with weights n₁n₀/N, so that thousands of
small strata are as good as a few large ones. Undefined is nan.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ops_core.model.intervals import SMALL_EXPECTED_COUNT, normal_quantile

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class StratifiedDifference:
    """A difference of shares (−1 to 1) averaged over strata, with interval and two-sided p; one element per comparison.

    `n_compared`: users in strata that hold users of both sides; the others say nothing. nan where there are none; p
    also where the counts are too small for its approximation (Mantel and Fleiss 1980).
    """

    difference: Floats
    low: Floats
    high: Floats
    p_value: Floats
    n_compared: Floats


def mantel_haenszel(
    successes: ArrayLike, n: ArrayLike, other_successes: ArrayLike, other_n: ArrayLike, level: float = 0.95
) -> StratifiedDifference:
    """Compare two sides within strata; the last axis of the four count arrays runs over the strata.

    Difference: Greenland and Robins (1985), variance: Sato (1989), which holds for few large and for many small
    strata; test: Cochran–Mantel–Haenszel without continuity correction (Mantel and Haenszel 1959).
    """
    from scipy.special import erfc  # noqa: PLC0415

    a, n1, b, n0 = (np.asarray(part, dtype=float) for part in (successes, n, other_successes, other_n))
    total = n1 + n0
    shared = (n1 > 0) & (n0 > 0)
    # Strata with one side only take part with weight 0; a size of 1 keeps their terms finite.
    size = np.where(shared, total, 1.0)
    a, n1, b, n0 = (np.where(shared, part, 0.0) for part in (a, n1, b, n0))
    weight = (n1 * n0 / size).sum(axis=-1)
    known = weight > 0
    safe = np.where(known, weight, np.nan)
    difference = ((a * n0 - b * n1) / size).sum(axis=-1) / safe
    p_term = ((n1**2 * b - n0**2 * a + n1 * n0 * (n0 - n1) / 2) / size**2).sum(axis=-1)
    q_term = ((a * (n0 - b) + b * (n1 - a)) / (2 * size)).sum(axis=-1)
    error = np.sqrt(np.maximum(difference * p_term + q_term, 0.0)) / safe
    half = normal_quantile((1 + level) / 2) * error
    converted = a + b
    expected = n1 * converted / size
    variance = (n1 * n0 * converted * (size - converted) / (size**2 * np.maximum(size - 1, 1))).sum(axis=-1)
    surplus = (a - expected).sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        chi_square = surplus**2 / np.where(variance > 0, variance, np.nan)
    p_value = np.where(_is_trusted(expected, converted, n1, n0), erfc(np.sqrt(chi_square / 2)), np.nan)
    compared = np.where(shared, total, 0.0).sum(axis=-1)
    low, high = np.maximum(difference - half, -1.0), np.minimum(difference + half, 1.0)
    return StratifiedDifference(difference, low, high, p_value, compared)


def _is_trusted(expected: Floats, converted: Floats, n1: Floats, n0: Floats) -> NDArray[np.bool_]:
    """The rule of Mantel and Fleiss: what is expected lies at least 5 off both ends of what is possible."""
    middle = expected.sum(axis=-1)
    least = np.maximum(converted - n0, 0.0).sum(axis=-1)
    most = np.minimum(converted, n1).sum(axis=-1)
    return np.minimum(middle - least, most - middle) >= SMALL_EXPECTED_COUNT
