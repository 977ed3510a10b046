"""Controls and the address: a stale address that comes with a quick second click undoes nothing, Back does."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest


def page() -> None:
    """Two controls that stand in the address, and a chart's click in the form of a button."""
    import streamlit as st

    from ui import address, choices

    address.begin()
    address.enter(st.session_state.get("at", "page"))
    st.button("chart", on_click=address.change, args=("day", "fri"))
    day = choices.pick("day", {"mon": "Mon", "tue": "Tue", "fri": "Fri"}, label="Day", style="segments")
    on = choices.switch("on", label="On")
    st.text(f"{day} {on}")
    if not st.session_state.get("is cut short"):
        address.drawn()


@pytest.fixture
def app() -> AppTest:
    return AppTest.from_function(page).run()


def shown(app: AppTest) -> tuple[str, dict[str, str]]:
    """What the page says, and its address."""
    texts = {name: text if isinstance(text, str) else "|".join(text) for name, text in app.query_params.items()}
    return app.text[0].value, texts


def test_a_control_writes_its_code_and_takes_its_default_out(app: AppTest):
    assert shown(app) == ("mon False", {})
    app.segmented_control[0].set_value("tue").run()
    assert shown(app) == ("tue False", {"day": "tue"})
    app.segmented_control[0].set_value("mon").run()
    assert shown(app) == ("mon False", {})


def test_an_address_that_a_quick_second_click_brings_along_is_not_taken_for_back(app: AppTest):
    app.segmented_control[0].set_value("tue").run()
    app.query_params.clear()  # the browser has not heard of the first click yet
    app.toggle[0].set_value(True).run()
    assert shown(app) == ("tue True", {"day": "tue", "on": "1"})


def test_two_quick_clicks_on_one_control_leave_the_second(app: AppTest):
    app.segmented_control[0].set_value("tue").run()
    app.query_params.clear()
    app.segmented_control[0].set_value("fri").run()
    assert shown(app) == ("fri False", {"day": "fri"})


def test_on_arrival_at_another_page_the_address_counts_and_not_what_the_browser_still_holds(app: AppTest):
    app.segmented_control[0].set_value("tue").run()
    app.session_state["at"] = "other"
    app.segmented_control[0].set_value("fri").run()  # an old value of a control in a popover that was closed at once
    assert shown(app) == ("tue False", {"day": "tue"})


def test_back_undoes_a_click_and_forward_redoes_it(app: AppTest):
    app.segmented_control[0].set_value("tue").run()
    app.query_params.clear()
    app.run()
    assert shown(app) == ("mon False", {})
    app.query_params["day"] = "tue"
    app.run()
    assert shown(app) == ("tue False", {"day": "tue"})


def test_back_works_after_two_clicks_as_well(app: AppTest):
    app.segmented_control[0].set_value("tue").run()
    app.toggle[0].set_value(True).run()
    del app.query_params["on"]
    app.run()
    assert shown(app) == ("tue False", {"day": "tue"})
    app.query_params.clear()
    app.run()
    assert shown(app) == ("mon False", {})


def test_a_pasted_link_is_followed_also_with_another_control_changed_meanwhile(app: AppTest):
    app.query_params["day"] = "fri"
    app.toggle[0].set_value(True).run()
    assert shown(app) == ("fri True", {"day": "fri", "on": "1"})


def test_a_click_on_a_chart_moves_its_control_and_the_address(app: AppTest):
    app.button[0].click().run()
    assert shown(app) == ("fri False", {"day": "fri"})
    app.segmented_control[0].set_value("tue").run()
    app.query_params.clear()
    app.button[0].click().run()
    assert shown(app) == ("fri False", {"day": "fri"})


def test_a_control_set_from_outside_is_a_new_one_of_which_the_browser_holds_no_old_value(app: AppTest):
    keys = [app.segmented_control[0].key]
    app.button[0].click().run()
    keys.append(app.segmented_control[0].key)
    app.button[0].click().run()  # it holds that value already
    keys.append(app.segmented_control[0].key)
    assert shown(app) == ("fri False", {"day": "fri"})
    assert keys[0] != keys[1] == keys[2]


def test_a_menu_that_a_run_has_not_drawn_anew_yet_takes_nothing_back(app: AppTest):
    app.session_state["is cut short"] = True
    app.segmented_control[0].set_value("tue").run()
    app.session_state["at"] = "other"
    app.query_params.clear()  # the link was drawn before the click
    app.run()
    assert shown(app) == ("tue False", {"day": "tue"})


def test_back_to_another_page_brings_its_address_along(app: AppTest):
    app.segmented_control[0].set_value("tue").run()
    app.session_state["at"] = "other"
    app.query_params.clear()
    app.run()
    assert shown(app) == ("mon False", {})
