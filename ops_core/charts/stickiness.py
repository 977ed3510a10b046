"""Chart and sentence for stickiness: on how many buckets people are active."""

from __future__ import annotations

import plotly.graph_objects as go

from ops_core.analyses.stickiness import StickinessResult
from ops_core.charts.theme import LIGHT, Palette, figure
from ops_core.locale import Translator


def draw(result: StickinessResult, t: Translator, palette: Palette = LIGHT) -> go.Figure:
    """Share of the active users by the number of buckets in which they were active."""
    rows = result.counts
    fig = figure(palette, height=260)
    fig.update_layout(bargap=0.3)
    labelled = len(rows) <= 14
    fig.add_bar(
        x=rows["buckets_active"], y=rows["share"], marker={"color": palette.accent},
        text=[t.share(share, 0) if labelled else "" for share in rows["share"]], textposition="outside",
        cliponaxis=False, textfont={"color": palette.ink},
        customdata=[
            t("lifecycle.sticky_hover", k=row.buckets_active, n=row.users, share=t.share(row.share),
              at_least=t.share(row.share_at_least))
            for row in rows.itertuples()
        ],
        hovertemplate="%{customdata}<extra></extra>",
    )  # fmt: skip
    fig.update_yaxes(showticklabels=not labelled, showgrid=not labelled, tickformat=".0%", rangemode="tozero")
    fig.update_xaxes(nticks=8, tickformat="d")
    return fig


def title(result: StickinessResult, t: Translator) -> str:
    """Stickiness in words."""
    if not result.n_active:
        return t("lifecycle.sticky_none")
    return t(
        f"lifecycle.sticky_{result.query.grain}", mean=t.number(result.n_buckets * result.stickiness, 1),
        n=result.n_buckets,
    )  # fmt: skip
