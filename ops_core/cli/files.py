"""`opsdeck load` and `opsdeck convert`: files in, and files cleaned."""

from __future__ import annotations

from pathlib import Path

import click
import pandas as pd

from ops_core.cli.places import made, newest, path_of, workspace_option
from ops_core.intake.convert import convert
from ops_core.intake.diff_words import sentences, would_go_words
from ops_core.intake.folder import Outcome, load_files, table_files
from ops_core.intake.instead import period_of
from ops_core.intake.load import DATE_ORDERS, LoadOptions, would_go_for
from ops_core.intake.meaning import KINDS
from ops_core.intake.report import IntakeReport
from ops_core.locale import Translator
from ops_core.places import workspace_path
from ops_core.workspace import Workspace

_SHOWN_REJECTS = 5


def load_command(t: Translator) -> click.Command:
    """Load files into a workspace, which is made where there is none."""

    def run(
        files: tuple[str, ...],
        name: str | None,
        kind: str,
        time_zone: str,
        source_time_zone: str | None,
        as_of: str | None,
        date_order: str | None,
        replace: str | None,
        yes: bool,
    ) -> int:
        found = table_files(files)
        if replace is not None and len(found) > 1:
            raise click.UsageError(t("cli.load.replace_one"))
        path = path_of(name) if name else newest() or workspace_path(Path(files[0]).stem)
        is_new = not path.exists()
        instead = None if replace is None else period_of(replace)
        options = LoadOptions(kind, None, source_time_zone, as_of, date_order, replace=instead)
        loaded, refusals = 0, []
        with Workspace.open(made(path), time_zone=time_zone) as workspace:
            click.echo(t("cli.load.into", name=path.stem, zone=workspace.rules.zone))
            if instead is not None:
                _ask(workspace, found[0], options, t, sure=yes)
            for outcome in load_files(workspace.store, found, options):
                if outcome.report is not None:
                    loaded += 1
                    tell(outcome.report, t)
                    _compare(workspace, outcome.report, t)
                elif outcome.refusal is not None:
                    refusals.append(outcome)
        if is_new and not loaded:  # refused files leave no empty workspace behind
            path.unlink(missing_ok=True)
        if len(found) == len(refusals) == 1:
            raise refusals[0].refusal
        for outcome in refusals:
            tell_refusal(outcome, t)
        return int(bool(refusals))

    return click.Command(
        "load",
        callback=run,
        help=t("cli.help.load"),
        params=[
            click.Argument(["files"], nargs=-1, required=True),
            workspace_option(t),
            click.Option(["--kind"], type=click.Choice(("auto", *KINDS)), default="auto", help=t("cli.help.kind")),
            click.Option(["--time-zone"], default="UTC", help=t("cli.help.time_zone")),
            click.Option(["--source-time-zone"], help=t("cli.help.source_time_zone")),
            click.Option(["--as-of"], help=t("cli.help.as_of")),
            click.Option(["--date-order"], type=click.Choice(DATE_ORDERS), help=t("cli.help.date_order")),
            click.Option(["--replace"], metavar="all|FROM..TO", help=t("cli.help.load_replace")),
            click.Option(["--yes"], is_flag=True, help=t("cli.help.yes")),
        ],
    )


def _ask(workspace: Workspace, path: Path, options: LoadOptions, t: Translator, *, sure: bool) -> None:
    """Say exactly what would go, and ask once."""
    going = would_go_for(workspace.store, path, options)
    for sentence in would_go_words(going, options.replace, t):
        click.echo(sentence)
    if len(going) and not sure:
        click.confirm(t("cli.load.replace_sure"), abort=True)


def _compare(workspace: Workspace, report: IntakeReport, t: Translator) -> None:
    """Print what the file says differently from the one before it."""
    if report.batch_id is not None:
        diff = workspace.upload_diff(report.batch_id)
        for sentence in sentences(diff, t) if diff.previous is not None else ():
            click.echo(f"  {sentence}")


def convert_command(t: Translator) -> click.Command:
    """Write a file as clean CSV, with a list of the lines that are not in it."""

    def run(files: tuple[str, ...], out: str) -> int:
        for file in files:
            done = convert(file, out, t=t)
            click.echo(
                t(
                    "cli.convert.account",
                    file=Path(file).name,
                    rows=t.number(done.rows_in_file),
                    converted=t.number(done.rows_converted),
                    rejected=t.number(done.rows_rejected),
                    target=done.converted,
                    rejects=done.rejects,
                )
            )
            for note in done.notes:
                click.echo(f"  {note.sentence(t)}")
        return 0

    return click.Command(
        "convert",
        callback=run,
        help=t("cli.help.convert"),
        params=[
            click.Argument(["files"], nargs=-1, required=True),
            click.Option(["--out"], default=".", help=t("cli.help.out")),
        ],
    )


def tell(report: IntakeReport, t: Translator) -> None:
    """Print the account of a file."""
    if report.batch_id is None:
        click.echo(t("cli.load.known", file=report.file_name, batch=report.same_as_batch))
        return
    click.echo(
        t(
            "cli.load.account",
            file=report.file_name,
            batch=report.batch_id,
            read=t.number(report.rows_read),
            loaded=t.number(report.rows_loaded),
            duplicate=t.number(report.rows_duplicate),
            quarantined=t.number(report.rows_quarantined),
        )
    )
    for sentence in report.sentences(t):
        click.echo(f"  {sentence}")
    for row in report.quarantined_in(t).head(_SHOWN_REJECTS).itertuples(index=False):
        why = {"line": row.line, "reason": row.reason, "remedy": row.remedy}
        if pd.isna(row.column):
            said = t("cli.load.reject_row", **why)
        elif pd.isna(row.value):
            said = t("cli.load.reject_empty", **why, column=row.column)
        else:
            said = t("cli.load.reject", **why, column=row.column, value=row.value)
        click.echo(f"  {said}")
    if report.rows_quarantined > _SHOWN_REJECTS:
        click.echo("  " + t("cli.load.more", rows=t.number(report.rows_quarantined - _SHOWN_REJECTS)))


def tell_refusal(outcome: Outcome, t: Translator) -> None:
    """Print why a file was not taken."""
    if outcome.refusal is not None:
        click.echo(t("cli.load.refused", file=outcome.path.name, reason=outcome.refusal.sentence(t)), err=True)
