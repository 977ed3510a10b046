"""The value page where a segment is chosen, and the segments page where the workspace has an activation event."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from ops_core import Filter, Segment, Workspace
from ops_core.analyses.stages import StageRules
from tests.support_pages import living_in, opened, prepared


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop of two channels with spend, an activation event and segments, one of users who never bought."""
    folder = tmp_path_factory.mktemp("home")
    numbers = range(200)
    events = [(f"u{n}", "open", f"2026-03-{2 + n % 14:02d} 09:00:00", None) for n in numbers]
    events += [(f"u{n}", "pay", f"2026-03-{3 + n % 14:02d} 09:00:00", 20) for n in numbers if n % 4]
    users = pd.DataFrame({"user_id": [f"u{n}" for n in numbers], "channel": [("ads", "tv")[n % 2] for n in numbers]})
    spend = pd.DataFrame(
        [(f"2026-03-{day:02d}", "ads", 50) for day in range(2, 20)], columns=["date", "channel", "amount"]
    )
    with Workspace.open(folder / "shop.duckdb") as workspace:
        workspace.load(users, kind="users")
        workspace.load(pd.DataFrame(events, columns=["user_id", "event", "occurred_at", "value"]), kind="events",
                       as_of="2026-05-25")  # fmt: skip
        workspace.load(spend, kind="spend", as_of="2026-05-25")
        workspace.save_segment(Segment("from ads", (Filter("user.channel", "eq", "ads"),)))
        workspace.save_segment(Segment("idle", user_ids=frozenset({"u0", "u4"})))
        StageRules(activation_event="pay").keep(workspace)
    with living_in(folder):
        yield folder


def asked(address: str, language: str = "en", **query: str | list[str]) -> AppTest:
    return prepared(address, language, workspace="shop", period=["2026-03-02", "2026-03-18"], **query)


@pytest.mark.parametrize(
    ("language", "title", "remedy"),
    [("en", "What a segment's new users cost is not known", 'Choose "All users"'),
     ("zh", "分群的获客成本无从得知", "把分群换成“全部用户”")],
)  # fmt: skip
def test_costs_of_a_segment_are_not_shown_and_the_page_says_why(home: Path, language: str, title: str, remedy: str):
    page = opened(asked("value", language, segment="from ads"))
    assert title in [one.value for one in page.subheader]
    assert any(remedy in one.value for one in page.markdown)
    assert title not in [one.value for one in opened(asked("value", language)).subheader]


def test_a_segment_that_bought_nothing_is_told_from_data_without_amounts(home: Path):
    page = asked("value", segment="idle").run()
    assert not page.exception
    said = " ".join(one.value for kind in (page.error, page.warning, page.info, page.markdown) for one in kind)
    assert "Nobody in the segment 'idle' has bought anything" in said.replace("\\", "")


@pytest.mark.parametrize(("language", "text"), [("en", "with the event 'pay' in their"), ("zh", "做过「pay」的占比")])
def test_the_segments_page_names_the_activation_event(home: Path, language: str, text: str):
    page = opened(asked("segments", language, segments_by="user.channel"))
    assert any(text in one.value.replace("\\", "") for one in page.markdown)
