"""One plotly layout and the pieces that every chart is put together from.

A chart is `figure(palette, height=…)` plus pieces. Titles, subtitles and legends are text of the page, not of the
figure: they wrap, can be read aloud and keep their size. Pixel margins and shifts keep names and number columns in
place at every width.
"""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from ops_core.charts.palette import DARK, LIGHT, Palette, contrast, faded, text_on
from ops_core.charts.sheet import Sheet

__all__ = [
    "CLICK_CONFIG", "CLICK_LAYOUT", "CONFIG", "DARK", "FONT", "LIGHT", "MARKERS", "Palette", "Sheet", "band",
    "contrast", "end_label",
    "event_line", "faded", "figure", "frame_cell", "hatch", "interval", "number_column", "number_header", "partial",
    "reference", "row_name", "text_on", "whisker",
]  # fmt: skip

FONT = "'PingFang SC','Microsoft YaHei','Noto Sans CJK SC','Noto Sans SC','Segoe UI',Arial,sans-serif"
FONT_SIZE = 12
MARKERS = ("circle", "square", "diamond", "triangle-up", "x")  # one shape per series, in the order of the colours
MINI, SMALL, MAIN = 52, 260, 360  # usual heights in pixels

CONFIG = {"displaylogo": False, "modeBarButtons": [["toImage"]]}  # one button, shown while the mouse is over the chart
# plotly takes a second click within 300 ms, wherever it lands, for a double click that lets go of the first.
CLICK_CONFIG = CONFIG | {"doubleClick": False, "doubleClickDelay": 1}
# What the page sets by itself where a click means something; a figure that has it already is not drawn again.
CLICK_LAYOUT = {"clickmode": "event+select", "dragmode": "pan"}


def figure(
    palette: Palette,
    *,
    height: int = MAIN,
    right: int = 0,
    left: int = 0,
    top: int = 8,
    bottom: int = 0,
    hover: str = "closest",
) -> Sheet:
    """An empty figure in the house's layout.

    Args:
        height: pixels; 52 mini, 250–300 small, 336–500 main.
        right: pixel margin for number columns or labels at line ends.
        hover: `closest`, or `x` for lines.
    """
    margin = {"l": left, "r": right, "t": top, "b": bottom, "pad": 4}
    return Sheet.empty().with_layout(_layout(palette) | {"height": height, "margin": margin, "hovermode": hover})


def _layout(palette: Palette) -> dict[str, object]:
    """The one layout, fresh each time: figures change theirs."""
    axis = {
        "showgrid": False, "zeroline": False, "ticks": "", "fixedrange": True, "automargin": True, "tickangle": 0,
        "linecolor": palette.axis, "tickfont": {"color": palette.ink2, "size": FONT_SIZE},
    }  # fmt: skip
    return {
        "autosize": True,
        # The page draws each chart it mounts twice. With a revision named, plotly sees that the data are the same.
        "datarevision": 0,
        "paper_bgcolor": palette.bg,  # a picture of the chart is to be read on any ground
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"family": FONT, "size": FONT_SIZE, "color": palette.ink2},
        "minreducedwidth": 24,
        "showlegend": False,
        "bargap": 0.42,
        "barcornerradius": 2,
        "dragmode": False,
        "hoverlabel": {
            "bgcolor": palette.surface, "bordercolor": palette.axis, "align": "left",
            "font": {"family": FONT, "size": FONT_SIZE, "color": palette.ink},
        },
        "modebar": {"bgcolor": palette.bg, "color": palette.ink2, "activecolor": palette.accent},
        "colorway": list(palette.categorical),
        "xaxis": axis | {"showline": True, "tickfont": dict(axis["tickfont"])},
        "yaxis": axis | {"showline": False, "showgrid": True, "gridcolor": palette.grid, "gridwidth": 1, "nticks": 5},
    }  # fmt: skip


def hatch(palette: Palette) -> dict[str, object]:
    """The marker of a hatched bar: what was lost, what is not complete."""
    pattern = {"shape": "/", "size": 5, "solidity": 0.25, "fgcolor": palette.comp_soft, "bgcolor": palette.surface}
    return {"color": palette.surface, "pattern": pattern, "line": {"width": 0}}


def row_name(
    fig: go.Figure, palette: Palette, y: float, name: str, note: str = "", *, bold: bool = True, lift: float = 0.32
) -> None:
    """The name of a horizontal row, written above it (`lift` rows), `note` behind it in grey.

    Above and not in a left margin, so that a phone has the whole width for the marks.
    """
    text = f"<b>{_plain(name)}</b>" if bold else _plain(name)
    if note:
        text += f'\u2003<span style="color:{palette.ink2}">{_plain(note)}</span>'
    fig.add_annotation(
        x=0, y=y - lift, xref="paper", yref="y", text=text, showarrow=False, xanchor="left", yanchor="middle",
        align="left", bgcolor=palette.bg, borderpad=1, font={"color": palette.ink, "size": FONT_SIZE},
    )  # fmt: skip


def number_column(
    fig: go.Figure,
    palette: Palette,
    rows: Sequence[tuple[float, str]],
    *,
    inset: int = 0,
    bold: bool = False,
    color: str | Sequence[str] | None = None,
) -> None:
    """Texts `(y, text)` as one right-aligned column in the right margin, `inset` pixels from the figure's edge.

    The figure's right margin has to be wide enough; `color` is one colour or one per row (ink2 when absent).
    """
    margin = fig.layout.margin.r or 0
    colors = [color or palette.ink2] * len(rows) if color is None or isinstance(color, str) else list(color)
    for (y, text), ink in zip(rows, colors, strict=True):
        fig.add_annotation(
            x=1, y=y, xref="paper", yref="y", xshift=margin - inset, xanchor="right", yanchor="middle",
            text=f"<b>{_plain(text)}</b>" if bold else _plain(text), showarrow=False, align="right",
            font={"color": ink, "size": FONT_SIZE},
        )  # fmt: skip


def number_header(fig: go.Figure, palette: Palette, text: str, *, inset: int = 0) -> None:
    """The heading of a number column, above the plot."""
    margin = fig.layout.margin.r or 0
    fig.add_annotation(
        x=1, y=1, xref="paper", yref="paper", xshift=margin - inset, xanchor="right", yanchor="bottom",
        text=_plain(text), showarrow=False, font={"color": palette.ink2, "size": FONT_SIZE},
    )  # fmt: skip


def whisker(
    fig: go.Figure, palette: Palette, y: float, low: float, high: float, *, half: float = 0.08, color: str | None = None
) -> None:
    """An interval on the end of a horizontal bar: a thin ⊢⊣ over a halo of the background."""
    # Each colour is one path: the browser draws each shape anew at every click.
    strokes = ((low, y, high, y), (low, y - half, low, y + half), (high, y - half, high, y + half))
    path = " ".join(f"M{x0},{y0}L{x1},{y1}" for x0, y0, x1, y1 in strokes)
    for stroke_color, width in ((palette.bg, 4), (color or palette.ink, 1.4)):
        fig.add_shape(type="path", path=path, line={"color": stroke_color, "width": width}, layer="above")


def interval(
    fig: go.Figure,
    palette: Palette,
    position: float,
    estimate: float,
    low: float,
    high: float,
    *,
    color: str | None = None,
    clear: bool = True,
    size: int = 10,
    symbol: str = "circle",
    vertical: bool = False,
    hover: str | None = None,
) -> None:
    """A dot with its interval line: filled when `clear`, hollow when the data cannot tell.

    Horizontal at `y=position`, or vertical at `x=position`.
    """
    ink = color or palette.ink2
    along, across = [low, high], [position, position]
    line = {"color": ink, "width": 2}
    x, y = (across, along) if vertical else (along, across)
    fig.add_scatter(x=x, y=y, mode="lines", line=line, hoverinfo="skip", cliponaxis=False)
    dot = {
        "size": size,
        "symbol": symbol,
        "color": ink if clear else palette.bg,
        "line": {"color": ink, "width": 2},
        "opacity": 1,
    }
    x, y = ([position], [estimate]) if vertical else ([estimate], [position])
    told = {"hovertemplate": hover + "<extra></extra>"} if hover else {"hoverinfo": "skip"}
    fig.add_scatter(x=x, y=y, mode="markers", marker=dot, cliponaxis=False, **told)


def band(
    fig: go.Figure, x: Sequence[object], low: Sequence[float], high: Sequence[float], color: str, opacity: float = 0.14
) -> None:
    """A filled polygon between two lines: a confidence band or a normal range. `color` is a hex colour."""
    fig.add_scatter(
        x=[*x, *reversed(list(x))], y=[*high, *reversed(list(low))], mode="lines", line={"width": 0},
        fill="toself", fillcolor=faded(color, opacity), hoverinfo="skip",
    )  # fmt: skip


def end_label(
    fig: go.Figure, palette: Palette, x: object, y: float, text: str, *, color: str | None = None, shift: int = 0
) -> None:
    """A label to the right of a line's last point; `shift` moves it up by pixels where two would touch."""
    fig.add_annotation(
        x=x, y=y, text=text, showarrow=False, xanchor="left", yanchor="middle", xshift=9, yshift=shift, align="left",
        font={"color": color or palette.ink, "size": FONT_SIZE},
    )  # fmt: skip


def partial(
    fig: go.Figure, palette: Palette, x: Sequence[object], y: Sequence[float], *, color: str | None = None
) -> None:
    """The last stretch of a line whose period is not over: dotted, with a hollow last marker."""
    ink = color or palette.accent
    fig.add_scatter(
        x=list(x), y=list(y), mode="lines+markers", line={"color": ink, "width": 2, "dash": "dot"},
        marker={"size": [0] * (len(x) - 1) + [9], "color": palette.bg, "line": {"color": ink, "width": 2}},
        hoverinfo="skip", cliponaxis=False,
    )  # fmt: skip


def reference(
    fig: go.Figure, palette: Palette, *, x: object = None, y: float | None = None, solid: bool = False
) -> None:
    """A thin dotted line across the plot at an x or a y: a median, a target, zero (solid)."""
    line = {"color": palette.axis if solid else palette.comp, "width": 1, "dash": "solid" if solid else "dot"}
    if y is None:
        fig.add_shape(type="line", x0=x, x1=x, y0=0, y1=1, yref="paper", line=line, layer="below")
    else:
        fig.add_shape(type="line", x0=0, x1=1, xref="paper", y0=y, y1=y, line=line, layer="below")


def event_line(fig: go.Figure, palette: Palette, x: object, y: float, text: str, *, top: float = 1.0) -> None:
    """A thin leader from a point up to a note that says what happened then."""
    fig.add_annotation(
        x=x, y=y, ax=x, ay=top, axref="x", ayref="y domain" if top <= 1 else "y", text="", showarrow=True,
        arrowhead=0, arrowwidth=1, arrowcolor=palette.comp,
    )  # fmt: skip
    fig.add_annotation(
        x=x, y=top, yref="y domain" if top <= 1 else "y", text=text, showarrow=False, yanchor="bottom",
        font={"color": palette.ink, "size": FONT_SIZE},
    )  # fmt: skip


def frame_cell(fig: go.Figure, palette: Palette, x: float, y: float) -> None:
    """A 2 px frame around one heat-map cell: the one that the headline speaks of."""
    fig.add_shape(
        type="rect", x0=x - 0.5, x1=x + 0.5, y0=y - 0.5, y1=y + 0.5, line={"color": palette.ink, "width": 2},
        layer="above",
    )  # fmt: skip


def _plain(text: str) -> str:
    # Plotly reads a small set of HTML; a name from a file must stay text.
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
