"""Words for the overview's tiles and headline. The tiles themselves are native metrics, so there is no figure here."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import pandas as pd

from ops_core.analyses.kpis import FEWEST_CHANGES, GOOD_WHEN, KPIS, KpiResult
from ops_core.locale import Translator
from ops_core.model.intervals import FEW

SPARK_WEEKS = 13
_REVENUE = ("revenue", "paying_users", "revenue_per_payer")


@dataclass(frozen=True)
class Tile:
    """What one metric shows; `tone` is good, bad or neutral (only an unusual change is coloured)."""

    kpi: str
    label: str
    value: str
    change: str
    arrow: str
    tone: str
    note: str
    detail: str
    help: str
    history: list[float]


def tiles(result: KpiResult, t: Translator) -> list[Tile]:
    """The tiles of the KPIs that the data can answer, in order."""
    kept = [kpi for kpi in KPIS if result.has_revenue or kpi not in _REVENUE]
    return [_tile(result, kpi, t) for kpi in kept]


def headline(result: KpiResult, t: Translator) -> str:
    """What left its normal range last week; else what active users did."""
    unusual = [row for _, row in result.tiles.iterrows() if row["is_unusual"]]
    active = result.tile("active_users")
    if not unusual:
        judged = (result.tiles["n_history"] >= FEWEST_CHANGES).any() and not _counts_few(active)
        key = "headline_normal" if judged else "headline_plain"
        told = {"active": t.compact(active["value"]), "change": _relative_words(active["relative"], t)}
        if result.is_latest:
            return t(f"overview.{key}", **told)
        return t(f"overview.{key}_then", week=_days(result, t), **told)
    parts = [
        t(
            "overview.moved_up" if row["change"] > 0 else "overview.moved_down",
            kpi=t(f"overview.{row['kpi']}"),
            change=_size(row, t),
        )
        for row in unusual[:3]
    ]
    return t("overview.headline_unusual", n=len(unusual), moves=t("overview.move_separator").join(parts))


def paragraph(result: KpiResult, t: Translator) -> str:
    """The week, and the plain numbers."""
    tile = result.tiles.set_index("kpi")
    text = t(
        "overview.paragraph", week=_days(result, t), active=t.number(tile.loc["active_users", "value"]),
        change=_relative_words(tile.loc["active_users", "relative"], t),
        new=t.number(tile.loc["new_users", "value"]),
    )  # fmt: skip
    if result.has_revenue:
        text += t(
            "overview.paragraph_revenue", revenue=t.money(tile.loc["revenue", "value"]),
            change=_relative_words(tile.loc["revenue", "relative"], t),
            payers=t.number(tile.loc["paying_users", "value"]),
        )  # fmt: skip
    return text


def table(result: KpiResult, t: Translator) -> pd.DataFrame:
    """The tiles as a table: kpi (in words), value, previous, change, relative, unusual (in words)."""
    rows = result.tiles[["kpi", "value", "previous", "change", "relative", "is_unusual"]]
    words = {True: t("overview.unusual"), False: t("overview.usual")}
    return rows.assign(kpi=[t(f"overview.{kpi}") for kpi in rows["kpi"]], is_unusual=rows["is_unusual"].map(words))


def value_text(unit: str, value: float, t: Translator) -> str:
    """A KPI's value as people read it."""
    return {"share": t.share, "money": t.money}.get(unit, t.compact)(value)


def _days(result: KpiResult, t: Translator) -> str:
    return t.date_range(result.week, result.week + dt.timedelta(days=6))


def _tile(result: KpiResult, kpi: str, t: Translator) -> Tile:
    row = result.tile(kpi)
    change = row["change"]
    known = change == change
    direction = "up" if known and change > 0 else "down" if known and change < 0 else "off"
    judged = "too_short" if row["n_history"] < FEWEST_CHANGES else "too_few" if _counts_few(row) else "usual"
    tone, note = "neutral", t(f"overview.{judged}")
    if row["is_unusual"]:
        tone = "good" if direction == GOOD_WHEN[kpi] else "bad"
        note = t(f"overview.unusual_{tone}")
    history = result.series[kpi].tail(SPARK_WEEKS)
    return Tile(
        kpi=kpi,
        label=t(f"overview.{kpi}"),
        value=value_text(row["unit"], row["value"], t),
        change=_change(row, t) if known else "",
        arrow=direction,
        tone=tone,
        note=note if known else t("overview.no_previous"),
        detail=_detail(kpi, row, t),
        help=t(f"overview.{kpi}_help"),
        history=[float(value) for value in history if value == value],
    )


def _counts_few(row: pd.Series) -> bool:
    """Whether so few people stand behind a figure that staying within the range says nothing."""
    people = max(row["value"], row["previous"]) if row["unit"] == "count" else row["denominator"]
    return bool(people < FEW)


def _change(row: pd.Series, t: Translator) -> str:
    if row["unit"] == "share":
        return t("overview.points_tile", value=t.points(row["change"]))
    return t.signed_share(row["relative"])


def _detail(kpi: str, row: pd.Series, t: Translator) -> str:
    """The small line of a tile: what a share is of, or last week's value."""
    if kpi in ("activation", "week1_retention") and row["denominator"] == row["denominator"]:
        return t("overview.of_users", n=row["numerator"], users=t.number(row["denominator"]))
    return t("overview.previous", value=value_text(row["unit"], row["previous"], t))


def _size(row: pd.Series, t: Translator) -> str:
    """The size of a change without its sign."""
    if row["unit"] == "share":
        return t("overview.points", value=t.number(abs(row["change"]) * 100, 1))
    return t.share(abs(row["relative"]))


def _relative_words(relative: float, t: Translator) -> str:
    if relative != relative:
        return t("overview.no_comparison")
    if abs(relative) < 0.0005:
        return t("overview.unchanged")
    return t("overview.up_by" if relative > 0 else "overview.down_by", change=t.share(abs(relative)))
