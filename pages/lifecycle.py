"""Life cycle: who comes, who stays, who goes?"""

from __future__ import annotations

import ui
from ops_core.analyses import lifecycle
from ops_core.charts import lifecycle as charts
from ui import lifecycle_controls as controls


def render() -> None:
    """Draw the page."""
    view = ui.view()
    t, palette, workspace = view.t, view.palette, view.workspace
    ui.page_head(t("shell.page_lifecycle"), t("lifecycle.question"))
    with ui.controls():
        query = controls.query(view)
        limits, counts = controls.rules(view)
    flow = ui.cached(lifecycle.analyze, workspace, query)
    place = ui.answer_place()
    ui.panel(
        t("lifecycle.flow_title"),
        t("lifecycle.flow_subtitle", unit=t(f"lifecycle.flow_unit_{query.grain}"), legend=controls.legend(t, palette)),
        ui.drawn("flow", lambda: charts.draw_flow(flow, t, palette), view, flow),
        flow.flow, name="lifecycle_flow", columns=controls.flow_columns(t),
    )  # fmt: skip
    ui.answer(charts.headline(flow, t), charts.paragraph(flow, t), place=place)
    ui.definition(
        ui.spaced(t.language, charts.identities(flow, t), controls.comparison_note(view), controls.stages_note(view))
    )
    now = controls.stages(view, limits)
    controls.live_counts(now, counts, view)
    moves, move_columns = controls.moves_table(now, t)
    with ui.panels():
        controls.stages_panel(now, view, name="lifecycle_stages")
        ui.panel(
            charts.moves_title(now, t), t("lifecycle.moves_subtitle"),
            charts.draw_moves(now, t, palette), moves, name="lifecycle_moves", columns=move_columns,
        )  # fmt: skip
        ui.panel(
            t("lifecycle.ratio_title"), t("lifecycle.ratio_subtitle"),
            charts.draw_quick_ratio(flow, t, palette), flow.complete, name="lifecycle_ratio",
            columns=controls.flow_columns(t),
        )  # fmt: skip
        controls.often(view)
    controls.matrix(now, view)
    controls.members(now, view)
    ui.definition(t("lifecycle.definition", zone=workspace.rules.zone))


if __name__ == "__main__":
    from app import main

    main()
