"""Campaigns and A/B tests: did it work, and should everybody get it?"""

from __future__ import annotations

import streamlit as st

import ui
from ops_core.analyses import experiments
from ops_core.charts import experiment_words as words
from ops_core.charts import experiments as charts
from ui import experiment_controls as asked


def render() -> None:
    """Draw the page."""
    screen = ui.screen()
    workspace, t = screen.workspace, screen.t
    ui.page_head(t("experiments.title"), t("experiments.question"))
    known = ui.remembered(experiments.sources, workspace)
    if known.empty:
        ui.unavailable("assignments", "units")
        return
    with ui.controls():
        query, is_relative = asked.ask(screen, known)
    with st.spinner(t("experiments.reading")):
        result = ui.cached(experiments.analyze, workspace, query)
    ui.answer(ui.plain(words.headline(result, t)), words.paragraph(result, t, ui.plain))
    ui.badges(*(ui.plain(fact) for fact in words.facts(result, t)))
    for note in words.notes(result, t, ui.plain):
        ui.note(note, "warning")
    has_time = charts.has_days(result) or charts.has_ages(result)
    with ui.panels(2 if has_time else 1):
        ui.panel(
            ui.plain(words.forest_title(result, t)),
            t("experiments.forest_subtitle", control=ui.plain(result.control)),
            charts.draw(result, t, screen.palette, relative=is_relative),
            words.metrics_table(result, t),
            name="campaign_forest",
            columns=asked.metric_columns(t),
        )
        if has_time:
            asked.time_panel(result, screen)
    asked.arms_table(result, t)
    asked.arm_users(result, screen)
    ui.definition(t(f"experiments.definition_{result.source_kind}"))


if __name__ == "__main__":
    from app import main

    main()
