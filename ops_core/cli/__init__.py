"""`opsdeck` on the command line: start the app, load files, keep workspaces safe.

Exit codes: 0 done · 1 refused, with a sentence that says why and what would work · 2 the command was not understood.
"""

from __future__ import annotations

import locale
import os
import sys
from collections.abc import Sequence

import click

from ops_core.cli.databases import load_table_command
from ops_core.cli.files import convert_command, load_command
from ops_core.cli.history import compact_command, history_command
from ops_core.cli.safekeeping import backup_command, rescue, restore_command, undo_command
from ops_core.cli.serve import run_command
from ops_core.cli.watching import watch_command
from ops_core.errors import OpsError
from ops_core.locale import LANGUAGES, Translator, translator

COMMANDS = (
    run_command,
    load_command,
    load_table_command,
    watch_command,
    convert_command,
    history_command,
    compact_command,
    undo_command,
    backup_command,
    restore_command,
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit. Every refusal is one sentence on standard error, never a traceback."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    t = translator(_language(arguments))
    try:
        sys.exit(commands(t).main(arguments, prog_name="opsdeck", standalone_mode=False) or 0)
    except OpsError as refusal:
        click.echo(refusal.sentence(t), err=True)
        offer = rescue(refusal, t)
        if offer:
            click.echo(offer, err=True)
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
    for make in COMMANDS:
        group.add_command(make(t))
    return group


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
