"""One waiting file on the screen: how it is read, what it means, what loading it would do, where it goes."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from ops_core.errors import IntakeError, OpsError
from ops_core.intake import aggregated
from ops_core.intake.checkup import Checkup
from ops_core.intake.load import LoadOptions
from ops_core.intake.source import SourceOptions
from ops_core.model.time import TimeRules
from ui import import_counted, import_memory, import_reading, layout, mapping, uploads
from ui.current import screen
from ui.import_look import Look, check, known_checkup, look_into, question_of
from ui.import_memory import Memory
from ui.mapping import Target
from ui.tables import Column, table
from ui.text import plain, small
from ui.uploads import Upload

_READ_OTHERWISE = ("no_row_fits", "header_only", "not_text", "line_too_long", "too_many_columns")


@dataclass(frozen=True)
class Ready:
    """A file that can be loaded: where to and how."""

    upload: Upload
    look: Look
    target: Target
    options: LoadOptions
    checkup: Checkup | None = None

    @property
    def n_rows(self) -> int:
        """Rows that loading would take; before the check the rows of the file."""
        return self.checkup.rows_loaded if self.checkup else self.look.n_rows


def head(upload: Upload) -> None:
    """The file's name and size, and the ways on to other files."""
    waiting_head(f"**{plain(upload.name)}**\u2003:gray[{upload.size_text}]", screen().t("import.another"))


def waiting_head(title: str, other: str) -> None:
    """What waits to be loaded, and the ways on: more files beside it, or others in its place (`other` says so)."""
    with layout.controls():
        st.markdown(title, width="content")
        if st.button(screen().t("import.add_files"), type="tertiary", icon=":material/add:"):
            uploads.ask_for_more()
            st.rerun()
        if st.button(other, type="tertiary", icon=":material/close:"):
            uploads.forget()
            st.rerun()


def prepare(upload: Upload, target: Target | None = None) -> Ready | None:
    """Draw everything about one file; `None` while something is missing that only a person can say.

    `target`: where it goes, when that was asked already.
    """
    options = import_reading.options_of(upload)
    try:
        look = look_into(upload, options)
    except OpsError as refusal:
        # Another way to read it is offered where that can help, and where one was chosen.
        if refusal.code in _READ_OTHERWISE or options != SourceOptions():
            import_reading.chips(upload, None)
        raise
    import_reading.chips(upload, look)
    found = aggregated.recognised(look.columns, look.sample)
    memory = import_memory.remembered(upload, look)
    if found is None or memory is not None:
        return _as_rows(upload, look, memory, target)
    import_counted.panel([(upload, look)], found)
    t = screen().t
    with st.expander(t("import.counted_otherwise"), key=f"otherwise.{upload.mark}", on_change="rerun") as otherwise:
        return _as_rows(upload, look, memory, target) if otherwise.open else None


def _as_rows(upload: Upload, look: Look, memory: Memory | None, target: Target | None) -> Ready | None:
    meaning = mapping.roles_form(upload, look, memory)
    mapping.preview(look, meaning.mapping)
    account = st.container()
    if target is None:
        with st.grid(3, min_column_width=240, gap=(10, 12)):
            target = mapping.target(upload, memory)
    if meaning.guess is None:
        with account:
            _remarks(look, None)
        return None
    told = import_reading.told(upload, memory.told if memory else (None, None))
    rules = TimeRules(target.time_zone or "UTC"), TimeRules(meaning.zone or target.time_zone or "UTC")
    found = known_checkup(upload, question_of(look, meaning.guess, rules, told))
    day = mapping.as_of(upload, found if isinstance(found, Checkup) else None, rules[0])
    if found is None:
        with account:
            check(upload, look, meaning.guess, rules, told)
        st.rerun()
    with account:
        ready = _account(upload, look, found)
    options = LoadOptions(
        kind=meaning.kind,
        mapping=meaning.mapping,
        source_time_zone=meaning.zone,
        as_of=day,
        date_order=told[0],
        decimal=told[1],
        source=import_reading.options_of(upload),
        name=upload.name,
    )
    return Ready(upload, look, target, options, found) if ready else None


def _account(upload: Upload, look: Look, found: Checkup | IntakeError) -> bool:
    """What a load would do with each row; whether it can be done."""
    t = screen().t
    if isinstance(found, OpsError):
        st.warning(plain(found.sentence(t)), icon=":material/warning:")
        return False
    if found.question is not None:
        import_reading.ask_date_order(upload, look, found)
        return False
    import_reading.readings(upload, found)
    counts = {name: t.number(getattr(found, f"rows_{name}")) for name in ("read", "loaded", "duplicate", "quarantined")}
    clean = "clean" if found.rows_loaded == found.rows_read else "some"
    st.markdown(t(f"import.would_{clean}", **counts))
    _remarks(look, found)
    if found.rows_quarantined:
        _would_be_set_aside(found)
    return True


def _remarks(look: Look, found: Checkup | None) -> None:
    t = screen().t
    notes = (*look.notes, *(found.notes if found else ()))
    for note in notes:
        sign = ":material/warning: " if note.level == "warning" else ""
        st.markdown(f"- {sign}{plain(note.sentence(t))}")
    if found and found.duplicate_lines:
        lines = t.join([str(line) for line in found.duplicate_lines[:12]])
        more = "…" if found.rows_duplicate > 12 else ""
        st.markdown(f"- {t('import.repeated_lines', n=found.rows_duplicate, lines=lines + more)}")


def _would_be_set_aside(found: Checkup) -> None:
    t = screen().t
    frame = found.quarantined_in(t)
    st.markdown(small(t("import.would_be_set_aside", n=len(frame))))
    columns = quarantine_columns(frame.columns)
    table(frame, columns, name="would_be_set_aside", files=True, height=min(260, 38 + 32 * len(frame)))


def quarantine_columns(names: object) -> list[Column]:
    """How the table of rows set aside reads."""
    t = screen().t
    return [Column(name, t(f"import.q_{name}"), "count" if name == "line" else "text") for name in names]
