"""A DataFrame as a source: the same face as a file, cells as text."""

from __future__ import annotations

import hashlib

import duckdb
import pandas as pd

from ops_core.errors import IntakeError
from ops_core.intake.notes import Note, Reject

_STAGED_FRAME = "staged_frame"


class FrameSource:
    """A table that is in memory already. `line` is the row's position, counted from 1.

    Raises:
        IntakeError: a table without columns or without rows.
    """

    kind = "frame"
    notes: tuple[Note, ...] = ()
    rejects: tuple[Reject, ...] = ()

    def __init__(self, frame: pd.DataFrame, name: str = "table") -> None:
        if not len(frame.columns):
            raise IntakeError("no_columns", name=name)
        if not len(frame):
            raise IntakeError("no_rows", name=name)
        self.name = name
        self.columns = [str(column) for column in frame.columns]
        self.rows_in_file = len(frame)
        self._texts = _as_texts(frame)

    @property
    def file_hash(self) -> str:
        """Hash of the cells: the same table again is known again."""
        digest = hashlib.sha256("\x1f".join(self.columns).encode())
        for column in self._texts:
            codes = pd.util.hash_pandas_object(self._texts[column], index=False)
            digest.update(codes.to_numpy().tobytes())
        return digest.hexdigest()

    def sample(self, n: int) -> pd.DataFrame:
        """The first rows as text."""
        return self._texts.head(n).set_axis(self.columns, axis=1)

    def stage(self, cursor: duckdb.DuckDBPyConnection, view_name: str) -> None:
        """Make a temp view `line, c0 … cN` of texts on the cursor."""
        cursor.register(_STAGED_FRAME, self._texts.assign(line=range(1, len(self._texts) + 1)))
        names = "".join(f", c{index}::VARCHAR AS c{index}" for index in range(len(self.columns)))
        statement = "CREATE OR REPLACE TEMP VIEW " + view_name + " AS SELECT line::BIGINT AS line" + names
        cursor.execute(statement + " FROM " + _STAGED_FRAME)


def _as_texts(frame: pd.DataFrame) -> pd.DataFrame:
    texts = {f"c{index}": _column_texts(frame.iloc[:, index]) for index in range(len(frame.columns))}
    return pd.DataFrame(texts).reset_index(drop=True)


def _column_texts(values: pd.Series) -> pd.Series:
    """One column as text: whole floats lose their `.0`, times are ISO, missing stays missing."""
    values = values.reset_index(drop=True)
    kind = values.dtype
    if pd.api.types.is_bool_dtype(kind):
        return values.map({True: "true", False: "false"}).astype("str")
    if isinstance(kind, pd.DatetimeTZDtype):
        return _times(values.dt.tz_convert("UTC").dt.tz_localize(None)) + "Z"
    if pd.api.types.is_datetime64_dtype(kind):
        return _times(values)
    if pd.api.types.is_float_dtype(kind):
        known = values.dropna()
        if len(known) and bool((known == known.round()).all()) and bool((known.abs() < 1e15).all()):
            return values.astype("Int64").astype("str")
    return values.astype("str").where(values.notna(), None)


def _times(values: pd.Series) -> pd.Series:
    values = values.astype("datetime64[us]")
    if bool((values.dropna().dt.microsecond == 0).all()):
        return values.dt.strftime("%Y-%m-%d %H:%M:%S").astype("str")
    return values.dt.strftime("%Y-%m-%d %H:%M:%S.%f").astype("str")
