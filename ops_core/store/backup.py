"""Copies of a workspace file that can be trusted: made while others write, checked before they are used.

A backup is a snapshot of one instant; a file with a backup's name is always a whole one.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import secrets
import shutil
from pathlib import Path

from ops_core.errors import StoreError
from ops_core.store import snapshot
from ops_core.store.store import MEMORY_PATH, Store

_ENDING = ".duckdb"
_DAY_SECONDS = 86_400


def backup(store: Store, path: str | Path | None = None) -> Path:
    """Copy the workspace as it is at this instant, while others go on reading and writing; returns the file.

    Without a path the copy goes to the folder `backups` beside the workspace file, named by the moment.

    Raises:
        StoreError: the file exists already, or cannot be written.
    """
    target = Path(path) if path is not None else snapshot.place(store.path)
    if target.exists():
        raise StoreError("backup_exists", path=str(target))
    with store.cursor() as cursor:
        snapshot.copy(cursor, store.staging, target)
    return target


def automatic(store: Store) -> Path | None:
    """A backup that nobody asked for, before something is taken out: the last few are kept. `None` for scratch ones.

    Where it cannot be written (a full disk), what was asked for goes on without.
    """
    if store.path == MEMORY_PATH:
        return None
    with contextlib.suppress(StoreError):
        with store.cursor() as cursor:
            target = snapshot.copy(cursor, store.staging, snapshot.place(store.path, snapshot.AUTOMATIC))
        for old in snapshot.automatic_ones(store.path)[snapshot.KEPT :]:
            old.unlink(missing_ok=True)
        return target
    return None


def daily(store: Store) -> Path | None:
    """An automatic backup where something was loaded since the last backup and that is a day old."""
    if store.path == MEMORY_PATH:
        return None
    with store.cursor() as cursor:
        loaded_at = cursor.execute("SELECT max(loaded_at) FROM batches").fetchone()[0]
    if loaded_at is None:
        return None
    now, made = dt.datetime.now(dt.UTC).timestamp(), [file.stat().st_mtime for file in backups(store.path)]
    newest = max(made, default=0.0)
    if newest >= loaded_at.replace(tzinfo=dt.UTC).timestamp() or now - newest < _DAY_SECONDS:
        return None
    return automatic(store)


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
    found = (target.parent / snapshot.FOLDER).glob(f"{target.stem}-*{_ENDING}")
    return sorted(found, key=lambda file: file.name.replace(snapshot.AUTOMATIC, ""), reverse=True)


def last_good(path: str | Path) -> Path | None:
    """The newest backup of a workspace file that opens, or `None`: what to offer when the file itself is damaged."""
    for candidate in backups(path):
        with contextlib.suppress(StoreError):
            Store.open(candidate).close()
            return candidate
    return None


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
    stamp = dt.datetime.now(dt.UTC).strftime(snapshot.STAMP)
    aside = target.with_name(f"{target.stem} {stamp}{_ENDING}")
    if _log(target).exists():
        _log(target).replace(_log(aside))
    return target.replace(aside)


def _log(path: Path) -> Path:
    return path.with_name(path.name + ".wal")
