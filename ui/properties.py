"""The properties of a workspace, as controls offer them."""

from __future__ import annotations

from dataclasses import dataclass

from ops_core import Workspace
from ui.current import View
from ui.session import remembered


@dataclass(frozen=True)
class Property:
    """A property of the event or of its user; `code` is what a query calls it, `user.channel` or `coupon`."""

    code: str
    name: str
    scope: str
    type: str
    n_distinct: int


def properties(view: View, *scopes: str) -> list[Property]:
    """The properties of `event`, `user` or both, in the order of the scopes."""
    known = remembered(_properties, view.workspace)
    return [one for scope in scopes for one in known if one.scope == scope]


def groupings(view: View, *scopes: str, most: int = 60) -> list[Property]:
    """Properties that tell people apart in groups that can be read: of two to `most` values, and no times."""
    return [one for one in properties(view, *scopes) if 2 <= one.n_distinct <= most and one.type != "time"]


def _properties(workspace: Workspace) -> tuple[Property, ...]:
    found = []
    for scope, prefix in (("event", ""), ("user", "user.")):
        table = workspace.properties(scope)
        columns = (table[name].tolist() for name in ("name", "type", "n_distinct"))
        found += [Property(prefix + name, name, scope, kind, n) for name, kind, n in zip(*columns, strict=True)]
    return tuple(found)
