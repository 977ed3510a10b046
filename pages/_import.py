"""Import: a file of one's own becomes a workspace. Drop, check the guess, load, read the account of every row."""

from __future__ import annotations

import ui
from ops_core.errors import OpsError
from ui import import_files, import_one, inbox, loading, upload_diff, uploads


def render() -> None:
    """Draw the page."""
    t = ui.screen().t
    ui.page_head(t("import.name"), t("import.question"))
    files = uploads.drop_zone()
    if not files:
        inbox.waiting()
    if loading.was_cancelled():
        ui.note(t("error.load_cancelled"), "info")
    try:
        if len(files) == 1:
            _one(files[0])
        elif files:
            _several(files)
    except OpsError as refusal:
        ui.note(ui.plain(refusal.sentence(t)), "warning")
    done = loading.last_report()
    if done is not None:
        loading.show(*done)
    ui.definition(t("import.definition"))


def _one(upload: uploads.Upload) -> None:
    import_one.head(upload)
    ready = import_one.prepare(upload)
    ready = ready and upload_diff.how_to_load(ready)
    if ready is not None:
        loading.button([ready], ready.target)


def _several(files: list[uploads.Upload]) -> None:
    import_files.head(files)
    ready, target = import_files.prepare(files)
    if target is not None:
        import_files.hint(files, ready)
        loading.button(ready, target)


if __name__ == "__main__":
    from app import main

    main()
