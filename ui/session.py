"""Workspaces and answers kept between clicks. A cached thing is keyed on (workspace file, data version, query)."""

from __future__ import annotations

import atexit
import gc
import os
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import plotly.graph_objects as go
import streamlit as st

from ops_core import demo, places
from ops_core.errors import StoreError, nearest
from ops_core.intake.inbox import Inbox
from ops_core.locale import Translator, usual_currency
from ops_core.places import DEMOS
from ops_core.workspace import Workspace
from ui import sending
from ui.current import Screen

Q, R = TypeVar("Q"), TypeVar("R")
_TURN = 0.0005  # seconds


def workspace_names(language: str = "en") -> list[str]:
    """All workspaces: the newest of one's own first, then the demos, the one in the reader's language first."""
    own = [name for name in places.workspace_names() if not is_demo(name)]
    return [*own, *sorted(DEMOS.values(), key=lambda name: name != DEMOS[language])]


def is_demo(name: str) -> bool:
    """Whether a workspace is one of the demos."""
    return name in DEMOS.values()


def open_workspace(name: str, t: Translator) -> Workspace:
    """The workspace of a name; the demo is built on its first use.

    Raises:
        StoreError: there is none of that name, or its file cannot be opened.
    """
    path = places.workspace_path(name)
    if is_demo(name) and not path.exists():
        _build_demo(path, t)
    if not path.exists():
        close = nearest(name, workspace_names())
        raise StoreError("unknown_workspace", name=name, known=close or workspace_names())
    return _open(str(path))


def new_workspace(name: str, time_zone: str) -> Workspace:
    """A new empty workspace, in the currency of the reader's region.

    Raises:
        StoreError: the name is taken or cannot be a file name.
    """
    path = places.workspace_path(name)
    if path.exists():
        raise StoreError("workspace_exists", name=name)
    path.parent.mkdir(parents=True, exist_ok=True)
    currency = usual_currency(st.context.locale or "")
    with Workspace.open(path, time_zone=time_zone) as workspace:
        if currency:
            workspace.set_reporting(replace(workspace.reporting, currency=currency))
    return _open(str(path))


def discard_workspace(name: str) -> None:
    """Remove a workspace that was made a moment ago and stayed empty."""
    path = places.workspace_path(name)
    _open(str(path)).close()
    _open.clear(str(path))
    path.unlink(missing_ok=True)
    path.with_name(f"{path.name}.wal").unlink(missing_ok=True)


def cached(analyze: Callable[[Workspace, Q], R], workspace: Workspace, query: Q) -> R:
    """`analyze(workspace, query)`, computed once per data version. The result is shared: do not change it."""
    return _answer(_key(analyze, workspace, repr(query)), lambda: analyze(workspace, query))


def remembered(read: Callable[[Workspace], R], workspace: Workspace, *, detail: str = "") -> R:
    """`read(workspace)`, done once per data version: `remembered(Workspace.event_names, workspace)`.

    `detail` tells apart calls of one lambda that close over different values.
    """
    return _answer(_key(read, workspace, detail), lambda: read(workspace))


def drawn(name: str, draw: Callable[[], go.Figure], screen: Screen, *parts: object) -> go.Figure:
    """The figure that `draw()` makes of the parts, made once in each language and theme.

    `parts` are answers of `cached` or `remembered`, known by identity, and plain values. Leave the figure as it is.
    """
    t = screen.t
    key = (name, t.language, t.currency, screen.palette.is_dark, *map(_mark, parts))
    # The parts stay with the figure: as long as they live, nothing else has their identity.
    return _figure(key, lambda: (draw(), parts))[0]


def _mark(part: object) -> object:
    return part if part is None or isinstance(part, (str, int, float)) else id(part)


@st.cache_resource(show_spinner=False, max_entries=64)
def _figure(key: tuple[object, ...], _draw: Callable[[], tuple[go.Figure, object]]) -> tuple[go.Figure, object]:
    del key
    return _draw()


def _key(function: Callable[..., object], workspace: Workspace, query: str) -> tuple[object, ...]:
    # id() tells two memory workspaces apart, and a file that was closed and opened anew.
    return function.__module__, function.__qualname__, workspace.path, id(workspace), workspace.data_version, query


@st.cache_resource(show_spinner=False, max_entries=512)
def _answer(key: tuple[object, ...], _compute: Callable[[], R]) -> R:
    del key  # it is what the cache goes by
    with sending.meanwhile():
        return _compute()


@st.cache_resource(show_spinner=False)
def _open(path: str) -> Workspace:
    workspace = Workspace.open(path)
    if not is_demo(Path(path).stem):
        Inbox(workspace.store).start()
    return workspace


@st.cache_resource(show_spinner=False)
def warm_up() -> bool:
    """What clicks would pay for otherwise: garbage collection of start-up objects, and elements that wait to be sent.

    Elements are sent by another thread than the one that draws the page; it gets its turn ten times as often.
    """
    sys.setswitchinterval(_TURN)
    gc.collect()
    gc.freeze()
    atexit.register(gc.unfreeze)  # else the interpreter reports everything frozen as leaked
    return True


@st.cache_resource(show_spinner=False)
def _building() -> threading.Lock:
    return threading.Lock()


def _build_demo(path: Path, t: Translator) -> None:
    """Build a demo beside its place and move it there, so that an interrupted build leaves nothing half done."""
    with st.spinner(t("shell.building_demo"), show_time=True), _building():
        if path.exists():
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        building = path.with_suffix(f".building-{os.getpid()}")
        building.unlink(missing_ok=True)
        language = next(code for code, name in DEMOS.items() if name == path.stem)
        with Workspace.open(building, time_zone=demo.TRUTHS.zone) as workspace:
            demo.load(workspace, language)
        building.replace(path)
