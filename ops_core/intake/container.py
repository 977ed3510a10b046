"""What a file is by its first bytes, whatever its name says. Archives are opened, other things refused."""

from __future__ import annotations

import gzip
import json
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ops_core.errors import IntakeError
from ops_core.intake import encoding as encodings
from ops_core.intake.notes import Note, info, warning

LARGEST_UNPACKED = 20_000_000_000
LARGEST_RATIO = 200
_BLOCK = 1 << 20
_HEAD = 1 << 16
_LINES_OF_HEAD = 20
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_HTML = re.compile(
    rb"\s*(<!doctype html|<html|<head|<body|<script|<\?xml[^>]*>\s*<(html|!doctype html))", re.IGNORECASE
)
_REFUSED = (
    (re.compile(rb"%PDF-"), "is_pdf"),
    (re.compile(rb"version https://git-lfs"), "is_lfs_pointer"),
    (re.compile(rb"\x7fELF|MZ\x90|\x89PNG|\xff\xd8\xff|GIF8|ORC|Obj\x01|ARROW1|SQLite format 3"), "not_a_table"),
    (re.compile(rb"Rar!|7z\xbc\xaf\x27\x1c|\xfd7zXZ|BZh[1-9]"), "unknown_archive"),
)
_WORKBOOKS = (".xlsx", ".xlsm", ".xls", ".xlsb", ".ods")
_PARQUETS = (".parquet", ".pq")
TABLE_ENDINGS = (".csv", ".tsv", ".txt", ".tab", ".dat", ".json", ".jsonl", ".ndjson", *_PARQUETS, *_WORKBOOKS)
_UTF8_NAME = 0x800
_LONGEST_NAME = 200  # bytes: names of files have room for 255, and something may stand in front


@dataclass(frozen=True)
class Container:
    """A file ready to be read. `kind`: `text`, `excel`, `parquet` or `json_lines`; `path` may be an unpacked copy."""

    kind: str
    path: Path
    notes: tuple[Note, ...] = ()


def open_container(path: Path, staging: Path, nested: bool = False) -> Container:
    """Look into a file and unpack it if it is an archive with one table.

    Raises:
        IntakeError: the file is missing, empty, something else than a table, a damaged archive, or unpacks to too much.
    """
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except FileNotFoundError:
        raise IntakeError("file_missing", file=path.name) from None
    except (IsADirectoryError, PermissionError):
        raise IntakeError("file_unreadable", file=path.name) from None
    if not head.strip(b" \t\r\n\xef\xbb\xbf\0"):
        raise IntakeError("empty")
    kind = _kind(head, path)
    if nested and kind in ("gzip", "zip"):
        raise IntakeError("unknown_archive", file=path.name)
    if kind == "gzip":
        return _renamed(open_container(_gunzip(path, staging), staging, True), info("unpacked", file=path.name))
    if kind == "zip":
        return _unzip(path, staging)
    notes = ()
    usual = {"excel": _WORKBOOKS, "parquet": _PARQUETS, "text": ()}
    if kind in ("excel", "parquet") and path.suffix.lower() not in usual[kind]:
        notes = (info("not_as_named", file=path.name, kind=kind.capitalize()),)
    if kind == "text" and path.suffix.lower() in usual["excel"]:
        notes = (info("not_as_named", file=path.name, kind="CSV"),)
    return Container(kind, path, notes)


def _kind(head: bytes, path: Path) -> str:
    if head.startswith(b"\x1f\x8b"):
        return "gzip"
    if head.startswith(b"PK\x03\x04"):
        return _zip_kind(path)
    if head.startswith(_OLE):
        return "excel"
    if head.startswith(b"PAR1"):
        return "parquet"
    text = head.removeprefix(b"\xef\xbb\xbf")
    if _HTML.match(text):
        raise IntakeError("is_html", file=path.name)
    for pattern, code in _REFUSED:
        if pattern.match(text):
            raise IntakeError(code, file=path.name)
    return _json_kind(text, path)


def _json_kind(text: bytes, path: Path) -> str:
    """JSON lines are read, one JSON document is refused, everything else is delimited text."""
    if not text.lstrip(b"\xff\xfe\0 \t\r\n").startswith((b"{", b"[")):
        return "text"
    whole = len(text) < _HEAD - len(b"\xef\xbb\xbf")
    stripped = _as_utf8(text).lstrip()
    lines = [line.strip() for line in stripped.split(b"\n")[: _LINES_OF_HEAD + 1] if line.strip()]
    if _is_object(lines[0]):
        return "json_lines"
    # A first line that was cut off hides no lines of objects; of a document hardly a line is one.
    checked = lines[:_LINES_OF_HEAD]
    if stripped.startswith(b"{") and 2 * sum(map(_is_object, checked)) >= len(checked) > 1:
        return "json_lines"
    looks_json = re.match(rb'\[\s*(\{\s*"|\[|\])|\{\s*"[^"]*"\s*:|\{\s*\}', stripped)
    if looks_json and (not whole or _parses(stripped)):
        raise IntakeError("is_json", file=path.name)
    return "text"


def _as_utf8(text: bytes) -> bytes:
    """The beginning of a file as UTF-8, whatever it is written in; as it is where that cannot be told."""
    try:
        encoding = encodings.detect(text)
    except IntakeError:
        return text
    return text[encoding.mark_bytes :].decode(encoding.name, "replace").encode("utf-8", "replace")


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _parses(text: bytes) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _zip_kind(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        raise IntakeError("damaged_archive", file=path.name) from None
    sheets = ("xl/workbook.xml", "xl/workbook.bin", "content.xml")
    return "excel" if any(name in sheets for name in names) else "zip"


def _gunzip(path: Path, staging: Path) -> Path:
    target = staging / f"{len(list(staging.iterdir()))}-{short_name(path.name.removesuffix('.gz'))}"
    limit = min(LARGEST_UNPACKED, max(LARGEST_RATIO * path.stat().st_size, 10_000_000))
    try:
        with gzip.open(path) as packed:
            _copy(packed, target, limit, path.name)
    except (OSError, EOFError, zlib.error):
        raise IntakeError("damaged_archive", file=path.name) from None
    return target


def _unzip(path: Path, staging: Path) -> Container:
    with zipfile.ZipFile(path) as archive:
        members = [
            item for item in archive.infolist() if not item.is_dir() and not item.filename.startswith("__MACOSX")
        ]
        tables = [item for item in members if item.filename.lower().endswith(TABLE_ENDINGS)]
        if len(tables) != 1:
            names = [member_name(item) for item in tables or members][:8]
            raise IntakeError("archive_of_several" if tables else "archive_without_table", file=path.name, found=names)
        member = tables[0]
        target = staging / f"{len(list(staging.iterdir()))}-{short_name(Path(member_name(member)).name)}"
        limit = min(LARGEST_UNPACKED, max(LARGEST_RATIO * member.compress_size, 10_000_000))
        try:
            with archive.open(member) as packed:
                _copy(packed, target, limit, path.name)
        except (zipfile.BadZipFile, RuntimeError, zlib.error, EOFError, NotImplementedError, OSError):
            raise IntakeError("damaged_archive", file=path.name) from None
    note = (
        warning("unpacked_one_of", file=member_name(member)) if len(members) > 1 else info("unpacked", file=path.name)
    )
    return _renamed(open_container(target, staging, True), note)


def member_name(item: zipfile.ZipInfo) -> str:
    """The name of a file in a zip. Programs on Chinese systems write it in GBK and do not say so: it is taken for that
    where the characters are everyday ones.
    """
    if item.flag_bits & _UTF8_NAME or item.filename.isascii():
        return item.filename
    try:
        written = item.filename.encode("cp437")
    except UnicodeEncodeError:
        return item.filename
    for name in ("utf-8", "gb18030"):
        try:
            text = written.decode(name)
        except UnicodeDecodeError:
            continue
        rare = sum(char > "\x7f" and not char.encode("gb2312", "ignore") for char in text)
        if name == "utf-8" or 2 * rare < sum(char > "\x7f" for char in text):
            return text
    return item.filename


def short_name(name: str) -> str:
    """A file name that every disk takes, with its ending."""
    if len(name.encode("utf-8", "replace")) <= _LONGEST_NAME:
        return name
    ending = Path(name).suffix if Path(name).suffix.lower() in TABLE_ENDINGS else ""
    room = _LONGEST_NAME - len(ending)
    return name.removesuffix(ending).encode("utf-8", "replace")[:room].decode("utf-8", "ignore") + ending


def _renamed(found: Container, note: Note) -> Container:
    return Container(found.kind, found.path, (note, *found.notes))


def _copy(packed: IO[bytes], target: Path, limit: int, name: str) -> None:
    total = 0
    with target.open("wb") as file:
        for block in _blocks(packed):
            total += len(block)
            if total > limit:
                raise IntakeError("unpacks_too_much", file=name, limit_mb=limit // 1_000_000)
            file.write(block)


def _blocks(packed: IO[bytes]) -> Iterator[bytes]:
    while block := packed.read(_BLOCK):
        yield block
