"""Dropped files: written to a folder of this session once, kept while they wait, forgotten when they are loaded."""

from __future__ import annotations

import secrets
import shutil
import tempfile
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import streamlit as st
from streamlit.runtime.uploaded_file_manager import UploadedFile

from ops_core.errors import IntakeError, OpsError
from ops_core.intake.archive import unpacked
from ui import empty
from ui.current import screen
from ui.text import plain, small

MAX_MB, MAX_FILES = 100, 50
ENDINGS = ("csv", "tsv", "txt", "tab", "dat", "xlsx", "xls", "xlsm", "parquet", "json", "jsonl", "ndjson", "gz", "zip")
SAMPLES = ("events.csv", "users.csv", "orders-zh.csv", "ab_test.csv")

REPORT = "import.report"  # where the account of the last import stands; other files put it away

_WAITING, _ROUND, _ADDING, _REFUSED, _FOLDER = (
    f"upload.{name}" for name in ("waiting", "round", "adding", "refused", "folder")
)


@dataclass(frozen=True)
class Upload:
    """A file that waits to be loaded. `mark` tells two uploads of the same name apart."""

    path: Path
    name: str
    mark: str

    @property
    def size_text(self) -> str:
        """Its size as people write it."""
        size = self.path.stat().st_size
        return f"{size / 1e6:,.1f} MB" if size >= 1e5 else f"{max(size, 1) / 1e3:,.1f} KB"


def drop_zone() -> list[Upload]:
    """The place to drop files, shown until some wait; returns those that wait, in the order they came."""
    t = screen().t
    files = waiting()
    if not files or st.session_state.get(_ADDING):
        _place()
    for refusal in st.session_state.get(_REFUSED, []):
        st.warning(plain(refusal.sentence(t)), icon=":material/warning:")
    if not files:
        _samples()
    return files


def waiting() -> list[Upload]:
    """The files that wait, in the order they came."""
    return [upload for upload in st.session_state.get(_WAITING, []) if upload.path.exists()]


def ask_for_more() -> None:
    """Show the place to drop files while some wait already."""
    st.session_state[_ADDING] = True


def forget(mark: str | None = None) -> None:
    """Drop a waiting file, or all of them."""
    gone = [upload for upload in waiting() if mark in (None, upload.mark)]
    for upload in gone:
        shutil.rmtree(upload.path.parent, ignore_errors=True)
    st.session_state[_WAITING] = [upload for upload in waiting() if upload not in gone]
    for key in [key for key in st.session_state if any(str(key).endswith(upload.mark) for upload in gone)]:
        del st.session_state[key]
    for key in (_ADDING, _REFUSED):
        st.session_state.pop(key, None)


def add(name: str, content: bytes) -> Upload:
    """Write a file that waits from now on.

    Raises:
        IntakeError: it is too large, of a kind that is not read, or there are too many.
    """
    # The browser keeps these limits only for people who mean well.
    name = Path(name.replace("\\", "/")).name or "file"
    if len(content) > MAX_MB << 20:
        raise IntakeError("upload_too_large", size=len(content) >> 20, limit=MAX_MB)
    if Path(name).suffix.lower().lstrip(".") not in ENDINGS:
        raise IntakeError("upload_kind", name=name)
    if len(waiting()) >= MAX_FILES:
        raise IntakeError("upload_too_many", limit=MAX_FILES)
    path = _folder() / name
    path.write_bytes(content)
    st.session_state.pop(REPORT, None)
    return _queued(path)


def queue(name: str, write: Callable[[Path], None]) -> Upload:
    """A file made here, such as two joined tables: `write` puts it to its path; it waits from now on."""
    path = _folder() / name
    write(path)
    return _queued(path)


def stopped() -> IntakeError:
    """What is raised where a look into a file was cancelled."""
    return IntakeError("load_cancelled")


def _queued(path: Path) -> Upload:
    upload = Upload(path, path.name, secrets.token_hex(6))
    st.session_state[_WAITING] = [*waiting(), upload]
    return upload


def _place() -> None:
    """The uploader; what it takes is written to disk at once, so that the browser's copy leaves the memory."""
    t = screen().t
    turn = st.session_state.setdefault(_ROUND, 0)
    whole_folder = bool(st.session_state.get(_FOLDER))
    dropped = st.file_uploader(
        t("import.drop_folder" if whole_folder else "import.drop"),
        type=list(ENDINGS),
        accept_multiple_files="directory" if whole_folder else True,
        key=f"upload.{whole_folder}.{turn}",
        max_upload_size=MAX_MB,
        help=t("import.drop_help"),
    )
    st.toggle(t("import.whole_folder"), key=_FOLDER)
    if dropped:
        st.session_state[_ROUND] = turn + 1
        st.session_state[_REFUSED] = _stash(dropped)
        st.session_state.pop(_ADDING, None)
        st.rerun()


def _stash(dropped: Sequence[UploadedFile]) -> list[OpsError]:
    """Queue what was dropped, archives of several tables unpacked; returns what was refused, and why."""
    refused: list[OpsError] = []
    for file in dropped:
        try:
            upload = add(file.name, file.getvalue())
            if upload.path.suffix.lower() == ".zip":
                _spread(upload)
        except OpsError as refusal:
            refused.append(refusal)
    return refused


def _spread(upload: Upload) -> None:
    """A zip of several tables becomes as many waiting files; one table stays packed."""
    tables = unpacked(upload.path, _folder, MAX_FILES)
    if tables:
        forget(upload.mark)
        for path in tables:
            _queued(path)


def _samples() -> None:
    t = screen().t
    with st.container(horizontal=True, gap="xsmall", vertical_alignment="center"):
        st.markdown(small(t("import.or_sample")), width="content")
        for name in SAMPLES:
            label = t(f"import.sample_{Path(name).stem.replace('-', '_')}")
            if st.button(label, key=f"try.{name}", type="tertiary"):
                add(name, (empty.SAMPLES / name).read_bytes())
                st.rerun()


def _folder() -> Path:
    """A new folder that goes when the session is gone."""
    folder = tempfile.mkdtemp(prefix="opsdeck-upload-")
    holder = st.session_state.setdefault("upload.holder", _Holder())
    weakref.finalize(holder, shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


class _Holder:
    """Lives as long as the session's state."""
