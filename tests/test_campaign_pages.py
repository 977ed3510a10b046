"""The campaigns and segments pages: a finished test from its file to its verdict, and controls that change things."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from ops_core import Filter, Segment, Workspace
from tests.support_pages import living_in, opened, prepared

CHANNELS = ("ads", "invite", "search")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One workspace with a small shop, an experiment and two segments; a folder of its own."""
    folder = tmp_path_factory.mktemp("home")
    numbers = range(600)
    users = pd.DataFrame({"user_id": [f"u{n}" for n in numbers], "channel": [CHANNELS[n % 3] for n in numbers]}).assign(
        signup_at="2026-03-01 08:00:00"
    )
    events = [(f"u{n}", "open", f"2026-03-{2 + n % 14:02d} 09:00:00", None) for n in numbers]
    events += [(f"u{n}", "pay", f"2026-03-{9 + n % 6:02d} 10:00:00", 20 + n % 7) for n in numbers if n % 5 < 1 + n % 2]
    events += [(f"u{n}", "refund", "2026-03-16 10:00:00", -20) for n in numbers if n % 60 == 0]
    assigned = pd.DataFrame(
        {
            "experiment": "tour", "user_id": users["user_id"], "assigned_at": "2026-03-08 00:00:00",
            "variant": [("control", "new")[n % 2] for n in numbers],
        }
    )  # fmt: skip
    with Workspace.open(folder / "shop.duckdb") as workspace:
        workspace.load(users, kind="users")
        workspace.load(pd.DataFrame(events, columns=["user_id", "event", "occurred_at", "value"]), kind="events",
                       as_of="2026-03-25")  # fmt: skip
        workspace.load(assigned, kind="assignments", as_of="2026-03-25")
        workspace.save_segment(Segment("from ads", (Filter("user.channel", "eq", "ads"),)))
        workspace.save_segment(Segment("everybody", ()))
    with living_in(folder):
        yield folder


def run(address: str, workspace: str = "shop", language: str = "en", **query: str | list[str]) -> AppTest:
    return opened(prepared(address, language, workspace=workspace, **query))


def said(test: AppTest) -> str:
    """The headline and the running text, without markdown escapes."""
    parts = [element.value for kind in (test.header, test.markdown, test.caption, test.subheader) for element in kind]
    return "\n".join(parts).replace("\\", "")


def test_an_experiment_on_events_is_read(home: Path):
    page = run("campaigns")
    assert said(page).startswith("Ship new: pay within 14 days rises by")
    assert "refund within 14 days" in page.get("plotly_chart")[0].proto.spec
    assert "300" in said(page)


@pytest.mark.parametrize(
    "query",
    [
        {"campaign_goal": "open"}, {"campaign_control": "new"}, {"campaign_measure": "absolute"},
        {"campaign_days": "3"}, {"campaign_harm": ["open"]}, {"segment": "from ads"},
    ],
    ids=lambda query: next(iter(query)),
)  # fmt: skip
def test_each_control_of_the_campaigns_page_changes_something(home: Path, query: dict):
    plain, changed = run("campaigns"), run("campaigns", **query)
    before, after = ((said(one), [chart.proto.spec for chart in one.get("plotly_chart")]) for one in (plain, changed))
    assert before != after


def test_cutting_outliers_is_told(home: Path):
    assert "cut at" not in said(run("campaigns"))
    assert "cut at" in said(run("campaigns", campaign_cut="99"))


def test_nobody_left_in_an_experiment_is_said(home: Path):
    with Workspace.open(home / "crossed.duckdb") as workspace:
        users = [f"u{number}" for number in range(20)]
        events = pd.DataFrame({"user_id": users, "event": "pay", "occurred_at": "2026-03-02 09:00:00"})
        workspace.load(events, kind="events", as_of="2026-03-25")
        arms = [pd.DataFrame({"user_id": users, "variant": arm}) for arm in ("control", "new")]
        assigned = pd.concat(arms).assign(experiment="tour", assigned_at="2026-03-01 00:00:00")
        workspace.load(assigned, kind="assignments", as_of="2026-03-25")
        workspace.save_segment(Segment("nobody", user_ids=frozenset()))
    crossed = prepared("campaigns", workspace="crossed").run()
    assert not crossed.exception
    assert "20 seen in several arms" in crossed.error[0].value
    empty = prepared("campaigns", workspace="crossed", segment="nobody", language="zh").run()
    assert not empty.exception
    assert "没有可比较的用户" in empty.error[0].value


def test_a_unit_table_with_awkward_names_and_rows_is_read(home: Path):
    numbers = range(400)
    frame = pd.DataFrame(
        {
            "user_id": [f"u{n % 390}" for n in numbers], "variant": [("control", "new")[n % 2] for n in numbers],
            "share": [n % 7 for n in numbers], "n": [n % 5 for n in numbers],
        }
    )  # fmt: skip
    with Workspace.open(home / "awkward.duckdb") as workspace:
        workspace.load(frame, kind="units")
    page = run("campaigns", workspace="awkward")
    assert "Users with several rows: 10." in page.warning[0].value
    assert {"share", "n", "share_mean", "n_mean"} <= set(page.dataframe[-1].value)


def test_cookie_cats_from_file_to_verdict(home: Path, shared_data: Path):
    with Workspace.open(home / "cats.duckdb") as workspace:
        workspace.load(shared_data / "cookie_cats.csv")
    page = run("campaigns", workspace="cats", language="zh")
    text = said(page)
    assert text.startswith("建议下线「gate_40」：retention_7 下降 0.82 个百分点；请先查清分流偏差")
    assert "−1.33 至 −0.31，校正后 p = 0.002" in text
    assert "实际 44,700 : 45,489（p = 0.009）" in page.warning[0].value
    assert "49,854" in text


def test_groups_by_property_class_and_saved_segment(home: Path):
    week = {"period": ["2026-03-12", "2026-03-18"]}
    by_channel = run("segments", segments_by="user.channel", **week)
    assert "comparisons with the reference" in said(by_channel)
    by_class = run("segments", segments_by="rfm", **week)
    assert "of the buyers bring" in said(by_class)
    assert len(by_class.get("plotly_chart")) == 2
    by_stage = run("segments", segments_by="stage", **week)
    assert "Groups as they stood on 12 Mar" in said(by_stage).replace("\u00a0", " ")
    by_name = run("segments", segments_by="rfm_names", language="zh", **week)
    assert "贡献" in said(by_name)
    saved = run("segments", segments_by="saved", **week)
    assert "share users with the reference" in said(saved)


@pytest.mark.parametrize(
    "query",
    [{"segments_kpi": "revenue_per_user"}, {"segments_reference": "search"}],
    ids=lambda query: next(iter(query)),
)
def test_each_control_of_the_segments_page_changes_something(home: Path, query: dict):
    plain, changed = (run("segments", segments_by="user.channel", **more) for more in ({}, query))
    assert plain.get("plotly_chart")[0].proto.spec != changed.get("plotly_chart")[0].proto.spec
