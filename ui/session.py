"""Workspaces and answers kept between clicks. A cached thing is keyed on (workspace file, data version, query)."""

from __future__ import annotations

import gc
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import streamlit as st

from ops_core import demo
from ops_core.errors import StoreError, nearest
from ops_core.locale import Translator
from ops_core.workspace import Workspace

DEMOS = {"en": "demo", "zh": "demo-zh"}  # the same story with the shop's names in one language
Q, R = TypeVar("Q"), TypeVar("R")

_NAME = re.compile(r"[\w\-. ()]{1,60}")


def home() -> Path:
    """The folder of the workspace files: `OPSDECK_HOME`, else `data/workspaces` beside app.py."""
    set_home = os.environ.get("OPSDECK_HOME")
    return Path(set_home) if set_home else Path(__file__).resolve().parent.parent / "data" / "workspaces"


def workspace_names(language: str = "en") -> list[str]:
    """All workspaces: the newest of one's own first, then the demos, the one in the reader's language first."""
    files = sorted(home().glob("*.duckdb"), key=lambda file: file.stat().st_mtime, reverse=True)
    demos = sorted(DEMOS.values(), key=lambda name: name != DEMOS[language])
    return [*(file.stem for file in files if not is_demo(file.stem)), *demos]


def is_demo(name: str) -> bool:
    """Whether a workspace is one of the demos."""
    return name in DEMOS.values()


def workspace_path(name: str) -> Path:
    """The file of a workspace's name.

    Raises:
        StoreError: a name that could not be a file in the workspace folder.
    """
    if not _NAME.fullmatch(name) or name.startswith("."):
        raise StoreError("unknown_workspace", name=name, known=workspace_names())
    return home() / f"{name}.duckdb"


def open_workspace(name: str, t: Translator) -> Workspace:
    """The workspace of a name; the demo is built on its first use.

    Raises:
        StoreError: there is none of that name, or its file cannot be opened.
    """
    path = workspace_path(name)
    if is_demo(name) and not path.exists():
        _build_demo(path, t)
    if not path.exists():
        close = nearest(name, workspace_names())
        raise StoreError("unknown_workspace", name=name, known=close or workspace_names())
    return _open(str(path))


def new_workspace(name: str, time_zone: str) -> Workspace:
    """A new empty workspace.

    Raises:
        StoreError: the name is taken or cannot be a file name.
    """
    path = workspace_path(name)
    if path.exists():
        raise StoreError("workspace_exists", name=name)
    path.parent.mkdir(parents=True, exist_ok=True)
    Workspace.open(path, time_zone=time_zone).close()
    return _open(str(path))


def cached(analyze: Callable[[Workspace, Q], R], workspace: Workspace, query: Q) -> R:
    """`analyze(workspace, query)`, computed once per data version. The result is shared: do not change it."""
    return _answer(_key(analyze, workspace, repr(query)), lambda: analyze(workspace, query))


def remembered(read: Callable[[Workspace], R], workspace: Workspace) -> R:
    """`read(workspace)`, done once per data version: `remembered(Workspace.event_names, workspace)`."""
    return _answer(_key(read, workspace, ""), lambda: read(workspace))


def _key(function: Callable[..., object], workspace: Workspace, query: str) -> tuple[object, ...]:
    # id() tells two memory workspaces apart, and a file that was closed and opened anew.
    return function.__module__, function.__qualname__, workspace.path, id(workspace), workspace.data_version, query


@st.cache_resource(show_spinner=False, max_entries=512)
def _answer(key: tuple[object, ...], _compute: Callable[[], R]) -> R:
    del key  # it is what the cache goes by
    return _compute()


@st.cache_resource(show_spinner=False, on_release=lambda workspace: workspace.close())
def _open(path: str) -> Workspace:
    return Workspace.open(path)


@st.cache_resource(show_spinner=False)
def warm_up() -> bool:
    """Set the start-up objects aside from garbage collection, which otherwise walks them after each click."""
    gc.collect()
    gc.freeze()
    return True


def _build_demo(path: Path, t: Translator) -> None:
    with st.status(t("shell.building_demo"), expanded=False):
        _build_demo_once(str(path))


@st.cache_resource(show_spinner=False)
def _build_demo_once(path: str) -> bool:
    """Build the demo beside its place and move it there, so that an interrupted build leaves nothing half done."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    building = target.with_suffix(f".building-{os.getpid()}")
    building.unlink(missing_ok=True)
    language = next(code for code, name in DEMOS.items() if name == target.stem)
    with Workspace.open(building, time_zone=demo.TRUTHS.zone) as workspace:
        demo.load(workspace, language)
    building.replace(target)
    return True
