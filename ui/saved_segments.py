"""Forget a saved segment: asked once more, since views and tests may go by it."""

from __future__ import annotations

import streamlit as st

from ops_core.locale import Translator
from ops_core.workspace import Workspace
from ui import address
from ui.text import plain


def forget(workspace: Workspace, name: str, t: Translator) -> None:
    """A button that asks whether to delete the segment."""

    @st.dialog(t("shell.segment_delete"))
    def ask() -> None:
        st.markdown(t("shell.segment_delete_text", name=plain(name)))
        if st.button(t("shell.delete"), key="segment_delete_confirm", icon=":material/delete:"):
            workspace.delete_segment(name)
            address.ask("segment")
            st.toast(t("shell.segment_deleted", name=plain(name)), icon=":material/check:")
            st.rerun()

    if st.button(t("shell.segment_delete"), key="segment_delete", icon=":material/delete:"):
        ask()
