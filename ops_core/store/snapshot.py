"""A workspace copied as it is at one instant, and where such copies lie.

A copy is written beside its place under another name and moved there when it is whole.
"""

from __future__ import annotations

import datetime as dt
import os
import secrets
import shutil
from pathlib import Path

import duckdb

from ops_core.errors import StoreError
from ops_core.store.schema import quote

FOLDER = "backups"
ENDING = ".duckdb"
STAMP = "%Y%m%d-%H%M%S-%f"
AUTOMATIC = "auto-"
KEPT = 5


def place(path: str, prefix: str = "") -> Path:
    """Where a copy of a workspace file made now goes: the folder `backups` beside it, named by the moment."""
    file = Path(path)
    return file.parent / FOLDER / f"{file.stem}-{prefix}{dt.datetime.now(dt.UTC).strftime(STAMP)}{ENDING}"


def automatic_ones(path: str) -> list[Path]:
    """The copies of a workspace file that nobody asked for, the newest first."""
    file = Path(path)
    return sorted((file.parent / FOLDER).glob(f"{file.stem}-{AUTOMATIC}*{ENDING}"), reverse=True)


def copy(cursor: duckdb.DuckDBPyConnection, staging: Path, target: Path) -> Path:
    """Write all that the cursor's workspace holds to a file that is not there yet; returns it.

    Raises:
        StoreError: it cannot be written.
    """
    staged = staging / f"backup-{secrets.token_hex(4)}{ENDING}"
    arriving = target.with_name(target.name + ".part")
    try:
        _copy(cursor, staged)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(staged, arriving)
        with arriving.open("rb+") as file:
            os.fsync(file.fileno())
        arriving.replace(target)
    except OSError as error:
        raise StoreError("backup_failed", path=str(target), reason=error.strerror or str(error)) from error
    finally:
        staged.unlink(missing_ok=True)
        arriving.unlink(missing_ok=True)
    return target


def _copy(cursor: duckdb.DuckDBPyConnection, staged: Path) -> None:
    alias = f"copy_{secrets.token_hex(4)}"
    name = cursor.execute("SELECT current_database()").fetchone()[0]
    attach = "ATTACH {file} AS {alias}"
    literal = "'" + str(staged).replace("'", "''") + "'"
    cursor.execute(attach.replace("{file}", literal).replace("{alias}", alias))
    try:
        copied = "COPY FROM DATABASE {name} TO {alias}"
        cursor.execute(copied.replace("{name}", quote(name)).replace("{alias}", alias))
    finally:
        detach = "DETACH {alias}"
        cursor.execute(detach.replace("{alias}", alias))
