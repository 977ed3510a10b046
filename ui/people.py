"""A group of users at the end of an analysis: how many, who they are, keep them as a segment."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pandas as pd
import streamlit as st

from ops_core.errors import OpsError
from ops_core.model.segment import Segment
from ui.current import screen
from ui.tables import Column, table
from ui.text import on_primary, plain, small, typed

_LONGEST_NAME = 60


def user_list(
    sentence: str, users: Callable[[], Sequence[str]], *, name: str, suggestion: str, empty: bool = False
) -> None:
    """A sentence with its n, and buttons that list the users or save them as a segment.

    Args:
        sentence: "The **555** people who ordered and did not pay:".
        users: gives the user ids; called only when a button was pressed.
        name: unique in the app; keys and file name.
        suggestion: a name for the segment.
        empty: nobody is meant: the sentence stands alone.
    """
    t = screen().t
    with st.container(horizontal=True, gap="xsmall", vertical_alignment="center"):
        st.markdown(sentence, width="content")
        if empty:
            return
        if st.button(t("shell.list_users"), icon=":material/list:", key=f"{name}.list"):
            _list(sentence, users(), name)
        if st.button(t("shell.save_segment"), icon=":material/group_add:", key=f"{name}.save"):
            _save(users(), name, suggestion)


def _list(sentence: str, user_ids: Sequence[str], name: str) -> None:
    t = screen().t

    @st.dialog(t("shell.users_n", n=len(user_ids)), width="medium")
    def show() -> None:
        st.markdown(small(sentence))
        frame = pd.DataFrame({"user_id": list(user_ids)})
        table(frame, [Column("user_id", t("shell.user_id"))], name=name, files=True, height=420)

    show()


def _save(user_ids: Sequence[str], name: str, suggestion: str) -> None:
    t, workspace = screen().t, screen().workspace

    @st.dialog(t("shell.save_segment"))
    def ask() -> None:
        st.markdown(t("shell.save_segment_text", n=len(user_ids)))
        title = st.text_input(
            t("shell.segment_name"), typed(suggestion)[:_LONGEST_NAME], max_chars=_LONGEST_NAME, key=f"{name}.title"
        )
        if not st.button(on_primary(screen().palette, t("shell.save")), type="primary", key=f"{name}.confirm"):
            return
        if not title.strip():
            st.error(t("error.saved_needs_name"))
            return
        try:
            workspace.save_segment(Segment(title.strip()[:_LONGEST_NAME], user_ids=frozenset(user_ids)))
        except OpsError as error:
            st.error(plain(error.sentence(t)))
            return
        st.toast(t("shell.segment_saved", name=plain(title.strip())), icon=":material/check:")
        st.rerun()

    ask()
