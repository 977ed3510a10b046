"""Lines over the periods since the start, with bands and names: the form that retention's curves share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from ops_core.charts.lines import spread_ticks, value_ticks
from ops_core.charts.theme import MARKERS, Palette, band, end_label, figure
from ops_core.locale import Translator

MOST_LINES = 5  # as many as there are colours
_LINE_PIXELS, _AROUND_PIXELS = 15, 45


@dataclass(frozen=True)
class Line:
    """One line: places on the x axis, values with bounds (nan where unknown), what is said on hover, its name."""

    x: Sequence[int]
    y: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]
    hover: Sequence[str]
    name: str
    color: str


def draw_lines(
    palette: Palette,
    lines: Sequence[Line],
    labels: Sequence[str],
    write: Callable[[float], str],
    *,
    tick: Callable[[float], str] | None = None,
    named: bool = True,
) -> go.Figure:
    """The lines over the columns `labels`; `write` puts a value into words for line ends, `tick` for the axis. Several
    lines are named at their ends unless a legend does it (`named` is false)."""
    alone = len(lines) == 1 or not named
    fig = figure(palette, height=300, right=70 if alone else 132, hover="x")
    ends = []
    bounds = [value for line in lines for part in (line.y, line.low, line.high) for value in part if value == value]
    low, high = min([0.0, *bounds]), max([*bounds, 0.0])
    axis_range = (low * 1.04, (high or 1.0) * 1.06)
    for place, line in enumerate(lines):
        known = [i for i, value in enumerate(line.low) if value == value]
        band(
            fig, [line.x[i] for i in known], [line.low[i] for i in known], [line.high[i] for i in known], line.color,
            0.14 if len(lines) <= 3 else 0.07,
        )  # fmt: skip
        fig.add_scatter(
            x=list(line.x), y=list(line.y), mode="lines+markers", line={"color": line.color, "width": 2},
            marker={"size": 5, "symbol": MARKERS[min(place, len(MARKERS) - 1)], "color": line.color},
            cliponaxis=False, name=line.name, customdata=list(line.hover), hovertemplate="%{customdata}<extra></extra>",
        )  # fmt: skip
        if len(line.y):
            text = write(line.y[-1])
            ends.append((line.y[-1], line.x[-1], text if alone else f"{_short(line.name)} {text}", line.color))
    _names(fig, palette, ends, axis_range)
    value_ticks(fig, axis_range, tick or write)
    spread_ticks(fig, range(len(labels)), labels)
    fig.update_xaxes(range=[-0.3, len(labels) - 0.7])
    return fig


def share_tick(t: Translator) -> Callable[[float], str]:
    """How shares stand at an axis: whole percentages without decimals, others with one."""
    return lambda share: t.share(share, 0 if abs(share * 100 - round(share * 100)) < 1e-9 else 1)


def _names(fig: go.Figure, palette: Palette, ends: list, axis_range: tuple[float, float]) -> None:
    """Name and value at each line's end, moved apart where two would touch."""
    pixels = (fig.layout.height - _AROUND_PIXELS) / ((axis_range[1] - axis_range[0]) or 1.0)
    lowest = float("-inf")
    for value, x, text, color in sorted(ends, key=lambda end: end[0]):
        at = max(value * pixels, lowest + _LINE_PIXELS)
        lowest = at
        end_label(fig, palette, x, value, text, color=color, shift=round(at - value * pixels))


def _short(name: str) -> str:
    safe = name.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return safe if len(name) <= 10 else safe[:9] + "…"
