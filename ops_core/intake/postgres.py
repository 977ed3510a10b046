"""A table of a PostgreSQL database as a batch, through its own driver (optional extra `opsdeck[postgres]`).

The connection string comes from a file or from the environment variable `OPSDECK_POSTGRES`; it is neither an argument
that other people on the machine could see, nor stored in the workspace. The server copies the table out as text inside
one read-only transaction, and that text takes the way of every file: memory stays bounded, every row is accounted for.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from ops_core.errors import IntakeError, nearest
from ops_core.intake.load import LoadOptions, load
from ops_core.intake.report import IntakeReport
from ops_core.intake.watch import Watch
from ops_core.store import Store
from ops_core.store.schema import quote

if TYPE_CHECKING:
    import psycopg

VARIABLE = "OPSDECK_POSTGRES"
_SESSION = "-c default_transaction_read_only=on -c timezone=UTC -c datestyle=ISO -c extra_float_digits=1"
_CONNECT_SECONDS = 10
_OWN_SCHEMAS = "table_schema NOT IN ('information_schema', 'pg_catalog')"


def load_table(
    store: Store,
    table: str,
    connection_file: str | Path | None = None,
    options: LoadOptions | None = None,
    watch: Watch | None = None,
) -> IntakeReport:
    """Load a table or view (`orders`, `sales.orders`) as one batch; see `load`.

    Raises:
        IntakeError: the driver is not installed, no connection string is given, the server cannot be reached or does
            not allow it, there is no such table, or the rows cannot be taken.
    """
    watch = watch or Watch()
    with tempfile.TemporaryDirectory(prefix="opsdeck-table-") as folder:
        with _connected(connection_file) as connection:
            schema, name = _found(connection, table)
            # The batch is called by the file's name.
            target = Path(folder) / re.sub(r"[^\w.\-]", "_", f"{schema}.{name}")
            _copy(connection, schema, name, target, watch)
        return load(store, target, options or LoadOptions(), watch)


def tables(connection_file: str | Path | None = None) -> list[str]:
    """The tables and views that can be read, as `schema.name`.

    Raises:
        IntakeError: as `load_table`.
    """
    with _connected(connection_file) as connection:
        return [f"{schema}.{name}" for schema, name in _tables(connection)]


@contextlib.contextmanager
def _connected(connection_file: str | Path | None) -> Iterator[psycopg.Connection]:
    driver = _driver()
    given = _connection_text(connection_file)
    try:
        with driver.connect(given, options=_SESSION, connect_timeout=_CONNECT_SECONDS) as connection:
            yield connection
    except driver.Error as error:
        reason = str(error).strip().splitlines()
        raise IntakeError("postgres_failed", reason=reason[0] if reason else type(error).__name__) from None


def _driver() -> ModuleType:
    try:
        return importlib.import_module("psycopg")
    except ImportError:
        raise IntakeError("postgres_not_installed", command="pip install 'opsdeck[postgres]'") from None


def _connection_text(file: str | Path | None) -> str:
    if file is None:
        given = os.environ.get(VARIABLE, "")
    else:
        try:
            given = Path(file).read_text(encoding="utf-8")
        except OSError:
            raise IntakeError("file_missing", file=str(file)) from None
    if not given.strip():
        raise IntakeError("postgres_no_connection", variable=VARIABLE)
    return given.strip()


def _tables(connection: psycopg.Connection) -> list[tuple[str, str]]:
    query = "SELECT table_schema, table_name FROM information_schema.tables WHERE {own} ORDER BY 1, 2"
    return connection.execute(query.replace("{own}", _OWN_SCHEMAS)).fetchall()


def _found(connection: psycopg.Connection, table: str) -> tuple[str, str]:
    """Schema and name of a table as asked for: whole, or by its name where one schema only has it."""
    known = _tables(connection)
    whole = [(schema, name) for schema, name in known if f"{schema}.{name}" == table]
    by_name = [(schema, name) for schema, name in known if name == table]
    found = whole or [one for one in by_name if one[0] == "public"] or by_name
    if len(found) != 1:
        names = [f"{schema}.{name}" for schema, name in found or known]
        raise IntakeError("postgres_unknown_table", table=table, nearest=nearest(table, names) or names[:12] or "—")
    return found[0]


def _copy(connection: psycopg.Connection, schema: str, name: str, target: Path, watch: Watch) -> None:
    """Have the server write the table as CSV; truth values in full, since `t` and `f` could mean anything."""
    query = """
        SELECT column_name, data_type FROM information_schema.columns
        WHERE table_schema = %(schema)s AND table_name = %(name)s ORDER BY ordinal_position
    """
    columns = connection.execute(query, {"schema": schema, "name": name}).fetchall()
    cells = ", ".join(
        f"{quote(column)}::text AS {quote(column)}" if kind == "boolean" else quote(column) for column, kind in columns
    )
    statement = "COPY (SELECT {cells} FROM {schema}.{name}) TO STDOUT WITH (FORMAT csv, HEADER, ENCODING 'UTF8')"
    # In one pass: a name may look like a placeholder.
    parts = {"{cells}": cells, "{schema}": quote(schema), "{name}": quote(name)}
    statement = re.sub(r"\{\w+\}", lambda found: parts[found[0]], statement)
    with connection.cursor() as cursor, cursor.copy(statement.encode()) as rows, target.open("wb") as file:
        for number, block in enumerate(rows):
            file.write(block)
            if number % 10_000 == 0:
                watch.step("reading", 0.0)
