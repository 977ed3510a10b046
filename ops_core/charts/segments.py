"""Charts and sentences for segments side by side."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from ops_core.analyses import rfm
from ops_core.analyses.segments import KPIS, MONEY, OTHER, RFM_SCHEMES, SHARES, SegmentResult
from ops_core.analyses.stages import STAGES
from ops_core.charts.lines import money_tick, value_ticks
from ops_core.charts.offset_lines import share_tick
from ops_core.charts.theme import (
    LIGHT,
    Palette,
    figure,
    interval,
    number_column,
    number_header,
    reference,
    row_name,
    text_on,
)
from ops_core.locale import Translator

_MARGIN, _INSET = 236, 132  # pixels for two number columns
_CODES = frozenset(rfm.CLASS_ORDER + rfm.NAMES)


def draw(result: SegmentResult, t: Translator, palette: Palette = LIGHT, kpi: str = KPIS[0]) -> go.Figure:
    """One KPI: a row per segment with value and interval; filled where it clearly differs from the dotted reference."""
    rows = result.kpis[result.kpis["kpi"] == kpi].to_dict("records")
    fig = figure(palette, height=52 + 50 * len(rows), right=_MARGIN, top=26)
    number_header(fig, palette, t(f"segments.kpi_{kpi}"), inset=_INSET)
    number_header(fig, palette, t("segments.against_reference"))
    reached = [0.0]
    for y, row in enumerate(rows):
        is_reference = row["segment"] == result.reference
        name = group_name(row["segment"], t)
        row_name(fig, palette, y, name, _counts(row, kpi, t), bold=is_reference, lift=0.4)
        color = palette.accent if is_reference else palette.change(row["difference"], "up", bool(row["is_clear"]))
        if row["value"] == row["value"]:
            interval(
                fig, palette, y, row["value"], _known(row["low"], row["value"]), _known(row["high"], row["value"]),
                color=color, clear=is_reference or bool(row["is_clear"]), hover=_hover(row, kpi, t),
            )  # fmt: skip
            reached += [row["value"], _known(row["low"], row["value"]), _known(row["high"], row["value"])]
            if is_reference:
                reference(fig, palette, x=row["value"])
        number_column(fig, palette, [(y, value_text(kpi, row["value"], t))], inset=_INSET, bold=True, color=palette.ink)
        number_column(fig, palette, [(y, _against(row, kpi, is_reference, t))], color=color)
    room = 0.04 * (max(reached) - min(reached) or 1.0)
    write = share_tick(t) if kpi in SHARES else money_tick(t)
    value_ticks(fig, (min(reached) - room, max(reached) + room), write, axis="x")
    fig.update_xaxes(showgrid=True, gridcolor=palette.grid, showline=False)
    fig.update_yaxes(range=[len(rows) - 0.5, -0.7], showticklabels=False, showgrid=False)
    return fig


def draw_overlap(result: SegmentResult, t: Translator, palette: Palette = LIGHT) -> go.Figure:
    """How many users each pair of segments shares, as a share of the row's segment."""
    names = [group_name(name, t) for name in result.overlap.index]
    counts = result.overlap.to_numpy()
    shares = counts / counts.diagonal().clip(min=1)[:, None]
    fig = figure(palette, height=60 + 44 * len(names), top=24)
    places = list(range(len(names)))
    colors = [[position / 9, color] for position, color in enumerate(palette.sequential)]
    fig.add_heatmap(
        x=places, y=places, z=shares, zmin=0, zmax=1, colorscale=colors, showscale=False, xgap=2, ygap=2,
        customdata=counts, hovertemplate="%{customdata:,}<extra></extra>",
    )  # fmt: skip
    cells = [(x, y) for y in places for x in places]
    fig.add_scatter(
        x=[x for x, _ in cells], y=[y for _, y in cells], mode="text", hoverinfo="skip",
        text=[t.number(int(counts[y, x])) for x, y in cells],
        textfont={"color": [text_on(palette.heat(float(shares[y, x]))) for x, y in cells]},
    )  # fmt: skip
    fig.update_xaxes(tickvals=places, ticktext=names, side="top", showline=False)
    fig.update_yaxes(tickvals=places, ticktext=names, autorange="reversed", showgrid=False)
    return fig


def draw_classes(result: rfm.RfmResult, t: Translator, palette: Palette = LIGHT) -> go.Figure:
    """RFM classes: share of the buyers (bar) beside share of their revenue (thin bar)."""
    rows = result.classes[result.classes["users"] > 0].to_dict("records")
    fig = figure(palette, height=52 + 50 * len(rows), right=_MARGIN, top=26)
    number_header(fig, palette, t("segments.share_of_buyers"), inset=_INSET)
    number_header(fig, palette, t("segments.share_of_revenue"))
    for y, row in enumerate(rows):
        name = group_name(row["rfm_class"], t)
        note = t(
            "segments.class_note",
            users=t.number(row["users"]), days=t.number(row["recency_days"]), times=t.number(row["frequency"], 1),
            amount=t.money(row["monetary"]),
        )  # fmt: skip
        row_name(fig, palette, y, name, note, lift=0.36)
        hover = f"{name}<br>{note}<extra></extra>"
        fig.add_bar(
            x=[row["share"]],
            y=[y + 0.06],
            orientation="h",
            width=0.26,
            marker={"color": palette.accent},
            hovertemplate=hover,
        )
        fig.add_bar(
            x=[row["revenue_share"]], y=[y + 0.27], orientation="h", width=0.11, marker={"color": palette.comp},
            hovertemplate=hover,
        )  # fmt: skip
        number_column(fig, palette, [(y, t.share(row["share"]))], inset=_INSET, bold=True, color=palette.ink)
        number_column(fig, palette, [(y, t.share(row["revenue_share"]))])
    fig.update_layout(barmode="overlay")
    fig.update_xaxes(showgrid=True, gridcolor=palette.grid, showline=False, nticks=5, tickformat=".0%")
    fig.update_yaxes(range=[len(rows) - 0.4, -0.7], showticklabels=False, showgrid=False)
    return fig


def group_name(segment: str, t: Translator) -> str:
    """A group's name: words for the classes and the rest, everything else as it stands in the data."""
    if segment in _CODES:
        return t(f"rfm.{segment}")
    if segment in STAGES:
        return t(f"lifecycle.stage_{segment}")
    return t("segments.other") if segment == OTHER else segment


def value_text(kpi: str, value: float, t: Translator) -> str:
    """A KPI's value as people read it."""
    return t.share(value) if kpi in SHARES else t.money_exact(value)


def difference_text(kpi: str, value: float, t: Translator) -> str:
    """A KPI's difference: percentage points, or an amount with its sign."""
    return t("segments.points", value=t.points(value)) if kpi in SHARES else t.signed_money(value)


def classes_headline(result: rfm.RfmResult, t: Translator) -> str:
    """The class that brings most of the money, and how small a part of the buyers it is."""
    row = result.classes.loc[result.classes["revenue"].idxmax()]
    return t(
        "segments.headline_class",
        name=group_name(row["rfm_class"], t), share=t.share(row["share"]), revenue=t.share(row["revenue_share"]),
    )  # fmt: skip


def headline(result: SegmentResult, t: Translator, kpi: str = KPIS[0]) -> str:
    """The clearest difference in a KPI, by its p-value; else that none is clear, or that nothing could be tested."""
    rows = result.kpis[result.kpis["kpi"] == kpi]
    reference_name, kpi_name = group_name(result.reference, t), t(f"segments.kpi_{kpi}")
    clear = rows[rows["is_clear"]]
    if clear.empty:
        key = "headline_untested" if rows["p_value"].isna().all() else "headline_none"
        return t(f"segments.{key}", reference=reference_name, kpi=kpi_name)
    row = clear.loc[clear["p_adjusted"].idxmin()]
    size = difference_text(kpi, abs(row["difference"]), t).lstrip("+")
    direction = "higher" if row["difference"] > 0 else "lower"
    return t(
        f"segments.headline_{direction}",
        segment=group_name(row["segment"], t), kpi=kpi_name, difference=size, reference=reference_name,
    )  # fmt: skip


def paragraph(result: SegmentResult, t: Translator) -> str:
    """How many comparisons were made, how many are clear, and what could not be told."""
    compared = result.kpis[result.kpis["segment"] != result.reference]
    tested = int(compared["p_value"].notna().sum())
    told = {"tested": t.number(tested), "clear": t.number(int(compared["is_clear"].sum()))}
    text = [t("segments.compared", **told) if tested else t("segments.compared_none")]
    few = int((compared["too_few"] & (compared["n"] > 0)).sum())
    if few:
        text.append(t("segments.few", values=t.number(few)))
    overlapping = result.groups.loc[result.groups["shared_with_reference"] > 0, "segment"]
    if len(overlapping):
        text.append(t("segments.overlapping", names=t.join([group_name(name, t) for name in overlapping])))
    if result.query.by in ("stage", *RFM_SCHEMES):
        text.append(t("segments.as_it_stood", date=t.date(result.query.period.first_date)))
    if result.is_partial:
        text.append(t("segments.partial"))
    return t.sentences(text)


def definition(result: SegmentResult, t: Translator) -> str:
    """Who is counted in each KPI, with what activates a user in this workspace."""
    event = result.activation_event
    activation = t("segments.activation_day") if event is None else t("segments.activation_event", event=event)
    return t("segments.definition", activation=activation)


def overview(result: SegmentResult, t: Translator) -> pd.DataFrame:
    """One row per segment: segment (its name), users, share, one column per KPI with its value, few.

    `few` names the KPIs whose value rests on fewer than 30 users, each with its n.
    """
    values = result.kpis.pivot_table(index="segment", columns="kpi", values="value", sort=False, dropna=False)
    table = result.groups[["segment", "users", "share"]].join(values[list(KPIS)], on="segment")
    few = result.kpis[result.kpis["too_few"] & (result.kpis["n"] > 0)]
    told = {
        segment: t.join(
            [t("segments.few_kpi", kpi=t(f"segments.kpi_{row.kpi}"), n=int(row.n)) for row in rows.itertuples()]
        )
        for segment, rows in few.groupby("segment")
    }
    return table.assign(
        few=[told.get(name, "") for name in table["segment"]],
        segment=[group_name(name, t) for name in table["segment"]],
    )


def detail(result: SegmentResult, t: Translator, kpi: str = KPIS[0]) -> pd.DataFrame:
    """What the chart of a KPI shows: its rows of the result, with the groups' names in words."""
    rows = result.kpis[result.kpis["kpi"] == kpi].drop(columns="kpi")
    return rows.assign(segment=[group_name(name, t) for name in rows["segment"]])


def lacks_amounts(result: SegmentResult) -> bool:
    """Whether the KPIs of money are blank because no event has an amount."""
    return not result.kpis.loc[result.kpis["kpi"].isin(MONEY), "n"].any()


def _counts(row: dict, kpi: str, t: Translator) -> str:
    if not row["n"]:
        return t("segments.nobody")
    if row["too_few"]:
        return t("segments.too_few", n=row["n"])
    top = t.money(row["numerator"]) if kpi == "revenue_per_user" else t.compact(row["numerator"])
    return t(f"segments.of_{kpi}", top=top, base=t.compact(row["n"]))


def _against(row: dict, kpi: str, is_reference: bool, t: Translator) -> str:
    if is_reference:
        return t("segments.is_reference")
    if row["difference"] != row["difference"]:
        return "—"
    mark = ("▲ " if row["difference"] > 0 else "▼ ") if row["is_clear"] else ""
    return mark + difference_text(kpi, row["difference"], t)


def _hover(row: dict, kpi: str, t: Translator) -> str:
    texts = [value_text(kpi, row[name], t) for name in ("low", "high")]
    return t(
        "segments.hover",
        name=group_name(row["segment"], t), value=value_text(kpi, row["value"], t), interval=t.interval(*texts),
        difference=difference_text(kpi, row["difference"], t), p=t.p_value(row["p_adjusted"]),
    )  # fmt: skip


def _known(value: float, otherwise: float) -> float:
    return value if value == value else otherwise
