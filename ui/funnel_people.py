"""The people behind a funnel's bars: who reached a step, who was lost before the next; list, file, segment."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from ops_core.analyses.funnel import FunnelComparison, FunnelResult
from ops_core.charts import funnel_words as words
from ops_core.errors import OpsError
from ops_core.model.segment import Segment
from ui import address
from ui.choices import pick
from ui.current import View
from ui.layout import clicked_mark
from ui.people import user_list
from ui.tables import Column, table
from ui.text import on_primary, plain

BARS = "funnel_bars"
_CLICKED = "funnel_clicked"
_REACHED_TRACE, _LOST_TRACE = 0, 1  # as the chart draws them
_LONGEST_NAME = 60


def clicked() -> None:
    """A bar was clicked: remember which people it stands for. Called before the page is drawn anew."""
    mark = clicked_mark(BARS) or {}
    trace, place = mark.get("curve_number"), mark.get("point_index", mark.get("point_number"))
    if trace in (_REACHED_TRACE, _LOST_TRACE) and place is not None:
        st.session_state[_CLICKED] = ("lost" if trace == _LOST_TRACE else "reached", int(place) + 1)


def section(view: View, result: FunnelResult, comparison: FunnelComparison | None) -> None:
    """Choose a step and those who reached it or were lost after it; a clicked bar has chosen already."""
    t, names = view.t, words.step_names(result.query, view.t)
    required = [number for number, step in enumerate(result.query.steps, 1) if not step.optional]
    bar = st.session_state.pop(_CLICKED, None)
    if bar is not None and bar[1] <= len(names):
        kind, step = bar
        if kind == "lost":
            step = max((number for number in required if number < step), default=1)
        address.change("funnel_people", kind)
        address.change("funnel_lost" if kind == "lost" else "funnel_reached", str(step))
    kinds = {"lost": t("funnel.people_lost"), "reached": t("funnel.people_reached")}
    with st.container(horizontal=True, gap="xsmall", vertical_alignment="center"):
        kind = pick("funnel_people", kinds, label=t("funnel.people"), style="segments")
        if kind == "lost":
            worst = words.moved_step(comparison) or words.largest_loss(result) or 2
            default = max(number for number in required if number < worst)
            stops = {str(number): f"{number}  {names[number - 1]}" for number in required if number < len(names)}
            step = int(pick("funnel_lost", stops, label=t("funnel.lost_after"), default=str(default)))
        else:
            stops = {str(number): f"{number}  {name}" for number, name in enumerate(names, 1)}
            step = int(pick("funnel_reached", stops, label=t("funnel.col_step"), default=str(len(names))))
    n, sentence, suggestion = _told(view, result, kind, step)
    user_list(
        sentence, lambda: _people(result, kind, step)["user_id"].drop_duplicates().tolist(), name="funnel_lost_users",
        suggestion=suggestion, empty=n == 0,
    )  # fmt: skip
    if bar is not None:
        _dialog(view, result, kind, step)


def _people(result: FunnelResult, kind: str, step: int) -> pd.DataFrame:
    return result.users(step, dropped=kind == "lost")


def _told(view: View, result: FunnelResult, kind: str, step: int) -> tuple[int, str, str]:
    """How many they are, the sentence that says so, and a name for the segment."""
    t, names = view.t, words.step_names(result.query, view.t)
    reached = result.journeys.reached
    if kind == "reached":
        n = len(set(result.journeys.user_keys[reached[step - 1]].tolist()))
        sentence = t("funnel.reached_users", n=n, step=plain(names[step - 1]))
        return n, sentence, t("funnel.reached_segment", step=names[step - 1])
    required = [number for number, one in enumerate(result.query.steps, 1) if not one.optional]
    following = next((number for number in required if number > step), step + 1)  # maybe all that follow are optional
    lost = reached[step - 1] & ~reached[following - 1]
    n = len(set(result.journeys.user_keys[lost].tolist()))
    told = {"step": names[step - 1], "next": names[following - 1]}
    sentence = t("funnel.lost_users", n=n, **{key: plain(name) for key, name in told.items()})
    return n, sentence, t("funnel.lost_segment", **told)


def _dialog(view: View, result: FunnelResult, kind: str, step: int) -> None:
    """The people of a clicked bar: list, files, and a name to keep them under."""
    t = view.t
    _, sentence, suggestion = _told(view, result, kind, step)
    found = _people(result, kind, step)
    shown = found.assign(group=[words.group_name(str(group), t) for group in found["group"]])
    rules = view.workspace.rules
    for column in ("started_at", "reached_at"):
        utc_us = shown[column].to_numpy().astype("datetime64[us]").astype("int64")
        shown[column] = rules.local_us(utc_us).astype("datetime64[us]")
    columns = [Column("user_id", t("shell.user_id"))]
    columns += [Column("group", t("funnel.col_group"))] if result.query.breakdown else []
    columns += [Column("started_at", t("funnel.col_started"), "datetime")]
    columns += [Column("reached_at", t("funnel.col_reached"), "datetime")] if step > 1 else []

    @st.dialog(plain(suggestion), width="large")
    def show() -> None:
        st.markdown(sentence)
        table(shown, columns, name="funnel_bar_users", files=True, height=380)
        name = st.text_input(
            t("shell.segment_name"), suggestion[:_LONGEST_NAME], max_chars=_LONGEST_NAME, key="funnel_bar_segment"
        ).strip()
        label = on_primary(view.palette, t("shell.save_segment"))
        if st.button(label, type="primary", key="funnel_bar_save") and name:
            try:
                view.workspace.save_segment(Segment(name, user_ids=frozenset(found["user_id"])))
            except OpsError as error:
                st.error(plain(error.sentence(t)))
                return
            st.toast(t("shell.segment_saved", name=plain(name)), icon=":material/check:")
            st.rerun()

    show()
