"""`opsdeck undo`, `backup`, `restore`: nothing that a person loaded gets lost."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import click

from ops_core.cli.places import existing, path_of, workspace_option
from ops_core.errors import OpsError, StoreError
from ops_core.locale import Translator
from ops_core.places import ENDING
from ops_core.store.backup import last_good, restore
from ops_core.workspace import Workspace

# What `backup` adds to a workspace's name.
_STAMP = re.compile(r"-(auto-)?\d{8}(-\d{6}){1,2}$")


def undo_command(t: Translator) -> click.Command:
    """Take a batch out again."""

    def run(batch: int | None, name: str | None, yes: bool) -> int:
        path = existing(name)
        with Workspace.open(path) as workspace:
            batches = workspace.batches()
            known = [int(one) for one in batches["batch_id"]]
            chosen = batch if batch is not None else max(known, default=0)
            if chosen not in known:
                raise StoreError("unknown_batch", batch_id=chosen, known=known or "—")
            row = batches[batches["batch_id"] == chosen].iloc[0]
            asked = t("cli.undo.sure", batch=chosen, file=row["file_name"], n=int(row["rows_loaded"]), name=path.stem)
            if not yes:
                click.confirm(asked, abort=True)
            workspace.undo(chosen)
        click.echo(t("cli.undo.done", batch=chosen, name=path.stem))
        return 0

    return click.Command(
        "undo",
        callback=run,
        help=t("cli.help.undo"),
        params=[
            click.Argument(["batch"], type=int, required=False),
            workspace_option(t),
            click.Option(["--yes"], is_flag=True, help=t("cli.help.yes")),
        ],
    )


def backup_command(t: Translator) -> click.Command:
    """Copy a workspace to a file."""

    def run(target: str | None, name: str | None) -> int:
        path = existing(name)
        into = None if target is None else Path(target)
        if into is not None and into.is_dir():
            into /= f"{path.stem}-{dt.datetime.now(dt.UTC):%Y%m%d-%H%M%S}{ENDING}"
        with Workspace.open(path) as workspace:
            written = workspace.backup(into)
        click.echo(t("cli.backup.done", name=path.stem, path=written))
        return 0

    return click.Command(
        "backup",
        callback=run,
        help=t("cli.help.backup"),
        params=[click.Argument(["target"], required=False), workspace_option(t)],
    )


def restore_command(t: Translator) -> click.Command:
    """Make a workspace from a backup; what was there is kept under another name."""

    def run(source: str, name: str | None, replace: bool) -> int:
        path = path_of(name or _STAMP.sub("", Path(source).stem))
        if path.exists() and not replace:
            raise StoreError("restore_would_replace", name=path.stem)
        aside = restore(source, path)
        if aside is not None:
            click.echo(t("cli.restore.aside", path=aside))
        click.echo(t("cli.restore.done", name=path.stem))
        return 0

    return click.Command(
        "restore",
        callback=run,
        help=t("cli.help.restore"),
        params=[
            click.Argument(["source"]),
            workspace_option(t, "cli.help.restored"),
            click.Option(["--replace"], is_flag=True, help=t("cli.help.replace")),
        ],
    )


def rescue(refusal: OpsError, t: Translator) -> str | None:
    """What else a person can do: with a damaged workspace its newest backup that opens, and the command that puts it in
    place; with one that is open elsewhere the ways on from there.
    """
    if refusal.code == "workspace_in_use":
        return t("cli.in_use_hint")
    if refusal.code != "workspace_damaged":
        return None
    path = path_of(Path(str(refusal.values["path"])).stem)
    good = last_good(path)
    return good and t("cli.restore.offer", path=good, command=f'opsdeck restore "{good}" -w "{path.stem}" --replace')
