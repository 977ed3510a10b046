"""Effects, power and sequential readings against tea-tasting, simulations and published numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
import tea_tasting as tt
from scipy import stats
from tea_tasting.aggr import Aggregates as TeaAggregates

from ops_core.analyses.inference import effect, p_of_harm, smallest_visible, srm, users_needed
from ops_core.analyses.sequential import always_valid, bets
from ops_core.model.aggregates import Aggregates


def tea(columns: dict[str, np.ndarray]) -> TeaAggregates:
    """The same users as tea-tasting holds them."""
    names = sorted(columns)
    return TeaAggregates(
        count_=len(columns[names[0]]),
        mean_={name: columns[name].mean() for name in names},
        var_={name: columns[name].var(ddof=1) for name in names},
        cov_={(a, b): np.cov(columns[a], columns[b])[0, 1] for a in names for b in names if a < b},
    )


def sums(y: np.ndarray, d: np.ndarray | None = None, x: np.ndarray | None = None) -> Aggregates:
    def family(z: np.ndarray | None) -> tuple[int | None, int | None, int | None]:
        return (None, None, None) if z is None else (int(z.sum()), int((z * z).sum()), int((y * z).sum()))

    return Aggregates(len(y), int(y.sum()), int((y * y).sum()), *family(d), *family(x))


def two_arms(seed: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    source = np.random.default_rng(seed)
    arms = []
    for size, lift in ((180, 0), (230, 1)):
        before = source.poisson(6, size)
        arms.append({"x": before, "d": source.integers(1, 6, size), "y": before + source.poisson(4 + lift, size)})
    return arms[0], arms[1]


@pytest.mark.parametrize("kind", ["mean", "ratio", "cuped"])
def test_effects_equal_tea_tasting(kind: str) -> None:
    control, treatment = two_arms(41)
    metric = {
        "mean": tt.Mean("y"), "ratio": tt.RatioOfMeans("y", "d"), "cuped": tt.Mean("y", "x"),
    }[kind]  # fmt: skip
    theirs = metric.analyze_aggregates(tea(control), tea(treatment))
    parts = {"mean": ("y",), "ratio": ("y", "d"), "cuped": ("y", None, "x")}[kind]
    mine = effect(*(sums(*(arm[part] if part else None for part in parts)) for arm in (control, treatment)))
    assert mine.difference == pytest.approx(theirs.effect_size, rel=1e-10)
    assert (mine.low, mine.high) == pytest.approx((theirs.effect_size_ci_lower, theirs.effect_size_ci_upper), rel=1e-10)
    assert mine.p_value == pytest.approx(theirs.pvalue, rel=1e-8)
    assert mine.relative == pytest.approx(theirs.rel_effect_size, rel=1e-10)
    # They take the interval of the lift in logarithms, we take Fieller's: close, not equal.
    assert mine.relative_low == pytest.approx(theirs.rel_effect_size_ci_lower, abs=0.02)
    assert mine.relative_high == pytest.approx(theirs.rel_effect_size_ci_upper, abs=0.02)
    assert (mine.variance_kept < 0.7) == (kind == "cuped")


def test_lift_excludes_zero_exactly_when_the_difference_does() -> None:
    source = np.random.default_rng(2)
    seen = set()
    for _ in range(300):
        first, second = source.poisson(3, 60), source.poisson(3.6, 60)
        found = effect(sums(first), sums(second))
        clear = found.low > 0 or found.high < 0
        assert clear == (found.relative_low > 0 or found.relative_high < 0)
        seen.add(clear)
    assert seen == {True, False}


def test_lift_interval_covers_the_truth() -> None:
    source = np.random.default_rng(8)
    covered = 0
    for _ in range(1_000):
        found = effect(sums(source.poisson(2.0, 120)), sums(source.poisson(2.5, 120)))
        covered += found.relative_low <= 0.25 <= found.relative_high
    assert 0.93 <= covered / 1_000 <= 0.97


def test_lift_on_nothing_is_undefined() -> None:
    # A control mean that cannot be told from 0 has no finite lift interval; the difference has one.
    found = effect(Aggregates.of_values([-3, 3, -2, 2.5, 1, -1]), Aggregates.of_values([2, 3, 4, 5, 3, 4]))
    assert found.low > 0
    assert math.isnan(found.relative)
    assert math.isnan(found.relative_low)
    assert math.isnan(found.relative_high)
    nobody = effect(Aggregates(0, 0, 0), Aggregates.of_share(1, 3))
    assert all(math.isnan(value) for value in (nobody.difference, nobody.low, nobody.relative, nobody.p_value))


def test_a_small_share_is_read_exactly() -> None:
    found = effect(Aggregates.of_share(1, 12), Aggregates.of_share(7, 11))
    assert found.method == "exact"
    assert found.p_value == pytest.approx(stats.fisher_exact([[7, 4], [1, 11]])[1])
    assert effect(Aggregates.of_share(30, 100), Aggregates.of_share(40, 100)).method == "welch"


def test_harm_is_one_sided() -> None:
    worse = effect(Aggregates.of_share(400, 1_000), Aggregates.of_share(350, 1_000))
    assert p_of_harm(worse, higher_is_better=True) == pytest.approx(worse.p_value / 2)
    assert p_of_harm(worse, higher_is_better=False) == pytest.approx(1 - worse.p_value / 2)


@pytest.mark.parametrize(("control", "treatment"), [((1, 1_900), (1, 100)), ((2, 40), (6, 38)), ((7, 9), (2, 11))])
def test_harm_of_a_small_share_is_fishers_own_tail(control: tuple[int, int], treatment: tuple[int, int]) -> None:
    # 1 of 1,900 against 1 of 100: the two-sided p is 0.0975, as is that of more; half of it would be "clear".
    found = effect(Aggregates.of_share(*control), Aggregates.of_share(*treatment))
    table = [[done, n - done] for done, n in (treatment, control)]
    assert found.method == "exact"
    for higher_is_better, side in ((False, "greater"), (True, "less")):
        expected = stats.fisher_exact(table, alternative=side).pvalue
        assert p_of_harm(found, higher_is_better) == pytest.approx(expected)


def test_where_nothing_varies_nothing_can_be_seen() -> None:
    nobody = effect(Aggregates.of_share(0, 1_000), Aggregates.of_share(0, 1_000))
    constants = effect(Aggregates.of_values([1] * 9), Aggregates.of_values([2] * 9))
    for found in (nobody, constants):
        known = (smallest_visible(found), users_needed(found, 0.1), *always_valid(found, 10_000), found.relative)
        assert all(math.isnan(value) for value in known)
    assert nobody.high == pytest.approx(0.00383, abs=1e-5)  # z² ÷ (n + z²) = 3.8415 ÷ 1003.84, of both arms
    assert all(math.isnan(value) for value in (constants.low, constants.p_value))


@pytest.mark.parametrize("successes", [1, 2, 4])
def test_always_valid_is_never_narrower_than_the_exact_interval(successes: int) -> None:
    found = effect(Aggregates.of_share(0, 1_000), Aggregates.of_share(successes, 1_000))
    low, high = always_valid(found, tuning_n=10_000)
    assert found.method == "exact"
    assert low <= found.low
    assert high >= found.high


def test_a_loss_has_no_lift() -> None:
    # From −2.0 to −1.0 a user is a gain of 1.0; as a share of −2.0 it would read −50 %.
    found = effect(Aggregates.of_values([-2.1, -1.9] * 50), Aggregates.of_values([-1.1, -0.9] * 50))
    assert found.low > 0
    assert all(math.isnan(value) for value in (found.relative, found.relative_low, found.relative_high))


def test_sample_ratio_mismatch_published() -> None:
    # Cookie Cats: 44,700 and 45,489 users at a planned half each
    assert srm([44_700, 45_489], [1, 1]) == pytest.approx(0.0086, abs=5e-5)
    # Fabijan et al. 2019: 821,588 and 815,482 users at a planned half each, p about 1.8e-6
    assert srm([821_588, 815_482], [0.5, 0.5]) == pytest.approx(1.8e-6, rel=0.05)
    assert srm([30, 61, 9], [3, 6, 1]) == pytest.approx(stats.chisquare([30, 61, 9], [30, 60, 10]).pvalue)
    assert math.isnan(srm([5], [1]))


def test_smallest_visible_difference_is_seen_four_times_in_five() -> None:
    arms = Aggregates.of_share(288, 1_200), Aggregates.of_share(300, 1_200)
    visible = smallest_visible(effect(*arms))
    # (1.960 + 0.842) × √(0.24 × 0.76 / 1200 + 0.25 × 0.75 / 1200) = 0.0492
    assert visible == pytest.approx(0.0492, abs=5e-5)
    source = np.random.default_rng(1)
    hits = [
        effect(
            Aggregates.of_share(int(source.binomial(1_200, 0.24)), 1_200),
            Aggregates.of_share(int(source.binomial(1_200, 0.24 + visible)), 1_200),
        ).p_value < 0.05
        for _ in range(500)
    ]  # fmt: skip
    assert 0.74 <= np.mean(hits) <= 0.86
    assert users_needed(effect(*arms), visible) == pytest.approx(1_200, abs=1)
    assert users_needed(effect(*arms), visible / 2) == pytest.approx(4_800, abs=2)
    assert math.isnan(users_needed(effect(*arms), 0))


def test_always_valid_interval_survives_peeking() -> None:
    source = np.random.default_rng(20_260_901)
    looks = np.arange(100, 3_001, 100)
    alarms = {"fixed": 0, "always": 0}
    for _ in range(300):
        a, b = source.normal(size=3_000), source.normal(size=3_000)
        fixed = always = False
        for n in looks:
            found = effect(_of_floats(a[:n]), _of_floats(b[:n]))
            low, high = always_valid(found, tuning_n=3_000)
            assert low < found.low
            assert high > found.high
            fixed |= found.p_value < 0.05
            always |= low > 0 or high < 0
        alarms["fixed"] += fixed
        alarms["always"] += always
    assert alarms["fixed"] / 300 > 0.18
    assert alarms["always"] / 300 <= 0.05


def _of_floats(values: np.ndarray) -> Aggregates:
    return Aggregates(len(values), float(values.sum()), float((values * values).sum()))


def test_two_bets_equal_the_closed_form() -> None:
    found = effect(Aggregates.of_share(238, 1_000), Aggregates.of_share(269, 1_000))
    control, treatment = bets([found.control, found.treatment])
    error = math.sqrt(found.squared_error)
    z = found.difference / error
    assert treatment.p_best == pytest.approx(stats.norm.cdf(z), abs=1e-5)
    assert treatment.expected_loss == pytest.approx(
        error * stats.norm.pdf(z) - found.difference * stats.norm.cdf(-z), rel=1e-3
    )
    assert control.p_best + treatment.p_best == pytest.approx(1, abs=1e-5)
    lower_is_better = bets([found.control, found.treatment], higher_is_better=False)
    assert lower_is_better[0].p_best == pytest.approx(treatment.p_best, abs=1e-5)


def test_three_bets_equal_a_simulation() -> None:
    arms = [effect(sums(two_arms(seed)[0]["y"]), sums(two_arms(seed)[1]["y"])).treatment for seed in (1, 2, 3)]
    draws = np.random.default_rng(0).normal(
        [arm.mean for arm in arms], [arm.squared_error**0.5 for arm in arms], (400_000, 3)
    )
    winner = draws.argmax(axis=1)
    for place, bet in enumerate(bets(arms)):
        assert bet.p_best == pytest.approx(np.mean(winner == place), abs=0.004)
        assert bet.expected_loss == pytest.approx(np.mean(draws.max(axis=1) - draws[:, place]), abs=0.004)
