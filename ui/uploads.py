"""A dropped file: written to a folder of this session once, looked into, and forgotten when it is loaded."""

from __future__ import annotations

import secrets
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import streamlit as st

from ops_core.errors import IntakeError, OpsError
from ops_core.intake import roles
from ops_core.intake.notes import Note
from ops_core.intake.roles import Guess
from ops_core.intake.source import SourceOptions, open_source
from ui import empty
from ui.current import screen
from ui.text import small

MAX_MB = 100
ENDINGS = ("csv", "tsv", "txt", "xlsx", "xls", "parquet", "json", "jsonl", "gz", "zip")
SAMPLES = ("events.csv", "users.csv", "orders-zh.csv", "ab_test.csv")

_FILE, _ROUND, _LOOK = "upload.file", "upload.round", "upload.look"
_SAMPLE_ROWS = 2_000


@dataclass(frozen=True)
class Upload:
    """A file that waits to be loaded."""

    path: Path
    name: str
    mark: str  # tells two uploads of the same name apart


@dataclass(frozen=True)
class Look:
    """What a file holds: columns, the first rows as text, how many rows, what was noticed."""

    columns: tuple[str, ...]
    sample: pd.DataFrame
    n_rows: int
    notes: tuple[Note, ...]

    def guess(self, kind: str) -> Guess | None:
        """Kind and roles, or `None` where they cannot be told from the columns."""
        try:
            return roles.guess(self.columns, self.sample, kind)
        except OpsError:
            return None


def drop_zone() -> Upload | None:
    """The place to drop a file and, below it, samples; the file that waits, if any."""
    t = screen().t
    turn = st.session_state.setdefault(_ROUND, 0)
    dropped = st.file_uploader(
        t("import.drop"), type=list(ENDINGS), key=f"upload.{turn}", max_upload_size=MAX_MB, help=t("import.drop_help")
    )
    waiting: Upload | None = st.session_state.get(_FILE)
    if dropped is not None and (waiting is None or waiting.mark != dropped.file_id):
        waiting = _stash(dropped.name, dropped.getvalue(), dropped.file_id)
    if waiting is None:
        with st.container(horizontal=True, gap="xsmall", vertical_alignment="center"):
            st.markdown(small(t("import.or_sample")), width="content")
            for name in SAMPLES:
                if st.button(
                    t(f"import.sample_{Path(name).stem.replace('-', '_')}"), key=f"try.{name}", type="tertiary"
                ):
                    _stash(name, (empty.SAMPLES / name).read_bytes(), secrets.token_hex(4))
                    st.rerun()
    return waiting


def look_into(upload: Upload, options: SourceOptions) -> Look:
    """The file's columns and first rows, read once per choice of options.

    Raises:
        IntakeError: the file cannot be read as a table.
    """
    key = (upload.mark, options)
    known = st.session_state.get(_LOOK)
    if known is not None and known[0] == key:
        return known[1]
    with st.spinner(screen().t("import.looking")), open_source(upload.path, options=options) as source:
        sample = source.sample(_SAMPLE_ROWS).drop(columns="line")
        look = Look(tuple(source.columns), sample, source.rows_in_file, tuple(source.notes))
    st.session_state[_LOOK] = (key, look)
    return look


def forget() -> None:
    """Drop the waiting file and show an empty place for the next one."""
    _remove()
    st.session_state.pop(_LOOK, None)
    st.session_state[_ROUND] = st.session_state.get(_ROUND, 0) + 1  # a new key releases the old upload's memory


def _stash(name: str, content: bytes, mark: str) -> Upload:
    # The browser keeps these limits only for people who mean well.
    name = Path(name.replace("\\", "/")).name or "file"
    if len(content) > MAX_MB << 20:
        raise IntakeError("upload_too_large", size=len(content) >> 20, limit=MAX_MB)
    if Path(name).suffix.lower().lstrip(".") not in ENDINGS:
        raise IntakeError("upload_kind", name=name)
    _remove()
    folder = Path(tempfile.mkdtemp(prefix="opsdeck-upload-"))
    path = folder / name
    path.write_bytes(content)
    upload = Upload(path, name, mark)
    st.session_state[_FILE] = upload
    return upload


def _remove() -> None:
    waiting: Upload | None = st.session_state.pop(_FILE, None)
    if waiting is not None:
        shutil.rmtree(waiting.path.parent, ignore_errors=True)
