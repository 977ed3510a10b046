"""JSON lines: one object per line; keys become columns, inner objects dotted names, lists stay JSON text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ops_core.errors import IntakeError
from ops_core.intake.layout import unique_names
from ops_core.intake.notes import Note, Reject, info
from ops_core.intake.pieces import PieceWriter

_MOST_COLUMNS = 2000
_DEEPEST = 4


@dataclass(frozen=True)
class JsonTable:
    """What was read: names, number of objects (rejected lines included), rejects."""

    columns: tuple[str, ...]
    original: tuple[str, ...]
    rows: int
    rejects: tuple[Reject, ...]
    notes: tuple[Note, ...]


def read_json_lines(path: Path, target: Path) -> JsonTable:
    """Write the objects of a file in UTF-8 as rows of text; two passes, so that every key has its column.

    Raises:
        IntakeError: no object at all, or more keys than a table can have.
    """
    names: dict[str, int] = {}
    for _, item, _ in _objects(path):
        for key in item or ():
            names.setdefault(key, len(names))
        if len(names) > _MOST_COLUMNS:
            raise IntakeError("too_many_columns", columns=len(names), limit=_MOST_COLUMNS)
    if not names:
        raise IntakeError("empty")
    columns, notes = unique_names(tuple(names))
    writer = PieceWriter(target, len(names))
    rejects, rows = [], 0
    for line, item, raw in _objects(path):
        rows += 1
        if "\ufffd" in raw:
            rejects.append(Reject(line, "bad_characters", raw))
        elif item is None:
            rejects.append(Reject(line, "bad_json", raw))
        else:
            writer.add(line, [item.get(key) for key in names])
    writer.close()
    return JsonTable(columns, tuple(names), rows, tuple(rejects), (info("json_lines"), *notes))


def _objects(path: Path) -> Iterator[tuple[int, dict[str, str | None] | None, str]]:
    with path.open(encoding="utf-8-sig", errors="replace", newline="\n") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                yield number, _flat(line), line.rstrip("\r\n")


def _flat(line: str) -> dict[str, str | None] | None:
    try:
        item = json.loads(line, parse_float=str, parse_int=str)
    except (ValueError, RecursionError):
        return None
    return dict(_pairs(item, "", 0)) if isinstance(item, dict) else None


def _pairs(item: dict[str, object], prefix: str, depth: int) -> Iterator[tuple[str, str | None]]:
    for key, value in item.items():
        if isinstance(value, dict) and value and depth < _DEEPEST:
            yield from _pairs(value, f"{prefix}{key}.", depth + 1)
        else:
            yield prefix + key, _text(value)


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False)
