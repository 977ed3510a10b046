"""A waiting file, looked into once per choice of how to read it; what a load would do with it, once per mapping."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd
import streamlit as st

from ops_core.errors import OpsError
from ops_core.intake import checkup, roles
from ops_core.intake.checkup import Checkup, Told
from ops_core.intake.looks import SAMPLE_ROWS
from ops_core.intake.meaning import Guess, Role
from ops_core.intake.notes import Note
from ops_core.intake.source import Source, SourceOptions, open_source
from ops_core.model.time import TimeRules
from ui import uploads
from ui.current import screen
from ui.import_work import Progress, waited_for
from ui.text import plain
from ui.uploads import Upload


@dataclass(frozen=True)
class Look:
    """What a file holds: an open source, the first rows as text. The source closes when the look is dropped."""

    source: Source
    sample: pd.DataFrame

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(self.source.columns)

    @property
    def n_rows(self) -> int:
        """Rows of the file, those that cannot be read as rows included."""
        return self.source.rows_in_file

    @property
    def notes(self) -> tuple[Note, ...]:
        """What was noticed while reading."""
        return tuple(self.source.notes)

    def guess(self, kind: str = "auto", mapping: Mapping[str, str | None] | None = None) -> Guess | OpsError:
        """Kind and roles, or why they cannot be told."""
        try:
            return roles.guess(self.columns, self.sample, kind, mapping)
        except OpsError as refusal:
            return refusal

    def roles_of(self, kind: str) -> tuple[Role, ...]:
        """The roles of a kind that columns can take, also where one that is needed has none."""
        return roles.roles_of(kind, self.columns, self.sample)


def look_into(upload: Upload, options: SourceOptions) -> Look:
    """The file's columns and first rows; while they are being read a person may cancel.

    Raises:
        IntakeError: the file cannot be read as a table.
    """
    key = f"look.{upload.mark}"
    known = st.session_state.get(key)
    if known is None or known[0] != options:
        try:
            found: Look | OpsError = waited_for(
                lambda progress: _opened(upload, options, progress),
                lambda _: screen().t("import.looking_at", name=plain(upload.name)),
                lambda: uploads.forget(upload.mark),
                key,
                lambda look: look.source.close(),
            )
        except OpsError as refusal:
            found = refusal
        known = (options, found)
        st.session_state[key] = known
    if isinstance(known[1], OpsError):
        raise known[1]
    return known[1]


def known_look(upload: Upload) -> Look | None:
    """The look at a file that was taken already."""
    known = st.session_state.get(f"look.{upload.mark}")
    return known[1] if known is not None and isinstance(known[1], Look) else None


def known_checkup(upload: Upload, question: tuple[object, ...]) -> Checkup | OpsError | None:
    """The checkup of a file that was made for this very question; `None` where it has to be made."""
    known = st.session_state.get(f"checkup.{upload.mark}")
    return known[1] if known is not None and known[0] == question else None


def check(
    upload: Upload, look: Look, guess: Guess, rules: tuple[TimeRules, TimeRules], told: Told
) -> Checkup | OpsError:
    """What a load would do; kept until another question is asked. A person may cancel: the file is then forgotten."""
    question = question_of(look, guess, rules, told)
    known = known_checkup(upload, question)
    if known is None:
        key = f"checkup.{upload.mark}"
        try:
            known = waited_for(
                lambda progress: checkup.check(look.source, look.sample, guess, rules, told, progress.is_stopped),
                lambda _: screen().t("import.checking"),
                lambda: uploads.forget(upload.mark),
                key,
            )
        except OpsError as refusal:
            known = refusal
        st.session_state[key] = (question, known)
    return known


def question_of(look: Look, guess: Guess, rules: tuple[TimeRules, TimeRules], told: Told) -> tuple[object, ...]:
    """What a checkup is kept under."""
    mapping = tuple(sorted(guess.mapping.items()))
    return id(look), guess.kind, mapping, rules[0].zone, rules[1].zone, told


def _opened(upload: Upload, options: SourceOptions, progress: Progress) -> Look:
    def pulse() -> None:
        if progress.stopped:
            raise uploads.stopped()

    source = open_source(upload.path, options=options, pulse=pulse)
    return Look(source, source.sample(SAMPLE_ROWS).iloc[:, 1:])
