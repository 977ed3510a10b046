"""What happened when: campaigns, releases, holidays, incidents; the marks that a chart over time carries."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

from ops_core.errors import QueryError

KINDS = ("campaign", "release", "holiday", "workday", "incident", "other")
LONGEST_TEXT = 80


@dataclass(frozen=True, order=True)
class Annotation:
    """A remark on one day or several.

    Attributes:
        first_day, last_day: local days, both inclusive.
        kind: one of `KINDS`; `workday` is a Saturday or Sunday that is worked in exchange for a day off (调休).
        text: up to 80 characters.

    Raises:
        QueryError: an unknown kind, no text or too long a one, or a last day before the first.
    """

    first_day: dt.date
    last_day: dt.date
    kind: str
    text: str

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise QueryError("annotation_kind", value=self.kind, allowed=list(KINDS))
        text = " ".join(self.text.split())
        if not 0 < len(text) <= LONGEST_TEXT:
            raise QueryError("annotation_text", day=self.first_day.isoformat(), n=len(text), limit=LONGEST_TEXT)
        if self.last_day < self.first_day:
            raise QueryError("annotation_days", text=text, first=self.first_day, last=self.last_day)
        object.__setattr__(self, "text", text)

    def touches(self, first: dt.date, last: dt.date) -> bool:
        """Whether any of its days lies from `first` to `last`, both inclusive."""
        return self.first_day <= last and self.last_day >= first


def in_order(annotations: Iterable[Annotation]) -> tuple[Annotation, ...]:
    """By first day, without repeats."""
    return tuple(sorted(set(annotations)))
