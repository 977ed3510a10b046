"""Segments: which users differ, and by how much?"""

from __future__ import annotations

import ui
from ops_core.analyses import segments
from ops_core.charts import segments as charts
from ui import segment_controls as asked


def render() -> None:
    """Draw the page."""
    view = ui.view()
    t, palette = view.t, view.palette
    ui.page_head(t("segments.title"), t("segments.question"))
    with ui.controls():
        by = asked.by(view)
        kpi = ui.pick("segments_kpi", {one: t(f"segments.kpi_{one}") for one in segments.KPIS}, label=t("segments.kpi"))
        result = asked.compared(view, by) if by else None
    if result is None:
        ui.note(t("segments.saved_none" if by is None else "segments.saved_choose"))
        return
    if view.segment:
        ui.note(t("segments.bar_segment"))
    ui.answer(ui.plain(charts.headline(result, t, kpi)), ui.plain(charts.paragraph(result, t)))
    with ui.panels(1 if result.overlap_is_diagonal else 2):
        ui.panel(
            t("segments.chart_title", kpi=t(f"segments.kpi_{kpi}")),
            t("segments.chart_subtitle", period=view.period_name),
            charts.draw(result, t, palette, kpi), charts.detail(result, t, kpi), name="segments_kpi_chart",
            columns=asked.kpi_columns(kpi, t),
        )  # fmt: skip
        if not result.overlap_is_diagonal:
            figure = charts.draw_overlap(result, t, palette)
            ui.panel(t("segments.overlap_title"), t("segments.overlap_subtitle"), figure, name="segments_overlap")
    asked.overview(result, view)
    if by in segments.RFM_SCHEMES:
        asked.rfm_panel(view, by)
    ui.definition(ui.plain(charts.definition(result, t)))


if __name__ == "__main__":
    from app import main

    main()
