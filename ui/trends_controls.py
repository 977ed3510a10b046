"""Controls of the trends page: which event, what of it, over which buckets, against what."""

from __future__ import annotations

import numpy as np
import pandas as pd
import streamlit as st

from ops_core.analyses.trend_query import FORMULAS, MEASURES, Series, Target, TrendsQuery
from ops_core.analyses.trends import TrendsResult
from ops_core.charts import trends as charts
from ops_core.charts import trends_words as words
from ops_core.locale import Translator
from ops_core.model.period import Period
from ops_core.workspace import Workspace
from ui.annotation_table import known
from ui.choices import pick, pick_number
from ui.current import View
from ui.layout import chart, head_place, more, panel, panel_head
from ui.properties import groupings, properties
from ui.session import drawn, remembered
from ui.tables import Column, table
from ui.text import mark, plain, spaced

_ANY, _NONE, _EVENT = "any", "none", "event:"
_CONTEXT = {"hour": 24, "day": 28, "week": 13, "month": 12, "quarter": 8}
_SMOOTH = {"plain": 1, "rolling": 0, "cumulative": 0}
_ROLLING = {"hour": 24, "day": 7, "week": 4, "month": 3, "quarter": 4}
_MOST_TARGET = 10**12
_LEAST_DAYS = {"hour": 1, "day": 1, "week": 7, "month": 28}


def query(view: View) -> TrendsQuery:
    """Ask for event, measure, bucket and breakdown; formula, smoothing and target under "more"."""
    t = view.t
    events = {_EVENT + name: name for name in remembered(Workspace.event_names, view.workspace)["event"]}
    event = pick("trends_event", {_ANY: t("trends.any_activity"), **events}, label=t("trends.event"))
    measures = {one: t(f"trends.measure_{one}") for one in MEASURES}
    measure = pick("trends_measure", measures, label=t("trends.measure"))
    # A unit longer than the period would show what lies outside of it.
    first, end = view.period.days(view.workspace.rules)
    grains = {one: t(f"trends.grain_{one}") for one, least in _LEAST_DAYS.items() if end - first >= least}
    grain = pick("trends_grain", grains, label=t("trends.grain"), default=view.grain)
    breakdown = pick("trends_by", _properties(view), label=t("trends.breakdown"))
    shapes = {one: t(f"trends.shape_{one}", n=_ROLLING[grain]) for one in _SMOOTH}
    shape = pick("trends_shape", shapes, label=t("trends.shape"))
    with more(t):
        second = pick("trends_second", {_NONE: t("trends.second_none"), _ANY: t("trends.any_activity"), **events},
                      label=t("trends.second"), style="select")  # fmt: skip
        formulas = {one: t(f"trends.formula_choice_{one}") for one in (*FORMULAS, _NONE)}
        formula = pick("trends_formula", formulas, label=t("trends.formula"), style="select")
        prop = pick("trends_prop", _numbers(view), label=t("trends.prop"), style="select")
        target = pick_number("trends_target", label=t("trends.target"), default=0, low=0, high=_MOST_TARGET,
                             hint=t("trends.target_hint"))  # fmt: skip
        until = pick("trends_until", {one: t(f"trends.until_{one}") for one in ("week", "month", "quarter")},
                     label=t("trends.until"), default="month", style="select")  # fmt: skip
    series = [_series(event, measure, prop)]
    if second != _NONE:
        series.append(_series(second, measure, prop))
    return TrendsQuery(
        series=tuple(series),
        period=view.period,
        grain=grain,
        formula=formula if _NONE not in (second, formula) else None,
        breakdown=None if breakdown == _NONE else breakdown,
        rolling_buckets=_ROLLING[grain] if shape == "rolling" else 1,
        cumulative=shape == "cumulative",
        compare=_compare(view),
        segment=view.segment,
        target=Target(float(target), _running(view, until)) if target else None,
        context_buckets=0 if shape == "cumulative" else _CONTEXT[grain],
    )


def main_panel(result: TrendsResult, view: View) -> None:
    """The lines over time."""
    t, palette = view.t, view.palette
    names = [words.line_name(result.query, line, t) for line in result.query.line_names]
    name = names[0] if result.query.breakdown else t.join(names)  # by groups the chart shows the first line
    legend = []
    if result.query.breakdown is None and len(result.query.line_names) == 1:
        legend.append(mark(palette.accent, plain(view.period_name)))
        if result.points["normal_low"].notna().any():
            legend.append(mark(palette.comp_soft, t("trends.legend_normal")))
        if view.compare and result.points["compare_value"].notna().any():
            legend.append(mark(palette.comp, t("trends.legend_compare", name=plain(view.compare_name))))
    shape = "cumulative" if result.query.cumulative else "rolling" if result.query.rolling_buckets > 1 else "plain"
    note = t(f"trends.note_{shape}", n=result.query.rolling_buckets) if shape != "plain" else ""
    if shape == "plain" and any(one.measure == "users" for one in result.query.series):
        note = t("trends.note_plain")
    if not words.starts_at_zero(result):
        note += t("trends.note_axis")
    subtitle = spaced(t.language, *legend, t(f"trends.subtitle_{result.query.grain}") + note)
    annotations = known(view)
    figure = drawn("trends", lambda: charts.draw(result, t, palette, annotations), view, result, annotations)
    by = t("trends.by", by=plain(result.query.breakdown.removeprefix("user."))) if result.query.breakdown else ""
    with st.container(gap=12):
        place = head_place()
        chart(figure, f"{plain(name)}{by}. {subtitle}", name="trends_lines")
        frame = charts.table(result, t, annotations)
        columns = _columns(frame, result, t)
        panel_head(plain(name) + by, subtitle, frame, name="trends_lines", columns=columns, place=place)


def groups_panel(result: TrendsResult, view: View) -> None:
    """The groups over the whole period."""
    t = view.t
    of_users = result.query.breakdown.startswith("user.")  # of which each user has one value
    kind = "" if result.totals["share"].notna().any() else "_plain" if of_users else "_overlap"
    panel(
        t("trends.groups_title", by=plain(result.query.breakdown.removeprefix("user."))),
        t(f"trends.groups_subtitle{kind}", period=plain(view.period_name)),
        charts.draw_groups(result, t, view.palette), result.totals, name="trends_groups",
    )  # fmt: skip


def outlook_panel(result: TrendsResult, view: View) -> None:
    """The target."""
    t, outlook = view.t, result.outlook
    panel(
        words.outlook_title(outlook, result, t), words.outlook_subtitle(outlook, t),
        charts.draw_outlook(outlook, result, t, view.palette), outlook.path, name="trends_outlook",
    )  # fmt: skip


def numbers(result: TrendsResult, view: View) -> None:
    """The table below the charts, newest first."""
    frame = charts.table(result, view.t, known(view))
    table(frame, _columns(frame, result, view.t), name="trends_table", height=360, alt=view.t("trends.table_alt"))


def _columns(frame: pd.DataFrame, result: TrendsResult, t: Translator) -> list[Column]:
    kind = "share" if words.is_share(result) else "money" if words.is_money(result) else "number"
    kind = "count" if words.is_count(result) and result.query.rolling_buckets == 1 else kind
    whole_parts = all(one.is_count for one in result.query.series)
    kinds = {
        "bucket": "text", "group": "text", "line": "text", "note": "text", "calendar": "text", "value": kind,
        "compare_value": kind, "difference": "points" if kind == "share" else kind, "relative": "signed_share",
        "normal_low": kind, "normal_high": kind,
        "numerator": "count" if whole_parts else "number", "denominator": "count",
    }  # fmt: skip
    rate = frame.get("denominator") is not None
    shown = [name for name in frame if rate or name not in ("numerator", "denominator")]
    titles = {name: t(f"trends.column_{name}") for name in shown}
    if result.query.formula in ("sum", "difference"):
        parts = (words.series_name(one, t) for one in result.query.series)
        titles |= dict(zip(("numerator", "denominator"), parts, strict=True))
    return [Column(name, title, kinds[name]) for name, title in titles.items()]


def compared(view: View) -> str:
    """The comparison's name inside a sentence."""
    name = view.compare_name
    return name[:1].lower() + name[1:]


def _series(event: str, measure: str, prop: str) -> Series:
    name = event.removeprefix(_EVENT) if event.startswith(_EVENT) else None
    return Series(name, measure, prop)


def _compare(view: View) -> Period | str | None:
    # A year back is aligned by ISO week or weekday by the analysis; a plain period only by position.
    return "year" if view.compare and view.compare_name == view.t("shell.compare_year") else view.compare


def _running(view: View, grain: str) -> Period:
    """The week, month or quarter that as-of lies in."""
    rules = view.workspace.rules
    day = rules.local_days(np.array([view.workspace.as_of_us - 1]))
    index = int(rules.bucket_index(day, grain)[0])
    first, end = rules.index_start_day(np.array([index, index + 1]), grain)
    return Period.of_days(int(first), int(end))


def _properties(view: View) -> dict[str, str]:
    names = {one.code: view.t(f"funnel.of_{one.scope}", name=one.name) for one in groupings(view, "user", "event")}
    return {_NONE: view.t("trends.breakdown_none")} | names


def _numbers(view: View) -> dict[str, str]:
    numbers = {one.name: one.name for one in properties(view, "event") if one.type == "number"}
    return {"value": view.t("trends.amount")} | numbers
