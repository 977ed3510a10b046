"""Workbooks: checked as archives first, then parsed in a child process with limits, because a crafted sheet can abort
or exhaust the process that parses it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from ops_core.errors import IntakeError
from ops_core.intake.notes import Note, info, warning
from ops_core.intake.tokenize import Record

LARGEST_DECLARED = 200_000_000
LARGEST_RATIO = 100
MOST_CELLS = 2_000_000
_CHILD_MEMORY = 4_000_000_000
_CHILD_SECONDS = 90
_RANGE = re.compile(r"\$?([A-Z]{1,3})\$?(\d{1,7}):\$?([A-Z]{1,3})\$?(\d{1,7})")
_CELL = re.compile(rb'<c\b[^>]*?\br="([A-Z]{1,3})(\d{1,7})"')
_ERROR_CELL = re.compile(rb'<c\b(?=[^>]*\bt="e")[^>]*?\br="[A-Z]{1,3}(\d{1,7})"')
_FORMULA_WITHOUT_VALUE = re.compile(rb"<f\b[^>]*?(?:/>|>[^<]*</f>)\s*(?:<v\s*/>|<v></v>)?\s*</c>")

_WORKBOOK = "xl/workbook.xml"
_FROM_1904 = re.compile(rb'<(?:\w+:)?workbookPr\b[^>]*\bdate1904="(?:1|true|on)"')


@dataclass(frozen=True)
class Sheet:
    """One sheet as rows of text in a Parquet file (`line` = row in the sheet, `c0 …`).

    `cells`: first and last column (from 0) and row (from 1) of the range that is wanted.
    """

    path: Path
    name: str
    notes: tuple[Note, ...]
    cells: tuple[int, int, int, int] = (0, 10**9, 1, 10**9)
    days_from_1904: bool = False

    def records(self) -> Iterator[Record]:
        """The rows, blank ones included."""
        for batch in pq.ParquetFile(self.path).iter_batches(20_000):
            columns = [column.to_pylist() for column in batch.columns]
            first, last, top, bottom = self.cells
            for line, *row in zip(*columns, strict=True):
                if not top <= line <= bottom:
                    continue
                cells = row[first : last + 1]
                filled = any(cells)
                raw = "\t".join(cells).replace("\n", " ") if filled else ""
                yield Record(line, list(cells) if filled else None, raw, None if filled else "blank")


def open_workbook(path: Path, staging: Path, sheet: str | None = None) -> Sheet:
    """Read a sheet: the chosen one, else the first visible one with rows. `sheet` may name a range of cells as a
    workbook does: `Sales!B4:F200`, or `!B4:F200` in the sheet that is taken anyway.

    Raises:
        IntakeError: damaged, protected, too large when unpacked, no such sheet, or it took too long.
    """
    sheet, cells = _range(sheet)
    notes = _check_archive(path) if zipfile.is_zipfile(path) else []
    target = staging / f"{len(list(staging.iterdir()))}-sheet.parquet"
    answer = _run_child(path, target, sheet)
    if "error" in answer:
        known = answer.get("sheets", [])
        raise IntakeError(str(answer["error"]), file=path.name, sheet=sheet or "", sheets=known, cells=MOST_CELLS)
    filled = [name for name, rows in answer["sizes"].items() if rows]
    if len(filled) > 1 and sheet is None:
        notes.append(
            warning("several_sheets", sheet=answer["sheet"], others=[n for n in filled if n != answer["sheet"]])
        )
    else:
        notes.append(info("sheet", sheet=answer["sheet"]))
    if answer["hidden"]:
        notes.append(warning("hidden_sheets", sheets=answer["hidden"]))
    return Sheet(target, str(answer["sheet"]), tuple(notes), cells or Sheet.cells, _counts_from_1904(path))


def _range(sheet: str | None) -> tuple[str | None, tuple[int, int, int, int] | None]:
    """The name of a sheet and the range behind it."""
    name, mark, text = (sheet or "").rpartition("!")
    found = _RANGE.fullmatch(text.strip().upper()) if mark else None
    if found is None:
        return sheet, None
    columns = sorted(_column_number(letters.encode()) - 1 for letters in (found[1], found[3]))
    rows = sorted(int(number) for number in (found[2], found[4]))
    return name or None, (columns[0], columns[1], rows[0], rows[1])


def _run_child(path: Path, target: Path, sheet: str | None) -> dict[str, object]:
    child = Path(__file__).with_name("excel_child.py")
    arguments = [str(path.resolve()), str(target), sheet or "", str(_CHILD_MEMORY), str(MOST_CELLS)]
    # The interpreter runs our own file; the only foreign thing is the path of the workbook.
    command = [sys.executable, "-I", str(child), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, timeout=_CHILD_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise IntakeError("workbook_too_slow", file=path.name, seconds=_CHILD_SECONDS) from None
    try:
        return json.loads(done.stdout)
    except ValueError:
        raise IntakeError("damaged_workbook", file=path.name) from None


def _check_archive(path: Path) -> list[Note]:
    """Sizes that the archive declares and the furthest cell that its sheets name, before anything is parsed."""
    notes: list[Note] = []
    try:
        with zipfile.ZipFile(path) as archive:
            items = archive.infolist()
            declared = sum(item.file_size for item in items)
            packed = sum(item.compress_size for item in items) or 1
            if declared > LARGEST_DECLARED or (declared > 5_000_000 and declared / packed > LARGEST_RATIO):
                raise IntakeError("workbook_bomb", file=path.name, mb=declared // 1_000_000)
            for item in items:
                if item.filename.endswith(".xml"):
                    notes += _check_part(path.name, item.filename, archive.read(item))
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError):
        raise IntakeError("damaged_workbook", file=path.name) from None
    return notes


def _counts_from_1904(path: Path) -> bool:
    """Whether days are counted from 1904 on, as workbooks of old Macs do; what is formatted as a date is read so."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return _WORKBOOK in archive.namelist() and _FROM_1904.search(archive.read(_WORKBOOK)) is not None


def _check_part(file: str, part: str, content: bytes) -> list[Note]:
    if b"<!DOCTYPE" in content[:4096] or b"<!ENTITY" in content[:65536]:
        raise IntakeError("workbook_entities", file=file)
    if not part.startswith("xl/worksheets/"):
        return []
    furthest_row = furthest_column = 0
    for cell in _CELL.finditer(content):
        furthest_row = max(furthest_row, int(cell[2]))
        furthest_column = max(furthest_column, _column_number(cell[1]))
    if furthest_row * furthest_column > MOST_CELLS:
        raise IntakeError("workbook_sparse", file=file, rows=furthest_row, columns=furthest_column)
    empty = sum(1 for _ in _FORMULA_WITHOUT_VALUE.finditer(content))
    notes = [warning("formulas_without_value", n=empty)] if empty else []
    errors = sorted({int(cell[1]) for cell in _ERROR_CELL.finditer(content)})
    notes += [warning("error_cells", n=len(errors), lines=errors[:20])] if errors else []
    return notes + ([info("merged_cells")] if b"<mergeCell " in content else [])


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number
