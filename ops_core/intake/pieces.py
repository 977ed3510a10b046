"""Accepted rows as original text in a temporary Parquet file, in bounded memory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

_CELLS_PER_PIECE = 1_000_000


class PieceWriter:
    """Collects rows and writes them in row groups: `line` and `c0 … c(n-1)`; blank cells become NULL."""

    def __init__(self, path: Path, width: int) -> None:
        fields = [("line", pa.int64()), *((f"c{index}", pa.string()) for index in range(width))]
        self._schema = pa.schema(fields)
        self._writer = pq.ParquetWriter(path, self._schema, compression="snappy", use_dictionary=width < 200)
        self._width = width
        self._lines: list[int] = []
        self._rows: list[Sequence[str | None]] = []
        self._limit = max(1, _CELLS_PER_PIECE // max(1, width))
        self.filled = [False] * width
        self.n_rows = 0

    def add(self, line: int, cells: Sequence[str | None]) -> None:
        """One row; it must have the width of the table."""
        self._lines.append(line)
        self._rows.append(cells)
        if len(self._rows) >= self._limit:
            self._flush()

    def close(self) -> None:
        """Write what is left."""
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        if not self._rows:
            return
        columns = [pa.array(self._lines, pa.int64())]
        for index, cells in enumerate(zip(*self._rows, strict=True)):
            texts = [cell or None for cell in cells]
            self.filled[index] = self.filled[index] or any(cell and not cell.isspace() for cell in texts)
            columns.append(pa.array(texts, pa.string()))
        self._writer.write_table(pa.Table.from_arrays(columns, schema=self._schema))
        self.n_rows += len(self._rows)
        self._lines, self._rows = [], []
