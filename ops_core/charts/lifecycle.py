"""Charts and sentences for the life cycle: growth accounting, stages now, moves between stages."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import plotly.graph_objects as go

from ops_core.analyses.lifecycle import LifecycleResult
from ops_core.analyses.stages import NOT_YET, STAGES, StagesResult
from ops_core.charts.lines import BELOW, spread_ticks, value_ticks
from ops_core.charts.theme import (
    LIGHT,
    Palette,
    faded,
    figure,
    number_column,
    number_header,
    reference,
    row_name,
)
from ops_core.locale import Translator

PARTS = ("returning", "resurrected", "new")  # bottom to top; newly dormant goes below zero
_LOST = "newly_dormant"
_MARGIN = 150
_FEW_BARS = 4  # with no more, remarks above the first and the last bar would meet
_A_YEAR = 366  # days


def colors(palette: Palette) -> dict[str, str]:
    """The colour of each part of the flow."""
    return {
        "new": palette.series(0),
        "resurrected": palette.series(2),
        "returning": palette.comp_soft,
        _LOST: palette.series(1),
    }


def draw_flow(result: LifecycleResult, t: Translator, palette: Palette = LIGHT) -> go.Figure:
    """Active users by where they come from, above zero; users newly dormant below. Buckets that have not ended, or that
    the data do not cover from their beginning, are hatched."""
    fig = figure(palette, height=320, hover="x", right=24)
    fig.update_layout(barmode="relative", bargap=0.25, barcornerradius=1)
    flow = result.flow
    cut = flow["partial"] | flow["begins_early"]
    labels = [bucket_text(result, bucket, t) for bucket in flow["bucket"]]
    for part in (*PARTS, _LOST):
        color = colors(palette)[part]
        edge = palette.comp if part == "returning" else color
        running = {"color": faded(edge, 0.12), "pattern": {"shape": "/", "size": 5, "solidity": 0.35, "fgcolor": edge}}
        for partial, marker in ((False, {"color": color}), (True, running)):
            rows = cut == partial
            if (part == _LOST and partial) or not rows.any():
                continue  # whoever has not come yet may still come, and nobody can have left before the data
            fig.add_bar(
                x=[label for label, kept in zip(labels, rows, strict=True) if kept],
                y=flow.loc[rows, part] * (-1 if part == _LOST else 1),
                name=t(f"lifecycle.{part}"), marker={**marker, "line": {"width": 0}},
                customdata=[_flow_hover(part, users, partial, t) for users in flow.loc[rows, part]],
                hovertemplate="%{customdata}<extra></extra>",
            )  # fmt: skip
    reference(fig, palette, y=0, solid=True)
    fig.update_xaxes(showline=False, type="category", categoryorder="array", categoryarray=labels)
    top = float(flow[["active"]].max().iloc[0]) if len(flow) else 0.0
    value_ticks(fig, (-1.06 * float(flow[_LOST].max()), 1.06 * top), t.compact)
    spread_ticks(fig, labels, _tick_texts(result, flow["bucket"], t))
    fig.with_room(bottom=BELOW)
    if cut.any():
        _remark(fig, palette, labels[-1], t("lifecycle.partial" if flow["partial"].any() else "lifecycle.cut"), "right")
    if len(flow) > _FEW_BARS and flow["left_censored"].iloc[0]:
        _remark(fig, palette, labels[0], t("lifecycle.data_begin"), "left")
    return fig


def _remark(fig: go.Figure, palette: Palette, label: str, text: str, side: str) -> None:
    """A few words above the first or the last bar."""
    fig.add_annotation(
        x=label, y=1, yref="paper", yanchor="bottom", xanchor=side, xshift=12 if side == "right" else -12,
        showarrow=False, text=text, font={"color": palette.ink2},
    )  # fmt: skip
    fig.update_layout(margin={"t": 22})


def draw_quick_ratio(result: LifecycleResult, t: Translator, palette: Palette = LIGHT) -> go.Figure:
    """Users gained per user lost, complete buckets only; above 1 the base grows."""
    rows = result.complete
    rows = rows[~rows["left_censored"]]
    known = rows["quick_ratio"].dropna()  # where nobody was lost there is no ratio: the line has a gap
    fig = figure(palette, height=260, right=46, hover="x")
    labels = [bucket_text(result, bucket, t) for bucket in rows["bucket"]]
    fig.add_scatter(
        x=labels, y=rows["quick_ratio"], mode="lines+markers", line={"color": palette.accent, "width": 2},
        marker={"size": 5, "color": palette.accent}, cliponaxis=False, connectgaps=False,
        customdata=[
            t("lifecycle.ratio_hover", ratio=t.number(row.quick_ratio, 2), gained=t.number(row.new + row.resurrected),
              lost=t.number(row.newly_dormant))
            for row in rows.itertuples()
        ],
        hovertemplate="%{customdata}<extra></extra>",
    )  # fmt: skip
    reference(fig, palette, y=1)
    if len(known):
        fig.add_annotation(
            x=labels[rows.index.get_loc(known.index[-1])], y=known.iloc[-1],
            text=f"<b>{t.number(known.iloc[-1], 2)}</b>",
            showarrow=False, xanchor="left", xshift=8, font={"color": palette.accent},
        )  # fmt: skip
    top = float(max(known.max() if len(known) else 1, 1.2))
    fig.update_yaxes(range=[0, top * 1.12], nticks=4, tickformat=".1f")
    fig.update_xaxes(type="category", categoryorder="array", categoryarray=labels)
    spread_ticks(fig, labels, _tick_texts(result, rows["bucket"], t))
    return fig


def draw_stages(result: StagesResult, t: Translator, palette: Palette = LIGHT) -> go.Figure:
    """Users per stage; the thin bar is a week before."""
    rows = result.counts
    fig = figure(palette, height=40 + 50 * len(rows), right=_MARGIN, top=24)
    number_header(fig, palette, t("lifecycle.share"), inset=84)
    number_header(fig, palette, t("lifecycle.change"))
    for y, row in enumerate(rows.itertuples()):
        name, note = t(f"lifecycle.stage_{row.stage}"), t(f"lifecycle.rule_{row.stage}", **_limits(result))
        row_name(fig, palette, y, name, note, lift=0.36)
        hover = t("lifecycle.stage_hover", stage=name, n=row.users, share=t.share(row.share))
        fig.add_bar(
            x=[row.share], y=[y], orientation="h", width=0.3, marker={"color": palette.accent},
            hovertemplate=hover + "<extra></extra>",
        )  # fmt: skip
        fig.add_bar(
            x=[row.share_before], y=[y + 0.25], orientation="h", width=0.1, marker={"color": palette.comp},
            hovertemplate=t("lifecycle.stage_before_hover", stage=name, n=row.users_before) + "<extra></extra>",
        )  # fmt: skip
        number_column(fig, palette, [(y, f"{t.share(row.share)}")], inset=84, bold=True, color=palette.ink)
        number_column(fig, palette, [(y, t.signed(row.users - row.users_before))])
    fig.update_layout(barmode="overlay")
    fig.update_xaxes(showline=False, showticklabels=False, range=[0, max(0.01, float(rows["share"].max())) * 1.02])
    fig.update_yaxes(range=[len(rows) - 0.5, -0.6], showticklabels=False, showgrid=False)
    return fig


def draw_moves(result: StagesResult, t: Translator, palette: Palette = LIGHT) -> go.Figure:
    """Everybody's way from the stage of a week ago (left) to that of now (right)."""
    fig = figure(palette, height=340)
    sources = [NOT_YET, *STAGES]
    moves = result.transitions[result.transitions["users"] > 0]
    heights = [moves.groupby("from_stage")["users"].sum().get(name, 0) for name in sources]
    heights_now = [moves.groupby("to_stage")["users"].sum().get(name, 0) for name in STAGES]
    alive = {"introduction": palette.heat(0.4), "growth": palette.heat(0.6), "maturity": palette.heat(0.9)}
    tint = {**alive, NOT_YET: palette.series(2), "decline": palette.series(1), "churned": palette.comp}
    stay = faded(palette.comp, 0.22)
    fig.add_sankey(
        arrangement="snap",
        node={
            "label": [_short(name, t) for name in (*sources, *STAGES)],
            "color": [tint[name] for name in (*sources, *STAGES)],
            "x": [0.001] * len(sources) + [0.999] * len(STAGES),
            "y": [*_centres(heights), *_centres(heights_now)],
            "pad": 14, "thickness": 10, "line": {"width": 0},
            "hovertemplate": "%{label}: %{value:,.0f}<extra></extra>",
        },
        link={
            "source": [sources.index(name) for name in moves["from_stage"]],
            "target": [len(sources) + STAGES.index(name) for name in moves["to_stage"]],
            "value": moves["users"].tolist(),
            "color": [
                stay if row.from_stage == row.to_stage else faded(tint[row.to_stage], 0.55)
                for row in moves.itertuples()
            ],
            "customdata": [
                t("lifecycle.move_hover", before=_short(row.from_stage, t), now=_short(row.to_stage, t), n=row.users)
                for row in moves.itertuples()
            ],
            "hovertemplate": "%{customdata}<extra></extra>",
        },
        textfont={"color": palette.ink, "size": 12},
    )  # fmt: skip
    return fig


def headline(result: LifecycleResult, t: Translator) -> str:
    """Whether the base grew in the last complete bucket, and from what; counts, so nothing to estimate."""
    rows = result.complete
    unit = _when(result, t)
    if len(rows) < 2 or rows["left_censored"].iloc[-1]:
        return t("lifecycle.headline_first", unit=unit)
    last, before = rows.iloc[-1], rows.iloc[-2]
    gained, lost, change = last["new"] + last["resurrected"], last["newly_dormant"], last["active"] - before["active"]
    key = "headline_up" if change > 0 else "headline_down" if change < 0 else "headline_flat"
    return t(
        f"lifecycle.{key}", unit=unit, active=t.number(last["active"]), change=t.number(abs(change)),
        gained=t.number(gained), lost=t.number(lost),
    )  # fmt: skip


def paragraph(result: LifecycleResult, t: Translator) -> str:
    """The parts of the last complete bucket."""
    rows = result.complete
    if len(rows) < 2:
        return ""
    last = rows.iloc[-1]
    return t(
        "lifecycle.paragraph", bucket=_days_text(result, last["bucket"], t), new=t.number(last["new"]),
        returning=t.number(last["returning"]), resurrected=t.number(last["resurrected"]),
        lost=t.number(last["newly_dormant"]), stock=t.number(last["dormant_stock"]),
        ratio=t.number(last["quick_ratio"], 2),
    )  # fmt: skip


def identities(result: LifecycleResult, t: Translator) -> str:
    """The two sums that every bucket obeys, with the numbers of the last complete one; empty without two of them."""
    rows = result.complete
    if len(rows) < 2 or rows["left_censored"].iloc[-1]:
        return ""
    last, before = rows.iloc[-1], rows.iloc[-2]
    names = ("active", "new", "returning", "resurrected")
    return t(
        "lifecycle.identities", **{name: t.number(last[name]) for name in names}, lost=t.number(last["newly_dormant"]),
        before=t.number(before["active"]), bucket=_days_text(result, last["bucket"], t),
    )  # fmt: skip


def stages_title(result: StagesResult, t: Translator) -> str:
    """How many users are alive, and the largest move between stages in the last week."""
    counts = result.counts.set_index("stage")
    alive = int(counts.loc[["introduction", "growth", "maturity"], "users"].sum())
    return t("lifecycle.stages_title", n=alive, share=t.share(alive / result.n_users))


def moves_title(result: StagesResult, t: Translator) -> str:
    """The largest move from one stage to another in a week."""
    moves = result.transitions
    moved = moves[(moves["from_stage"] != moves["to_stage"]) & (moves["from_stage"] != NOT_YET)]
    if not moved["users"].sum():
        return t("lifecycle.moves_none")
    top = moved.loc[moved["users"].idxmax()]
    names = {"before": _short(top["from_stage"], t), "now": _short(top["to_stage"], t)}
    return t("lifecycle.moves_title", n=int(top["users"]), **names)


def _when(result: LifecycleResult, t: Translator) -> str:
    """The last complete bucket in a headline: last week, or its days where the data has later ones."""
    grain, rows = result.query.grain, result.complete
    if result.is_latest or rows.empty:
        return t(f"lifecycle.last_{grain}")
    return t("lifecycle.in_bucket", bucket=_days_text(result, rows["bucket"].iloc[-1], t))


def _days_text(result: LifecycleResult, bucket: pd.Timestamp, t: Translator) -> str:
    """A bucket in a sentence: a week by its days, since its first day alone reads as a day."""
    if result.query.grain != "week":
        return bucket_text(result, bucket, t)
    first = pd.Timestamp(bucket).date()
    return t.date_range(first, first + dt.timedelta(days=6), year=_several_years(result))


def bucket_text(result: LifecycleResult, bucket: pd.Timestamp, t: Translator) -> str:
    """A bucket's name: its hour, first day, month, quarter."""
    day = pd.Timestamp(bucket)
    if result.query.grain == "hour":
        return f"{t.date(day.date())} {day:%H}:00"
    if result.query.grain == "month":
        return t.month(day.date())
    if result.query.grain == "quarter":
        return t("retention.quarter", quarter=(day.month - 1) // 3 + 1, year=day.year)
    return t.date(day.date(), year=_several_years(result))


def _several_years(result: LifecycleResult) -> bool:
    years = result.flow["bucket"].dt.year
    return bool((years != years.iloc[0]).any())


def _tick_texts(result: LifecycleResult, buckets: pd.Series, t: Translator) -> list[str]:
    """Buckets as an axis names them: days without their year, over several years the month."""
    if result.query.grain not in ("day", "week"):
        return [bucket_text(result, bucket, t) for bucket in buckets]
    days = [pd.Timestamp(bucket).date() for bucket in buckets]
    long = len(days) > 1 and (days[-1] - days[0]).days > _A_YEAR
    return [t.month(day) if long else t.date(day) for day in days]


def _centres(heights: list[int]) -> list[float]:
    """Where the middle of each block lies, stacked from the top in the order given, small ones kept apart."""
    gap = 0.045
    scale = (1 - gap * (len(heights) - 1)) / max(sum(heights), 1)
    tops = [sum(heights[:place]) * scale + gap * place for place in range(len(heights))]
    return [min(0.999, max(0.001, top + height * scale / 2)) for top, height in zip(tops, heights, strict=True)]


def _short(stage: str, t: Translator) -> str:
    return t(f"lifecycle.stage_{stage}")


def _limits(result: StagesResult) -> dict[str, object]:
    rules = result.rules
    return {
        "introduction": rules.introduction_days, "active": rules.active_days, "late": rules.active_days + 1,
        "churn": rules.churn_days,
        "recent": rules.recent_days, "many": rules.mature_active_days,
    }  # fmt: skip


def _flow_hover(part: str, users: int, partial: bool, t: Translator) -> str:
    text = t(f"lifecycle.{part}") + " " + t.number(users)
    return text + " " + t("lifecycle.partial_short") if partial else text
