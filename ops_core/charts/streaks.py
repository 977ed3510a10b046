"""Chart and sentence for streaks: how many buckets in a row users are active."""

from __future__ import annotations

import plotly.graph_objects as go

from ops_core.analyses.streaks import StreakResult
from ops_core.charts.theme import LIGHT, Palette, figure
from ops_core.locale import Translator


def draw(result: StreakResult, t: Translator, palette: Palette = LIGHT) -> go.Figure:
    """Share of the active users by length of the longest streak (bars) and of the one that still runs (hollow bars)."""
    rows = result.counts
    last = max(int(rows.loc[rows["users_longest"] > 0, "length"].max()), 1) if result.n_active else 1
    rows = rows[rows["length"] <= last]
    fig = figure(palette, height=260)
    fig.update_layout(bargap=0.3, bargroupgap=0.08)
    ghost = {"color": palette.comp_soft, "line": {"color": palette.comp, "width": 1}}
    for name, marker in (("longest", {"color": palette.accent}), ("current", ghost)):
        shown = rows if name == "current" else rows[rows["length"] > 0]
        fig.add_bar(
            x=shown["length"], y=shown[f"share_{name}"], marker=marker, name=t(f"streaks.{name}"),
            customdata=[
                t(f"streaks.hover_{name}", k=row.length, n=int(getattr(row, f"users_{name}")),
                  share=t.share(getattr(row, f"share_{name}")),
                  at_least=t.share(getattr(row, f"share_{name}_at_least")))
                for row in shown.itertuples()
            ],
            hovertemplate="%{customdata}<extra></extra>",
        )  # fmt: skip
    fig.update_yaxes(tickformat=".0%", rangemode="tozero")
    fig.update_xaxes(nticks=8, tickformat="d")
    return fig


def title(result: StreakResult, t: Translator) -> str:
    """How long the typical longest streak is, and how many users have one now."""
    if not result.n_active:
        return t("streaks.title_none")
    unit = t(f"streaks.unit_{result.query.grain}")
    return t(
        "streaks.title", median=t.number(result.median_longest, int(result.median_longest % 1 > 0)), unit=unit,
        running=t.share(result.n_running / result.n_active), n=int(result.n_running),
    )  # fmt: skip


def subtitle(result: StreakResult, t: Translator) -> str:
    """Whose streaks, over which buckets, and what they leave out."""
    unit = t(f"streaks.unit_{result.query.grain}")
    text = t("streaks.subtitle", n=int(result.n_active), buckets=t.number(result.n_buckets), unit=unit)
    if result.n_partial:
        text += t("streaks.subtitle_partial", n=int(result.n_partial), unit=unit)
    return text + (t("streaks.subtitle_cut", n=int(result.n_cut)) if result.n_cut else "")
