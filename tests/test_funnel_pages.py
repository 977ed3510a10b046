"""The funnel page through the whole shell: each choice shows, a link reproduces it, what is wrong is a sentence."""

from __future__ import annotations

import datetime as dt
import functools
import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from ops_core import Filter, Period, Workspace
from ops_core.analyses import funnel_saved
from ops_core.analyses.funnel import Exclusion, FunnelQuery, Step
from tests.oracles.random_events import random_events
from tests.support_pages import living_in, opened, prepared
from ui import funnel_address

STEPS = {"funnel_steps": "3", "step1": "view", "step2": "buy", "step3": "push"}
PERIOD = Period("2026-01-05", "2026-04-01")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one small shop of 15 weeks and a saved funnel."""
    folder = tmp_path_factory.mktemp("home")
    frame = random_events(seed=11, start=dt.datetime(2026, 1, 5), days=105, n_users=150, n_events=2500)
    users = pd.DataFrame({"user_id": sorted(set(frame["user_id"]))})
    users["channel"] = [("ads", "shop")[place % 2] for place in range(len(users))]
    with Workspace.open(folder / "shop.duckdb") as workspace:
        workspace.load(frame[["user_id", "event", "occurred_at", "value", "coupon"]], kind="events", as_of="2026-04-16")
        workspace.load(users, kind="users", as_of="2026-04-16")
    with living_in(folder):
        yield folder


@pytest.fixture(scope="module")
def untouched(home: Path) -> Callable[[], str]:
    return functools.cache(lambda: shown(run()))


def run(language: str = "en", **query: str | list[str]) -> AppTest:
    given = {"workspace": "shop", "period": ["2026-01-05", "2026-03-31"], **STEPS, **query}
    return opened(prepared("funnel", language, **given))


def shown(test: AppTest) -> str:
    """The answer in words, the charts' data, the step table."""
    words = [one.value for kind in (test.header, test.markdown, test.subheader) for one in kind]
    charts = [json.loads(chart.proto.spec) for chart in test.get("plotly_chart")]
    return json.dumps([words, charts])


def warned(test: AppTest) -> str:
    return " ".join(one.value for one in test.warning).replace("\\", "")


@pytest.mark.parametrize(
    "query",
    [
        {"step1": ["view", "push"]},
        {"step2": "*"},
        {"funnel_window": "3600"},
        {"funnel_window": "natural_day"},
        {"funnel_window": "5400"},
        {"funnel_window": "custom", "funnel_window_n": "36"},
        {"funnel_window": "custom", "funnel_window_n": "2", "funnel_window_unit": "60"},
        {"funnel_order": "strict"},
        {"funnel_order": "unordered"},
        {"funnel_optional": "2"},
        {"funnel_exclude": "push", "funnel_from": "1", "funnel_to": "2"},
        {"funnel_exclude": ["push", "view"], "funnel_exclude2": "buy", "funnel_on_exclusion": "drop"},
        {"funnel_hold": "coupon"},
        {"funnel_by": "coupon", "funnel_attribution": "last_touch"},
        {"funnel_by": "-"},
        {"funnel_reentry": "first_entry"},
        {"funnel_reentry": "every_attempt"},
        {"funnel_clip": "1"},
        {"funnel_people": "reached"},
        {"where_n": "1", "where1_step": "1", "where1_prop": "coupon", "where1_values": "A"},
        {"where_n": "1", "where1_prop": "coupon", "where1_op": "not_in", "where1_values": ["A", "B"]},
        {"where_n": "1", "where1_step": "2", "where1_prop": "value", "where1_op": "gte", "where1_amount": "10"},
        {"where_n": "1", "where1_prop": "user.channel", "where1_op": "contains", "where1_text": "AD"},
        {"where_n": "1", "where1_prop": "coupon", "where1_op": "empty"},
    ],
    ids=lambda query: "-".join(f"{name}={value}" for name, value in query.items()),
)
def test_each_choice_of_a_link_changes_what_is_shown(untouched, query: dict[str, str]):
    page = run(**query)
    assert not page.warning
    assert shown(page) != untouched()


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"funnel_steps": "1"}, "needs 2 to 10 steps, this one has 1"),
        ({"step2": "bye"}, "There is no event 'bye' in this workspace. Nearest: buy"),
        ({"funnel_window": "0"}, "must be longer than 0 seconds, not '0'"),
        ({"funnel_exclude": "push", "funnel_from": "2", "funnel_to": "5"}, "from 2 to 5 does not fit 3 steps"),
        ({"funnel_exclude": "push", "funnel_from": "2", "funnel_to": "2"}, "from 2 to 2 does not fit 3 steps"),
        ({"funnel_exclude": "pus"}, "There is no event 'pus' in this workspace. Nearest: push"),
        ({"funnel_hold": "cupon"}, "There is no property 'cupon' in this workspace. Nearest: coupon"),
        ({"where_n": "1", "where1_prop": "user.chanel"}, "no property 'chanel'"),
    ],
)
def test_what_cannot_be_asked_is_a_sentence_with_the_remedy(home, query: dict[str, str], sentence: str):
    page = run(**query)
    assert sentence in warned(page)
    assert sentence in warned(page.run()), "it stays until the question changes"
    assert run("zh", **query).warning


def test_a_saved_funnel_opens_from_its_link_and_says_what_is_gone(home):
    query = FunnelQuery(
        (Step("view", (Filter("coupon", "in", ("A", "B")),)), Step(("buy", "push"), optional=True), Step(None), "push"),
        PERIOD, 36 * 3600, breakdown="coupon", attribution=2, clip=True, reentry="first_entry", top=3,
        exclusions=(Exclusion("buy", 1, 3, (Filter("value", "gt", 5),)),), on_exclusion="drop", quick_view=True,
        filters=(Filter("user.channel", "ne", "ads"),), hold_constant="coupon",
    )  # fmt: skip
    page = run(**funnel_address.parameters(query))
    with_name = next(one for one in page.text_input if one.label == "Name")
    with_name.set_value("everything").run()
    page.button(key="funnel_save").click().run()
    assert not page.exception
    name = page.session_state["screen"].workspace
    (kept,) = funnel_saved.saved_funnels(name)
    # Every part of the question went through the address and the controls and came back.
    assert kept.query(PERIOD) == FunnelQuery(**{field: getattr(query, field) for field in query.__dataclass_fields__})
    other = run(step3="buy")
    other.button(key="funnel_saved_open").click().run()
    assert other.query_params["step2"] == ["buy", "push"]
    assert other.query_params["where2_step"] == "1"
    other.button(key="funnel_saved_delete").click().run()
    assert any("Delete the saved funnel **everything** with its 1 version?" in one.value for one in other.markdown)
    # A funnel that names what was taken back says so where it is chosen.
    funnel_saved.save(name, "an old one", FunnelQuery(("view", "bay"), PERIOD, 3600))
    assert "There is no event 'bay' in this workspace. Nearest: buy" in warned(run())
    for one in ("everything", "an old one"):
        funnel_saved.delete(name, one)


def test_the_people_of_a_clicked_bar_stand_in_a_dialog(home):
    page = run()
    page.session_state["funnel_clicked"] = ("reached", 2)
    page.run()
    assert page.query_params["funnel_people"] == "reached"
    assert page.query_params["funnel_reached"] == "2"
    assert page.button(key="funnel_bar_save")
    assert next(one.value for one in page.text_input if one.key == "funnel_bar_segment") == "Did buy"


def test_people_are_lost_before_optional_steps_too(home):
    page = run(funnel_optional=["2", "3"])
    assert any("who did view and not buy" in one.value for one in page.markdown)
    page.session_state["funnel_clicked"] = ("lost", 3)
    page.run()
    assert not page.exception
    assert [error.value for error in page.error] == []


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_depth_and_aarrr_open(home, language: str):
    page = AppTest.from_string("import app\napp.main(start='funnel')\n", default_timeout=60)
    page.context = {"locale": {"en": "en-GB", "zh": "zh-CN"}[language], "timezone": "UTC", "theme": "light"}
    for name, value in {"workspace": "shop", "period": ["2026-01-05", "2026-03-31"], **STEPS}.items():
        page.query_params[name] = value
    page.session_state["funnel_depth"] = True
    page.session_state["funnel_aarrr"] = True
    page.run()
    assert not page.exception
    titles = [one.value for one in page.subheader]
    wanted = {"en": ["Money at each step", "New users by channel"], "zh": ["各步骤金额", "按 channel 看新用户"]}
    assert [title for title in wanted[language] if title not in titles] == []
    links = {link.proto.label: link.proto.query_string for link in page.get("page_link")}
    funnel = next(query for label, query in links.items() if "14" in label)
    assert "step1=%2A&step2=" in funnel
    assert "funnel_window=1209600" in funnel


def test_with_one_event_the_page_asks_who_does_it_again(tmp_path: Path):
    rows = [
        (f"u{user}", "purchase", f"2026-01-{day:02d} 10:00") for user in range(40) for day in (5, 8)[: 1 + user % 2]
    ]
    with Workspace.open(tmp_path / "till.duckdb") as workspace:
        frame = pd.DataFrame(rows, columns=["user_id", "event", "occurred_at"])
        workspace.load(frame, kind="events", as_of="2026-02-01")
    with living_in(tmp_path):
        test = opened(prepared("funnel", workspace="till", period=["2026-01-05", "2026-01-11"]))
    assert test.header[0].value.replace("\\", "") == "Of 100 people who do purchase, 50.0 get to purchase no. 2"
    assert [row["users"] for row in test.dataframe[0].value.to_dict("records")] == [40, 20]
