"""The heat map of cohorts, as a chart and as the table behind it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from ops_core.analyses.cohort_change import newest_change
from ops_core.analyses.retention import RetentionResult
from ops_core.charts.retention_words import cohort_text, column_labels, first_offset, shown
from ops_core.charts.theme import LIGHT, Palette, figure, frame_cell, text_on
from ops_core.locale import Translator

SHOWN = ("share", "users")  # what the cells say; the colour is the share either way
_ROW = 27  # pixels per cohort
_LEFT = 128  # pixels for cohort and size, at least
_LETTER, _SIGN = 6.4, 12.2  # pixels of a Latin letter or digit, and of a Chinese sign
_COLUMN = 37  # pixels that a column needs
_WORDY = 14  # columns beyond which headings are bare numbers
_DENSE = 18  # columns beyond which numbers are written smaller and large ones short
_FEET = 2.3  # rows below the rule: mean and eligible users
_MEAN_AT, _ELIGIBLE_AT = 0.45, 1.3
_INKS = 40


def draw(result: RetentionResult, t: Translator, palette: Palette = LIGHT, show: str = "share") -> go.Figure:
    """A row per cohort, a column per period since; the weighted mean and its users below the rule.

    `show`: `share` writes percentages into the cells, `users` the users who returned.
    """
    cells = shown(result)
    cohorts, columns = sorted(cells["cohort"].unique()), sorted(cells["offset"].unique())
    n = len(cohorts)
    names = [cohort_text(result, cohort, t) for cohort in cohorts]
    sizes = [t("retention.people", n=int(size)) for size in cells.groupby("cohort")["users"].first()]
    left = max(_LEFT, max(map(_pixels, names), default=0) + max(map(_pixels, sizes), default=0) + 24)
    fig = figure(palette, height=round(_ROW * (n + _FEET + 0.4)) + 40, left=left, top=30)
    fig.update_xaxes(
        tickvals=list(range(len(columns))), ticktext=_headings(fig, result, columns, t, palette), side="top",
        showline=False, range=[-0.5, len(columns) - 0.5],
        automargin=False,  # the margins fit; to find that out, all is drawn twice
    )  # fmt: skip
    table = cells.assign(
        x=cells["offset"].map({offset: place for place, offset in enumerate(columns)}),
        y=cells["cohort"].map({cohort: place for place, cohort in enumerate(cohorts)}),
    )
    ripe = table[table["share"].notna()]
    feet = _feet(fig, result, columns, n, t, palette, show)
    _cells(fig, result, table, _color_range(ripe["share"]), feet, t, palette, show)
    _blank(fig, table, t)
    _left(fig, names, sizes, t, palette, show)
    _blank_notes(fig, table, n, len(columns), t, palette)
    found = newest_change(result, first_offset(result))
    if found is not None and found.cohort in cohorts:
        frame_cell(fig, palette, 0, cohorts.index(found.cohort))
    return fig


def least_width(result: RetentionResult) -> int:
    """Pixels that the map needs for its numbers not to touch."""
    return _LEFT + 30 + _COLUMN * shown(result)["offset"].nunique()


def table(result: RetentionResult, t: Translator, show: str = "share") -> pd.DataFrame:
    """What the heat map shows, row for row: the cohorts with percentages (0–100, or users who returned), the weighted
    mean (or the sum) and the eligible users; a cell that has not ended is nan."""
    cells = shown(result).sort_values(["cohort", "offset"])
    cohorts, columns = sorted(cells["cohort"].unique()), sorted(cells["offset"].unique())
    values = (cells["share"] * 100 if show == "share" else cells["returned"]).to_numpy()
    wide = pd.DataFrame(values.reshape(len(cohorts), len(columns)), index=cohorts)
    labels = column_labels(result, columns, t)
    wide.columns = [t("retention.percent", column=label) for label in labels] if show == "share" else labels
    sizes = cells.groupby("cohort")["users"].first()
    wide.insert(0, t("retention.users"), sizes)
    wide.insert(0, t("retention.cohort"), [cohort_text(result, cohort, t) for cohort in wide.index])
    mean = result.mean.set_index("offset").loc[columns]
    below = mean["share"] * 100 if show == "share" else mean["returned"].where(mean["eligible"] > 0)
    feet = [
        [t("retention.mean" if show == "share" else "retention.total"), int(sizes.sum()), *below],
        [t("retention.eligible"), None, *mean["eligible"]],
    ]
    return pd.concat([wide, pd.DataFrame(feet, columns=wide.columns)], ignore_index=True)


# Pieces ------------------------------------------------------------------------------------------------------------


def _cells(
    fig: go.Figure,
    result: RetentionResult,
    table: pd.DataFrame,
    color_range: tuple[float, float],
    feet: Sequence[tuple[float, float, str, str]],
    t: Translator,
    palette: Palette,
    show: str,
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
    dense = grid.shape[1] > _DENSE
    # The ink changes at few places of the scale: looked up there, not worked out for each cell.
    inks = [text_on(palette.heat(step / _INKS)) for step in range(_INKS + 1)]
    numbers = [
        (x, y, t.number(share * 100, 1) if show == "share" else _count(returned, dense, t),
         inks[round(_INKS * (share - low) / (high - low))])
        for x, y, share, returned in zip(ripe["x"], ripe["y"], ripe["share"], ripe["returned"], strict=True)
    ]  # fmt: skip
    x, y, texts, inks = zip(*numbers, *feet, strict=True)
    fig.add_scatter(
        x=x, y=y, mode="text", text=texts, hoverinfo="skip", cliponaxis=False,
        textfont={"color": inks, "size": 11 if dense else 12},
    )  # fmt: skip


def _blank(fig: go.Figure, table: pd.DataFrame, t: Translator) -> None:
    """Cells that have not ended say on hover when they will have."""
    blank = table[~table["ripe"]]
    if blank.empty:
        return
    grid = np.full((int(table["y"].max()) + 1, int(table["x"].max()) + 1), np.nan)
    words = np.full(grid.shape, "", dtype=object)
    days = {day: t.date(pd.Timestamp(day).date(), year=True) for day in blank["ripe_on"].unique()}
    grid[blank["y"], blank["x"]] = 0
    words[blank["y"], blank["x"]] = [t("retention.blank_hover", date=days[day]) for day in blank["ripe_on"]]
    nothing = "rgba(0,0,0,0)"
    fig.add_heatmap(
        z=grid, zmin=0, zmax=1, colorscale=[[0, nothing], [1, nothing]], showscale=False, hoverongaps=False,
        customdata=words, hovertemplate="%{customdata}<extra></extra>",
    )  # fmt: skip


def _headings(
    fig: go.Figure, result: RetentionResult, columns: list[int], t: Translator, palette: Palette
) -> list[str]:
    """Names of the columns; where there are too many for words, numbers with the unit before the first."""
    if len(columns) <= _WORDY or result.query.measure == "bracket":
        return column_labels(result, columns, t)
    fig.add_annotation(
        x=0, xref="paper", y=1, yref="paper", xanchor="right", yanchor="bottom", xshift=-7, yshift=4,
        text=t(f"retention.grain_{result.query.grain}"), showarrow=False, font={"color": palette.ink2},
    )  # fmt: skip
    return [t.number(offset) for offset in columns]


def _pixels(text: str) -> int:
    return round(sum(_SIGN if ord(sign) > 0x2E80 else _LETTER for sign in text if sign != "\u2060"))


def _count(users: float, dense: bool, t: Translator) -> str:
    return t.compact(users) if dense and users >= 10_000 else t.number(users)


def _color_range(shares: pd.Series) -> tuple[float, float]:
    """The shares of the palest and the strongest colour; close shares are not blown up to the whole scale."""
    if shares.empty or not shares.max():
        return 0.0, 1.0
    low, high = float(shares.min()), float(shares.max())
    return max(0.0, min(low - 0.12 * (high - low), 0.75 * high)), high


def _feet(
    fig: go.Figure, result: RetentionResult, columns: list[int], n: int, t: Translator, palette: Palette, show: str
) -> list[tuple[float, float, str, str]]:
    """Below a rule: the weighted mean (or the sum) in bold, and how many users it is over; `(x, y, text, colour)`."""
    mean = {row.offset: row for row in result.mean.itertuples()}
    fig.add_shape(
        type="line", xref="paper", x0=0, x1=1, xsizemode="scaled", y0=n - 0.15, y1=n - 0.15,
        line={"color": palette.axis, "width": 1},
    )  # fmt: skip
    found, dense = [], len(columns) > _DENSE
    for x, offset in enumerate(columns):
        row = mean[offset]
        text = t.number(row.share * 100, 1) if show == "share" else _count(row.returned, dense, t)
        bold, eligible = f"<b>{text}</b>" if row.share == row.share else "—", _count(row.eligible, dense, t)
        found += [(x, n + _MEAN_AT, bold, palette.ink), (x, n + _ELIGIBLE_AT, eligible, palette.ink2)]
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


def _left(
    fig: go.Figure, cohorts: Sequence[str], sizes: Sequence[str], t: Translator, palette: Palette, show: str
) -> None:
    """Names at the left edge; sizes beside the map as labels of the axis, which are quicker to draw than notes."""
    n = len(cohorts)
    # No axis of its own for the names: with an unanchored one the browser draws everything twice.
    fig.update_yaxes(
        range=[n + _FEET - 0.2, -0.5], showgrid=False, automargin=False, ticklabelstandoff=7,
        tickvals=list(range(n)), ticktext=list(sizes),
    )  # fmt: skip
    below = t("retention.mean" if show == "share" else "retention.total")
    names = [(y, name, palette.ink) for y, name in enumerate(cohorts)]
    names.append((n + _MEAN_AT, f"<b>{below}</b>", palette.ink))
    edge = -fig.layout.margin.l
    for y, name, color in (*names, (n + _ELIGIBLE_AT, t("retention.eligible"), palette.ink2)):
        fig.add_annotation(
            x=0,
            xref="paper",
            y=y,
            text=name,
            showarrow=False,
            font={"color": color},
            xanchor="left",
            xshift=edge,
            yshift=2,
        )
