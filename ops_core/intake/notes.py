"""What intake says about a file: notes (choices and warnings) and rejected rows. Words come from the catalogue."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import pandas as pd

from ops_core.locale import Translator

SHOWN_CHARACTERS = 500


@dataclass(frozen=True)
class Note:
    """One decision or warning; the sentence is `intake.note.<code>`. `level` is `info` or `warning`."""

    code: str
    values: Mapping[str, object] = field(default_factory=dict)
    level: str = "info"

    def sentence(self, t: Translator) -> str:
        """The note in the reader's language."""
        return t(f"intake.note.{self.code}", **shown_values(self.values, t))


def warning(code: str, **values: object) -> Note:
    """A note that a person should read before trusting the numbers."""
    return Note(code, values, "warning")


def info(code: str, **values: object) -> Note:
    """A note that explains a choice."""
    return Note(code, values)


@dataclass(frozen=True)
class Reject:
    """A row that cannot be placed. `line` is the physical line (sheet row in a workbook) where it begins.

    The sentence is `intake.reject.<code>`, what to do is `intake.remedy.<code>`; `raw` is the whole source text.
    """

    line: int
    code: str
    raw: str
    column: str | None = None
    values: Mapping[str, object] = field(default_factory=dict)

    def reason(self, t: Translator) -> str:
        """What is wrong with the row."""
        return t(f"intake.reject.{self.code}", **shown_values(self.values, t))

    def remedy(self, t: Translator) -> str:
        """What a person can do about it."""
        return t(f"intake.remedy.{self.code}")


def reject_table(rejects: Iterable[Reject], t: Translator) -> pd.DataFrame:
    """Rejected rows to show or download: line, column, value, reason, remedy (texts; column may be None)."""
    rows = [(r.line, r.column, r.raw[:SHOWN_CHARACTERS], r.reason(t), r.remedy(t)) for r in rejects]
    return pd.DataFrame(rows, columns=["line", "column", "value", "reason", "remedy"])


def shown_values(values: Mapping[str, object], t: Translator) -> dict[str, object]:
    """Values as they stand in a sentence: lists joined, shares as percentages, counts with separators."""
    # The count named `n` chooses the plural, so it stays a number.
    return {name: value if name == "n" else _shown(value, t) for name, value in values.items()}


def _shown(value: object, t: Translator) -> object:
    if isinstance(value, (list, tuple)):
        return t.join([str(item) for item in value])
    if isinstance(value, float):
        return t.share(value)
    return t.number(value) if isinstance(value, int) and not isinstance(value, bool) else value
