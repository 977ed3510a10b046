"""Charts of retention: the heat map of cohorts, curves by group, one column cohort by cohort."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from ops_core.analyses.cohort_change import newest_change
from ops_core.analyses.retention import RetentionResult
from ops_core.charts.retention_words import (
    cohort_text,
    column_labels,
    first_offset,
    group_text,
    shown,
    shown_offsets,
)
from ops_core.charts.theme import (
    LIGHT,
    MARKERS,
    Palette,
    band,
    end_label,
    figure,
    frame_cell,
    interval,
    reference,
    text_on,
)
from ops_core.locale import Translator

_ROW = 27  # pixels per cohort
_LEFT = 128  # pixels for cohort and size
_MOST_LINES = 5  # as many as there are colours
_FEET = 2.3  # rows below the rule: mean and eligible users
_MEAN_AT, _ELIGIBLE_AT = 0.45, 1.3


def draw(result: RetentionResult, t: Translator, palette: Palette = LIGHT) -> go.Figure:
    """A row per cohort, a column per period since; the weighted mean and its users below the rule."""
    cells = shown(result)
    cohorts, columns = sorted(cells["cohort"].unique()), sorted(cells["offset"].unique())
    n = len(cohorts)
    fig = figure(palette, height=round(_ROW * (n + _FEET + 0.4)) + 40, left=_LEFT, top=30)
    fig.update_xaxes(
        tickvals=list(range(len(columns))), ticktext=column_labels(result, columns, t), side="top", showline=False,
        range=[-0.5, len(columns) - 0.5], automargin=False,  # the margins fit; to find that out, all is drawn twice
    )  # fmt: skip
    table = cells.assign(
        x=cells["offset"].map({offset: place for place, offset in enumerate(columns)}),
        y=cells["cohort"].map({cohort: place for place, cohort in enumerate(cohorts)}),
    )
    ripe = table[table["share"].notna()]
    feet = _feet(fig, result, columns, n, t, palette)
    _cells(fig, result, table, _color_range(ripe["share"]), feet, t, palette)
    names = [cohort_text(result, cohort, t) for cohort in cohorts]
    _left(fig, names, table.groupby("cohort")["users"].first(), t, palette)
    _blank_notes(fig, table, n, len(columns), t, palette)
    found = newest_change(result, first_offset(result))
    if found is not None and found.cohort in cohorts:
        frame_cell(fig, palette, 0, cohorts.index(found.cohort))
    return fig


def draw_curves(result: RetentionResult, t: Translator, palette: Palette = LIGHT) -> go.Figure:
    """Weighted mean per period since, one line per group, with Wilson bands."""
    alone = len(result.groups) == 1
    fig = figure(palette, height=300, right=54 if alone else 132, hover="x")
    columns = shown_offsets(result)
    ends: list[tuple[float, int]] = []
    for place, group in enumerate(result.groups[:_MOST_LINES]):
        rows = result.means[(result.means["group"] == group) & (result.means["eligible"] > 0)]
        rows = rows[rows["offset"].isin(columns)]
        if rows.empty:
            continue
        color = palette.series(place)
        x = [columns.index(offset) for offset in rows["offset"]]
        opacity = 0.14 if len(result.groups) <= 3 else 0.07
        band(fig, x, rows["low"].tolist(), rows["high"].tolist(), color, opacity)
        name = group_text(group, t)
        fig.add_scatter(
            x=x, y=rows["share"], mode="lines+markers", line={"color": color, "width": 2}, cliponaxis=False,
            marker={"size": 5, "symbol": MARKERS[min(place, len(MARKERS) - 1)], "color": color}, name=name,
            customdata=[
                t("retention.curve_hover", group=name, share=t.share(row.share), low=t.share(row.low),
                  high=t.share(row.high), n=int(row.eligible))
                for row in rows.itertuples()
            ],
            hovertemplate="%{customdata}<extra></extra>",
        )  # fmt: skip
        ends.append((float(rows["share"].iloc[-1]), place))
        text = t.share(rows["share"].iloc[-1])
        if not alone:
            text = f"<b>{_safe(name if len(name) <= 12 else name[:11] + '…')}</b> {text}"
        end_label(fig, palette, x[-1], float(rows["share"].iloc[-1]), text, color=color)
    _spread_labels(fig, [share for share, _ in ends], float(result.means["high"].max()))
    _percent_axis(fig)
    labels = column_labels(result, columns, t)
    step = max(1, -(-len(columns) // 4))
    fig.update_xaxes(
        tickvals=list(range(0, len(columns), step)), ticktext=labels[::step], range=[-0.3, len(columns) - 0.7]
    )
    return fig


def draw_cohorts(result: RetentionResult, t: Translator, palette: Palette = LIGHT) -> go.Figure:
    """The first column, cohort by cohort, with intervals; the dotted line is the weighted mean of the earlier ones."""
    offset = first_offset(result)
    rows = result.overall
    rows = rows[(rows["offset"] == offset) & rows["ripe"] & (rows["users"] > 0)].sort_values("cohort")
    found = newest_change(result, offset)
    fig = figure(palette, height=300, right=12)
    for x, row in enumerate(rows.itertuples()):
        newest = found is not None and row.cohort == found.cohort
        color = palette.change(found.difference, "up", found.is_clear) if newest else palette.comp
        hover = t(
            "retention.cohort_hover", cohort=cohort_text(result, row.cohort, t), share=t.share(row.share),
            low=t.share(row.low), high=t.share(row.high), returned=t.number(row.returned), users=t.number(row.users),
        )  # fmt: skip
        interval(fig, palette, x, row.share, row.low, row.high, color=color, vertical=True, size=8, hover=hover)
        if newest:
            arrow = ("▲ " if found.difference > 0 else "▼ ") if found.is_clear else ""
            fig.add_annotation(
                x=x, y=row.high, text=f"<b>{arrow}{t.share(row.share)}</b>", showarrow=False, yshift=10,
                font={"color": color}, xanchor="right" if x > 1 else "center", xshift=8 if x > 1 else 0,
            )  # fmt: skip
    if found is not None:
        reference(fig, palette, y=found.earlier_share)
    low = min([*rows["low"], found.earlier_share if found else 1.0], default=0.0)
    high = max(rows["high"], default=1.0)
    room = 0.12 * (high - low or 0.1)
    fig.update_yaxes(tickformat=".0%", nticks=4, range=[max(0.0, low - room), high + 1.6 * room])
    places = _few(len(rows))
    fig.update_xaxes(
        tickvals=places, ticktext=[cohort_text(result, rows["cohort"].iloc[i], t) for i in places],
        range=[-0.6, max(len(rows), 1) - 0.4],
    )  # fmt: skip
    return fig


def table(result: RetentionResult, t: Translator) -> pd.DataFrame:
    """What the heat map shows, one row per cohort, and the mean as the last row; shares 0–1."""
    cells = shown(result)
    columns = sorted(cells["offset"].unique())
    wide = cells.pivot_table(index="cohort", columns="offset", values="share", dropna=False)
    wide = wide.reindex(index=sorted(cells["cohort"].unique()), columns=columns)
    wide.columns = column_labels(result, columns, t)
    wide.insert(0, t("retention.users"), cells.groupby("cohort")["users"].first())
    wide.insert(0, t("retention.cohort"), [cohort_text(result, cohort, t) for cohort in wide.index])
    mean = result.mean[result.mean["offset"].isin(columns)]
    last = [t("retention.mean"), int(wide[t("retention.users")].sum()), *mean["share"]]
    return pd.concat([wide, pd.DataFrame([last], columns=wide.columns)], ignore_index=True)


# Pieces ------------------------------------------------------------------------------------------------------------


def _cells(
    fig: go.Figure,
    result: RetentionResult,
    table: pd.DataFrame,
    color_range: tuple[float, float],
    feet: Sequence[tuple[float, float, str, str]],
    t: Translator,
    palette: Palette,
) -> None:
    ripe, (low, high) = table[table["share"].notna()], color_range
    grid = np.full((int(table["y"].max()) + 1, int(table["x"].max()) + 1), np.nan)
    words = np.full(grid.shape, "", dtype=object)
    grid[ripe["y"], ripe["x"]] = ripe["share"]
    words[ripe["y"], ripe["x"]] = [
        t(
            "retention.cell_hover",
            cohort=cohort_text(result, row.cohort, t),
            share=t.share(row.share),
            returned=t.number(row.returned),
            users=t.number(row.users),
            interval=t.interval(t.share(row.low), t.share(row.high)),
        )
        for row in ripe.itertuples()
    ]
    colors = [[place / (len(palette.sequential) - 1), color] for place, color in enumerate(palette.sequential)]
    fig.add_heatmap(
        z=grid, zmin=low, zmax=high, colorscale=colors, showscale=False, xgap=2, ygap=2, hoverongaps=False,
        customdata=words, hovertemplate="%{customdata}<extra></extra>",
    )  # fmt: skip
    numbers = [
        (x, y, t.number(share * 100, 1), text_on(palette.heat((share - low) / (high - low))))
        for x, y, share in zip(ripe["x"], ripe["y"], ripe["share"], strict=True)
    ]
    x, y, texts, inks = zip(*numbers, *feet, strict=True)
    fig.add_scatter(
        x=x, y=y, yaxis="y2", mode="text", text=texts, textfont={"color": inks}, hoverinfo="skip", cliponaxis=False,
    )  # fmt: skip


def _color_range(shares: pd.Series) -> tuple[float, float]:
    """The shares of the palest and the strongest colour; close shares are not blown up to the whole scale."""
    if shares.empty or not shares.max():
        return 0.0, 1.0
    low, high = float(shares.min()), float(shares.max())
    return max(0.0, min(low - 0.12 * (high - low), 0.75 * high)), high


def _feet(
    fig: go.Figure, result: RetentionResult, columns: list[int], n: int, t: Translator, palette: Palette
) -> list[tuple[float, float, str, str]]:
    """Below a rule: the weighted mean in bold, and how many users it is over; each `(x, y, text, colour)`."""
    mean = result.mean.set_index("offset")
    fig.add_shape(
        type="line", xref="paper", x0=0, x1=1, xsizemode="scaled", y0=n - 0.15, y1=n - 0.15,
        line={"color": palette.axis, "width": 1},
    )  # fmt: skip
    found = []
    for x, offset in enumerate(columns):
        share, eligible = mean["share"][offset], mean["eligible"][offset]
        bold = f"<b>{t.number(share * 100, 1)}</b>" if share == share else "—"
        found += [(x, n + _MEAN_AT, bold, palette.ink), (x, n + _ELIGIBLE_AT, t.number(eligible), palette.ink2)]
    return found


def _blank_notes(fig: go.Figure, table: pd.DataFrame, n: int, n_columns: int, t: Translator, palette: Palette) -> None:
    """Why cells are blank, once; and when the first cell of a row without any will count."""
    blank = table[~table["ripe"]]
    waiting = blank[(blank["x"] == 0)].sort_values("y")
    for row in waiting.head(1).itertuples():
        fig.add_annotation(
            x=-0.42, y=row.y, xanchor="left", showarrow=False, font={"color": palette.ink2},
            text=t("retention.ripe_on", date=t.date(pd.Timestamp(row.ripe_on).date())),
        )  # fmt: skip
    if n_columns >= 5 and len(blank) > 6:
        fig.add_annotation(
            x=n_columns - 0.6, y=max(0.0, n - 2.5), xanchor="right", showarrow=False, font={"color": palette.ink2},
            text=t("retention.blank_note"),
        )  # fmt: skip


def _left(fig: go.Figure, cohorts: Sequence[str], sizes: pd.Series, t: Translator, palette: Palette) -> None:
    """Names at the left edge and sizes beside the map, as labels of two axes: quicker to draw than notes."""
    n = len(cohorts)
    rows = {"range": [n + _FEET - 0.2, -0.5], "showgrid": False, "automargin": False}
    names = [
        *(f'<span style="color:{palette.ink}">{name}</span>' for name in cohorts),
        f'<b><span style="color:{palette.ink}">{t("retention.mean")}</span></b>', t("retention.eligible"),
    ]  # fmt: skip
    fig.update_yaxes(
        **rows, tickvals=list(range(n)), ticktext=[t("retention.people", n=int(size)) for size in sizes],
        ticklabelstandoff=7,
    )  # fmt: skip
    left_edge = {"overlaying": "y", "side": "right", "anchor": "free", "position": 0, "shift": -_LEFT - 4}
    fig.with_layout({"yaxis2": fig.layout.yaxis.to_plotly_json() | rows | left_edge | {
        "tickvals": [*range(n), n + _MEAN_AT, n + _ELIGIBLE_AT], "ticktext": names,
    }})  # fmt: skip


def _percent_axis(fig: go.Figure) -> None:
    fig.update_yaxes(tickformat=".0%", rangemode="tozero", nticks=5)


def _spread_labels(fig: go.Figure, shares: list[float], top: float) -> None:
    """Move end labels apart that would touch: about a sixteenth of the axis is one line of text."""
    if len(shares) < 2:
        return
    line = 0.066 * top
    order = sorted(range(len(shares)), key=lambda place: shares[place])
    floor = -1.0
    for place in order:
        wanted = max(shares[place], floor + line)
        fig.layout.annotations[place].update(y=wanted)
        floor = wanted


def _few(n: int) -> list[int]:
    """At most four places for labels, the first and the last among them."""
    if n <= 4:
        return list(range(n))
    return [round(i * (n - 1) / 3) for i in range(4)]


def _safe(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
