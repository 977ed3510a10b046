"""What is unusual, and simple forecasts: by hand and against statsmodels."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st

from ops_core.analyses.anomalies import FEWEST, normal_range
from ops_core.analyses.forecast import back_test, chance_above, project


def complete(values) -> np.ndarray:
    return np.ones(len(values), dtype=bool)


def test_fewer_than_eight_points_judge_nobody():
    values = np.array([10.0] * 7 + [1000.0])
    assert normal_range(values, "week", complete(values), is_count=False).unusual.tolist() == [0] * 8
    values = np.array([10.0] * 8 + [1000.0])
    assert normal_range(values, "week", complete(values), is_count=False).unusual.tolist() == [0] * 8 + [1]


def test_a_flat_past_has_a_floor():
    values = np.array([100.0] * 12 + [106.0, 108.0, 92.0])
    # 2 % of 100 times 3.5: 93 to 107. The range of 108 has seen the 106; the median stays 100.
    assert normal_range(values, "week", complete(values), is_count=False).unusual.tolist()[-3:] == [0, 1, -1]
    # As counts the floor is √100 = 10: 65 to 135.
    assert not normal_range(values, "week", complete(values), is_count=True).unusual.any()


def test_range_by_hand():
    # Flat but for noise: median 10, deviations 0 1 1 2 2 1 1 0 → MAD 1; slope 0 (equal rises and falls).
    values = np.array([10.0, 9, 11, 8, 12, 11, 9, 10, 10])
    found = normal_range(values, "week", complete(values), is_count=False)
    later, earlier = np.triu_indices(8, 1)
    slope = np.median((values[later] - values[earlier]) / (later - earlier))
    assert slope == pytest.approx(0, abs=0.1)
    carried = values[:8] + slope * (8 - np.arange(8))
    middle = np.median(carried)
    scale = 1.4826 * np.median(np.abs(carried - middle)) * np.sqrt(1.5)
    assert (found.low[8], found.high[8]) == pytest.approx((middle - 3.5 * scale, middle + 3.5 * scale))


def test_steady_growth_is_no_anomaly_and_a_stop_is():
    values = 1000 * 1.03 ** np.arange(30.0)
    assert not normal_range(values, "week", complete(values), is_count=True).unusual.any()
    values[29] = values[20]
    assert normal_range(values, "week", complete(values), is_count=True).unusual[29] == -1


def test_days_are_held_against_their_own_weekday():
    values = np.tile([10.0, 10, 10, 10, 10, 50, 50], 10)
    assert not normal_range(values, "day", complete(values), is_count=False).unusual.any()
    values[-3] = 50  # a Friday as busy as a Saturday
    assert normal_range(values, "day", complete(values), is_count=False).unusual.nonzero()[0].tolist() == [67]


def test_incomplete_points_neither_judge_nor_are_judged():
    values = np.array([10.0] * 12 + [2.0])
    is_complete = complete(values)
    is_complete[-1] = False
    assert not normal_range(values, "week", is_complete, is_count=False).unusual.any()
    is_complete[:5] = False
    assert np.isnan(normal_range(values, "week", is_complete, is_count=False).centre).all()


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 1e6), min_size=10, max_size=40), st.floats(1, 1e3))
def test_the_range_moves_with_the_unit(values: list[float], factor: float):
    plain = normal_range(np.array(values), "week", complete(values), is_count=False)
    scaled = normal_range(np.array(values) * factor, "week", complete(values), is_count=False)
    assert scaled.high == pytest.approx(plain.high * factor, rel=1e-6, abs=1e-6, nan_ok=True)
    assert np.isnan(plain.centre[:FEWEST]).all()
    assert ((plain.low <= plain.centre) | np.isnan(plain.centre)).all()


def test_points_and_intervals_equal_statsmodels():
    rng = np.random.default_rng(2)
    values = 100 + 2 * np.arange(20) + rng.normal(0, 5, 20)
    line = project(values, 4, "week")
    model = sm.OLS(values, sm.add_constant(np.arange(20.0))).fit()
    theirs = model.get_prediction(sm.add_constant(np.arange(20.0, 24), has_constant="add")).summary_frame(alpha=0.05)
    assert line.points == pytest.approx(theirs["mean"].to_numpy())
    assert line.low == pytest.approx(theirs["obs_ci_lower"].to_numpy())
    assert line.high == pytest.approx(theirs["obs_ci_upper"].to_numpy())
    assert line.totals == pytest.approx(np.cumsum(line.points))


def test_totals_cover_what_comes_as_often_as_they_say():
    rng = np.random.default_rng(7)
    caught = 0
    for _ in range(300):
        values = 50 + rng.normal(0, 4, 34)
        line = project(values[:26], 8, "week")
        caught += line.totals_low[-1] <= values[26:].sum() <= line.totals_high[-1]
    assert 0.92 <= caught / 300 <= 0.995


def test_a_later_stretch_is_the_rest_of_a_longer_one():
    values = 100 + np.tile([0.0, 1, 2, 3, 4, 20, 15], 8)
    whole, later = project(values, 10, "day"), project(values, 10, "day", skip=4)
    assert later.points == pytest.approx(whole.points[4:])
    assert later.totals[-1] == pytest.approx(whole.points[4:].sum())
    assert whole.points[:7] == pytest.approx(values[:7])


def test_too_short_or_broken_pasts_give_nothing():
    assert project(np.arange(7.0), 3, "week") is None
    assert project(np.arange(27.0), 3, "day") is None
    assert project(np.array([1.0] * 9 + [np.nan]), 3, "week") is None
    assert project(np.arange(20.0), 0, "week") is None
    assert back_test(np.arange(9.0), 5, "week", of_total=True).n == 0


def test_chances_by_hand():
    assert chance_above(0.0, 5.0, 10) == 0.5
    assert chance_above(1.0, 0.0, 10) == 1.0
    assert chance_above(-1.0, 0.0, 10) == 0.0
    assert chance_above(2.228 * 5, 5.0, 10) == pytest.approx(0.975, abs=1e-4)
