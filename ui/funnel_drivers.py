"""What separates those who convert in a funnel: a section that is computed only when it is opened."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from ops_core.analyses import funnel_drivers
from ops_core.analyses.funnel import FunnelQuery
from ops_core.analyses.funnel_drivers import DriverQuery, DriverResult
from ops_core.charts import funnel_drivers as charts
from ops_core.locale import Translator
from ui.choices import pick
from ui.current import View
from ui.layout import definition, note, panel
from ui.session import cached
from ui.tables import Column, table
from ui.text import plain, small

_LOOKBACK_DAYS = ("7", "28", "90")
_DAY = 86_400


def section(view: View, query: FunnelQuery) -> None:
    """The section: traits ranked by their adjusted difference, with the warning that this is no cause."""
    t = view.t
    opened = st.expander(t("drivers.section"), key="funnel_drivers", on_change="rerun")
    if not opened.open:
        return
    with opened:
        options = {days: t("drivers.n_days", n=int(days)) for days in _LOOKBACK_DAYS}
        days = pick("funnel_lookback", options, label=t("drivers.lookback"), default="28")
        if query.reentry == "every_attempt":
            st.markdown(small(t("drivers.per_user")))
            query = replace(query, reentry="deepest")
        asked = DriverQuery(replace(query, breakdown=None), int(days) * _DAY)
        _show(view, cached(funnel_drivers.analyze, view.workspace, asked))


def _show(view: View, result: DriverResult) -> None:
    t = view.t
    frame, title = charts.readable(result, t), plain(charts.title(result, t))
    if not result.n_tested:
        note(title)
    else:
        panel(
            title, t("drivers.subtitle", tested=t.number(result.n_tested)), charts.draw(result, t, view.palette), frame,
            name="funnel_drivers_chart", columns=_columns(t),
        )  # fmt: skip
        hidden = len(frame) - len(charts.shown(result))
        if hidden:
            st.markdown(small(t("drivers.more", n=hidden)))
        note(t("drivers.warning"), "warning")
    if len(frame):
        table(frame, _columns(t), name="funnel_drivers_traits")
    definition(plain(charts.definition(result, t)))


def _columns(t: Translator) -> list[Column]:
    kinds = {
        "trait": "text", "n_with": "count", "converted_with": "count", "share_with": "share", "n_without": "count",
        "converted_without": "count", "share_without": "share", "difference": "points", "adjusted": "points",
        "low": "points", "high": "points", "p_adjusted": "p", "verdict": "text", "adjusted_for": "text",
    }  # fmt: skip
    labels = {"n_with": "with", "n_without": "without", "p_adjusted": "p"}
    return [Column(name, t(f"drivers.col_{labels.get(name, name)}"), kind) for name, kind in kinds.items()]
