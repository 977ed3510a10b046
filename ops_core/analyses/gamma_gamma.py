"""What a customer's purchase is worth on average: the gamma-gamma model by maximum likelihood.

Fader & Hardie 2013, "The Gamma-Gamma Model of Monetary Value". A customer's purchases vary around an own mean, and the
means vary over customers (p, q, v). Needed: the number of purchases and their mean amount. Assumes that how much and
how often have nothing to do with each other: `correlation` says how far that holds. Amounts must be positive.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ops_core.analyses.likelihood import likeliest
from ops_core.errors import QueryError

Floats = NDArray[np.float64]
FEWEST_CUSTOMERS = 30
_STARTS = ((6.0, 4.0, 3.0), (1.0, 2.0, 1.0), (2.0, 10.0, 10.0))  # p, q, v ÷ mean amount


@dataclass(frozen=True)
class GammaGamma:
    """A fitted model (v in the unit of the amounts) and how the fit went.

    `correlation`: between number and mean amount of purchases, −1 to 1. `n_left_out`: customers without a positive
    amount.
    """

    p: float
    q: float
    v: float
    log_likelihood: float = float("nan")
    n_customers: int = 0
    n_left_out: int = 0
    correlation: float = float("nan")
    converged: bool = True
    at_bound: tuple[str, ...] = ()

    @property
    def mean(self) -> float:
        """Mean value of a purchase over all customers; nan where it does not exist (q at most 1)."""
        return self.p * self.v / (self.q - 1) if self.q > 1 else float("nan")

    def expected_value(self, n_purchases: ArrayLike, mean_value: ArrayLike) -> Floats:
        """Each customer's expected value of a purchase: between their own mean and everybody's, nearer to their own
        the more purchases there are. Without a purchase, or a positive mean, it is everybody's."""
        x, m = np.broadcast_arrays(np.asarray(n_purchases, dtype=float), np.asarray(mean_value, dtype=float))
        known = (x > 0) & (m > 0)
        x, m = np.where(known, x, 1.0), np.where(known, m, 1.0)
        return np.where(known, self.p * (self.v + x * m) / (self.p * x + self.q - 1), self.mean)


def fit(n_purchases: ArrayLike, mean_value: ArrayLike) -> GammaGamma:
    """The model under which these mean amounts are likeliest.

    Raises:
        QueryError: fewer than 30 customers with a purchase and a positive mean amount, or all amounts equal.
    """
    x, m = np.broadcast_arrays(np.asarray(n_purchases, dtype=float), np.asarray(mean_value, dtype=float))
    known = (x > 0) & (m > 0)
    if int(known.sum()) < FEWEST_CUSTOMERS:
        raise QueryError("value_too_few_amounts", customers=int(known.sum()), fewest=FEWEST_CUSTOMERS)
    n_left_out, x, m = int((~known).sum()), x[known], m[known]
    if np.ptp(m) <= 1e-9 * m.mean():
        raise QueryError("value_equal_amounts", value=float(m[0]))
    scale = float(m.mean())
    rows = _Rows(x, m / scale)
    best = likeliest(rows.negative, _STARTS)
    p, q, v = best.parameters
    at_bound = tuple(name for name, hit in zip("pqv", best.at_bound, strict=True) if hit)
    # Amounts were divided by the scale, which brings one such factor per customer into the likelihood.
    log_likelihood = best.log_likelihood * len(x) - len(x) * float(np.log(scale))
    correlation = float(np.corrcoef(x, m)[0, 1]) if np.ptp(x) else float("nan")
    return GammaGamma(
        p, q, v * scale, log_likelihood, len(x), n_left_out, correlation, best.converged, at_bound
    )  # fmt: skip


class _Rows:
    """The likelihood and its gradient in the logarithms of the parameters."""

    def __init__(self, x: Floats, m: Floats) -> None:
        self.x, self.m, self.spent = x, m, x * m
        self.bought, place = np.unique(x, return_inverse=True)
        self.counts = np.bincount(place).astype(float)
        # Σ over customers of ln m and of x · (ln m + ln x): the only places where these enter.
        self.log_m = float(np.log(m).sum())
        self.log_spent = float((x * np.log(self.spent)).sum())

    def negative(self, logs: Floats) -> tuple[float, Floats]:
        """Mean negative log-likelihood and its gradient."""
        from scipy.special import digamma, gammaln  # noqa: PLC0415

        p, q, v = np.exp(logs)
        n, shape = len(self.x), p * self.bought
        reached = v + self.spent
        log_reached = np.log(reached)
        per_bought = gammaln(shape + q) - gammaln(shape) - gammaln(q)
        value = (
            self.counts @ per_bought + n * q * np.log(v) - self.log_m + p * self.log_spent
            - (p * self.x + q) @ log_reached
        )  # fmt: skip
        with_shape = digamma(shape + q)
        by_p = self.counts @ (self.bought * (with_shape - digamma(shape))) + self.log_spent - self.x @ log_reached
        by_q = self.counts @ (with_shape - digamma(q)) + n * np.log(v) - float(log_reached.sum())
        by_v = n * q / v - (p * self.x + q) @ (1 / reached)
        return -float(value) / n, -np.array([by_p * p, by_q * q, by_v * v]) / n
