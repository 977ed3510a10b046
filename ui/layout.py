"""The skeleton every page shares: question, controls, answer in words, charts, tables, definition.

ui.page_head(t("funnel.name"), t("funnel.question"))
with ui.controls():
    window = ui.pick("funnel_window", …)
place = ui.answer_place()
with ui.panels():
    ui.panel(title, subtitle, figure, table, name="funnel_steps")
    ui.answer(headline, paragraph, place=place)
ui.definition(t("funnel.definition"))
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pandas as pd
import plotly.graph_objects as go
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ops_core.charts.theme import CLICK_CONFIG, CONFIG
from ops_core.locale import Translator
from ui import downloads, sending
from ui.current import first_chart, screen
from ui.tables import Column, table
from ui.text import amounts, plain, small

_TEXT_WIDTH = 860
_PANEL_GAP = (30, 32)  # pixels down, across


def page_head(name: str, question: str) -> None:
    """The page's name and its question, in one line."""
    st.title(f"{name}\u2003:gray[{question}]", anchor=False)


def controls() -> DeltaGenerator:
    """A row for a page's controls; use it with `with`."""
    return st.container(horizontal=True, gap="xsmall", vertical_alignment="center")


def more(t: Translator) -> DeltaGenerator:
    """The last control of a row: a popover for everything that is seldom changed."""
    return st.popover(t("shell.more"), key="more_controls")


def menu_key(name: str) -> str:
    """The key of a popover whose buttons open dialogs. It would cover them, and Streamlit cannot close it; one under
    another key is another one, and closed."""
    return f"{name}.{st.session_state.get(f'{name}.turn', 0)}"


def close_menu(name: str) -> None:
    """Close such a popover: for its buttons' `on_click`, which comes before the page is drawn anew."""
    st.session_state[f"{name}.turn"] = st.session_state.get(f"{name}.turn", 0) + 1


def answer_place() -> DeltaGenerator:
    """A place for words that are worked out after the main chart, which is what a click waits for."""
    return st.container(gap="xxsmall")


def answer(headline: str, paragraph: str = "", *, place: DeltaGenerator | None = None) -> None:
    """The finding in words; the paragraph carries its numbers. Here, or in the place kept above the main chart."""
    with place or answer_place():
        st.header(amounts(headline), anchor=False)
        if paragraph:
            st.markdown(amounts(paragraph), width=_TEXT_WIDTH)


def note(text: str, kind: str = "info") -> None:
    """A remark that must not be missed: `info`, `warning` or `good`, told apart by icon and words."""
    icons = {"info": ":material/info:", "warning": ":material/warning:", "good": ":material/check_circle:"}
    {"info": st.info, "warning": st.warning, "good": st.success}[kind](amounts(text), icon=icons[kind])


def badges(*texts: str, color: str = "gray") -> None:
    """A row of short facts."""
    st.markdown(" ".join(f":{color}-badge[{text}]" for text in texts))


def panels(columns: int = 2) -> DeltaGenerator:
    """A grid for panels: side by side on a desk, one under the other on a small screen; use it with `with`."""
    return st.grid(columns, min_column_width=420, gap=_PANEL_GAP)


def wide() -> DeltaGenerator:
    """A place for a wide chart or table: it stretches on a desk and scrolls inside itself on a phone."""
    return st.grid(1, wrap=False, min_column_width=760, gap=_PANEL_GAP)


def panel(
    title: str,
    subtitle: str,
    figure: go.Figure,
    frame: pd.DataFrame | None = None,
    *,
    name: str,
    columns: Sequence[Column] = (),
    on_select: Callable[[], None] | None = None,
) -> None:
    """A chart with its title, subtitle and actions (its table, CSV, Excel, PNG or SVG).

    Args:
        title: the finding in words where a rule supports one, else the question.
        subtitle: measure, n, window; may hold legend marks (`ui.mark`).
        frame: the numbers behind the chart; without it there are no actions.
        name: unique in the app; the key of the chart and the name of its files.
        columns: how the table shows the frame's columns (`ui.Column`).
        on_select: called when a mark of the chart was clicked; the selection stands under `name` in the session state.
            Such a figure has `CLICK_LAYOUT`.
    """
    with st.container(gap=12):
        place = head_place()
        chart(figure, f"{title}. {subtitle}", name=name, on_select=on_select)
        panel_head(title, subtitle, frame, name=name, columns=columns, place=place)


def chart(
    figure: go.Figure,
    spoken: str,
    *,
    name: str,
    on_select: Callable[[], None] | None = None,
) -> None:
    """A chart without a head; `spoken` is read aloud in its place.

    The first chart of a page goes to the browser before everything else (`ui.sending`).
    """
    select = {"on_select": on_select, "selection_mode": "points"} if on_select else {}
    config = downloads.with_picture(CLICK_CONFIG if on_select else CONFIG, name, screen().t)
    st.plotly_chart(figure, theme=None, config=config, key=name, alt=_unmarked(spoken), **select)
    if first_chart():
        sending.main_chart()


def clicked_mark(name: str) -> dict | None:
    """The mark of a chart that was clicked (a plotly point), for its `on_select`.

    To plotly a second click on a mark lets go of it; to a person it is the same click again.
    """
    points, kept = st.session_state[name]["selection"]["points"], f"{name}.clicked"
    if points:
        st.session_state[kept] = points[-1]
    return st.session_state.get(kept)


def head_place() -> DeltaGenerator:
    """A place for a panel's head that is worked out after the chart below it, which is what a click waits for."""
    return st.container(horizontal=True, wrap=False, vertical_alignment="top", gap="small")


def panel_head(
    title: str,
    subtitle: str = "",
    frame: pd.DataFrame | None = None,
    *,
    name: str,
    columns: Sequence[Column] = (),
    place: DeltaGenerator | None = None,
) -> None:
    """A panel's head: title, subtitle and the actions menu; here over a table, or in the place kept above a chart."""
    with place or head_place():
        with st.container(gap=3):
            st.subheader(amounts(title), anchor=False)
            if subtitle:
                st.markdown(small(subtitle))
        if frame is not None:
            _actions(title, frame, name, columns, has_chart=place is not None)


def _actions(title: str, frame: pd.DataFrame, name: str, columns: Sequence[Column], *, has_chart: bool) -> None:
    t = screen().t
    key = f"{name}.actions"
    with st.popover(t("shell.actions"), type="tertiary", key=menu_key(key)):
        if st.button(
            t("shell.show_table"), icon=":material/table:", key=f"{name}.table", on_click=close_menu, args=(key,)
        ):
            _table_dialog(title, frame, name, columns)
        downloads.buttons(lambda: _labelled(frame, columns), name, t)
        if has_chart:
            downloads.picture_choice(name, t)


def _table_dialog(title: str, frame: pd.DataFrame, name: str, columns: Sequence[Column]) -> None:
    @st.dialog(plain(title), width="large")
    def show() -> None:
        table(frame, columns, name=f"{name}.dialog", files=False)

    show()


def _labelled(frame: pd.DataFrame, columns: Sequence[Column]) -> pd.DataFrame:
    names = {column.name: column.label for column in columns}
    return frame[list(names)].rename(columns=names) if names else frame


def definition(text: str) -> None:
    """The definition line that closes a page."""
    st.markdown(small(text))


def _unmarked(text: str) -> str:
    # A legend mark is a colour; read aloud it is noise.
    words = text.split(":color[■]{foreground=")
    return words[0] + "".join(rest.partition("}")[2] for rest in words[1:])
