"""Charts of an experiment: forest of the metrics, the effect over reading days or over days since exposure."""

from __future__ import annotations

import math

import pandas as pd
import plotly.graph_objects as go

from ops_core.analyses.experiment_plan import ROLES, SHARE_KINDS
from ops_core.analyses.experiments import ExperimentResult
from ops_core.analyses.verdicts import difference_text, level_text
from ops_core.charts.lines import spread_ticks
from ops_core.charts.theme import (
    LIGHT,
    Palette,
    band,
    end_label,
    figure,
    interval,
    number_column,
    number_header,
    reference,
    row_name,
)
from ops_core.locale import Translator

_VALUE_INSET, _RANGE_WIDTH = 128, 226  # pixels of the two number columns in the right margin
_FEWEST_DAYS = 5
_PARTS = {True: ("relative_low", "relative", "relative_high"), False: ("low", "difference", "high")}


def draw(result: ExperimentResult, t: Translator, palette: Palette = LIGHT, relative: bool = True) -> go.Figure:
    """The forest: one row per metric and arm with its interval, filled where the data are clear.

    Relative lift on one axis; absolute differences have units of their own, so each row is scaled to its own interval
    and only the common zero is marked.
    """
    rows = _rows(result)
    places = _places(rows)
    fig = figure(palette, height=round(60 + 50 * (places[-1] + 1)), right=_RANGE_WIDTH, top=26)
    number_header(fig, palette, t("experiments.relative" if relative else "experiments.absolute"), inset=_VALUE_INSET)
    number_header(fig, palette, t("experiments.interval_95", level=t.share(1 - result.query.alpha, 0)))
    low_name, mid_name, high_name = _PARTS[relative]
    reached = [0.0]
    for y, row in zip(places, rows, strict=True):
        if isinstance(row, str):
            row_name(fig, palette, y, t(f"experiments.role_{row}"), t(f"experiments.role_{row}_note"), lift=0)
            continue
        # Absolute differences have units of their own: each row is drawn to the scale of its own interval.
        scale = 1.0 if relative else max(abs(row[low_name]), abs(row[high_name]), 1e-300)
        color = palette.change(row["difference"], "up" if row["higher_is_better"] else "down", bool(row["is_clear"]))
        row_name(fig, palette, y, _name(result, row), _from_to(row, t), bold=row["role"] == "decision", lift=0.36)
        if not math.isnan(row[low_name]):
            spots = [row[name] / scale for name in (mid_name, low_name, high_name)]
            symbol = "square" if row["role"] == "guardrail" else "circle"
            interval(
                fig, palette, y, *spots, color=color, clear=bool(row["is_clear"]), symbol=symbol,
                hover=_hover(result, row, t),
            )  # fmt: skip
            reached += spots
        value = t.signed_share(row[mid_name]) if relative else _difference(row, mid_name, t)
        if row["is_clear"]:
            value = ("▲ " if row["difference"] > 0 else "▼ ") + value
        number_column(fig, palette, [(y, value)], inset=_VALUE_INSET, bold=bool(row["is_clear"]), color=color)
        number_column(fig, palette, [(y, _range_text(row, low_name, high_name, relative, t))])
    _axes(fig, palette, reached, places[-1], relative)
    return fig


def _places(rows: list[str | dict]) -> list[float]:
    """Heights of the rows from the top: a heading stands close to what it heads."""
    places, y = [], 0.0
    for number, row in enumerate(rows):
        if number:
            y += 0.8 if isinstance(row, str) or isinstance(rows[number - 1], str) else 1.0
        places.append(y)
    return places


def draw_daily(result: ExperimentResult, t: Translator, palette: Palette = LIGHT) -> go.Figure:
    """The difference as each reading day would have shown it: fixed-sample band inside the always-valid one."""
    days = daily_rows(result)
    kind = _kind(result, days)
    fig, x, factor = _band_figure(days, kind, t, palette), days["day"].tolist(), _factor(kind)
    low, high = ((days[name] * factor).tolist() for name in ("always_low", "always_high"))
    band(fig, x, low, high, palette.accent, 0.12)
    if high[-1] == high[-1]:
        end_label(fig, palette, x[-1], high[-1], t("experiments.always_valid"), color=palette.ink2, shift=8)
    inner = factor * days["low"].iloc[-1]
    end_label(fig, palette, x[-1], inner, t("experiments.fixed_sample"), color=palette.ink2, shift=6)
    # The first days rest on few users; their bands would flatten all that follows. While nothing varies there is only
    # the inner band.
    bounds = days[["low", "high", "always_low", "always_high"]].iloc[len(x) // 4 :]
    reach = factor * bounds.abs().max(axis=None)
    fig.update_yaxes(range=[-1.1 * reach, 1.1 * reach])
    spread_ticks(fig, x, [t.date(day) for day in x])
    return fig


def draw_ages(result: ExperimentResult, t: Translator, palette: Palette = LIGHT) -> go.Figure:
    """The difference by days since exposure, with its interval: when the effect arises and whether it stays."""
    ages = age_rows(result)
    fig = _band_figure(ages, _kind(result, ages), t, palette)
    days = ages["day"].tolist()
    ticks = sorted({days[0], days[len(days) // 2], days[-1]})
    # Room on the left for the first label, which would else be dropped.
    texts = [t("experiments.day_n", n=day) for day in ticks]
    fig.update_xaxes(tickvals=ticks, ticktext=texts, range=[days[0] - 0.04 * len(days), days[-1]])
    return fig


def daily_rows(result: ExperimentResult) -> pd.DataFrame:
    """The reading days, with an interval, of the metric and arm that the verdict speaks of."""
    return _told(result, result.daily)


def age_rows(result: ExperimentResult) -> pd.DataFrame:
    """The effect by days since exposure, of the metric and arm that the verdict speaks of."""
    return _told(result, result.ages)


def has_days(result: ExperimentResult) -> bool:
    """Whether there are enough reading days with an interval to draw."""
    return len(daily_rows(result)) >= _FEWEST_DAYS


def has_ages(result: ExperimentResult) -> bool:
    """Whether the effect can be drawn by days since exposure."""
    return len(age_rows(result)) >= _FEWEST_DAYS


def _told(result: ExperimentResult, table: pd.DataFrame) -> pd.DataFrame:
    others = result.arms.loc[~result.arms["is_control"], "arm"].tolist()
    metric = result.verdict.metric or result.query.metrics[0].name
    arm = result.verdict.arm if result.verdict.arm in others else (others or [""])[0]
    found = table[(table["metric"] == metric) & (table["arm"] == arm) & table["low"].notna()]
    return found.reset_index(drop=True)


def _band_figure(days: pd.DataFrame, kind: str, t: Translator, palette: Palette) -> go.Figure:
    factor, x = _factor(kind), days["day"].tolist()
    fig = figure(palette, height=336, right=92, left=16, hover="x")
    fig.update_yaxes(showline=False)
    band(fig, x, (days["low"] * factor).tolist(), (days["high"] * factor).tolist(), palette.accent, 0.20)
    values = (days["difference"] * factor).tolist()
    fig.add_scatter(
        x=x, y=values, mode="lines", line={"color": palette.accent, "width": 2},
        text=[_day_hover(row, kind, t) for row in days.to_dict("records")], hovertemplate="%{text}<extra></extra>",
    )  # fmt: skip
    fig.add_scatter(
        x=x[-1:], y=values[-1:], mode="markers", marker={"size": 8, "color": palette.accent}, hoverinfo="skip",
        cliponaxis=False,
    )  # fmt: skip
    text = difference_text(kind, days["difference"].iloc[-1], t, days["difference"].iloc[-1], unit=False)
    end_label(fig, palette, x[-1], values[-1], f"<b>{text}</b>", color=palette.accent)
    reference(fig, palette, y=0, solid=True)
    return fig


def _factor(kind: str) -> float:
    return 100.0 if kind in SHARE_KINDS else 1.0


def _kind(result: ExperimentResult, days: pd.DataFrame) -> str:
    return next(metric.kind for metric in result.query.metrics if metric.name == days["metric"].iloc[0])


def _rows(result: ExperimentResult) -> list[str | dict]:
    found: list[str | dict] = []
    compared = result.metrics[~result.metrics["is_control"]]
    for role in ROLES:
        rows = compared[compared["role"] == role].to_dict("records")
        found += [role, *rows] if rows else []
    return found


def _name(result: ExperimentResult, row: dict) -> str:
    return row["metric"] if len(result.arms) == 2 else f"{row['metric']} · {row['arm']}"


def _from_to(row: dict, t: Translator) -> str:
    return f"{level_text(row['kind'], row['control_mean'], t)} → {level_text(row['kind'], row['mean'], t)}"


def _difference(row: dict, name: str, t: Translator) -> str:
    return difference_text(row["kind"], row[name], t, row["difference"])


def _range_text(row: dict, low: str, high: str, relative: bool, t: Translator) -> str:
    if math.isnan(row[low]):
        return "—"
    if relative:
        return t.interval(t.signed(100 * row[low], 1), t.signed(100 * row[high], 1))
    texts = (difference_text(row["kind"], row[name], t, row["difference"], unit=False) for name in (low, high))
    return t.interval(*texts)


def _hover(result: ExperimentResult, row: dict, t: Translator) -> str:
    return t(
        "experiments.hover",
        name=_name(result, row), difference=_difference(row, "difference", t),
        interval=_range_text(row, "low", "high", False, t), p=t.p_value(row["p_value"]),
        adjusted=t.p_value(row["p_adjusted"]), users=t.number(row["n"]),
    )  # fmt: skip


def _day_hover(row: dict, kind: str, t: Translator) -> str:
    def text(name: str) -> str:
        return difference_text(kind, row[name], t, row["difference"], unit=False)

    day = t("experiments.day_n", n=row["day"]) if isinstance(row["day"], int) else t.date(row["day"])
    fixed = t.interval(text("low"), text("high"))
    found = [t("experiments.hover_fixed", day=day, difference=text("difference"), fixed=fixed)]
    if "always_low" in row:
        always = t.interval(text("always_low"), text("always_high"))
        found.append(t("experiments.hover_always", always=always, users=t.number(row["n"])))
    return "<br>".join(found)


def _axes(fig: go.Figure, palette: Palette, reached: list[float], lowest: float, relative: bool) -> None:
    low, high = min(reached), max(reached)
    room = 0.06 * (high - low or 1.0)
    fig.update_xaxes(
        range=[low - room, high + room], showgrid=True, gridcolor=palette.grid, showline=False, nticks=5,
        tickformat=",.0%" if high - low > 0.04 else ",.1%", showticklabels=relative, zeroline=True,
        zerolinecolor=palette.axis, zerolinewidth=1,
    )  # fmt: skip
    fig.update_yaxes(range=[lowest + 0.5, -0.4], showticklabels=False, showgrid=False)
