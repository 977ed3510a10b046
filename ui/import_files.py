"""Several waiting files: what each holds, two of them joined, one looked at closely, all loaded in one go."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from ops_core.errors import OpsError
from ops_core.intake import aggregated
from ops_core.intake.checkup import Checkup
from ops_core.intake.load import LoadOptions
from ops_core.intake.meaning import KINDS, Guess
from ops_core.model.time import TimeRules
from ui import import_counted, import_join, import_memory, import_one, import_reading, layout, mapping, uploads
from ui.current import screen
from ui.import_look import Look, check, look_into
from ui.import_one import Ready
from ui.mapping import Target
from ui.tables import Column, table
from ui.text import plain, small
from ui.uploads import Upload

_FIRST = ("users", "assignments")  # who people are is known before what they did


def head(files: Sequence[Upload]) -> None:
    """How many files wait, and the ways on to other files."""
    t = screen().t
    import_one.waiting_head(f"**{t('import.n_files', n=len(files))}**", t("import.start_over"))


def prepare(files: Sequence[Upload]) -> tuple[list[Ready], Target | None]:
    """Draw the files; returns those that can be loaded, in the order of loading, and where they go."""
    t = screen().t
    looks: list[tuple[Upload, Look]] = []
    refused: dict[str, str] = {}
    for upload in files:
        try:
            looks.append((upload, look_into(upload, import_reading.options_of(upload))))
        except OpsError as refusal:
            refused[upload.mark] = refusal.sentence(t)
    overview = st.container()
    _remove(files)
    if not looks:
        with overview:
            _overview([(upload.name, None, None, None, None, refused[upload.mark]) for upload in files])
        return [], None
    if len(looks) > 1:
        import_join.panel(looks)
    counts = [aggregated.recognised(look.columns, look.sample) for _, look in looks]
    if all(counts) and len({look.columns for _, look in looks}) == 1:
        with overview:
            _overview([(upload.name, t("counted.kind"), look.n_rows, None, None, "") for upload, look in looks])
        import_counted.panel(looks, counts[0])
        return [], None
    with st.grid(3, min_column_width=240, gap=(10, 12)):
        target = mapping.target(looks[0][0], import_memory.remembered(*looks[0]))
    found = {upload.mark: _checked(upload, look, target) for upload, look in looks}
    with overview:
        known = {upload.mark: look for upload, look in looks}
        _overview([_row(upload, known.get(upload.mark), found, refused.get(upload.mark, "")) for upload in files])
    _closer(looks, target, found)
    ready = [_ready(upload, look, target) for upload, look in looks]
    kept = [one for one in ready if one is not None and _is_clear(found[one.upload.mark])]
    return sorted(kept, key=lambda one: (one.options.kind not in _FIRST, one.upload.name)), target


def _overview(rows: Sequence[tuple[object, ...]]) -> None:
    t = screen().t
    names = ["file", "kind", "rows_read", "rows_duplicate", "rows_quarantined", "remark"]
    frame = pd.DataFrame(rows, columns=names).astype(dict.fromkeys(names[2:5], "Int64"))
    columns = [Column(name, t(f"import.s_{name}"), "count" if name in names[2:5] else "text") for name in names]
    with layout.wide():
        table(frame, columns, name="waiting_files", height=min(420, 38 + 32 * len(frame)))


def _remove(files: Sequence[Upload]) -> None:
    t = screen().t
    names = {upload.mark: upload.name for upload in files}
    with st.popover(t("import.leave_out"), type="tertiary", key="leave_out"):
        for mark, name in names.items():
            if st.button(plain(name), key=f"leave_out.{mark}", icon=":material/close:", type="tertiary"):
                uploads.forget(mark)
                st.rerun()


def _checked(upload: Upload, look: Look, target: Target) -> Checkup | OpsError | None:
    """What loading the file would do, as it stands; `None` while its kind is not told."""
    ready = _ready(upload, look, target)
    guess = look.guess(ready.options.kind, ready.options.mapping) if ready else None
    if not isinstance(guess, Guess):
        return None
    zone = target.time_zone or "UTC"
    rules = TimeRules(zone), TimeRules(ready.options.source_time_zone or zone)
    return check(upload, look, guess, rules, (ready.options.date_order, ready.options.decimal))


def _is_clear(found: Checkup | OpsError | None) -> bool:
    return isinstance(found, Checkup) and found.question is None


def _row(
    upload: Upload, look: Look | None, found: dict[str, Checkup | OpsError | None], refusal: str
) -> tuple[object, ...]:
    if look is None:
        return upload.name, None, None, None, None, refusal
    told = found[upload.mark]
    counts = (told.rows_duplicate, told.rows_quarantined) if isinstance(told, Checkup) else (None, None)
    return upload.name, _kind(upload, look), look.n_rows, *counts, _remark(look, told)


def _closer(looks: Sequence[tuple[Upload, Look]], target: Target, found: dict[str, Checkup | OpsError | None]) -> None:
    """One of the files with all its choices; what is changed here is what is loaded."""
    t = screen().t
    names = {upload.mark: upload.name for upload, _ in looks}
    unclear = [upload.mark for upload, _ in looks if not _is_clear(found[upload.mark])]
    options = ["", *names]
    mark = st.selectbox(
        t("import.closer"),
        options,
        index=options.index(unclear[0]) if unclear else 0,
        format_func=lambda code: names.get(code) or t("import.closer_none"),
        key=f"closer.{len(names)}",
        width=380,
    )
    if not mark:
        return
    upload = next(upload for upload, _ in looks if upload.mark == mark)
    with st.container(border=True):
        ready = import_one.prepare(upload, target)
    st.session_state[f"ready.{mark}"] = ready.options if ready else None


def _ready(upload: Upload, look: Look, target: Target) -> Ready | None:
    """A file as it was looked at closely, else as it is guessed."""
    key = f"ready.{upload.mark}"
    if key in st.session_state:
        options = st.session_state[key]
        return Ready(upload, look, target, options) if options else None
    guess = _guess(upload, look)
    if not isinstance(guess, Guess):
        return None
    memory = import_memory.remembered(upload, look)
    told = import_reading.told(upload, memory.told if memory else (None, None))
    options = LoadOptions(
        kind=guess.kind,
        mapping=guess.mapping,
        source_time_zone=(memory and memory.zone) or st.context.timezone or None,
        date_order=told[0],
        decimal=told[1],
        source=import_reading.options_of(upload),
        name=upload.name,
    )
    return Ready(upload, look, target, options)


def _guess(upload: Upload, look: Look) -> Guess | OpsError:
    memory = import_memory.remembered(upload, look)
    return look.guess(memory.kind, memory.mapping) if memory else look.guess()


def _kind(upload: Upload, look: Look) -> str:
    t = screen().t
    chosen = st.session_state.get(f"ready.{upload.mark}")
    if chosen is not None:
        return t(f"shell.kind_{chosen.kind}")
    if aggregated.recognised(look.columns, look.sample):
        return t("counted.kind")
    guess = _guess(upload, look)
    return (
        t(f"shell.kind_{guess.kind}") if isinstance(guess, Guess) and guess.kind in KINDS else t("import.kind_choose")
    )


def _remark(look: Look, found: Checkup | OpsError | None) -> str:
    t = screen().t
    if isinstance(found, OpsError):
        return found.sentence(t)
    if found is not None and found.question is not None:
        return t(f"import.{found.question.code}", column=found.question.values["column"])
    notes = (*look.notes, *(found.notes if found else ()))
    said = [note.sentence(t) for note in notes if note.level == "warning"]
    guess = None if found else look.guess()
    said += [guess.sentence(t)] if isinstance(guess, OpsError) else []
    return " ".join(said) or t("import.no_notes")


def hint(files: Sequence[Upload], ready: Sequence[Ready]) -> None:
    """Which files are not loaded, where some are not."""
    t = screen().t
    left = [upload.name for upload in files if upload.mark not in {one.upload.mark for one in ready}]
    if left and ready:
        st.markdown(small(t("import.not_with_them", files=plain(t.join(left)))))
