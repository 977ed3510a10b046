"""Verdicts of experiments, and the questions that are refused with a remedy."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ops_core import QueryError, Segment, Workspace
from ops_core.analyses import experiments
from ops_core.analyses.experiments import ExperimentQuery, Metric
from ops_core.locale import translator
from tests.support import workspace_of
from tests.support_experiments import add_assignments, add_unit_table, metric_row

DAY = 86_400


@pytest.fixture
def tour() -> Workspace:
    """Two users who pay, one in each arm."""
    workspace = workspace_of([("a", "pay", "2026-03-02"), ("b", "pay", "2026-03-03")], as_of="2026-03-10")
    add_assignments(workspace, [("a", "control", "2026-03-01"), ("b", "tour", "2026-03-01")])
    return workspace


# Verdicts -------------------------------------------------------------------------------------------------------------


def verdict(counts: dict[str, tuple[int, int]], roles: dict[str, str] | None = None, **options) -> experiments.Verdict:
    """Arms as name → (successes, n) of a column `won`; further 0/1 columns copy it under other roles."""
    parts = [
        pd.DataFrame({"user_id": "", "variant": arm, "won": np.arange(n) < successes})
        for arm, (successes, n) in counts.items()
    ]
    frame = pd.concat(parts, ignore_index=True)
    frame["user_id"] = frame.index.astype(str)
    metrics = [Metric("won", "proportion", **options)]
    for name, role in (roles or {}).items():
        frame[name] = frame["won"]
        metrics.append(Metric(name, "proportion", role=role, higher_is_better=False))
    workspace = Workspace.memory()
    add_unit_table(workspace, frame)
    return experiments.analyze(workspace, ExperimentQuery(1, tuple(metrics))).verdict


@pytest.mark.parametrize(
    ("counts", "roles", "options", "expected"),
    [
        ({"control": (200, 1_000), "new": (260, 1_000)}, {}, {}, ("ship", "better")),
        ({"control": (200, 1_000), "new": (140, 1_000)}, {}, {}, ("stop", "worse")),
        ({"control": (200, 1_000), "new": (260, 1_000)}, {"churned": "guardrail"}, {}, ("stop", "guardrail")),
        ({"control": (200, 1_000), "new": (260, 1_000)}, {"late": "decision"}, {}, ("stop", "mixed")),
        ({"control": (200, 1_000), "new": (210, 1_000)}, {}, {}, ("keep_running", "too_small")),
        ({"control": (200, 1_000), "new": (210, 1_000)}, {}, {"worthwhile": 0.1}, ("stop", "not_worthwhile")),
        ({"control": (200, 1_000), "new": (240, 1_200)}, {}, {}, ("not_readable", "srm")),
        # Where nobody does it the smallest visible difference is not 0 but unknown (was: too small, "above 0.00 pp").
        ({"control": (0, 40), "new": (0, 40)}, {}, {}, ("not_readable", "no_variance")),
        ({"control": (0, 1_000), "new": (0, 1_000)}, {}, {"worthwhile": 0.1}, ("stop", "not_worthwhile")),
        # (1.960 + 0.842)² × (0.20 × 0.80 + 0.201 × 0.799) ÷ 0.02² = 6,300 users see a tenth of 20 %.
        ({"control": (2_000, 10_000), "new": (2_010, 10_000)}, {}, {}, ("keep_running", "no_difference")),
        ({"only": (20, 100)}, {}, {}, ("not_readable", "one_arm")),
        ({"control": (20, 100), "new": (21, 100)}, {}, {"role": "reference"}, ("not_readable", "no_decision_metric")),
    ],
)  # fmt: skip
def test_verdicts(counts, roles, options, expected):
    found = verdict(counts, roles, **options)
    assert (found.code, found.reason) == expected
    for language in ("en", "zh"):
        assert found.sentence(translator(language))


def test_too_small_says_what_could_be_seen():
    # (1.960 + 0.842) × √(0.20 × 0.80 / 1000 + 0.21 × 0.79 / 1000) = 5.1 pp
    assert str(verdict({"control": (200, 1_000), "new": (210, 1_000)})) == (
        "Too small to call: at 1,000 users per arm only differences above 5.1 pp can be seen"
    )


def arms(**columns: dict[str, np.ndarray]) -> Workspace:
    """A unit table of the columns' values per arm."""
    parts = [pd.DataFrame({name: of[arm] for name, of in columns.items()}).assign(variant=arm)
             for arm in next(iter(columns.values()))]  # fmt: skip
    frame = pd.concat(parts, ignore_index=True)
    frame.insert(0, "user_id", frame.index.astype(str))
    workspace = Workspace.memory()
    add_unit_table(workspace, frame)
    return workspace


def told(workspace: Workspace, metrics: tuple[Metric, ...], **options) -> tuple[str, str, str, str]:
    found = experiments.analyze(workspace, ExperimentQuery(1, metrics, **options)).verdict
    return found.code, found.reason, found.metric, found.arm


THOUSAND = np.arange(1_000)


def test_a_metric_that_is_open_keeps_running_wherever_it_stands():
    workspace = arms(
        clicked={"control": THOUSAND < 200, "new": THOUSAND < 210},  # the top of the interval is 4.5 pp
        minutes={"control": THOUSAND % 10, "new": THOUSAND % 10 + 0.2},  # 0.2 ± 0.25
        never={"control": THOUSAND < 0, "new": THOUSAND < 0},
    )
    clicked = Metric("clicked", "proportion", worthwhile=0.1)
    minutes, never = Metric("minutes", "mean"), Metric("never", "proportion")
    for metrics in ((clicked, minutes), (minutes, clicked), (never, minutes), (minutes, never)):
        # 1,000 users an arm are enough to see a tenth of 4.5 minutes: it takes 7.85 × 2 × 8.25 ÷ 0.45² = 640.
        assert told(workspace, metrics) == ("keep_running", "no_difference", "minutes", "new")
    hopeless = Metric("minutes", "mean", worthwhile=1.0)
    assert told(workspace, (hopeless, clicked)) == ("stop", "not_worthwhile", "minutes", "new")
    # One is hopeless, of the other nothing is known: that is no reason to stop.
    assert told(workspace, (clicked, never)) == ("not_readable", "no_variance", "never", "new")


def test_which_arm_ships_is_told_by_the_first_metric_and_not_by_units():
    workspace = arms(
        won={"control": THOUSAND < 200, "b": THOUSAND < 270, "c": THOUSAND < 205, "d": THOUSAND < 280},
        minutes={"control": THOUSAND % 10, "b": THOUSAND % 10, "c": THOUSAND % 10 + 1, "d": THOUSAND % 10},
    )
    won, minutes = Metric("won", "proportion"), Metric("minutes", "mean")
    # c gains a whole minute, which is no more than 8 pp are.
    assert told(workspace, (won, minutes)) == ("ship", "better", "won", "d")
    assert told(workspace, (minutes, won)) == ("ship", "better", "minutes", "c")


def test_an_early_look_does_not_stop_on_a_guardrail_either():
    workspace = arms(
        won={"control": THOUSAND < 200, "new": THOUSAND < 205},
        gained={"control": THOUSAND < 200, "new": THOUSAND < 300},
        refund={"control": THOUSAND < 100, "new": THOUSAND < 125},  # one-sided p = 0.0385, always valid −2.3 to +7.3
        broke={"control": THOUSAND < 100, "new": THOUSAND < 250},
    )
    won, gained = Metric("won", "proportion"), Metric("gained", "proportion")
    refund, broke = (
        Metric(name, "proportion", role="guardrail", higher_is_better=False) for name in ("refund", "broke")
    )
    assert told(workspace, (won, refund)) == ("stop", "guardrail", "refund", "new")
    early = {"planned_n": 20_000}
    assert told(workspace, (won, refund), **early) == ("keep_running", "too_small", "won", "new")
    assert told(workspace, (gained, refund), **early) == ("keep_running", "early", "refund", "new")
    assert told(workspace, (gained, broke), **early) == ("stop", "guardrail", "broke", "new")
    assert told(workspace, (gained,), **early) == ("ship", "better", "gained", "new")


def test_what_cannot_be_read_says_why():
    constant = arms(v={"control": np.ones(100), "new": np.full(100, 2.0)})
    found = experiments.analyze(constant, ExperimentQuery(1, (Metric("v", "mean"),))).verdict
    assert found.reason == "no_variance"
    assert "does not vary inside the arms" in str(found)
    assert "各组内部没有差异" in found.sentence(translator("zh"))
    alone = arms(v={"control": np.arange(100.0), "new": np.ones(1)})
    planned = {"control": 100, "new": 1}
    found = experiments.analyze(alone, ExperimentQuery(1, (Metric("v", "mean"),), planned=planned)).verdict
    assert str(found) == "Not readable: an arm has fewer than two users with this metric"
    assert "不足两名" in found.sentence(translator("zh"))


def test_a_planned_split_is_no_mismatch():
    frame = pd.DataFrame({"variant": ["control"] * 500 + ["new"] * 1_000, "won": [True, False, False] * 500})
    frame.insert(0, "user_id", frame.index.astype(str))
    workspace = Workspace.memory()
    add_unit_table(workspace, frame)
    metrics = (Metric("won", "proportion"),)
    even = experiments.analyze(workspace, ExperimentQuery(1, metrics))
    planned = experiments.analyze(workspace, ExperimentQuery(1, metrics, planned={"control": 1, "new": 2}))
    assert even.verdict.reason == "srm"
    assert planned.srm_p_value == pytest.approx(1.0)
    assert planned.arms["planned_share"].tolist() == pytest.approx([1 / 3, 2 / 3])


def test_an_early_look_does_not_decide():
    rows, exposed = [], []
    for number in range(600):
        user, treated = f"u{number}", number % 2
        rows.append((user, "pay" if number // 2 % 20 < 6 + 2 * treated else "open", "2026-03-02"))
        exposed.append((user, ("control", "new")[treated], "2026-03-01"))
    workspace = workspace_of(rows, as_of="2026-03-04")
    add_assignments(workspace, exposed)
    metric = Metric("paid", "proportion", event="pay", window_seconds=2 * DAY)
    whole = experiments.analyze(workspace, ExperimentQuery("tour", (metric,)))
    planned = experiments.analyze(workspace, ExperimentQuery("tour", (metric,), planned_n=5_000))
    assert metric_row(whole, "paid", "new")["p_value"] < 0.05
    assert metric_row(whole, "paid", "new")["always_low"] < 0
    assert (whole.verdict.code, planned.verdict.code) == ("ship", "keep_running")
    assert planned.verdict.reason == "early"


def test_holm_over_decisions_and_arms_but_not_over_the_rest():
    source = np.random.default_rng(6)
    frame = pd.DataFrame({"user_id": range(900), "variant": np.repeat(["a", "b", "c"], 300)})
    for name in ("one", "two", "three", "four"):
        frame[name] = source.random(900) < 0.3
    workspace = Workspace.memory()
    add_unit_table(workspace, frame.astype({"user_id": str}))
    roles = {"one": "decision", "two": "decision", "three": "reference", "four": "guardrail"}
    found = experiments.analyze(
        workspace, ExperimentQuery(1, tuple(Metric(name, "proportion", role=role) for name, role in roles.items()))
    ).metrics
    compared = found[~found["is_control"]]
    decisions = compared[compared["role"] == "decision"]
    assert decisions["p_adjusted"].min() == pytest.approx(min(1, 4 * decisions["p_value"].min()))
    guardrails = compared[compared["role"] == "guardrail"]
    assert guardrails["p_adjusted"].tolist() == guardrails["p_value"].tolist()
    assert found.groupby("metric")["p_best"].sum().tolist() == pytest.approx([1] * 4, abs=1e-4)


# What is refused ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Metric("m", "median"), "'median'.*proportion, mean, ratio"),
        (lambda: Metric("m", "mean", role="boss"), "'boss'.*decision, reference, guardrail"),
        (lambda: Metric("m", "mean", measure="sum"), "'sum'.*count or value"),
        (lambda: Metric("m", "ratio"), "m.*denominator"),
        (lambda: Metric("m", "mean", winsorize=1.5), "m.*1.5"),
        (lambda: Metric("m", "proportion", winsorize=0.99), "m.*proportion.*winsorize"),
        (lambda: Metric("m", "retention", first_day=1, event="pay"), "m.*retention.*event"),
        (lambda: Metric("m", "ratio", denominator="n", covariate="x"), "m.*ratio.*covariate"),
        (lambda: Metric("m", "retention", first_day=3, last_day=1), "3.*1"),
        (lambda: Metric("m", "mean", event="pay", lookback_seconds=0), "m.*look back 0 seconds.*604800"),
        (lambda: Metric("m", "mean", event="pay", lookback_seconds=-DAY), "m.*-86,?400"),
        (lambda: Metric("m", "mean", worthwhile=-1), "-1 .*m.*above 0"),
        (lambda: Metric("m", "mean", worthwhile=float("nan")), "m.*above 0"),
        (lambda: ExperimentQuery("e", ()), "at least one metric"),
        (lambda: ExperimentQuery("e", (Metric("m", "mean"), Metric("m", "mean"))), "Two metrics are called 'm'"),
        (lambda: ExperimentQuery("e", (Metric("m", "mean"),), alpha=0.9), "0.9"),
    ],
)
def test_bad_specs_say_what_would_work(build, message: str):
    with pytest.raises(QueryError, match=message):
        build()


@pytest.mark.parametrize(
    ("source", "metric", "options", "message"),
    [
        ("tuor", Metric("m", "proportion", event="pay", window_seconds=DAY), {}, "'tuor'.*tour"),
        ("tour", Metric("m", "proportion", event="pya", window_seconds=DAY), {}, "'pya'.*pay"),
        ("tour", Metric("m", "proportion", event="pay"), {}, "m.*window"),
        ("tour", Metric("m", "retention"), {}, "m.*day"),
        ("tour", Metric("m", "funnel", event="pay", window_seconds=DAY), {}, "m.*two events"),
        ("tour", Metric("m", "mean", column="amount"), {}, "m.*unit table"),
        ("tour", Metric("m", "mean", window_seconds=DAY), {"control": "contrl"}, "'contrl'.*control"),
        ("tour", Metric("m", "mean", window_seconds=DAY), {"planned": {"control": 1}}, "control.*tour"),
        ("units", Metric("amuont", "mean"), {}, "'amuont'.*amount"),
        ("units", Metric("city", "mean"), {}, "'city'.*amount"),
        ("units", Metric("amount", "proportion"), {}, "'amount'.*0 and 1"),
        ("units", Metric("m", "mean", event="pay"), {}, "m.*events"),
        ("units", Metric("amount", "mean"), {"segment": Segment("some", user_ids=frozenset("1"))}, "as a whole"),
    ],
)
def test_bad_questions_say_what_would_work(tour: Workspace, source: str, metric: Metric, options: dict, message: str):
    frame = pd.DataFrame({"user_id": ["1", "2"], "variant": ["a", "b"], "amount": [1.0, 2.0], "city": ["x", "y"]})
    add_unit_table(tour, frame, "units", 9)
    with pytest.raises(QueryError, match=message):
        experiments.analyze(tour, ExperimentQuery(source, (metric,), **options))
