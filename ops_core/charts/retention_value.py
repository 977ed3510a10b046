"""Revenue retention as charts and words: value per user up to each age, and bucket by bucket."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from ops_core.analyses.retention_value import ValueRetentionResult
from ops_core.charts.lines import money_tick
from ops_core.charts.offset_lines import MOST_LINES, Line, draw_lines
from ops_core.charts.retention_words import group_text, offset_labels
from ops_core.charts.theme import LIGHT, Palette
from ops_core.locale import Translator

_COLUMNS = {
    "cumulative": ("cumulative_per_user", "cumulative_low", "cumulative_high"),
    "each": ("per_user", "low", "high"),
}


def draw(result: ValueRetentionResult, t: Translator, palette: Palette = LIGHT, kind: str = "cumulative") -> go.Figure:
    """Value per cohort user with 95 % bands, one line per group: up to the end of each period since the start
    (`cumulative`), or inside `each` of them, the start apart."""
    value, low, high = _COLUMNS[kind]
    reached = result.means[result.means["eligible"] > 0]
    offsets = sorted(reached["offset"].unique())
    columns = offsets if kind == "cumulative" or len(offsets) == 1 else [k for k in offsets if k > 0]
    lines = []
    for place, group in enumerate(result.groups[:MOST_LINES]):
        rows = reached[(reached["group"] == group) & reached["offset"].isin(columns)]
        name = group_text(group, t)
        hover = [
            t("retention_value.hover", group=name, value=t.money(row[value]), low=t.money(row[low]),
              high=t.money(row[high]), n=int(row["eligible"]))
            for _, row in rows.iterrows()
        ]  # fmt: skip
        numbers = (rows[column].tolist() for column in (value, low, high))
        lines.append(Line([columns.index(k) for k in rows["offset"]], *numbers, hover, name, palette.series(place)))
    labels = offset_labels(result.query, [int(k) for k in columns], t)
    return draw_lines(palette, [line for line in lines if line.x], labels, money_tick(t))


def title(result: ValueRetentionResult, t: Translator) -> str:
    """What a user is worth at the last age that cohorts have reached."""
    reached = result.mean[result.mean["eligible"] > 0]
    if reached.empty:
        ripe_on = result.cells.loc[result.cells["users"] > 0, "ripe_on"]
        is_unseen = len(ripe_on) > 0 and ripe_on.isna().all()
        return t("retention_value.title_unseen" if is_unseen else "retention_value.title_unripe")
    if result.remarks == ("no_value_in_cohorts",):
        return t("retention_value.title_none")
    last = reached.iloc[-1]
    return t(
        "retention_value.title", value=t.money(last["cumulative_per_user"]),
        at=offset_labels(result.query, [int(last["offset"])], t)[0], n=int(last["eligible"]),
    )  # fmt: skip


def remark(result: ValueRetentionResult, t: Translator) -> str:
    """What a reader must know about refunds and missing amounts; "" when there is nothing."""
    if "no_value_in_cohorts" in result.remarks:
        return t("retention_value.remark_no_value")
    if not result.n_negative:
        return ""
    numbers = {"n": result.n_negative, "of": t.number(result.n_values)}
    worse = t("retention_value.remark_negative") if "negative_value" in result.remarks else ""
    return t("retention_value.remark_refunds", **numbers) + worse


def table(result: ValueRetentionResult, t: Translator) -> pd.DataFrame:
    """The weighted means behind the lines, one row per group and column."""
    rows = result.means[result.means["eligible"] > 0]
    labels = offset_labels(result.query, [int(k) for k in rows["offset"]], t)
    return rows.drop(columns=["offset", "offset_end"]).assign(
        column=labels, group=[group_text(group, t) for group in rows["group"]]
    )
