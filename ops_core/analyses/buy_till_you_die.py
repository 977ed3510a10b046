"""How often a customer will buy again, and whether they are still a customer: BG/NBD by maximum likelihood.

Fader, Hardie & Lee 2005, "Counting Your Customers the Easy Way". While active a customer buys at random with an own
rate (gamma over customers: r, alpha); after each purchase they leave for good with an own chance (beta: a, b). Three
numbers are needed of each customer: `frequency` x (repeat purchases), `recency` t_x (age at the last one, 0 without)
and `age` T (time since the first), all in one unit of time.

Customers with the same three numbers have the same likelihood, so the fit runs over distinct rows with their counts: a
million customers with daily dates are a few hundred thousand rows. Everything is computed in logarithms; expectations
over the chance of leaving are Gauss–Jacobi sums, which stay exact where the published formula with 2F1 divides by
a − 1. Known limits: nobody comes back from having left, no seasons; without a repeat purchase a customer counts as
active.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ops_core.analyses.likelihood import likeliest
from ops_core.errors import QueryError

Floats = NDArray[np.float64]
FEWEST_CUSTOMERS, FEWEST_REPEATERS = 100, 30
_STARTS = ((0.5, 0.5, 0.8, 2.0), (1.0, 1.0, 0.2, 1.0), (0.2, 0.1, 2.0, 5.0))  # r, alpha ÷ mean age, a, b
_NODES = 64


@dataclass(frozen=True)
class BgNbd:
    """A fitted model: parameters (alpha in the unit of time of the data) and how the fit went.

    `at_bound`: parameters that ran to the end of their range, so that the data cannot tell them.
    """

    r: float
    alpha: float
    a: float
    b: float
    log_likelihood: float = float("nan")
    n_customers: int = 0
    n_rows: int = 0
    converged: bool = True
    at_bound: tuple[str, ...] = ()

    def p_alive(self, frequency: ArrayLike, recency: ArrayLike, age: ArrayLike) -> Floats:
        """The chance, 0–1, that a customer with this history has not left yet; 1 without a repeat purchase."""
        x, t_x, t = checked(frequency, recency, age)
        log_odds = np.log(self.a) - np.log(self.b + np.maximum(x, 1) - 1)
        log_odds = log_odds + (self.r + x) * (np.log(self.alpha + t) - np.log(self.alpha + t_x))
        return np.where(x > 0, np.exp(-np.logaddexp(0.0, log_odds)), 1.0)

    def expected_purchases(self, length: ArrayLike) -> Floats:
        """Mean repeat purchases of a new customer within each `length` of the first purchase."""
        length = np.asarray(length, dtype=float)
        zero = np.zeros(length.size)
        return self._while_alive(length.ravel(), zero, zero).reshape(length.shape)

    def future_purchases(self, length: float, frequency: ArrayLike, recency: ArrayLike, age: ArrayLike) -> Floats:
        """Mean purchases within `length` from now on of customers with these histories (their equation 10)."""
        x, t_x, t = checked(frequency, recency, age)
        rows, place, _ = distinct_rows(x, t)
        alive = self._while_alive(np.full(len(rows[0]), float(length)), *rows)
        return alive[place] * self.p_alive(x, t_x, t)

    def _while_alive(self, length: Floats, x: Floats, age: Floats) -> Floats:
        """Mean purchases within `length` of a customer who has not left: the mean of (1 − (1 + p·w)^−(r + x)) ÷ p over
        the chance of leaving p ~ beta(a, b + x), with w = length ÷ (alpha + age)."""
        found = np.empty(len(x))
        reach = length / (self.alpha + age)
        for bought in np.unique(x):
            rows = np.flatnonzero(x == bought)
            chance, weight = _beta_nodes(self.a, self.b + bought, _NODES)
            lost = np.expm1(-(self.r + bought) * np.log1p(np.multiply.outer(reach[rows], chance)))
            found[rows] = -(lost / chance) @ weight
        return found


def fit(frequency: ArrayLike, recency: ArrayLike, age: ArrayLike) -> BgNbd:
    """The model under which these histories are likeliest.

    Raises:
        QueryError: fewer than 100 customers or 30 with a repeat purchase, or numbers that are no histories.
    """
    x, t_x, t = checked(frequency, recency, age)
    if len(x) < FEWEST_CUSTOMERS or int((x > 0).sum()) < FEWEST_REPEATERS:
        raise QueryError(
            "value_too_few", customers=len(x), repeaters=int((x > 0).sum()),
            fewest=FEWEST_CUSTOMERS, fewest_repeaters=FEWEST_REPEATERS,
        )  # fmt: skip
    (x, t_x, t), _, counts = distinct_rows(x, t_x, t)
    scale = float(t @ counts) / float(counts.sum())
    rows = _Rows(x, t_x / scale, t / scale, counts)
    best = likeliest(rows.negative, _STARTS)
    r, alpha, a, b = best.parameters
    # Times were divided by the scale: each of the x purchase times brings one such factor into the likelihood.
    log_likelihood = best.log_likelihood * rows.total - float(x @ counts) * float(np.log(scale))
    at_bound = tuple(name for name, hit in zip(("r", "alpha", "a", "b"), best.at_bound, strict=True) if hit)
    return BgNbd(r, alpha * scale, a, b, log_likelihood, int(counts.sum()), len(x), best.converged, at_bound)


def checked(frequency: ArrayLike, recency: ArrayLike, age: ArrayLike) -> tuple[Floats, Floats, Floats]:
    """The three numbers as arrays of one shape.

    Raises:
        QueryError: negative numbers, fractions of purchases, or a recency that does not fit frequency and age.
    """
    x, t_x, t = np.broadcast_arrays(
        *(np.atleast_1d(np.asarray(each, dtype=float)) for each in (frequency, recency, age))
    )
    wrong = (x < 0) | (x != np.floor(x)) | (t_x < 0) | (t_x > t) | ((x == 0) & (t_x != 0)) | np.isnan(x + t_x + t)
    if wrong.any():
        raise QueryError("value_not_histories", n=int(wrong.sum()))
    return x, t_x, t


def distinct_rows(*columns: Floats) -> tuple[tuple[Floats, ...], NDArray[np.int64], NDArray[np.int64]]:
    """Distinct rows of several columns, the place of each original row among them, and how often each occurs."""
    order = np.lexsort(columns)
    is_new = np.zeros(len(order), dtype=bool)
    is_new[:1] = True
    for column in columns:
        is_new[1:] |= column[order[1:]] != column[order[:-1]]
    start = np.flatnonzero(is_new)
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.cumsum(is_new) - 1
    return tuple(column[order[start]] for column in columns), place, np.diff(start, append=len(order))


class _Rows:
    """Distinct histories with their counts; the likelihood and its gradient in the logarithms of the parameters."""

    def __init__(self, x: Floats, t_x: Floats, t: Floats, counts: NDArray[np.int64]) -> None:
        self.x, self.t_x, self.t, self.counts = x, t_x, t, counts.astype(float)
        self.total = float(self.counts.sum())
        self.bought, self.place = np.unique(x, return_inverse=True)
        self.per_bought = np.bincount(self.place, self.counts)

    def negative(self, logs: Floats) -> tuple[float, Floats]:
        """Mean negative log-likelihood and its gradient."""
        from scipy.special import digamma, expit, gammaln, log_expit  # noqa: PLC0415

        r, alpha, a, b = np.exp(logs)
        bought, counts = self.bought, self.counts
        log_t = np.log(alpha + self.t)
        since = log_t - np.log(alpha + self.t_x)
        shape = r + bought
        # Log-odds of having left, row by row; without a repeat purchase nobody can have left.
        base = np.where(bought > 0, np.log(a) - np.log(b + np.maximum(bought, 1) - 1), -np.inf)
        odds = base[self.place] + shape[self.place] * since
        left = expit(odds)
        per_bought = (
            gammaln(shape) - gammaln(r) + r * np.log(alpha)
            + gammaln(a + b) + gammaln(b + bought) - gammaln(b) - gammaln(a + b + bought)
        )  # fmt: skip
        value = self.per_bought @ per_bought + counts @ (-log_expit(-odds) - shape[self.place] * log_t)
        left_counts = np.bincount(self.place, counts * left, minlength=len(bought))
        with_ab = digamma(a + b) - digamma(a + b + bought)
        with_b = with_ab + digamma(b + bought) - digamma(b)
        by_r = self.per_bought @ (digamma(shape) - digamma(r) + np.log(alpha)) + counts @ (left * since - log_t)
        gone = (1 - left) / (alpha + self.t) + left / (alpha + self.t_x)
        by_alpha = self.total * r / alpha - (counts * shape[self.place]) @ gone
        by_a = self.per_bought @ with_ab + left_counts.sum() / a
        by_b = self.per_bought @ with_b - left_counts @ (1 / (b + np.maximum(bought, 1) - 1))
        slope = np.array([by_r * r, by_alpha * alpha, by_a * a, by_b * b])
        return -float(value) / self.total, -slope / self.total


def _beta_nodes(a: float, b: float, n: int) -> tuple[Floats, Floats]:
    """Points in (0, 1) and weights whose sum is the mean over a beta(a, b) (Golub & Welsch 1969)."""
    from scipy.linalg import eigh_tridiagonal  # noqa: PLC0415

    # Recurrence of the Jacobi polynomials with weight (1 − y)^(b − 1) · (1 + y)^(a − 1), y = 2p − 1.
    k = np.arange(n, dtype=float)
    left, right = b - 1, a - 1
    both = 2 * k + left + right
    diagonal = np.empty(n)
    diagonal[0] = (right - left) / (left + right + 2)
    diagonal[1:] = (right**2 - left**2) / (both[1:] * (both[1:] + 2))
    side = np.empty(n - 1)
    side[0] = 4 * (1 + left) * (1 + right) / ((2 + left + right) ** 2 * (3 + left + right))
    m, sums = k[2:], both[2:]
    side[1:] = 4 * m * (m + left) * (m + right) * (m + left + right) / (sums**2 * (sums + 1) * (sums - 1))
    points, vectors = eigh_tridiagonal(diagonal, np.sqrt(side))
    return np.maximum((points + 1) / 2, 1e-300), vectors[0] ** 2
