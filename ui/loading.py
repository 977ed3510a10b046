"""Running imports with progress, and showing what became of every row."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import streamlit as st

from ops_core.charts import intake as intake_chart
from ops_core.errors import IntakeError
from ops_core.intake.folder import Outcome
from ops_core.intake.load import Watch
from ops_core.intake.report import IntakeReport
from ops_core.workspace import Workspace
from ui import address, import_memory, layout, links, session, upload_diff, uploads
from ui.current import View, screen
from ui.import_one import Ready, quarantine_columns
from ui.import_work import Progress, waited_for
from ui.mapping import Target
from ui.tables import Column, table
from ui.text import on_primary, plain, small

_REPORT, _CANCELLED = uploads.REPORT, "import.cancelled"
_NEXT = ("overview", "funnel", "retention", "campaigns", "segments", "batches")
_NEXT_WITHOUT_EVENTS = ("batches",)
_FIRST_FOR = {"units": "campaigns", "assignments": "campaigns", "spend": "value"}


def button(files: Sequence[Ready], target: Target) -> None:
    """The button that loads, and what it does."""
    t = screen().t
    label = t("import.load_n", n=files[0].n_rows) if len(files) == 1 else t("import.load_files", n=len(files))
    if st.button(on_primary(screen().palette, label), type="primary", disabled=not files, key="import.load"):
        load(files, target)


def load(files: Sequence[Ready], target: Target) -> None:
    """Load waiting files, each as a batch of its own; their reports then stand on the page until other files come.

    Cancel stops the running import, whose transaction is rolled back; files that were loaded before it stay.

    Raises:
        OpsError: the only file or the target's name is refused; nothing was stored.
    """
    t = screen().t
    workspace = (
        session.new_workspace(target.name, target.time_zone)
        if target.is_new
        else session.open_workspace(target.name, t)
    )
    outcomes: list[Outcome] = []
    try:
        waited_for(
            lambda progress: _load_all(workspace, files, outcomes, progress),
            lambda progress: _told(progress, len(outcomes), files),
            lambda: st.session_state.update({_CANCELLED: True}),
            "load",
        )
    finally:
        taken = [outcome for outcome in outcomes if outcome.report is not None]
        # A workspace made for files that were then refused or cancelled would only be in the way.
        if target.is_new and not taken:
            session.discard_workspace(target.name)
    if not taken and len(files) == 1:
        raise outcomes[0].refusal
    _finish(files, outcomes, target if taken else None)


def was_cancelled() -> bool:
    """Whether the last import was stopped; told once."""
    return bool(st.session_state.pop(_CANCELLED, False))


def last_report() -> tuple[str, tuple[Outcome, ...]] | None:
    """Workspace and outcomes of the last import of this session, until another file comes."""
    return st.session_state.get(_REPORT)


def show(name: str, outcomes: Sequence[Outcome]) -> None:
    """The account of an import: of one file, or a summary and the account of each file."""
    reports = [outcome.report for outcome in outcomes if outcome.report is not None]
    if len(outcomes) == 1:
        _account(name, reports[0])
        return
    t = screen().t
    totals = {key: t.number(sum(getattr(one, f"rows_{key}") for one in reports)) for key in ("read", "loaded")}
    aside = sum(one.rows_quarantined for one in reports)
    layout.answer(
        t("import.files_loaded", n=len(reports), of=len(outcomes), loaded=totals["loaded"]),
        t("import.files_account", read=totals["read"], aside=t.number(aside), workspace=plain(name)),
    )
    _ways_on(name, reports)
    frame = _summary(outcomes)
    kinds = {"rows_read": "count", "rows_loaded": "count", "rows_duplicate": "count", "rows_quarantined": "count"}
    columns = [Column(key, t(f"import.s_{key}"), kinds.get(key, "text")) for key in frame]
    with layout.wide():
        table(frame, columns, name="import_files", files=True)
    if reports:
        chosen = st.selectbox(
            t("import.account_of"), range(len(reports)), format_func=lambda index: reports[index].file_name,
            key="import.account_of", width=380,
        )  # fmt: skip
        _details(reports[chosen])


def _load_all(workspace: Workspace, files: Sequence[Ready], outcomes: list[Outcome], progress: Progress) -> None:
    watch = Watch(progress=progress.tell, cancelled=progress.is_stopped)
    for file in files:
        path = file.upload.path
        try:
            outcomes.append(Outcome(path, report=workspace.load(path, options=file.options, watch=watch)))
        except IntakeError as refusal:
            if refusal.code == "load_cancelled":
                raise
            outcomes.append(Outcome(path, refusal=refusal))
        else:
            options = file.options
            import_memory.keep(
                workspace, file.look.columns, options.source_time_zone, (options.date_order, options.decimal)
            )


def _told(progress: Progress, n_done: int, files: Sequence[Ready]) -> str:
    t = screen().t
    step = t(f"import.step_{progress.step or 'reading'}")
    if len(files) == 1:
        return step
    name = plain(files[min(n_done, len(files) - 1)].upload.name)
    return t("import.file_n_of", i=min(n_done + 1, len(files)), n=len(files), name=name, step=step)


def _finish(files: Sequence[Ready], outcomes: Sequence[Outcome], target: Target | None) -> None:
    shown = target.name if target else ""
    st.session_state[_REPORT] = (shown, tuple(outcomes))
    for file, outcome in zip(files, outcomes, strict=True):
        if outcome.report is not None:
            uploads.forget(file.upload.mark)
    if target:
        address.change("workspace", target.name)  # what was loaded is what is looked at from here on
    st.rerun()


def _account(name: str, report: IntakeReport) -> None:
    """One file: sentence, where to go next, and the details."""
    t = screen().t
    said = "import.account" if report.batch_id is not None else "import.account_known"
    told = [t(said, file=plain(report.file_name), workspace=plain(name))]
    if report.as_of_us is not None:
        moment = screen().workspace.rules.moment(report.as_of_us)
        told.append(t("import.complete_until", moment=t.datetime(moment)))
    layout.answer(plain(intake_chart.headline(report, t)), t.sentences(told))
    _ways_on(name, [report])
    _details(report)
    if report.batch_id is not None and Path(screen().workspace.path).stem == name:
        upload_diff.show(screen().workspace, report.batch_id, "import")


def _ways_on(name: str, reports: Sequence[IntakeReport]) -> None:
    """Links to the pages that what was loaded fills; the one that it is for stands first."""
    t = screen().t
    first = [_FIRST_FOR[report.kind] for report in reports if report.kind in _FIRST_FOR]
    pages = _NEXT if isinstance(screen(), View) else _NEXT_WITHOUT_EVENTS
    with st.container(horizontal=True, gap="xsmall"):
        for page in dict.fromkeys([*first, *pages]):
            if links.exists(page):
                links.link(page, t(f"shell.page_{page}"), icon=":material/arrow_forward:", workspace=name)


def _details(report: IntakeReport) -> None:
    """Staircase of rows, notes, quarantine and repeated rows with downloads."""
    t, palette = screen().t, screen().palette
    with layout.panels():
        with st.container(gap=12):
            layout.panel_head(t("import.accounting"), t("import.accounting_text"), name="import_rows")
            st.plotly_chart(
                intake_chart.draw(report, t, palette), theme=None, config={"displayModeBar": False}, key="import_rows",
                alt=intake_chart.headline(report, t),
            )  # fmt: skip
        with st.container(gap=12):
            layout.panel_head(t("import.notes"), t("import.notes_text"), name="import_notes")
            for note in report.notes:
                sign = ":material/warning: " if note.level == "warning" else ""
                st.markdown(f"- {sign}{plain(note.sentence(t))}")
            if not report.notes:
                st.markdown(f"- {t('import.no_notes')}")
    _quarantine(report)
    _repeated(report)


def _quarantine(report: IntakeReport) -> None:
    t = screen().t
    if not report.rows_quarantined:
        return
    frame = report.quarantined_in(t)
    layout.panel_head(t("import.quarantine"), t("import.quarantine_text"), name="import_quarantine")
    height = min(420, 38 + 32 * len(frame))
    table(frame, quarantine_columns(frame.columns), name="quarantine", files=True, height=height)
    st.markdown(small(t("import.quarantine_hint")))


def _repeated(report: IntakeReport) -> None:
    """The rows that are there already, to be checked against the file."""
    t, frame = screen().t, report.duplicates
    if frame.empty:
        return
    with st.expander(t("import.repeated", n=len(frame)), on_change="rerun", key="import.repeated") as repeated:
        if repeated.open:
            times = {name for name in frame if pd.api.types.is_datetime64_any_dtype(frame[name])}
            columns = [Column("line", t("import.q_line"), "count")]
            columns += [
                Column(name, t(f"import.role_{name}"), "datetime" if name in times else "text")
                for name in frame.columns[1:]
            ]
            texts = {name: frame[name].astype(str) for name in frame.columns[1:] if name not in times}
            table(frame.assign(**texts), columns, name="repeated_rows", files=True)


def _summary(outcomes: Sequence[Outcome]) -> pd.DataFrame:
    t = screen().t
    rows = []
    for outcome in outcomes:
        report, refusal = outcome.report, outcome.refusal
        counts = [getattr(report, f"rows_{key}", None) for key in ("read", "loaded", "duplicate", "quarantined")]
        known = "known" if report and report.batch_id is None else "loaded"
        state = refusal.sentence(t) if refusal else t(f"import.state_{known}")
        rows.append((outcome.path.name, t(f"shell.kind_{report.kind}") if report else None, *counts, state))
    names = ["file", "kind", "rows_read", "rows_loaded", "rows_duplicate", "rows_quarantined", "state"]
    frame = pd.DataFrame(rows, columns=names)
    return frame.astype({name: "Int64" for name in names if name.startswith("rows_")})
