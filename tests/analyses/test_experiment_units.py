"""Experiments on unit tables: CUPED over several arms, rows that are no users, values and names that get in the way."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ops_core import Workspace
from ops_core.analyses import experiments
from ops_core.analyses.experiments import ExperimentQuery, ExperimentResult, Metric
from ops_core.errors import QueryError
from tests.support_experiments import add_unit_table, metric_row


def analyzed(frame: pd.DataFrame, *metrics: Metric) -> ExperimentResult:
    workspace = Workspace.memory()
    add_unit_table(workspace, frame)
    return experiments.analyze(workspace, ExperimentQuery(1, metrics))


@pytest.fixture(scope="module")
def three_arms() -> pd.DataFrame:
    """`b` was ahead before it began and does nothing, `c` adds 0.3."""
    source, parts = np.random.default_rng(1), []
    for arm, shift, head_start in (("control", 0, 0), ("b", 0, 2), ("c", 0.3, 0)):
        before = source.normal(10 + head_start, 10, 400)
        parts.append(pd.DataFrame({"variant": arm, "before": before, "spent": before + source.normal(shift, 1, 400)}))
    frame = pd.concat(parts, ignore_index=True)
    frame.insert(0, "user_id", frame.index.astype(str))
    return frame


def test_cuped_adjusts_all_arms_alike(three_arms: pd.DataFrame):
    found = analyzed(three_arms, Metric("spent", "mean", covariate="before"))
    # By hand: one slope and one centre for everybody, then plain means and their errors.
    slope = np.cov(three_arms["spent"], three_arms["before"])[0, 1] / three_arms["before"].var()
    rest = three_arms["spent"] - slope * (three_arms["before"] - three_arms["before"].mean())
    arms = rest.groupby(three_arms["variant"])
    means, errors = arms.mean(), arms.std() / 20
    order = ["control", "b", "c"]
    for arm in ("b", "c"):
        assert metric_row(found, "spent", arm)["difference"] == pytest.approx(means[arm] - means["control"])
    draws = np.random.default_rng(2).normal(means[order], errors[order], (200_000, 3))
    table = found.metrics.set_index("arm").loc[order]
    assert table["p_best"].tolist() == pytest.approx((np.bincount(draws.argmax(axis=1), minlength=3) / 2e5), abs=0.004)
    losses = draws.max(axis=1).mean() - draws.mean(axis=0)
    assert table["expected_loss"].tolist() == pytest.approx(losses, abs=0.004)
    assert found.verdict.arm == "c"


def test_means_are_shown_as_measured_under_cuped(three_arms: pd.DataFrame):
    found = analyzed(three_arms, Metric("spent", "mean", covariate="before"))
    plain = three_arms.groupby("variant")["spent"].mean()
    for table in (found.metrics.set_index("arm")["mean"], found.by_arm().set_index("arm")["spent"]):
        assert table.to_dict() == pytest.approx(plain.to_dict())
    assert metric_row(found, "spent", "c")["control_mean"] == pytest.approx(plain["control"])


def test_an_arm_without_users_leaves_the_others_adjusted(three_arms: pd.DataFrame):
    metric = Metric("spent", "mean", covariate="before")
    two = analyzed(three_arms[three_arms["variant"] != "b"], metric)
    empty = analyzed(three_arms.assign(spent=three_arms["spent"].where(three_arms["variant"] != "b")), metric)
    assert metric_row(empty, "spent", "b")["n"] == 0
    assert metric_row(empty, "spent", "c")["difference"] == metric_row(two, "spent", "c")["difference"]


def test_users_with_several_rows_are_counted():
    # "1" twice in a, "3" three times in b; "5" stands in both arms and is left out, "6" and a row without a user once.
    users = ["1", "1", "2", "3", "3", "3", "4", "5", "5", "6", None]
    arms = ["a", "a", "a", "b", "b", "b", "b", "a", "b", "a", "b"]
    found = analyzed(pd.DataFrame({"user_id": users, "variant": arms, "paid": 1.0}), Metric("paid", "mean"))
    assert (found.n_repeated, found.n_several_arms) == (2, 1)
    assert found.arms["n"].tolist() == [4, 5]


def test_metrics_may_be_called_like_columns_of_the_arms():
    frame = pd.DataFrame({"user_id": list("uvwx"), "variant": list("aabb")})
    names = ("share", "n", "arm", "n_immature", "share_mean", "paid")
    for place, name in enumerate(names):
        frame[name] = [0.0, 1.0, 2.0 + place, 3.0 + place]
    found = analyzed(frame, *(Metric(name, "mean") for name in names))
    table, columns = found.by_arm(), found.mean_columns()
    assert table["share"].tolist() == table["planned_share"].tolist() == [0.5, 0.5]
    assert table["arm"].tolist() == ["a", "b"]
    assert table.columns.is_unique
    assert [table[columns[name]].tolist() for name in names] == [[0.5, 2.5 + place] for place in range(len(names))]
    assert columns["paid"] == "paid"


def test_an_infinite_outcome_is_a_missing_one():
    frame = pd.DataFrame(
        {
            "user_id": list("stuvwxyz"), "variant": list("aaaabbbb"),
            "spent": [1.0, 2.0, np.inf, 3.0, 4.0, -np.inf, np.nan, 6.0],
            "won": [1.0, 0.0, 1.0, 0.0, 1.0, 1.0, np.inf, 0.0],
        }
    )  # fmt: skip
    found = analyzed(frame, Metric("spent", "mean"), Metric("won", "proportion"))
    assert found.metrics["n_missing"].tolist() == [1, 2, 0, 1]
    assert found.metrics["mean"].tolist() == pytest.approx([2.0, 5.0, 0.5, 2 / 3])
    workspace = Workspace.memory()
    add_unit_table(workspace, frame)
    columns = experiments.outcome_columns(workspace, 1).set_index("name")
    assert columns["is_share"].to_dict() == {"spent": False, "won": True}
    assert columns["mean"].to_dict() == pytest.approx({"spent": 16 / 5, "won": 4 / 7})


def test_nobody_left_is_refused():
    frame = pd.DataFrame({"user_id": ["1", "1", "2", "2"], "variant": ["a", "b", "a", "b"], "won": [1, 0, 1, 0]})
    with pytest.raises(QueryError, match="2 seen in several arms, 0 without arm"):
        analyzed(frame, Metric("won", "proportion"))
    assert experiments.default_control(()) == ""
