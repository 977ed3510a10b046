"""Files as intake handles them: hash, first lines, end, and the copy that the database may read."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

_FEWEST_LINES = 20
_LONG_HEAD = 32_000_000


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def head_text(path: Path, size: int = 1 << 20) -> str:
    """The beginning of a file, up to the end of a line (more of it when its lines are very long)."""
    with path.open("rb") as file:
        block = file.read(size)
        if len(block) == size:
            if max(block.count(b"\n"), block.count(b"\r")) < _FEWEST_LINES:
                block += file.read(_LONG_HEAD)
            cut = max(block.rfind(b"\n"), block.rfind(b"\r"))
            block = block[: cut + 1] if cut > 0 and file.read(1) else block
    return block.decode("utf-8", "replace").removeprefix("\ufeff")


def has_long_lines(path: Path, size: int = 1 << 20) -> bool:
    """Whether the beginning of a file has next to no line ends."""
    with path.open("rb") as file:
        block = file.read(size)
    return len(block) == size and max(block.count(b"\n"), block.count(b"\r")) < _FEWEST_LINES


def unfinished_line(path: Path, line_end: str) -> int | None:
    """The number of the last line when it has no line end (an upload may have been cut off there)."""
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        if file.read(1) in (b"\n", b"\r"):
            return None
        file.seek(0)
        end = b"\r" if line_end == "\r" else b"\n"
        return sum(block.count(end) for block in iter(lambda: file.read(1 << 22), b"")) + 1


def linked(path: Path, staging: Path) -> Path:
    """The file inside the staging folder, where the database may read it: a hard link, else a copy."""
    if path.parent == staging:
        return path
    # Without the person's file name: an ending like .gz would make the database unpack it.
    target = staging / "original"
    try:
        os.link(path.resolve(), target)
    except OSError:
        shutil.copyfile(path, target)
    return target
