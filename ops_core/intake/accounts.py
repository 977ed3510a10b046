"""Rows that are not loaded: found, listed with their line and what is wrong, and those that are there already."""

from __future__ import annotations

import json

import duckdb
import numpy as np
import pandas as pd

from ops_core.intake import typed_rows
from ops_core.intake.notes import SHOWN_CHARACTERS
from ops_core.intake.proof import Typed
from ops_core.intake.report import PROBLEM_COLUMNS, no_problems
from ops_core.intake.source import Source

_HASHES_AT_ONCE = 30_000_000
_N_HASHES = 1 << 64
# What a field's problem is called, for the column shown beside it.
_FIELD_OF_REASON = {
    "user_missing": "user_id", "event_missing": "event", "time_missing": "occurred_at", "time_unread": "occurred_at",
    "time_in_future": "occurred_at", "value_unread": "value", "quantity_unread": "quantity",
    "price_unread": "unit_price", "variant_missing": "variant", "cost_missing": "value",
}  # fmt: skip


def problems(cursor: duckdb.DuckDBPyConnection, source: Source, typed: Typed) -> pd.DataFrame:
    """Everything quarantined: rejected while reading, and rows of `typed` with a reason. Sorted by line."""
    found = [rejected(source)]
    fields = {field.name: field for field in typed.fields}
    reasons = cursor.execute("SELECT DISTINCT reason FROM typed WHERE reason IS NOT NULL").fetchall()
    for (reason,) in reasons:
        field = fields.get(_FIELD_OF_REASON.get(reason, ""))
        has_cell = field is not None and field.constant is None
        statement = "SELECT typed.line, {cell} AS value FROM typed JOIN staged USING (line) WHERE reason = $reason"
        cell = f"left({field.source}, {SHOWN_CHARACTERS})" if has_cell else "NULL::VARCHAR"
        rows = cursor.execute(statement.replace("{cell}", cell), {"reason": reason}).df()
        rows["column_name"] = field.label if has_cell else None
        rows["reason"] = reason
        rows["detail"] = "{}"
        found.append(rows)
    together = pd.concat([one for one in found if len(one)], ignore_index=True) if any(map(len, found)) else None
    if together is None:
        return no_problems()
    together = together.astype(object).where(together.notna(), None)
    return together[list(PROBLEM_COLUMNS)].sort_values("line", ignore_index=True)


def mark_repeated(cursor: duckdb.DuckDBPyConnection, typed: Typed, has_event_id: bool) -> None:
    """Give rows of `typed` that stand earlier in the same file the reason `duplicate`.

    Same event id; where there is none, equal in every column of the source.
    """
    repeated = _repeated_hashes(cursor)
    if not len(repeated):
        return
    # A result of which only the first row was fetched blocks register(); this one is fetched to its end.
    cursor.execute("SELECT 1").fetchall()
    cursor.register("repeated_hashes", pd.DataFrame({"row_hash": repeated}))
    names = [
        name
        for field in typed.fields
        for name in ((f"{field.name}_wall", f"{field.name}_utc") if typed.type(field.name) == "time" else (field.name,))
    ]
    parts = [("true", ["row_hash", *names])]
    if has_event_id:
        parts = [("event_id IS NOT NULL", ["event_id"]), ("event_id IS NULL", ["row_hash", *names])]
    for which, cells in parts:
        rows = """
            SELECT row_no FROM (
                SELECT row_no, row_number() OVER (PARTITION BY {cells} ORDER BY line, row_no) AS nth
                FROM typed SEMI JOIN repeated_hashes USING (row_hash) WHERE reason IS NULL AND {which}
            ) WHERE nth > 1
        """
        typed_rows.mark(cursor, rows.replace("{cells}", ", ".join(cells)).replace("{which}", which), "duplicate")
    cursor.unregister("repeated_hashes")


def _repeated_hashes(cursor: duckdb.DuckDBPyConnection) -> np.ndarray:
    """Row hashes that occur more than once; sorting them in arrays takes a tenth of the time of grouping them."""
    n = cursor.execute("SELECT count(*) FROM typed").fetchone()[0]
    parts = n // _HASHES_AT_ONCE + 1
    found = []
    for part in range(parts):
        # Ranges: remainders of unsigned numbers are worked out in 128 bits, which takes longer than all the rest.
        which = " AND row_hash >= $low::UBIGINT AND row_hash <= $high::UBIGINT" if parts > 1 else ""
        query = "SELECT row_hash FROM typed WHERE reason IS NULL {which}"
        edges = {"low": part * _N_HASHES // parts, "high": (part + 1) * _N_HASHES // parts - 1}
        result = cursor.execute(query.replace("{which}", which), edges if which else {})
        hashes = np.asarray(result.fetchnumpy()["row_hash"])
        hashes.sort()
        found.append(np.unique(hashes[1:][hashes[1:] == hashes[:-1]]))
    return np.concatenate(found)


def duplicates(cursor: duckdb.DuckDBPyConnection, typed: Typed) -> pd.DataFrame:
    """Rows left out because they are there already: line (unknown in big files), and the cells of the roles."""
    names = [field.name for field in typed.fields if not field.is_property and field.constant is None]
    cells = "".join(
        f", coalesce({name}_utc, {name}_wall) AS {name}" if typed.type(name) == "time" else f", {name}"
        for name in names
    )
    query = "SELECT line {cells} FROM typed WHERE reason = 'duplicate' ORDER BY line, row_no"
    return cursor.execute(query.replace("{cells}", cells)).df()


def set_repeats_apart(cursor: duckdb.DuckDBPyConnection, table: str, n_lines: str) -> None:
    """Copy the rows of `known_incoming` to `repeated_incoming`; `n_lines`: SQL for the source lines of each."""
    statement = """
        CREATE OR REPLACE TEMP TABLE repeated_incoming AS
        SELECT *, ({n_lines})::BIGINT AS n_lines FROM {table} SEMI JOIN known_incoming USING (line)
    """
    cursor.execute(statement.replace("{table}", table).replace("{n_lines}", n_lines))


def take_out_duplicates(cursor: duckdb.DuckDBPyConnection) -> None:
    """Count duplicates as such, not as quarantined: their rows leave `typed`."""
    typed_rows.leave_out_duplicates(cursor)


def store_problems(cursor: duckdb.DuckDBPyConnection, batch_id: int, found: pd.DataFrame) -> None:
    """Keep the quarantine with the batch."""
    if not len(found):
        return
    # A result of which only the first row was fetched blocks register(); this one is fetched to its end.
    cursor.execute("SELECT 1").fetchall()
    cursor.register("found_problems", found.astype({"line": "Int64"}))
    cursor.execute(
        """
        INSERT INTO quarantine (batch_id, line, column_name, value, reason, detail)
        SELECT $batch_id, line, column_name::VARCHAR, value::VARCHAR, reason, detail FROM found_problems
        """,
        {"batch_id": batch_id},
    )
    cursor.unregister("found_problems")


def rejected(source: Source) -> pd.DataFrame:
    """Rows that could not be placed while reading, as problems."""
    rows = [
        (one.line, one.column, one.raw[:SHOWN_CHARACTERS], one.code, json.dumps(dict(one.values), ensure_ascii=False))
        for one in source.rejects
    ]
    return pd.DataFrame(rows, columns=list(PROBLEM_COLUMNS))
