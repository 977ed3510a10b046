"""The shelf of saved funnels: open one, one of its older versions, save the present one, delete."""

from __future__ import annotations

import datetime as dt

import streamlit as st

from ops_core.analyses import funnel_saved
from ops_core.analyses.funnel import FunnelQuery
from ops_core.analyses.funnel_saved import SavedFunnel
from ops_core.errors import OpsError
from ui import funnel_address
from ui.current import View
from ui.session import remembered
from ui.text import chip, on_primary, plain

_LONGEST_NAME = 60
_OPENED = "funnel_opened"  # the saved funnel that was opened or saved last


def shelf(view: View, query: FunnelQuery) -> None:
    """A popover named after the saved funnel that is shown, if one is."""
    t = view.t
    saved = remembered(funnel_saved.saved_funnels, view.workspace)
    content = funnel_saved.as_kept(query)
    names, opened = [one.name for one in saved], st.session_state.get(_OPENED, "")
    same = [one.name for one in saved if one.content == content]
    shown = opened if opened in same else next(iter(same), "")
    told, basis = plain(shown), shown
    if not shown and opened in names:
        told, basis = t("funnel.saved_changed", name=plain(opened)), opened
    with st.popover(chip(t("funnel.saved"), told), key="funnel_saved_chip"):
        if saved:
            _open(view, saved, basis)
        else:
            st.caption(t("funnel.saved_empty"))
        _keep(view, query, basis, names, is_same=bool(shown))


def _open(view: View, saved: list[SavedFunnel], basis: str) -> None:
    t, names = view.t, [one.name for one in saved]
    name = st.selectbox(
        t("funnel.saved_choose"), names, index=names.index(basis) if basis else 0, key="funnel_saved_name",
        filter_mode="contains",
    )  # fmt: skip
    versions = remembered(lambda workspace: funnel_saved.history(workspace, name), view.workspace, detail=name)
    chosen = versions[0]
    if len(versions) > 1:
        chosen = st.selectbox(
            t("funnel.saved_version"), versions, key=f"funnel_saved_version.{name}",
            format_func=lambda one: t("funnel.version_n", n=one.version, time=_moment(view, one)),
        )  # fmt: skip
    asked = chosen.query(view.period)
    gone = remembered(
        lambda workspace: funnel_saved.missing(workspace, asked), view.workspace, detail=f"{name} {chosen.version}"
    )
    if gone is not None:
        st.warning(plain(gone.sentence(t)), icon=":material/warning:")
    with st.container(horizontal=True, gap="xsmall"):
        if st.button(t("funnel.saved_open"), key="funnel_saved_open", icon=":material/folder_open:"):
            st.session_state[_OPENED] = name
            funnel_address.show(asked)
        if st.button(t("funnel.saved_delete"), key="funnel_saved_delete", icon=":material/delete:"):
            _delete(view, name, len(versions))


def _moment(view: View, one: SavedFunnel) -> str:
    saved_us = int(one.saved_at.replace(tzinfo=dt.UTC).timestamp() * 1_000_000)
    return view.t.datetime(view.workspace.rules.moment(saved_us))


def _keep(view: View, query: FunnelQuery, basis: str, names: list[str], is_same: bool) -> None:
    t = view.t
    name = st.text_input(
        t("funnel.save_name"), basis, max_chars=_LONGEST_NAME, key=f"funnel_save_name.{basis}",
        placeholder=t("funnel.save_placeholder"),
    ).strip()  # fmt: skip
    label = t("funnel.save_version") if name in names else t("funnel.save")
    if st.button(label, key="funnel_save", icon=":material/save:", disabled=is_same and name == basis):
        try:
            kept = funnel_saved.save(view.workspace, name, query)
        except OpsError as error:
            st.error(plain(error.sentence(t)))
            return
        st.session_state[_OPENED] = kept.name
        st.toast(t("funnel.saved_done", name=plain(kept.name), version=kept.version), icon=":material/check:")
        st.rerun()


def _delete(view: View, name: str, n_versions: int) -> None:
    t = view.t

    @st.dialog(t("funnel.saved_delete"))
    def ask() -> None:
        st.markdown(t("funnel.delete_text", name=plain(name), n=n_versions))
        if st.button(on_primary(view.palette, t("funnel.saved_delete")), type="primary", key="funnel_delete_confirm"):
            try:
                funnel_saved.delete(view.workspace, name)
            except OpsError as error:
                st.error(plain(error.sentence(t)))
                return
            st.rerun()

    ask()
