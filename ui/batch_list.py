"""The history of imports: what was loaded, what was set aside, and taking one back."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import streamlit as st

from ops_core.intake.report import told
from ops_core.store.batches import quarantined
from ops_core.workspace import Workspace
from ui import layout, links, session
from ui.choices import pick
from ui.current import screen
from ui.tables import Column, table
from ui.text import on_primary, plain, small

_UNDONE = "undone"


def history(frame: pd.DataFrame) -> None:
    """All batches as a table with downloads, newest first."""
    t, rules = screen().t, screen().workspace.rules
    shown = frame.assign(
        kind=[t(f"shell.kind_{kind}") for kind in frame["kind"]],
        **{
            name: pd.to_datetime(frame[name]).dt.tz_localize("UTC").dt.tz_convert(rules.zone).dt.tz_localize(None)
            for name in ("loaded_at", "first_at", "last_at")
        },
    )
    kinds = {
        "batch_id": "count", "loaded_at": "datetime", "rows_read": "count", "rows_loaded": "count",
        "rows_duplicate": "count", "rows_quarantined": "count", "first_at": "datetime", "last_at": "datetime",
    }  # fmt: skip
    order = ("batch_id", "file_name", "kind", "loaded_at", "loaded_by", "rows_read", "rows_loaded", "rows_duplicate")
    order += ("rows_quarantined", "first_at", "last_at")
    columns = [Column(name, t(f"batches.{name}"), kinds.get(name, "text")) for name in order]
    layout.panel_head(
        t("batches.all"), t("batches.all_text", zone=plain(rules.zone)), shown, name="batches", columns=columns
    )
    with layout.wide():
        table(shown, columns, name="batches")


def details(frame: pd.DataFrame) -> None:
    """One batch: its undo and the rows that were set aside."""
    t, workspace = screen().t, screen().workspace
    names = {str(row.batch_id): f"{row.batch_id}\u2003{row.file_name}" for row in frame.itertuples()}
    with layout.controls():
        code = pick("batch", names, label=t("batches.batch"))
        row = next(row for row in frame.itertuples() if str(row.batch_id) == code)
        # A demo is made anew only when its file is gone, so it stays whole.
        fixed = session.is_demo(Path(workspace.path).stem)
        asked = st.button(
            t("batches.undo"), icon=":material/undo:", disabled=fixed, help=t("batches.demo_stays") if fixed else None
        )
    if asked:
        _ask(row, workspace)
    problems = told(quarantined(workspace.store, int(code)), t)
    if problems.empty:
        st.markdown(small(t("batches.nothing_aside")))
        return
    columns = [Column(name, t(f"import.q_{name}"), "count" if name == "line" else "text") for name in problems.columns]
    layout.panel_head(t("import.quarantine"), t("import.quarantine_text"), name="batch_quarantine")
    table(problems, columns, name="batch_quarantine", files=True)


def last_undone() -> None:
    """Say once what was taken back."""
    name = st.session_state.pop(_UNDONE, None)
    if name:
        layout.note(screen().t("batches.undone", file=plain(name)), "good")


def nothing_yet() -> None:
    """A workspace without batches: the way to the first one."""
    t = screen().t
    layout.answer(t("batches.none"), t("batches.none_text"))
    links.link("import", t("shell.load_file"), icon=":material/upload_file:")


def _ask(row: object, workspace: Workspace) -> None:
    t = screen().t

    @st.dialog(t("batches.undo_title", batch=row.batch_id))
    def confirm() -> None:
        st.markdown(
            t(
                "batches.undo_text",
                file=plain(row.file_name),
                kind=t(f"shell.kind_{row.kind}"),
                rows=t.number(row.rows_loaded),
                aside=t.number(row.rows_quarantined),
            )
        )
        with st.container(horizontal=True, gap="xsmall"):
            label = on_primary(screen().palette, t("batches.undo_confirm"))
            if st.button(label, type="primary", key="undo_confirm"):
                workspace.undo(int(row.batch_id))
                st.session_state[_UNDONE] = row.file_name
                st.rerun()
            if st.button(t("batches.keep"), key="undo_keep"):
                st.rerun()

    confirm()
