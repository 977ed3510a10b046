"""Pieces that line charts share: round ticks in the reader's words, names at line ends that do not touch."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import plotly.graph_objects as go

from ops_core.charts.theme import Palette, end_label

_LONGEST = 14  # characters of a name at a line's end
_LINE_PIXELS = 15


def value_ticks(
    fig: go.Figure, axis_range: tuple[float, float], write: Callable[[float], str], *, axis: str = "y"
) -> None:
    """Three to five round ticks over a range, written as the reader's language writes numbers (1.5万, 15K)."""
    low, high = axis_range
    if not (math.isfinite(low) and math.isfinite(high)) or high <= low:
        return
    step = 10 ** math.floor(math.log10((high - low) / 3))
    step *= next(factor for factor in (1, 2, 2.5, 5, 10) if (high - low) / (step * factor) <= 4.5)
    ticks = [step * place for place in range(math.ceil(low / step), math.floor(high / step) + 1)]
    settings = {"range": [low, high], "tickvals": ticks, "ticktext": [write(tick) for tick in ticks]}
    (fig.update_yaxes if axis == "y" else fig.update_xaxes)(**settings)


def end_names(fig: go.Figure, palette: Palette, ends: Sequence[tuple[float, object, str, str]], height: float) -> None:
    """Names at line ends, each `(value, x, name, colour)`, moved apart where they would touch.

    `height`: pixels that the values' span takes, about the height of the plot.
    """
    if not ends:
        return
    values = [value for value, *_ in ends]
    pixels, lowest = height / ((max(values) - min(*values, 0)) or 1.0), float("-inf")
    for value, x, name, color in sorted(ends, key=lambda end: end[0]):
        at = max(value * pixels, lowest + _LINE_PIXELS)
        lowest = at
        short = name if len(name) <= _LONGEST else name[: _LONGEST - 1] + "…"
        end_label(fig, palette, x, value, short, color=color, shift=round(at - value * pixels))
