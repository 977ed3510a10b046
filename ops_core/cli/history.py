"""`opsdeck history` and `opsdeck compact`: what was loaded when and by whom, and a workspace laid down anew."""

from __future__ import annotations

import click
import pandas as pd

from ops_core.cli.places import existing, workspace_option
from ops_core.intake.diff_words import sentences
from ops_core.locale import Translator
from ops_core.store import compaction
from ops_core.workspace import Workspace

_HASH_SHOWN = 12


def history_command(t: Translator) -> click.Command:
    """List the imports of a workspace, newest first; or tell one beside the one before it."""

    def run(batch: int | None, name: str | None) -> int:
        path = existing(name)
        with Workspace.open(path) as workspace:
            if batch is not None:
                for sentence in sentences(workspace.upload_diff(batch), t):
                    click.echo(sentence)
                return 0
            zone = workspace.rules.zone
            for row in workspace.batches(undone=True).itertuples(index=False):
                click.echo(_line(row, zone, t))
        return 0

    return click.Command(
        "history",
        callback=run,
        help=t("cli.help.history"),
        params=[click.Argument(["batch"], type=int, required=False), workspace_option(t)],
    )


def compact_command(t: Translator) -> click.Command:
    """Lay the events of a workspace down as one sorted run."""

    def run(name: str | None) -> int:
        path = existing(name)
        with Workspace.open(path) as workspace:
            runs = compaction.n_runs(workspace.store)
            done = compaction.compact(workspace.store)
        click.echo(t("cli.compact.done" if done else "cli.compact.nothing", name=path.stem, runs=t.number(runs)))
        return 0

    return click.Command("compact", callback=run, help=t("cli.help.compact"), params=[workspace_option(t)])


def _line(row: object, zone: str, t: Translator) -> str:
    state = ""
    if not pd.isna(row.replaced_by):
        state = t("cli.history.replaced", by=int(row.replaced_by))
    elif not pd.isna(row.undone_at):
        state = t("cli.history.undone")
    elif row.rows_replaced:
        state = t("cli.history.partly", rows=t.number(int(row.rows_replaced)))
    told = t(
        "cli.history.line",
        batch=row.batch_id,
        at=t.datetime(pd.Timestamp(row.loaded_at, tz="UTC").tz_convert(zone).to_pydatetime()),
        by=row.loaded_by or "—",
        file=row.file_name,
        kind=t(f"shell.kind_{row.kind}"),
        read=t.number(int(row.rows_read)),
        loaded=t.number(int(row.rows_loaded)),
        duplicate=t.number(int(row.rows_duplicate)),
        quarantined=t.number(int(row.rows_quarantined)),
        hash=row.file_hash[:_HASH_SHOWN],
    )
    return f"{told} {state}".rstrip()
