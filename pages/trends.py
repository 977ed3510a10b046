"""Trends: how does a number move, and is that usual?"""

from __future__ import annotations

import ui
from ops_core.analyses import trends
from ops_core.charts import trends_words as words
from ui import annotation_table
from ui import trends_controls as controls


def render() -> None:
    """Draw the page."""
    view = ui.view()
    t = view.t
    ui.page_head(t("shell.page_trends"), t("trends.question"))
    with ui.controls():
        query = controls.query(view)
    result = ui.cached(trends.analyze, view.workspace, query)
    place = ui.answer_place()
    controls.main_panel(result, view)
    compared = controls.compared(view)
    paragraph = words.paragraph(result, t, ui.plain(compared), annotation_table.known(view), ui.plain)
    ui.answer(ui.plain(words.headline(result, t, compared)), paragraph, place=place)
    if query.breakdown or query.target:
        with ui.panels():
            if query.breakdown and len(result.totals):
                controls.groups_panel(result, view)
            if result.outlook:
                controls.outlook_panel(result, view)
    controls.numbers(result, view)
    annotation_table.calendar(view)
    ui.definition(t("trends.definition", zone=view.workspace.rules.zone))


if __name__ == "__main__":
    from app import main

    main()
