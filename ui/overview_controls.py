"""What the overview shows beside its tiles: the figures as a table, and how good the data is."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import streamlit as st

from ops_core.analyses.kpis import KpiQuery, KpiResult
from ops_core.charts import overview as charts
from ops_core.workspace import Workspace
from ui.current import View
from ui.layout import panel_head
from ui.session import remembered
from ui.text import small


def query(view: View) -> KpiQuery:
    """The last complete week up to the end of the chosen period."""
    return KpiQuery(segment=view.segment, until=view.period.last_date + dt.timedelta(days=1))


def figures(result: KpiResult, view: View) -> None:
    """The tiles' numbers as a small table, to read and to download."""
    t = view.t
    rows = [row for _, row in result.tiles.iterrows() if row["value"] == row["value"]]
    words = pd.DataFrame(
        {
            t("overview.kpi"): [t(f"overview.{row['kpi']}") for row in rows],
            t("overview.value"): [charts.value_text(row["unit"], row["value"], t) for row in rows],
            t("overview.previous_week"): [charts.value_text(row["unit"], row["previous"], t) for row in rows],
            t("overview.state"): [charts.reading(row, t) for row in rows],
        }
    )
    with st.container(gap=12):
        week = t.date_range(result.week, result.week + dt.timedelta(days=6))
        panel_head(t("overview.table_title"), week, charts.table(result, t), name="overview_figures")
        st.table(words, border="horizontal", hide_index=True)


def health(result: KpiResult, view: View) -> None:
    """How much data there is and how far it reaches, in one line."""
    t, workspace = view.t, view.workspace
    names = remembered(Workspace.event_names, workspace)
    period = workspace.data_period()
    text = t(
        "overview.health_text",
        n=len(remembered(Workspace.batches, workspace)), events=t.number(int(names["n_events"].sum())),
        users=t.number(result.n_users), first=t.date(period.first_date, year=True),
        last=t.date(period.last_date, year=True),
    )  # fmt: skip
    st.markdown(small(f"{t('overview.health')}\u2003{text}"))
