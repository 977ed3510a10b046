"""The fast route: DuckDB reads a clean file itself; here it is proved that the file is clean under the dialect.

Proof: DuckDB parses every row with exactly the right number of cells; the file has as many lines as rows and headings,
so no cell runs over a line end and line numbers are row numbers; and no row ends in a surplus delimiter, which DuckDB
would forgive although the row may be shifted: without quotes all delimiters are counted, with them blank ends of lines.
"""

from __future__ import annotations

import codecs
import hashlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import numpy as np

from ops_core.intake.tokenize import Syntax

# Small enough to stay in a core's cache while several marks are counted in it.
_BLOCK = 1 << 16
_TAIL = 256


@dataclass
class Scan:
    """One pass over the bytes: hash, how often some marks occur, whether everything is UTF-8."""

    sha256: str = ""
    counts: dict[bytes, int] = field(default_factory=dict)
    is_utf8: bool = True
    tail: bytes = b""
    size: int = 0

    @property
    def ends_with_line(self) -> bool:
        """Whether the last line is finished."""
        return self.tail[-1:] in (b"\n", b"\r", b"")

    @property
    def blank_lines_at_end(self) -> int:
        """How many empty lines follow the last row."""
        ends = len(self.tail) - len(self.tail.rstrip(b"\r\n"))
        return max(0, self.tail[len(self.tail) - ends :].count(b"\n") - 1)


def scan(path: Path, patterns: Sequence[bytes] = (), stopped: threading.Event | None = None) -> Scan:
    """Read a file once and count `patterns` (and line feeds); `stopped` ends it early."""
    found = Scan(counts=dict.fromkeys((b"\n", *patterns), 0))
    digest = hashlib.sha256()
    decoder = codecs.getincrementaldecoder("utf-8")()
    rest = b""
    keep = max(map(len, found.counts)) - 1
    with path.open("rb") as file:
        while (block := file.read(_BLOCK)) and not (stopped is not None and stopped.is_set()):
            digest.update(block)
            found.size += len(block)
            whole = rest + block
            found.tail = whole[-_TAIL:]
            _tally(found.counts, whole, len(rest))
            rest = whole[-keep:] if keep else b""
            if found.is_utf8 and not block.isascii():
                found.is_utf8 = _decodes(decoder, block)
    found.is_utf8 = found.is_utf8 and _decodes(decoder, b"", final=True)
    found.sha256 = digest.hexdigest()
    return found


def _tally(counts: dict[bytes, int], whole: bytes, n_seen: int) -> None:
    """Add how often each pattern ends behind the first `n_seen` bytes, which were gone through before."""
    cells = np.frombuffer(whole, np.uint8)
    marks: dict[int, np.ndarray] = {}

    def found(byte: int) -> np.ndarray:
        # Comparing a block in the cache takes a third of the time of counting a frequent byte in the text.
        if byte not in marks:
            marks[byte] = cells == byte
        return marks[byte]

    for pattern in counts:
        begin = max(0, n_seen - len(pattern) + 1)
        if len(pattern) == 1:
            if pattern == b"\n" or pattern in whole:
                counts[pattern] += int(np.count_nonzero(found(pattern[0])[begin:]))
        else:
            n_pairs = int(np.count_nonzero(found(pattern[0])[begin:-1] & found(pattern[1])[begin + 1 :]))
            counts[pattern] += n_pairs if len(pattern) == 2 or not n_pairs else whole.count(pattern, begin)


@dataclass(frozen=True)
class CleanFile:
    """A file that DuckDB reads as it is. `blank` are those of the doubtful columns that hold nothing at all."""

    n_rows: int
    blank: tuple[int, ...]
    scan: Scan


class Presumption:
    """A file that looks clean, while its bytes are gone through by a thread of their own.

    `shape` is the number of columns and of leading lines to skip.
    """

    def __init__(self, path: Path, syntax: Syntax, shape: tuple[int, int], has_quotes: bool) -> None:
        self._path, self._syntax, self._shape = path, syntax, shape
        width, skip = shape
        with path.open("rb") as file:
            self._heading = b"".join(file.readline() for _ in range(skip)) or file.readline()
        self._end = b"\r\n" if self._heading.endswith(b"\r\n") else b"\n"
        self._delimiter, self._quote = delimiter, quote = syntax.delimiter.encode(), syntax.quote.encode()
        pair = [delimiter + self._end, delimiter + quote * 2 + self._end]
        self._tails = pair if has_quotes else pair[:1]
        self.needs_last_cells = has_quotes
        self._blank_row = b"\n" + delimiter * (width - 1) + self._end
        self._found: list[Scan] = []
        self._stopped = threading.Event()
        self._scanning = threading.Thread(target=self._go_through)
        self._scanning.start()

    def seen(self) -> Scan:
        """What the bytes say, once all of them were gone through."""
        self._scanning.join()
        return self._found[0]

    def stop(self) -> None:
        """Nobody wants to know any more."""
        self._stopped.set()
        self._scanning.join()

    def counted(self, doubtful: Sequence[int] = ()) -> tuple[int, ...] | None:
        """Rows, cells in the last column and in the doubtful ones, as DuckDB parses the file; None where it cannot."""
        return _count(self._path, self._syntax, self._shape, doubtful)

    def proves(self, counted: tuple[int, ...] | None) -> bool:
        """Whether the file is clean, given how many rows and (with quotes only) filled last cells were parsed."""
        seen, (width, skip) = self.seen(), self._shape
        if counted is None or seen.counts[self._blank_row]:
            return False
        if not seen.counts[self._quote]:
            n_delimiters = seen.counts[self._delimiter] - self._heading.count(self._delimiter) * (skip > 0)
            return n_delimiters == counted[0] * (width - 1) and _is_proved(seen, counted[0], skip, self._end)
        n_rows, n_last, *_ = counted if len(counted) > 1 else self.counted() or (0, 0)
        in_heading = sum(self._heading.count(tail) for tail in self._tails) * (skip > 0)
        cut_short = seen.tail[-1:] == self._delimiter
        ends_blank = sum(seen.counts[tail] for tail in self._tails) - in_heading + cut_short
        nothing_forgiven = width == 1 or ends_blank == n_rows - n_last
        return nothing_forgiven and _is_proved(seen, n_rows, skip, self._end)

    def _go_through(self) -> None:
        rare = [b"\r", b"\0", self._quote, *{self._end} - {b"\n"}]
        patterns = [*rare, self._delimiter, self._blank_row, *self._tails]
        self._found.append(scan(self._path, patterns, self._stopped))


def presumed(path: Path, syntax: Syntax, shape: tuple[int, int], has_quotes: bool) -> Presumption | None:
    """The file as one that may be clean; None where that cannot be told of such a file."""
    if len(syntax.delimiter.encode()) != 1 or syntax.wrapped or syntax.line_end != "\n" or not syntax.quote:
        return None
    return Presumption(path, syntax, shape, has_quotes)


def check(
    path: Path, syntax: Syntax, shape: tuple[int, int], doubtful: Sequence[int], has_quotes: bool
) -> tuple[CleanFile | None, Scan | None]:
    """Proof that a file is clean, None when it is not (or when that cannot be told); and what the bytes say.

    `shape` is the number of columns and of leading lines to skip; `doubtful` columns are looked at for any value.
    """
    presumption = presumed(path, syntax, shape, has_quotes)
    if presumption is None:
        return None, None
    counted = presumption.counted(doubtful)
    seen = presumption.seen()
    if not presumption.proves(counted):
        return None, seen
    blank = tuple(index for index, n in zip(doubtful, counted[2:], strict=True) if not n)
    return CleanFile(counted[0], blank, seen), seen


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


def _count(path: Path, syntax: Syntax, shape: tuple[int, int], doubtful: Sequence[int]) -> tuple[int, ...] | None:
    width, skip = shape
    counts = ", ".join(f"count(c{index})" for index in (width - 1, *doubtful))
    statement = ("SELECT count(*),", counts, "FROM read_csv(", read_arguments(path, syntax, width, skip), ")")
    with duckdb.connect() as connection:
        try:
            return connection.execute(" ".join(statement)).fetchone()
        except duckdb.Error:
            return None


def _is_proved(seen: Scan, n_rows: int, skip: int, end: bytes) -> bool:
    counts = seen.counts
    n_lines = counts[b"\n"] + (0 if seen.ends_with_line else 1) - seen.blank_lines_at_end
    is_uniform = counts[b"\r"] == (counts[end] if end != b"\n" else 0) and counts[end] == counts[b"\n"]
    one_row_per_line = n_lines == n_rows + skip and n_rows > 0
    return seen.is_utf8 and counts[b"\0"] == 0 and is_uniform and one_row_per_line


def _decodes(decoder: codecs.IncrementalDecoder, block: bytes, final: bool = False) -> bool:
    try:
        decoder.decode(block, final)
    except UnicodeDecodeError:
        return False
    return True
