"""`opsdeck` on the command line: start the app, load files, keep workspaces safe.

Exit codes: 0 done · 1 refused, with a sentence that says why and what would work · 2 the command was not understood.
"""

from __future__ import annotations

import datetime as dt
import locale
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from ops_core.errors import OpsError, QueryError, StoreError, nearest
from ops_core.intake.report import IntakeReport
from ops_core.locale import LANGUAGES, Translator, translator
from ops_core.places import ENDING, workspace_names, workspace_path
from ops_core.workspace import Workspace

DEMO = "demo"
APP = Path(__file__).resolve().parent.parent / "app.py"
_USUAL_PORT = 8501
_SHOWN_REJECTS = 5
_KINDS = ("auto", "events", "users", "orders", "units", "assignments")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit. Every refusal is one sentence on standard error, never a traceback."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    t = translator(_language(arguments))
    try:
        sys.exit(commands(t).main(arguments, prog_name="opsdeck", standalone_mode=False) or 0)
    except OpsError as refusal:
        click.echo(refusal.sentence(t), err=True)
        sys.exit(1)
    except click.Abort:
        click.echo(t("cli.stopped"), err=True)
        sys.exit(1)
    except click.ClickException as misuse:
        misuse.show()
        sys.exit(misuse.exit_code)


def commands(t: Translator) -> click.Group:
    """All commands, speaking the reader's language."""
    group = click.Group(help=t("cli.help"), context_settings={"help_option_names": ["-h", "--help"]})
    group.params.append(
        click.Option(["--lang"], type=click.Choice(LANGUAGES), expose_value=False, help=t("cli.help.lang"))
    )
    for make in (_run, _load, _undo, _backup, _restore):
        group.add_command(make(t))
    return group


def _run(t: Translator) -> click.Command:
    def run(port: int | None, browser: bool) -> int:
        port = _free_port(port)
        command = [sys.executable, "-m", "streamlit", "run", str(APP), "--server.port", str(port)]
        command += ["--server.headless", "false" if browser else "true"]
        click.echo(t("cli.run.starting", address=f"http://127.0.0.1:{port}"))
        try:
            return subprocess.run(command, cwd=APP.parent, check=False).returncode
        except KeyboardInterrupt:
            return 0

    return click.Command(
        "run",
        callback=run,
        help=t("cli.help.run"),
        params=[
            click.Option(["--port"], type=click.IntRange(1, 65_535), help=t("cli.help.port")),
            click.Option(["--browser/--no-browser"], default=True, help=t("cli.help.browser")),
        ],
    )


def _load(t: Translator) -> click.Command:
    def load(
        files: tuple[str, ...],
        name: str | None,
        kind: str,
        time_zone: str,
        source_time_zone: str | None,
        as_of: str | None,
    ) -> int:
        path = _path(name) if name else _newest() or workspace_path(Path(files[0]).stem)
        moment = _moment(as_of)
        with Workspace.open(_made(path), time_zone=time_zone) as workspace:
            click.echo(t("cli.load.into", name=path.stem, zone=workspace.rules.zone))
            for file in files:
                report = workspace.load(file, kind=kind, source_time_zone=source_time_zone, as_of=moment)
                _tell(report, t)
        return 0

    return click.Command(
        "load",
        callback=load,
        help=t("cli.help.load"),
        params=[
            click.Argument(["files"], nargs=-1, required=True),
            _workspace_option(t),
            click.Option(["--kind"], type=click.Choice(_KINDS), default="auto", help=t("cli.help.kind")),
            click.Option(["--time-zone"], default="UTC", help=t("cli.help.time_zone")),
            click.Option(["--source-time-zone"], help=t("cli.help.source_time_zone")),
            click.Option(["--as-of"], help=t("cli.help.as_of")),
        ],
    )


def _undo(t: Translator) -> click.Command:
    def undo(batch: int | None, name: str | None, yes: bool) -> int:
        path = _existing(name)
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
            _workspace_option(t),
            click.Option(["--yes"], is_flag=True, help=t("cli.help.yes")),
        ],
    )


def _backup(t: Translator) -> click.Command:
    def backup(target: str, name: str | None) -> int:
        path = _existing(name)
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
        "backup", callback=backup, help=t("cli.help.backup"), params=[click.Argument(["target"]), _workspace_option(t)]
    )


def _restore(t: Translator) -> click.Command:
    def restore(source: str, name: str | None, replace: bool) -> int:
        path = _path(name or Path(source).stem)
        if not Path(source).is_file():
            raise StoreError("no_such_backup", path=source)
        if path.exists() and not replace:
            raise StoreError("restore_would_replace", name=path.stem)
        arriving = _made(path).with_suffix(".restoring")
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
            _workspace_option(t),
            click.Option(["--replace"], is_flag=True, help=t("cli.help.replace")),
        ],
    )


def _free_port(asked: int | None) -> int:
    """The port asked for, else the first free one from the usual one upwards."""
    candidates = [asked] if asked else range(_USUAL_PORT, _USUAL_PORT + 50)
    for port in candidates:
        with socket.socket() as probe:
            # Else a port that was in use a moment ago would count as taken.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise StoreError("port_in_use", port=candidates[0])


def _workspace_option(t: Translator) -> click.Option:
    return click.Option(["-w", "--workspace", "name"], envvar="OPSDECK_WORKSPACE", help=t("cli.help.workspace"))


def _path(name: str) -> Path:
    """A workspace's file from its name in the workspace folder, or from a path."""
    return Path(name) if name.endswith(ENDING) or Path(name).name != name else workspace_path(name)


def _newest() -> Path | None:
    own = [name for name in workspace_names() if name != DEMO]
    return workspace_path(own[0]) if own else None


def _existing(name: str | None) -> Path:
    path = _path(name) if name else _newest()
    if path is None or not path.exists():
        known = workspace_names()
        asked = name or "—"
        raise StoreError("unknown_workspace", name=asked, known=nearest(asked, known) or known or "—")
    return path


def _made(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


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


def _moment(text: str | None) -> dt.datetime | None:
    if text is None:
        return None
    try:
        return dt.datetime.fromisoformat(text)
    except ValueError:
        raise QueryError("not_a_date", value=text) from None


def _language(arguments: Sequence[str]) -> str:
    """The language asked for on the command line, else that of the environment."""
    for position, argument in enumerate(arguments):
        value = argument.partition("=")[2] if argument.startswith("--lang=") else ""
        if argument == "--lang" and position + 1 < len(arguments):
            value = arguments[position + 1]
        if value in LANGUAGES:
            return value
    spoken = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG") or _system_language()
    return "zh" if spoken.lower().startswith("zh") else "en"


def _system_language() -> str:
    return locale.getlocale()[0] or ""


def _tell(report: IntakeReport, t: Translator) -> None:
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
        place = {"line": row.line, "column": row.column, "value": row.value}
        click.echo("  " + t("cli.load.reject", **place, reason=row.reason, remedy=row.remedy))
    if report.rows_quarantined > _SHOWN_REJECTS:
        click.echo("  " + t("cli.load.more", rows=t.number(report.rows_quarantined - _SHOWN_REJECTS)))
