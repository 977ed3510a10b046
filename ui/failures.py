"""What a person sees when something cannot be done: a sentence, never a stack."""

from __future__ import annotations

import streamlit as st

from ops_core.errors import OpsError, StoreError
from ops_core.locale import Translator
from ui import links, session
from ui.text import plain


def refused(error: OpsError, t: Translator) -> None:
    """The sentence of an error that OpsDeck raises on purpose, and the way out where there is one."""
    st.error(plain(error.sentence(t)), icon=":material/error:")
    if isinstance(error, StoreError) and error.code == "unknown_workspace":
        with st.container(horizontal=True, gap="xsmall"):
            for name in session.workspace_names():
                st.page_link(links.first(), label=plain(name), query_params={"workspace": name})


def apologize(number: str, t: Translator) -> None:
    """An apology with the number under which the log has the stack."""
    st.error(t("shell.apology", id=number), icon=":material/error:")
