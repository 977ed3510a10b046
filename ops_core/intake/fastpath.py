"""The fast route: DuckDB reads a clean file itself; here it is proved that the file is clean under the dialect.

Proof: DuckDB parses every row with exactly the right number of cells; the file has as many lines as rows and headings,
so no cell runs over a line end and line numbers are row numbers; and no row ends in a surplus delimiter, which DuckDB
would forgive although the row may be shifted.
"""

from __future__ import annotations

import codecs
import hashlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from ops_core.intake.tokenize import Syntax

_BLOCK = 1 << 22
_LONGEST_PATTERN = 8


@dataclass
class Scan:
    """One pass over the bytes: hash, how often some marks occur, whether everything is UTF-8."""

    sha256: str = ""
    counts: dict[bytes, int] = field(default_factory=dict)
    is_utf8: bool = True
    last: bytes = b""
    size: int = 0

    @property
    def ends_with_line(self) -> bool:
        """Whether the last line is finished."""
        return self.last in (b"\n", b"\r", b"")


def scan(path: Path, patterns: Sequence[bytes] = ()) -> Scan:
    """Read a file once. `patterns` of at most eight bytes are counted."""
    found = Scan(counts=dict.fromkeys((b"\n", b"\r\n", b"\r", b"\0", *patterns), 0))
    digest = hashlib.sha256()
    decoder = codecs.getincrementaldecoder("utf-8")()
    rest = b""
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
            found.size += len(block)
            found.last = block[-1:]
            whole = rest + block
            for pattern in found.counts:
                begin = max(0, len(rest) - len(pattern) + 1)
                found.counts[pattern] += whole.count(pattern, begin)
            rest = whole[-(_LONGEST_PATTERN - 1) :]
            if found.is_utf8 and not block.isascii():
                found.is_utf8 = _decodes(decoder, block)
    found.is_utf8 = found.is_utf8 and _decodes(decoder, b"", final=True)
    found.sha256 = digest.hexdigest()
    return found


@dataclass(frozen=True)
class CleanFile:
    """A file that DuckDB reads as it is. `filled` tells which columns hold anything; rows begin at `first_line`."""

    n_rows: int
    filled: tuple[bool, ...]
    scan: Scan


def check(path: Path, syntax: Syntax, width: int, skip: int) -> CleanFile | None:
    """Proof that a file is clean, None when it is not (or when that cannot be told)."""
    if len(syntax.delimiter.encode()) != 1 or syntax.wrapped or syntax.line_end != "\n" or not syntax.quote:
        return None
    delimiter = syntax.delimiter.encode()
    quoted_blank = delimiter + syntax.quote.encode() * 2
    tails = [delimiter + b"\n", delimiter + b"\r\n", quoted_blank + b"\n", quoted_blank + b"\r\n"]
    found: list[Scan] = []
    scanning = threading.Thread(target=lambda: found.append(scan(path, tails)))
    scanning.start()
    counted = _count(path, syntax, width, skip)
    scanning.join()
    if counted is None or not found:
        return None
    with path.open("rb") as file:
        heading = b"".join(file.readline() for _ in range(skip))
    ends_blank = sum(found[0].counts[tail] - heading.count(tail) for tail in tails)
    ends_blank += found[0].last == delimiter
    return _proved(found[0], counted, ends_blank, skip)


def read_arguments(path: Path, syntax: Syntax, width: int, skip: int) -> str:
    """The arguments of `read_csv` for this file as SQL text; all of it comes from fixed choices but the quoted path."""
    columns = ", ".join(f"c{index}: 'VARCHAR'" for index in range(width))
    texts = {"delim": syntax.delimiter, "quote": syntax.quote, "escape": syntax.escape}
    options = ", ".join(f"{name} = {literal(text)}" for name, text in texts.items())
    fixed = "auto_detect = false, header = false, strict_mode = true, null_padding = false"
    return f"{literal(str(path))}, {options}, {fixed}, skip = {skip:d}, columns = {{{columns}}}"


def literal(text: str) -> str:
    """A text as an SQL literal: views take no parameters."""
    return "'" + text.replace("'", "''") + "'"


def _count(path: Path, syntax: Syntax, width: int, skip: int) -> tuple[int, ...] | None:
    query = (
        "SELECT count(*), count(*) FILTER (coalesce(*COLUMNS(*)) IS NULL), count(COLUMNS(*)) FROM read_csv("
        + read_arguments(path, syntax, width, skip)
        + ")"
    )
    with duckdb.connect() as connection:
        try:
            return connection.execute(query).fetchone()
        except duckdb.Error:
            return None


def _proved(found: Scan, counted: tuple[int, ...], ends_blank: int, skip: int) -> CleanFile | None:
    n_rows, n_blank, *filled = counted
    counts = found.counts
    n_lines = counts[b"\n"] + (0 if found.ends_with_line else 1)
    uniform = counts[b"\r"] == counts[b"\r\n"] and counts[b"\r\n"] in (0, counts[b"\n"])
    if not (found.is_utf8 and uniform and n_blank == 0 and counts[b"\0"] == 0 and n_lines == n_rows + skip):
        return None
    if n_rows == 0 or (len(filled) > 1 and ends_blank != n_rows - filled[-1]):
        return None
    return CleanFile(n_rows, tuple(bool(count) for count in filled), found)


def _decodes(decoder: codecs.IncrementalDecoder, block: bytes, final: bool = False) -> bool:
    try:
        decoder.decode(block, final)
    except UnicodeDecodeError:
        return False
    return True
