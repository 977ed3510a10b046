"""Where the table is inside a file: preamble, comment lines, heading rows, first data row, column names.

A heading is recognised by contrast: its cells do not have the shapes of the columns below it.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ops_core.errors import IntakeError
from ops_core.intake.notes import Note, info, warning
from ops_core.intake.shapes import Profile, is_blank, is_total, profile, shape
from ops_core.intake.tokenize import Record

_PROFILE_ROWS = 500
_MOST_HEADINGS = 4
_ENOUGH_ROWS = 6
_MOST_TITLES = 30  # bills begin with a dozen lines about the account
_OTHER_DELIMITERS = (",", ";", "\t", "|", " ")


@dataclass(frozen=True)
class Layout:
    """The decided place of the table. `first_line` is the line of its first data row; `original` names are as written.

    `columns` are unique and never blank; `skipped` are the records above the table that are no headings.
    """

    width: int
    header_lines: tuple[int, ...]
    first_line: int
    original: tuple[str, ...]
    columns: tuple[str, ...]
    profile: Profile
    header_cells: tuple[str, ...]
    notes: tuple[Note, ...] = ()
    skipped: tuple[Record, ...] = ()
    confidence: float = 1.0


def find_layout(
    records: Sequence[Record],
    header_rows: int | None = None,
    header_line: int | None = None,
    delimiter: str = ",",
) -> Layout:
    """The layout of a file's first records, whose cells are divided by `delimiter`.

    `header_rows` (0 for none) and `header_line` override the evidence.

    Raises:
        IntakeError: `empty` when there is no filled row at all.
    """
    filled = [record for record in records if record.cells and not is_blank(record.cells)]
    if not filled:
        raise IntakeError("empty")
    width = _width(filled)
    start = _first_of_table(records, filled, width, header_line)
    rows = [record for record in filled[start:] if len(record.cells) == width] or filled[start : start + 1]
    typical = _before_gap(rows, records)
    shapes = _shapes_below(typical, width)
    n_headings = _count_headings(rows, shapes) if header_rows is None else min(header_rows, len(rows))
    notes: list[Note] = []
    headings = [record.cells for record in rows[:n_headings]]
    lines = [record.line for record in rows[:n_headings]]
    mended = None
    if n_headings == 0 and header_rows is None:
        above = next((r for r in reversed(records) if r.line < rows[0].line and r.code != "blank"), None)
        mended = above and _mended_heading(above, rows[0], width, delimiter)
    if mended:
        headings, lines, notes = [mended[0]], [above.line], [mended[1]]
    first_line = rows[n_headings].line if len(rows) > n_headings else rows[-1].line + 1
    if lines:
        heading = above if mended else rows[n_headings - 1]
        first_line = heading.line + _height(heading)
    below = [record for record in typical[n_headings:] if not is_total(record.cells)] or typical[n_headings:]
    shapes = profile([record.cells for record in below[:_PROFILE_ROWS]], width)
    skipped = tuple(record for record in records if _is_above(record, first_line, lines))
    found = Layout(width, tuple(lines), first_line, (), (), shapes, tuple(headings[-1]) if headings else ())
    found = replace(found, notes=tuple(notes) + _notes(found, skipped, len(headings)), skipped=skipped)
    return _named(found, headings)


def unique_names(cells: Sequence[str]) -> tuple[tuple[str, ...], tuple[Note, ...]]:
    """Column names from heading cells: trimmed, blanks numbered, repeats counted; and notes about both."""
    names: list[str] = []
    blank: list[str] = []
    repeated: list[str] = []
    taken = {" ".join(cell.split()) for cell in cells}
    seen: Counter[str] = Counter()
    for index, cell in enumerate(cells, 1):
        name = " ".join(cell.replace("\ufeff", "").split())
        if not name:
            name = _free(f"column_{index}", taken)
            blank.append(name)
        elif seen[name]:
            seen[name] += 1
            repeated.append(name)
            name = _free(f"{name}_{seen[name]}", taken)
        seen[name] += 1
        taken.add(name)
        names.append(name)
    notes = [warning("blank_headers", columns=blank)] if blank else []
    notes += [warning("repeated_headers", columns=sorted(set(repeated)))] if repeated else []
    return tuple(names), tuple(notes)


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    return name


def _width(filled: Sequence[Record]) -> int:
    """The width of most rows; between equals the one that comes first. Comment lines do not vote."""
    counts = Counter(len(record.cells) for record in filled if not record.raw.lstrip().startswith("#"))
    if not counts:
        counts = Counter(len(record.cells) for record in filled)
    most = max(counts.values())
    contenders = [width for width, count in counts.items() if count >= 0.8 * most and (width > 1 or count == most)]
    return next(len(record.cells) for record in filled if len(record.cells) in contenders)


def _first_of_table(records: Sequence[Record], filled: Sequence[Record], width: int, header_line: int | None) -> int:
    """Index in `filled` of the first row that belongs to the table."""
    if header_line is not None:
        return next((i for i, record in enumerate(filled) if record.line >= header_line), len(filled) - 1)
    blank_lines = {record.line for record in records if record.cells is None or is_blank(record.cells)}
    start = next(index for index, record in enumerate(filled) if len(record.cells) == width)
    while start + 1 < len(filled) and _is_title(filled, start, width, blank_lines):
        following = next((i for i in range(start + 1, len(filled)) if len(filled[i].cells) == width), None)
        if following is None:
            break
        start = following
    return start


def _is_title(filled: Sequence[Record], start: int, width: int, blank_lines: set[int]) -> bool:
    """A row of a report's title block: nearly empty, with a gap below it or a single cell in a wide table."""
    record, below = filled[start], filled[start + 1 : start + 1 + _MOST_TITLES]
    used = _used(record)
    if width < 3 or 2 * used > width or not any(_used(other) > used for other in below):
        return False
    gap = any(line in blank_lines for line in range(record.line + 1, below[0].line))
    return (gap or used == 1) and shape(record.cells[0]) not in ("integer", "time")


def _used(record: Record) -> int:
    return sum(bool(cell.strip()) for cell in record.cells)


def _before_gap(rows: Sequence[Record], records: Sequence[Record]) -> list[Record]:
    """The rows above the first blank line: what stands below it may be another table. All rows when they are few."""
    blanks = [record.line for record in records if record.cells is None or is_blank(record.cells)]
    gap = next((line for line in blanks if line > rows[0].line), None)
    first = [record for record in rows if gap is None or record.line < gap]
    return first if len(first) >= _ENOUGH_ROWS else list(rows)


def _shapes_below(rows: Sequence[Record], width: int) -> Profile:
    below = rows[3:] if len(rows) >= 8 else rows[1:]
    below = [record for record in below if not is_total(record.cells)] or list(below)
    return profile([record.cells for record in below[:_PROFILE_ROWS]], width)


def _count_headings(rows: Sequence[Record], shapes: Profile) -> int:
    groups = _count_group_rows(rows)
    if groups:
        return groups + 1
    if not _is_heading(rows, shapes):
        return 0
    count = 1
    while count < min(_MOST_HEADINGS, len(rows) - 1) and _follows(rows, count):
        if not shapes.is_foreign(rows[count].cells):
            break
        count += 1
    return count


def _follows(rows: Sequence[Record], index: int) -> bool:
    """Whether a row stands directly below the one before it."""
    return rows[index].line == rows[index - 1].line + _height(rows[index - 1])


def _height(record: Record) -> int:
    return record.raw.count("\n") + 1


def _count_group_rows(rows: Sequence[Record]) -> int:
    """How many rows of group titles stand over a row of full, different names that no row below repeats."""
    count = 0
    while count < min(_MOST_HEADINGS - 1, len(rows) - 3) and _follows(rows, count + 1):
        gaps = len(rows[count].cells) - _used(rows[count])
        if 3 * gaps < len(rows[count].cells):
            break
        count += 1
    if not count:
        return 0
    names = [cell.strip() for cell in rows[count].cells]
    is_full = all(names) and len(set(names)) == len(names)
    plain = all(shape(name) in ("word", "text", "code") for name in names)
    return count if is_full and plain and not _recurs(rows[count], rows[count + 1 :]) else 0


def _is_heading(rows: Sequence[Record], shapes: Profile) -> bool:
    cells = rows[0].cells
    wrong, right = shapes.contradictions(cells), shapes.agreements(cells)
    if _is_year_heading(cells):
        return True
    if len(rows) == 1:
        return not any(shape(cell) in ("integer", "decimal", "time", "email") for cell in cells)
    if wrong != right:
        return wrong > right
    if not any(cell.strip() for cell in cells):
        return False
    names = [cell.strip() for cell in cells if cell.strip()]
    if len(set(names)) < len(names) and len(names) < 3:
        return False
    return not _recurs(rows[0], rows[1:])


def _recurs(record: Record, below: Sequence[Record]) -> bool:
    """Whether a cell turns up again in its own column: names do not, values do."""
    return any(
        cell.strip() and any(other.cells[index] == cell for other in below[:_PROFILE_ROWS])
        for index, cell in enumerate(record.cells)
    )


def _is_year_heading(cells: Sequence[str]) -> bool:
    years = [int(cell) for cell in cells[1:] if cell.strip().isdecimal() and 1900 <= int(cell) <= 2100]
    steps = {b - a for a, b in itertools.pairwise(years)}
    return len(years) >= 2 and len(years) >= len(cells) - 2 and len(steps) == 1 and shape(cells[0]) in ("word", "text")


def _is_above(record: Record, first_line: int, header_lines: Sequence[int]) -> bool:
    """Whether a record is text above the table."""
    if record.code == "blank" or record.line >= first_line or record.line in header_lines:
        return False
    return not (record.cells and is_blank(record.cells))


def _mended_heading(record: Record, first_row: Record, width: int, delimiter: str) -> tuple[list[str], Note] | None:
    """The heading just above the data although its quotes or its number of cells are off by a slip."""
    if record.line + _height(record) != first_row.line or record.raw.lstrip().startswith("#"):
        return None
    if record.cells is None:
        cells = record.raw.split(delimiter)
        return (cells, warning("header_quote", line=record.line)) if len(cells) == width else None
    for other in _OTHER_DELIMITERS:
        cells = [cell.strip().strip("\"'") for cell in record.raw.split(other)]
        if len(cells) == width and _are_names(cells):
            return cells, warning("header_other_delimiter", line=record.line)
    named = [cell for cell in record.cells if cell.strip()]
    if len(record.cells) > width and len(named) == width and _are_names(named):
        return named, warning("header_extra_delimiter", line=record.line)
    if len(record.cells) > 1 and width // 2 < len(record.cells) < width and _are_names(record.cells):
        cells = [*record.cells, *[""] * (width - len(record.cells))]
        return cells, warning("header_short", line=record.line, found=len(record.cells), width=width)
    return None


def _are_names(cells: Sequence[str]) -> bool:
    names = [cell.strip() for cell in cells]
    return len(set(names)) == len(names) and all(shape(name) in ("word", "text", "code") for name in names)


def _notes(found: Layout, skipped: Sequence[Record], n_headings: int) -> tuple[Note, ...]:
    notes: list[Note] = []
    if n_headings == 0:
        notes.append(warning("no_header"))
    elif n_headings > 1:
        notes.append(warning("several_headers", rows=n_headings, line=found.header_lines[-1]))
    comments = [record for record in skipped if record.raw.lstrip().startswith("#")]
    if comments:
        notes.append(info("comments", n=len(comments)))
    if len(skipped) > len(comments):
        first = next(record for record in skipped if record not in comments)
        notes.append(info("preamble", rows=len(skipped) - len(comments), text=first.raw.strip()[:80]))
    return tuple(notes)


def _named(found: Layout, headings: Sequence[Sequence[str]]) -> Layout:
    if not headings:
        original = tuple("" for _ in range(found.width))
        return replace(found, original=original, columns=tuple(f"column_{i}" for i in range(1, found.width + 1)))
    original = tuple(_merged(headings))
    names, notes = unique_names(original)
    return replace(found, original=original, columns=names, notes=found.notes + notes)


def _merged(headings: Sequence[Sequence[str]]) -> list[str]:
    """The lowest heading row; a blank or repeated name is completed from the group above it."""
    lowest = [cell.strip() for cell in headings[-1]]
    if len(headings) == 1:
        return list(headings[-1])
    repeats = Counter(lowest)
    group = ""
    merged = []
    for index, name in enumerate(lowest):
        group = headings[-2][index].strip() or group
        if name and repeats[name] == 1:
            merged.append(name)
        else:
            merged.append(f"{group} {name}".strip())
    return merged
