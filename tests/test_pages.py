"""Every page through the whole shell, in both languages, on the demo and on an empty workspace."""

from __future__ import annotations

import json
from pathlib import Path

import plotly.graph_objects as go
import pytest
from streamlit.testing.v1 import AppTest

import app
from ops_core import Workspace, demo
from tests.support_pages import LOCALES, living_in, prepared

ADDRESSES = [room.address for rooms in app.CONTENTS.values() for room in rooms]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace folder with the English demo and an empty workspace."""
    folder = tmp_path_factory.mktemp("home")
    with Workspace.open(folder / "demo.duckdb", time_zone=demo.TRUTHS.zone) as workspace:
        demo.load(workspace, "en")
    Workspace.open(folder / "empty.duckdb").close()
    with living_in(folder):
        yield folder


def run(address: str, language: str, workspace: str = "demo", **query: str) -> AppTest:
    """The app with one page in front, as a browser of that language shows it."""
    return prepared(address, language, "Asia/Shanghai", workspace=workspace, **query).run()


@pytest.mark.parametrize("language", LOCALES)
@pytest.mark.parametrize("address", ADDRESSES)
def test_a_page_shows_without_a_complaint(home: Path, address: str, language: str):
    page = run(address, language)
    assert not page.exception
    assert [error.value for error in page.error] == []
    assert page.title, "a page opens with its name and question"
    for chart in page.get("plotly_chart"):
        go.Figure(json.loads(chart.proto.spec))  # checks each setting, which drawing does not


@pytest.mark.parametrize("language", LOCALES)
@pytest.mark.parametrize("address", ADDRESSES)
def test_an_empty_workspace_says_what_to_do_next(home: Path, address: str, language: str):
    page = run(address, language, workspace="empty")
    assert not page.exception
    assert [error.value for error in page.error] == []
    assert len(page.markdown) + len(page.header) > 0
    assert page.title, "a page without its data opens with its name and question, too"


@pytest.mark.parametrize(
    ("by", "title"),
    [
        ("user.channel", "3 of 4 channels have paid back by day 90"),
        ("none", "What new users cost and bring"),
        # Spend is there, yet platforms have no cost: not a missing file.
        ("user.platform", "What a new user costs is known by channel and in total only"),
    ],
)
def test_costs_are_told_for_channels_and_in_total(home: Path, by: str, title: str):
    page = run("value", "en", value_by=by)
    assert title in [one.value for one in page.subheader]


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_page_stands_dark_segments_and_any_period(home: Path, address: str):
    for query in (
        {"period": ["2026-09-08", "2026-09-08"]},
        {"period": ["2026-03-20", "2026-09-10"], "compare": "none"},
    ):
        page = run(address, "en", **query)
        assert [error.value for error in page.error] == []


def test_an_unknown_workspace_is_a_sentence(home: Path):
    page = run("import", "en", workspace="missing")
    assert "no workspace named missing" in page.error[0].value.replace("\\", "")


def test_what_nobody_foresaw_is_an_apology_with_a_number_in_the_log(home: Path, monkeypatch, caplog):
    def breaks() -> None:
        raise ZeroDivisionError("secret path")

    room = app.Room("batches", breaks, needs_events=False)
    monkeypatch.setitem(app.CONTENTS, "data", (*(r for r in app.CONTENTS["data"] if r.address != "batches"), room))
    page = run("batches", "en")
    assert "Sorry" in page.error[0].value
    assert "secret" not in page.error[0].value
    number = page.error[0].value.split()[-1].rstrip(".")
    assert any(number in record.getMessage() and record.exc_info for record in caplog.records)
