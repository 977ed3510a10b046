"""Import: a file of one's own becomes a workspace. Drop, check the guess, load, read the account of every row."""

from __future__ import annotations

import streamlit as st

import ui
from ops_core.errors import OpsError
from ui import loading, mapping, uploads


def render() -> None:
    """Draw the page."""
    t = ui.screen().t
    ui.page_head(t("import.name"), t("import.question"))
    try:
        waiting = uploads.drop_zone()
        if waiting is not None:
            loading.dismiss()
            _prepare(waiting)
    except OpsError as refusal:
        ui.note(ui.plain(refusal.sentence(t)), "warning")
    done = loading.last_report()
    if done is not None:
        loading.show(*done)
    ui.definition(t("import.definition"))


def _prepare(waiting: uploads.Upload) -> None:
    t = ui.screen().t
    with ui.controls():
        st.markdown(f"**{ui.plain(waiting.name)}**", width="content")
        source = mapping.reading_options(waiting)
        if st.button(t("import.another"), type="tertiary", icon=":material/close:"):
            uploads.forget()
            st.rerun()
    look = uploads.look_into(waiting, source)
    options = mapping.roles_form(waiting, look)
    mapping.preview(look, options.mapping if options else {})
    for found in look.notes:
        st.markdown(f"- {ui.plain(found.sentence(t))}")
    with st.grid(3, min_column_width=240, gap=(10, 12)):
        target = mapping.target(waiting)
    if options is None:
        st.button(t("import.load"), type="primary", disabled=True)
    elif st.button(ui.on_primary(ui.screen().palette, t("import.load_n", rows=t.number(look.n_rows))), type="primary"):
        loading.load(waiting, target, options, source)


if __name__ == "__main__":
    from app import main

    main()
