"""Value & channels: what is a user worth, and when is the money back?"""

from __future__ import annotations

import ui
from ops_core.analyses import survival, value, value_model
from ops_core.charts import value_words as words
from ui import value_controls as controls


def render() -> None:
    """Draw the page."""
    view = ui.view()
    t, workspace = view.t, view.workspace
    ui.page_head(t("shell.page_value"), t("value.question"))
    with ui.controls():
        asked = controls.asked(view)
    result = ui.cached(value.analyze, workspace, asked.value)
    model = ui.cached(value_model.analyze, workspace, asked.model)
    ui.answer(ui.plain(words.headline(result, t)), words.paragraph(result, t))
    with ui.panels():
        controls.ages(result, view)
    controls.costs(result, view)
    with ui.panels():
        controls.buying_again(result, view)
        controls.prediction(model, view)
    controls.leaving(model, view)
    with ui.panels():
        controls.staying(ui.cached(survival.analyze, workspace, asked.survival), view)
        controls.cohorts(result, view)
    ui.definition(t("value.definition", zone=workspace.rules.zone, days=asked.survival.churn_days))


if __name__ == "__main__":
    from app import main

    main()
