"""Two retentions side by side: both curves with their bands, and in words what is clear."""

from __future__ import annotations

import pandas as pd
import plotly.graph_objects as go

from ops_core.analyses.retention_compare import RetentionComparison
from ops_core.charts.offset_lines import Line, draw_lines, share_tick
from ops_core.charts.retention_words import at_column, column_labels
from ops_core.charts.theme import LIGHT, Palette
from ops_core.locale import Translator


def draw(comparison: RetentionComparison, t: Translator, names: tuple[str, str], palette: Palette = LIGHT) -> go.Figure:
    """The curve asked about in the accent, its reference in grey, each with its 95 % band."""
    columns = comparison.first.reached_offsets
    rows = _shown(comparison)
    lines = []
    for prefix, name, color in (("", names[0], palette.accent), ("reference_", names[1], palette.comp)):
        known = rows[rows[f"{prefix}eligible"] > 0]
        hover = [
            t("retention.curve_hover", group=name, share=t.share(share), low=t.share(low), high=t.share(high), n=int(n))
            for share, low, high, n in known[
                [f"{prefix}share", f"{prefix}low", f"{prefix}high", f"{prefix}eligible"]
            ].itertuples(index=False)
        ]
        shares = (known[prefix + side].tolist() for side in ("share", "low", "high"))
        lines.append(Line([columns.index(k) for k in known["offset"]], *shares, hover, name, color))
    labels = column_labels(comparison.first, columns, t)
    return draw_lines(palette, [line for line in lines if line.x], labels, t.share, tick=share_tick(t), named=False)


def title(comparison: RetentionComparison, t: Translator, names: tuple[str, str]) -> str:
    """The largest clear difference, or that there is none, or why it cannot be told."""
    rows = _shown(comparison)
    known = rows[rows["difference"].notna()]
    if known.empty:
        return t("retention_compare.title_nothing", other=names[1])
    if comparison.untested:
        return t(f"retention_compare.title_{comparison.untested}")
    clear = known[known["is_clear"]]
    if clear.empty:
        return t("retention_compare.title_same", name=names[0], other=names[1])
    row = clear.loc[clear["difference"].abs().idxmax()]
    key = "title_more" if row["difference"] > 0 else "title_less"
    return t(
        f"retention_compare.{key}", name=names[0], other=names[1],
        at=at_column(comparison.first, int(row["offset"]), t),
        points=t.number(abs(row["difference"]) * 100, 1),
        range=t.interval(t.points(row["difference_low"]), t.points(row["difference_high"])),
    )  # fmt: skip


def table(comparison: RetentionComparison, t: Translator) -> pd.DataFrame:
    """The numbers behind the curves, one row per column shown, with the column's name first."""
    rows = _shown(comparison)
    labels = column_labels(comparison.first, [int(k) for k in rows["offset"]], t)
    rows = rows.drop(columns=["offset", "offset_end"])
    rows.insert(0, "column", labels)
    rows["note"] = [t("retention_compare.few") if small else "" for small in rows["is_small"]]
    return rows


def _shown(comparison: RetentionComparison) -> pd.DataFrame:
    return comparison.columns[comparison.columns["offset"].isin(comparison.first.reached_offsets)]
