"""Retention: who comes back, since when?"""

from __future__ import annotations

import ui
from ops_core.analyses import retention
from ops_core.charts import retention_words as words
from ui import retention_controls as controls
from ui.retention_sections import sections


def render() -> None:
    """Draw the page."""
    view = ui.view()
    t = view.t
    ui.page_head(t("shell.page_retention"), t("retention.question"))
    with ui.controls():
        asked = controls.asked(view)
    result = ui.cached(retention.analyze, view.workspace, asked.query)
    place = ui.answer_place()
    controls.heat_map(result, asked, view)
    ui.answer(words.headline(result, t), words.paragraph(result, t), place=place)
    with place:
        for remark in words.remarks(result, t):
            ui.note(remark)
    controls.lost(result, view)
    sections(result, asked, view)
    ui.definition(controls.definition(asked, view))


if __name__ == "__main__":
    from app import main

    main()
