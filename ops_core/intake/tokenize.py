"""Text to rows of cells, each with the physical line where it begins.

A reader of delimited text is judged by what it does when quotes go wrong. Here a quoted cell may run over line ends
only while the lines it swallows are not good rows on their own; a stray quote costs at most its own line. Nothing is
guessed silently: a row comes out clean, repaired (with a code that says how) or as a problem.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ops_core.errors import IntakeError

LONGEST_LINE = 16_000_000
_LONGEST_RECORD_LINES = 500
_MOST_QUOTES = 200
_MOST_READINGS = 64
_MOST_STEPS = 5000
_WHITESPACE = "whitespace"


@dataclass(frozen=True)
class Syntax:
    """How cells are written.

    `delimiter` is the text between cells, or `whitespace` for runs of blanks (leading ones ignored). `quote` may be
    empty; `escape` is the quote itself (doubled) or a backslash. `wrapped` means that every whole line is quoted once
    more. `line_end` is `\\n` (with or without a preceding CR), `\\r` or `any`.
    """

    delimiter: str = ","
    quote: str = '"'
    escape: str = '"'
    line_end: str = "\n"
    wrapped: bool = False


class Record(NamedTuple):
    """One row as found: `cells` is None when it could not be read; `code` names a problem or a repair."""

    line: int
    cells: list[str] | None
    raw: str
    code: str | None = None


class Lines:
    """Lines of an open text file with their numbers, and a look ahead."""

    def __init__(self, readline: Callable[[int], str]) -> None:
        self._readline = readline
        self._ahead: list[str] = []
        self.number = 0

    def next(self) -> str:
        """The next line with its end; empty at the end of the file."""
        self.number += 1
        return self._ahead.pop(0) if self._ahead else self._read()

    def peek(self, distance: int) -> str:
        """The line `distance` (from 0) after the present one, without moving."""
        while len(self._ahead) <= distance:
            line = self._read()
            if not line:
                return ""
            self._ahead.append(line)
        return self._ahead[distance]

    def skip(self, count: int) -> None:
        """Step over lines that were peeked at."""
        del self._ahead[:count]
        self.number += count

    def _read(self) -> str:
        line = self._readline(LONGEST_LINE)
        if len(line) >= LONGEST_LINE:
            raise IntakeError("line_too_long", line=self.number + len(self._ahead), limit=LONGEST_LINE)
        return line


class Tokenizer:
    """Reads records of one syntax. `width` (once known) and `fits` let it judge doubtful quotes."""

    def __init__(
        self,
        syntax: Syntax,
        width: int | None = None,
        fits: Callable[[Sequence[str]], bool] | None = None,
        keep_open_quotes: bool = False,
    ) -> None:
        self.syntax = syntax
        self._keep_open = keep_open_quotes
        self.width = width
        self._fits = fits
        self._split = _splitter(syntax)
        self._grammar = grammar(syntax) if syntax.quote else None

    def records(self, lines: Lines) -> Iterator[Record]:
        """Every non-blank record; blank lines come as records without cells and code `blank`."""
        quote = self.syntax.quote
        while line := lines.next():
            number = lines.number
            text = line.rstrip("\r\n")
            if not text or text.isspace():
                yield Record(number, None, text, "blank")
            elif "\0" in text or "\ufffd" in text:
                yield self._damaged(text, number)
            elif self.syntax.wrapped:
                yield self._wrapped(text, number)
            elif not quote or quote not in text:
                yield Record(number, self._split(text), text)
            else:
                yield self._quoted(line, text, number, lines)

    def parse_line(self, text: str) -> list[str] | None:
        """The cells of one whole line, None when its quotes do not close."""
        if self._grammar is None or self.syntax.quote not in text:
            return self._split(text)
        return self._grammar.strict(text)

    def _damaged(self, text: str, number: int) -> Record:
        if "\ufffd" in text:
            return Record(number, None, text, "bad_characters")
        cleaned = text.replace("\0", "")
        cells = self.parse_line(cleaned)
        if cells is None or (self.width is not None and len(cells) != self.width):
            return Record(number, None, text, "zero_bytes")
        return Record(number, cells, text, "zero_bytes_removed")

    def _wrapped(self, text: str, number: int) -> Record:
        quote = self.syntax.quote
        if len(text) > 1 and text[0] == quote and text[-1] == quote:
            inner = text[1:-1].replace(quote * 2, quote)
            return Record(number, self.parse_line(inner), text)
        return Record(number, self.parse_line(text), text)

    def _quoted(self, line: str, text: str, number: int, lines: Lines) -> Record:
        grammar = self._grammar
        cells = grammar.strict(text)
        if cells is not None and (self.width is None or len(cells) == self.width):
            if self.width is not None and _looks_glued(cells, self.syntax.quote):
                return Record(number, None, text, "unclear_quotes")
            # By the rules quotation marks come in pairs; an odd one stands inside an unquoted cell.
            is_odd = self.syntax.escape == self.syntax.quote and text.count(self.syntax.quote) % 2
            return Record(number, cells, text, "stray_quote_kept" if is_odd else None)
        if cells is None:
            joined = self._over_lines(line, lines)
            if joined is not None:
                return Record(number, joined[0], joined[1])
        return self._lenient(text, number, cells)

    def _over_lines(self, line: str, lines: Lines) -> tuple[list[str], str] | None:
        """A record that goes on over line ends, unless it would swallow good rows."""
        if self.width == 1 or not self._grammar.is_open(line.rstrip("\r\n")):
            return None
        text = line
        for distance in range(_LONGEST_RECORD_LINES):
            following = lines.peek(distance)
            if not following or self._is_good_row(following.rstrip("\r\n")):
                break
            text += following
            if len(text) > LONGEST_LINE:
                break
            if self.syntax.quote not in following:
                continue
            whole = text.rstrip("\r\n")
            cells = self._grammar.strict(whole)
            if cells is None and self._grammar.is_open(whole):
                continue
            if cells is None or (self.width is not None and len(cells) != self.width):
                break
            lines.skip(distance + 1)
            return cells, whole
        return None

    def _is_good_row(self, text: str) -> bool:
        if self.width is None or self.width < 2:
            return False
        cells = self.parse_line(text)
        if cells is None or len(cells) != self.width or any(self.syntax.quote in cell for cell in cells):
            return False
        return self._fits(cells) if self._fits else self.width > 2

    def _lenient(self, text: str, number: int, strict: list[str] | None) -> Record:
        """A line whose quotes break the rules: taken when exactly one reading has the right width."""
        if self.width is None:
            return Record(number, strict if strict is not None else self._split(text), text)
        readings = self._grammar.readings(text, self.width)
        if len(readings) > 1 and self._fits:
            readings = [cells for cells in readings if self._fits(cells)] or readings
        if readings:
            return Record(number, *self._only(readings, text, ("stray_quote_kept", "unclear_quotes")))
        if strict is not None:
            return Record(number, strict, text)
        split = self._split(text)
        kept = self._keep_open and len(split) == self.width and (not self._fits or self._fits(split))
        kept = kept and sum(self.syntax.quote in cell for cell in split) == 1
        return Record(number, split if kept else None, text, "open_quote_kept" if kept else "unclosed_quote")

    @staticmethod
    def _only(readings: list[list[str]], text: str, codes: tuple[str, str]) -> tuple[list[str] | None, str, str]:
        return (readings[0], text, codes[0]) if len(readings) == 1 else (None, text, codes[1])


class Grammar:
    """The two ways to read a line with quotes: by the rules, and by every way that the rules could have been broken."""

    def __init__(self, syntax: Syntax) -> None:
        quote, delimiter = re.escape(syntax.quote), _delimiter_pattern(syntax)
        inside = rf"(?:[^{quote}]++|{quote}{quote})"
        if syntax.escape == "\\":
            inside = rf"(?:[^{quote}\\]++|\\.|{quote}{quote})"
        # Possessive repeats: a long cell must not be tried again character by character.
        ends = rf"(?={delimiter}|\Z)"
        plain = rf"(?!{quote})(?:(?!{delimiter}).)*+"
        if len(syntax.delimiter) == 1:
            plain = rf"(?!{quote})[^{delimiter}]*+"
        self._cell = re.compile(rf"{quote}({inside}*+){quote}{ends}|({plain}){ends}", re.DOTALL)
        self._opening = re.compile(rf"{quote}{inside}*+\Z", re.DOTALL)
        self._delimiter = re.compile(delimiter)
        self._closing = re.compile(rf"{quote}(?={delimiter}|\Z)")
        self._syntax = syntax
        self._steps = 0

    def strict(self, text: str) -> list[str] | None:
        """The cells by the rules, None when the rules are broken. A quote inside an unquoted cell is text."""
        cells, position = [], self._start(text)
        match_cell, match_delimiter = self._cell.match, self._delimiter.match
        while True:
            cell = match_cell(text, position)
            if cell is None:
                return None
            quoted = cell[1]
            cells.append(cell[2] if quoted is None else self._unescaped(quoted))
            position = cell.end()
            if position == len(text):
                return cells
            position = match_delimiter(text, position).end()

    def is_open(self, text: str) -> bool:
        """Whether the text ends inside a quoted cell."""
        position = self._start(text)
        while (cell := self._cell.match(text, position)) is not None:
            if cell.end() == len(text):
                return False
            position = self._delimiter.match(text, cell.end()).end()
        return self._opening.match(text, position) is not None

    def readings(self, text: str, width: int) -> list[list[str]]:
        """Every way to cut a line into `width` cells in which quotes inside cells are text; at most a handful."""
        if text.count(self._syntax.quote) > _MOST_QUOTES:
            return []
        found: list[list[str]] = []
        self._steps = 0
        self._extend(text, self._start(text), width, [], found)
        if self._steps > _MOST_STEPS:
            return []
        unique = {tuple(cells) for cells in found}
        return [list(cells) for cells in sorted(unique)]

    def _extend(self, text: str, position: int, left: int, cells: list[str], found: list[list[str]]) -> None:
        self._steps += 1
        if len(found) >= _MOST_READINGS or self._steps > _MOST_STEPS or left == 0:
            return
        for cell, end in self._candidates(text, position):
            if end == len(text):
                if left == 1:
                    found.append([*cells, cell])
            elif left > 1:
                self._extend(text, self._delimiter.match(text, end).end(), left - 1, [*cells, cell], found)

    def _candidates(self, text: str, position: int) -> Iterator[tuple[str, int]]:
        """A quoted cell ends at any quote before a delimiter; an unquoted one at the next delimiter."""
        quote = self._syntax.quote
        if not text.startswith(quote, position):
            end = self._delimiter.search(text, position)
            stop = end.start() if end else len(text)
            yield text[position:stop], stop
            return
        for closing in self._closing.finditer(text, position + len(quote)):
            yield self._unescaped(text[position + len(quote) : closing.start()]), closing.end()

    def _start(self, text: str) -> int:
        if self._syntax.delimiter != _WHITESPACE:
            return 0
        return len(text) - len(text.lstrip(" \t"))

    def _unescaped(self, inner: str) -> str:
        quote = self._syntax.quote
        if self._syntax.escape == "\\" and "\\" in inner:
            inner = re.sub(rf"\\([\\{re.escape(quote)}])", r"\1", inner)
        return inner.replace(quote * 2, quote) if quote * 2 in inner else inner


def _looks_glued(cells: Sequence[str], quote: str) -> bool:
    """Whether a quoted cell seems to have been cut up because text was glued to its front (`Office"lamp, set"`)."""
    odd = [cell for cell in cells if cell.count(quote) % 2]
    return len(odd) > 1 and not odd[0].endswith(quote) and any(cell.endswith(quote) for cell in odd[1:])


@functools.lru_cache(maxsize=64)
def grammar(syntax: Syntax) -> Grammar:
    """The compiled grammar of a syntax."""
    return Grammar(syntax)


def _delimiter_pattern(syntax: Syntax) -> str:
    return "[ \\t]+" if syntax.delimiter == _WHITESPACE else re.escape(syntax.delimiter)


def _splitter(syntax: Syntax) -> Callable[[str], list[str]]:
    if syntax.delimiter == _WHITESPACE:
        return str.split
    delimiter = syntax.delimiter
    return lambda text: text.split(delimiter)
