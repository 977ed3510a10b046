"""The cleaned file people ask for: `opsdeck convert FILE`.

Writes `FILE_converted.csv` (UTF-8, RFC 4180, one header row, every cell its original text) and `FILE_rejects.csv`
(line, reason, raw text) with everything that is not in it, so that no line of the source is lost without a trace.
"""

from __future__ import annotations

import csv
import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from ops_core.errors import IntakeError
from ops_core.intake.notes import Note
from ops_core.intake.source import Source, SourceOptions, open_source
from ops_core.locale import Translator, translator

_ROWS_AT_ONCE = 20_000


@dataclass(frozen=True)
class ConvertReport:
    """What was written. `rows_in_file` = `rows_converted` + `rows_rejected`; `refusal` says why there is no row."""

    converted: Path
    rejects: Path
    columns: tuple[str, ...]
    rows_in_file: int
    rows_converted: int
    rows_rejected: int
    notes: tuple[Note, ...] = ()
    refusal: IntakeError | None = None


def convert(
    path: str | Path, out_dir: str | Path, *, options: SourceOptions | None = None, t: Translator | None = None
) -> ConvertReport:
    """Convert any file that intake reads; reasons are written in `t`'s language (English when not given).

    A file without rows gives a converted file with its heading (or nothing) and a report that says so.

    Raises:
        IntakeError: the file is no table (a web page, a damaged workbook …), and nothing is written; or the folder
            cannot be written to.
    """
    path, folder = Path(path), Path(out_dir)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return _converted(path, folder, options or SourceOptions(), t or translator("en"))
    except OSError as error:
        raise IntakeError("out_unwritable", folder=str(folder), reason=error.strerror or "") from error


def _converted(path: Path, folder: Path, options: SourceOptions, t: Translator) -> ConvertReport:
    converted, rejects = folder / f"{path.name}_converted.csv", folder / f"{path.name}_rejects.csv"
    try:
        with open_source(path, options=replace(options, mend=True)) as source:
            _write_rows(source, converted)
            _write_rejects(source, rejects, t)
            return ConvertReport(
                converted,
                rejects,
                source.columns,
                source.rows_in_file,
                source.rows_accepted,
                len(source.rejects),
                source.notes,
            )
    except IntakeError as error:
        if error.code not in ("empty", "header_only"):
            raise
        columns = tuple(error.values.get("every_column", ()))
        _write_table(converted, [columns] if columns else [])
        _write_table(rejects, [("line", "reason", "raw")])
        return ConvertReport(converted, rejects, columns, 0, 0, 0, (), error)


def _write_rows(source: Source, target: Path) -> None:
    with _database().cursor() as connection, target.open("w", encoding="utf-8", newline="") as file:
        source.stage(connection, "rows_to_write", lines=False)
        writer = csv.writer(file, lineterminator="\r\n")
        writer.writerow(_header(source))
        found = connection.execute("SELECT COLUMNS(* EXCLUDE line)::VARCHAR FROM rows_to_write")
        while rows := found.fetchmany(_ROWS_AT_ONCE):
            writer.writerows(rows)


@functools.cache
def _database() -> duckdb.DuckDBPyConnection:
    # Starting one takes longer than converting a small file.
    return duckdb.connect()


def _header(source: Source) -> tuple[str, ...]:
    """Names as written in the file; the made-up ones only where there was nothing."""
    return tuple(written.strip() or made for written, made in zip(source.original_columns, source.columns, strict=True))


def _write_rejects(source: Source, target: Path, t: Translator) -> None:
    skipped = [(record.line, t("intake.reject.no_data"), record.raw) for record in source.skipped]
    rejected = [(reject.line, reject.reason(t), reject.raw) for reject in source.rejects]
    _write_table(target, [("line", "reason", "raw"), *sorted([*skipped, *rejected], key=lambda row: row[0])])


def _write_table(target: Path, rows: Sequence[Sequence[object]]) -> None:
    with target.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\r\n").writerows(rows)
