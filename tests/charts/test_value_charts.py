"""Charts of value and survival: the numbers in the traces, the claims in the titles."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest

from ops_core import Period
from ops_core.analyses import survival, value, value_model
from ops_core.analyses.survival import SurvivalQuery
from ops_core.analyses.value import ValueQuery
from ops_core.charts import survival as survival_charts
from ops_core.charts import value as charts
from ops_core.charts import value_words as words
from ops_core.charts.lines import day_ticks
from ops_core.charts.palette import DARK, LIGHT
from ops_core.locale import translator
from tests.oracles.random_events import random_events
from tests.support import workspace_of

PERIOD = Period("2026-03-02", "2026-05-10")


@pytest.fixture(scope="module")
def workspace():
    return workspace_of(random_events(9, dt.datetime(2026, 3, 1), 80, n_users=80, n_events=1500))


@pytest.fixture(scope="module")
def result(workspace):
    return value.analyze(workspace, ValueQuery(PERIOD, breakdown="user.channel"))


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_chart_and_sentence_stands(workspace, result, language):
    t = translator(language)
    model = value_model.analyze(workspace)
    stays = survival.analyze(workspace, SurvivalQuery(PERIOD, churn_days=7, breakdown="user.channel"))
    for draw in (charts.draw_curves, charts.draw_groups, charts.draw_repeat, charts.draw_intervals):
        assert draw(result, t, DARK).data
    assert survival_charts.draw(stays, t, LIGHT).data
    texts = [
        words.headline(result, t), words.paragraph(result, t), words.repeat_title(result, t),
        words.interval_title(result, t), words.prediction_title(model, t), words.holdout_title(model, t),
        survival_charts.title(stays, t), survival_charts.subtitle(stays, t), *words.refusal_texts(model, t),
    ]  # fmt: skip
    assert all(text and "{" not in text for text in texts)


def test_curves_hold_the_ltv(result):
    fig = charts.draw_curves(result, translator("en"), LIGHT)
    for trace, (_, rows) in zip(fig.data, result.curve.groupby("group", sort=False), strict=True):
        assert list(trace.y) == rows["ltv"].tolist()


def test_rates_hold_the_shares_and_leave_out_what_is_not_over(result):
    fig = charts.draw_repeat(result, translator("en"), LIGHT)
    whole = result.buckets[~result.buckets["partial"]]
    drawn = [list(trace.y) for trace in fig.data if trace.mode == "lines+markers" and trace.line.dash is None]
    assert drawn[0] == whole["repeat_rate"].dropna().tolist()
    assert drawn[1] == whole["buy_again_rate"].dropna().tolist()


def test_a_group_is_only_called_better_when_the_intervals_are_apart(result):
    rows = words.at_age(result)
    apart = rows["low"].max() > rows["high"].min()
    assert (":" in words.headline(result, translator("en"))) == apart


def test_survival_steps_are_the_curve(workspace):
    stays = survival.analyze(workspace, SurvivalQuery(PERIOD, churn_days=7))
    fig = survival_charts.draw(stays, translator("en"), LIGHT)
    steps = next(trace for trace in fig.data if trace.line.shape == "hv")
    assert list(steps.y) == stays.curves["survival"].tolist()


def test_day_ticks_leave_room():
    assert day_ticks((7, 14, 30, 60, 90), 90) == [7, 30, 60, 90]
    assert day_ticks((0, 7, 14, 30), 30) == [0, 14, 30]
    assert day_ticks((), 30) == []


def test_nothing_is_said_of_the_days_between_a_handful_of_purchases():
    rows = [
        (f"u{user}", "purchase", f"2026-03-{3 + user + 7 * again:02d} 10:00", 5.0)
        for user in (1, 2)
        for again in (0, 1)
    ]
    with workspace_of(
        pd.DataFrame(rows, columns=["user_id", "event", "occurred_at", "value"]), as_of="2026-03-30"
    ) as few:
        result = value.analyze(few, ValueQuery(Period("2026-03-02", "2026-03-30")))
    assert result.interval_days["n"] == 2
    assert words.interval_title(result, translator("en")) == "Too few repeat purchases (2) to say how long people wait"


def test_the_rest_is_not_counted_as_a_channel():
    # `big` brings 10 per user and costs 5, the rest (two channels) cost 50: of one channel shown by name one is back.
    rows = [("old", "buy", "2026-02-28 09:00", 1.0, None)]
    rows += [(f"u{n}", "buy", "2026-03-02 09:00", 10.0, channel) for n, channel in enumerate(("big", "big", "b", "c"))]
    frame = pd.DataFrame(rows, columns=["user_id", "event", "occurred_at", "value", "user.channel"])
    spend = pd.DataFrame({"date": "2026-03-02", "channel": ["big", "b"], "amount": [10.0, 100.0]})
    with workspace_of(frame, as_of="2026-04-01") as shop:
        shop.load(spend, kind="spend", as_of="2026-04-01")
        query = ValueQuery(Period("2026-03-02", "2026-03-09"), ages_days=(7,), breakdown="user.channel", top=1)
        costs = value.analyze(shop, query)
    assert costs.channels["cac"].tolist() == [5, 50]
    assert words.channels_title(costs, translator("en")) == "1 of 1 channels have paid back by day 7"
    assert words.headline(costs, translator("en")).endswith("not back by day 7: other")
    assert words.spend_notes(costs, translator("en")) == []
