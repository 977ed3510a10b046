"""Settings: in which zone, week and currency a workspace reports, and which events make nobody active."""

from __future__ import annotations

import zoneinfo

import streamlit as st

import ui
from ops_core.model.time import WEEK_STARTS
from ops_core.store.reporting import Reporting
from ops_core.workspace import Workspace
from ui import inbox
from ui.text import on_primary

_CURRENCIES = ("CNY", "HKD", "TWD", "JPY", "KRW", "SGD", "INR", "USD", "EUR", "GBP", "AUD", "CAD", "CHF", "BRL")


def render() -> None:
    """Draw the page."""
    screen = ui.screen()
    t, workspace = screen.t, screen.workspace
    ui.page_head(t("settings.name"), t("settings.question"))
    now = workspace.reporting
    events = ui.remembered(Workspace.event_names, workspace)["event"].tolist()
    with st.form("settings", border=False, width=480):
        zones = sorted(zoneinfo.available_timezones())
        zone = st.selectbox(t("settings.zone"), zones, zones.index(now.time_zone), help=t("settings.zone_help"))
        week = st.selectbox(
            t("settings.week_start"),
            WEEK_STARTS,
            WEEK_STARTS.index(now.week_start),
            format_func=lambda day: t(f"settings.{day}"),
        )
        currencies = list(dict.fromkeys((now.currency, *_CURRENCIES)))
        currency = st.selectbox(t("settings.currency"), currencies, help=t("settings.currency_help"))
        passive = st.multiselect(
            t("settings.passive"), events, now.passive, help=t("settings.passive_help"), placeholder=t("settings.none")
        )
        kept = st.form_submit_button(on_primary(screen.palette, t("settings.keep")), type="primary")
    wanted = Reporting(zone, week, currency, tuple(sorted(passive)))
    if kept and wanted == now:
        st.toast(t("settings.unchanged"), icon=":material/info:")
    elif kept:
        with st.spinner(t("settings.working")):
            workspace.set_reporting(wanted)
        st.toast(t("settings.kept"), icon=":material/check:")
        st.rerun()
    inbox.setting()
    ui.definition(t("settings.definition"))


if __name__ == "__main__":
    from app import main

    main()
