"""What a file means: kind, the column of each role, time zone and target. Guessed first, then a person corrects."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from ops_core.intake.load import LoadOptions
from ops_core.intake.roles import KINDS, REQUIRED, ROLES, Guess
from ops_core.intake.source import SourceOptions
from ui import session
from ui.current import screen
from ui.tables import Column, table
from ui.text import small
from ui.uploads import Look, Upload

_SHOWN_ROWS = 6
_NONE = ""
_FIXED = "="
_ENCODINGS = ("", "utf-8", "gb18030", "big5", "utf-16", "cp1252")
_TIME_ROLES = ("occurred_at", "signup_at")
_USUAL_ZONES = (
    *("Asia/Shanghai", "Asia/Hong_Kong", "Asia/Tokyo", "Asia/Singapore", "Asia/Kolkata", "Europe/London"),
    *("Europe/Berlin", "America/New_York", "America/Los_Angeles", "UTC"),
)


@dataclass(frozen=True)
class Target:
    """Where the rows go: an existing workspace, or a new one with its reporting zone."""

    name: str
    is_new: bool
    time_zone: str


def reading_options(upload: Upload) -> SourceOptions:
    """How to read the file, where its own evidence is not enough; a popover at the end of the row."""
    t = screen().t
    with st.popover(t("import.reading"), key=f"reading.{upload.mark}"):
        encoding = st.selectbox(
            t("import.encoding"),
            _ENCODINGS,
            format_func=lambda code: code.upper() if code else t("import.automatic"),
            key=f"encoding.{upload.mark}",
        )
        headless = st.toggle(t("import.no_header"), key=f"headless.{upload.mark}")
    return SourceOptions(encoding=encoding or None, header_rows=0 if headless else None)


def target(upload: Upload) -> Target:
    """Which workspace to load into. A file never goes into a demo; a new workspace is named after the file."""
    t, current = screen().t, Path(screen().workspace.path).stem
    own = [name for name in session.workspace_names(t.language) if not session.is_demo(name)]
    names = [*own, _NONE]
    first = names.index(current) if current in own else len(own)
    chosen = st.selectbox(
        t("import.into"),
        names,
        index=first,
        format_func=lambda name: name or t("import.new_workspace"),
        key=f"into.{upload.mark}",
    )
    if chosen:
        return Target(chosen, is_new=False, time_zone="")
    title = st.text_input(
        t("import.new_name"), _free_name(upload.name, own), max_chars=60, key=f"new_name.{upload.mark}"
    )
    zone = _zone_select(t("import.reporting_zone"), f"zone.{upload.mark}", t("import.reporting_zone_help"))
    return Target(title.strip(), is_new=True, time_zone=zone)


def roles_form(upload: Upload, look: Look) -> LoadOptions | None:
    """Kind, roles and source time zone as a form; `None` while a column that is needed is missing."""
    t = screen().t
    guess = look.guess("auto")
    kinds = list(KINDS)
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        kind = st.selectbox(
            t("import.kind"),
            kinds,
            index=kinds.index(guess.kind) if guess else 0,
            format_func=lambda code: t(f"shell.kind_{code}"),
            key=f"kind.{upload.mark}",
            width=260,
        )
        zone = None
        if any(role in ROLES[kind] for role in _TIME_ROLES):
            zone = _zone_select(t("import.source_zone"), f"source_zone.{upload.mark}", t("import.source_zone_help"))
    if guess is None or guess.kind != kind:
        guess = look.guess(kind)
    mapping = _roles(upload, look, kind, guess)
    missing = [role for role in REQUIRED[kind] if not mapping.get(role)]
    if missing:
        st.markdown(t("import.missing_roles", roles=t.join([t(f"import.role_{role}") for role in missing])))
        return None
    return LoadOptions(kind=kind, mapping=mapping, source_time_zone=zone, source=SourceOptions(), name=upload.name)


def preview(look: Look, mapping: Mapping[str, str | None]) -> None:
    """The first rows as they stand in the file; headings tell what each column was taken for."""
    t = screen().t
    taken = {column: role for role, column in mapping.items() if column}
    columns = [
        Column(name, f"{name}  →  {t(f'import.role_{taken[name]}')}" if name in taken else name)
        for name in look.columns
    ]
    st.markdown(small(t("import.preview", shown=min(_SHOWN_ROWS, len(look.sample)), rows=t.number(look.n_rows))))
    shown = look.sample.head(_SHOWN_ROWS)
    table(shown.set_axis([column.name for column in columns], axis=1), columns, name="preview")


def _roles(upload: Upload, look: Look, kind: str, guess: Guess | None) -> dict[str, str | None]:
    guessed = guess.mapping if guess else {}
    mapping: dict[str, str | None] = {}
    with st.grid(4, min_column_width=190, gap=(10, 12)) as grid:
        for role in ROLES[kind]:
            with grid.cell():
                mapping[role] = _role_select(upload, look, kind, role, guessed.get(role))
    return mapping


def _role_select(upload: Upload, look: Look, kind: str, role: str, guessed: str | None) -> str | None:
    t = screen().t
    options = [_NONE, *dict.fromkeys(look.columns)]
    if role in ("event", "experiment"):
        options.append(_FIXED)
    label = t(f"import.role_{role}") + ("" if role not in REQUIRED[kind] else "\u2009*")
    chosen = st.selectbox(
        label,
        options,
        index=options.index(guessed) if guessed in options else 0,
        format_func=lambda name: {_NONE: t("import.no_column"), _FIXED: t("import.fixed_name")}.get(name, name),
        key=f"role.{kind}.{role}.{upload.mark}",
        help=t(f"import.role_{role}_help"),
    )
    if chosen != _FIXED:
        return chosen or None
    name = st.text_input(t("import.fixed_text"), key=f"fixed.{kind}.{role}.{upload.mark}", max_chars=80)
    return f"={name.strip()}" if name.strip() else None


def _zone_select(label: str, key: str, hint: str) -> str:
    browser = st.context.timezone
    known = zoneinfo.available_timezones()
    first = browser if browser in known else "UTC"
    zones = list(dict.fromkeys([first, *_USUAL_ZONES]))
    zones += sorted(zone for zone in known if "/" in zone and zone not in zones)
    return st.selectbox(label, zones, key=key, help=hint, filter_mode="contains", width=260)


def _free_name(file_name: str, taken: list[str]) -> str:
    base = re.sub(r"[^\w\-. ()]", " ", Path(file_name).stem).strip(" .")[:50] or "workspace"
    if session.is_demo(base):
        base = f"my {base}"
    name, number = base, 2
    while name in taken:
        name, number = f"{base} {number}", number + 1
    return name
