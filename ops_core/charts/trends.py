"""Charts of a trend: the lines with their normal range, the groups of a breakdown, the outlook on a target."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from ops_core.analyses.outlook import Outlook
from ops_core.analyses.trends import MISSING, OTHER, TrendsResult
from ops_core.charts.annotations import Marked, draw_marks, escaped, marked_buckets, words
from ops_core.charts.lines import BELOW, end_names, label_width, money_tick, spread_ticks, value_ticks
from ops_core.charts.theme import (
    LIGHT,
    MARKERS,
    Palette,
    band,
    end_label,
    figure,
    number_column,
    number_header,
    partial,
    reference,
    row_name,
)
from ops_core.charts.trends_words import (
    bucket_text,
    group_name,
    is_count,
    is_money,
    is_share,
    line_name,
    signed_text,
    starts_at_zero,
    tick_text,
    value_text,
)
from ops_core.locale import Translator
from ops_core.model.annotations import Annotation

_MOST_LINES = 6
_MOST_LABELS = 4
_APART = 20  # pixels between columns of numbers
_ROW = 52


def draw(
    result: TrendsResult, t: Translator, palette: Palette = LIGHT, annotations: Sequence[Annotation] = ()
) -> go.Figure:
    """Every line and group over time; one line alone with its normal range, comparison and unusual points.

    `annotations` are marked where they touch the buckets.
    """
    lines = _lines(result)
    buckets = lines[0].bucket if lines else []
    marked = marked_buckets(buckets, annotations)
    alone = len(lines) == 1
    fig = figure(palette, height=336, right=16, hover="x", top=18)
    ends: list[tuple[float, object, str, str]] = []
    for place, rows in enumerate(lines):
        color = palette.accent if alone else palette.series(place)
        name = group_name(rows.group, t) if result.query.breakdown else line_name(result.query, rows.line, t)
        if alone:
            _range(fig, rows, palette)
            _comparison(fig, result, rows, t, palette)
        symbol = MARKERS[min(place, len(MARKERS) - 1)]
        _line(fig, result, rows, color, name, symbol, t, palette, alone=alone, marked=marked)
        known = np.flatnonzero(~np.isnan(rows.value))
        if len(known):
            ends.append((float(rows.value[known[-1]]), rows.bucket[known[-1]], name, color))
    axis_range = _axis_range(result)
    if alone:
        _unusual(fig, result, lines[0], t, palette)
    else:
        end_names(fig, palette, ends, axis_range)
    if marked:
        draw_marks(fig, marked, buckets, t, palette)
    _value_axis(fig, result, axis_range, t)
    _ticks(fig, buckets, lambda bucket: tick_text(result.query, bucket, t))
    return fig


def draw_groups(result: TrendsResult, t: Translator, palette: Palette = LIGHT) -> go.Figure:
    """The groups' figures over the period as bars, thin bars below for the comparison, change on the right."""
    rows = result.totals[result.totals["line"] == result.query.line_names[0]]
    is_rest = rows["group"].isin([OTHER, MISSING])
    rows = rows.assign(rest=is_rest).sort_values(["rest", "value"], ascending=[True, False]).reset_index(drop=True)
    compared = rows["compare_value"].notna().any()
    values = [(place, value_text(result, row["value"], t)) for place, row in rows.iterrows()]
    changes = [(place, _change_text(result, row, t)) for place, row in rows.iterrows()] if compared else []
    room, inset = (_APART + max((label_width(text) for _, text in texts), default=0) for texts in (values, changes))
    fig = figure(palette, height=_ROW * max(len(rows), 1) + 34, right=room + inset, top=20)
    fig.update_xaxes(visible=False, rangemode="tozero")
    fig.update_yaxes(range=[len(rows) - 0.4, -0.62], showticklabels=False, showgrid=False)
    fig.add_bar(
        y=rows.index, x=rows["value"], orientation="h", width=0.34, marker={"color": palette.accent}, hoverinfo="skip"
    )
    if compared:
        fig.add_bar(
            y=rows.index + 0.25, x=rows["compare_value"], orientation="h", width=0.11, marker={"color": palette.comp},
            hoverinfo="skip",
        )  # fmt: skip
    fig.update_layout(barmode="overlay")
    for place, row in rows.iterrows():
        share = t.share(row["share"]) if row["share"] == row["share"] else ""
        row_name(fig, palette, place, group_name(row["group"], t), share, lift=0.39)
    number_column(fig, palette, values, inset=inset if compared else 0, bold=True, color=palette.ink)
    if compared:
        number_column(fig, palette, changes)
        number_header(fig, palette, t("trends.change"))
    return fig


def draw_outlook(outlook: Outlook, result: TrendsResult, t: Translator, palette: Palette = LIGHT) -> go.Figure:
    """What is there, the forecast with its interval, and the target as a dotted line."""
    fig = figure(palette, height=280, right=86, hover="x", top=18)
    known, ahead = (outlook.path[outlook.path["is_forecast"] == later] for later in (False, True))
    fig.add_scatter(
        x=known["bucket"], y=known["value"], mode="lines", line={"color": palette.accent, "width": 2},
        customdata=[value_text(result, value, t, exact=True) for value in known["value"]],
        hovertemplate="%{customdata}<extra></extra>", cliponaxis=False,
    )  # fmt: skip
    if len(ahead):
        joined = pd.concat([known.tail(1).assign(low=known["value"].tail(1), high=known["value"].tail(1)), ahead])
        band(fig, joined["bucket"].tolist(), joined["low"].tolist(), joined["high"].tolist(), palette.accent)
        fig.add_scatter(
            x=joined["bucket"], y=joined["value"], mode="lines",
            line={"color": palette.accent, "width": 2, "dash": "dot"}, cliponaxis=False,
            customdata=[
                t("trends.outlook_hover", value=value_text(result, row.value, t),
                  range=t.interval(value_text(result, row.low, t), value_text(result, row.high, t)))
                for row in joined.itertuples()
            ],
            hovertemplate="%{customdata}<extra></extra>",
        )  # fmt: skip
        end_label(fig, palette, ahead["bucket"].iloc[-1], float(ahead["value"].iloc[-1]),
                  value_text(result, float(ahead["value"].iloc[-1]), t), color=palette.accent)  # fmt: skip
    reference(fig, palette, y=outlook.target)
    label = t("trends.target_label", target=value_text(result, outlook.target, t))
    fig.add_annotation(
        x=0, xref="paper", y=outlook.target, text=label,
        showarrow=False, xanchor="left", yanchor="bottom", font={"color": palette.ink2},
    )  # fmt: skip
    highest = max(outlook.target, outlook.path["high"].max(), outlook.path["value"].max())
    lowest = 0.0 if outlook.adds_up else min(outlook.target, outlook.path["low"].min(), outlook.path["value"].min())
    room = 0.1 * (highest - lowest or 1.0)
    axis_range = (lowest - (0 if outlook.adds_up else room), highest + room)
    _value_axis(fig, result, axis_range, t)
    _ticks(fig, outlook.path["bucket"].tolist(), lambda bucket: t.date(bucket.date()))
    return fig


def table(result: TrendsResult, t: Translator, annotations: Sequence[Annotation] = ()) -> pd.DataFrame:
    """What the chart shows, row by row, newest first, in words and numbers; `calendar` where an annotation falls."""
    rows = result.points.sort_values("bucket", ascending=False, kind="stable")
    if all(series.is_count for series in result.query.series) and not is_share(result):
        rows = rows.assign(normal_low=rows["normal_low"].round(), normal_high=rows["normal_high"].round())
    shown = pd.DataFrame({"bucket": [bucket_text(result.query, bucket, t, year=True) for bucket in rows["bucket"]]})
    if result.query.breakdown:
        shown["group"] = [group_name(group, t) for group in rows["group"]]
    if len(result.query.line_names) > 1:
        shown["line"] = [line_name(result.query, line, t) for line in rows["line"]]
    kept = ["value", "numerator", "denominator", "compare_value", "difference", "relative", "normal_low", "normal_high"]
    for name in kept:
        if name in rows and rows[name].notna().any():
            shown[name] = rows[name].to_numpy() + 0.0  # no −0
    unusual = {-1: t("trends.unusually_low"), 0: "", 1: t("trends.unusually_high")}
    notes = [unusual[one] for one in rows["unusual"]]
    shown["note"] = [
        t("trends.incomplete") if late else note for late, note in zip(rows["partial"], notes, strict=True)
    ]
    marked = marked_buckets(result.points["bucket"].drop_duplicates().tolist(), annotations)
    if marked:
        shown["calendar"] = [words(marked, bucket, t) for bucket in rows["bucket"]]
    return shown


# Pieces ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Rows:
    """The points of one line and group, in order of time."""

    line: str
    group: str
    x: np.ndarray
    bucket: list[pd.Timestamp]
    value: np.ndarray
    partial: np.ndarray
    in_period: np.ndarray
    normal_low: np.ndarray
    normal_high: np.ndarray
    unusual: np.ndarray
    compare_value: np.ndarray | None = None
    compare_bucket: list[pd.Timestamp] | None = None

    def buckets(self, places: Sequence[int]) -> list[pd.Timestamp]:
        """The buckets at some places."""
        return [self.bucket[place] for place in places]


def _lines(result: TrendsResult) -> list[_Rows]:
    """The first lines and groups, as many as a chart shows."""
    points = result.points
    names = [field.name for field in fields(_Rows) if field.name in points]
    columns = {name: points[name].to_numpy() for name in names} | {"x": points["bucket"].to_numpy()}
    for name in ("bucket", "compare_bucket"):
        if name in columns:
            columns[name] = points[name].tolist()
    line, group = columns.pop("line"), columns.pop("group")
    starts = [0, *(np.flatnonzero((line[1:] != line[:-1]) | (group[1:] != group[:-1])) + 1), len(points)]
    return [
        _Rows(line[first], group[first], **{name: column[first:end] for name, column in columns.items()})
        for first, end in itertools.pairwise(starts[: _MOST_LINES + 1])
        if first < end
    ]


def _range(fig: go.Figure, rows: _Rows, palette: Palette) -> None:
    known = np.flatnonzero(~np.isnan(rows.normal_low) & ~rows.partial)
    if len(known) > 1:
        low, high = rows.normal_low[known].tolist(), rows.normal_high[known].tolist()
        band(fig, rows.buckets(known), low, high, palette.comp, 0.16)


def _comparison(fig: go.Figure, result: TrendsResult, rows: _Rows, t: Translator, palette: Palette) -> None:
    if rows.compare_value is None or np.isnan(rows.compare_value).all():
        return
    lone = np.count_nonzero(~np.isnan(rows.compare_value)) == 1  # no line leads to it
    fig.add_scatter(
        x=rows.x, y=rows.compare_value, mode="markers" if lone else "lines", marker={"color": palette.comp, "size": 7},
        cliponaxis=False,
        line={"color": palette.comp, "width": 1.5, "dash": "dash"},
        customdata=[
            t("trends.compare_hover", bucket=bucket_text(result.query, bucket, t),
              value=value_text(result, value, t, exact=True)) if value == value else ""
            for bucket, value in zip(rows.compare_bucket, rows.compare_value.tolist(), strict=True)
        ],
        hovertemplate="%{customdata}<extra></extra>",
    )  # fmt: skip


def _line(
    fig: go.Figure, result: TrendsResult, rows: _Rows, color: str, name: str, symbol: str, t: Translator,
    palette: Palette, *, alone: bool, marked: Marked,
) -> None:  # fmt: skip
    own = np.flatnonzero(~rows.partial & rows.in_period if alone else ~rows.partial)
    context = np.flatnonzero(~rows.partial & ~rows.in_period) if alone else own[:0]
    if len(context):
        # The line goes on into the period, so that there is no gap between the two.
        context = np.append(context, own[:1])
    for places, ink in ((context, palette.comp), (own, color)):
        if not len(places):
            continue
        few = len(places) <= 45
        fig.add_scatter(
            x=rows.x[places], y=rows.value[places], name=name, cliponaxis=False, connectgaps=False,
            mode="lines+markers" if few else "lines", line={"color": ink, "width": 2},
            marker={"size": 5, "symbol": symbol, "color": ink},
            customdata=[_hover(result, rows, place, name, t, marked, alone=alone) for place in places.tolist()],
            hovertemplate="%{customdata}<extra></extra>",
        )  # fmt: skip
    whole, late = np.flatnonzero(~rows.partial), np.flatnonzero(rows.partial)
    after = late[late > (whole[-1] if len(whole) else late[:1])]
    if len(after):
        both = np.append(whole[-1:], after)
        partial(fig, palette, rows.buckets(both), rows.value[both].tolist(), color=color)


def _hover(
    result: TrendsResult, rows: _Rows, place: int, name: str, t: Translator, marked: Marked, *, alone: bool
) -> str:
    bucket = bucket_text(result.query, rows.bucket[place], t)
    value = value_text(result, float(rows.value[place]), t, exact=True)
    if not alone:
        told = t("trends.hover_group", bucket=bucket, value=value, name=name)
    elif np.isnan(rows.normal_low[place]):
        told = t("trends.hover", bucket=bucket, value=value)
    else:
        low, high = (value_text(result, float(edge[place]), t) for edge in (rows.normal_low, rows.normal_high))
        told = t("trends.hover_normal", bucket=bucket, value=value, range=t.interval(low, high))
    happened = escaped(words(marked, rows.bucket[place], t))
    return f"{told}<br>{happened}" if happened else told


def _unusual(fig: go.Figure, result: TrendsResult, rows: _Rows, t: Translator, palette: Palette) -> None:
    """Unusual points stand out; whether high is good is not known of an event, so they are ink, not green or rust."""
    marked = np.flatnonzero(rows.unusual)
    if not len(marked):
        return
    fig.add_scatter(
        x=rows.x[marked], y=rows.value[marked], mode="markers", hoverinfo="skip", cliponaxis=False,
        marker={"size": 9, "color": palette.ink, "line": {"color": palette.bg, "width": 1.5}},
    )  # fmt: skip
    # Labels of neighbours would lie on each other: from the newest back, those with room between them.
    room, last, n_labels = max(2, len(rows.bucket) // 12), len(rows.bucket) * 2, 0
    for place in marked[::-1].tolist():
        if last - place < room or n_labels == _MOST_LABELS:
            continue
        last, n_labels = place, n_labels + 1
        is_high, value = rows.unusual[place] > 0, float(rows.value[place])
        fig.add_annotation(
            x=rows.bucket[place], y=value, text=("▲ " if is_high else "▼ ") + value_text(result, value, t),
            showarrow=False, yshift=14 if is_high else -14, font={"color": palette.ink},
        )  # fmt: skip


def _axis_range(result: TrendsResult) -> tuple[float, float]:
    shown = [name for name in ("value", "compare_value", "normal_low", "normal_high") if name in result.points]
    values = np.concatenate([result.points[name].to_numpy() for name in shown])
    known = values[~np.isnan(values)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (np.nan, np.nan)
    room = 0.06 * ((high - low) or abs(high) or 1.0)
    return min(low, 0) if starts_at_zero(result) else low - room, high + room


def _value_axis(fig: go.Figure, result: TrendsResult, axis_range: tuple[float, float], t: Translator) -> None:
    """Round ticks, written as the reader's language writes numbers (1.5万, 15K)."""
    if is_share(result):
        narrow = axis_range[1] - axis_range[0] < 0.04
        value_ticks(fig, axis_range, lambda share: t.share(share, 1 if narrow else 0))
    else:
        value_ticks(fig, axis_range, money_tick(t) if is_money(result) else t.compact, whole=is_count(result))


def _ticks(fig: go.Figure, buckets: Sequence[pd.Timestamp], text: object) -> None:
    spread_ticks(fig, buckets, [text(bucket) for bucket in buckets])
    fig.with_room(bottom=BELOW)


def _change_text(result: TrendsResult, row: pd.Series, t: Translator) -> str:
    if row["difference"] != row["difference"]:
        return t.share(None)
    arrow = "▲ " if row["difference"] > 0 else "▼ " if row["difference"] < 0 else ""
    return arrow + (signed_text(result, row["difference"], t) if is_share(result) else t.signed_share(row["relative"]))
