"""Saved views in the bar: a click opens one, on whatever page it is; the present one is saved, renamed or deleted."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from ops_core.analyses import saved_views
from ops_core.analyses.saved_views import SavedView
from ops_core.errors import OpsError
from ui import address, links
from ui.current import Screen
from ui.layout import close_menu, menu_key
from ui.session import remembered
from ui.text import on_primary, plain, small

_LONGEST_NAME = 60
_MOST_LINKS = 12  # the others are behind "all views": each link costs every page a little


def control(screen: Screen) -> None:
    """A popover with the saved views of the workspace."""
    t = screen.t
    saved = [one for one in remembered(saved_views.saved_views, screen.workspace) if links.exists(one.page)]
    key = f"views_chip.{address.page()}"  # closed again on the page that it opens
    closing = {"on_click": close_menu, "args": (key,)}
    with st.popover(t("views.views"), key=menu_key(key)):
        for view in saved[:_MOST_LINKS]:
            links.view_link(view.page, _label(view, screen), view.parameters)
        if not saved:
            st.markdown(small(t("views.none")))
        if st.button(t("views.save"), key="views_save", icon=":material/bookmark_add:", **closing):
            _save(screen)
        if saved and st.button(t("views.change"), key="views_change", icon=":material/edit:", **closing):
            _change(screen, {one.name: one for one in saved})


def _label(view: SavedView, screen: Screen) -> str:
    return f"{plain(view.name)}\u2003:gray[{screen.t(f'shell.page_{view.page}')}]"


def _save(screen: Screen) -> None:
    t = screen.t

    @st.dialog(t("views.save"))
    def ask() -> None:
        st.markdown(t("views.save_text"))
        name = st.text_input(t("views.name"), max_chars=_LONGEST_NAME, key="views_name", placeholder=t("views.example"))
        if st.button(on_primary(screen.palette, t("shell.save")), type="primary", key="views_save_confirm"):
            view = SavedView(name, address.page(), address.parameters())
            _carry_out(lambda: saved_views.save(screen.workspace, view), screen, t("views.saved", name=plain(name)))

    ask()


def _change(screen: Screen, saved: dict[str, SavedView]) -> None:
    t, workspace = screen.t, screen.workspace

    @st.dialog(t("views.change"))
    def ask() -> None:
        name = st.selectbox(t("views.choose"), list(saved), key="views_chosen", filter_mode="contains")
        links.view_link(saved[name].page, t("views.open"), saved[name].parameters)
        new_name = st.text_input(t("views.new_name"), name, max_chars=_LONGEST_NAME, key=f"views_new_name.{name}")
        with st.container(horizontal=True, gap="xsmall"):
            if st.button(t("views.rename"), key="views_rename", icon=":material/edit:"):
                told = t("views.renamed", name=plain(new_name))
                _carry_out(lambda: saved_views.rename(workspace, name, new_name), screen, told)
            if st.button(t("views.delete"), key="views_delete", icon=":material/delete:"):
                _carry_out(lambda: saved_views.delete(workspace, name), screen, t("views.deleted", name=plain(name)))

    ask()


def _carry_out(change: Callable[[], None], screen: Screen, told: str) -> None:
    try:
        change()
    except OpsError as error:
        st.error(plain(error.sentence(screen.t)))
        return
    st.toast(told, icon=":material/check:")
    st.rerun()
