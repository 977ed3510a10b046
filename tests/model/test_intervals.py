"""Intervals against statsmodels, published numbers and seeded coverage simulations."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

from ops_core.model.intervals import difference_of_shares, fisher, welch, wilson
from ops_core.model.multiplicity import benjamini_hochberg, holm


@pytest.mark.parametrize(("successes", "n"), [(0, 7), (7, 7), (1, 3), (81, 263), (15, 148), (124_870, 1_000_000)])
@pytest.mark.parametrize("level", [0.8, 0.95, 0.99])
def test_wilson_equals_statsmodels(successes: int, n: int, level: float) -> None:
    low, high = wilson(successes, n, level)
    expected = proportion_confint(successes, n, alpha=1 - level, method="wilson")
    assert (float(low), float(high)) == pytest.approx(expected, abs=1e-12)


def test_wilson_published_example() -> None:
    # Newcombe 1998, table I, method 3: 81/263 → 0.2553 to 0.3662; 0/20 → 0 to 0.1611
    low, high = wilson([81, 0], [263, 20])
    assert np.round(low, 4).tolist() == [0.2553, 0]
    assert np.round(high, 4).tolist() == [0.3662, 0.1611]


def test_nobody_has_no_share_and_no_interval() -> None:
    low, high = wilson([0, 0, 5], [0, math.nan, 10])
    assert np.isnan(low).tolist() == np.isnan(high).tolist() == [True, True, False]
    empty = difference_of_shares([0, 3], [0, 9], [1, 0], [5, 0])
    for found in (empty.difference, empty.low, empty.high, empty.p_value):
        assert np.isnan(found).all()


@given(st.integers(0, 10_000), st.integers(1, 10_000))
def test_wilson_holds_the_share_inside_0_and_1(successes: int, n: int) -> None:
    successes = min(successes, n)
    low, high = wilson(successes, n)
    assert 0 <= low <= successes / n + 1e-12
    assert successes / n - 1e-12 <= high <= 1
    mirrored_low, mirrored_high = wilson(n - successes, n)
    assert (1 - mirrored_high, 1 - mirrored_low) == pytest.approx((float(low), float(high)), abs=1e-12)


def test_welch_equals_statsmodels() -> None:
    source = np.random.default_rng(20260901)
    first, second = source.normal(3, 2, 40), source.normal(2, 5, 25)
    found = welch(first.mean() - second.mean(), first.var(ddof=1) / 40, 40, second.var(ddof=1) / 25, 25)
    both = CompareMeans(DescrStatsW(first), DescrStatsW(second))
    assert (float(found.low), float(found.high)) == pytest.approx(both.tconfint_diff(usevar="unequal"), rel=1e-12)
    assert float(found.p_value) == pytest.approx(both.ttest_ind(usevar="unequal")[1], rel=1e-10)


def test_welch_without_variance_is_undefined() -> None:
    for squared_error, n in ((0.0, 10), (0.1, 1)):
        found = welch(1.0, squared_error, n, 0.0, 10)
        assert np.isnan([found.low, found.high, found.p_value]).all()


def test_shares_of_a_small_table_are_exact() -> None:
    # Newcombe 1998 II, table II, method 10: 56/70 − 48/80 → 0.0524 to 0.3339 (large: expected counts above 5);
    # 9/10 − 3/10 → 0.1705 to 0.8090; 10/10 − 0/10 → 0.6075 to 1.
    found = difference_of_shares([9, 10], [10, 10], [3, 0], [10, 10])
    low, high = confint_proportions_2indep(9, 10, 3, 10, method="newcomb")
    assert found.difference.tolist() == pytest.approx([0.6, 1.0])
    assert np.round(found.high, 4).tolist()[1] == 1.0
    assert np.round(found.low, 4).tolist()[1] == 0.6075
    welch_route = difference_of_shares(56, 70, 48, 80)
    assert float(welch_route.difference) == pytest.approx(0.2)
    assert (low, high) == pytest.approx((0.1705, 0.8090), abs=5e-5)


@given(st.integers(0, 25), st.integers(1, 25), st.integers(0, 25), st.integers(1, 25))
def test_fisher_equals_scipy(a: int, n: int, b: int, m: int) -> None:
    a, b = min(a, n), min(b, m)
    assert fisher(a, n, b, m) == pytest.approx(stats.fisher_exact([[a, n - a], [b, m - b]])[1], abs=1e-9)


def test_real_day_seven_retention() -> None:
    # Cookie Cats, day-7 retention: 8,502 of 44,700 at gate 30, 8,279 of 45,489 at gate 40
    found = difference_of_shares(8_279, 45_489, 8_502, 44_700)
    assert round(float(found.difference) * 100, 2) == -0.82
    assert (round(float(found.low) * 100, 2), round(float(found.high) * 100, 2)) == (-1.33, -0.31)
    assert round(float(found.p_value), 4) == 0.0016


@pytest.mark.parametrize(
    ("n", "m", "share", "other"), [(12, 15, 0.1, 0.3), (40, 60, 0.5, 0.55), (900, 300, 0.03, 0.05)]
)
def test_share_difference_covers_the_truth(n: int, m: int, share: float, other: float) -> None:
    source = np.random.default_rng(7)
    a, b = source.binomial(n, share, 1_500), source.binomial(m, other, 1_500)
    found = difference_of_shares(a, n, b, m)
    covered = np.mean((found.low <= share - other) & (share - other <= found.high))
    assert 0.93 <= covered <= 0.985


@pytest.mark.parametrize("n", [15, 200])
def test_share_test_rejects_no_more_than_promised(n: int) -> None:
    source = np.random.default_rng(11)
    a, b = source.binomial(n, 0.2, 2_000), source.binomial(n, 0.2, 2_000)
    rejected = np.mean(difference_of_shares(a, n, b, n).p_value < 0.05)
    assert rejected <= 0.065


@pytest.mark.parametrize(("adjust", "method"), [(holm, "holm"), (benjamini_hochberg, "fdr_bh")])
def test_adjustments_equal_statsmodels(adjust, method: str) -> None:
    p_values = np.random.default_rng(3).uniform(0, 0.2, 17)
    assert adjust(p_values) == pytest.approx(multipletests(p_values, method=method)[1], abs=1e-12)


def test_unknown_p_values_are_not_counted() -> None:
    # Two known comparisons: Holm gives 0.01 × 2 and 0.04 × 1.
    assert holm([0.01, math.nan, 0.04])[[0, 2]].tolist() == pytest.approx([0.02, 0.04])
    assert math.isnan(holm([0.01, math.nan, 0.04])[1])
    assert benjamini_hochberg([]).size == 0
