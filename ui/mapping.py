"""What a file means: kind, the column of each role, time zone and target. Guessed first, then a person corrects."""

from __future__ import annotations

import datetime as dt
import re
import zoneinfo
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from ops_core.errors import OpsError
from ops_core.intake.checkup import Checkup
from ops_core.intake.meaning import KINDS, REQUIRED, ROLES, Guess, Role
from ops_core.model.time import TimeRules
from ui import session
from ui.current import screen
from ui.import_look import Look
from ui.import_memory import Memory
from ui.tables import Column, table
from ui.text import plain, small
from ui.uploads import Upload

_SHOWN_ROWS, _SHOWN_COLUMNS = 6, 60
_NONE = ""
_FIXED = "="
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


@dataclass(frozen=True)
class Meaning:
    """A file's kind and roles as they stand in the form; `guess` is None while a column that is needed is missing."""

    kind: str
    mapping: Mapping[str, str | None]
    zone: str | None
    guess: Guess | None


def target(upload: Upload, memory: Memory | None) -> Target:
    """Which workspace to load into: where the last such file went, else the one that is shown, else a new one.

    A file never goes into a demo; a new workspace is named after the file.
    """
    t, current = screen().t, Path(screen().workspace.path).stem
    own = [name for name in session.workspace_names(t.language) if not session.is_demo(name)]
    names = [*own, _NONE]
    usual = memory.workspace if memory else current
    first = names.index(usual) if usual in own else len(own)
    chosen = st.selectbox(
        t("import.into"),
        names,
        index=first,
        format_func=lambda name: name or t("import.new_workspace"),
        key=f"into.{upload.mark}",
        persist_state="session",
    )
    if chosen:
        rules = session.open_workspace(chosen, t).rules
        return Target(chosen, is_new=False, time_zone=rules.zone)
    title = st.text_input(
        t("import.new_name"), _free_name(upload.name, own), max_chars=60, key=f"new_name.{upload.mark}",
        persist_state="session",
    )  # fmt: skip
    zone = _zone_select(t("import.reporting_zone"), f"zone.{upload.mark}", t("import.reporting_zone_help"))
    return Target(title.strip(), is_new=True, time_zone=zone)


def as_of(upload: Upload, found: Checkup | None, rules: TimeRules) -> str | None:
    """Through which day the data is complete: proposed from the data, one line, to be changed. `None` as proposed.

    Returns the ISO date of the day after, which is where the complete data ends.
    """
    if found is None or found.as_of_us is None or found.last_us is None:
        return None
    t = screen().t
    newest = rules.moment(found.last_us)
    proposed = rules.moment(found.as_of_us).date() - dt.timedelta(days=1)
    first = min(rules.moment(found.first_us).date(), proposed)
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        chosen = st.date_input(
            t("import.as_of"), proposed, min_value=first, max_value=newest.date() + dt.timedelta(days=366),
            format="YYYY-MM-DD", key=f"as_of.{found.as_of_us}.{rules.zone}.{upload.mark}", width=220,
            help=t("import.as_of_help"), persist_state="session",
        )  # fmt: skip
        st.markdown(small(t("import.as_of_evidence", newest=t.datetime(newest))), width="stretch")
    if not isinstance(chosen, dt.date) or chosen == proposed:
        return None
    return (chosen + dt.timedelta(days=1)).isoformat()


def roles_form(upload: Upload, look: Look, memory: Memory | None) -> Meaning:
    """Kind, roles and source time zone, guessed with reasons or as the last such file was read."""
    t = screen().t
    # A role that had no column last time has none now.
    guess = look.guess(memory.kind, _as_said(memory)) if memory else look.guess()
    kinds = list(KINDS)
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        kind = st.selectbox(
            t("import.kind"),
            kinds,
            index=kinds.index(guess.kind) if isinstance(guess, Guess) else None,
            placeholder=t("import.kind_choose"),
            format_func=lambda code: t(f"shell.kind_{code}"),
            key=f"kind.{upload.mark}",
            width=260,
            persist_state="session",
        )
        zone = None
        if kind and any(role in ROLES[kind] for role in _TIME_ROLES):
            usual = memory.zone if memory else None
            zone = _zone_select(
                t("import.source_zone"), f"source_zone.{upload.mark}", t("import.source_zone_help"), usual
            )
        st.markdown(small(_why(guess, kind, memory)), width="stretch")
    if not kind:
        if isinstance(guess, OpsError) and guess.code != "already_counted":
            told = t.sentences([guess.sentence(t), t("import.kind_first")])
            st.warning(plain(told), icon=":material/help:")
        return Meaning("", {}, zone, None)
    guessed = guess.roles if isinstance(guess, Guess) and guess.kind == kind else look.roles_of(kind)
    mapping = _roles(upload, look, kind, guessed)
    missing = [role for role in REQUIRED[kind] if not mapping.get(role)]
    if missing:
        st.markdown(t("import.missing_roles", roles=t.join([t(f"import.role_{role}") for role in missing])))
        return Meaning(kind, mapping, zone, None)
    said = look.guess(kind, mapping)
    return Meaning(kind, mapping, zone, said if isinstance(said, Guess) else None)


def preview(look: Look, mapping: Mapping[str, str | None]) -> None:
    """The first rows as they stand in the file; headings tell what each column was taken for."""
    t = screen().t
    taken: dict[str, list[str]] = {}
    for role, column in mapping.items():
        if column:
            taken.setdefault(column, []).append(t(f"import.role_{role}"))
    # What has a role is shown in any case, also in a table of a thousand columns.
    shown_columns = [name for name in look.columns[:_SHOWN_COLUMNS] if name not in taken]
    names = [name for name in look.columns if name in taken or name in set(shown_columns)]
    columns = [Column(name, f"{name}  →  {t.join(taken[name])}" if name in taken else name) for name in names]
    st.markdown(small(t("import.preview", shown=min(_SHOWN_ROWS, len(look.sample)), rows=t.number(look.n_rows))))
    table(look.sample.head(_SHOWN_ROWS)[names], columns, name="preview")
    if len(names) < len(look.columns):
        st.markdown(small(t("import.more_columns", n=len(look.columns) - len(names))))


def _as_said(memory: Memory) -> dict[str, str | None]:
    return {role: memory.mapping.get(role) for role in ROLES[memory.kind]}


def _why(guess: Guess | OpsError, kind: str | None, memory: Memory | None) -> str:
    """Why this kind: as last time, or what in the columns speaks for it."""
    t = screen().t
    if memory is not None:
        return t("import.as_last_time", workspace=plain(memory.workspace), batch=memory.batch_id)
    if isinstance(guess, OpsError) or guess.kind != kind:
        return t("import.because_told") if kind else ""
    return plain(t(f"import.because_{guess.reason}", **guess.values))


def _roles(upload: Upload, look: Look, kind: str, roles: Sequence[Role]) -> dict[str, str | None]:
    guessed = {role.role: role for role in roles}
    mapping: dict[str, str | None] = {}
    with st.grid(4, min_column_width=190, gap=(10, 12)) as grid:
        for role in ROLES[kind]:
            with grid.cell(), st.container(gap="xxsmall"):
                found = guessed.get(role)
                column = found and (found.column if found.constant is None else f"={found.constant}")
                mapping[role] = _role_select(upload, look, kind, role, column)
                if found is not None and mapping[role] == column and found.reason != "told":
                    st.markdown(small(plain(screen().t(f"import.because_{found.reason}", **found.values))))
    return mapping


def _role_select(upload: Upload, look: Look, kind: str, role: str, guessed: str | None) -> str | None:
    t = screen().t
    options = [_NONE, *dict.fromkeys(look.columns)]
    if role in ("event", "experiment"):
        options.append(_FIXED)
    fixed = guessed.removeprefix(_FIXED) if guessed and guessed not in options and guessed.startswith(_FIXED) else ""
    usual = _FIXED if fixed and _FIXED in options else guessed
    label = t(f"import.role_{role}") + ("" if role not in REQUIRED[kind] else "\u2009*")
    chosen = st.selectbox(
        label,
        options,
        index=options.index(usual) if usual in options else 0,
        format_func=lambda name: {_NONE: t("import.no_column"), _FIXED: t("import.fixed_name")}.get(name, name),
        key=f"role.{kind}.{role}.{upload.mark}",
        help=t(f"import.role_{role}_help"),
        persist_state="session",
    )
    if chosen != _FIXED:
        return chosen or None
    name = st.text_input(
        t("import.fixed_text"), fixed, key=f"fixed.{kind}.{role}.{upload.mark}", max_chars=80, persist_state="session"
    )
    return f"={name.strip()}" if name.strip() else None


def _zone_select(label: str, key: str, hint: str, usual: str | None = None) -> str:
    browser = st.context.timezone
    known = zoneinfo.available_timezones()
    first = next((zone for zone in (usual, browser) if zone in known), "UTC")
    zones = list(dict.fromkeys([first, *_USUAL_ZONES]))
    zones += sorted(zone for zone in known if "/" in zone and zone not in zones)
    return st.selectbox(label, zones, key=key, help=hint, filter_mode="contains", width=260, persist_state="session")


def _free_name(file_name: str, taken: list[str]) -> str:
    base = re.sub(r"[^\w\-. ()]", " ", Path(file_name).stem).strip(" .")[:50] or "workspace"
    if session.is_demo(base):
        base = f"my {base}"
    name, number = base, 2
    while name in taken:
        name, number = f"{base} {number}", number + 1
    return name
