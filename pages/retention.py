"""Retention: who comes back, since when?"""

from __future__ import annotations

import ui
from ops_core.analyses import retention
from ops_core.charts import retention as charts
from ops_core.charts import retention_words as words
from ui import retention_controls as controls


def render() -> None:
    """Draw the page."""
    view = ui.view()
    t, palette = view.t, view.palette
    ui.page_head(t("shell.page_retention"), t("retention.question"))
    with ui.controls():
        asked = controls.asked(view)
    result = ui.cached(retention.analyze, view.workspace, asked.query)
    ui.answer(words.headline(result, t), words.paragraph(result, t))
    controls.heat_map(result, asked, view)
    with ui.panels():
        by = asked.query.breakdown
        ui.panel(
            t("retention.curves_title"),
            t("retention.curves_by_subtitle", by=ui.plain(asked.breakdown)) if by else t("retention.curves_subtitle"),
            charts.draw_curves(result, t, palette), result.means, name="retention_curves",
        )  # fmt: skip
        column = words.column_name(result, words.first_offset(result), t)
        ui.panel(
            t("retention.cohorts_title", column=column), words.cohorts_subtitle(result, t),
            charts.draw_cohorts(result, t, palette), name="retention_by_cohort",
        )  # fmt: skip
    controls.lost(result, view)
    ui.definition(controls.definition(asked, view))


if __name__ == "__main__":
    from app import main

    main()
