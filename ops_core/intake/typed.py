"""Typed tables (Parquet files, pandas frames): values keep their types, only what has no plain type becomes text."""

from __future__ import annotations

import tempfile
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ops_core.errors import IntakeError
from ops_core.intake.layout import unique_names
from ops_core.intake.source import Backing, Source

_NATIVE = (
    "BOOLEAN",
    "DATE",
    "TIMESTAMP",
    "TIMESTAMP WITH TIME ZONE",
    "DOUBLE",
    "FLOAT",
    "HUGEINT",
    "UBIGINT",
    "BIGINT",
)
_INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "UTINYINT", "USMALLINT", "UINTEGER")
_MOST_COLUMNS = 5000


def open_typed(path: Path, name: str, file_hash: str, folder: tempfile.TemporaryDirectory[str]) -> Source:
    """A Parquet file as a source.

    Raises:
        IntakeError: the file is damaged, has no rows, or too many columns.
    """
    try:
        meta = pq.ParquetFile(path).metadata
        with duckdb.connect() as connection:
            described = connection.execute("DESCRIBE SELECT * FROM read_parquet($path)", {"path": str(path)}).fetchall()
    except (pa.ArrowException, duckdb.Error, OSError):
        raise IntakeError("damaged_parquet", file=name) from None
    stored = tuple(row[0] for row in described)
    if meta.num_rows == 0:
        raise IntakeError("header_only", columns=list(stored[:8]))
    if len(stored) > _MOST_COLUMNS:
        raise IntakeError("too_many_columns", columns=len(stored), limit=_MOST_COLUMNS)
    columns, notes = unique_names(stored)
    types = tuple(_kept_type(row[1]) for row in described)
    backing = Backing("parquet", path, tuple(range(len(stored))), types=types, stored_names=stored)
    return Source(
        name=name,
        columns=columns,
        original_columns=stored,
        backing=backing,
        rows_in_file=meta.num_rows,
        notes=notes,
        file_hash=file_hash,
        folder=folder,
    )


def write_frame(frame: pd.DataFrame, target: Path) -> Path:
    """A frame as a Parquet file; columns of mixed objects become text, NaN and None become NULL."""
    arrays, names = [], []
    for position, label in enumerate(frame.columns):
        column = frame.iloc[:, position]
        try:
            arrays.append(pa.array(column, from_pandas=True))
        except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
            texts = [None if _is_missing(value) else str(value) for value in column]
            arrays.append(pa.array(texts, pa.string()))
        # Positions keep labels apart that are equal as text; the names themselves travel in the schema.
        names.append(str(label))
    unique, _ = unique_names(names)
    pq.write_table(pa.table(dict(zip(unique, arrays, strict=True))), target)
    return target


def _is_missing(value: object) -> bool:
    return value is None or (isinstance(value, float) and value != value) or value is pd.NA or value is pd.NaT


def _kept_type(found: str) -> str:
    if found in _INTEGERS:
        return found
    if found in _NATIVE or found.startswith("DECIMAL"):
        return found
    if found.startswith("TIMESTAMP"):
        return found
    return "text"
