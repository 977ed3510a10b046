"""The calendar as a table to edit: what happened when, and the public holidays at one click."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import streamlit as st

from ops_core.errors import OpsError, QueryError
from ops_core.locale import Translator
from ops_core.model.annotations import KINDS, LONGEST_TEXT, Annotation
from ops_core.model.public_holidays import announced_years, public_holidays
from ops_core.workspace import Workspace
from ui.current import View
from ui.layout import definition, note
from ui.session import remembered
from ui.text import on_primary


def known(view: View) -> tuple[Annotation, ...]:
    """The workspace's annotations."""
    return remembered(Workspace.annotations, view.workspace)


def calendar(view: View) -> None:
    """The section below a chart over time; its table is made only when it is opened."""
    t = view.t
    shown = st.expander(t("annotations.title"), key="annotations_section", on_change="rerun")
    if not shown.open:
        return
    with shown:
        definition(t("annotations.subtitle"))
        edited = st.data_editor(
            _frame(known(view)), num_rows="dynamic", hide_index=True, column_config=_columns(t),
            key=f"annotations.grid.{view.workspace.data_version}", alt=t("annotations.title"),
        )  # fmt: skip
        with st.container(horizontal=True, gap="small"):
            keep = st.button(on_primary(view.palette, t("annotations.keep")), type="primary", key="annotations.keep")
            fill = st.button(t("annotations.add_holidays"), icon=":material/event:", key="annotations.holidays")
        if keep or fill:
            _store(view, edited, with_holidays=fill)


def _store(view: View, edited: pd.DataFrame, *, with_holidays: bool) -> None:
    """Keep the table, and add the holidays of the years that the data covers."""
    t, workspace = view.t, view.workspace
    try:
        wanted = _annotations(edited)
        if with_holidays:
            known_first, known_last = announced_years()
            first, last = workspace.data_period().first_date.year, view.workspace.as_of.year
            last = max(min(last + 1, known_last), last)
            wanted += public_holidays(max(first, known_first), last, t.language, t("annotations.working_day"))
    except OpsError as wrong:
        note(wrong.sentence(t), "warning")
        return
    workspace.set_annotations(wanted)
    st.toast(t("annotations.kept", n=len(workspace.annotations())), icon=":material/check:")
    st.rerun()


def _frame(annotations: tuple[Annotation, ...]) -> pd.DataFrame:
    rows = [(one.first_day, one.last_day, one.kind, one.text) for one in annotations]
    frame = pd.DataFrame(rows, columns=["first_day", "last_day", "kind", "text"])
    # An empty table needs its types, too: the editor takes them for the kind of each cell.
    return frame.astype({"kind": "str", "text": "str"}).assign(
        first_day=pd.to_datetime(frame["first_day"]).dt.date, last_day=pd.to_datetime(frame["last_day"]).dt.date
    )


def _columns(t: Translator) -> dict[str, object]:
    column = st.column_config
    return {
        "first_day": column.DateColumn(t("annotations.first_day"), required=True, format="YYYY-MM-DD"),
        "last_day": column.DateColumn(t("annotations.last_day"), format="YYYY-MM-DD",
                                      help=t("annotations.last_day_help")),
        "kind": column.SelectboxColumn(t("annotations.kind"), options=list(KINDS), required=True, default="campaign",
                                       format_func=lambda kind: t(f"annotations.kind_{kind}")),
        "text": column.TextColumn(t("annotations.text"), required=True, max_chars=LONGEST_TEXT),
    }  # fmt: skip


def _annotations(edited: pd.DataFrame) -> tuple[Annotation, ...]:
    found = []
    for row in edited.itertuples():
        if pd.isna(row.first_day):
            raise QueryError("annotation_no_day", text="" if pd.isna(row.text) else str(row.text))
        first = _date(row.first_day)
        last = first if pd.isna(row.last_day) else _date(row.last_day)
        found.append(Annotation(first, last, str(row.kind), "" if pd.isna(row.text) else str(row.text)))
    return tuple(found)


def _date(value: dt.date | str) -> dt.date:
    return pd.Timestamp(value).date()
