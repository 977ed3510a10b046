"""Overview: how did last week go?"""

from __future__ import annotations

import ui
from ops_core.analyses import kpis, lifecycle
from ops_core.charts import lifecycle as flow_charts
from ops_core.charts import overview as charts
from ui import lifecycle_controls, overview_controls


def render() -> None:
    """Draw the page."""
    view = ui.view()
    t, palette, workspace = view.t, view.palette, view.workspace
    ui.page_head(t("shell.page_overview"), t("overview.question"))
    week = ui.cached(kpis.analyze, workspace, overview_controls.query(view))
    ui.answer(charts.headline(week, t), charts.paragraph(week, t))
    overview_controls.figures(week, view)
    flow = ui.cached(lifecycle.analyze, workspace, overview_controls.flow_query(view, week))
    now = lifecycle_controls.stages(view, lifecycle.StageRules.of(workspace))
    with ui.panels():
        ui.panel(
            flow_charts.headline(flow, t),
            t("overview.flow_subtitle", legend=lifecycle_controls.legend(t, palette)),
            ui.drawn("flow", lambda: flow_charts.draw_flow(flow, t, palette), view, flow),
            flow.flow, name="overview_flow", columns=lifecycle_controls.flow_columns(t),
        )  # fmt: skip
        lifecycle_controls.stages_panel(now, view, name="overview_stages")
    overview_controls.health(week, view)
    ui.definition(t("overview.definition", zone=workspace.rules.zone))


if __name__ == "__main__":
    from app import main

    main()
