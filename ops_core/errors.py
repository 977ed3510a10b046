"""Errors a person can act on.

    OpsError
    ├── IntakeError   a file or table cannot be taken as it is     (also a ValueError)
    ├── QueryError    a question that has no answer as it is asked (also a ValueError)
    ├── StoreError    the workspace file cannot be used            (also a RuntimeError)
    └── EngineError   a query could not be run                     (also a RuntimeError)

Each carries a code and its values; the sentence comes from the message catalogue (`error.<code>`) and says what was
wrong, what was found and what would work. Bad rows are no exceptions: they are the intake report's quarantine.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ops_core.locale import Translator, translator


@dataclass(frozen=True)
class Phrase:
    """A value of an error that is itself a message: a catalogue key and its values, put into the reader's language."""

    key: str
    values: Mapping[str, object] = field(default_factory=dict)


class OpsError(Exception):
    """The family of everything OpsDeck refuses on purpose.

    `code` names the sentence in the catalogue; `values` are its placeholders and also readable as attributes.
    """

    def __init__(self, code: str, **values: object) -> None:
        super().__init__(code)
        self.code = code
        self.values = values

    def __getattr__(self, name: str) -> object:
        try:
            return self.__dict__["values"][name]
        except KeyError:
            raise AttributeError(name) from None

    def __reduce__(self) -> tuple[object, ...]:
        # Errors cross process borders (files are parsed in a child process); keyword arguments would be lost.
        return (_rebuild, (type(self), self.code, self.values))

    def sentence(self, t: Translator) -> str:
        """What happened, why and what to do, in the reader's language."""
        return t(f"error.{self.code}", **{name: _shown(value, t) for name, value in self.values.items()})

    def __str__(self) -> str:
        return self.sentence(translator("en"))


class IntakeError(OpsError, ValueError):
    """A file or table cannot be taken as it is; nothing was stored."""


class QueryError(OpsError, ValueError):
    """A question has no answer as it is asked."""


class StoreError(OpsError, RuntimeError):
    """The workspace file cannot be opened, written or restored."""


class EngineError(OpsError, RuntimeError):
    """A query was stopped or could not be run."""


def nearest(name: str, candidates: Iterable[str], n: int = 3) -> list[str]:
    """The up to `n` candidates spelled most like `name`, best first; all of them when there are only `n`."""
    known = list(dict.fromkeys(str(candidate) for candidate in candidates))
    folded = {candidate.casefold(): candidate for candidate in reversed(known)}
    close = difflib.get_close_matches(str(name).casefold(), folded, n=n, cutoff=0.45)
    return [folded[key] for key in close] or (known if len(known) <= n else [])


def _rebuild(kind: type[OpsError], code: str, values: dict[str, object]) -> OpsError:
    return kind(code, **values)


def _shown(value: object, t: Translator) -> object:
    if isinstance(value, Phrase):
        return t(value.key, **{name: _shown(part, t) for name, part in value.values.items()})
    if isinstance(value, (list, tuple, set, frozenset)):
        return t.join([str(item) for item in value])
    return value
