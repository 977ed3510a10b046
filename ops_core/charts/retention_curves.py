"""Retention as lines over time: one per group, or one per cohort; and one column cohort by cohort, in words too."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from ops_core.analyses.cohort_change import TOGETHER, changes, newest_change
from ops_core.analyses.retention import RetentionResult
from ops_core.analyses.retention_compare import against_rest
from ops_core.charts.lines import spread_ticks
from ops_core.charts.offset_lines import MOST_LINES, Line, draw_lines, share_tick
from ops_core.charts.retention_words import (
    at_column,
    cohort_text,
    column_labels,
    group_text,
)
from ops_core.charts.theme import LIGHT, Palette, figure, interval, reference
from ops_core.locale import Translator


def draw_curves(result: RetentionResult, t: Translator, palette: Palette = LIGHT, by: str = "group") -> go.Figure:
    """Share per period since the start with Wilson bands: the weighted mean per group, or (`cohort`) the newest cohorts
    that have reached two columns."""
    columns = result.reached_offsets
    table = _newest(result, columns) if by == "cohort" else result.means[result.means["eligible"] > 0]
    table = table[table["offset"].isin(columns)]
    names = list(dict.fromkeys(table["group"]))[:MOST_LINES]
    lines = []
    for place, group in enumerate(names):
        rows = table[table["group"] == group]
        name = cohort_text(result, group, t) if by == "cohort" else group_text(group, t)
        hover = [
            t("retention.curve_hover", group=name, share=t.share(row.share), low=t.share(row.low),
              high=t.share(row.high), n=int(row.eligible))
            for row in rows.itertuples()
        ]  # fmt: skip
        x = [columns.index(offset) for offset in rows["offset"]]
        shares = (rows[side].tolist() for side in ("share", "low", "high"))
        lines.append(Line(x, *shares, hover, name, palette.series(place)))
    return draw_lines(palette, lines, column_labels(result, columns, t), t.share, tick=share_tick(t))


def draw_cohorts(
    result: RetentionResult, t: Translator, palette: Palette = LIGHT, offset: int | None = None
) -> go.Figure:
    """One column, cohort by cohort, with intervals; the dotted line is the weighted mean of the earlier ones."""
    offset = result.reached_offsets[0] if offset is None else offset
    rows = result.overall
    rows = rows[(rows["offset"] == offset) & rows["ripe"] & (rows["users"] > 0)].sort_values("cohort")
    found = newest_change(result, offset)
    fig = figure(palette, height=300, right=12)
    for x, row in enumerate(rows.itertuples()):
        newest = found is not None and row.cohort == found.cohort
        color = palette.change(found.difference, "up", found.is_clear) if newest else palette.comp
        hover = t(
            "retention.cohort_hover", cohort=cohort_text(result, row.cohort, t), share=t.share(row.share),
            low=t.share(row.low), high=t.share(row.high), returned=t.number(row.returned), users=t.number(row.users),
        )  # fmt: skip
        interval(fig, palette, x, row.share, row.low, row.high, color=color, vertical=True, size=8, hover=hover)
        if newest:
            arrow = ("▲ " if found.difference > 0 else "▼ ") if found.is_clear else ""
            fig.add_annotation(
                x=x, y=row.high, text=f"<b>{arrow}{t.share(row.share)}</b>", showarrow=False, yshift=10,
                font={"color": color}, xanchor="right" if x > 1 else "center", xshift=8 if x > 1 else 0,
            )  # fmt: skip
    if found is not None:
        reference(fig, palette, y=found.earlier_share)
    low = min([*rows["low"], found.earlier_share if found else 1.0], default=0.0)
    high = max(rows["high"], default=1.0)
    room = 0.12 * (high - low or 0.1)
    fig.update_yaxes(tickformat=".0%", nticks=4, range=[max(0.0, low - room), high + 1.6 * room])
    spread_ticks(fig, range(len(rows)), [cohort_text(result, cohort, t) for cohort in rows["cohort"]])
    fig.update_xaxes(range=[-0.6, max(len(rows), 1) - 0.4])
    return fig


def curves_title(result: RetentionResult, t: Translator) -> str:
    """Which group differs most from all the others, as far as the test goes; without groups, what the curve shows."""
    if len(result.groups) == 1:
        return t("retention.curves_title")
    rows = against_rest(result)
    clear = rows[rows["is_clear"] & rows["offset"].isin(result.reached_offsets)]
    if clear.empty:
        return t("retention.curves_same" if result.query.mode != "recurring" else "retention.curves_title")
    clear = clear[::-1]  # of two groups, whose differences mirror each other, the smaller one is spoken of
    row = clear.loc[clear["difference"].abs().idxmax()]
    return t(
        "retention.curves_more" if row["difference"] > 0 else "retention.curves_less",
        group=group_text(row["group"], t), at=at_column(result, int(row["offset"]), t),
        points=t.number(abs(row["difference"]) * 100, 1),
        range=t.interval(t.points(row["difference_low"]), t.points(row["difference_high"])),
    )  # fmt: skip


def change_sentence(result: RetentionResult, t: Translator, offset: int) -> str:
    """The newest block of cohorts against the one before it: "the May cohorts keep 4.1 pp more at week 4"."""
    table = changes(result, offset)
    if len(table) < 2:
        return t("retention.change_none")
    last, before = table.iloc[-1], table.iloc[-2]
    named = {
        "block": block_text(result, last["block"], t), "previous": block_text(result, before["block"], t),
        "at": at_column(result, offset, t), "users": t.number(last["users"]),
        "previous_users": t.number(before["users"]), "share": t.share(last["share"]),
        "previous_share": t.share(before["share"]),
    }  # fmt: skip
    numbers = {
        "points": t.number(abs(last["difference"]) * 100, 1),
        "range": t.interval(t.points(last["difference_low"]), t.points(last["difference_high"])),
    }
    if not last["is_clear"]:
        return t("retention.change_same", difference=t.points(last["difference"]), range=numbers["range"], **named)
    key = "retention.change_more" if last["difference"] > 0 else "retention.change_less"
    return t(key, **named, **numbers)


def block_text(result: RetentionResult, block: pd.Timestamp, t: Translator) -> str:
    """The name of cohorts that are read together: a month, a week, a day, or the cohort itself."""
    day = pd.Timestamp(block).date()
    together = TOGETHER[result.query.grain]
    if together == "week":
        return t("retention.block_week", date=t.date(day))
    if together == "month":
        return t.month(day)
    return t.date(day) if together == "day" else cohort_text(result, block, t)


def _newest(result: RetentionResult, columns: list[int]) -> pd.DataFrame:
    cells = result.overall
    ripe = cells[cells["ripe"] & (cells["users"] > 0) & cells["offset"].isin(columns)]
    reached = ripe.groupby("cohort")["offset"].count()
    kept = sorted(reached.index[reached >= min(2, len(columns))])[-MOST_LINES:]
    rows = ripe[ripe["cohort"].isin(kept)].sort_values(["cohort", "offset"], ascending=[False, True])
    return rows.assign(group=rows["cohort"], eligible=rows["users"])
