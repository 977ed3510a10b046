"""Where workspaces live on this machine."""

from __future__ import annotations

import os
import re
from pathlib import Path

from ops_core.errors import StoreError

ENDING = ".duckdb"
DEMOS = {"en": "demo", "zh": "demo-zh"}  # the demo's workspace in each language
_NAME = re.compile(r"(?!\.)[\w\-. ()]{1,60}")


def workspace_folder() -> Path:
    """The folder of the workspace files: `OPSDECK_HOME`, else `data/workspaces` beside app.py."""
    chosen = os.environ.get("OPSDECK_HOME")
    return Path(chosen) if chosen else Path(__file__).resolve().parent.parent / "data" / "workspaces"


def workspace_names() -> list[str]:
    """The names of the workspaces in the folder, the one changed last first."""
    files = sorted(workspace_folder().glob(f"*{ENDING}"), key=lambda file: file.stat().st_mtime, reverse=True)
    return [file.stem for file in files]


def workspace_path(name: str) -> Path:
    """The file of a workspace's name, whether it exists or not.

    Raises:
        StoreError: the name could not be that of a file in the folder.
    """
    if not _NAME.fullmatch(name):
        raise StoreError("workspace_name", name=name)
    return workspace_folder() / f"{name}{ENDING}"
