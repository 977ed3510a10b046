"""Chart and words of survival: which share of the users is still there at each age."""

from __future__ import annotations

import plotly.graph_objects as go

from ops_core.analyses.survival import SurvivalResult
from ops_core.charts.lines import day_ticks, end_names, line_dash, value_ticks
from ops_core.charts.theme import LIGHT, Palette, band, figure
from ops_core.charts.trends_words import group_name
from ops_core.locale import Translator

_MOST_LINES = 6


def draw(result: SurvivalResult, t: Translator, palette: Palette = LIGHT) -> go.Figure:
    """Kaplan–Meier curves as steps, one per group, with their 95 % bands."""
    fig = figure(palette, height=300, right=118, hover="x")
    ends = []
    names = list(result.groups["group"])[:_MOST_LINES]
    for place, name in enumerate(names):
        rows, color = result.curves[result.curves["group"] == name], palette.series(place)
        known = rows[rows["low"].notna()]
        if len(names) <= 3:
            band(fig, known["age_days"].tolist(), known["low"].tolist(), known["high"].tolist(), color)
        label = group_name(name, t)
        fig.add_scatter(
            x=rows["age_days"], y=rows["survival"], mode="lines", cliponaxis=False, name=label,
            line={"color": color, "width": 2, "shape": "hv", "dash": line_dash(place)},
            customdata=[
                t("survival.hover", group=label, day=t.number(row.age_days), share=t.share(row.survival),
                  n=int(row.at_risk))
                for row in rows.itertuples()
            ],
            hovertemplate="%{customdata}<extra></extra>",
        )  # fmt: skip
        ends.append((float(rows["survival"].iloc[-1]), rows["age_days"].iloc[-1], label, color))
    end_names(fig, palette, ends, (0.0, 1.02))
    value_ticks(fig, (0.0, 1.02), lambda share: t.share(share, 0))
    last = float(result.curves["age_days"].max())
    days = day_ticks((0, 7, 14, 30, 60, 90, 120, 180, 365, 730), last)
    fig.update_xaxes(tickvals=days, ticktext=[t("survival.day", day=day) for day in days], range=[0, max(last, 1)])
    return fig


def title(result: SurvivalResult, t: Translator) -> str:
    """Which group stays longest, as far as the test goes; alone, when half have gone."""
    groups = result.groups
    if len(groups) == 1:
        median = groups["median_days"].iloc[0]
        if median != median:
            return t("survival.title_most_stay")
        if median == 0:
            return t("survival.title_at_once")
        return t("survival.title_median", days=t.number(median))
    if not result.p_value < 0.05:
        return t("survival.title_same")
    # Groups are followed for different times: they are ranked at an age that all of them have reached.
    common = result.curves.groupby("group")["age_days"].max().min()
    left = result.curves[result.curves["age_days"] <= common].groupby("group", sort=False)["survival"].last()
    best, worst = left.idxmax(), left.idxmin()
    pairs = result.pairs
    pair = pairs[pairs["group"].isin([best, worst]) & pairs["other"].isin([best, worst])]
    if best == worst or not (pair["p_adjusted"] < 0.05).all():
        return t("survival.title_differ")
    return t("survival.title_apart", best=group_name(best, t), worst=group_name(worst, t))


def subtitle(result: SurvivalResult, t: Translator) -> str:
    """Who is followed, what churn means, and the test."""
    text = t("survival.subtitle", n=result.n_users, days=result.query.churn_days)
    if len(result.groups) > 1:
        p = t.p_value(result.p_value)
        text += t("survival.subtitle_test", p=p if p.startswith("<") else f"= {p}")
    if result.n_young:
        text += t("survival.subtitle_young", n=result.n_young)
    return text
