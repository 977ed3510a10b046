"""The ways from a file to a `Source`: text (fast or general), workbook, Parquet, JSON lines, frame."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from ops_core.errors import IntakeError
from ops_core.intake import apart
from ops_core.intake import encoding as encodings
from ops_core.intake.container import Container, open_container
from ops_core.intake.dialect import Dialect
from ops_core.intake.encoding import Encoding
from ops_core.intake.excel import open_workbook
from ops_core.intake.fastpath import CleanFile, Presumption, Scan, check, presumed, scan
from ops_core.intake.files import file_hash, has_long_lines, linked, unfinished_line
from ops_core.intake.first_look import header_only, limited, may_be_clean, refuse_narrow, understand
from ops_core.intake.jsonlines import read_json_lines
from ops_core.intake.layout import Layout, find_layout
from ops_core.intake.notes import Note, info, warning
from ops_core.intake.pieces import PieceWriter
from ops_core.intake.reader import Account, TableReader, account_notes
from ops_core.intake.source import Backing, Source, SourceOptions, TemporaryFolder
from ops_core.intake.tokenize import Lines, Record, Tokenizer
from ops_core.intake.typed import open_typed, write_frame

# Below this size the general route takes a moment only and sees more (totals, second tables, repeated headings).
_FAST_FROM_BYTES = 8_000_000
_APART_FROM_BYTES = 2_000_000
_SURE_ENOUGH = 0.6
Folder = tempfile.TemporaryDirectory


def open_path(path: Path, options: SourceOptions, pulse: apart.Pulse | None = None) -> Source:
    """See `source.open_source`."""
    folder = Folder(prefix="intake-", dir=options.staging)
    try:
        found = open_container(path, Path(folder.name))
        if found.kind == "parquet":
            stored = linked(found.path, Path(folder.name))
            return _finish(open_typed(stored, path.name, file_hash(path), folder), found.notes)
        if found.kind == "excel":
            return _open_excel(path, found, options, folder)
        if found.kind == "json_lines":
            return _open_json(path, found, options, folder, pulse)
        return _open_text(path, found, options, folder, pulse)
    except BaseException:
        folder.cleanup()
        raise


def open_frame(frame: pd.DataFrame, name: str, options: SourceOptions) -> Source:
    """See `source.frame_source`."""
    if frame.columns.empty or frame.empty:
        raise header_only([str(name) for name in frame.columns]) if len(frame.columns) else IntakeError("empty")
    folder = Folder(prefix="intake-", dir=options.staging)
    try:
        stored = write_frame(frame, Path(folder.name) / "frame.parquet")
        return open_typed(stored, name, file_hash(stored), folder)
    except BaseException:
        folder.cleanup()
        raise


# Text ----------------------------------------------------------------------------------------------------------------


def _open_text(
    path: Path, found: Container, options: SourceOptions, folder: TemporaryFolder, pulse: apart.Pulse | None
) -> Source:
    staging = Path(folder.name)
    encoding = encodings.detect(encodings.windows(found.path), options.encoding)
    large = found.path.stat().st_size >= _FAST_FROM_BYTES
    if encoding.is_plain and not large and not scan(found.path).is_utf8:
        encoding = _second_look(found.path)
    text_path, notes = _as_utf8(found.path, encoding, staging)
    understood = None
    if large and not has_long_lines(text_path):
        dialect, layout, records = understand(text_path, encoding.name, options)
        understood = (dialect, layout)
        digest = "" if encoding.is_plain and found.path == path else file_hash(path)
        every = (*found.notes, *notes, *layout.notes)
        if options.presume and (may_be := _presumption(text_path, dialect, layout, records)) is not None:
            return _fast(path, text_path, (dialect, layout, may_be), every, digest, folder)
        clean, seen = _proof(text_path, dialect, layout, records)
        if clean is not None:
            return _fast(path, text_path, (dialect, layout, clean), every, digest or clean.scan.sha256, folder)
        if encoding.is_plain and seen is not None and not seen.is_utf8:
            text_path, notes = _as_utf8(found.path, _second_look(found.path), staging)
            understood = None
    every, seconds = (*found.notes, *notes), apart.seconds_for(text_path)
    request = apart.Request(
        path, text_path, encoding.name, every, options, understood, folder.name, apart.MEMORY_BYTES, seconds
    )
    return _parsed(request, folder, pulse)


def _parsed(request: apart.Request, folder: TemporaryFolder, pulse: apart.Pulse | None) -> Source:
    if request.text_path.stat().st_size < _APART_FROM_BYTES:
        return parse(request, folder)
    source = apart.open_apart(request, pulse)
    source.own(folder)
    return source


def parse(request: apart.Request, folder: TemporaryFolder) -> Source:
    """What is asked for, in this process.

    Raises:
        IntakeError: as `general_text` does, or `read_json_lines`.
    """
    return _json_lines(request, folder) if request.kind == "json_lines" else general_text(request, folder)


def general_text(request: apart.Request, folder: TemporaryFolder) -> Source:
    """The general route: understand the text, unless that was done already, and write its rows into the folder.

    Raises:
        IntakeError: `empty`, `header_only`, `too_many_columns`, `no_row_fits`, `line_too_long`.
    """
    text_path, options = request.text_path, request.options
    dialect, layout = request.understood or understand(text_path, request.encoding, options)[:2]
    written = _write_text(text_path, dialect, layout, options, Path(folder.name))
    return _general(request.path, (dialect, layout), written, (*request.notes, *layout.notes), folder)


def _proof(
    text_path: Path, dialect: Dialect, layout: Layout, records: Sequence[Record]
) -> tuple[CleanFile | None, Scan | None]:
    """Whether the database may read the file as it is; see `fastpath.check`."""
    if not may_be_clean(layout, records, text_path):
        return None, None
    shape = (layout.width, layout.first_line - 1)
    return check(text_path, dialect.syntax, shape, _doubtful(layout), _has_quotes(dialect, records))


def _presumption(text_path: Path, dialect: Dialect, layout: Layout, records: Sequence[Record]) -> Presumption | None:
    """The beginning of the same proof, where nothing but the account of its rows decides it."""
    if not may_be_clean(layout, records, text_path) or _doubtful(layout):
        return None
    shape = (layout.width, layout.first_line - 1)
    return presumed(text_path, dialect.syntax, shape, _has_quotes(dialect, records))


def _doubtful(layout: Layout) -> tuple[int, ...]:
    return tuple(i for i, name in enumerate(layout.original) if layout.header_lines and not name.strip())


def _has_quotes(dialect: Dialect, records: Sequence[Record]) -> bool:
    return any(dialect.syntax.quote in record.raw for record in records)


def _write_text(
    text_path: Path, dialect: Dialect, layout: Layout, options: SourceOptions, staging: Path
) -> tuple[Account, tuple[bool, ...], Path]:
    with text_path.open(encoding="utf-8", errors="replace", newline=_newline(dialect)) as file:
        lines = Lines(file.readline)
        tokenizer = Tokenizer(dialect.syntax, layout.width, layout.profile.fits, options.mend)
        for _ in range(dialect.skip_lines):
            lines.next()
        return _write(tokenizer.records(lines), layout, staging, unfinished_line(text_path, dialect.syntax.line_end))


def _second_look(path: Path) -> Encoding:
    """The encoding of a file whose ends read as UTF-8 while something in between does not."""
    encoding = encodings.detect(encodings.bad_window(path))
    return replace(encoding, evidence="stray") if encoding.is_plain else encoding


def _as_utf8(path: Path, encoding: Encoding, staging: Path) -> tuple[Path, tuple[Note, ...]]:
    """The same text as UTF-8: the file itself, linked into the staging folder, or a transcoded copy."""
    if encoding.is_plain:
        return linked(path, staging), ()
    target = staging / "text.csv"
    lines, count = encodings.utf8_copy(path, target, encoding)
    notes = [] if encoding.name == "utf-8" else [info("encoding", encoding=encoding.name, sure=encoding.confidence)]
    if encoding.name != "utf-8" and encoding.confidence < _SURE_ENOUGH:
        notes = [warning("encoding_unsure", encoding=encoding.name)]
    if count:
        notes.append(warning("stray_bytes", n=count, lines=list(lines)))
    return target, tuple(notes)


def _newline(dialect: Dialect) -> str:
    return "" if dialect.syntax.line_end == "any" else dialect.syntax.line_end


def _fast(
    path: Path,
    text_path: Path,
    parts: tuple[Dialect, Layout, CleanFile | Presumption],
    notes: tuple[Note, ...],
    digest: str,
    folder: TemporaryFolder,
) -> Source:
    dialect, layout, clean = parts
    is_proved = isinstance(clean, CleanFile)
    blank = clean.blank if is_proved else ()
    kept, dropped = _kept(layout, [index not in blank for index in range(layout.width)])
    backing = Backing(
        "csv",
        text_path,
        kept,
        syntax=dialect.syntax,
        width=layout.width,
        skip=layout.first_line - 1,
        row_offset=layout.first_line - 1,
    )
    return Source(
        name=path.name,
        columns=tuple(layout.columns[i] for i in kept),
        dialect=dialect,
        file_hash=digest,
        original_columns=tuple(layout.original[i] for i in kept),
        backing=backing,
        rows_in_file=clean.n_rows if is_proved else 0,
        presumption=None if is_proved else clean,
        notes=_without_dropped((*notes, *dropped), layout, kept),
        skipped=layout.skipped,
        folder=folder,
    )


# The general route ---------------------------------------------------------------------------------------------------


def _write(
    records: object, layout: Layout, staging: Path, cut_line: int | None = None
) -> tuple[Account, tuple[bool, ...], Path]:
    target = staging / "rows.parquet"
    writer = PieceWriter(target, layout.width)
    reader = TableReader(layout, writer, cut_line)
    account = reader.read(records)
    writer.close()
    return account, tuple(writer.filled), target


def _general(
    path: Path,
    parts: tuple[Dialect | None, Layout],
    written: tuple[Account, tuple[bool, ...], Path],
    notes: tuple[Note, ...],
    folder: TemporaryFolder,
) -> Source:
    dialect, layout = parts
    account, filled, target = written
    if account.accepted == 0:
        if account.rows == 0:
            raise header_only(layout.columns)
        first = account.rejects[0]
        raise IntakeError("no_row_fits", rows=account.rows, line=first.line, text=first.raw[:80])
    kept, dropped = _kept(layout, filled)
    every = (*notes, *dropped, *account_notes(account))
    return Source(
        name=path.name,
        columns=tuple(layout.columns[i] for i in kept),
        dialect=dialect,
        file_hash=file_hash(path),
        original_columns=tuple(layout.original[i] for i in kept),
        backing=Backing("parquet", target, kept),
        rows_in_file=account.rows,
        notes=_without_dropped(every, layout, kept),
        rejects=tuple(account.rejects),
        skipped=(*layout.skipped, *account.comments),
        folder=folder,
    )


def _kept(layout: Layout, filled: Sequence[bool]) -> tuple[tuple[int, ...], tuple[Note, ...]]:
    """Columns to keep: a column without a name and without a value is an artefact of the export."""
    if not layout.header_lines:
        return tuple(range(layout.width)), ()
    kept = tuple(index for index in range(layout.width) if filled[index] or layout.original[index].strip())
    dropped = layout.width - len(kept)
    return kept, (info("empty_columns", n=dropped),) if dropped else ()


def _without_dropped(notes: Sequence[Note], layout: Layout, kept: Sequence[int]) -> tuple[Note, ...]:
    """The note about blank names must not speak of columns that are gone."""
    names = {layout.columns[index] for index in kept}
    result = []
    for note in notes:
        if note.code == "blank_headers":
            left = [name for name in note.values["columns"] if name in names]
            result += [warning("blank_headers", columns=left)] if left else []
        else:
            result.append(note)
    return tuple(result)


def _open_excel(path: Path, found: Container, options: SourceOptions, folder: TemporaryFolder) -> Source:
    sheet = open_workbook(found.path, Path(folder.name), options.sheet)
    records = limited(sheet.records())
    layout = find_layout(records, options.header_rows, options.header_line)
    refuse_narrow(layout, records)
    written = _write(sheet.records(), layout, Path(folder.name))
    source = _general(path, (None, layout), written, (*found.notes, *sheet.notes, *layout.notes), folder)
    source.days_from_1904 = sheet.days_from_1904
    return source


def _open_json(
    path: Path, found: Container, options: SourceOptions, folder: TemporaryFolder, pulse: apart.Pulse | None
) -> Source:
    encoding = encodings.detect(encodings.windows(found.path), options.encoding)
    if encoding.is_plain and not scan(found.path).is_utf8:
        encoding = _second_look(found.path)
    text_path, notes = _as_utf8(found.path, encoding, Path(folder.name))
    every, seconds = (*found.notes, *notes), apart.seconds_for(text_path)
    request = apart.Request(
        path, text_path, "utf-8", every, options, None, folder.name, apart.MEMORY_BYTES, seconds, "json_lines"
    )
    return _parsed(request, folder, pulse)


def _json_lines(request: apart.Request, folder: TemporaryFolder) -> Source:
    target = Path(folder.name) / "rows.parquet"
    table = read_json_lines(request.text_path, target)
    backing = Backing("parquet", target, tuple(range(len(table.columns))))
    return Source(
        name=request.path.name,
        columns=table.columns,
        original_columns=table.original,
        backing=backing,
        rows_in_file=table.rows,
        notes=(*request.notes, *table.notes),
        rejects=table.rejects,
        file_hash=file_hash(request.path),
        folder=folder,
    )


def _finish(source: Source, notes: tuple[Note, ...]) -> Source:
    source.notes = (*notes, *source.notes)
    return source
