"""Panels of the funnel page: each a chart with its words and its table."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from ops_core.analyses import funnel, funnel_presets
from ops_core.analyses.funnel import FunnelComparison, FunnelQuery, FunnelResult, FunnelTrendQuery
from ops_core.charts import funnel as charts
from ops_core.charts import funnel_words as words
from ops_core.charts.theme import CLICK_LAYOUT
from ops_core.locale import Translator
from ops_core.model.period import Period
from ops_core.model.time import date_of, day_number
from ui import funnel_people
from ui.current import View
from ui.layout import definition, panel, panel_head
from ui.session import cached, drawn
from ui.tables import Column, table
from ui.text import mark, plain, spaced

_TREND_DAYS = 91


def bars(view: View, result: FunnelResult, comparison: FunnelComparison | None) -> None:
    """The funnel."""
    t, palette = view.t, view.palette
    reference = comparison.second if comparison else None
    legend = _legend(view, comparison, lambda one: one.n_entered)
    told = spaced(t.language, *legend, t("funnel.bars_subtitle"), t("funnel.bars_click"))

    def draw() -> go.Figure:
        return charts.draw(result, t, palette, reference).with_layout(CLICK_LAYOUT)

    panel(
        plain(words.bars_title(result, t)), told,
        drawn("funnel", draw, view, result, reference),
        _readable(result.total, result, t), name=funnel_people.BARS,
        columns=_step_columns(t), on_select=funnel_people.clicked,
    )  # fmt: skip


def details(view: View, result: FunnelResult, comparison: FunnelComparison | None, by: str) -> None:
    """What moved, the groups, the time it takes."""
    if comparison is not None and result.n_entered and comparison.second.n_entered:
        _differences(view, comparison)
    if result.query.breakdown:
        _groups(view, result, comparison, by)
    _times(view, result, comparison)


def trend(view: View, query: FunnelQuery, comparison: FunnelComparison | None) -> None:
    """Conversion by bucket of entry: of the step that moved, else from start to end."""
    t = view.t
    first, last = _told_steps(query, comparison)
    names = words.step_names(query, t)
    period = longer(view)
    grain = "week" if view.grain == "day" else view.grain
    asked = FunnelTrendQuery(FunnelQuery(**_as_fields(query) | {"period": period}), grain, first, last)
    frame = cached(funnel.analyze_trend, view.workspace, asked)
    title = t("funnel.trend_title", first=names[first - 1], last=names[last - 1], grain=t(f"funnel.grain_{grain}"))
    subtitle = t(
        "funnel.trend_subtitle", window=words.window_text(query.window_seconds, t),
        period=t.date_range(period.first_date, period.last_date),
    )  # fmt: skip
    panel(
        plain(title), subtitle, charts.draw_trend(frame, t, view.palette), frame, name="funnel_trend",
        columns=_trend_columns(t),
    )  # fmt: skip


def steps_table(view: View, result: FunnelResult, comparison: FunnelComparison | None) -> None:
    """All numbers, step by step; those of the groups are behind their chart."""
    t = view.t
    frame = _readable(result.total, result, t)
    *columns, lost, median = _step_columns(t)
    if comparison is not None:
        frame = _with_reference(frame, comparison)
        columns += [
            Column("reference_share", _against(view, comparison), "share"),
            Column("difference", t("funnel.col_difference"), "points"),
            Column("p_adjusted", t("funnel.col_p"), "p"),
        ]
    columns += [lost, median]
    panel_head(t("funnel.table_title"), t("funnel.table_subtitle"), frame, name="funnel_table", columns=columns)
    table(frame, columns, name="funnel_steps")


def other_tools(view: View, query: FunnelQuery) -> None:
    """The same funnel under other products' rules; computed only when it is opened."""
    t = view.t
    shown = st.expander(t("funnel.presets_title"), key="funnel_other_tools", on_change="rerun")
    if not shown.open:
        return
    with shown:
        found = cached(funnel_presets.analyze, view.workspace, query)
        columns = _rule_columns(t)
        named = found.presets.assign(name=[t(f"funnel.preset_{name}") for name in found.presets["name"]])
        definition(t("funnel.presets_subtitle"))
        table(named, columns, name="funnel_presets", files=True)
        rules = found.sensitivity.assign(name=[t(f"funnel.rule_{name}") for name in found.sensitivity["name"]])
        definition(t("funnel.sensitivity_title"))
        table(rules, columns, name="funnel_sensitivity", files=True)


def definition_line(view: View, result: FunnelResult) -> None:
    """The rules behind the numbers, in one line."""
    t, query = view.t, result.query
    maturity = t("funnel.definition_immature", n=result.n_immature) if result.n_immature else ""
    definition(
        t("funnel.definition", window=words.window_text(query.window_seconds, t),
          order=t(f"funnel.definition_{query.order}"), reentry=t(f"funnel.definition_{query.reentry}"),
          maturity=maturity or t("funnel.definition_mature"))
    )  # fmt: skip


def _differences(view: View, comparison: FunnelComparison) -> None:
    t = view.t
    panel(
        plain(words.differences_title(comparison, t)), t("funnel.differences_subtitle"),
        charts.draw_differences(comparison, t, view.palette), comparison.steps, name="funnel_differences",
        columns=_difference_columns(t),
    )  # fmt: skip


def _groups(view: View, result: FunnelResult, comparison: FunnelComparison | None, by: str) -> None:
    t, palette = view.t, view.palette
    step = _told_steps(result.query, comparison)[1] if comparison else None
    names = words.step_names(result.query, t)
    title = t("funnel.groups_title", step=names[step - 1], by=by) if step else t("funnel.groups_title_total", by=by)
    told = t("funnel.groups_subtitle") if step else t("funnel.groups_subtitle_total")
    if comparison and step:
        shown = (palette.accent, view.period_name), (palette.comp, _against(view, comparison))
        told = spaced(t.language, *(mark(*one) for one in shown), told)
    panel(
        plain(title), told,
        charts.draw_groups(result, t, palette, step, comparison), _readable(result.steps, result, t),
        name="funnel_groups", columns=[Column("group", t("funnel.col_group")), *_step_columns(t)],
    )  # fmt: skip


def _times(view: View, result: FunnelResult, comparison: FunnelComparison | None) -> None:
    t, palette = view.t, view.palette
    reference = comparison.second if comparison else None
    legend = _legend(view, comparison, lambda one: one.n_converted)
    panel(
        plain(words.times_title(result, t)), spaced(t.language, *legend, t("funnel.times_subtitle")),
        charts.draw_times(result, t, palette, reference), result.time_to_convert(), name="funnel_times",
        columns=_time_columns(t),
    )  # fmt: skip


def _legend(view: View, comparison: FunnelComparison | None, size: Callable[[FunnelResult], int]) -> list[str]:
    """Which colour stands for the period and which for its reference, with their users; without one nothing."""
    if comparison is None:
        return []
    t, palette = view.t, view.palette
    sides = (
        (palette.accent, view.period_name, comparison.first),
        (palette.comp, _against(view, comparison), comparison.second),
    )
    return [mark(color, f"{name} {t.number(size(one))}") for color, name, one in sides]


def _against(view: View, comparison: FunnelComparison) -> str:
    same_period = str(comparison.first.query.period) == str(comparison.second.query.period)
    if not same_period:
        return view.compare_name
    segment = comparison.second.query.segment
    return plain(segment.name) if segment else view.t("funnel.everybody")


def _told_steps(query: FunnelQuery, comparison: FunnelComparison | None) -> tuple[int, int]:
    """The step that the answer speaks of and the one before it; start and end without one."""
    step = words.moved_step(comparison)
    if step is None:
        return 1, len(query.steps)
    return max(n for n, one in enumerate(query.steps, 1) if n < step and not one.optional), step


def longer(view: View) -> Period:
    """The period, with the weeks before it and the running one when it is short."""
    known = view.workspace.data_period()
    start, end = view.period.start, view.period.end
    if (end - start).days > 35:
        return Period(max(start, known.start), min(end, known.end))
    rules = view.workspace.rules
    # Whole weeks: the first days of a week would be few users on a wide interval.
    first = day_number(max(end - dt.timedelta(days=_TREND_DAYS), known.start).date()) + 6
    start = date_of(int(rules.bucket_starts([first], "week")[0]))
    return Period(min(start, view.period.first_date), min(end + dt.timedelta(days=7), known.end))


def _as_fields(query: FunnelQuery) -> dict[str, object]:
    return {name: getattr(query, name) for name in query.__dataclass_fields__}


def _readable(frame: pd.DataFrame, result: FunnelResult, t: Translator) -> pd.DataFrame:
    names = words.step_names(result.query, t)
    bounds = zip(frame["previous_low"], frame["previous_high"], strict=True)
    return frame.assign(
        group=[words.group_name(str(group), t) for group in frame["group"]],
        step_name=[f"{step}  {names[step - 1]}" for step in frame["step"]],
        interval=["—" if low != low else t.interval(t.share(low), t.share(high)) for low, high in bounds],
    )


def _with_reference(frame: pd.DataFrame, comparison: FunnelComparison) -> pd.DataFrame:
    moved = comparison.steps[["step", "reference_share", "difference", "p_adjusted"]]
    return frame.merge(moved, on="step", how="left")


def _trend_columns(t: Translator) -> list[Column]:
    return [
        Column("bucket", t("funnel.col_bucket"), "date"),
        Column("users", t("funnel.col_entered"), "count"),
        Column("converted", t("funnel.col_converted"), "count"),
        Column("share", t("funnel.col_share"), "share"),
        Column("share_low", t("funnel.col_low"), "share"),
        Column("share_high", t("funnel.col_high"), "share"),
        Column("n_immature", t("funnel.col_immature"), "count"),
    ]


def _step_columns(t: Translator) -> list[Column]:
    return [
        Column("step_name", t("funnel.col_step")),
        Column("users", t("funnel.col_users"), "count"),
        Column("conversion_from_start", t("funnel.col_start"), "share"),
        Column("conversion_from_previous", t("funnel.col_previous"), "bar"),
        Column("interval", t("funnel.col_interval")),
        Column("lost", t("funnel.col_lost"), "count"),
        Column("median_seconds", t("funnel.col_median"), "duration"),
    ]


def _difference_columns(t: Translator) -> list[Column]:
    kinds = {"users": "count", "n": "count", "share": "share", "reference_share": "share", "difference": "points",
             "low": "points", "high": "points", "p_adjusted": "p"}  # fmt: skip
    labels = {"users": "col_users", "n": "col_of", "share": "col_share", "reference_share": "col_reference_share",
              "difference": "col_difference", "low": "col_low", "high": "col_high", "p_adjusted": "col_p"}  # fmt: skip
    numbers = [Column(name, t(f"funnel.{labels[name]}"), kind) for name, kind in kinds.items()]
    return [Column("name", t("funnel.col_step")), *numbers]


def _time_columns(t: Translator) -> list[Column]:
    return [
        Column("from_seconds", t("funnel.col_from_seconds"), "count"),
        Column("to_seconds", t("funnel.col_to_seconds"), "count"),
        Column("users", t("funnel.col_users"), "count"),
        Column("share", t("funnel.col_share"), "share"),
    ]


def _rule_columns(t: Translator) -> list[Column]:
    return [
        Column("name", t("funnel.col_rule")),
        Column("users", t("funnel.col_entered"), "count"),
        Column("converted", t("funnel.col_converted"), "count"),
        Column("share", t("funnel.col_share"), "share"),
        Column("share_low", t("funnel.col_low"), "share"),
        Column("share_high", t("funnel.col_high"), "share"),
        Column("difference", t("funnel.col_difference"), "points"),
    ]
