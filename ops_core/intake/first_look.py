"""The beginning of a text file understood: how it is written, where its table is, whether it looks clean."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path

from ops_core.errors import IntakeError
from ops_core.intake import dialect as dialects
from ops_core.intake.dialect import Choice, Dialect
from ops_core.intake.files import head_text
from ops_core.intake.layout import Layout, find_layout
from ops_core.intake.shapes import is_total
from ops_core.intake.source import SourceOptions
from ops_core.intake.tokenize import Record, Tokenizer

_WIDEST = 5000


def understand(path: Path, encoding: str, options: SourceOptions) -> tuple[Dialect, Layout, list[Record]]:
    """The dialect and layout of the beginning of a file, and the records read there.

    Raises:
        IntakeError: `empty`, `header_only`, `too_many_columns`.
    """
    sample = head_text(path)
    if not sample.strip("\ufeff \t\r\n\0"):
        raise IntakeError("empty")
    dialect = dialects.sniff(sample, encoding, options.delimiter, options.quote)
    lines = dialects.open_lines(sample, dialect.syntax.line_end)
    for _ in range(dialect.skip_lines):
        lines.next()
    first = list(limited(Tokenizer(dialect.syntax).records(lines)))
    width = find_layout(first, options.header_rows, options.header_line).width
    # Once more with the width known: now doubtful quotes in the head are judged like everywhere else.
    lines = dialects.open_lines(sample, dialect.syntax.line_end)
    for _ in range(dialect.skip_lines):
        lines.next()
    records = list(limited(Tokenizer(dialect.syntax, width).records(lines)))
    layout = find_layout(records, options.header_rows, options.header_line, dialect.syntax.delimiter)
    names = ", ".join(name for name in layout.columns[:3])
    code = "no_header" if not layout.header_lines else "header_by_contrast"
    choice = Choice("header", str(len(layout.header_lines)), layout.confidence, code, {"names": names})
    refuse_narrow(layout, records)
    return dialect.with_choice(choice), layout, records


def limited(records: Iterable[Record]) -> list[Record]:
    """As many records as a first look takes."""
    return list(itertools.islice(records, dialects.SAMPLE_RECORDS))


def refuse_narrow(layout: Layout, records: Sequence[Record]) -> None:
    """Refuse a table that is too wide, or has no row below its heading.

    Raises:
        IntakeError: `header_only`, `too_many_columns`.
    """
    if layout.width > _WIDEST:
        raise IntakeError("too_many_columns", columns=layout.width, limit=_WIDEST)
    if layout.header_lines and all(record.line < layout.first_line for record in records if record.code != "blank"):
        raise header_only(layout.columns)


def header_only(columns: Sequence[str]) -> IntakeError:
    """The refusal of a file that has a heading and no rows."""
    return IntakeError("header_only", columns=list(columns[:8]), every_column=list(columns))


def may_be_clean(layout: Layout, records: Sequence[Record], path: Path) -> bool:
    """Whether the head shows nothing that only the general route can deal with."""
    rows = [record for record in records if record.line >= layout.first_line]
    even = all(record.cells is not None and len(record.cells) == layout.width and not record.code for record in rows)
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 4096))
        tail = file.read().decode("utf-8", "replace").splitlines()[-3:]
    return even and not any(is_total([line]) for line in tail)
