"""A damaged workspace file: its last good backup, put in its place with one click."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import streamlit as st

from ops_core.errors import OpsError
from ops_core.locale import Translator
from ops_core.places import workspace_path
from ops_core.store.backup import last_good, restore
from ui import layout, links, session
from ui.text import plain


def offer(file_name: str, t: Translator) -> None:
    """Offer the last good backup of a workspace file, and the other workspaces.

    What cannot be read is kept beside it under another name, so that nothing is lost by trying.
    """
    name = Path(file_name).stem
    path = workspace_path(name)
    good = last_good(path)
    if good is None:
        st.markdown(t("shell.no_backup"))
    else:
        made_at = dt.datetime.fromtimestamp(good.stat().st_mtime).astimezone()
        st.markdown(t("shell.backup_there", name=plain(name), moment=t.datetime(made_at)))
        if st.button(t("shell.restore_backup"), icon=":material/restore:", key="restore_backup"):
            try:
                aside = restore(good, path)
            except OpsError as refusal:
                layout.note(plain(refusal.sentence(t)), "warning")
                return
            st.session_state["restored"] = (name, "" if aside is None else aside.name)
            st.rerun()
    with st.container(horizontal=True, gap="xsmall"):
        for other in session.workspace_names(t.language):
            if other != name:
                links.link(links.first(), plain(other), icon=":material/arrow_forward:", workspace=other)


def told(t: Translator) -> None:
    """Say once that a backup was put in place, and where the damaged file lies."""
    done = st.session_state.pop("restored", None)
    if done:
        layout.note(t("shell.restored", name=plain(done[0]), aside=plain(done[1] or "—")), "good")
