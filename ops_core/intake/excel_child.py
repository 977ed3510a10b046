"""Runs in a child process: one sheet of a workbook becomes a Parquet file of texts. Never imported by the parent.

Arguments: workbook, target file, sheet name ("" = choose), memory limit in bytes, largest number of cells.
Prints one JSON object: the sheets found and the chosen one, or `{"error": code}`.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import importlib
import json
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import python_calamine as calamine

_MIDNIGHT = dt.time()
_LARGEST_WHOLE = 2**53  # a float holds every whole number up to it
_TINY = 20  # a sheet with that many times fewer rows than another is taken for its cover or legend


def text_of(value: object) -> str:
    """A cell as text: whole numbers without a decimal point, dates in ISO form."""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) <= _LARGEST_WHOLE else repr(value)
    if isinstance(value, dt.datetime):
        return value.date().isoformat() if value.time() == _MIDNIGHT else value.isoformat(" ")
    return "" if value is None else str(value)


def main(workbook: str, target: str, sheet: str, memory: str, most_cells: str) -> dict[str, object]:
    """Convert; returns what is printed."""
    with contextlib.suppress(ModuleNotFoundError):  # Windows has no such limit; the parent's time limit still holds
        resource = importlib.import_module("resource")
        resource.setrlimit(resource.RLIMIT_AS, (int(memory), int(memory)))
    try:
        book = calamine.CalamineWorkbook.from_path(workbook)
    except calamine.CalamineError:
        return {"error": "damaged_workbook"}
    listed = [item for item in book.sheets_metadata if item.typ == calamine.SheetTypeEnum.WorkSheet]
    visible = [item.name for item in listed if item.visible == calamine.SheetVisibleEnum.Visible]
    hidden = [item.name for item in listed if item.name not in visible]
    if sheet and sheet not in visible + hidden:
        return {"error": "unknown_sheet", "sheets": visible + hidden}
    sizes, wide = {}, {}
    for name in [sheet] if sheet else visible or hidden:
        found = book.get_sheet_by_name(name)
        if (found.height or 0) * (found.width or 0) > int(most_cells):
            return {"error": "workbook_too_large"}
        filled = [sum(cell not in ("", None) for cell in row) for row in found.to_python(skip_empty_area=False)]
        sizes[name], wide[name] = sum(map(bool, filled)), sum(cells > 1 for cells in filled)
    chosen = _first_table(sizes, wide)
    grid = book.get_sheet_by_name(chosen).to_python(skip_empty_area=False)
    texts = [[text_of(cell) for cell in row] for row in grid]
    _write(texts, target)
    return {"sheet": chosen, "sizes": sizes, "hidden": hidden}


def _first_table(sizes: dict[str, int], wide: dict[str, int]) -> str:
    """The first sheet with rows of several cells, unless it is tiny beside another (a cover); else the first filled."""
    largest = max(wide.values())
    tables = [name for name, rows in wide.items() if rows and _TINY * rows >= largest]
    return next(iter(tables or [name for name, rows in sizes.items() if rows] or sizes))


def _write(texts: list[list[str]], target: str) -> None:
    width = max((len(row) for row in texts), default=0)
    padded = [[*row, *[""] * (width - len(row))] for row in texts]
    columns = {f"c{index}": pa.array([row[index] for row in padded], pa.string()) for index in range(width)}
    pq.write_table(pa.table({"line": pa.array(range(1, len(padded) + 1), pa.int64()), **columns}), Path(target))


if __name__ == "__main__":
    try:
        answer = main(*sys.argv[1:])
    except MemoryError:
        answer = {"error": "workbook_too_large"}
    sys.stdout.write(json.dumps(answer))
