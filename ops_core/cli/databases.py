"""`opsdeck load-table`: a table of a database, through its own driver."""

from __future__ import annotations

from pathlib import Path

import click

from ops_core.cli.files import tell
from ops_core.cli.places import made, newest, path_of, workspace_option
from ops_core.intake.load import LoadOptions
from ops_core.intake.meaning import KINDS
from ops_core.intake.postgres import VARIABLE, load_table
from ops_core.locale import Translator
from ops_core.places import workspace_path
from ops_core.workspace import Workspace


def load_table_command(t: Translator) -> click.Command:
    """Load a table of a PostgreSQL database into a workspace."""

    def run(
        table: str, name: str | None, connection_file: str | None, kind: str, time_zone: str, as_of: str | None
    ) -> int:
        path = path_of(name) if name else newest() or workspace_path(table.rpartition(".")[2])
        is_new, report = not path.exists(), None
        try:
            with Workspace.open(made(path), time_zone=time_zone) as workspace:
                click.echo(t("cli.load.into", name=path.stem, zone=workspace.rules.zone))
                options = LoadOptions(kind, None, None, as_of)
                report = load_table(workspace.store, table, connection_file and Path(connection_file), options)
        finally:
            if is_new and report is None:  # what was refused leaves no empty workspace behind
                path.unlink(missing_ok=True)
        tell(report, t)
        return 0

    return click.Command(
        "load-table",
        callback=run,
        help=t("cli.help.load_table", variable=VARIABLE),
        params=[
            click.Argument(["table"]),
            workspace_option(t),
            click.Option(["--connection-file"], help=t("cli.help.connection_file", variable=VARIABLE)),
            click.Option(["--kind"], type=click.Choice(("auto", *KINDS)), default="auto", help=t("cli.help.kind")),
            click.Option(["--time-zone"], default="UTC", help=t("cli.help.time_zone")),
            click.Option(["--as-of"], help=t("cli.help.as_of")),
        ],
    )
