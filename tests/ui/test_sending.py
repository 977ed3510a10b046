"""A click's main chart overtakes what is drawn above it, but only where it stood before; nothing is lost."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest


def page() -> None:
    """Two texts, a chart in a container, a text; each sent message is noted by its place."""
    import time

    import streamlit as st
    from streamlit.runtime.scriptrunner import get_script_run_ctx

    from ui import sending

    run = get_script_run_ctx()
    send, sent = run._enqueue, []

    def note(message):
        sent.append((message.delta.WhichOneof("type"), *message.metadata.delta_path))
        send(message)

    run._enqueue = note
    state = st.session_state
    with sending.in_order():
        st.set_page_config(page_title="a title of the tab")
        if state.get("arrived", True):
            sending.arrived()
        st.text("above")
        if state.get("more_above"):
            st.text("new")
        with st.container():
            st.text("beside")
            if state.get("long"):
                with sending.meanwhile():
                    time.sleep(state["long"])
            st.text("the chart")
            sending.main_chart()
        st.text("below")
        state["sent_before_end"] = list(sent)
        if state.get("fails"):
            raise ValueError("the page broke")
    run._enqueue = send
    state["sent"] = sent


TITLE = (None,)
ABOVE, AROUND, BESIDE, CHART, BELOW = (
    ("new_element", 0, 0), ("add_block", 0, 1), ("new_element", 0, 1, 0), ("new_element", 0, 1, 1),
    ("new_element", 0, 2),
)  # fmt: skip


def arrived_page() -> AppTest:
    app = AppTest.from_function(page).run()
    assert app.session_state["sent"] == [TITLE, ABOVE, AROUND, BESIDE, CHART, BELOW]
    assert app.session_state["sent_before_end"] == [TITLE, ABOVE, AROUND, BESIDE, CHART, BELOW]
    app.session_state["arrived"] = False
    return app


def test_on_a_click_the_chart_goes_first_and_everything_else_follows():
    app = arrived_page().run()
    assert app.session_state["sent_before_end"] == [AROUND, CHART]
    assert app.session_state["sent"] == [AROUND, CHART, TITLE, ABOVE, BESIDE, BELOW]
    assert {text.value for text in app.text} == {"above", "beside", "the chart", "below"}


def test_a_chart_that_has_moved_waits_for_its_place():
    app = arrived_page()
    app.session_state["more_above"] = True
    app.run()
    assert app.session_state["sent"] == [
        TITLE, ABOVE, ("new_element", 0, 1), ("add_block", 0, 2), ("new_element", 0, 2, 0), ("new_element", 0, 2, 1),
        ("new_element", 0, 3),
    ]  # fmt: skip
    app.run()
    assert app.session_state["sent"][:2] == [("add_block", 0, 2), ("new_element", 0, 2, 1)]


def test_what_is_known_is_shown_while_something_long_is_computed():
    app = arrived_page()
    app.session_state["long"] = 0.6
    app.run()
    assert app.session_state["sent"] == [TITLE, ABOVE, AROUND, BESIDE, CHART, BELOW]
    app.session_state["long"] = 0.01
    app.run()
    assert app.session_state["sent"] == [AROUND, CHART, TITLE, ABOVE, BESIDE, BELOW]


def test_a_page_that_breaks_has_sent_what_it_drew():
    app = arrived_page()
    app.session_state["fails"] = True
    app.run()
    assert len(app.exception) == 1
    assert {text.value for text in app.text} == {"above", "beside", "the chart", "below"}


def test_a_page_without_a_chart_is_sent_as_it_is_drawn():
    def plain() -> None:
        import streamlit as st
        from streamlit.runtime.scriptrunner import get_script_run_ctx

        from ui import sending

        run = get_script_run_ctx()
        send, sent = run._enqueue, []
        run._enqueue = lambda message: (sent.append(1), send(message))
        with sending.in_order():
            if st.session_state.get("arrived", True):
                sending.arrived()
            st.text("above")
            st.text("below")
            st.session_state["sent_before_end"] = len(sent)
        run._enqueue = send

    app = AppTest.from_function(plain).run()
    app.session_state["arrived"] = False
    assert app.run().session_state["sent_before_end"] == 2
