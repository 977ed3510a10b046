"""How a text file is written: delimiter, quote, escape, line ends. Decided by consistency, never by a parameter.

Each possible syntax reads the sample; the one wins under which most lines have the same number of cells and the cells
look like single values (numbers, dates, words) rather than like text with delimiters left in it. Every choice carries
its evidence and can be overridden.
"""

from __future__ import annotations

import io
import itertools
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from ops_core.intake.notes import shown_values
from ops_core.intake.shapes import shape
from ops_core.intake.tokenize import Lines, Record, Syntax, Tokenizer
from ops_core.locale import Translator

SAMPLE_RECORDS = 2000
_SCORED_RECORDS = 400
# How believable a delimiter is before anything is read.
_PRIORS = {",": 1.0, "\t": 1.0, ";": 1.0, "|": 0.98, "\x01": 1.0, "||": 1.0, "~": 0.9, "^": 0.9, "\x1f": 1.0, " ": 0.7}
_WHITESPACE = "whitespace"
_PRIOR_OF_BLANKS = 0.68
_SINGLE_COLUMN_SCORE = 0.25
_SEP_LINE = re.compile(r'\s*"?sep=(?P<delimiter>[^"\r\n]{1,2})"?\s*(\r\n|\r|\n)', re.IGNORECASE)
_SHAPE_WEIGHTS = {"text": 0.3, "word": 0.9, "code": 0.9, "empty": 0.9}


@dataclass(frozen=True)
class Choice:
    """One structural decision: what was chosen, how sure (0–1) and why (`intake.evidence.<code>` with values)."""

    name: str
    value: str
    confidence: float
    code: str
    values: Mapping[str, object] = field(default_factory=dict)

    def evidence(self, t: Translator) -> str:
        """Why, in the reader's language."""
        return t(f"intake.evidence.{self.code}", **shown_values(self.values, t))


@dataclass(frozen=True)
class Dialect:
    """How the file is written, with the evidence for each choice. `skip_lines` leading lines are only a `sep=` line."""

    encoding: str
    syntax: Syntax
    choices: tuple[Choice, ...] = ()
    skip_lines: int = 0

    def with_choice(self, choice: Choice) -> Dialect:
        """The same dialect with one more documented choice."""
        return replace(self, choices=(*self.choices, choice))


@dataclass(frozen=True)
class _Candidate:
    syntax: Syntax
    score: float
    width: int
    share: float


def line_end(text: str) -> str:
    """`\\n` (also for CR LF), `\\r`, or `any` when lines truly end in different ways."""
    feeds = text.count("\n")
    lone = text.count("\r") - text.count("\r\n")
    if feeds == 0:
        return "\r" if lone else "\n"
    outside = re.sub(r'"[^"]*"', "", text)
    lone = outside.count("\r") - outside.count("\r\n")
    return "any" if lone * 10 >= feeds else "\n"


def open_lines(text: str, ending: str) -> Lines:
    """The lines of a text in memory."""
    return Lines(io.StringIO(text, newline="" if ending == "any" else ending).readline)


def read_all(text: str, syntax: Syntax, limit: int = SAMPLE_RECORDS, width: int | None = None) -> list[Record]:
    """The first `limit` records of a text."""
    return list(itertools.islice(Tokenizer(syntax, width).records(open_lines(text, syntax.line_end)), limit))


def sniff(sample: str, encoding: str, delimiter: str | None = None, quote: str | None = None) -> Dialect:
    """The dialect of a sample of text that ends with a whole line; `delimiter` and `quote` override the evidence."""
    ending = line_end(sample)
    announced = _SEP_LINE.match(sample)
    body = sample[announced.end() :] if announced else sample
    choices = [_ending_choice(sample, ending)]
    wrapped = _is_wrapped(body, ending)
    if announced and delimiter is None:
        delimiter = announced["delimiter"].replace("\\t", "\t")
    candidates = _candidates(body, ending, delimiter, quote, wrapped)
    best = max(candidates, key=lambda candidate: candidate.score)
    others = [item.score for item in candidates if item.syntax.delimiter != best.syntax.delimiter]
    margin = best.score - max(others, default=0.0)
    chosen = delimiter is not None
    code = "sep_line" if announced else "chosen" if chosen else "consistent" if best.width > 1 else "one_column"
    values = {"width": best.width, "share": best.share}
    confidence = 1.0 if chosen else min(1.0, 0.5 + margin)
    choices.append(Choice("delimiter", best.syntax.delimiter, confidence, code, values))
    choices.append(_quote_choice(best.syntax, body))
    if wrapped:
        choices.append(Choice("wrapped", "yes", 1.0, "wrapped"))
    return Dialect(encoding, best.syntax, tuple(choices), 1 if announced else 0)


def _candidates(body: str, ending: str, delimiter: str | None, quote: str | None, wrapped: bool) -> list[_Candidate]:
    delimiters = [delimiter] if delimiter else [mark for mark in _PRIORS if mark in body]
    if delimiter is None and re.search(r"[ \t]{2,}|^ ", body, re.MULTILINE):
        delimiters.append(_WHITESPACE)
    found = []
    for mark in delimiters:
        for variant in _spaced(body, mark) if delimiter is None else (mark,):
            sign = _quote_of(body, mark) if quote is None else quote
            syntax = Syntax(variant, sign, _escape_of(body, sign), ending, wrapped)
            found.append(_scored(body, syntax))
    if not found or delimiter is None:
        sign = _quote_of(body, "\n") if quote is None else quote
        found.append(_Candidate(Syntax(",", sign, _escape_of(body, sign), ending), _SINGLE_COLUMN_SCORE, 1, 1.0))
    return found


def _spaced(body: str, mark: str) -> tuple[str, ...]:
    """A delimiter that is always followed by a blank is two characters long."""
    outside = re.sub(r'"[^"]*"', "", body[:200_000])
    total = outside.count(mark)
    if mark in ",;|" and total and outside.count(mark + " ") >= 0.97 * total:
        return (mark + " ", mark)
    return (mark,)


def _scored(body: str, syntax: Syntax) -> _Candidate:
    records = read_all(body, syntax, _SCORED_RECORDS)
    rows = [record.cells for record in records if record.cells]
    counts = Counter(len(cells) for cells in rows)
    wide = {width: count for width, count in counts.items() if width > 1}
    if not wide:
        return _Candidate(syntax, 0.0, 1, 1.0)
    width = max(wide, key=lambda key: (wide[key] * (2 - 1 / key), key))
    share = wide[width] / len(rows)
    cells = list(itertools.islice((cell for row in rows if len(row) == width for cell in row), 3000))
    # Quote marks left in cells mean that the quote or the delimiter is wrong.
    leftovers = sum(1 for cell in cells if syntax.quote and cell.count(syntax.quote) % 2) / len(cells)
    likeness = sum(_SHAPE_WEIGHTS.get(shape(cell), 1.0) for cell in cells) / len(cells)
    prior = _PRIORS.get(syntax.delimiter[0] if len(syntax.delimiter) == 2 else syntax.delimiter, 1.0)
    prior = _PRIOR_OF_BLANKS if syntax.delimiter == _WHITESPACE else prior
    bonus = 1.02 if len(syntax.delimiter) == 2 else 1.0
    blank = sum(not cell for cell in cells) / len(cells)
    if syntax.delimiter == " ":
        prior *= 1 - blank
    doubled = 0.5 if blank > 0.4 and syntax.delimiter + syntax.delimiter in _PRIORS else 1.0
    # A first row of another width speaks against a syntax: it is the heading more often than a title.
    few = 0.5 if len(rows) <= 2 and share < 1.0 else 0.65 if len(rows[0]) != width else 1.0
    score = prior * bonus * share**1.5 * likeness * (1 - leftovers) * (1.3 - 1 / width) * doubled * few
    return _Candidate(syntax, score, width, share)


def _quote_of(body: str, mark: str) -> str:
    """The quote sign: the one that stands at both ends of cells. Double quotes unless only apostrophes do.

    None at all where most rows have a mark that closes in the middle of a cell (`"vi"ew`) or never (`"view`) and none
    at its end: there it is text.
    """
    head = body[:200_000]
    edge = r"[ \t]+" if mark == _WHITESPACE else re.escape(mark)
    counts = {
        sign: len(re.findall(rf"(?:^|{edge}) ?{sign}[^{sign}\r\n]*{sign}(?={edge}|\s*$)", head, re.MULTILINE))
        for sign in ('"', "'")
    }
    lines = head.count("\n") + head.count("\r") + 1
    inside = len(re.findall(rf'^(?:[^"\r\n]*{edge})?"[^"\r\n]*"(?!"|{edge}|\s*$)', head, re.MULTILINE))
    never = len(re.findall(rf'^[^"\r\n]*{edge}"[^"\r\n]*$', head, re.MULTILINE))
    if counts['"'] == 0 and 2 * max(inside, never) > lines:
        return ""
    return "'" if counts['"'] == 0 and counts["'"] >= max(2, lines // 20) else '"'


def _escape_of(body: str, quote: str) -> str:
    if not quote:
        return quote
    head = body[:1_000_000]
    inside = len(re.findall(rf"\\{quote}(?![,;|\t]?\s*[\r\n])", head))
    doubled = len(re.findall(rf"[^,;|\t\r\n]{quote}{quote}[^,;|\t\r\n]", head))
    return "\\" if inside > doubled else quote


def _is_wrapped(body: str, ending: str) -> bool:
    """Whether every line is one quoted cell that holds a whole row."""
    lines = [line.rstrip("\r\n") for line in body[:100_000].split("\r" if ending == "\r" else "\n")[:200]]
    lines = [line for line in lines if line.strip()]
    if len(lines) < 2:
        return False
    inner = [line[1:-1] for line in lines if len(line) > 2 and line[0] == line[-1] == '"']
    if len(inner) < 0.95 * len(lines):
        return False
    bare = [re.sub(r'""', "", text) for text in inner]
    if any('"' in text for text in bare):
        return False
    return any(_all_have(bare, mark) for mark in (",", ";", "\t", "|"))


def _all_have(texts: Sequence[str], mark: str) -> bool:
    counts = {text.count(mark) for text in texts}
    return len(counts) == 1 and counts != {0}


def _ending_choice(sample: str, ending: str) -> Choice:
    pairs = sample.count("\r\n")
    feeds = sample.count("\n") - pairs
    name = "CR" if ending == "\r" else "mixed" if ending == "any" or (pairs and feeds) else "CRLF" if pairs else "LF"
    return Choice("line_end", name, 1.0, "counted", {"pairs": pairs, "feeds": feeds})


def _quote_choice(syntax: Syntax, body: str) -> Choice:
    count = body.count(syntax.quote) if syntax.quote else 0
    value = syntax.quote + (" \\" if syntax.escape == "\\" else "")
    return Choice("quote", value, 1.0 if count else 0.5, "quotes_found" if count else "no_quotes", {"count": count})
