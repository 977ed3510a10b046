"""Where typed rows lie: in a temp table, those of a big file in a Parquet file, which takes no memory.

Either way they are read as the view `typed`, in which `row_no` is the place of a row. They are never changed: what
becomes of some of them (a reason why they are not loaded) is noted beside them.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path

import duckdb

from ops_core.intake.fastpath import literal

# A writer holds one group of rows per core: with many columns there are fewer rows in it.
_CELLS_OF_GROUP = 1_228_800
_MOST_ROWS_OF_GROUP, _FEWEST_ROWS_OF_GROUP = 122_880, 10_240
_MARKED = """
    CREATE OR REPLACE TEMP VIEW typed AS
    SELECT laid.* REPLACE (coalesce(marks.reason, laid.reason) AS reason)
    FROM typed_rows AS laid LEFT JOIN typed_marks AS marks USING (row_no)
"""


def lay(cursor: duckdb.DuckDBPyConnection, query: str, folder: Path | None, n_columns: int) -> None:
    """Lay down the rows of a query: in a file in `folder`, without one in memory."""
    cursor.execute("CREATE OR REPLACE TEMP TABLE typed_marks (row_no BIGINT, reason VARCHAR)")
    if folder is not None:
        _write(cursor, query, folder, n_columns)
    else:
        cursor.execute("CREATE OR REPLACE TEMP TABLE rows_in_memory AS {query}".replace("{query}", query))
        cursor.execute("CREATE OR REPLACE TEMP VIEW typed_rows AS SELECT rowid AS row_no, * FROM rows_in_memory")
    cursor.execute("CREATE OR REPLACE TEMP VIEW typed AS FROM typed_rows")


def mark(
    cursor: duckdb.DuckDBPyConnection, rows: str, reason: str, parameters: Mapping[str, object] | None = None
) -> None:
    """Give a reason to the rows of a query for `row_no`, none of which has one yet."""
    statement = "CREATE OR REPLACE TEMP TABLE newly_marked AS SELECT row_no FROM ({rows})"
    cursor.execute(statement.replace("{rows}", rows), dict(parameters or {}))
    # Never an insert of no rows: DuckDB 2.0.0 loses a large one that follows it in the same transaction.
    if cursor.execute("SELECT count(*) FROM newly_marked").fetchone()[0]:
        cursor.execute("INSERT INTO typed_marks SELECT row_no, $reason FROM newly_marked", {"reason": reason})
        cursor.execute(_MARKED)
    cursor.execute("DROP TABLE newly_marked")


def leave_out_duplicates(cursor: duckdb.DuckDBPyConnection) -> None:
    """Rows with the reason `duplicate` are not in `typed` any more."""
    if cursor.execute("SELECT count(*) FROM typed_marks").fetchone()[0]:
        cursor.execute(_MARKED + " WHERE coalesce(marks.reason, laid.reason) IS DISTINCT FROM 'duplicate'")


def _write(cursor: duckdb.DuckDBPyConnection, query: str, folder: Path, n_columns: int) -> None:
    """Write the rows to a file and make them the view `typed_rows`."""
    for earlier in folder.glob("typed-*.parquet"):
        earlier.unlink()
    file = folder / f"typed-{secrets.token_hex(4)}.parquet"
    n_rows = min(_MOST_ROWS_OF_GROUP, max(_FEWEST_ROWS_OF_GROUP, _CELLS_OF_GROUP // n_columns))
    options = f"FORMAT parquet, COMPRESSION lz4, ROW_GROUP_SIZE {n_rows:d}"
    cursor.execute(" ".join(("COPY (", query, ") TO", literal(str(file)), "(", options, ")")))
    view = """
        CREATE OR REPLACE TEMP VIEW typed_rows AS
        SELECT file_row_number AS row_no, * EXCLUDE (file_row_number)
        FROM read_parquet({file}, file_row_number = true)
    """
    cursor.execute(view.replace("{file}", literal(str(file))))
