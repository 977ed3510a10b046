"""Next week's file in one click: how the last file with the same columns was read, and into which workspace it went."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from ops_core.errors import StoreError
from ops_core.intake import batch
from ops_core.intake.checkup import Told
from ops_core.store import saved
from ops_core.workspace import Workspace
from ui import session
from ui.current import screen
from ui.import_look import Look
from ui.uploads import Upload

_RECORD = "import_choices"
_MOST_WORKSPACES = 5


@dataclass(frozen=True)
class Memory:
    """A file with the same columns: the workspace and batch it went to, and what was said about it."""

    workspace: str
    batch_id: int
    kind: str
    mapping: dict[str, str]
    zone: str | None
    told: Told


def remembered(upload: Upload, look: Look) -> Memory | None:
    """The latest file with the very same columns in the workspace that is shown or in one's newest own ones."""
    key = f"memory.{upload.mark}"
    known = st.session_state.get(key)
    if known is None or known[0] != look.columns:
        known = (look.columns, _search(look.columns))
        st.session_state[key] = known
    return known[1]


def keep(workspace: Workspace, columns: tuple[str, ...], zone: str | None, told: Told) -> None:
    """Keep what was said about a file beyond its mapping, which its batch remembers."""
    saved.save(workspace.store, _RECORD, _signature(columns), {"zone": zone, "date_order": told[0], "decimal": told[1]})


def _search(columns: tuple[str, ...]) -> Memory | None:
    t, shown = screen().t, Path(screen().workspace.path).stem
    own = [name for name in session.workspace_names(t.language) if not session.is_demo(name)]
    for name in sorted(own[:_MOST_WORKSPACES] + ([shown] if shown in own else []), key=lambda one: one != shown):
        try:
            workspace = session.open_workspace(name, t)
        except StoreError:
            continue  # held by another process or damaged: it says so itself when it is opened
        template = batch.remembered(workspace.store, columns)
        if template is not None:
            said = saved.load_all(workspace.store, _RECORD).get(_signature(columns), {})
            return Memory(name, *template, said.get("zone"), (said.get("date_order"), said.get("decimal")))
    return None


def _signature(columns: tuple[str, ...]) -> str:
    return hashlib.sha256("\x1f".join(columns).encode()).hexdigest()[:32]
