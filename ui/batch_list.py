"""The history of imports: what was loaded, what was set aside, and taking one back."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import streamlit as st

from ops_core.intake.report import told
from ops_core.store.batches import quarantined, replaced_by
from ops_core.workspace import Workspace
from ui import layout, links, session, upload_diff
from ui.choices import pick
from ui.current import screen
from ui.tables import Column, table
from ui.text import on_primary, plain, small

_UNDONE = "undone"
_HASH_SHOWN = 12


def history(frame: pd.DataFrame) -> None:
    """All imports as a table with downloads, newest first: who, when, which file, its rows, what became of it."""
    t, rules = screen().t, screen().workspace.rules
    shown = frame.assign(
        kind=[t(f"shell.kind_{kind}") for kind in frame["kind"]],
        state=[_state(row) for row in frame.itertuples(index=False)],
        file_hash=frame["file_hash"].str.slice(0, _HASH_SHOWN),
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
    order += ("rows_quarantined", "state", "first_at", "last_at", "file_hash")
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
    st.markdown(small(_facts(row)))
    upload_diff.show(workspace, int(code), "batch")
    problems = told(quarantined(workspace.store, int(code)), t)
    if problems.empty:
        st.markdown(small(t("batches.nothing_aside")))
        return
    columns = [Column(name, t(f"import.q_{name}"), "count" if name == "line" else "text") for name in problems.columns]
    layout.panel_head(t("import.quarantine"), t("import.quarantine_text"), name="batch_quarantine")
    table(problems, columns, name="batch_quarantine", files=True)


def _state(row: object) -> str:
    """What became of a batch, in words."""
    t = screen().t
    if not pd.isna(row.replaced_by):
        return t("batches.state_replaced", by=int(row.replaced_by))
    if not pd.isna(row.undone_at):
        return t("batches.state_undone")
    if row.rows_replaced:
        return t("batches.state_partly", rows=t.number(int(row.rows_replaced)))
    return t("batches.state_live")


def _facts(row: object) -> str:
    t, rules = screen().t, screen().workspace.rules
    loaded_at = pd.Timestamp(row.loaded_at, tz="UTC").tz_convert(rules.zone).to_pydatetime()
    return t(
        "batches.facts", at=t.datetime(loaded_at), by=plain(row.loaded_by or "—"), hash=row.file_hash, state=_state(row)
    )


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


def _returning(row: object, workspace: Workspace) -> list[str]:
    """Batches that this one had replaced, wholly or in part: undoing it brings their rows back."""
    return [str(number) for number in replaced_by(workspace.store, int(row.batch_id))]


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
        returning = _returning(row, workspace)
        if returning:
            st.markdown(t("batches.undo_returns", batches=t.join(returning)))
        with st.container(horizontal=True, gap="xsmall"):
            label = on_primary(screen().palette, t("batches.undo_confirm"))
            if st.button(label, type="primary", key="undo_confirm"):
                workspace.undo(int(row.batch_id))
                st.session_state[_UNDONE] = row.file_name
                st.rerun()
            if st.button(t("batches.keep"), key="undo_keep"):
                st.rerun()

    confirm()
