"""Copies of a workspace file that can be trusted: made while others write, checked before they are used.

A backup is a snapshot of one instant. It is written beside its place under another name and moved there when it is
whole, so that a file with a backup's name is always a whole one.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import secrets
import shutil
from pathlib import Path

from ops_core.errors import StoreError
from ops_core.store.schema import quote
from ops_core.store.store import Store

FOLDER = "backups"
_ENDING = ".duckdb"
_STAMP = "%Y%m%d-%H%M%S-%f"


def backup(store: Store, path: str | Path | None = None) -> Path:
    """Copy the workspace as it is at this instant, while others go on reading and writing; returns the file.

    Without a path the copy goes to the folder `backups` beside the workspace file, named by the moment.

    Raises:
        StoreError: the file exists already, or cannot be written.
    """
    target = Path(path) if path is not None else _own_place(store)
    if target.exists():
        raise StoreError("backup_exists", path=str(target))
    staged = store.staging / f"backup-{secrets.token_hex(4)}{_ENDING}"
    arriving = target.with_name(target.name + ".part")
    try:
        _copy(store, staged)
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


def restore(backup_path: str | Path, path: str | Path) -> Path | None:
    """Put a backup in the place of a workspace file; returns where the old file now lies (`None` if there was none).

    Raises:
        StoreError: the backup is missing or damaged, or the workspace is open in another program; nothing changed.
    """
    source, target = Path(backup_path), Path(path)
    if not source.is_file():
        raise StoreError("no_such_backup", path=str(source))
    target.parent.mkdir(parents=True, exist_ok=True)
    arriving = target.with_name(f"{target.stem}.restoring-{secrets.token_hex(4)}{_ENDING}")
    try:
        shutil.copyfile(source, arriving)
        Store.open(arriving).close()
        _refuse_if_held(target)
        aside = _set_aside(target)
        arriving.replace(target)
    finally:
        for left in (arriving, _log(arriving)):
            left.unlink(missing_ok=True)
    return aside


def backups(path: str | Path) -> list[Path]:
    """The backups of a workspace file in its folder `backups`, newest first."""
    target = Path(path)
    found = (target.parent / FOLDER).glob(f"{target.stem}-*{_ENDING}")
    return sorted(found, key=lambda file: file.name, reverse=True)


def last_good(path: str | Path) -> Path | None:
    """The newest backup of a workspace file that opens, or `None`: what to offer when the file itself is damaged."""
    for candidate in backups(path):
        with contextlib.suppress(StoreError):
            Store.open(candidate).close()
            return candidate
    return None


def _copy(store: Store, staged: Path) -> None:
    alias = f"copy_{secrets.token_hex(4)}"
    with store.cursor() as cursor:
        name = cursor.execute("SELECT current_database()").fetchone()[0]
        attach = "ATTACH {file} AS {alias}"
        literal = "'" + str(staged).replace("'", "''") + "'"
        cursor.execute(attach.replace("{file}", literal).replace("{alias}", alias))
        try:
            copy = "COPY FROM DATABASE {name} TO {alias}"
            cursor.execute(copy.replace("{name}", quote(name)).replace("{alias}", alias))
        finally:
            detach = "DETACH {alias}"
            cursor.execute(detach.replace("{alias}", alias))


def _own_place(store: Store) -> Path:
    path = Path(store.path)
    return path.parent / FOLDER / f"{path.stem}-{dt.datetime.now(dt.UTC).strftime(_STAMP)}{_ENDING}"


def _refuse_if_held(target: Path) -> None:
    """Opening the file proves that no other program holds it; a damaged one may be replaced."""
    if not target.exists():
        return
    try:
        Store.open(target).close()
    except StoreError as refusal:
        if refusal.code == "workspace_in_use":
            raise


def _set_aside(target: Path) -> Path | None:
    """Rename a workspace file and its log, which would else be taken for the restored file's."""
    if not target.exists():
        return None
    stamp = dt.datetime.now(dt.UTC).strftime(_STAMP)
    aside = target.with_name(f"{target.stem} {stamp}{_ENDING}")
    if _log(target).exists():
        _log(target).replace(_log(aside))
    return target.replace(aside)


def _log(path: Path) -> Path:
    return path.with_name(path.name + ".wal")
