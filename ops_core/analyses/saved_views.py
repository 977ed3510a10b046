"""Saved views: a page and what was chosen on it, under a name, kept in the workspace.

A view keeps the parameters of the page's address. What stood at its default is not among them: a view of "last week"
shows the last week whenever it is opened, a view of chosen days always those days.
"""

from __future__ import annotations

from dataclasses import dataclass

from ops_core.errors import StoreError
from ops_core.store import saved as shelf
from ops_core.workspace import Workspace

_KIND = "view"


@dataclass(frozen=True)
class SavedView:
    """A page's address: its name and its parameters, a name as often as it has values, in their order."""

    name: str
    page: str
    parameters: tuple[tuple[str, str], ...] = ()


def save(workspace: Workspace, view: SavedView) -> None:
    """Keep a view under its name.

    Raises:
        StoreError: the name is blank, or another view has it.
    """
    name = view.name.strip()
    if any(one.name == name for one in saved_views(workspace)):
        raise StoreError("view_exists", name=name)
    shelf.save(workspace.store, _KIND, name, {"page": view.page, "parameters": [list(one) for one in view.parameters]})


def saved_views(workspace: Workspace) -> list[SavedView]:
    """The saved views, by name."""
    return [
        SavedView(name, body["page"], tuple((key, text) for key, text in body["parameters"]))
        for name, body in shelf.load_all(workspace.store, _KIND).items()
    ]


def rename(workspace: Workspace, name: str, new_name: str) -> None:
    """Give a view another name.

    Raises:
        StoreError: there is no view of that name, the new name is blank, or another view has it.
    """
    found = next((one for one in saved_views(workspace) if one.name == name), None)
    if found is not None and new_name.strip() == name:
        return
    if found is not None:
        save(workspace, SavedView(new_name, found.page, found.parameters))
    delete(workspace, name)


def delete(workspace: Workspace, name: str) -> None:
    """Forget a view.

    Raises:
        StoreError: there is none of that name, with the nearest names.
    """
    shelf.delete(workspace.store, _KIND, name)
