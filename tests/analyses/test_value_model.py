"""Predicted value from a workspace: CDNOW, the hold-out check, refusals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ops_core import Segment, Workspace
from ops_core.analyses import value_model
from ops_core.analyses.value_model import ValueModelQuery
from ops_core.errors import QueryError
from tests.support import workspace_of


@pytest.fixture(scope="module")
def purchases(shared_data: Path) -> pd.DataFrame:
    rows = pd.read_csv(
        shared_data / "cdnow" / "CDNOW_sample.txt", sep=r"\s+", header=None, dtype={0: str, 1: str},
        names=["master", "user_id", "date", "n", "value"],
    )  # fmt: skip
    return pd.DataFrame(
        {
            "user_id": rows["user_id"],
            "event": "buy",
            "occurred_at": pd.to_datetime(rows["date"].astype(str)),
            "value": rows["value"],
        }
    )


@pytest.fixture(scope="module")
def first_39_weeks(purchases: pd.DataFrame) -> Workspace:
    return workspace_of(purchases, as_of="1997-10-01")


@pytest.fixture(scope="module")
def all_78_weeks(purchases: pd.DataFrame) -> Workspace:
    return workspace_of(purchases, as_of="1998-07-01")


def test_cdnow_from_the_file_gives_the_published_fit(first_39_weeks: Workspace):
    result = value_model.analyze(first_39_weeks, ValueModelQuery(horizon_days=273))
    model, values = result.purchases, result.values
    # 8 of the 2,357 customers have paid nothing at all: they are no purchasers here.
    assert result.n_customers == 2349
    assert (model.r, model.alpha, model.a, model.b) == pytest.approx((0.243, 4.414, 0.793, 2.426), rel=0.01)
    assert model.log_likelihood == pytest.approx(-9582.4, rel=0.01)
    assert (values.p, values.q, values.v) == pytest.approx((6.25, 3.74, 15.44), rel=0.01)
    assert result.refusals == ()


def test_half_a_year_ahead_is_foreseen_as_published(all_78_weeks: Workspace):
    # The paper holds 39 weeks back and misses their purchases by some 10 % from below.
    result = value_model.analyze(all_78_weeks, ValueModelQuery(horizon_days=273, holdout_days=273))
    holdout = result.holdout
    assert holdout.n_customers == 2349
    # Distinct days with a positive purchase in weeks 40 to 78, counted on the file.
    assert holdout.actual == 1882
    assert -0.15 < holdout.total_error < -0.05
    assert holdout.group_error < 0.2
    table = result.holdout_table
    assert (table["customers"] * table["actual"]).sum() == pytest.approx(holdout.actual)
    assert (table["customers"] * table["predicted"]).sum() == pytest.approx(holdout.predicted)
    assert result.refusals == ()


def test_predictions_add_up(first_39_weeks: Workspace, purchases: pd.DataFrame):
    result = value_model.analyze(first_39_weeks, ValueModelQuery(horizon_days=90, margin=0.5))
    whole = value_model.analyze(first_39_weeks, ValueModelQuery(horizon_days=90))
    people = result.customers
    assert people["value"].to_numpy() == pytest.approx((people["purchases"] * people["value_each"]).to_numpy())
    assert people["value"].sum() * 2 == pytest.approx(whole.customers["value"].sum())
    # What was spent is what the file says before 1 October 1997, whatever part of it is earned.
    known = purchases[purchases["occurred_at"] < "1997-10-01"]
    assert people["spent"].sum() == pytest.approx(known["value"].sum())
    assert result.groups["spent"].tolist() == pytest.approx([known["value"].sum() / result.n_customers])
    assert result.groups["customers"].sum() == result.n_customers
    assert people["p_alive"].between(0, 1).all()


def test_a_shop_that_changes_is_refused():
    # Steady weekly buyers who all stop half-way: the forecast of the second half must fail its own check.
    rng = np.random.default_rng(5)
    start = pd.Timestamp("2026-01-01")
    rows = [
        (f"u{user}", "buy", start + pd.Timedelta(days=int(day)), float(rng.integers(10, 90)))
        for user in range(300)
        for day in np.flatnonzero(rng.random(80) < 0.15)
    ]
    workspace = workspace_of(rows, as_of="2026-05-01")
    result = value_model.analyze(workspace, ValueModelQuery(horizon_days=40))
    assert {"holdout_total", "no_holdout", "holdout_groups"} & set(result.refusals)
    assert result.customers.empty
    assert result.groups.empty


def test_few_customers_are_refused_and_nothing_is_predicted():
    rows = [(f"u{n}", "buy", f"2026-01-{1 + n % 28:02d}", 10 + n) for n in range(40)]
    result = value_model.analyze(workspace_of(rows, as_of="2026-02-01"))
    assert "too_few" in result.refusals
    assert result.purchases is None
    assert result.n_customers == 40


def test_histories_by_hand():
    # a: days 0 (twice), 7, 21 with "now" on day 27 → x = 2, t_x = 3 weeks, T = 27/7; repeat purchases 30 and 50 → 40.
    rows = [
        ("a", "buy", "2026-01-01 08:00", 10), ("a", "buy", "2026-01-01 20:00", 5), ("a", "buy", "2026-01-08 00:00", 30),
        ("a", "buy", "2026-01-22 23:59", 50), ("a", "refund", "2026-01-23 10:00", -50),
        ("b", "buy", "2026-01-15 10:00", 9), ("b", "look", "2026-01-16 10:00", None),
    ]  # fmt: skip
    workspace = workspace_of(rows, as_of="2026-01-29")
    found = value_model.histories(value_model.engine.user_days(workspace.store, workspace.as_of_us).bought, 20482)
    assert pd.Timestamp("1970-01-01") + pd.Timedelta(days=20482) == pd.Timestamp("2026-01-29")
    assert found.frequency.tolist() == [2, 0]
    assert found.recency.tolist() == [3, 0]
    assert found.age.tolist() == pytest.approx([27 / 7, 13 / 7])
    assert found.mean_value[0] == 40
    assert np.isnan(found.mean_value[1])


def test_nothing_bought_is_said():
    with pytest.raises(QueryError, match="No event carries an amount"):
        value_model.analyze(workspace_of([("a", "look", "2026-01-01")], as_of="2026-01-05"))
    shop = workspace_of([("a", "look", "2026-01-01"), ("b", "buy", "2026-01-01", 5)], as_of="2026-01-05")
    with pytest.raises(QueryError, match="Nobody in the segment 'lookers' has bought anything"):
        value_model.analyze(shop, ValueModelQuery(segment=Segment("lookers", user_ids=frozenset({"a"}))))
    with pytest.raises(QueryError, match="at least one day"):
        ValueModelQuery(horizon_days=0)
