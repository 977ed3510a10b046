"""Paths, and what separates those who convert, through the whole shell: each control changes what is shown."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from ops_core import Filter, Segment, Workspace
from tests.support_pages import living_in, opened, prepared

NIGHT = pd.Timedelta(30, "h")


def shop_rows() -> pd.DataFrame:
    """80 users: all open and view on one day; most search or like; those from ads mostly buy, some a day later."""
    rows = []
    for i in range(80):
        at = pd.Timestamp("2026-03-03 10:00") + pd.Timedelta(i, "min")
        steps = ["open", "open", "view", ("search", "like", "share", "search")[i % 4], *(["view"] if i % 3 else [])]
        rows += [(f"u{i}", event, at + pd.Timedelta(10 * place, "s")) for place, event in enumerate(steps)]
        if i < 36 or i % 10 == 0:
            rows.append((f"u{i}", "buy", at + (NIGHT if i % 4 == 0 else pd.Timedelta(5, "min"))))
        rows.append((f"u{i}", "visit", at - pd.Timedelta(4 * (i % 5), "D") - pd.Timedelta(1, "h")))
    rows.append(("u0", "visit", pd.Timestamp("2026-01-05")))
    return pd.DataFrame(rows, columns=["user_id", "event", "occurred_at"])


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one small shop and a segment."""
    folder = tmp_path_factory.mktemp("home")
    users = pd.DataFrame({"user_id": [f"u{i}" for i in range(80)]})
    users["channel"] = ["ads" if i < 40 else "shop" for i in range(80)]
    with Workspace.open(folder / "shop.duckdb") as workspace:
        workspace.load(shop_rows(), kind="events", as_of="2026-03-09")
        workspace.load(users, kind="users", as_of="2026-03-09")
        workspace.save_segment(Segment("from ads", (Filter("user.channel", "eq", "ads"),)))
    buys = [("u1", "buy", "2026-03-03"), ("u1", "buy", "2026-03-03 12:00"), ("u2", "buy", "2026-03-04")]
    with Workspace.open(folder / "till.duckdb") as workspace:
        frame = pd.DataFrame(buys, columns=["user_id", "event", "occurred_at"])
        workspace.load(frame, kind="events", as_of="2026-03-09")
    with living_in(folder):
        yield folder


@pytest.fixture(scope="module")
def untouched(home: Path) -> Callable[[], str]:
    """What the page shows before anything is chosen."""
    return functools.cache(lambda: shown(run("paths")))


def ready(address: str, language: str = "en", **query: str | list[str]) -> AppTest:
    given = {"workspace": "shop", "period": ["2026-03-02", "2026-03-08"], "paths_start": "open"} | query
    return prepared(address, language, **given)


def run(address: str, language: str = "en", **query: str | list[str]) -> AppTest:
    return opened(ready(address, language, **query))


def shown(test: AppTest) -> str:
    """Everything a person reads or sees: words and chart data."""
    words = [one.value for kind in (test.header, test.markdown, test.subheader) for one in kind]
    charts = [json.loads(chart.proto.spec) for chart in test.get("plotly_chart")]
    return json.dumps([words, charts])


def traits(test: AppTest) -> str:
    """The table of all traits."""
    (frame,) = [table.value for table in test.dataframe if "converted_without" in table.value]
    return frame.to_json()


@pytest.mark.parametrize(
    "query",
    [
        {"paths_start": "view"},
        {"paths_start": "-"},
        {"paths_direction": "before"},
        {"paths_window": "900"},
        {"paths_window": "259200"},
        {"paths_levels": "2"},
        {"paths_collapse": "0"},
        {"paths_hidden": "search"},
        {"paths_shown": "1"},
        {"paths_clip": "1", "period": ["2026-03-03", "2026-03-03"], "paths_window": "259200"},
        {"paths_group": "2.0"},
        {"paths_path": "2"},
        {"segment": "from ads"},
    ],
    ids=lambda query: "-".join(f"{name}={value}" for name, value in query.items()),
)
def test_each_control_changes_what_is_shown(untouched: Callable[[], str], query: dict):
    assert shown(run("paths", **query)) != untouched()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_page_opens_with_the_finding_and_its_n(home: Path, language: str):
    page = run("paths", language)
    assert len(page.header) == 1
    assert "80" in page.header[0].value
    assert len(page.get("plotly_chart")) == 1


def test_a_group_tells_its_n_whatever_the_address_says(home: Path):
    known = shown(run("paths", paths_group="1.0"))
    assert "**80** users: view, 100.0% of all who started" in known
    assert shown(run("paths", paths_group="9.9.9")) == known
    assert shown(run("paths", paths_group="nonsense")) == known


def test_nobody_starts_is_said_in_words(home: Path):
    page = run("paths", period=["2026-02-02", "2026-02-08"])
    said = "Nobody started such a path in this period: choose another start or a longer period"
    assert page.header[0].value.replace("\\", "") == said
    assert not page.get("plotly_chart")


def test_a_path_becomes_a_funnel(home: Path):
    page = run("paths", paths_path="1")
    links = [one.proto for one in page.get("page_link")]
    (as_funnel,) = [link for link in links if link.label == "Use as funnel"]
    assert as_funnel.page == "funnel"
    asked = as_funnel.query_string
    assert asked.count("step") >= 3
    assert "step1=open&step2=view" in asked
    assert "funnel_window=86400" in asked


def test_what_separates_is_computed_when_opened_and_warns(home: Path):
    steps = {"funnel_steps": "2", "step1": "view", "step2": "buy", "funnel_window": "900"}
    page = ready("funnel", **steps)
    page.session_state["funnel_drivers"] = True
    page.run()
    assert not page.exception
    assert "channel = ads: converts" in shown(page).replace("\\\\", "")
    assert any("not cause" in one.value for one in page.warning)
    closed = run("funnel", **steps)
    assert "not cause" not in str([one.value for one in closed.warning])
    again = ready("funnel", funnel_lookback="7", **steps)
    again.session_state["funnel_drivers"] = True
    assert traits(again.run()) != traits(page)


def test_what_separates_speaks_of_users_where_the_funnel_counts_attempts(home: Path):
    page = ready(
        "funnel", funnel_steps="2", step1="view", step2="buy", funnel_window="900", funnel_reentry="every_attempt"
    )
    page.session_state["funnel_drivers"] = True
    page.run()
    assert not page.exception
    assert [error.value for error in page.error] == []
    assert "each user counts once" in shown(page)


def test_where_there_is_one_event_its_repeats_are_steps(home: Path):
    # u1 buys again within the day, u2 does not.
    page = opened(prepared("paths", workspace="till", period=["2026-03-02", "2026-03-08"]))
    assert page.header[0].value.startswith("After buy, buy ")


def test_a_page_that_needs_amounts_shows_the_way_to_a_file(home: Path):
    page = prepared("value", workspace="till", period=["2026-03-02", "2026-03-08"]).run()
    assert "No event carries an amount" in page.error[0].value
    assert [link.proto.label for link in page.get("page_link") if "file" in link.proto.label] != []
