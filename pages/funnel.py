"""Funnel: of those who start, how many arrive, and where do the others stop?"""

from __future__ import annotations

import ui
from ops_core.charts import funnel_words as words
from ui import funnel_controls as controls
from ui import funnel_drivers as drivers
from ui import funnel_extras as extras
from ui import funnel_panels as panels
from ui import funnel_people as people


def render() -> None:
    """Draw the page."""
    view = ui.view()
    t = view.t
    ui.page_head(t("funnel.title"), t("funnel.question"))
    with ui.controls():
        asked = controls.ask(view)
    if asked is None:
        ui.note(t("funnel.need_two"))
        return
    if asked.wrong is not None:
        ui.note(ui.plain(t("funnel.asked_in_vain", why=asked.wrong.sentence(t))), "warning")
    result = controls.answer(view, asked.query)
    comparison = controls.compared(view, asked, result)
    place = ui.answer_place()
    with ui.panels():
        panels.bars(view, result, comparison)
        headline = words.headline(result, t, comparison, asked.against)
        paragraph = words.paragraph(result, t, view.period_name, comparison, asked.against)
        ui.answer(ui.plain(headline), ui.plain(paragraph), place=place)
        panels.details(view, result, comparison, asked.by)
    panels.trend(view, asked.query, comparison)
    panels.steps_table(view, result, comparison)
    people.section(view, result, comparison)
    extras.depth(view, result)
    extras.aarrr(view)
    drivers.section(view, asked.query)
    panels.other_tools(view, asked.query)
    panels.definition_line(view, result)


if __name__ == "__main__":
    from app import main

    main()
