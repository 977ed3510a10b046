"""Running an import with progress, and showing what became of every row."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from ops_core.charts import intake as intake_chart
from ops_core.intake.load import LoadOptions, Watch
from ops_core.intake.report import IntakeReport
from ops_core.intake.source import SourceOptions
from ui import address, layout, links, session, uploads
from ui.current import screen
from ui.mapping import Target
from ui.tables import Column, table
from ui.text import plain, small
from ui.uploads import Upload

_REPORT = "import.report"
_NEXT = ("overview", "funnel", "retention", "campaigns", "segments", "batches")


def load(upload: Upload, target: Target, options: LoadOptions, source: SourceOptions) -> None:
    """Load the waiting file; its report then stands on the page until the next file is dropped.

    The Cancel button interrupts the running import at its next step; the transaction is then rolled back.

    Raises:
        OpsError: the file or the target's name is refused; nothing was stored.
    """
    t = screen().t
    if target.is_new:
        workspace = session.new_workspace(target.name, target.time_zone)
    else:
        workspace = session.open_workspace(target.name, t)
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        bar = st.progress(0.0, text=t("import.step_reading"))
        st.button(t("import.cancel"), key="cancel_import")
    watch = Watch(progress=lambda step, share: bar.progress(share, text=t(f"import.step_{step}")))
    kept = False
    try:
        report = workspace.load(upload.path, options=replace(options, source=source), watch=watch)
        kept = True
    finally:
        # A workspace made for a file that was then refused or cancelled would only be in the way.
        if target.is_new and not kept:
            session.discard_workspace(target.name)
    st.session_state[_REPORT] = (target.name, report)
    uploads.forget()
    address.change("workspace", target.name)  # what was loaded is what is looked at from here on
    st.rerun()


def last_report() -> tuple[str, IntakeReport] | None:
    """Workspace and report of the last import of this session, until another file waits."""
    return st.session_state.get(_REPORT)


def dismiss() -> None:
    """Put the last report away."""
    st.session_state.pop(_REPORT, None)


def show(name: str, report: IntakeReport) -> None:
    """The report: sentence, staircase of rows, notes, quarantine with download, and where to go next."""
    t, palette = screen().t, screen().palette
    said = "import.account" if report.batch_id is not None else "import.account_known"
    layout.answer(intake_chart.headline(report, t), t(said, file=plain(report.file_name), workspace=plain(name)))
    with st.container(horizontal=True, gap="xsmall"):
        for page in _NEXT:
            if links.exists(page):
                links.link(page, t(f"shell.page_{page}"), icon=":material/arrow_forward:", workspace=name)
    with layout.panels():
        with st.container(gap=12):
            layout.panel_head(t("import.accounting"), t("import.accounting_text"), name="import_rows")
            st.plotly_chart(
                intake_chart.draw(report, t, palette), theme=None, config={"displayModeBar": False}, key="import_rows",
                alt=intake_chart.headline(report, t),
            )  # fmt: skip
        with st.container(gap=12):
            layout.panel_head(t("import.notes"), t("import.notes_text"), name="import_notes")
            for sentence in report.sentences(t) or [t("import.no_notes")]:
                st.markdown(f"- {plain(sentence)}")
    _quarantine(report)


def _quarantine(report: IntakeReport) -> None:
    t = screen().t
    if not report.rows_quarantined:
        return
    frame = report.quarantined_in(t)
    layout.panel_head(t("import.quarantine"), t("import.quarantine_text"), name="import_quarantine")
    columns = [Column(name, t(f"import.q_{name}"), "count" if name == "line" else "text") for name in frame.columns]
    table(frame, columns, name="quarantine", files=True, height=min(420, 36 + 32 * (len(frame) + 1)))
    st.markdown(small(t("import.quarantine_hint")))
