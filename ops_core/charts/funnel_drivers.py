"""What separates those who convert: a dot and interval per trait, and the sentences around them."""

from __future__ import annotations

import html
import math

import pandas as pd
import plotly.graph_objects as go

from ops_core.analyses.funnel_drivers import BEHAVIOUR, DriverResult
from ops_core.charts.funnel_words import p_text
from ops_core.charts.theme import (
    LIGHT,
    Palette,
    figure,
    interval,
    number_column,
    number_header,
    reference,
    row_name,
)
from ops_core.locale import Translator

MOST_ROWS = 12
_MARGIN, _INSET = 210, 120  # pixels for two number columns
_ROW, _DAY = 46, 86_400
_LONGEST_NAME = 44
_MOST_TICKS = 5


def draw(result: DriverResult, t: Translator, palette: Palette = LIGHT) -> go.Figure:
    """The traits that were tested, clear ones first: adjusted difference in points, filled and coloured when clear."""
    rows = shown(result).to_dict("records")
    fig = figure(palette, height=_ROW * len(rows) + 58, right=_MARGIN, top=26)
    number_header(fig, palette, t("drivers.adjusted_difference"), inset=_INSET)
    number_header(fig, palette, t("drivers.with_without"))
    reached = [0.0]
    for place, row in enumerate(rows):
        clear = bool(row["is_clear"])
        name = trait_name(row, result, t)
        note = t("drivers.note", with_it=t.compact(row["n_with"]), without=t.compact(row["n_without"]))
        short = name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"
        row_name(fig, palette, place, short, note, bold=clear, lift=0.36)
        color = palette.change(row["adjusted"], "up", clear)
        low, middle, high = (100 * row[part] for part in ("low", "adjusted", "high"))
        interval(fig, palette, place, middle, low, high, color=color, clear=clear, hover=_hover(row, name, t))
        reached += [low, high]
        arrow = ("▲ " if middle > 0 else "▼ ") if clear else ""
        moved = arrow + t.points(row["adjusted"])
        number_column(fig, palette, [(place, moved)], inset=_INSET, bold=clear, color=color)
        pair = t("drivers.pair", first=t.share(row["share_with"]), second=t.share(row["share_without"]))
        number_column(fig, palette, [(place, pair)])
    room = 0.06 * (max(reached) - min(reached) or 1)
    fig.update_xaxes(
        range=[min(reached) - room, max(reached) + room], showgrid=True, gridcolor=palette.grid, showline=False,
        **_signed(min(reached), max(reached), t),
    )  # fmt: skip
    reference(fig, palette, x=0, solid=True)
    fig.update_yaxes(range=[len(rows) - 0.5, -0.7], showgrid=False, showticklabels=False)
    return fig


def shown(result: DriverResult) -> pd.DataFrame:
    """The traits of the chart: those that were tested, up to a dozen."""
    return result.traits[~result.traits["too_few"]].head(MOST_ROWS)


def trait_name(row: dict[str, object], result: DriverResult, t: Translator) -> str:
    """A trait in words: channel = ads, age ≥ 35, search in the 28 days before."""
    if row["kind"] == BEHAVIOUR:
        return t("drivers.trait_did", name=row["name"], n=_days(result))
    key = "drivers.trait_at_least" if row["at_least"] else "drivers.trait_value"
    return t(key, name=row["name"], value=row["value"])


def title(result: DriverResult, t: Translator) -> str:
    """The clearest finding, by size; that there is none; or that there are too few users."""
    if not result.n_tested:
        return t("drivers.title_few")
    if result.clear.empty:
        return t("drivers.title_none")
    row = result.clear.iloc[0].to_dict()
    key = "drivers.title_more" if row["adjusted"] > 0 else "drivers.title_less"
    return t(key, trait=trait_name(row, result, t), points=t.points(abs(row["adjusted"])).lstrip("+"))


def definition(result: DriverResult, t: Translator) -> str:
    """How the traits are compared, and who is left out."""
    names = t.join(list(result.adjusted_for[:2])) if result.adjusted_for else t("drivers.no_names")
    told = [
        t("drivers.definition", entered=t.number(result.n_entered), converted=t.number(result.n_converted), names=names)
    ]
    if result.n_unseen:
        told.append(t("drivers.unseen", n=result.n_unseen))
    return t.sentences(told)


def readable(result: DriverResult, t: Translator) -> pd.DataFrame:
    """All traits with their names (`trait`) and verdicts (`verdict`) in words."""
    rows = result.traits.to_dict("records")
    return result.traits.assign(
        trait=[trait_name(row, result, t) for row in rows], verdict=[_verdict(row, t) for row in rows]
    )


def _verdict(row: dict[str, object], t: Translator) -> str:
    if row["too_few"]:
        return t("drivers.unseen_few")
    return t("drivers.verdict_clear") if row["is_clear"] else t("drivers.verdict_unclear")


def _hover(row: dict[str, object], name: str, t: Translator) -> str:
    return t(
        "drivers.hover", trait=html.escape(name), done=t.number(row["converted_with"]), users=t.number(row["n_with"]),
        share=t.share(row["share_with"]), done_without=t.number(row["converted_without"]),
        users_without=t.number(row["n_without"]), share_without=t.share(row["share_without"]),
        points=t.points(row["adjusted"]), interval=t.interval(t.points(row["low"]), t.points(row["high"])),
        p=html.escape(p_text(row["p_adjusted"], t)),
    )  # fmt: skip


def _days(result: DriverResult) -> float:
    days = result.query.lookback_seconds / _DAY
    return int(days) if float(days).is_integer() else days


def _signed(low: float, high: float, t: Translator) -> dict[str, object]:
    """Ticks with their sign, as everywhere a difference is shown."""
    span = max(high - low, 1e-9)
    sizes = (factor * 10.0**power for power in range(-3, 3) for factor in (1, 2, 5))
    step = next((size for size in sizes if span / size <= _MOST_TICKS), 100.0)
    ticks = [place * step for place in range(math.ceil(low / step), math.floor(high / step) + 1)]
    digits = max(0, -math.floor(math.log10(step)))
    return {"tickvals": ticks, "ticktext": [t.signed(tick, digits) if tick else "0" for tick in ticks]}
