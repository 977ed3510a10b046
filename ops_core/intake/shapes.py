"""What a cell looks like: the cheap evidence behind every structural choice.

A shape is one of `empty integer decimal time email url code boolean word text`. A column's shape is the one that nearly
all its cells share; a header is a row that does not look like its columns.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_NULLS = frozenset(
    {"", "-", "--", "null", "none", "nan", "n/a", "na", "#n/a", "\\n", "(blank)", "(null)", "?", "—", "无", "空"}
)
_BOOLEANS = frozenset({"true", "false", "yes", "no", "是", "否"})
_DATE = (
    r"\d{1,4}[-/.年]\d{1,2}([-/.月]\d{1,4}日?)?([T ]+\d{1,2}([:时]\d{2})?([:分]\d{2}(\.\d+)?秒?)?)?"
    r"\s?(Z|[-+]\d{2}:?\d{2}|[AP]M)?"
)
_CLOCK = r"\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?( ?[AP]M)?"
_PATTERNS = tuple(
    (name, re.compile(pattern, re.IGNORECASE))
    for name, pattern in (
        ("integer", r"[-+]?\d+"),
        (
            "decimal",
            r"[-+−(]?\s?[$€£¥￥]?\s?[-+−]?(\d+|\d{1,3}([,. '\u00a0]\d{3})+)?([.,]\d+)?(e[-+]?\d+)?\s?[%€元万亿]?\)?",
        ),
        (
            "time",
            _DATE + r"|" + _CLOCK,
        ),
        ("email", r"[^@\s]+@[^@\s]+\.[a-z]+"),
        ("url", r"(https?://|www\.)\S+"),
        ("code", r"(?=[^\d]*\d)[\w.:/#+-]+"),
        ("word", r"[^\W\d][\w.'&/-]*"),
    )
)
TYPED = frozenset({"integer", "decimal", "time", "email", "url", "boolean"})
_NUMERIC = frozenset({"integer", "decimal"})
_TOTAL = re.compile(
    r"\W*(grand\s*total|sub-?\s*total|totals?|sum|summe|gesamt|total\s+g[eé]n[eé]ral|итого|合\s*计|总\s*计|小\s*计|汇\s*总"
    r"|總\s*計|合\s*計|小\s*計|総\s*計|합계|총계)\b.*",
    re.IGNORECASE | re.DOTALL,
)
_MOSTLY = 0.9
_ENOUGH_CELLS = 10
_LONGEST_TELLING = 80


def shape(text: str) -> str:
    """The shape of one cell."""
    return _short_shape(text) if len(text) <= _LONGEST_TELLING else "text" if text.strip() else "empty"


@functools.lru_cache(maxsize=1 << 15)
def _short_shape(text: str) -> str:
    stripped = text.strip()
    folded = stripped.casefold()
    if folded in _NULLS:
        return "empty"
    if folded in _BOOLEANS:
        return "boolean"
    return next((name for name, pattern in _PATTERNS if pattern.fullmatch(stripped)), "text")


def is_total(cells: Sequence[str]) -> bool:
    """Whether a row announces a total in its first filled cell."""
    first = next((cell for cell in cells if cell.strip()), "")
    return bool(_TOTAL.fullmatch(first.strip()))


def is_blank(cells: Sequence[str]) -> bool:
    """Whether a row has nothing in it."""
    return not any(cell and not cell.isspace() for cell in cells)


@dataclass(frozen=True)
class Profile:
    """The usual shape of each column (`None`: cells differ or are free text) and the values of columns with few."""

    shapes: tuple[str | None, ...]
    known: tuple[frozenset[str] | None, ...] = ()

    @property
    def typed(self) -> int:
        """How many columns have a telling shape."""
        return sum(found is not None for found in self.shapes)

    def contradictions(self, cells: Sequence[str]) -> int:
        """How many filled cells do not have their column's shape."""
        return sum(
            wanted is not None and not _agrees(shape(cell), wanted)
            for cell, wanted in zip(cells, self.shapes, strict=False)
        )

    def agreements(self, cells: Sequence[str]) -> int:
        """How many filled cells have their column's telling shape."""
        return sum(
            wanted is not None and shape(cell) != "empty" and _agrees(shape(cell), wanted)
            for cell, wanted in zip(cells, self.shapes, strict=False)
        )

    def fits(self, cells: Sequence[str]) -> bool:
        """Whether a row could be one of this table's rows."""
        return len(cells) == len(self.shapes) and 2 * self.contradictions(cells) <= self.typed

    def is_foreign(self, cells: Sequence[str]) -> bool:
        """Whether a row contradicts the telling columns like a heading would: two of them at least, and most."""
        wrong = self.contradictions(cells)
        return wrong >= 2 and wrong > self.agreements(cells)

    def is_unknown(self, cells: Sequence[str]) -> bool:
        """Whether a row has a new value in every one of at least two columns that otherwise repeat a few values."""
        compared = [cell in known for cell, known in zip(cells, self.known, strict=False) if known and cell.strip()]
        return len(compared) >= 2 and not any(compared)


def profile(rows: Sequence[Sequence[str]], width: int) -> Profile:
    """The usual shapes of the columns of rows that all have `width` cells."""
    shapes = tuple(_column_shape(row[index] for row in rows) for index in range(width))
    return Profile(shapes, tuple(_few_values([row[index] for row in rows]) for index in range(width)))


def _few_values(cells: Sequence[str]) -> frozenset[str] | None:
    values = frozenset(cells)
    return values if len(cells) >= _ENOUGH_CELLS and 2 * len(values) <= len(cells) else None


def _column_shape(cells: Iterable[str]) -> str | None:
    counts = Counter(shape(cell) for cell in cells)
    counts.pop("empty", None)
    total = sum(counts.values())
    if not total:
        return None
    numeric = sum(counts[name] for name in _NUMERIC)
    if numeric >= _MOSTLY * total:
        return "integer" if counts["integer"] >= _MOSTLY * total else "decimal"
    name, most = counts.most_common(1)[0]
    return name if name in TYPED and most >= _MOSTLY * total else None


def _agrees(found: str, wanted: str) -> bool:
    return found in ("empty", wanted) or (found in _NUMERIC and wanted in _NUMERIC)
