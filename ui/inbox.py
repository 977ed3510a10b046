"""The watched folder on the screen: its setting, what became of its files, and those that wait for a person."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import streamlit as st

from ops_core.errors import OpsError
from ops_core.intake import inbox
from ops_core.intake.folder import watched_files
from ui import layout, session, uploads
from ui.current import screen
from ui.tables import Column, table
from ui.text import plain, small


def setting() -> None:
    """Which folder is watched, and what became of the files in it."""
    workspace, t = screen().workspace, screen().t
    if session.is_demo(Path(workspace.path).stem):
        return
    now = inbox.watched_folder(workspace.store)
    layout.panel_head(t("settings.inbox"), t("settings.inbox_text"), name="inbox")
    with st.form("inbox", border=False, width=480):
        wanted = st.text_input(t("settings.inbox_path"), now or "", max_chars=400).strip()
        kept = st.form_submit_button(t("settings.inbox_keep"))
    if kept and (wanted or None) != now:
        try:
            inbox.watch_folder(workspace.store, wanted or None)
        except OpsError as refusal:
            layout.note(plain(refusal.sentence(t)), "warning")
            return
        st.rerun()
    if now is not None:
        st.markdown(small(t("settings.inbox_now", folder=plain(now))))
        _met(watched_files(workspace.store))


def waiting() -> None:
    """Files of the watched folder that only a person can load, each with the reason and a way to look at it."""
    workspace, t = screen().workspace, screen().t
    frame = session.remembered(lambda known: inbox.waiting_files(known.store), workspace)
    if frame.empty:
        return
    layout.panel_head(t("upload.waiting_title"), name="waiting_files")
    for row in frame.itertuples(index=False):
        reason = row.refusal_zh if t.language == "zh" else row.refusal_en
        with st.container(horizontal=True, gap="small", vertical_alignment="center"):
            st.markdown(t("upload.waiting", file=plain(row.file_name), reason=plain(reason)), width="stretch")
            if st.button(t("upload.look_at"), key=f"look_at.{row.file_hash[:12]}", type="tertiary"):
                path = Path(inbox.watched_folder(workspace.store)) / row.file_name
                uploads.add(path.name, path.read_bytes())
                st.rerun()


def _met(files: pd.DataFrame) -> None:
    t = screen().t
    if files.empty:
        st.markdown(small(t("settings.inbox_none")))
        return
    refusals = files["refusal_zh" if t.language == "zh" else "refusal_en"]
    became = [
        reason if pd.isna(batch) else t("settings.inbox_loaded", batch=int(batch))
        for batch, reason in zip(files["batch_id"], refusals, strict=True)
    ]
    frame = pd.DataFrame({"file": files["file_name"], "became": became})
    columns = [Column("file", t("settings.inbox_file")), Column("became", t("settings.inbox_became"))]
    table(frame, columns, name="inbox_files")
