"""Sufficient statistics of one arm: everything a test of means, shares or ratios needs to know about its users."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Self

from ops_core.errors import QueryError

Amount = int | float | Decimal | Fraction


@dataclass(frozen=True)
class Aggregates:
    """Sums over the n users of one arm, kept exact: integers, decimals and fractions never pass through a float.

    `total`, `total_squares`: Σ y and Σ y² of the outcome. `denominator*`: Σ d, Σ d², Σ y·d when the metric is the ratio
    Σ y ÷ Σ d. `covariate*`: Σ x, Σ x², Σ y·x when the same metric is known from before the exposure (CUPED).
    A share is Σ y successes with Σ y² = Σ y: see `of_share`.

    Raises:
        QueryError: sums that no n numbers can have, or a part of a family of sums.
    """

    n: int
    total: Amount
    total_squares: Amount
    denominator: Amount | None = None
    denominator_squares: Amount | None = None
    denominator_product: Amount | None = None
    covariate: Amount | None = None
    covariate_squares: Amount | None = None
    covariate_product: Amount | None = None

    def __post_init__(self) -> None:
        for family in ("denominator", "covariate"):
            known = [getattr(self, family + part) is not None for part in ("", "_squares", "_product")]
            if any(known) != all(known):
                raise QueryError("aggregates_incomplete", family=family)
        shortfall = Fraction(self.total) ** 2 - self.n * Fraction(self.total_squares)
        # Sums that came as floats may miss by their last digits; anything more is a mix-up of columns.
        if self.n < 0 or shortfall > Fraction(self.total) ** 2 / 10**9:
            raise QueryError("aggregates_impossible", n=self.n, total=self.total, squares=self.total_squares)

    @classmethod
    def of_share(cls, successes: int, n: int) -> Self:
        """The sums of n users of whom `successes` did it."""
        if not 0 <= successes <= n:
            raise QueryError("aggregates_no_share", successes=successes, n=n)
        return cls(n, successes, successes)

    @classmethod
    def of_values(cls, values: Iterable[Amount]) -> Self:
        """The exact sums of one value per user."""
        exact = [Fraction(value) for value in values]
        return cls(len(exact), sum(exact, Fraction()), sum((value * value for value in exact), Fraction()))

    @property
    def is_share(self) -> bool:
        """Whether the sums can only come from zeros and ones, so that exact methods for shares apply."""
        return (
            self.denominator is None and self.covariate is None
            and self.total == self.total_squares and 0 <= self.total <= self.n and Fraction(self.total).denominator == 1
        )  # fmt: skip

    @property
    def mean(self) -> float:
        """Σ y ÷ n, or Σ y ÷ Σ d for a ratio; nan when the divisor is 0."""
        divisor = self.n if self.denominator is None else self.denominator
        return float(Fraction(self.total) / Fraction(divisor)) if divisor else float("nan")

    @property
    def variance(self) -> float:
        """Sample variance of the outcome, or of the linearised ratio (delta method); nan below two users."""
        if self.denominator is None:
            return max(self._moment(self.total, self.total, self.total_squares), 0.0) if self.n > 1 else float("nan")
        if not self.denominator or self.n < 2:
            return float("nan")
        ratio, level = Fraction(self.total) / Fraction(self.denominator), Fraction(self.denominator) / self.n
        spread = (
            self._exact_moment(self.total, self.total, self.total_squares)
            - 2 * ratio * self._exact_moment(self.total, self.denominator, self.denominator_product)
            + ratio**2 * self._exact_moment(self.denominator, self.denominator, self.denominator_squares)
        )
        return max(float(spread / level**2), 0.0)

    @property
    def covariate_mean(self) -> float:
        """Mean of the covariate; nan without one."""
        return float(Fraction(self.covariate) / self.n) if self.covariate is not None and self.n else float("nan")

    @property
    def covariate_variance(self) -> float:
        """Sample variance of the covariate; nan without one or below two users."""
        return self._moment(self.covariate, self.covariate, self.covariate_squares)

    @property
    def covariance(self) -> float:
        """Sample covariance of outcome and covariate; nan without one or below two users."""
        return self._moment(self.total, self.covariate, self.covariate_product)

    def __add__(self, other: Aggregates) -> Aggregates:
        """The sums of both groups together; a family of sums known in one group only is dropped."""

        def together(name: str) -> Amount | None:
            mine, theirs = getattr(self, name), getattr(other, name)
            if mine is None or theirs is None:
                return None
            if type(mine) is type(theirs):
                return mine + theirs
            return Fraction(mine) + Fraction(theirs)

        return Aggregates(**{name: together(name) for name in self.__dataclass_fields__})

    def _moment(self, first: Amount | None, second: Amount | None, product: Amount | None) -> float:
        if first is None or second is None or product is None or self.n < 2:
            return float("nan")
        return float(self._exact_moment(first, second, product))

    def _exact_moment(self, first: Amount, second: Amount, product: Amount) -> Fraction:
        # In floats Σ y² − (Σ y)² / n loses every digit when the mean is large beside the spread; in fractions none.
        return (self.n * Fraction(product) - Fraction(first) * Fraction(second)) / (self.n * (self.n - 1))
