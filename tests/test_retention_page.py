"""The retention page's further readings: computed when opened, in both languages, and honest where data is missing."""

from __future__ import annotations

import datetime as dt
import functools
import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import plotly.graph_objects as go
import pytest
from streamlit.testing.v1 import AppTest

from ops_core import Filter, Segment, Workspace
from tests.oracles.random_events import random_events
from tests.support_pages import living_in, opened, prepared
from ui.retention_more import read_brackets

SECTIONS = ("curves", "cohorts", "compare", "value", "frequency", "back", "survival")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop of 30 weeks with segments, and one whose events carry no amounts and end after a day."""
    folder = tmp_path_factory.mktemp("home")
    frame = random_events(seed=12, start=dt.datetime(2026, 1, 5), days=210, n_users=200, n_events=3000)
    users = pd.DataFrame({"user_id": sorted(set(frame["user_id"]))})
    users["channel"] = [("ads", "shop")[place % 2] for place in range(len(users))]
    with Workspace.open(folder / "shop.duckdb") as workspace:
        workspace.load(frame[["user_id", "event", "occurred_at", "value"]], kind="events", as_of="2026-08-01")
        workspace.load(users, kind="users", as_of="2026-08-01")
        for name in ("ads", "shop"):
            workspace.save_segment(Segment(name, (Filter("user.channel", "eq", name),)))
    looks = pd.DataFrame(
        {"user_id": ["ann", "bob", "ann"], "event": "look",
         "occurred_at": ["2026-03-02 10:00", "2026-03-02 11:00", "2026-03-03 09:00"]}
    )  # fmt: skip
    with Workspace.open(folder / "looks.duckdb") as workspace:
        workspace.load(looks, kind="events", as_of="2026-03-04")
    with living_in(folder):
        yield folder


def run(language: str = "en", workspace: str = "shop", **query: str) -> AppTest:
    return opened(prepared("retention", language, workspace=workspace, **query))


def n_charts(test: AppTest) -> int:
    charts = test.get("plotly_chart")
    for chart in charts:
        go.Figure(json.loads(chart.proto.spec))  # checks each setting, which drawing does not
    return len(charts)


def said(test: AppTest) -> str:
    kinds = (test.header, test.subheader, test.markdown, test.info, test.warning)
    return " ".join(one.value.replace("\\", "") for kind in kinds for one in kind)


@pytest.fixture(scope="module")
def closed(home: Path) -> Callable[[str], AppTest]:
    return functools.cache(run)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("section", SECTIONS)
def test_a_reading_is_computed_only_when_it_is_opened(home: Path, closed, section: str, language: str):
    assert n_charts(closed(language)) == 1  # the heat map alone
    opened = run(language, retention_section=section)
    assert n_charts(opened) >= 2
    assert len(opened.subheader) > len(closed(language).subheader)


def test_a_click_opens_a_reading_and_the_address_keeps_it(home: Path):
    page = run()
    page.button_group(key="control.retention_section").set_value("curves").run()
    assert page.query_params["retention_section"] == "curves"
    assert n_charts(page) == 2
    # Groups are told apart by the curves: a breakdown opens them, and closing them is kept.
    assert n_charts(run(retention_by="user.channel")) == 2
    assert n_charts(run(retention_by="user.channel", retention_section="none")) == 1


def test_the_comparison_follows_bar_and_choice(home: Path):
    before = said(run(retention_section="compare"))
    assert "the cohorts of" in before
    year = said(run(retention_section="compare", compare="year", retention_cohorts="5"))
    assert "does not reach back" in year or year != before
    rest = said(run(retention_section="compare", segment="ads"))
    assert "ads" in rest
    assert "Everybody else" in rest
    other = said(run(retention_section="compare", segment="ads", retention_against="segment:shop"))
    assert "shop" in other
    assert "Everybody else" not in other
    early = said(run(retention_section="compare", retention_cohorts="52"))
    assert "does not reach back before" in early


def test_survival_by_property_and_by_segments(home: Path):
    by = said(run(retention_section="survival", retention_by="user.channel", retention_silence="7"))
    assert "log-rank p" in by
    # Seven whole silent days are a gap of eight: definitions §5, last active more than 7 days ago.
    assert "silent for 7 whole days or more" in by
    segments = said(run(retention_section="survival", retention_survival="segments", retention_silence="7"))
    assert "log-rank p" in segments
    assert "log-rank" not in said(run(retention_section="survival", retention_survival="all", retention_silence="7"))


def test_data_that_cannot_tell_says_so_and_what_can_be_answered(home: Path):
    page = run(workspace="looks", retention_section="value", retention_grain="week")
    text = said(page)
    assert "None of the chosen events carries an amount" in text
    assert "nobody is known to be new" in text
    assert "There is one cohort only" in text
    assert n_charts(page) == 1
    for section in SECTIONS:
        run("zh", workspace="looks", retention_section=section)
    lived = said(run(workspace="looks", retention_section="survival"))
    assert "already there when the data begins" in lived


def test_brackets_as_a_person_writes_them():
    assert read_brackets("1-3, 4-7") == ((1, 3), (4, 7))
    assert read_brackets("1–3；7，8 至 14") == ((1, 3), (7, 7), (8, 14))
    for unreadable in ("", "3-1", "1-3, 3-5", "a-b", "1-3-5"):
        assert read_brackets(unreadable) is None


def test_what_cannot_be_read_is_said_and_the_page_stands(home: Path):
    page = run(retention_measure="bracket", retention_brackets="9-1")
    assert "cannot be read" in said(page)
    assert n_charts(page) == 1
    test = AppTest.from_string("import app\napp.main(start='retention')\n", default_timeout=60)
    test.context = {"locale": "en-GB", "timezone": "UTC", "theme": "light"}
    for name, value in {"workspace": "shop", "retention_back_if": "value", "retention_back_if_value": "much"}.items():
        test.query_params[name] = value
    test.run()
    assert "is not a number" in test.error[0].value


def test_filters_are_part_of_the_definition(home: Path):
    page = run(
        retention_start="event:buy", retention_mode="first_ever", retention_if="value", retention_if_op="gte",
        retention_if_value="10",
    )  # fmt: skip
    assert "value ≥ 10" in said(page)
    assert "very first event of that name" in said(page)


def test_the_filter_of_the_return_counts_for_survival_too(home: Path):
    asked = {"retention_return": "event:buy", "retention_section": "survival", "retention_silence": "60"}
    dear = {"retention_back_if": "value", "retention_back_if_op": "gte", "retention_back_if_value": "1000"}
    nobody_keeps_on = "fell silent right after their first day"
    assert nobody_keeps_on not in said(run(**asked))
    assert nobody_keeps_on in said(run(**asked, **dear))
