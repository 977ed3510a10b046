"""What an import did: every row accounted for, every decision said."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import pandas as pd

from ops_core.intake.meaning import Guess
from ops_core.intake.notes import Note
from ops_core.locale import Translator, translator

PROBLEM_COLUMNS = ("line", "column_name", "value", "reason", "detail")


@dataclass(frozen=True)
class IntakeReport:
    """The account of one import: `rows_read == rows_loaded + rows_duplicate + rows_quarantined`, always.

    `batch_id` is `None` when nothing was stored (the same file was there already: see `same_as_batch`). `problems`
    holds the quarantined rows as codes: line, column_name, value, reason, detail (JSON); `quarantined` says them.
    `duplicates` lists the rows left out because they are there already: line. `n_stored` counts stored rows: fewer
    than `rows_loaded` where order lines became one purchase each. `as_of_us` is the batch's as-of (UTC µs).
    `rows_replaced` counts stored rows of earlier batches that went to make place for this one.
    """

    kind: str
    file_name: str
    rows_read: int
    rows_loaded: int
    rows_duplicate: int
    rows_quarantined: int
    batch_id: int | None
    n_stored: int
    guess: Guess
    notes: tuple[Note, ...]
    problems: pd.DataFrame = field(repr=False, compare=False)
    duplicates: pd.DataFrame = field(repr=False, compare=False)
    same_as_batch: int | None = None
    as_of_us: int | None = None
    rows_replaced: int = 0

    @property
    def quarantined(self) -> pd.DataFrame:
        """Rows that were not loaded, in English: line, column, value, reason, remedy."""
        return self.quarantined_in(translator("en"))

    def quarantined_in(self, t: Translator) -> pd.DataFrame:
        """Rows that were not loaded, in the reader's language: line, column, value, reason, remedy."""
        return told(self.problems, t)

    def sentences(self, t: Translator) -> list[str]:
        """The notes in the reader's language."""
        return [note.sentence(t) for note in self.notes]


def no_problems() -> pd.DataFrame:
    """An empty table of problems."""
    return pd.DataFrame({name: pd.Series(dtype=object) for name in PROBLEM_COLUMNS})


def told(problems: pd.DataFrame, t: Translator) -> pd.DataFrame:
    """Problem codes as sentences: line, column, value, reason, remedy."""
    reasons, remedies = {}, {}
    for reason, detail in problems[["reason", "detail"]].drop_duplicates().itertuples(index=False):
        values = {name: _shown(value, t) for name, value in json.loads(detail).items()}
        reasons[reason, detail] = t(f"intake.reject.{reason}", **values)
        remedies[reason, detail] = t(f"intake.remedy.{reason}", **values)
    keys = list(zip(problems["reason"], problems["detail"], strict=True))
    return pd.DataFrame(
        {
            "line": problems["line"].astype("Int64"),
            "column": problems["column_name"].astype(object),
            "value": problems["value"].astype(object),
            "reason": [reasons[key] for key in keys],
            "remedy": [remedies[key] for key in keys],
        }
    )


def _shown(value: object, t: Translator) -> object:
    if isinstance(value, list):
        return t.join([str(item) for item in value])
    return t.number(value) if isinstance(value, int) and not isinstance(value, bool) else value
