"""Charts of value: LTV curves, LTV by group, costs against value, buying again, order intervals, the hold-out check."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from ops_core.analyses.value import ValueResult
from ops_core.analyses.value_model import ValueModelResult
from ops_core.charts.lines import BELOW, day_ticks, end_names, line_dash, money_tick, spread_ticks, value_ticks
from ops_core.charts.theme import (
    LIGHT,
    MARKERS,
    Palette,
    band,
    figure,
    hatch,
    interval,
    number_column,
    number_header,
    partial,
    row_name,
)
from ops_core.charts.trends_words import group_name
from ops_core.charts.value_words import at_age
from ops_core.locale import Translator

_MOST_LINES = 6
_ROW = 50


def draw_curves(result: ValueResult, t: Translator, palette: Palette = LIGHT) -> go.Figure:
    """Value per new user by age; where spend is known a hollow dot marks the age at which the costs are back."""
    fig = figure(palette, height=300, right=118, hover="x")
    ends = []
    names = list(result.curve["group"].unique())[:_MOST_LINES]
    for place, name in enumerate(names):
        rows, color = result.curve[result.curve["group"] == name], palette.series(place)
        label = group_name(name, t)
        fig.add_scatter(
            x=rows["age_days"], y=rows["ltv"], mode="lines", cliponaxis=False, name=label,
            line={"color": color, "width": 2, "dash": line_dash(place)},
            customdata=[t("value.curve_hover", group=label, value=t.money(value)) for value in rows["ltv"]],
            hovertemplate="%{customdata}<extra></extra>",
        )  # fmt: skip
        if len(rows):
            ends.append((float(rows["ltv"].iloc[-1]), rows["age_days"].iloc[-1], label, color))
        _payback_mark(fig, result, rows, name, color, MARKERS[min(place, len(MARKERS) - 1)], palette)
    axis_range = (min(0.0, result.curve["ltv"].min()), max(result.curve["ltv"].max() * 1.06, 1.0))
    end_names(fig, palette, ends, axis_range)
    value_ticks(fig, axis_range, money_tick(t))
    ages = day_ticks(result.query.ages_days, result.curve_age_days)
    fig.update_xaxes(
        tickvals=ages, ticktext=[t("value.day", day=age) for age in ages], range=[0, result.curve_age_days]
    )
    return fig


def draw_groups(result: ValueResult, t: Translator, palette: Palette = LIGHT) -> go.Figure:
    """LTV at the age of the curves by group, with 95 % intervals; costs as a hollow square where spend is known."""
    rows = at_age(result).sort_values("ltv", ascending=False).reset_index(drop=True)
    fig = figure(palette, height=_ROW * max(len(rows), 1) + 40, right=92, top=20)
    costs = dict(zip(result.channels["group"], result.channels["cac"], strict=True)) if result.has_spend else {}
    for place, row in rows.iterrows():
        row_name(fig, palette, place, group_name(row["group"], t), t("value.n_users", n=int(row["users"])))
        interval(fig, palette, place, row["ltv"], row["low"], row["high"], color=palette.accent,
                 hover=_ltv_hover(row, t))  # fmt: skip
        cost = costs.get(row["group"])
        if cost is not None and cost == cost:
            fig.add_scatter(
                x=[cost], y=[place], mode="markers", cliponaxis=False,
                marker={
                    "size": 9, "symbol": "square", "color": palette.bg, "line": {"color": palette.comp, "width": 2},
                },
                hovertemplate=t("value.cac_hover", value=t.money(cost)) + "<extra></extra>",
            )  # fmt: skip
    number_column(
        fig, palette, [(place, t.money(row["ltv"])) for place, row in rows.iterrows()], bold=True, color=palette.ink
    )
    fig.update_yaxes(range=[max(len(rows), 1) - 0.4, -0.6], showticklabels=False, showgrid=False)
    highest = max([*rows["high"].dropna(), *rows["ltv"], *[c for c in costs.values() if c == c], 1.0])
    value_ticks(fig, (min(0.0, *rows["low"].dropna(), 0.0), highest * 1.03), money_tick(t), axis="x")
    fig.update_xaxes(showgrid=True, gridcolor=palette.grid)
    fig.with_room(bottom=BELOW)
    return fig


def draw_repeat(result: ValueResult, t: Translator, palette: Palette = LIGHT) -> go.Figure:
    """Repeat purchase rate and buy-again rate, bucket by bucket, with Wilson bands; incomplete buckets dotted."""
    fig = figure(palette, height=280, right=104, hover="x")
    ends = []
    rows = result.buckets
    for place, name in enumerate(("repeat", "buy_again")):
        color = palette.series(place)
        known = rows[rows[f"{name}_rate"].notna()]
        whole = known[~known["partial"]]
        band(fig, whole["bucket"].tolist(), whole[f"{name}_low"].tolist(), whole[f"{name}_high"].tolist(), color)
        of = whole["repeat_buyers" if name == "repeat" else "buyers_next"]
        fig.add_scatter(
            x=whole["bucket"], y=whole[f"{name}_rate"], mode="lines+markers", line={"color": color, "width": 2},
            marker={"size": 5, "symbol": MARKERS[place], "color": color}, cliponaxis=False,
            customdata=[
                t(f"value.{name}_hover", share=t.share(share), n=int(n), buyers=t.number(buyers))
                for share, n, buyers in zip(whole[f"{name}_rate"], of, whole["buyers"], strict=True)
            ],
            hovertemplate="%{customdata}<extra></extra>",
        )  # fmt: skip
        late = known[known["partial"]]
        if len(late) and len(whole) and late["bucket"].iloc[-1] > whole["bucket"].iloc[-1]:
            joined = pd.concat([whole.tail(1), late.tail(1)])
            partial(fig, palette, joined["bucket"].tolist(), joined[f"{name}_rate"].tolist(), color=color)
        if len(whole):
            ends.append(
                (float(whole[f"{name}_rate"].iloc[-1]), rows["bucket"].iloc[-1], t(f"value.{name}_rate"), color)
            )
    highest = max(rows[["repeat_high", "buy_again_high"]].max().max(), 0.05) if len(rows) else 0.05
    axis_range = (0.0, min(1.0, highest * 1.06))
    end_names(fig, palette, ends, axis_range)
    value_ticks(fig, axis_range, lambda share: t.share(share, 0))
    spread_ticks(fig, list(rows["bucket"]), [_bucket_text(result, bucket, t) for bucket in rows["bucket"]])
    return fig


def draw_intervals(result: ValueResult, t: Translator, palette: Palette = LIGHT) -> go.Figure:
    """Days between purchases, in classes."""
    rows = result.intervals
    labels = [_class_text(row, t) for row in rows.itertuples()]
    fig = figure(palette, height=280, top=22)
    fig.update_layout(bargap=0.3)
    fig.add_bar(
        x=labels, y=rows["share"], marker={"color": palette.accent},
        text=[t.share(share, 0) for share in rows["share"]], textposition="outside",
        textfont={"color": palette.ink}, cliponaxis=False,
        customdata=[t("value.interval_hover", n=int(n)) for n in rows["n"]],
        hovertemplate="%{customdata}<extra></extra>",
    )  # fmt: skip
    fig.update_yaxes(visible=False)
    fig.update_xaxes(type="category", tickfont={"size": 11})
    return fig


def draw_holdout(result: ValueModelResult, t: Translator, palette: Palette = LIGHT) -> go.Figure:
    """Mean purchases in the hold-out days by past repeat purchases: predicted beside what came."""
    rows = result.holdout_table
    last = rows["frequency"].max() if len(rows) else 0
    labels = [t("value.or_more", n=int(x)) if x == last and x >= 7 else t.number(x) for x in rows["frequency"]]
    fig = figure(palette, height=280, top=22)
    fig.update_layout(barmode="overlay")
    fig.add_bar(
        x=labels, y=rows["actual"], width=0.82, hoverinfo="skip",
        marker={"color": palette.comp_soft, "line": {"color": palette.comp, "width": 1}},
    )  # fmt: skip
    fig.add_bar(
        x=labels, y=rows["predicted"], width=0.5, marker={"color": palette.accent},
        customdata=[
            t("value.holdout_hover", predicted=t.number(row.predicted, 2), actual=t.number(row.actual, 2),
              n=int(row.customers))
            for row in rows.itertuples()
        ],
        hovertemplate="%{customdata}<extra></extra>",
    )  # fmt: skip
    fig.update_yaxes(rangemode="tozero", nticks=4)
    fig.update_xaxes(type="category")
    return fig


def draw_prediction(result: ValueModelResult, t: Translator, palette: Palette = LIGHT) -> go.Figure:
    """Mean value per customer by group: earned so far, and expected within the horizon (hatched)."""
    rows = result.groups.reset_index(drop=True)
    fig = figure(palette, height=_ROW * max(len(rows), 1) + 40, right=150, top=20)
    fig.update_layout(barmode="stack", bargap=0.6)
    ahead = {**hatch(palette), "line": {"color": palette.accent, "width": 1}}
    fig.add_bar(y=rows.index, x=rows["spent"], orientation="h", marker={"color": palette.accent}, hoverinfo="skip")
    fig.add_bar(y=rows.index, x=rows["predicted"], orientation="h", marker=ahead, hoverinfo="skip")
    for place, row in rows.iterrows():
        row_name(
            fig, palette, place, group_name(row["group"], t), t("value.n_customers", n=int(row["customers"])), lift=0.44
        )
    fig.update_xaxes(visible=False)
    fig.update_yaxes(range=[max(len(rows), 1) - 0.4, -0.7], showticklabels=False, showgrid=False)
    columns = (("spent", t("value.spent"), 76, False), ("predicted", t("value.predicted"), 0, True))
    for name, head, inset, bold in columns:
        texts = [(place, t.money(row[name])) for place, row in rows.iterrows()]
        number_column(fig, palette, texts, inset=inset, bold=bold, color=palette.ink if bold else None)
        number_header(fig, palette, head, inset=inset)
    return fig


# Pieces ------------------------------------------------------------------------------------------------------------


def _payback_mark(
    fig: go.Figure, result: ValueResult, rows: pd.DataFrame, name: str, color: str, symbol: str, palette: Palette
) -> None:
    channel = result.channels[result.channels["group"] == name]
    day = channel["payback_days"].iloc[0] if len(channel) else float("nan")
    if day != day:
        return
    value = rows.loc[rows["age_days"] == day, "ltv"]
    fig.add_scatter(
        x=[day], y=value, mode="markers", hoverinfo="skip", cliponaxis=False,
        marker={"size": 9, "symbol": symbol, "color": palette.bg, "line": {"color": color, "width": 2}},
    )  # fmt: skip


def _ltv_hover(row: pd.Series, t: Translator) -> str:
    return t(
        "value.ltv_hover", value=t.money(row["ltv"]), users=t.number(row["users"]), cohorts=t.number(row["cohorts"]),
        range=t.interval(t.money(row["low"]), t.money(row["high"])),
    )  # fmt: skip


def _bucket_text(result: ValueResult, bucket: pd.Timestamp, t: Translator) -> str:
    return t.month(bucket.date()) if result.query.grain in ("month", "quarter") else t.date(bucket.date())


def _class_text(row: object, t: Translator) -> str:
    if row.to_days != row.to_days:
        return t("value.or_more", n=int(row.from_days))
    return str(int(row.from_days)) if row.from_days == row.to_days else f"{int(row.from_days)}–{int(row.to_days)}"
