"""The heat map of cohorts, as a chart and as the table behind it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from ops_core.analyses.cohort_change import newest_change
from ops_core.analyses.retention import RetentionResult
from ops_core.charts.lines import label_width
from ops_core.charts.retention_words import cohort_text, column_labels
from ops_core.charts.theme import LIGHT, Palette, figure, frame_cell, text_on
from ops_core.locale import Translator

SHOWN = ("share", "users")  # what the cells say; the colour is the share either way
_ROW = 27  # pixels per cohort
_LEFT = 128  # pixels for cohort and size, at least
_COLUMN = 37  # pixels that a column needs
_WORDY = 14  # columns beyond which headings are bare numbers
_DENSE = 18  # columns beyond which numbers are written smaller and large ones short
_FEET = 2.3  # rows below the rule: mean and eligible users
_MEAN_AT, _ELIGIBLE_AT = 0.45, 1.3
_INKS = 40
_APART = "\u2002"  # between a row's size and its first cell
_Text = tuple[float, float, str, str]  # x, y, what, colour


def draw(result: RetentionResult, t: Translator, palette: Palette = LIGHT, show: str = "share") -> go.Figure:
    """A row per cohort, a column per period since; the weighted mean and its users below the rule.

    `show`: `share` writes percentages into the cells, `users` the users who returned.
    """
    grid = _Grid.of(result)
    n, n_columns = grid.share.shape
    names = [cohort_text(result, cohort, t) for cohort in grid.cohorts]
    sizes = [t("retention.people", n=size) for size in grid.users.tolist()]
    left = max(_LEFT, max(map(label_width, names), default=0) + max(map(label_width, sizes), default=0) + 16)
    fig = figure(palette, height=round(_ROW * (n + _FEET + 0.4)) + 40, left=left, top=30)
    fig.update_xaxes(
        tickvals=list(range(n_columns)), ticktext=_headings(fig, result, grid.columns, t, palette), side="top",
        showline=False, range=[-0.5, n_columns - 0.5],
        automargin=False,  # the margins fit; to find that out, all is drawn twice
        ticklabeloverflow="allow",  # the same of the labels
    )  # fmt: skip
    _names(fig, names, t, palette, show)
    feet = _feet(fig, result, grid.columns, n, t, palette, show)
    beside = [(-0.5, y, f"{size}{_APART}", palette.ink2) for y, size in enumerate(sizes)]
    _cells(fig, grid, names, feet, beside, t, palette, show)
    _blank(fig, grid, t)
    _blank_notes(fig, grid, t, palette)
    found = newest_change(result, result.reached_offsets[0])
    if found is not None and found.cohort in grid.cohorts:
        frame_cell(fig, palette, 0, grid.cohorts.index(found.cohort))
    return fig


def least_width(result: RetentionResult) -> int:
    """Pixels that the map needs for its numbers not to touch."""
    return _LEFT + 30 + _COLUMN * len(_Grid.of(result).columns)


def table(result: RetentionResult, t: Translator, show: str = "share") -> pd.DataFrame:
    """What the heat map shows, row for row: the cohorts with percentages (0–100, or users who returned), the weighted
    mean (or the sum) and the eligible users; a cell that has not ended is nan."""
    grid = _Grid.of(result)
    columns = grid.columns
    wide = pd.DataFrame(grid.share * 100 if show == "share" else grid.returned)
    labels = column_labels(result, columns, t)
    wide.columns = [t("retention.percent", column=label) for label in labels] if show == "share" else labels
    wide.insert(0, t("retention.users"), grid.users)
    wide.insert(0, t("retention.cohort"), [cohort_text(result, cohort, t, year=True) for cohort in grid.cohorts])
    mean = result.mean.set_index("offset").loc[columns]
    below = mean["share"] * 100 if show == "share" else mean["returned"].where(mean["eligible"] > 0)
    feet = [
        [t("retention.mean" if show == "share" else "retention.total"), int(grid.users.sum()), *below],
        [t("retention.eligible"), None, *mean["eligible"]],
    ]
    return pd.concat([wide, pd.DataFrame(feet, columns=wide.columns)], ignore_index=True)


# Pieces ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Grid:
    """The cells on screen, a row per cohort and a column per offset; `users` per cohort."""

    cohorts: list[pd.Timestamp]
    columns: list[int]
    users: np.ndarray
    returned: np.ndarray
    share: np.ndarray
    low: np.ndarray
    high: np.ndarray
    ripe: np.ndarray
    ripe_on: np.ndarray

    @classmethod
    def of(cls, result: RetentionResult) -> _Grid:
        """The cells of cohorts with users, in the columns that any cohort has reached."""
        cells = result.reached  # every cohort in every column, in this order
        columns = np.unique(cells["offset"].to_numpy()).tolist()
        wide = {name: cells[name].to_numpy().reshape(-1, len(columns)) for name in ("cohort", "users", *_IN_CELLS)}
        return cls(
            cohorts=[pd.Timestamp(cohort) for cohort in wide["cohort"][:, 0]],
            columns=columns,
            users=wide["users"][:, 0],
            **{name: wide[name] for name in _IN_CELLS},
        )


_IN_CELLS = ("returned", "share", "low", "high", "ripe", "ripe_on")


def _cells(
    fig: go.Figure,
    grid: _Grid,
    names: Sequence[str],
    feet: Sequence[_Text],
    beside: Sequence[_Text],
    t: Translator,
    palette: Palette,
    show: str,
) -> None:
    """The colours, and all numbers: those in the cells, `feet` below them, `beside` the rows' sizes at their left."""
    known = ~np.isnan(grid.share)
    places = [place.tolist() for place in np.nonzero(known)]
    shares, returned, low, high = (
        values[known].tolist() for values in (grid.share, grid.returned, grid.low, grid.high)
    )
    sizes = [t.number(size) for size in grid.users.tolist()]
    words = np.full(grid.share.shape, "", dtype=object)
    words[known] = [
        t(
            "retention.cell_hover", cohort=names[y], users=sizes[y], share=t.share(share), returned=t.number(back),
            interval=t.interval(t.share(least), t.share(most)),
        )
        for y, share, back, least, most in zip(places[0], shares, returned, low, high, strict=True)
    ]  # fmt: skip
    palest, strongest = _color_range(shares)
    colors = [[place / (len(palette.sequential) - 1), color] for place, color in enumerate(palette.sequential)]
    fig.add_heatmap(
        z=grid.share, zmin=palest, zmax=strongest, colorscale=colors, showscale=False, xgap=2, ygap=2,
        hoverongaps=False, customdata=words, hovertemplate="%{customdata}<extra></extra>",
    )  # fmt: skip
    dense = len(grid.columns) > _DENSE
    # The ink changes at few places of the scale: looked up there, not worked out for each cell.
    inks = [text_on(palette.heat(step / _INKS)) for step in range(_INKS + 1)]
    numbers = [
        (x, y, t.number(share * 100, 1) if show == "share" else _count(back, dense, t),
         inks[round(_INKS * (share - palest) / (strongest - palest))])
        for y, x, share, back in zip(*places, shares, returned, strict=True)
    ]  # fmt: skip
    x, y, texts, inks = zip(*numbers, *feet, *beside, strict=True)
    inside = len(numbers) + len(feet)
    small = 11 if dense else 12
    # Marks of one kind: as labels of an axis or notes at the edge they would take the browser twice as long.
    fig.add_scatter(
        x=x, y=y, mode="text", text=texts, hoverinfo="skip", cliponaxis=False,
        textposition=["middle center"] * inside + ["middle left"] * len(beside),
        textfont={"color": inks, "size": [small] * inside + [12] * len(beside)},
    )  # fmt: skip


def _blank(fig: go.Figure, grid: _Grid, t: Translator) -> None:
    """Cells that have not ended say on hover when they will have; those that begin before the data, that they do."""
    blank = ~grid.ripe
    if not blank.any():
        return
    days, day = np.unique(grid.ripe_on[blank], return_inverse=True)
    texts = [
        t("retention.unseen_hover") if np.isnat(one)
        else t("retention.blank_hover", date=t.date(pd.Timestamp(one).date(), year=True))
        for one in days
    ]  # fmt: skip
    words = np.full(blank.shape, "", dtype=object)
    words[blank] = np.array(texts, dtype=object)[day]
    nothing = "rgba(0,0,0,0)"
    fig.add_heatmap(
        z=np.where(blank, 0.0, np.nan), zmin=0, zmax=1, colorscale=[[0, nothing], [1, nothing]], showscale=False,
        hoverongaps=False, customdata=words, hovertemplate="%{customdata}<extra></extra>",
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


def _count(users: float, dense: bool, t: Translator) -> str:
    return t.compact(users) if dense and users >= 10_000 else t.number(users)


def _color_range(shares: Sequence[float]) -> tuple[float, float]:
    """The shares of the palest and the strongest colour; close shares are not blown up to the whole scale."""
    low, high = min(shares, default=0.0), max(shares, default=0.0)
    if not high:
        return 0.0, 1.0
    return max(0.0, min(low - 0.12 * (high - low), 0.75 * high)), high


def _feet(
    fig: go.Figure, result: RetentionResult, columns: list[int], n: int, t: Translator, palette: Palette, show: str
) -> list[_Text]:
    """Below a rule: the weighted mean (or the sum) in bold, and how many users it is over."""
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


def _blank_notes(fig: go.Figure, grid: _Grid, t: Translator, palette: Palette) -> None:
    """Why cells are blank, once; and when the first cell of a row without any will count."""
    n, n_columns = grid.ripe.shape
    unripe = ~grid.ripe & ~np.isnat(grid.ripe_on)
    for y in np.flatnonzero(unripe[:, 0])[:1].tolist():
        fig.add_annotation(
            x=-0.42, y=y, xanchor="left", showarrow=False, font={"color": palette.ink2},
            text=t("retention.ripe_on", date=t.date(pd.Timestamp(grid.ripe_on[y, 0]).date())),
        )  # fmt: skip
    if n_columns >= 5 and np.count_nonzero(unripe) > 6:
        fig.add_annotation(
            x=n_columns - 0.6, y=max(0.0, n - 2.5), xanchor="right", showarrow=False, font={"color": palette.ink2},
            text=t("retention.blank_note"),
        )  # fmt: skip


def _names(fig: go.Figure, cohorts: Sequence[str], t: Translator, palette: Palette, show: str) -> None:
    """Names of the rows at the figure's left edge: labels of the axis, moved out by the whole margin."""
    n = len(cohorts)
    below = t("retention.mean" if show == "share" else "retention.total")
    fig.update_yaxes(
        range=[n + _FEET - 0.2, -0.5], showgrid=False, automargin=False, ticklabelposition="inside",
        ticklabelstandoff=1 - fig.layout.margin.l, ticklabelshift=-1, ticklabeloverflow="allow",
        tickfont={"color": palette.ink},
        tickvals=[*range(n), n + _MEAN_AT, n + _ELIGIBLE_AT],
        ticktext=[*cohorts, f"<b>{below}</b>", f'<span style="color:{palette.ink2}">{t("retention.eligible")}</span>'],
    )  # fmt: skip
