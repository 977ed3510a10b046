"""BG/NBD and gamma-gamma: published fits, the published formulas, known truths of simulated customers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import hyp2f1

from ops_core.analyses import buy_till_you_die, gamma_gamma
from ops_core.analyses.buy_till_you_die import BgNbd, distinct_rows
from ops_core.errors import QueryError

CDNOW = BgNbd(0.243, 4.414, 0.793, 2.426)


@pytest.fixture(scope="module")
def cdnow(shared_data: Path) -> pd.DataFrame:
    return pd.read_csv(shared_data / "cdnow" / "cdnow_customers_summary.csv")


def test_cdnow_gives_the_published_parameters(cdnow: pd.DataFrame):
    model = buy_till_you_die.fit(cdnow["frequency"], cdnow["recency"], cdnow["T"])
    assert (model.r, model.alpha, model.a, model.b) == pytest.approx((0.243, 4.414, 0.793, 2.426), rel=0.01)
    assert model.log_likelihood == pytest.approx(-9582.4, abs=0.1)
    assert model.converged
    assert model.at_bound == ()
    assert model.n_customers == 2357


def test_cdnow_amounts_give_the_published_parameters(shared_data: Path):
    rows = pd.read_csv(shared_data / "cdnow" / "cdnow_customers_summary_with_transactions.csv")
    model = gamma_gamma.fit(rows["x"], rows["zbar"])
    assert (model.p, model.q, model.v) == pytest.approx((6.25, 3.74, 15.44), rel=0.01)
    assert model.n_customers == 946
    assert model.n_left_out == 2357 - 946
    # The mean of the population, p·v ÷ (q − 1), is published as 35.2.
    assert model.mean == pytest.approx(35.2, abs=0.1)


def test_first_customer_of_the_paper():
    # Fader, Hardie & Lee: customer 0001 (x = 2, t_x = 30.43, T = 38.86) is expected to buy 1.23 times in 39 weeks.
    assert CDNOW.future_purchases(39, [2], [30.43], [38.86]) == pytest.approx([1.226], abs=0.001)


@pytest.mark.parametrize("model", [CDNOW, BgNbd(2.0, 30.0, 1.6, 0.7), BgNbd(0.5, 0.3, 3.0, 9.0)])
def test_expectations_equal_the_published_formula(model: BgNbd):
    x = np.array([0, 0, 1, 3, 12, 40])
    t_x = np.array([0, 0, 5.0, 20.0, 30.0, 38.0])
    age = np.array([1.0, 39.0, 39.0, 21.0, 35.0, 39.0])
    length = 26.0
    z = length / (model.alpha + age + length)
    left = ((model.alpha + age) / (model.alpha + age + length)) ** (model.r + x)
    tail = hyp2f1(model.r + x, model.b + x, model.a + model.b + x - 1, z)
    above = (model.a + model.b + x - 1) / (model.a - 1) * (1 - left * tail)
    below = 1 + (x > 0) * model.a / (model.b + np.maximum(x, 1) - 1) * ((model.alpha + age) / (model.alpha + t_x)) ** (
        model.r + x
    )
    assert model.future_purchases(length, x, t_x, age) == pytest.approx(above / below, rel=1e-8)


def test_expectations_are_continuous_where_the_formula_divides_by_zero():
    near, at = (BgNbd(0.3, 5.0, a, 2.0).expected_purchases([26.0])[0] for a in (1.0 + 1e-7, 1.0))
    assert near == pytest.approx(at, rel=1e-6)


def test_gradient_is_that_of_the_likelihood(cdnow: pd.DataFrame):
    rows = cdnow.head(300)
    (x, t_x, t), _, counts = distinct_rows(*(rows[c].to_numpy(float) for c in ("frequency", "recency", "T")))
    likelihood = buy_till_you_die._Rows(x, t_x, t, counts)
    at = np.log([0.4, 6.0, 0.7, 3.0])
    _, slope = likelihood.negative(at)
    step = 1e-6
    numeric = [
        (likelihood.negative(at + step * unit)[0] - likelihood.negative(at - step * unit)[0]) / (2 * step)
        for unit in np.eye(4)
    ]
    assert slope == pytest.approx(numeric, abs=1e-7)


def test_gamma_gamma_gradient_is_that_of_the_likelihood():
    rows = gamma_gamma._Rows(np.array([1.0, 2.0, 5.0, 1.0]), np.array([0.4, 1.3, 0.9, 2.2]))
    at, step = np.log([5.0, 3.0, 2.0]), 1e-6
    numeric = [
        (rows.negative(at + step * unit)[0] - rows.negative(at - step * unit)[0]) / (2 * step) for unit in np.eye(3)
    ]
    assert rows.negative(at)[1] == pytest.approx(numeric, abs=1e-7)


def simulated(rng: np.random.Generator, n: int, truth: BgNbd, age: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Customers that live by the model: repeat purchases and age at the last one, drawn purchase by purchase."""
    rate, leaving = rng.gamma(truth.r, 1 / truth.alpha, n), rng.beta(truth.a, truth.b, n)
    x, t_x = np.zeros(n), np.zeros(n)
    for customer in range(n):
        now = rng.exponential(1 / rate[customer])
        while now <= age[customer]:
            x[customer], t_x[customer] = x[customer] + 1, now
            if rng.random() < leaving[customer]:
                break
            now += rng.exponential(1 / rate[customer])
    return x, t_x


def test_simulated_truth_is_found_again():
    truth, rng = BgNbd(0.8, 6.0, 0.9, 3.0), np.random.default_rng(20)
    age = rng.uniform(20, 60, 20_000)
    x, t_x = simulated(rng, len(age), truth, age)
    model = buy_till_you_die.fit(x, t_x, age)
    assert (model.r, model.alpha) == pytest.approx((truth.r, truth.alpha), rel=0.08)
    # Who leaves is only seen through silence, so a and b are told less well than their ratio, the chance of leaving.
    assert model.a / (model.a + model.b) == pytest.approx(truth.a / (truth.a + truth.b), rel=0.08)
    assert model.expected_purchases([30.0])[0] == pytest.approx(truth.expected_purchases([30.0])[0], rel=0.03)


def test_simulated_amounts_are_found_again():
    rng, (p, q, v) = np.random.default_rng(3), (4.0, 5.0, 60.0)
    n = rng.integers(1, 12, 20_000)
    scale = rng.gamma(q, 1 / v, len(n))
    mean = rng.gamma(p * n, 1 / scale) / n
    model = gamma_gamma.fit(n, mean)
    assert (model.p, model.q) == pytest.approx((p, q), rel=0.06)
    assert model.mean == pytest.approx(p * v / (q - 1), rel=0.02)


@settings(max_examples=60, deadline=None)
@given(
    x=st.integers(0, 60),
    t_x=st.floats(0.01, 200),
    rest=st.floats(0, 300),
    r=st.floats(0.05, 5),
    alpha=st.floats(0.05, 50),
    a=st.floats(0.05, 10),
    b=st.floats(0.05, 20),
)
def test_what_always_holds(x: int, t_x: float, rest: float, r: float, alpha: float, a: float, b: float):
    model, recency = BgNbd(r, alpha, a, b), t_x if x else 0.0
    age = recency + rest
    alive = float(model.p_alive(x, recency, age)[0])
    short, long = (float(model.future_purchases(length, x, recency, age)[0]) for length in (5.0, 10.0))
    assert 0 <= alive <= 1
    assert 0 <= short <= long * (1 + 1e-9)
    # Nobody is expected to buy more often than with certainty of staying: rate (r + x) ÷ (alpha + age).
    assert long <= 10.0 * (r + x) / (alpha + age) * (1 + 1e-9)
    if x:
        # The longer the silence, the less likely the customer is still there.
        assert float(model.p_alive(x, recency, age + 5)[0]) <= alive + 1e-12


def test_expected_value_lies_between_own_mean_and_everybodys():
    model = gamma_gamma.GammaGamma(6.25, 3.74, 15.44)
    few, many = model.expected_value([1, 20], [100.0, 100.0])
    assert model.mean < few < many < 100
    assert model.expected_value([0, 3], [np.nan, -4.0]) == pytest.approx([model.mean, model.mean])


def test_too_few_customers_are_refused():
    with pytest.raises(QueryError, match="60 customers, 0 of them with a repeat purchase"):
        buy_till_you_die.fit(np.zeros(60), np.zeros(60), np.full(60, 10.0))


def test_numbers_that_are_no_histories_are_refused():
    with pytest.raises(QueryError, match="3 rows are no purchase histories"):
        buy_till_you_die.fit([1, 0, -1, 2], [12.0, 3.0, 0.0, 1.0], [10.0, 10.0, 10.0, 10.0])


def test_equal_amounts_are_refused():
    with pytest.raises(QueryError, match=r"Every purchase has the amount 9\.9,"):
        gamma_gamma.fit(np.ones(50), np.full(50, 9.9))


def test_distinct_rows_can_be_put_back():
    rng = np.random.default_rng(1)
    columns = [rng.integers(0, 4, 500).astype(float) for _ in range(3)]
    rows, place, counts = distinct_rows(*columns)
    assert counts.sum() == 500
    for column, row in zip(columns, rows, strict=True):
        assert (row[place] == column).all()
    assert len(set(zip(*rows, strict=True))) == len(counts)
