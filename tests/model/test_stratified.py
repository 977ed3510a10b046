"""The Mantel–Haenszel difference: by hand, against statsmodels, in its traps, and by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from statsmodels.stats.contingency_tables import StratifiedTable

from ops_core.model.stratified import mantel_haenszel


def test_one_stratum_is_the_plain_difference():
    # 30/100 against 50/200: 0.05; variance 0.3 × 0.7/100 + 0.25 × 0.75/200 is the plug-in one. Sato's equals it where
    # both sides are equally large: 30/100 against 20/100 has 0.0021 + 0.0016 = 0.0037.
    assert mantel_haenszel([30], [100], [50], [200]).difference == pytest.approx(0.05)
    found = mantel_haenszel([30], [100], [20], [100])
    assert found.difference == pytest.approx(0.10)
    assert found.high - found.difference == pytest.approx(1.959964 * 0.0037**0.5, rel=1e-6)
    assert found.n_compared == 200


def test_two_strata_by_hand():
    # Stratum 1: 8/10 against 30/50, weight 10·50/60 = 8.333; stratum 2: 5/40 against 1/20, weight 40·20/60 = 13.333.
    # Difference: (0.2 × 8.333 + 0.075 × 13.333) / 21.667 = (1.6667 + 1.0) / 21.667 = 0.12308.
    found = mantel_haenszel([8, 5], [10, 40], [30, 1], [50, 20])
    assert found.difference == pytest.approx(0.123077, abs=1e-6)


def test_the_test_is_that_of_statsmodels():
    rng = np.random.default_rng(5)
    for _ in range(20):
        n1, n0 = rng.integers(20, 60, 6), rng.integers(20, 60, 6)
        a, b = rng.binomial(n1, 0.4), rng.binomial(n0, 0.3)
        tables = [np.array([[x, n - x], [y, m - y]]) for x, n, y, m in zip(a, n1, b, n0, strict=True)]
        wanted = StratifiedTable(tables).test_null_odds(correction=False)
        assert mantel_haenszel(a, n1, b, n0).p_value == pytest.approx(wanted.pvalue, rel=1e-9)


def test_simpsons_paradox_is_undone():
    # The trait does nothing in either stratum; it only sits where everybody converts more often.
    #            with        without
    # easy     900/1000     90/100     0.9 both
    # hard      10/100     100/1000    0.1 both
    found = mantel_haenszel([900, 10], [1000, 100], [90, 100], [100, 1000])
    assert 910 / 1100 - 190 / 1100 > 0.65
    assert found.difference == pytest.approx(0.0, abs=1e-12)
    assert found.p_value == pytest.approx(1.0)


def test_strata_with_one_side_say_nothing():
    alone = mantel_haenszel([30, 7], [100, 9], [20, 0], [100, 0])
    both = mantel_haenszel([30], [100], [20], [100])
    assert (alone.difference, alone.low, alone.p_value) == (both.difference, both.low, both.p_value)
    assert alone.n_compared == 200
    nothing = mantel_haenszel([3, 0], [9, 0], [0, 5], [0, 9])
    assert np.isnan([nothing.difference, nothing.low, nothing.high, nothing.p_value]).all()
    assert nothing.n_compared == 0


def test_small_counts_have_no_p():
    # 2 of 8 against 1 of 8: 1.5 are expected on either side, less than 5 from the end of what is possible.
    assert np.isnan(mantel_haenszel([2], [8], [1], [8]).p_value)
    # Everybody converts: nothing varies.
    assert np.isnan(mantel_haenszel([50], [50], [60], [60]).p_value)


def test_swapping_the_sides_only_turns_the_sign():
    rng = np.random.default_rng(3)
    n1, n0 = rng.integers(1, 30, (40, 7)), rng.integers(0, 30, (40, 7))
    a, b = rng.binomial(n1, 0.5), rng.binomial(n0, 0.4)
    one, other = mantel_haenszel(a, n1, b, n0), mantel_haenszel(b, n0, a, n1)
    np.testing.assert_allclose(one.difference, -other.difference)
    np.testing.assert_allclose(one.low, -other.high, atol=1e-12)
    np.testing.assert_allclose(one.p_value, other.p_value, equal_nan=True)


@pytest.mark.parametrize(("n_strata", "size"), [(4, 80), (60, 6)], ids=["few large", "many small"])
def test_false_alarms_and_cover_are_as_promised(n_strata: int, size: int):
    # 4,000 worlds without an effect in strata of very different levels, unevenly spread over the two sides.
    rng = np.random.default_rng(11)
    level, uptake = rng.uniform(0.1, 0.8, n_strata), rng.uniform(0.2, 0.7, n_strata)
    n1 = rng.binomial(size, uptake, (4_000, n_strata))
    n0 = size - n1
    null = mantel_haenszel(rng.binomial(n1, level), n1, rng.binomial(n0, level), n0)
    # Three standard errors of a share of 5 % in 4,000 worlds are 1 point.
    assert np.mean(null.p_value < 0.05) == pytest.approx(0.05, abs=0.0105)
    assert np.mean(null.p_value < 0.01) < 0.016
    effect = 0.1
    moved = mantel_haenszel(rng.binomial(n1, level + effect), n1, rng.binomial(n0, level), n0)
    assert np.mean((moved.low <= effect) & (effect <= moved.high)) == pytest.approx(0.95, abs=0.012)
