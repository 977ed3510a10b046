"""Sums of one arm: exact arithmetic, and the sums that cannot be."""

from __future__ import annotations

import math
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops_core.errors import QueryError
from ops_core.model.aggregates import Aggregates


def test_mean_and_variance_of_three_numbers() -> None:
    # 2, 4, 9: mean 5, squared deviations 9 + 1 + 16 = 26, variance 13
    arm = Aggregates(3, 15, 101)
    assert (arm.mean, arm.variance) == (5.0, 13.0)
    assert Aggregates.of_values([2, 4, 9]) == Aggregates(3, 15, 101)


def test_a_small_spread_beside_a_large_mean_keeps_its_digits() -> None:
    # 10⁹ + 0.1, 0.2, 0.3 in decimals: variance 0.01; in floats the sum of squares has lost it.
    values = [Decimal("1000000000.1"), Decimal("1000000000.2"), Decimal("1000000000.3")]
    assert Aggregates.of_values(values).variance == pytest.approx(0.01, rel=1e-12)


def test_share_ratio_and_covariate_moments_equal_numpy() -> None:
    source = np.random.default_rng(5)
    y, d, x = source.integers(0, 9, 50), source.integers(1, 5, 50), source.integers(0, 9, 50)
    arm = Aggregates(
        50, int(y.sum()), int((y * y).sum()),
        int(d.sum()), int((d * d).sum()), int((y * d).sum()),
        int(x.sum()), int((x * x).sum()), int((y * x).sum()),
    )  # fmt: skip
    assert arm.mean == pytest.approx(y.sum() / d.sum())
    linear = (y - arm.mean * d) / d.mean()
    assert arm.variance == pytest.approx(linear.var(ddof=1))
    assert arm.covariate_variance == pytest.approx(x.var(ddof=1))
    assert arm.covariance == pytest.approx(np.cov(y, x)[0, 1])
    assert Aggregates.of_share(3, 10).variance == pytest.approx(0.3 * 0.7 * 10 / 9)


@given(st.lists(st.integers(-50, 50), min_size=1, max_size=20), st.lists(st.integers(-50, 50), min_size=1, max_size=20))
def test_adding_arms_is_adding_their_users(first: list[int], second: list[int]) -> None:
    assert Aggregates.of_values(first) + Aggregates.of_values(second) == Aggregates.of_values(first + second)


def test_nobody_has_no_mean() -> None:
    nobody = Aggregates(0, 0, 0)
    assert math.isnan(nobody.mean)
    assert math.isnan(nobody.variance)
    assert math.isnan(Aggregates(1, 5, 25).variance)


def test_impossible_sums_are_refused() -> None:
    with pytest.raises(QueryError, match="no 2 numbers have the sum 10 and the sum of squares 3"):
        Aggregates(2, 10, 3)
    with pytest.raises(QueryError, match="11 successes of 10 users is no share"):
        Aggregates.of_share(11, 10)
    with pytest.raises(QueryError, match="denominator: give the sum, the sum of squares and the sum of products"):
        Aggregates(2, 1, 1, denominator=3)
