"""Shares of entries that belong to users: agrees with independent shares where users stand once, knows repeats."""

from __future__ import annotations

import numpy as np
import pytest

from ops_core.model.clusters import clustered_difference
from ops_core.model.intervals import difference_of_shares


def test_with_one_entry_per_user_it_is_the_usual_interval():
    rng = np.random.default_rng(1)
    hits, others = rng.random(900) < 0.4, rng.random(1100) < 0.3
    found = clustered_difference(np.arange(900), hits, np.arange(5000, 6100), others)
    usual = difference_of_shares(hits.sum(), 900, others.sum(), 1100)
    assert float(found.difference) == pytest.approx(float(usual.difference))
    assert float(found.low) == pytest.approx(float(usual.low), abs=2e-4)
    assert float(found.p_value) == pytest.approx(float(usual.p_value), rel=0.05)


def test_repeated_entries_say_nothing_new():
    # Each of 200 users stands 5 times with the same outcome: the interval is that of 200, not of 1,000 entries.
    rng = np.random.default_rng(2)
    hits, others = rng.random(200) < 0.5, rng.random(200) < 0.4
    once = clustered_difference(np.arange(200), hits, np.arange(900, 1100), others)
    often = clustered_difference(np.repeat(np.arange(200), 5), np.repeat(hits, 5), np.arange(900, 1100), others)
    assert float(often.low) == pytest.approx(float(once.low))
    assert float(often.high) == pytest.approx(float(once.high))


def test_the_same_users_with_the_same_outcome_do_not_differ_at_all():
    users, hits = np.arange(50), np.arange(50) % 2 == 0
    found = clustered_difference(users, hits, users, hits)
    assert float(found.difference) == 0
    assert np.isnan(found.p_value)
    # One user changes: paired, the interval is far tighter than for two independent halves.
    changed = hits.copy()
    changed[1] = True
    paired = clustered_difference(users, changed, users, hits)
    apart = clustered_difference(users, changed, users + 100, hits)
    assert float(paired.high - paired.low) < 0.3 * float(apart.high - apart.low)


def test_nine_in_ten_intervals_or_more_hold_the_truth():
    rng = np.random.default_rng(3)
    inside = 0
    for _ in range(200):
        leaning = rng.beta(2, 3, 120)  # users differ, their entries agree more or less
        users, others = rng.integers(0, 120, 400), rng.integers(0, 120, 300)
        found = clustered_difference(users, rng.random(400) < leaning[users], others, rng.random(300) < leaning[others])
        inside += float(found.low) <= 0 <= float(found.high)
    assert inside >= 180


def test_empty_sides_are_unknown():
    none = np.empty(0, dtype=int)
    assert np.isnan(clustered_difference(none, none, np.array([1]), np.array([True])).difference)
