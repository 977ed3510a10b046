"""Any file or frame as rows of source text: the contract between reading a file and understanding it.

    with open_source("export.csv") as source:
        source.columns, source.rows_in_file, source.notes, source.rejects
        source.stage(cursor, "incoming")            # temp view: line, c0 … c(n-1)

`rows_in_file` = rows in the view + rejected rows, always. A view column `ck` holds `columns[k]`. Text stays as written
(blank cells are NULL); columns of typed sources keep their type, see `types`.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import duckdb
import pandas as pd

from ops_core.intake.dialect import Dialect
from ops_core.intake.fastpath import Presumption, literal, read_arguments
from ops_core.intake.notes import Note, Reject
from ops_core.intake.tokenize import Record, Syntax
from ops_core.store.schema import quote

# Typed, a row takes some 70 bytes of memory: fewer rows than these fit, and are read faster from there.
_MANY_ROWS, _MANY_BYTES = 15_000_000, 1_000_000_000
_ROOM = 2  # as much is free for them, measured in the file's size (clean rows take half of it)


@dataclass(frozen=True)
class SourceOptions:
    """What a person decided instead of the evidence; everything left None is sniffed.

    `header_rows`: 0 = there is none. `sheet`: name of a worksheet. `staging`: folder for temporary files (it must be
    one that the database may read). `mend`: also keep rows whose opening quote was never closed when every cell falls
    into place (used to convert files); otherwise such rows are rejected. `presume`: a large file that looks clean may
    be handed out before that is proved, see `Source.settle`.
    """

    encoding: str | None = None
    delimiter: str | None = None
    quote: str | None = None
    header_rows: int | None = None
    header_line: int | None = None
    sheet: str | None = None
    staging: Path | None = None
    mend: bool = False
    presume: bool = False


class PresumptionError(Exception):
    """A file that looked clean is not: open it again without presuming anything."""


@dataclass(frozen=True)
class Backing:
    """Where the accepted rows lie. `kind`: `csv` (read by DuckDB as it is) or `parquet`.

    `positions[k]` is the stored column of `columns[k]`; `row_offset` turns a row number into a line.
    """

    kind: str
    path: Path
    positions: tuple[int, ...]
    types: tuple[str, ...] = ()
    syntax: Syntax | None = None
    width: int = 0
    skip: int = 0
    row_offset: int = 0
    stored_names: tuple[str, ...] = ()


class TemporaryFolder(Protocol):
    """A folder of temporary files, and its removal."""

    name: str

    def cleanup(self) -> None:
        """Remove it."""


class Source:
    """Rows of source text with their line numbers. Made by `open_source` or `frame_source`; close it when done."""

    def __init__(
        self,
        *,
        name: str,
        columns: tuple[str, ...],
        original_columns: tuple[str, ...],
        backing: Backing,
        rows_in_file: int,
        dialect: Dialect | None = None,
        notes: tuple[Note, ...] = (),
        rejects: tuple[Reject, ...] = (),
        skipped: tuple[Record, ...] = (),
        file_hash: str = "",
        folder: TemporaryFolder | None = None,
        presumption: Presumption | None = None,
    ) -> None:
        self.name = name
        self.columns = columns
        self.original_columns = original_columns
        self.dialect = dialect
        self.notes = notes
        self.rejects = rejects
        self.skipped = skipped
        self.backing = backing
        self.days_from_1904 = False  # a workbook whose plain numbers, where they are dates, count from that year on
        self._rows_in_file = rows_in_file
        self._file_hash = file_hash
        self._folder = folder
        self._presumption = presumption

    @property
    def rows_in_file(self) -> int:
        """Rows in the view and rejected rows. Raises `PresumptionError` as `settle` does."""
        self.settle()
        return self._rows_in_file

    @property
    def file_hash(self) -> str:
        """SHA-256 of the file as it was given."""
        if not self._file_hash and self._presumption is not None:
            self._file_hash = self._presumption.seen().sha256
        return self._file_hash

    @property
    def is_presumed(self) -> bool:
        """Whether it is not proved yet that the file is clean: parsing it may fail."""
        return self._presumption is not None

    @property
    def wanted_cell(self) -> str | None:
        """The view's column whose filled cells decide, with the number of rows, about a presumed file; mostly none."""
        if self._presumption is None or not self._presumption.needs_last_cells:
            return None
        return f"c{self.backing.positions.index(self.backing.width - 1)}"

    def settle(self, counted: tuple[int, ...] | None = None) -> None:
        """Prove that the file is clean, from its rows and filled wanted cells where somebody counted them already.

        Raises:
            PresumptionError: it is not.
        """
        if self._presumption is None:
            return
        found = counted or self._presumption.counted()
        if not self._presumption.proves(found):
            raise PresumptionError
        self._rows_in_file, self._file_hash = found[0], self.file_hash
        self._presumption = None

    @property
    def types(self) -> Mapping[str, str]:
        """Column name → `text`, or the DuckDB type that the view's column already has (`BIGINT`, `TIMESTAMP` …)."""
        kinds = self.backing.types or ("text",) * len(self.columns)
        return dict(zip(self.columns, kinds, strict=True))

    @property
    def rows_accepted(self) -> int:
        """How many rows the staged view has."""
        return self.rows_in_file - len(self.rejects)

    @property
    def folder_for_rows(self) -> Path | None:
        """Where typed rows are to be put, as there are so many that they would fill the memory; mostly nowhere."""
        size = self.backing.path.stat().st_size
        if self._folder is None or (self._rows_in_file < _MANY_ROWS and size < _MANY_BYTES):
            return None
        folder = Path(self._folder.name)
        return folder if shutil.disk_usage(folder).free > _ROOM * size else None

    @property
    def lines_are_free(self) -> bool:
        """Whether asking for line numbers costs nothing (otherwise stage without them first)."""
        return self.backing.kind != "csv"

    def stage(self, cursor: duckdb.DuckDBPyConnection, view_name: str, lines: bool = True) -> None:
        """Create the temp view `view_name` on this cursor: `line BIGINT, c0 …`, exactly the accepted rows.

        With `lines=False` a big clean file is read on all cores and `line` is NULL; stage it again with lines under
        another name to find the lines of the few rows that failed. Line numbers are physical lines of the file, rows
        of the sheet, or position + 2 for frames and Parquet.
        """
        cursor.execute("CREATE OR REPLACE TEMP VIEW " + quote(view_name) + " AS " + self._select(lines))

    def sample(self, n: int = 100) -> pd.DataFrame:
        """The first `n` accepted rows as text, with `line` in front (blank cells are None)."""
        with duckdb.connect() as connection:
            self.stage(connection, "preview")
            found = connection.execute("SELECT line, COLUMNS(* EXCLUDE line)::VARCHAR FROM preview LIMIT $n", {"n": n})
            return pd.DataFrame(found.fetchall(), columns=["line", *self.columns], dtype=object)

    def own(self, folder: TemporaryFolder) -> None:
        """Take over the folder of the temporary files, to remove it when closed."""
        self._folder = folder

    def close(self) -> None:
        """Remove the temporary files; staged views stop working."""
        if self._presumption is not None:
            self._presumption.stop()
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _select(self, lines: bool) -> str:
        backing = self.backing
        if backing.kind == "csv":
            line = f"row_number() OVER () + {backing.row_offset:d}" if lines else "NULL::BIGINT"
            cells = ", ".join(f"c{position} AS c{index}" for index, position in enumerate(backing.positions))
            arguments = read_arguments(backing.path, backing.syntax, backing.width, backing.skip)
            parts = ["SELECT", line, "AS line,", cells, "FROM read_csv(", arguments, ")"]
            return " ".join(parts)
        stored = backing.stored_names or tuple(f"c{position}" for position in backing.positions)
        types = backing.types or ("kept",) * len(stored)
        cells = ", ".join(
            f"{quote(name)}{'::VARCHAR' if kind == 'text' else ''} AS c{index}"
            for index, (name, kind) in enumerate(zip(stored, types, strict=True))
        )
        if backing.stored_names:
            path = literal(str(backing.path))
            rows = ("FROM read_parquet(", path, ", file_row_number = true)")
            return " ".join(("SELECT file_row_number + 2 AS line,", cells, *rows))
        return " ".join(("SELECT line,", cells, "FROM read_parquet(", literal(str(backing.path)), ")"))


def open_source(
    path: str | Path, *, options: SourceOptions | None = None, pulse: Callable[[], None] | None = None
) -> Source:
    """Open any file: delimited text in any encoding, a workbook, Parquet, JSON lines, or one of these in gz or zip.

    `pulse` is called now and then while a large file is parsed; what it raises stops that and is passed on.

    Raises:
        IntakeError: the file cannot be taken; the sentence says why and what would work. Nothing is left behind.
    """
    # The routes build sources, so they import this module: they are looked up when one is opened.
    from ops_core.intake import routes  # noqa: PLC0415

    return routes.open_path(Path(path), options or SourceOptions(), pulse)


def frame_source(frame: pd.DataFrame, name: str = "frame", *, options: SourceOptions | None = None) -> Source:
    """A pandas frame as a source; `line` is position + 2, as if the frame were a sheet with one heading row."""
    from ops_core.intake import routes  # noqa: PLC0415

    return routes.open_frame(frame, name, options or SourceOptions())
