"""`opsdeck watch`: files that are put into a folder are loaded by themselves."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import click

from ops_core.cli.files import tell, tell_refusal
from ops_core.cli.places import made, newest, path_of, workspace_option
from ops_core.errors import StoreError
from ops_core.intake.folder import FolderWatch, watched_files
from ops_core.intake.load import LoadOptions
from ops_core.intake.meaning import KINDS
from ops_core.locale import Translator
from ops_core.places import workspace_path
from ops_core.workspace import Workspace


def watch_command(t: Translator) -> click.Command:
    """Load what appears in a folder, until stopped."""

    def run(folder: str, name: str | None, kind: str, source_time_zone: str | None, every: float, once: bool) -> int:
        path = path_of(name) if name else newest() or workspace_path(Path(folder).resolve().name)
        watch = FolderWatch(Path(folder), LoadOptions(kind, None, source_time_zone))
        watch.ready()  # a folder that is not there is refused before anything is made
        click.echo(t("cli.watch.begins", folder=folder, name=path.stem, seconds=t.number(every)))
        told_refused = waiting = False
        while True:
            time.sleep(every)
            files = watch.ready()
            if files or not told_refused:
                try:
                    with Workspace.open(made(path)) as workspace:
                        if not told_refused:
                            _tell_refused(workspace, Path(folder), t)
                        told_refused, waiting = True, False
                        _take(watch, files, workspace, t)
                except StoreError as busy:
                    if busy.code != "workspace_in_use" or once:
                        raise
                    if not waiting:
                        click.echo(t("cli.watch.waiting", reason=busy.sentence(t)), err=True)
                        click.echo(t("cli.in_use_hint"), err=True)
                    waiting = True
            if once:
                return 0

    return click.Command(
        "watch",
        callback=run,
        help=t("cli.help.watch"),
        params=[
            click.Argument(["folder"]),
            workspace_option(t),
            click.Option(["--kind"], type=click.Choice(("auto", *KINDS)), default="auto", help=t("cli.help.kind")),
            click.Option(["--source-time-zone"], help=t("cli.help.source_time_zone")),
            click.Option(["--every"], type=click.FloatRange(0.1, 3600), default=5.0, help=t("cli.help.every")),
            click.Option(["--once"], is_flag=True, help=t("cli.help.once")),
        ],
    )


def _take(watch: FolderWatch, files: Sequence[Path], workspace: Workspace, t: Translator) -> None:
    for outcome in watch.take(workspace.store, files):
        if outcome.report is not None:
            tell(outcome.report, t)
        else:
            tell_refusal(outcome, t)


def _tell_refused(workspace: Workspace, folder: Path, t: Translator) -> None:
    """Files of the folder that were refused on an earlier day and still wait for a person."""
    known = watched_files(workspace.store)
    for row in known[known["batch_id"].isna()].itertuples(index=False):
        if (folder / row.file_name).exists():
            reason = row.refusal_zh if t.language == "zh" else row.refusal_en
            click.echo(t("cli.load.refused", file=row.file_name, reason=reason), err=True)
