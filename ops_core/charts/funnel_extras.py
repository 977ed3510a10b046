"""Charts beyond the funnel's rates: time to convert over time, AARRR of new users."""

from __future__ import annotations

import math

import pandas as pd
import plotly.graph_objects as go

from ops_core.analyses.funnel_aarrr import AarrrResult
from ops_core.charts.lines import spread_ticks
from ops_core.charts.theme import LIGHT, Palette, band, figure, number_column, row_name, whisker
from ops_core.locale import Translator

_COUNT_WIDTH, _SHARE_INSET = 150, 84  # in pixels
_UNITS = ((86_400, "days"), (3_600, "hours"), (60, "minutes"), (1, "seconds"))


def draw_times_trend(times: pd.DataFrame, t: Translator, palette: Palette = LIGHT) -> go.Figure:
    """Median time to convert by bucket, band: the middle half of the users; a bucket that is not over is dotted."""
    fig = figure(palette, height=260, hover="x")
    whole = times[~times["partial"]]
    highest = float(times["q3_seconds"].max()) if len(times) else 1.0
    size, unit = next((size, unit) for size, unit in _UNITS if highest >= size or size == 1)
    if len(whole):
        x = whole["bucket"].tolist()
        band(fig, x, (whole["q1_seconds"] / size).tolist(), (whole["q3_seconds"] / size).tolist(), palette.accent)
        _add_line(fig, whole, size, t, {"color": palette.accent, "width": 2}, {"color": palette.accent, "size": 6})
    opened = times[times["partial"]]
    if len(opened):
        # The running bucket is joined to the last whole one, dotted.
        joined = pd.concat([whole.tail(1), opened.tail(1)]) if len(whole) else opened.tail(1)
        hollow = {"color": palette.bg, "size": 8, "line": {"color": palette.accent, "width": 1.5}}
        _add_line(fig, joined, size, t, {"color": palette.accent, "width": 2, "dash": "dot"}, hollow)
    spread_ticks(fig, times["bucket"].tolist(), [t.date(bucket) for bucket in times["bucket"]])
    fig.update_yaxes(
        rangemode="tozero", nticks=4, showgrid=True, gridcolor=palette.grid, ticksuffix=" " + t(f"funnel.unit_{unit}")
    )
    return fig


def draw_aarrr(result: AarrrResult, t: Translator, palette: Palette = LIGHT) -> go.Figure:
    """Each stage as a share of the new users whose days for it are over, with its interval, n on the right."""
    rows = result.total.to_dict("records")
    fig = figure(palette, height=66 * len(rows) + 12, right=_COUNT_WIDTH)
    shares = [0.0 if math.isnan(row["share"]) else row["share"] for row in rows]
    fig.add_bar(
        y=list(range(len(rows))), x=shares, width=0.34, orientation="h", marker={"color": palette.accent},
        customdata=[_aarrr_hover(row, t) for row in rows], hovertemplate="%{customdata}<extra></extra>",
    )  # fmt: skip
    for place, row in enumerate(rows):
        name, rule = t(f"funnel.aarrr_{row['stage']}"), t(f"funnel.aarrr_rule_{row['stage']}")
        row_name(fig, palette, place, name, rule, lift=0.32)
        if not math.isnan(row["share_low"]):
            whisker(fig, palette, place, row["share_low"], row["share_high"])
    number_column(
        fig, palette, [(place, t.share(row["share"])) for place, row in enumerate(rows)], inset=_SHARE_INSET, bold=True,
        color=palette.ink,
    )  # fmt: skip
    number_column(fig, palette, [(place, t.number(row["users"])) for place, row in enumerate(rows)])
    fig.update_xaxes(range=[0, 1], visible=False)
    fig.update_yaxes(range=[len(rows) - 0.55, -0.6], visible=False)
    return fig


def aarrr_title(result: AarrrResult, t: Translator) -> str:
    """Of 100 new users, how many activate, stay and pay; only what is known."""
    known = result.total.set_index("stage")["share"]
    if not result.n_new:
        return t("funnel.aarrr_nobody")
    parts = [
        t(f"funnel.aarrr_of_{stage}", of_100=t.number(known[stage] * 100, 0))
        for stage in ("activation", "retention", "revenue")
        if not math.isnan(known[stage])
    ]
    return t("funnel.aarrr_finding", parts=t.join(parts)) if parts else t("funnel.aarrr_too_young")


def _add_line(
    fig: go.Figure, rows: pd.DataFrame, size: int, t: Translator, line: dict[str, object], marker: dict[str, object]
) -> None:
    fig.add_scatter(
        x=rows["bucket"], y=rows["median_seconds"] / size, mode="lines+markers", line=line, marker=marker,
        cliponaxis=False, customdata=[_time_hover(row, t) for row in rows.to_dict("records")],
        hovertemplate="%{customdata}<extra></extra>",
    )  # fmt: skip


def _time_hover(row: dict, t: Translator) -> str:
    middle = t.interval(t.duration(row["q1_seconds"]), t.duration(row["q3_seconds"]))
    lines = [t.date(row["bucket"]), t("funnel.hover_median", time=t.duration(row["median_seconds"]), middle=middle)]
    lines.append(t("funnel.n_equals", total=t.number(row["users"])))
    return "<br>".join([*lines, t("funnel.bucket_partial")] if row["partial"] else lines)


def _aarrr_hover(row: dict, t: Translator) -> str:
    lines = [t("funnel.hover_of", users=t.number(row["users"]), total=t.number(row["n"]), share=t.share(row["share"]))]
    if not math.isnan(row["share_low"]):
        bounds = t.interval(t.share(row["share_low"]), t.share(row["share_high"]))
        lines.append(t("funnel.hover_interval", range=bounds))
    if row["n_open"]:
        lines.append(t("funnel.aarrr_open", n=int(row["n_open"])))
    return "<br>".join(lines)
