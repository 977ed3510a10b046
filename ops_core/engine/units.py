"""Unit tables: one row per user with an arm and outcome columns, as finished A/B tests arrive.

Rows are taken as they are: how several of one user belong together (sum, last, any) only their author knows, so such
users are counted and not merged.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import duckdb
import pandas as pd

from ops_core.errors import QueryError, nearest
from ops_core.store import Store
from ops_core.store.schema import Column, quote

FAMILIES = ("denominator", "covariate")


@dataclass(frozen=True)
class UnitSpec:
    """Columns of a unit table by their own names: outcome, divisor of a ratio, the outcome from before."""

    outcome: str
    denominator: str | None = None
    covariate: str | None = None
    cap_quantile: float | None = None


@dataclass(frozen=True, eq=False)
class UnitSums:
    """Sums per arm: `table` as `metrics.Sums` has it, without days. `n_missing`: rows per arm without the outcome.

    `cap` and `largest`: the amount at which the outcome was cut, and the largest one left, as in `metrics.Sums`.
    """

    table: pd.DataFrame
    n_missing: tuple[int, ...]
    cap: float | None
    largest: float


@dataclass(frozen=True)
class UnitArms:
    """Rows per arm. Left out and counted: rows without an arm, and all rows of users seen in several arms.

    `n_repeated`: users with several rows in one arm; the rows are all there, each as a user of its own.
    """

    arms: tuple[str, ...]
    counts: tuple[int, ...]
    n_without_arm: int
    n_several_arms: int
    n_repeated: int


def unit_tables(store: Store) -> pd.DataFrame:
    """Unit tables, newest first: batch_id, name, n_rows, user_column, variant_column."""
    with store.cursor() as cursor:
        return cursor.execute(
            "SELECT batch_id, name, n_rows, user_column, variant_column FROM unit_tables ORDER BY batch_id DESC"
        ).df()


def find_table(store: Store, source: int | str) -> int | None:
    """Batch id of the unit table with this id, or of the newest with this name; `None` when there is none."""
    known = unit_tables(store)
    fits = known[(known["batch_id"] == source) if isinstance(source, int) else (known["name"] == source)]
    return int(fits["batch_id"].iloc[0]) if len(fits) else None


def column_kinds(store: Store, batch_id: int) -> pd.DataFrame:
    """Outcome columns that can be measured: name, type, is_share (only 0 and 1, or true and false), mean."""
    rows = []
    with store.cursor() as cursor:
        for column in store.columns(f"unit:{batch_id}"):
            if column.type not in ("number", "boolean"):
                continue
            statement = "SELECT bool_and({c} IN (0, 1)), avg({c}) FROM {rows} WHERE isfinite({c})"
            is_share, mean = cursor.execute(
                statement.replace("{c}", quote(column.column_name) + "::DOUBLE").replace(
                    "{rows}", _rows_table(batch_id)
                )
            ).fetchone()
            rows.append((column.name, column.type, bool(is_share), mean))
    return pd.DataFrame(rows, columns=["name", "type", "is_share", "mean"])


def arms(store: Store, batch_id: int) -> UnitArms:
    """Arms of a unit table, sorted by name.

    Raises:
        QueryError: the table has no column that says the arm.
    """
    with store.cursor() as cursor:
        has_arm = cursor.execute(
            "SELECT variant_column IS NOT NULL FROM unit_tables WHERE batch_id = $batch_id", {"batch_id": batch_id}
        ).fetchone()
        if not has_arm or not has_arm[0]:
            raise QueryError("no_variant_column")
        n_without, n_several = _lay_out(cursor, batch_id)
        rows = cursor.execute("SELECT variant, count(*) FROM unit_arms GROUP BY variant ORDER BY variant").fetchall()
        statement = """
            SELECT count(*)
            FROM (SELECT user_id FROM {rows} SEMI JOIN unit_arms USING (unit_no)
                  WHERE user_id IS NOT NULL GROUP BY user_id HAVING count(*) > 1)
        """
        n_repeated = cursor.execute(statement.replace("{rows}", _rows_table(batch_id))).fetchone()[0]
    return UnitArms(tuple(row[0] for row in rows), tuple(row[1] for row in rows), n_without, n_several, n_repeated)


def sums(store: Store, batch_id: int, spec: UnitSpec) -> UnitSums:
    """Sums of an outcome column per arm, over rows that have the outcome; an infinite one is none.

    Raises:
        QueryError: a column that is not there, or that is no number.
    """
    names = {"y": spec.outcome, "d": spec.denominator, "x": spec.covariate}
    columns = {part: _numeric(store, batch_id, name) for part, name in names.items() if name}
    with store.cursor() as cursor:
        _lay_out(cursor, batch_id)
        statement = """
            CREATE TEMP TABLE unit_values AS
            SELECT unit_arms.variant AS arm, {y}::DOUBLE AS y, {d}::DOUBLE AS d, {x}::DOUBLE AS x
            FROM {rows} AS r JOIN unit_arms ON unit_arms.unit_no = r.unit_no
        """
        for part in names:
            column = "r." + quote(columns[part].column_name) if part in columns else "0"
            statement = statement.replace("{" + part + "}", column)
        cursor.execute(statement.replace("{rows}", _rows_table(batch_id)))
        missing = cursor.execute(
            """
            SELECT count(*) - count(*) FILTER (isfinite(y) AND isfinite(d) AND isfinite(x))
            FROM unit_values GROUP BY arm ORDER BY arm
            """
        ).fetchall()
        cursor.execute("DELETE FROM unit_values WHERE (isfinite(y) AND isfinite(d) AND isfinite(x)) IS NOT TRUE")
        cap = _cut(cursor, spec.cap_quantile)
        table = _totals(cursor)
        largest = cursor.execute("SELECT coalesce(max(y), 0) FROM unit_values").fetchone()[0]
    for family, part in zip(FAMILIES, ("d", "x"), strict=True):
        if part not in columns:
            table = table.drop(columns=[family, family + "_squares", family + "_product"])
    return UnitSums(table, tuple(row[0] for row in missing), cap, largest)


def _lay_out(cursor: duckdb.DuckDBPyConnection, batch_id: int) -> tuple[int, int]:
    """Make `unit_arms` (unit_no, variant) of the rows that count; returns rows without arm, users in several arms."""
    statement = """
        CREATE TEMP TABLE crossed AS
        SELECT user_id FROM {rows} WHERE user_id IS NOT NULL AND variant IS NOT NULL
        GROUP BY user_id HAVING count(DISTINCT variant) > 1
    """
    cursor.execute(statement.replace("{rows}", _rows_table(batch_id)))
    statement = """
        CREATE TEMP TABLE unit_arms AS
        SELECT unit_no, variant FROM {rows} AS r
        WHERE variant IS NOT NULL AND NOT EXISTS (SELECT 1 FROM crossed WHERE crossed.user_id = r.user_id)
    """
    cursor.execute(statement.replace("{rows}", _rows_table(batch_id)))
    statement = "SELECT count(*) FILTER (variant IS NULL), (SELECT count(*) FROM crossed) FROM {rows}"
    return cursor.execute(statement.replace("{rows}", _rows_table(batch_id))).fetchone()


def _numeric(store: Store, batch_id: int, name: str) -> Column:
    columns = {column.name: column for column in store.columns(f"unit:{batch_id}")}
    if name not in columns:
        raise QueryError("unknown_outcome_column", name=name, nearest=nearest(name, columns))
    if columns[name].type not in ("number", "boolean"):
        usable = [column.name for column in columns.values() if column.type in ("number", "boolean")]
        raise QueryError("outcome_not_number", name=name, usable=usable)
    return columns[name]


def _cut(cursor: duckdb.DuckDBPyConnection, quantile: float | None) -> float | None:
    if quantile is None:
        return None
    caps = cursor.execute(
        "SELECT quantile_disc(y, $quantile), quantile_disc(x, $quantile) FROM unit_values", {"quantile": quantile}
    ).fetchone()
    cursor.execute("UPDATE unit_values SET y = least(y, $y), x = least(x, $x)", {"y": caps[0], "x": caps[1]})
    return caps[0]


def _totals(cursor: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    # Sums run around whole numbers near the means: compensated there, their squares keep the digits that a plain
    # sum of squares would lose; the shift back is done in exact fractions.
    shift = cursor.execute(
        "SELECT coalesce(round(avg(y)), 0), coalesce(round(avg(d)), 0), coalesce(round(avg(x)), 0) FROM unit_values"
    ).fetchone()
    rows = cursor.execute(
        """
        SELECT arm, count(*), fsum(y), fsum(d), fsum(x), fsum(y * y), fsum(d * d), fsum(x * x), fsum(y * d), fsum(y * x)
        FROM (SELECT arm, y - $y AS y, d - $d AS d, x - $x AS x FROM unit_values) GROUP BY arm ORDER BY arm
        """,
        dict(zip("ydx", shift, strict=True)),
    ).fetchall()
    found = []
    for arm, n, *raw in rows:
        y, d, x, yy, dd, xx, yd, yx = (Fraction(value) for value in raw)
        a, b, c = (Fraction(value) for value in shift)

        def product(of_first, of_second, together, first, second, n=n):
            return together + first * of_second + second * of_first + n * first * second

        found.append(
            (
                arm, n, y + n * a, product(y, y, yy, a, a), d + n * b, product(d, d, dd, b, b),
                product(y, d, yd, a, b), x + n * c, product(x, x, xx, c, c), product(y, x, yx, a, c),
            )
        )  # fmt: skip
    names = ["arm", "n", "total", "total_squares"]
    names += [family + part for family in FAMILIES for part in ("", "_squares", "_product")]
    return pd.DataFrame(found, columns=names)


def _rows_table(batch_id: int) -> str:
    return quote(f"unit_rows_{int(batch_id)}")
