"""Batches: what was loaded when, what was set aside, and taking an import back."""

from __future__ import annotations

import ui
from ops_core.workspace import Workspace
from ui import batch_list


def render() -> None:
    """Draw the page."""
    screen = ui.screen()
    t = screen.t
    ui.page_head(t("batches.name"), t("batches.question"))
    batch_list.last_undone()
    everything = ui.remembered(lambda workspace: workspace.batches(undone=True), screen.workspace)
    live = ui.remembered(Workspace.batches, screen.workspace)
    if everything.empty:
        batch_list.nothing_yet()
        return
    if live.empty:
        ui.answer(t("batches.all_undone"), t("batches.all_undone_text"))
        ui.link("import", t("shell.load_file"), icon=":material/upload_file:")
    batch_list.history(everything)
    if not live.empty:
        batch_list.details(live)
    ui.definition(t("batches.definition"))


if __name__ == "__main__":
    from app import main

    main()
