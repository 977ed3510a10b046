"""Charts of a funnel: bars with their drop-off, what moved, groups, time to convert, trend."""

from __future__ import annotations

import html
import math

import pandas as pd
import plotly.graph_objects as go

from ops_core.analyses.funnel import FunnelComparison, FunnelResult
from ops_core.charts.funnel_words import group_name, p_text, span_names, step_names
from ops_core.charts.lines import spread_ticks
from ops_core.charts.theme import (
    LIGHT,
    Palette,
    band,
    end_label,
    figure,
    hatch,
    interval,
    number_column,
    partial,
    reference,
    row_name,
    whisker,
)
from ops_core.locale import Translator

_BAR, _THIN, _NAME_LIFT, _THIN_AT = 0.34, 0.11, 0.32, 0.26  # in rows
_COUNT_WIDTH, _SHARE_INSET, _RANGE_WIDTH, _VALUE_INSET = 132, 62, 190, 108  # in pixels
_WIDE_LOSS, _LONG_BAR = 0.3, 0.65
_GOOD_TICKS = 5
_NOT_CLICKED = 0.6


def draw(
    result: FunnelResult, t: Translator, palette: Palette = LIGHT, reference_result: FunnelResult | None = None
) -> go.Figure:
    """The funnel as horizontal bars: share of those who started, hatched what was lost since the previous step.

    A thin bar below is the reference; whiskers are Wilson 95 % intervals; on the right share and count.
    """
    rows = result.total.to_dict("records")
    names = step_names(result.query, t)
    fig = figure(palette, height=66 * len(rows) + 12, right=_COUNT_WIDTH)
    # A clicked bar stands out, the others stay readable.
    others = {"marker": {"opacity": _NOT_CLICKED}}
    places = list(range(len(rows)))
    shares = [_known(row["conversion_from_start"]) for row in rows]
    before = [shares[0], *(_share_before(rows, place) for place in places[1:])]
    fig.add_bar(
        y=places, x=shares, width=_BAR, orientation="h", marker={"color": palette.accent}, offset=-_BAR / 2,
        customdata=[_bar_hover(row, name, t) for row, name in zip(rows, names, strict=True)],
        hovertemplate="%{customdata}<extra></extra>", unselected=others,
    )  # fmt: skip
    lost = [max(0.0, previous - share) for previous, share in zip(before, shares, strict=True)]
    fig.add_bar(
        y=places, x=lost, base=shares, width=_BAR, orientation="h", marker=hatch(palette), offset=-_BAR / 2,
        customdata=[_lost_text(row, t) for row in rows], hovertemplate="%{customdata}<extra></extra>",
        unselected=others,
    )  # fmt: skip
    if reference_result is not None:
        _add_reference_bars(fig, reference_result, palette, t)
    for place, row in zip(places, rows, strict=True):
        # Beside a long bar there is no room for what was lost: it stands after the step's name.
        is_beside = lost[place] > _WIDE_LOSS or before[place] < _LONG_BAR
        note = t("funnel.optional") if row["optional"] else "" if is_beside or not lost[place] else _lost_text(row, t)
        row_name(fig, palette, place, f"{place + 1}  {names[place]}", note, lift=_NAME_LIFT)
        if not math.isnan(row["share_low"]):
            whisker(fig, palette, place, row["share_low"], row["share_high"])
        if is_beside:
            _add_lost_label(fig, palette, place, row, shares[place], lost[place], t)
    number_column(
        fig, palette, [(place, t.share(row["conversion_from_start"])) for place, row in enumerate(rows)],
        inset=_SHARE_INSET, bold=True, color=palette.ink,
    )  # fmt: skip
    number_column(fig, palette, [(place, t.number(row["users"])) for place, row in enumerate(rows)])
    fig.update_xaxes(range=[0, 1], visible=False)
    fig.update_yaxes(range=[len(rows) - 0.55, -0.55], visible=False)
    return fig


def draw_differences(comparison: FunnelComparison, t: Translator, palette: Palette = LIGHT) -> go.Figure:
    """How each step's conversion moved, in points: dot and 95 % interval, filled and coloured only when clear."""
    rows = comparison.steps.to_dict("records")
    names = step_names(comparison.first.query, t)
    fig = figure(palette, height=66 * len(rows) + 40, right=_RANGE_WIDTH)
    reached = [0.0]
    for place, row in enumerate(rows):
        name = t("funnel.from_to", first=_previous_name(comparison, row, names), last=names[row["step"] - 1])
        row_name(fig, palette, place, name, bold=bool(row["is_clear"]), lift=_NAME_LIFT)
        color = palette.change(row["difference"], "up", bool(row["is_clear"]))
        if math.isnan(row["low"]):
            number_column(fig, palette, [(place, t.points(row["difference"]))], inset=_VALUE_INSET)
            continue
        low, middle, high = (100 * row[part] for part in ("low", "difference", "high"))
        interval(
            fig, palette, place, middle, low, high, color=color, clear=bool(row["is_clear"]),
            hover=_difference_hover(name, row, t),
        )  # fmt: skip
        reached += [low, high]
        arrow = ("▲ " if middle > 0 else "▼ ") if row["is_clear"] else ""
        number_column(
            fig, palette, [(place, arrow + t.points(row["difference"]))], inset=_VALUE_INSET,
            bold=bool(row["is_clear"]), color=color,
        )  # fmt: skip
        number_column(fig, palette, [(place, t.interval(t.points(row["low"]), t.points(row["high"])))])
    room = 0.06 * (max(reached) - min(reached) or 1)
    bounds = [min(reached) - room, max(reached) + room]
    fig.update_xaxes(range=bounds, showgrid=True, gridcolor=palette.grid, showline=False)
    _signed_ticks(fig, min(reached), max(reached), t)
    reference(fig, palette, x=0, solid=True)
    fig.update_yaxes(range=[len(rows) - 0.5, -0.6], showgrid=False, showticklabels=False)
    return fig


def draw_groups(
    result: FunnelResult, t: Translator, palette: Palette = LIGHT, step: int | None = None,
    comparison: FunnelComparison | None = None,
) -> go.Figure:  # fmt: skip
    """Conversion by breakdown group: to one step from the previous one, or from start to end without `step`."""
    rows = _group_rows(result, step, comparison)
    fig = figure(palette, height=58 * len(rows) + 44, right=_COUNT_WIDTH)
    reached: list[float] = []
    for place, row in enumerate(rows):
        note = t("funnel.n_equals", total=t.number(row["n"]))
        row_name(fig, palette, place, group_name(row["group"], t), note, bold=bool(row.get("is_clear")), lift=0.3)
        if math.isnan(row["share"]):
            number_column(fig, palette, [(place, t.share(row["share"]))])
            continue
        told = html.escape(group_name(row["group"], t)) + "<br>" + _of_text(row["users"], row["n"], row["share"], t)
        interval(fig, palette, place, row["share"], row["low"], row["high"], color=palette.accent, hover=told)
        reached += [row["low"], row["high"]]
        text, color = t.share(row["share"]), palette.ink
        if comparison is not None and not math.isnan(row["reference_share"]):
            ends = row["reference_low"], row["reference_high"]
            interval(fig, palette, place + 0.16, row["reference_share"], *ends, color=palette.comp, clear=False, size=8)
            reached += ends
            color = palette.change(row["difference"], "up", bool(row["is_clear"]))
            arrow = ("▲ " if row["difference"] > 0 else "▼ ") if row["is_clear"] else ""
            text = arrow + t("funnel.from_to", first=t.share(row["reference_share"]), last=t.share(row["share"]))
        number_column(fig, palette, [(place, text)], color=color, bold=bool(row.get("is_clear")))
    low, high = min(reached, default=0.0), max(reached, default=1.0)
    room = 0.08 * (high - low or 1)
    fig.update_xaxes(
        range=[max(0.0, low - room), min(1.0, high + room)], tickformat=".0%", showgrid=True, gridcolor=palette.grid,
        showline=False, nticks=_GOOD_TICKS,
    )  # fmt: skip
    fig.update_yaxes(range=[len(rows) - 0.45, -0.6], showgrid=False, showticklabels=False)
    return fig


def draw_times(
    result: FunnelResult, t: Translator, palette: Palette = LIGHT, reference_result: FunnelResult | None = None
) -> go.Figure:
    """Time from the first event to the last step: share of the converted by stretch, the reference as wide ghosts."""
    table = result.time_to_convert()
    names = span_names([*table["from_seconds"], table["to_seconds"].iloc[-1]], t)
    fig = figure(palette, height=260, top=22)
    places = list(range(len(names)))
    tallest = table["share"].fillna(0).tolist()
    if reference_result is not None:
        ghost = reference_result.time_to_convert()
        fig.add_bar(
            x=places, y=ghost["share"], width=0.82, hoverinfo="skip",
            marker={"color": palette.comp_soft, "line": {"color": palette.comp, "width": 1}},
        )  # fmt: skip
        tallest = [max(ours, theirs) for ours, theirs in zip(tallest, ghost["share"].fillna(0), strict=True)]
    fig.add_bar(
        x=places, y=table["share"], width=0.5, marker={"color": palette.accent},
        customdata=[
            name + "<br>" + _of_text(users, table["users"].sum(), share, t)
            for name, users, share in zip(names, table["users"], table["share"], strict=True)
        ],
        hovertemplate="%{customdata}<extra></extra>",
    )  # fmt: skip
    for place, share, top in zip(places, table["share"], tallest, strict=True):
        fig.add_annotation(
            x=place, y=top, text=t.share(share, 0), showarrow=False, yanchor="bottom", font={"color": palette.ink}
        )
    fig.update_layout(barmode="overlay")
    fig.update_xaxes(tickvals=places, ticktext=names, showline=True)
    fig.update_yaxes(visible=False, rangemode="tozero")
    return fig


def draw_trend(trend: pd.DataFrame, t: Translator, palette: Palette = LIGHT) -> go.Figure:
    """Conversion by bucket of entry with its interval; what is not over or not mature is dotted and hollow."""
    fig = figure(palette, height=300, right=104, hover="x")
    known = trend[trend["share"].notna()]
    whole = known[~known["partial"] & known["mature"]]
    if len(whole):
        x = whole["bucket"].tolist()
        band(fig, x, whole["share_low"].tolist(), whole["share_high"].tolist(), palette.accent)
        if len(whole) > 2:
            reference(fig, palette, y=float(whole["share"].iloc[:-1].median()))
        fig.add_scatter(
            x=x, y=whole["share"], mode="lines+markers", line={"color": palette.accent, "width": 2},
            marker={"size": [5] * (len(x) - 1) + [8], "color": palette.accent}, cliponaxis=False,
            customdata=[_trend_hover(row, t) for row in whole.to_dict("records")],
            hovertemplate="%{customdata}<extra></extra>",
        )  # fmt: skip
        last = float(whole["share"].iloc[-1])
        # On the other side of the point than the dotted line to the bucket that is still open.
        aside = -14 if float(known["share"].iloc[-1]) > last else 14
        end_label(fig, palette, x[-1], last, t.share(last), shift=aside if known["bucket"].iloc[-1] > x[-1] else 0)
    _add_open_buckets(fig, known, whole, t, palette)
    low = float(known["share_low"].min()) if len(known) else 0.0
    high = float(known["share_high"].max()) if len(known) else 1.0
    room = 0.12 * (high - low or 1)
    fig.update_yaxes(range=[max(0.0, low - room), min(1.0, high + room)], tickformat=".0%", nticks=_GOOD_TICKS)
    spread_ticks(fig, known["bucket"].tolist(), [t.date(day) for day in known["bucket"]])
    return fig


def _add_open_buckets(
    fig: go.Figure, known: pd.DataFrame, whole: pd.DataFrame, t: Translator, palette: Palette
) -> None:
    opened = known[known["partial"] | ~known["mature"]]
    for row in opened.to_dict("records"):
        before = whole[whole["bucket"] < row["bucket"]]
        is_last = len(before) == len(whole) and len(whole)
        x = [before["bucket"].iloc[-1], row["bucket"]] if is_last else [row["bucket"]]
        y = [before["share"].iloc[-1], row["share"]] if is_last else [row["share"]]
        partial(fig, palette, x, y)
        fig.add_scatter(
            x=[row["bucket"]] * 2, y=[row["share_low"], row["share_high"]], mode="lines",
            line={"color": palette.accent, "width": 2, "dash": "dot"}, hoverinfo="skip",
        )  # fmt: skip
        fig.add_scatter(
            x=[row["bucket"]], y=[row["share"]], mode="markers", marker={"size": 9, "opacity": 0},
            customdata=[_trend_hover(row, t)], hovertemplate="%{customdata}<extra></extra>",
        )  # fmt: skip
    if len(opened) and len(whole) and opened["bucket"].iloc[-1] > whole["bucket"].iloc[-1]:
        last = opened.iloc[-1]
        word = t("funnel.bucket_immature") if not last["mature"] else t("funnel.bucket_partial")
        end_label(fig, palette, last["bucket"], float(last["share"]), word, color=palette.ink2)


def _add_reference_bars(fig: go.Figure, result: FunnelResult, palette: Palette, t: Translator) -> None:
    rows = result.total.to_dict("records")
    names = step_names(result.query, t)
    fig.add_bar(
        y=list(range(len(rows))), x=[_known(row["conversion_from_start"]) for row in rows], width=_THIN,
        orientation="h", offset=_THIN_AT - _THIN / 2, marker={"color": palette.comp},
        customdata=[_bar_hover(row, name, t) for row, name in zip(rows, names, strict=True)],
        hovertemplate="%{customdata}<extra></extra>",
    )  # fmt: skip


def _add_lost_label(
    fig: go.Figure, palette: Palette, place: int, row: dict, share: float, lost: float, t: Translator
) -> None:
    if not lost or row["optional"]:
        return
    wide = lost > _WIDE_LOSS
    fig.add_annotation(
        x=share + lost / 2 if wide else share + lost, y=place, text=_lost_text(row, t), showarrow=False,
        xanchor="center" if wide else "left", xshift=0 if wide else 7, font={"color": palette.ink2},
        bgcolor=palette.surface if wide else None, borderpad=1,
    )  # fmt: skip


def _group_rows(result: FunnelResult, step: int | None, comparison: FunnelComparison | None) -> list[dict]:
    last = step or len(result.query.steps)
    table = result.steps[result.steps["step"] == last]
    own = {"low": "previous_low", "high": "previous_high", "share": "conversion_from_previous", "n": "of_previous"}
    if step is None:
        own = {"low": "share_low", "high": "share_high", "share": "conversion_from_start", "n": "of_start"}
    rows = [{"group": row["group"], "users": row["users"], **{k: row[v] for k, v in own.items()}}
            for row in table.to_dict("records")]  # fmt: skip
    if comparison is None or step is None:
        return rows
    moved = comparison.groups(step).set_index("group")
    taken = ["reference_share", "reference_low", "reference_high", "difference", "is_clear"]
    empty = dict.fromkeys(taken, math.nan) | {"is_clear": False}
    return [row | (moved.loc[row["group"], taken].to_dict() if row["group"] in moved.index else empty) for row in rows]


def _share_before(rows: list[dict], place: int) -> float:
    required = [row for row in rows[:place] if not row["optional"]]
    return _known(required[-1]["conversion_from_start"])


def _previous_name(comparison: FunnelComparison, row: dict, names: list[str]) -> str:
    raw = [step.name for step in comparison.first.query.steps[: row["step"] - 1]]
    return names[len(raw) - 1 - raw[::-1].index(row["previous_name"])]


def _known(value: float) -> float:
    return 0.0 if math.isnan(value) else value


def _lost_text(row: dict, t: Translator) -> str:
    if math.isnan(_number(row["lost"])) or not row["of_previous"]:
        return ""
    return t("funnel.lost", users=t.number(row["lost"]), share=t.share(row["lost"] / row["of_previous"], 0))


def _number(value: object) -> float:
    return math.nan if value is None else float(value)


def _of_text(users: float, n: float, share: float, t: Translator) -> str:
    return t("funnel.hover_of", users=t.number(users), total=t.number(n), share=t.share(share))


def _bar_hover(row: dict, name: str, t: Translator) -> str:
    lines = [html.escape(name), _of_text(row["users"], row["of_start"], row["conversion_from_start"], t)]
    if not math.isnan(row["share_low"]):
        lines.append(
            t("funnel.hover_interval", range=t.interval(t.share(row["share_low"]), t.share(row["share_high"])))
        )
        lines.append(
            t("funnel.hover_previous", users=t.number(row["users"]), total=t.number(row["of_previous"]),
              share=t.share(row["conversion_from_previous"]))
        )  # fmt: skip
        lines.append(t("funnel.hover_time", time=t.duration(row["median_seconds"])))
    return "<br>".join(lines)


def _difference_hover(name: str, row: dict, t: Translator) -> str:
    before = _of_text(row["reference_users"], row["reference_n"], row["reference_share"], t)
    now = _of_text(row["users"], row["n"], row["share"], t)
    return "<br>".join([html.escape(name), t("funnel.from_to", first=before, last=now), p_text(row["p_adjusted"], t)])


def _trend_hover(row: dict, t: Translator) -> str:
    lines = [t.date(row["bucket"]), _of_text(row["converted"], row["users"], row["share"], t)]
    lines.append(t("funnel.hover_interval", range=t.interval(t.share(row["share_low"]), t.share(row["share_high"]))))
    if row["n_immature"]:
        lines.append(t("funnel.hover_immature", n=int(row["n_immature"])))
    return "<br>".join(lines)


def _signed_ticks(fig: go.Figure, low: float, high: float, t: Translator) -> None:
    step = _nice((high - low) / 4 or 1)
    first = math.ceil(low / step)
    values = [place * step for place in range(first, math.floor(high / step) + 1)]
    digits = 0 if step >= 1 else 1
    fig.update_xaxes(tickvals=values, ticktext=[t.signed(value, digits) if value else "0" for value in values])


def _nice(value: float) -> float:
    power = 10.0 ** math.floor(math.log10(value))
    return next(power * unit for unit in (1, 2, 4, 5, 10) if power * unit >= value)
