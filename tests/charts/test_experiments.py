"""Experiment charts and sentences: the numbers in the traces are the numbers of the result."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ops_core import Segment, Workspace
from ops_core.analyses import experiments
from ops_core.analyses.experiments import ExperimentQuery, ExperimentResult, Metric
from ops_core.charts import experiment_words as words
from ops_core.charts import experiments as charts
from ops_core.charts.theme import DARK, LIGHT
from ops_core.locale import translator
from tests.support import workspace_of
from tests.support_experiments import add_assignments, add_unit_table, metric_row

DAY = 86_400


@pytest.fixture(scope="module")
def finished() -> ExperimentResult:
    """1,000 users an arm: `won` 20 against 26 %, `spent` with one outlier, `left` a guardrail that stays."""
    n = 1_000
    frame = pd.DataFrame(
        {
            "user_id": np.arange(2 * n).astype(str),
            "variant": ["control"] * n + ["new"] * n,
            "won": np.concatenate([np.arange(n) < 200, np.arange(n) < 260]),
            "spent": np.concatenate([np.arange(n) % 10, [9_000.0], np.arange(1, n) % 10]),
            "left": np.concatenate([np.arange(n) % 10 == 0, np.arange(n) % 10 == 1]),
        }
    )
    workspace = Workspace.memory()
    add_unit_table(workspace, frame)
    metrics = (
        Metric("won", "proportion"), Metric("spent", "mean", role="reference"),
        Metric("left", "proportion", role="guardrail", higher_is_better=False),
    )  # fmt: skip
    return experiments.analyze(workspace, ExperimentQuery(1, metrics))


@pytest.fixture(scope="module")
def running() -> ExperimentResult:
    """Twelve days of exposures, 40 users a day, half of them treated; twice as many of the treated pay."""
    rows, exposed = [], []
    for number in range(480):
        user, day, treated = f"u{number:03d}", 1 + number // 40, number % 2
        pays = number % 4 < (1 + treated) if treated else number % 8 == 0
        rows.append((user, "pay" if pays else "open", f"2026-03-{day:02d} 13:00:00"))
        exposed.append((user, ("control", "new")[treated], f"2026-03-{day:02d} 12:00:00"))
    workspace = workspace_of(rows, as_of="2026-03-20")
    add_assignments(workspace, exposed)
    metric = Metric("paid", "proportion", event="pay", window_seconds=6 * DAY)
    return experiments.analyze(workspace, ExperimentQuery("tour", (metric,)))


def texts(figure) -> list[str]:
    return [annotation.text for annotation in figure.layout.annotations]


@pytest.mark.parametrize("palette", [LIGHT, DARK])
def test_the_forest_draws_each_interval_where_it_lies(finished: ExperimentResult, palette):
    figure = charts.draw(finished, translator("en"), palette)
    dots = [trace for trace in figure.data if trace.mode == "markers"]
    lines = [trace for trace in figure.data if trace.mode == "lines"]
    for dot, line, metric in zip(dots, lines, ("won", "spent", "left"), strict=True):
        row = metric_row(finished, metric, "new")
        assert dot.x[0] == row["relative"]
        assert tuple(line.x) == (row["relative_low"], row["relative_high"])
    clear, open_, guardrail = dots
    assert clear.marker.color == palette.good
    assert open_.marker.color == guardrail.marker.color == palette.bg
    assert guardrail.marker.symbol == "square"
    shown = " ".join(texts(figure))
    assert "20.0% → 26.0%" in shown
    assert "▲ +30.0%" in shown


def test_absolute_rows_have_their_own_scale_and_units(finished: ExperimentResult):
    figure = charts.draw(finished, translator("en"), relative=False)
    for trace in figure.data:
        if trace.mode == "lines":
            assert max(abs(value) for value in trace.x) == pytest.approx(1)
    assert "▲ +6.0 pp" in " ".join(texts(figure))


def test_reading_days_accumulate_and_widen_to_the_always_valid_band(running: ExperimentResult):
    days = charts.daily_rows(running)
    assert charts.has_days(running)
    assert days["n"].tolist() == [40 * number for number in range(1, 13)]
    figure = charts.draw_daily(running, translator("zh"))
    line = next(trace for trace in figure.data if trace.mode == "lines" and trace.fill is None)
    assert list(line.y) == pytest.approx((100 * days["difference"]).tolist())
    assert (days["always_low"] < days["low"]).all()
    assert "随时有效" in " ".join(texts(figure))


@pytest.mark.parametrize("first_buyer", [3, 99])
def test_days_on_which_nothing_varies_have_no_outer_band(first_buyer: int):
    rows, exposed = [], []
    for number in range(160):
        user, day = f"u{number:03d}", 1 + number // 20
        rows.append(
            (user, "pay" if number % 20 in (1, 2) and day >= first_buyer else "open", f"2026-03-{day:02d} 13:00")
        )
        exposed.append((user, ("control", "new")[number % 2], f"2026-03-{day:02d} 12:00"))
    rows.append(("nobody", "pay", "2026-03-01 12:00"))
    workspace = workspace_of(rows, as_of="2026-03-20")
    add_assignments(workspace, exposed)
    metric = Metric("paid", "proportion", event="pay", window_seconds=DAY)
    found = experiments.analyze(workspace, ExperimentQuery("tour", (metric,)))
    days = charts.daily_rows(found)
    assert days["always_low"].isna().tolist() == [day < first_buyer for day in range(1, 9)]
    assert days["low"].notna().all()
    figure = charts.draw_daily(found, translator("en"))
    low, high = figure.layout.yaxis.range
    widest = np.nanmax(np.abs(days[["low", "high", "always_low", "always_high"]].iloc[2:].to_numpy()))
    assert -low == high == pytest.approx(110 * widest)
    assert ("always valid" in " ".join(texts(figure))) == (first_buyer < 9)
    assert words.daily_title(found, translator("en")) == "Neither band excludes 0 yet"


def test_users_with_several_rows_are_warned_of(finished: ExperimentResult):
    frame = pd.DataFrame({"user_id": ["1", "1", "2", "3"], "variant": list("aaab"), "won": [1, 0, 1, 0]})
    workspace = Workspace.memory()
    add_unit_table(workspace, frame)
    found = experiments.analyze(workspace, ExperimentQuery(1, (Metric("won", "proportion"),)))
    assert words.rows_note(found, translator("en")).startswith("**Users with several rows: 1.**")
    assert "1 名用户占了多行" in words.rows_note(found, translator("zh"))
    assert words.rows_note(finished, translator("en")) == ""


def test_the_table_writes_each_metric_in_its_own_unit(finished: ExperimentResult):
    table, rows = words.metrics_table(finished, translator("zh")), finished.metrics
    share = rows["kind"] == "proportion"
    assert share.any()
    assert table.loc[share, "mean"].str.endswith("%").all()
    assert table.loc[share & ~rows["is_control"], "difference"].str.endswith("百分点").all()
    assert not set(table["role"]) & set(rows["role"]), "words, no codes"


def test_a_segment_is_named_where_it_narrows_the_test(finished: ExperimentResult):
    segment = Segment("Fans*", user_ids=frozenset({"a"}))
    narrowed = replace(finished, query=replace(finished.query, segment=segment))
    for t in map(translator, ("en", "zh")):
        assert any("Fans*" in note for note in words.notes(narrowed, t))
        assert any("Fans\\*" in note for note in words.notes(narrowed, t, lambda name: name.replace("*", "\\*")))
        assert not any("Fans" in note for note in words.notes(finished, t))


def test_days_since_exposure_end_at_the_result(running: ExperimentResult):
    ages = charts.age_rows(running)
    assert ages["day"].tolist() == [1, 2, 3, 4, 5, 6]
    assert ages["difference"].iloc[-1] == metric_row(running, "paid", "new")["difference"]
    figure = charts.draw_ages(running, translator("en"))
    assert list(figure.layout.xaxis.ticktext) == ["day 1", "day 4", "day 6"]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_sentences(finished: ExperimentResult, running: ExperimentResult, language: str):
    t = translator(language)
    found = words.paragraph(finished, t, lambda name: f"<{name}>")
    for piece in ("<won>", "<new> 26.0%", "<control> 20.0%", "+6.0"):
        assert piece in found
    assert any("9,000" in fact for fact in words.facts(finished, t))
    assert words.split_note(finished, t) == ""
    for sentence in (
        words.headline(running, t), words.forest_title(finished, t), words.daily_title(running, t),
        words.ages_title(running, t),
    ):  # fmt: skip
        assert sentence


def test_a_split_off_plan_is_said_in_the_headline_and_the_note():
    def split(n: int) -> ExperimentResult:
        frame = pd.DataFrame({"variant": ["a"] * 1_000 + ["b"] * n, "won": [True, False] * ((1_000 + n) // 2)})
        frame.insert(0, "user_id", frame.index.astype(str))
        workspace = Workspace.memory()
        add_unit_table(workspace, frame)
        return experiments.analyze(workspace, ExperimentQuery(1, (Metric("won", "proportion"),)))

    t = translator("en")
    warned, blocked = split(1_130), split(1_200)
    assert words.headline(warned, t).endswith("check the split first")
    assert "planned 50 : 50, found 1,000 : 1,130" in words.split_note(warned, t)
    assert words.headline(blocked, t).startswith("Not readable")
    assert "no verdict" in words.split_note(blocked, t)
