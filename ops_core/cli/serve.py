"""`opsdeck run`: the app in the browser."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import click

from ops_core.errors import StoreError
from ops_core.locale import Translator

APP = Path(__file__).resolve().parents[2] / "app.py"
_USUAL_PORT = 8501


def run_command(t: Translator) -> click.Command:
    """Start the app and open the browser."""

    def run(port: int | None, browser: bool) -> int:
        port = _free_port(port)
        command = [sys.executable, "-m", "streamlit", "run", str(APP), "--server.port", str(port)]
        command += ["--server.headless", "false" if browser else "true"]
        click.echo(t("cli.run.starting", address=f"http://127.0.0.1:{port}"))
        return _hand_over(command)

    return click.Command(
        "run",
        callback=run,
        help=t("cli.help.run"),
        params=[
            click.Option(["--port"], type=click.IntRange(1, 65_535), help=t("cli.help.port")),
            click.Option(["--browser/--no-browser"], default=True, help=t("cli.help.browser")),
        ],
    )


def _hand_over(command: list[str]) -> int:
    """Where the system can, this process becomes the server, so that whatever ends the one ends the other."""
    os.chdir(APP.parent)
    if os.name == "posix":
        sys.stdout.flush()
        os.execv(command[0], command)
    return subprocess.call(command)


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
