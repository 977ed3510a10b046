"""What the overview asks, and what it says about the data."""

from __future__ import annotations

import datetime as dt

import streamlit as st

from ops_core.analyses.kpis import KpiQuery, KpiResult
from ops_core.analyses.lifecycle import LifecycleQuery
from ops_core.charts import overview as charts
from ops_core.model.period import Period
from ops_core.workspace import Workspace
from ui.current import View
from ui.layout import panel_head
from ui.lifecycle_controls import history
from ui.session import remembered
from ui.tables import Column
from ui.text import small
from ui.tiles import tiles


def query(view: View) -> KpiQuery:
    """The last complete week up to the end of the chosen period."""
    return KpiQuery(segment=view.segment, until=view.period.last_date + dt.timedelta(days=1))


def flow_query(view: View, week: KpiResult) -> LifecycleQuery:
    """Growth accounting that ends with the week of the figures; after the latest week the running one is shown, too."""
    period = history(view, "week")
    if not week.is_latest:
        period = Period(period.first_date, week.week + dt.timedelta(days=7))
    return LifecycleQuery(period, "week", segment=view.segment)


def figures(result: KpiResult, view: View) -> None:
    """The tiles under a head that says which week, with their numbers as a table to read and to take away."""
    t = view.t
    columns = [
        Column("kpi", t("overview.kpi")),
        Column("value", t("overview.value"), "number"),
        Column("previous", t("overview.previous_week"), "number"),
        Column("change", t("overview.change"), "number"),
        Column("relative", t("overview.relative"), "signed_share"),
        Column("is_unusual", t("overview.state")),
    ]
    week = t.date_range(result.week, result.week + dt.timedelta(days=6))
    with st.container(gap=12):
        panel_head(
            t("overview.table_title", week=week), t("overview.table_subtitle"), charts.table(result, t),
            name="overview_figures", columns=columns,
        )  # fmt: skip
        tiles(charts.tiles(result, t))


def health(result: KpiResult, view: View) -> None:
    """How much data there is and how far it reaches, in one line."""
    t, workspace = view.t, view.workspace
    names = remembered(Workspace.event_names, workspace)
    ends_us = (names["first_at"].min().value // 1000, names["last_at"].max().value // 1000)
    first, last = (t.date(workspace.rules.moment(us).date(), year=True) for us in ends_us)
    text = t(
        "overview.health_text",
        n=len(remembered(Workspace.batches, workspace)), events=t.number(int(names["n_events"].sum())),
        users=t.number(result.n_users), first=first, last=last,
    )  # fmt: skip
    st.markdown(small(f"{t('overview.health')}\u2003{text}"))
