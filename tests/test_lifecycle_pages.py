"""Overview, life cycle and retention through the whole shell: each control changes what is shown."""

from __future__ import annotations

import datetime as dt
import functools
import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from ops_core import Filter, Segment, Workspace
from ops_core.analyses.lifecycle import StageRules
from tests.oracles.random_events import random_events
from tests.support_pages import living_in, opened, prepared


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one small shop of 15 weeks and a segment."""
    folder = tmp_path_factory.mktemp("home")
    frame = random_events(seed=11, start=dt.datetime(2026, 1, 5), days=105, n_users=150, n_events=2500)
    users = pd.DataFrame({"user_id": sorted(set(frame["user_id"]))})
    users["channel"] = [("ads", "shop")[place % 2] for place in range(len(users))]
    with Workspace.open(folder / "shop.duckdb") as workspace:
        workspace.load(frame[["user_id", "event", "occurred_at", "value"]], kind="events", as_of="2026-04-16")
        workspace.load(users, kind="users", as_of="2026-04-16")
        workspace.save_segment(Segment("from ads", (Filter("user.channel", "eq", "ads"),)))
    with living_in(folder):
        yield folder


@pytest.fixture(scope="module")
def untouched(home: Path) -> Callable[[str], str]:
    """What a page shows before anything is chosen."""
    return functools.cache(lambda address: shown(run(address)))


def run(address: str, language: str = "en", **query: str) -> AppTest:
    return opened(prepared(address, language, workspace="shop", **query))


def shown(test: AppTest) -> str:
    """Everything a person reads or sees: words, tiles, chart data."""
    words = [one.value for kind in (test.header, test.markdown, test.subheader) for one in kind]
    tiles = [(tile.label, tile.value, tile.delta) for tile in test.metric]
    charts = [json.loads(chart.proto.spec) for chart in test.get("plotly_chart")]
    return json.dumps([words, tiles, charts])


def shown_words(test: AppTest) -> str:
    """What is said on a page, without the characters that keep dates on one line."""
    return " ".join(one.value for one in test.markdown).replace("\u2060", "").replace("\\", "")


@pytest.mark.parametrize(
    ("address", "query"),
    [
        ("retention", {"retention_start": "event:view"}),
        ("retention", {"retention_start": "any"}),
        ("retention", {"retention_return": "event:buy"}),
        ("retention", {"retention_grain": "day"}),
        ("retention", {"retention_grain": "month"}),
        ("retention", {"retention_measure": "on_or_after"}),
        ("retention", {"retention_grain": "hour"}),
        ("retention", {"retention_grain": "quarter"}),
        ("retention", {"retention_measure": "bracket"}),
        ("retention", {"retention_measure": "rolling"}),
        ("retention", {"retention_show": "users"}),
        ("retention", {"retention_start": "any", "retention_mode": "recurring"}),
        (
            "retention",
            {
                "retention_start": "event:view",
                "retention_if": "value",
                "retention_if_op": "gt",
                "retention_if_value": "10",
            },
        ),
        ("retention", {"retention_back_if": "user.channel", "retention_back_if_value": "ads"}),
        ("retention", {"retention_by": "user.channel"}),
        ("retention", {"retention_cohorts": "5"}),
        ("retention", {"retention_times": "3"}),
        ("retention", {"segment": "from ads"}),
        ("lifecycle", {"lifecycle_grain": "day"}),
        ("lifecycle", {"lifecycle_event": "event:buy"}),
        ("lifecycle", {"stage_introduction": "30"}),
        ("lifecycle", {"stage_active": "6"}),
        ("lifecycle", {"stage_churn": "60"}),
        ("lifecycle", {"stage_mature": "2"}),
        ("lifecycle", {"stage_recent": "60"}),
        ("lifecycle", {"stage_activation": "buy"}),
        ("lifecycle", {"lifecycle_before": "growth"}),
        ("lifecycle", {"lifecycle_stage": "growth"}),
        ("lifecycle", {"segment": "from ads"}),
        ("overview", {"segment": "from ads"}),
    ],
    ids=lambda part: part if isinstance(part, str) else "-".join(f"{k}={v}" for k, v in part.items()),
)
def test_each_control_changes_what_is_shown(untouched, address: str, query: dict[str, str]):
    assert shown(run(address, **query)) != untouched(address)


@pytest.mark.parametrize("address", ["overview", "lifecycle", "retention"])
def test_both_languages_open_with_an_answer(home: Path, address: str):
    for language in ("en", "zh"):
        page = run(address, language)
        assert len(page.header) == 1
        assert page.header[0].value
        assert len(page.get("plotly_chart")) >= (1 if address == "retention" else 2)


def test_the_overview_shows_the_last_complete_week(home: Path):
    page = run("overview", "zh")
    # As-of is Thursday 16 April: the last complete week is 6 to 12 April.
    assert page.subheader[0].value.replace("\u2060", "") == "4月6日至12日的指标"
    assert [tile.label for tile in page.metric][:2] == ["周活跃用户", "新增用户"]
    assert len(page.metric) == 8


@pytest.mark.parametrize(
    ("period", "grain", "named"),
    [
        # Data until 16 April. A month that ends inside a week is answered with the last week that it holds wholly.
        (["2026-02-01", "2026-02-28"], "week", "2月16日至22日"),
        (["2026-02-01", "2026-02-22"], "week", "2月16日至22日"),
        # A day has no whole week: the one that it lies in.
        (["2026-02-25", "2026-02-25"], "week", "2月23日至3月1日"),
        (["2026-02-20", "2026-03-05"], "month", "2026年2月"),
    ],
)
def test_a_period_is_answered_from_inside_it(home: Path, period: list[str], grain: str, named: str):
    page = run("lifecycle", "zh", period=period, lifecycle_grain=grain)
    assert page.header[0].value.replace("\u2060", "").replace(" ", "").startswith(named)


def test_stages_say_that_they_follow_no_period(home: Path):
    said = "Stages are as of the data's end, whatever the period."
    assert said in shown(run("lifecycle", period=["2026-02-01", "2026-02-28"]))
    assert said not in shown(run("lifecycle"))


def test_a_stage_is_kept_under_the_day_that_the_page_names(home: Path):
    page = run("lifecycle", "zh")
    page.button(key="lifecycle_stage_users.save").click().run()
    assert page.text_input(key="lifecycle_stage_users.title").value == "4月15日衰退阶段"
    assert "截至4月15日" in shown_words(page)


def test_a_segment_without_a_name_is_asked_for_one(home: Path):
    page = run("lifecycle", "zh")
    page.button(key="lifecycle_stage_users.save").click().run()
    page.button(key="lifecycle_stage_users.save").click()  # the whole page runs anew here, not only the dialog
    page.text_input(key="lifecycle_stage_users.title").set_value("  ")
    page.button(key="lifecycle_stage_users.confirm").click().run()
    assert [error.value for error in page.error] == ["请先起一个名字。"]


def test_every_chart_has_its_table(home: Path):
    keys = [button.key for button in run("lifecycle").button]
    assert [key for key in keys if key == "lifecycle_ratio.table"]


def test_limits_that_contradict_each_other_are_a_sentence(home: Path):
    test = AppTest.from_string("import app\napp.main(start='lifecycle')\n", default_timeout=60)
    test.context = {"locale": "en-GB", "timezone": "UTC", "theme": "light"}
    test.query_params["workspace"] = "shop"
    test.query_params["stage_active"] = "40"
    test.run()
    assert not test.exception
    said = " ".join(one.value for kind in (test.error, test.warning, test.info, test.markdown) for one in kind)
    assert "contradict each other" in said.replace("\\", "")


def test_stage_rules_are_taken_over_kept_and_reset(home: Path):
    page = run("lifecycle", stage_churn="60")
    page.button(key="stage_take").click().run()
    taken = page.query_params["stage_churn"]
    assert taken != "60"
    page.button(key="stage_keep").click().run()
    assert not page.exception
    workspace = page.session_state["screen"].workspace
    assert StageRules.of(workspace).churn_days == int(taken)
    assert "stage_churn" not in run("lifecycle").query_params
    page.button(key="stage_reset").click().run()
    assert StageRules.of(workspace) == StageRules()
    assert not page.exception


def test_the_growth_sums_are_shown_and_the_comparison_is_said_not_to_apply(home: Path):
    words = " ".join(one.value for one in run("lifecycle").markdown)
    assert "active = " in words
    assert "is not used here" in words
    alone = " ".join(one.value for one in run("lifecycle", compare="none").markdown)
    assert "is not used here" not in alone
