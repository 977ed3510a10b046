"""Paths: what do users do next, or just before?"""

from __future__ import annotations

import ui
from ops_core.analyses import paths
from ops_core.charts import path_words as words
from ui import path_controls as controls
from ui import path_panels as panels


def render() -> None:
    """Draw the page."""
    view = ui.view()
    t = view.t
    ui.page_head(t("shell.page_paths"), t("paths.question"))
    with ui.controls():
        query = controls.ask(view)
    result = ui.cached(paths.analyze, view.workspace, query)
    ui.answer(ui.plain(words.headline(result, t)), ui.plain(words.paragraph(result, t, view.period_name)))
    if result.n_started:
        panels.flow(view, result)
        panels.group(view, result)
        panels.top_paths(view, result)
    ui.definition(ui.plain(words.definition(query, t)))


if __name__ == "__main__":
    from app import main

    main()
