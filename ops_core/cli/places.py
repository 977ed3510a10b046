"""Which workspace a command means."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import click

from ops_core.errors import StoreError, nearest
from ops_core.locale import Translator
from ops_core.places import DEMOS, ENDING, workspace_names, workspace_path


def workspace_option(t: Translator, help_key: str = "cli.help.workspace") -> click.Option:
    """The option that names the workspace."""
    return click.Option(["-w", "--workspace", "name"], envvar="OPSDECK_WORKSPACE", help=t(help_key))


def path_of(name: str) -> Path:
    """A workspace's file from its name in the workspace folder, or from a path."""
    return Path(name) if name.endswith(ENDING) or Path(name).name != name else workspace_path(name)


def newest() -> Path | None:
    """The file of the workspace of one's own that was changed last, if there is any."""
    own = [name for name in workspace_names() if name not in DEMOS.values()]
    return workspace_path(own[0]) if own else None


def existing(name: str | None) -> Path:
    """The file of a workspace that must be there: the named one, else the newest.

    Raises:
        StoreError: there is no such workspace.
    """
    path = path_of(name) if name else newest()
    if path is None or not path.exists():
        known = workspace_names()
        asked = name or "—"
        raise StoreError("unknown_workspace", name=asked, known=nearest(asked, known) or known or "—")
    return path


def made(path: Path) -> Path:
    """The path, its folder made.

    Raises:
        StoreError: there is no folder that can be written to.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError("workspace_folder", path=path.name, reason=error.strerror or "") from error
    if not os.access(path.parent, os.W_OK):
        raise StoreError("workspace_folder", path=path.name, reason=os.strerror(errno.EACCES))
    return path
