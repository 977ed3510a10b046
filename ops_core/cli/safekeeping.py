"""`opsdeck undo`, `backup`, `restore`: nothing that a person loaded gets lost."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path

import click

from ops_core.cli.places import existing, made, path_of, workspace_option
from ops_core.errors import QueryError, StoreError
from ops_core.locale import Translator
from ops_core.places import ENDING
from ops_core.workspace import Workspace


def undo_command(t: Translator) -> click.Command:
    """Take a batch out again."""

    def undo(batch: int | None, name: str | None, yes: bool) -> int:
        path = existing(name)
        with Workspace.open(path) as workspace:
            batches = workspace.batches()
            known = [int(one) for one in batches["batch_id"]]
            chosen = batch if batch is not None else max(known, default=0)
            if chosen not in known:
                raise QueryError("unknown_batch", batch_id=chosen, known=known or "—")
            row = batches[batches["batch_id"] == chosen].iloc[0]
            asked = t("cli.undo.sure", batch=chosen, file=row["file_name"], n=int(row["rows_loaded"]), name=path.stem)
            if not yes:
                click.confirm(asked, abort=True)
            workspace.undo(chosen)
        click.echo(t("cli.undo.done", batch=chosen, name=path.stem))
        return 0

    return click.Command(
        "undo",
        callback=undo,
        help=t("cli.help.undo"),
        params=[
            click.Argument(["batch"], type=int, required=False),
            workspace_option(t),
            click.Option(["--yes"], is_flag=True, help=t("cli.help.yes")),
        ],
    )


def backup_command(t: Translator) -> click.Command:
    """Copy a workspace to a file."""

    def backup(target: str, name: str | None) -> int:
        path = existing(name)
        into = Path(target)
        if into.is_dir():
            into /= f"{path.stem}-{dt.datetime.now(dt.UTC):%Y%m%d-%H%M%S}{ENDING}"
        if into.exists():
            raise StoreError("backup_exists", path=into)
        with Workspace.open(path) as workspace:
            workspace.backup(into)
        click.echo(t("cli.backup.done", name=path.stem, path=into))
        return 0

    return click.Command(
        "backup", callback=backup, help=t("cli.help.backup"), params=[click.Argument(["target"]), workspace_option(t)]
    )


def restore_command(t: Translator) -> click.Command:
    """Make a workspace from a backup; what was there is kept under another name."""

    def restore(source: str, name: str | None, replace: bool) -> int:
        path = path_of(name or Path(source).stem)
        if not Path(source).is_file():
            raise StoreError("no_such_backup", path=source)
        if path.exists() and not replace:
            raise StoreError("restore_would_replace", name=path.stem)
        arriving = made(path).with_suffix(".restoring")
        shutil.copyfile(source, arriving)
        try:
            Workspace.open(arriving).close()  # a damaged backup is refused before anything is replaced
        except StoreError:
            arriving.unlink()
            raise
        if path.exists():
            _refuse_if_in_use(path)
            click.echo(t("cli.restore.aside", path=_set_aside(path)))
        arriving.replace(path)
        click.echo(t("cli.restore.done", name=path.stem))
        return 0

    return click.Command(
        "restore",
        callback=restore,
        help=t("cli.help.restore"),
        params=[
            click.Argument(["source"]),
            workspace_option(t),
            click.Option(["--replace"], is_flag=True, help=t("cli.help.replace")),
        ],
    )


def _refuse_if_in_use(path: Path) -> None:
    """Opening a workspace proves that no other program holds it; a damaged one may be replaced."""
    try:
        Workspace.open(path).close()
    except StoreError as refusal:
        if refusal.code == "workspace_in_use":
            raise


def _set_aside(path: Path) -> Path:
    """Rename a workspace file, and the log beside it, which would else be taken for the restored file's."""
    aside = path.with_name(f"{path.stem} {dt.datetime.now(dt.UTC):%Y%m%d-%H%M%S}{ENDING}")
    log = path.with_name(f"{path.name}.wal")
    if log.exists():
        log.replace(aside.with_name(f"{aside.name}.wal"))
    return path.replace(aside)
