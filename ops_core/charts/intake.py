"""What became of the rows of a file, as a staircase from read to loaded."""

from __future__ import annotations

import plotly.graph_objects as go

from ops_core.charts import theme
from ops_core.charts.palette import LIGHT, Palette
from ops_core.intake.report import IntakeReport
from ops_core.locale import Translator

_BAR = 0.42


def draw(report: IntakeReport, t: Translator, palette: Palette = LIGHT) -> go.Figure:
    """Four rows: read, minus duplicates, minus set aside, loaded; counts and shares on the right."""
    read, loaded = report.rows_read, report.rows_loaded
    duplicate, aside = report.rows_duplicate, report.rows_quarantined
    left_out = theme.hatch(palette) | {"line": {"width": 1, "color": palette.comp}}
    steps = [
        (t("import.rows_read"), 0, read, {"color": palette.comp}, t.number(read)),
        (t("import.rows_duplicate"), read - duplicate, duplicate, left_out, _minus(duplicate, t)),
        (t("import.rows_quarantined"), loaded, aside, {"color": palette.bad}, _minus(aside, t)),
        (t("import.rows_loaded"), 0, loaded, {"color": palette.accent}, t.number(loaded)),
    ]
    fig = theme.figure(palette, height=232, right=130, top=4)
    for y, (name, base, length, marker, told) in enumerate(steps):
        fig.add_trace(
            go.Bar(
                y=[y], x=[length], base=[base], orientation="h", width=_BAR, marker=marker, name=name,
                hovertemplate=f"{told}<extra></extra>",
            )
        )  # fmt: skip
        theme.row_name(fig, palette, y, name, bold=False, lift=0.44)
    for y, x in enumerate((read, read - duplicate, loaded)):
        fig.add_shape(type="line", x0=x, x1=x, y0=y, y1=y + 1, line={"color": palette.axis, "width": 1}, layer="below")
    theme.number_column(fig, palette, list(enumerate(step[4] for step in steps)), inset=62, color=palette.ink)
    shares = [t.share(part / read if read else None) for part in (read, duplicate, aside, loaded)]
    theme.number_column(fig, palette, list(enumerate(shares)))
    fig.update_layout(barmode="overlay")
    fig.update_xaxes(visible=False, range=[0, max(read, 1)])
    fig.update_yaxes(visible=False, range=[3.5, -0.75])
    return fig


def headline(report: IntakeReport, t: Translator) -> str:
    """What happened, in words."""
    if report.batch_id is None:
        return t("import.already_there", file=report.file_name, batch=report.same_as_batch)
    if report.rows_loaded == report.rows_read:
        return t("import.loaded_all", n=report.rows_loaded)
    parts = [t("import.loaded_some", n=report.rows_loaded)]
    if report.rows_duplicate:
        parts.append(t("import.loaded_repeated", n=report.rows_duplicate))
    if report.rows_quarantined:
        parts.append(t("import.loaded_aside", n=report.rows_quarantined))
    return ("，" if t.language == "zh" else ", ").join(parts)


def _minus(count: int, t: Translator) -> str:
    return t.signed(-count) if count else t.number(0)
