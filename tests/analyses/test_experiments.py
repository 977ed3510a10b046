"""Experiments: a literal one, a plain-Python oracle on random events, real data, and what must not be read."""

from __future__ import annotations

import datetime as dt
import math
import random

import numpy as np
import pandas as pd
import pytest

from ops_core import Period, Segment, Workspace
from ops_core.analyses import experiments
from ops_core.analyses.experiments import Aggregates, ExperimentQuery, Metric
from ops_core.errors import QueryError
from ops_core.locale import translator
from ops_core.model.filters import Filter
from tests.support import workspace_of
from tests.support_experiments import add_assignments, add_unit_table, metric_row

DAY = 86_400


# A literal experiment --------------------------------------------------------------------------------------------


@pytest.fixture
def tour() -> Workspace:
    """Exposed on 1 March at noon; as-of 10 March 0:00. `b2` is in both arms, `a4` is exposed too late to be ripe."""
    workspace = workspace_of(
        [
            ("a1", "pay", "2026-03-01 11:59:59", 7), ("a1", "pay", "2026-03-01 12:00:00", 10),
            ("a2", "pay", "2026-03-03 12:00:00", 20), ("a3", "pay", "2026-03-03 12:00:01", 40),
            ("a4", "pay", "2026-03-09 12:00:00", 99),
            ("b1", "pay", "2026-03-02 00:00:00", 5), ("b1", "pay", "2026-03-02 00:00:00", 6),
            ("b1", "open", "2026-03-08 00:00:00"), ("b2", "pay", "2026-03-02 00:00:00"),
            ("b3", "open", "2026-03-02 18:00:00"), ("b3", "pay", "2026-03-02 09:00:00", 3),
        ],
        as_of="2026-03-10",
    )  # fmt: skip
    exposed = [(user, "control" if user[0] == "a" else "tour", "2026-03-01 12:00") for user in ("a1", "a2", "a3", "b1")]
    exposed += [("a1", "control", "2026-03-05"), ("b2", "control", "2026-03-01"), ("b2", "tour", "2026-03-02")]
    exposed += [("a4", "control", "2026-03-09"), ("b3", "tour", "2026-03-01 12:00")]
    add_assignments(workspace, exposed)
    return workspace


def test_only_events_inside_the_window_after_the_first_exposure_count(tour: Workspace):
    two_days = 2 * DAY
    found = experiments.analyze(
        tour,
        ExperimentQuery(
            "tour",
            (
                Metric("paid", "proportion", event="pay", window_seconds=two_days),
                Metric("payments", "mean", event="pay", window_seconds=two_days),
                Metric("revenue", "revenue", window_seconds=two_days),
                Metric("worth", "mean", event="pay", measure="value", window_seconds=two_days),
                Metric("basket", "ratio", event="pay", measure="value", denominator="pay", window_seconds=two_days),
                Metric("bought", "funnel", event=("pay", "open"), window_seconds=two_days),
            ),
        ),
    )
    assert found.control == "control"
    assert found.arms["n"].tolist() == [4, 2]
    assert found.arms["n_immature"].tolist() == [1, 0]  # a4: the window ends on 11 March
    assert found.n_several_arms == 1
    # Control, ripe: a1 pays 10 at the instant of exposure, a2 20 at the very end of the window, a3 a second too late.
    assert metric_row(found, "paid", "control")[["n", "mean"]].tolist() == [3, pytest.approx(2 / 3)]
    assert metric_row(found, "revenue", "control")["mean"] == pytest.approx(30 / 3)
    # Tour: b1 pays 5 and 6 at one instant, b3 pays 3 and opens afterwards.
    assert metric_row(found, "payments", "tour")["mean"] == pytest.approx(3 / 2)
    assert (
        metric_row(found, "worth", "tour")["mean"]
        == metric_row(found, "revenue", "tour")["mean"]
        == pytest.approx(14 / 2)
    )
    assert metric_row(found, "bought", "tour")["mean"] == pytest.approx(1 / 2)


def test_filters_segments_and_periods_narrow(tour: Workspace):
    metric = Metric("big", "proportion", event="pay", window_seconds=2 * DAY, filters=(Filter("value", "gte", 10),))
    everybody = experiments.analyze(tour, ExperimentQuery("tour", (metric,)))
    assert [metric_row(everybody, "big", arm)["mean"] for arm in ("control", "tour")] == [pytest.approx(2 / 3), 0]
    some = Segment("some", user_ids=frozenset({"a1", "a3", "b1"}))
    assert experiments.analyze(tour, ExperimentQuery("tour", (metric,), segment=some)).arms["n"].tolist() == [2, 1]
    early = ExperimentQuery("tour", (metric,), period=Period("2026-03-01", "2026-03-02"))
    assert experiments.analyze(tour, early).arms["n"].tolist() == [3, 2]


def test_users_left_out_are_those_of_the_segment(tour: Workspace):
    add_assignments(tour, [("b1", "tour", None), ("a3", "control", None)], "late")
    metric = Metric("paid", "proportion", event="pay", window_seconds=2 * DAY)

    def left_out(experiment: str, *users: str) -> tuple[int, int]:
        query = ExperimentQuery(experiment, (metric,), segment=Segment("some", user_ids=frozenset(users)))
        found = experiments.analyze(tour, query)
        return found.n_several_arms, found.n_without_arm

    # b2 is in both arms; of "late" a3 and b1 have no time, a1 and b3 have one.
    add_assignments(tour, [("a1", "control", "2026-03-01"), ("b3", "tour", "2026-03-01")], "late")
    assert left_out("tour", "a1", "b1") == (0, 0)
    assert left_out("tour", "a1", "b1", "b2") == (1, 0)
    assert left_out("late", "a1", "b3") == (0, 0)
    assert left_out("late", "a1", "a3") == (0, 1)


def test_nobody_left_is_refused(tour: Workspace):
    metric = Metric("paid", "proportion", event="pay", window_seconds=2 * DAY)
    nobody = Segment("nobody", user_ids=frozenset({"b2"}))
    with pytest.raises(QueryError, match=r"No user .* 1 seen in several arms, 0 without"):
        experiments.analyze(tour, ExperimentQuery("tour", (metric,), segment=nobody))
    with pytest.raises(QueryError, match="wider segment or period"):
        experiments.analyze(tour, ExperimentQuery("tour", (metric,), period=Period("2026-03-08", "2026-03-09")))
    add_assignments(tour, [("a1", "control", None), ("b1", "tour", None)], "untimed")
    with pytest.raises(QueryError, match="2 without arm or time"):
        experiments.analyze(tour, ExperimentQuery("untimed", (metric,), control="tour"))


def test_retention_counts_local_days_after_the_day_of_exposure():
    # Shanghai: exposed on 1 March 23:30 local; day 1 is 2 March local. c1 comes back 15 min later, which is day 1 only
    # if midnight has passed (16:00 UTC); as-of ends 3 March local, so day 1 is over and day 2 is not.
    workspace = workspace_of(
        [
            ("c1", "open", "2026-03-01 15:45"), ("c2", "open", "2026-03-01 16:05"), ("t1", "open", "2026-03-02 15:59"),
            ("t2", "open", "2026-03-02 16:00"),
        ],
        time_zone="Asia/Shanghai", as_of="2026-03-02 16:00",
    )  # fmt: skip
    for user in ("c1", "c2", "t1", "t2"):
        add_assignments(workspace, [(user, {"c": "control", "t": "new"}[user[0]], "2026-03-01 15:30")])
    found = experiments.analyze(
        workspace,
        ExperimentQuery("tour", (Metric("d1", "retention", first_day=1), Metric("d2", "retention", first_day=2))),
    )
    assert [metric_row(found, "d1", arm)["mean"] for arm in ("control", "new")] == [0.5, 0.5]
    assert [metric_row(found, "d2", arm)["n"] for arm in ("control", "new")] == [0, 0]
    assert math.isnan(metric_row(found, "d2", "new")["mean"])


# A plain-Python oracle on random events -----------------------------------------------------------------------------


def oracle(
    events: list[tuple], exposures: dict[str, tuple[str, dt.datetime]], metric: Metric, as_of: dt.datetime
) -> dict[str, list[float]]:
    """The outcome of every ripe user, arm by arm, one user at a time."""
    amounts: dict[str, list[float]] = {}
    for user, (arm, start) in exposures.items():
        mine = sorted((at, event, value or 0) for who, event, at, value in events if who == user)
        if metric.kind == "retention":
            last = start.date() + dt.timedelta(days=(metric.last_day or metric.first_day) + 1)
            ready = dt.datetime.combine(last, dt.time())
            active = {(at.date() - start.date()).days for at, _, _ in mine}
            amount = float(any(metric.first_day <= day <= (metric.last_day or metric.first_day) for day in active))
        else:
            ready = start + dt.timedelta(seconds=metric.window_seconds)
            inside = [one for one in mine if start <= one[0] <= ready]
            chosen = [one for one in inside if not metric.events or one[1] in metric.events]
            if metric.kind == "funnel":
                amount = float(_walked(inside, metric.events))
            elif metric.kind == "proportion":
                amount = float(bool(chosen))
            else:
                amount = sum(one[2] for one in chosen) if metric.measure == "value" else float(len(chosen))
        if ready <= as_of:
            amounts.setdefault(arm, []).append(amount)
    return amounts


def _walked(events: list[tuple], steps: tuple[str, ...]) -> bool:
    """Whether some choice of different rows, in order of time, makes the steps; tried exhaustively."""
    if not steps:
        return True
    return any(
        event == steps[0]
        and _walked([one for place, one in enumerate(events) if place != number and one[0] >= at], steps[1:])
        for number, (at, event, _) in enumerate(events)
    )


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_sums_equal_the_oracle(seed: int):
    source = random.Random(seed)
    start = dt.datetime(2026, 3, 1)
    users = [f"u{number}" for number in range(60)]
    events = [
        (source.choice(users), source.choice(("open", "cart", "pay")),
         start + dt.timedelta(hours=source.randrange(0, 400, 8)), source.choice((None, source.randrange(-5, 50))))
        for _ in range(900)
    ]  # fmt: skip
    exposures = {
        user: (source.choice(("control", "x", "y")), start + dt.timedelta(hours=source.randrange(200)))
        for user in users
    }
    as_of = start + dt.timedelta(hours=330)
    workspace = workspace_of(events, as_of=as_of.isoformat(" "))
    add_assignments(workspace, [(user, arm, at.isoformat(" ")) for user, (arm, at) in exposures.items()])
    known = {one[0] for one in events}
    exposures = {user: one for user, one in exposures.items() if user in known}
    metrics = (
        Metric("paid", "proportion", event="pay", window_seconds=3 * DAY),
        Metric("any", "mean", window_seconds=DAY + 3_600),
        Metric("worth", "mean", event=("pay", "cart"), measure="value", window_seconds=4 * DAY),
        Metric("walk", "funnel", event=("open", "open", "pay"), window_seconds=5 * DAY),
        Metric("circle", "funnel", event=("open", "pay", "open"), window_seconds=5 * DAY),
        Metric("back", "retention", first_day=2, last_day=4),
    )
    found = experiments.analyze(workspace, ExperimentQuery("tour", metrics))
    for metric in metrics:
        expected = oracle(events, exposures, metric, as_of)
        for arm, amounts in expected.items():
            seen = metric_row(found, metric.name, arm)
            assert seen["n"] == len(amounts)
            assert seen["mean"] == pytest.approx(np.mean(amounts), abs=1e-12)
        control, treated = expected["control"], expected["x"]
        by_hand = experiments.compare(Aggregates.of_values(control), Aggregates.of_values(treated))
        assert metric_row(found, metric.name, "x")[["low", "high"]].tolist() == pytest.approx(
            [by_hand.low, by_hand.high]
        )
    last = found.daily.groupby(["metric", "arm"], sort=False).last().reset_index()
    compared = found.metrics[~found.metrics["is_control"]]
    assert last["difference"].tolist() == pytest.approx(compared["difference"].tolist())


def test_cuped_uses_the_same_metric_from_before():
    source = np.random.default_rng(4)
    rows, exposed = [], []
    for number in range(300):
        user, busy, treated = f"u{number}", source.poisson(6), number % 2
        before = dt.datetime(2026, 2, 25) + dt.timedelta(minutes=number)
        rows += [(user, "open", str(before + dt.timedelta(hours=hour))) for hour in range(busy + 1)]
        after = busy + source.poisson(1 + treated)
        rows += [(user, "open", str(before + dt.timedelta(days=6, hours=hour))) for hour in range(after)]
        exposed.append((user, ("control", "new")[treated], str(before + dt.timedelta(days=5))))
    workspace = workspace_of(rows, as_of="2026-03-20")
    add_assignments(workspace, exposed)
    plain = Metric("opens", "mean", event="open", window_seconds=7 * DAY)
    adjusted = Metric("opens_cuped", "mean", event="open", window_seconds=7 * DAY, lookback_seconds=5 * DAY)
    found = experiments.analyze(workspace, ExperimentQuery("tour", (plain, adjusted)))
    wide, narrow = metric_row(found, "opens", "new"), metric_row(found, "opens_cuped", "new")
    assert narrow["variance_kept"] < 0.4
    assert narrow["high"] - narrow["low"] < 0.7 * (wide["high"] - wide["low"])
    assert narrow["low"] < 1 < narrow["high"]


# Unit tables, real data ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cats(shared_data) -> Workspace:
    workspace = Workspace.memory()
    workspace.load(shared_data / "cookie_cats.csv")
    return workspace


def test_cookie_cats(cats: Workspace):
    found = experiments.analyze(
        cats,
        ExperimentQuery(
            "cookie_cats",
            (
                Metric("retention_7", "retention"),
                Metric("retention_1", "proportion", role="reference"),
                Metric("rounds", "mean", column="sum_gamerounds", role="reference"),
                Metric("rounds_cut", "mean", column="sum_gamerounds", role="reference", winsorize=0.999),
            ),
        ),
    )
    assert found.arms["arm"].tolist() == ["gate_30", "gate_40"]
    assert found.arms["n"].tolist() == [44_700, 45_489]
    assert found.srm_p_value == pytest.approx(0.0086, abs=5e-5)  # warns, does not block
    week = metric_row(found, "retention_7", "gate_40")
    assert week[["difference", "low", "high"]].tolist() == pytest.approx([-0.0082, -0.0133, -0.0031], abs=5e-5)
    assert week["p_value"] == pytest.approx(0.0016, abs=5e-5)
    day = metric_row(found, "retention_1", "gate_40")
    assert [round(100 * day[name], 2) for name in ("control_mean", "mean")] == [44.82, 44.23]
    assert day["p_value"] == pytest.approx(0.074, abs=5e-4)
    # One user with 49,854 rounds: cut off, the spread of the mean shrinks and the difference all but disappears.
    raw, cut = metric_row(found, "rounds", "gate_40"), metric_row(found, "rounds_cut", "gate_40")
    assert cut["cap"] < 2_000
    assert raw["high"] - raw["low"] > 1.5 * (cut["high"] - cut["low"])
    assert abs(cut["difference"]) < 0.2 < abs(raw["difference"])
    assert (found.verdict.code, found.verdict.reason) == ("stop", "worse")
    # The split is off its plan (p = 0.0086), so the verdict itself says what to clear up first, in Python as on screen.
    assert str(found.verdict) == "Stop gate_40: retention_7 falls by 0.82 pp; check the split first"
    zh = "建议下线「gate_40」：retention_7 下降 0.82 个百分点；请先查清分流偏差"
    assert found.verdict.sentence(translator("zh")) == zh
    assert found.daily.empty


def test_unit_rows_that_cannot_be_compared_are_counted():
    frame = pd.DataFrame(
        {
            "user_id": ["1", "2", "3", "4", "5", "5", "6", "7"],
            "variant": ["a", "a", "b", "b", "a", "b", None, "a"],
            "amount": [1.0, 2.0, 4.0, 6.0, 9.0, 9.0, 9.0, np.nan],
        }
    )
    workspace = Workspace.memory()
    add_unit_table(workspace, frame)
    found = experiments.analyze(workspace, ExperimentQuery(1, (Metric("amount", "mean"),)))
    assert (found.n_several_arms, found.n_without_arm) == (1, 1)
    assert found.arms["n"].tolist() == [3, 2]
    assert found.metrics["n_missing"].tolist() == [1, 0]
    assert found.metrics["mean"].tolist() == [1.5, 5.0]


def test_unit_sums_keep_their_digits_beside_a_large_mean():
    values = [1e9 + 0.25, 1e9 + 0.5, 1e9 + 0.75, 1e9 + 1.0]
    frame = pd.DataFrame({"user_id": list("wxyz"), "variant": ["a", "a", "b", "b"], "amount": values})
    workspace = Workspace.memory()
    add_unit_table(workspace, frame)
    found = metric_row(experiments.analyze(workspace, ExperimentQuery(1, (Metric("amount", "mean"),))), "amount", "b")
    assert found["difference"] == pytest.approx(0.5)
    # s² = 0.03125 in each arm, standard error √(0.03125 / 2 × 2), t quantile at 2 degrees of freedom 4.30265
    assert found["high"] - found["difference"] == pytest.approx(4.302653 * math.sqrt(0.03125), rel=1e-6)


def test_the_effect_by_days_since_exposure(tour: Workspace):
    metric = Metric("paid", "proportion", event="pay", window_seconds=2 * DAY)
    found = experiments.analyze(tour, ExperimentQuery("tour", (metric,)))
    # Control: a1 pays at once, a2 at the very end of the second day. Tour: b1 and b3 pay within the first 24 hours.
    assert found.ages[["arm", "day", "control_mean", "mean"]].to_numpy().tolist() == [
        ["tour", 1, pytest.approx(1 / 3), 1.0], ["tour", 2, pytest.approx(2 / 3), 1.0],
    ]  # fmt: skip
    last = found.ages.iloc[-1]
    assert last["difference"] == metric_row(found, "paid", "tour")["difference"]


def test_a_window_of_a_day_and_a_half_ends_on_a_second_day():
    workspace = workspace_of(
        [("a", "pay", "2026-03-01 10:00"), ("b", "pay", "2026-03-02 06:00"), ("c", "open", "2026-03-02 06:00")],
        as_of="2026-03-10",
    )
    add_assignments(workspace, [(user, "control", "2026-03-01") for user in "ac"] + [("b", "new", "2026-03-01")])
    metric = Metric("paid", "proportion", event="pay", window_seconds=36 * 3_600)
    ages = experiments.analyze(workspace, ExperimentQuery("tour", (metric,))).ages
    # a pays within 24 hours, b in hour 30.
    assert ages[["day", "control_mean", "mean"]].to_numpy().tolist() == [[1, 0.5, 0.0], [2, 0.5, 1.0]]


def test_by_arm_shows_every_mean(tour: Workspace):
    metrics = tuple(Metric(name, "mean", event="pay", window_seconds=days * DAY) for name, days in (("z", 2), ("a", 1)))
    table = experiments.analyze(tour, ExperimentQuery("tour", metrics)).by_arm()
    assert table.columns.tolist()[-2:] == ["z", "a"]
    assert table["z"].tolist() == [pytest.approx(2 / 3), 1.5]


def test_sources_and_suggested_metrics(tour: Workspace):
    frame = pd.DataFrame({"user_id": ["1", "2"], "variant": ["x", "y"], "won": [True, False], "spent": [1.5, 2]})
    add_unit_table(tour, frame, "finished", 7)
    known = experiments.sources(tour)
    assert known[["source", "kind", "n_users"]].to_numpy().tolist() == [
        ["tour", "assignments", 7],
        [7, "unit_table", 2],
    ]
    chosen = experiments.unit_metrics(tour, 7, guardrails=("spent",))
    assert [(metric.name, metric.kind, metric.role) for metric in chosen] == [
        ("won", "proportion", "decision"), ("spent", "mean", "guardrail"),
    ]  # fmt: skip
    assert experiments.goal_event(tour) == "pay"
    assert experiments.default_control(("B", "对照组", "A")) == "对照组"
    assert experiments.window_days(tour, "tour") == 8  # the middle exposure lies 8.5 days before as-of
    suggested = experiments.event_metrics(translator("en"), "pay", 2)
    assert experiments.analyze(tour, ExperimentQuery("tour", suggested)).verdict.code in (
        "keep_running",
        "not_readable",
    )
    assert set(experiments.arm_users(tour, ExperimentQuery("tour", suggested), "tour")) == {"b1", "b3"}


@pytest.mark.parametrize("alpha", [0, 2, 95])
def test_known_sums_are_compared_at_a_level_that_exists(alpha):
    arms = Aggregates.of_share(143, 2400), Aggregates.of_share(171, 2380)
    with pytest.raises(QueryError, match=r"significance level .* such as 0\.05"):
        experiments.compare(*arms, alpha=alpha)
