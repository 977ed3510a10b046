"""A zip of several tables, taken apart: each table a file of its own."""

from __future__ import annotations

import shutil
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

from ops_core.errors import IntakeError
from ops_core.intake.container import LARGEST_RATIO, TABLE_ENDINGS, member_name, short_name

_LARGEST = 2_000_000_000
_SMALL = 10_000_000
_UNFINISHED = (".", "~$", "__MACOSX")


def unpacked(path: Path, new_folder: Callable[[], Path], most: int) -> list[Path]:
    """The tables of a zip file, each in a folder of its own; none where it is a workbook or holds one table only.

    Raises:
        IntakeError: it is damaged or protected, holds more than `most` tables, or unpacks to too much.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            if {"xl/workbook.xml", "xl/workbook.bin", "content.xml"} & set(archive.namelist()):
                return []
            tables = [item for item in archive.infolist() if _is_table(item)]
            if len(tables) < 2:
                return []
            if len(tables) > most:
                raise IntakeError("upload_too_many", limit=most)
            declared, packed = (sum(getattr(item, size) for item in tables) for size in ("file_size", "compress_size"))
            if declared > min(_LARGEST, max(_SMALL, LARGEST_RATIO * packed)):
                raise IntakeError("unpacks_too_much", file=path.name, limit_mb=_LARGEST // 1_000_000)
            return [_written(archive, item, new_folder()) for item in tables]
    except (zipfile.BadZipFile, RuntimeError, zlib.error, EOFError, NotImplementedError, OSError):
        raise IntakeError("damaged_archive", file=path.name) from None


def _is_table(item: zipfile.ZipInfo) -> bool:
    parts = Path(item.filename).parts
    hidden = any(part.startswith(_UNFINISHED) for part in parts if part != "..")
    return not item.is_dir() and not hidden and item.filename.lower().endswith(TABLE_ENDINGS)


def _written(archive: zipfile.ZipFile, item: zipfile.ZipInfo, folder: Path) -> Path:
    # Only the last part of the name is used: a path inside an archive must not lead elsewhere.
    name = Path(member_name(item).replace("\\", "/")).name
    target = folder / (short_name(name) or "table.csv")
    with archive.open(item) as source, target.open("wb") as file:
        shutil.copyfileobj(source, file, 1 << 20)  # never more than the declared size, which was checked
    return target
