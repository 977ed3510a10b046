"""Pieces that line charts share: round ticks in the reader's words, names at line ends that do not touch."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import plotly.graph_objects as go

from ops_core.charts.theme import Palette, end_label
from ops_core.locale import Translator

_TICK_ROOM = 0.24  # of an axis: what one label needs on a phone
_MOST_TICKS = 5
_PHONE = 350  # pixels of a figure on a phone
_LONGEST = 150  # pixels of a name at a line's end
_LINE_PIXELS = 15
_AROUND_PIXELS = 45  # of a figure above and below the plot
_COLORS = 5
_NARROW, _WIDE = 7, 12  # pixels of a digit or Latin letter, and of a Chinese character
_BESIDE = 9  # pixels between a label and the plot
BELOW = 24  # pixels for one line of labels below the plot


def value_ticks(
    fig: go.Figure, axis_range: tuple[float, float], write: Callable[[float], str], *, axis: str = "y",
    whole: bool = False,
) -> None:  # fmt: skip
    """Three to five round ticks over a range, written as the reader's language writes numbers (1.5万, 15K); `whole`
    where there are no halves, of people for instance. Below the plot fewer, where a phone has no room for them."""
    low, high = axis_range
    if not (math.isfinite(low) and math.isfinite(high)) or high <= low:
        return
    power = 10 ** math.floor(math.log10((high - low) / 3))
    steps = [power * factor for factor in (1, 2, 2.5, 5, 10)]
    fits = [step for step in steps if (high - low) / step <= 4.5 and (not whole or float(step).is_integer())]
    step = fits[0] if fits else 1.0
    ticks = [step * place for place in range(math.ceil(low / step), math.floor(high / step) + 1)]
    settings = {"range": [low, high], "tickvals": ticks, "ticktext": [write(tick) for tick in ticks]}
    if axis == "y":
        fig.update_yaxes(**settings)
        fig.with_room(left=_BESIDE + max((label_width(text) for text in settings["ticktext"]), default=0))
    else:
        every = -(-len(ticks) // _room_for(fig, settings["ticktext"]))
        fig.update_xaxes(**settings | {name: settings[name][::every] for name in ("tickvals", "ticktext")})


def spread_ticks(fig: go.Figure, values: Sequence[object], texts: Sequence[str]) -> None:
    """Label some of the evenly spaced values below the plot, the last among them: at most five, on a phone as many as
    do not touch. Call when the figure's margins are set."""
    most = min(_MOST_TICKS, _room_for(fig, texts))
    step = max(1, -(-len(values) // most))
    fig.update_xaxes(tickvals=list(values)[::-1][::step][::-1], ticktext=list(texts)[::-1][::step][::-1])


def _room_for(fig: go.Figure, texts: Sequence[str]) -> int:
    """How many of the labels have room side by side below the plot on a phone, at least two."""
    margin = fig.layout.margin
    widest = _BESIDE + max((label_width(text) for text in texts), default=0)
    return max(2, (_PHONE - (margin.l or 0) - (margin.r or 0)) // widest)


def label_width(text: str) -> int:
    """About how many pixels a label needs."""
    return sum(_WIDE if ord(letter) > 0x2E7F else _NARROW for letter in text if letter != "\u2060")


def money_tick(t: Translator) -> Callable[[float], str]:
    """How an amount stands at an axis: whole amounts without decimals."""
    return lambda value: (
        t.money_exact(value, 0) if abs(value) < 10_000 and float(value).is_integer() else t.money(value)
    )


def day_ticks(days: Sequence[int], last: float) -> list[int]:
    """Of these days those that have room on an axis from 0 to `last`; the latest are chosen first."""
    kept: list[int] = []
    for day in sorted((day for day in days if day <= last), reverse=True):
        if not kept or kept[-1] - day >= _TICK_ROOM * last:
            kept.append(day)
    return kept[::-1]


def line_dash(place: int) -> str:
    """How the n-th line is drawn: the colours end after five, the sixth line is told apart by its dots."""
    return "solid" if place < _COLORS else "dot"


def end_names(
    fig: go.Figure, palette: Palette, ends: Sequence[tuple[float, object, str, str]], axis_range: tuple[float, float]
) -> None:
    """Names at line ends, each `(value, x, name, colour)`, moved apart where they would touch; the margin holds them.

    `axis_range`: of the value axis; with the figure's height it tells how far apart in pixels two values are.
    """
    pixels = (fig.layout.height - _AROUND_PIXELS) / ((axis_range[1] - axis_range[0]) or 1.0)
    lowest = float("-inf")
    for value, x, name, color in sorted(ends, key=lambda end: end[0]):
        at = max(value * pixels, lowest + _LINE_PIXELS)
        lowest = at
        end_label(fig, palette, x, value, _shortened(name), color=color, shift=round(at - value * pixels))
    room = _BESIDE + max((label_width(_shortened(name)) for _, _, name, _ in ends), default=0)
    fig.update_layout(margin={"r": max(fig.layout.margin.r or 0, room)})


def _shortened(name: str) -> str:
    """A name cut to what has room at a line's end."""
    if label_width(name) <= _LONGEST:
        return name
    kept = next(n for n in range(len(name), 0, -1) if label_width(name[:n]) + _NARROW <= _LONGEST)
    return name[:kept] + "…"
