"""Saved funnels: a question with a name and its versions, kept in the workspace.

What is saved is the question: steps with their conditions, window, order, exclusions, held property, breakdown, which
attempt counts. Period and segment are not part of it: they are chosen when it is asked. Saving under a name that
exists adds a version; the older ones stay readable. A saved funnel may name an event or a property that the workspace
no longer has (its file was taken back): it opens all the same, and `missing` says what is gone.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from ops_core.analyses.funnel import Exclusion, FunnelQuery, Step
from ops_core.errors import QueryError, StoreError
from ops_core.model.filters import Filter
from ops_core.model.period import Period
from ops_core.model.segment import Segment
from ops_core.store import saved as shelf
from ops_core.workspace import Workspace

KIND = "funnel"
_PLAIN = ("window_seconds", "order", "clip", "on_exclusion", "hold_constant", "breakdown", "attribution", "reentry",
          "quick_view", "count_open", "top")  # fmt: skip


@dataclass(frozen=True)
class SavedFunnel:
    """One version of a saved funnel: name, version (from 1), when it was saved (UTC), and the question as plain values.

    `n_versions`: how many versions there are under the name.
    """

    name: str
    version: int
    n_versions: int
    saved_at: dt.datetime
    content: dict[str, object]

    def query(self, period: Period, segment: Segment | None = None) -> FunnelQuery:
        """The question, asked of a period and a segment."""
        plain = {name: self.content[name] for name in _PLAIN if name in self.content}
        steps = tuple(Step(_events(one), _filters(one), bool(one["optional"])) for one in self.content["steps"])
        exclusions = tuple(
            Exclusion(_events(one), one["from_step"], one["to_step"], _filters(one))
            for one in self.content["exclusions"]
        )
        filters = _filters(self.content)
        return FunnelQuery(steps, period, segment=segment, exclusions=exclusions, filters=filters, **plain)


def save(workspace: Workspace, name: str, query: FunnelQuery) -> SavedFunnel:
    """Keep a funnel under a name: a new version where it differs from the newest one of that name.

    Raises:
        StoreError: the name is blank.
    """
    versions = shelf.add_version(workspace.store, KIND, name, content_of(query))
    return _saved(name.strip(), versions, len(versions))


def saved_funnels(workspace: Workspace) -> list[SavedFunnel]:
    """The newest version of each saved funnel, by name."""
    found = shelf.load_all(workspace.store, KIND)
    return [_saved(name, body["versions"], len(body["versions"])) for name, body in found.items()]


def open_saved(workspace: Workspace, name: str, version: int | None = None) -> SavedFunnel:
    """A saved funnel, its newest version unless another is asked for.

    Raises:
        StoreError: there is none of that name (with the nearest names), or no such version.
    """
    versions = shelf.versions_of(workspace.store, KIND, name)
    wanted = len(versions) if version is None else version
    if not 1 <= wanted <= len(versions):
        raise StoreError("funnel_no_version", name=name, version=version, n_versions=len(versions))
    return _saved(name, versions, wanted)


def history(workspace: Workspace, name: str) -> list[SavedFunnel]:
    """All versions of a saved funnel, newest first.

    Raises:
        StoreError: there is none of that name, with the nearest names.
    """
    versions = shelf.versions_of(workspace.store, KIND, name)
    return [_saved(name, versions, number) for number in range(len(versions), 0, -1)]


def delete(workspace: Workspace, name: str) -> None:
    """Forget a saved funnel with all its versions.

    Raises:
        StoreError: there is none of that name, with the nearest names.
    """
    shelf.delete(workspace.store, KIND, name)


def missing(workspace: Workspace, query: FunnelQuery) -> QueryError | None:
    """The first event or property that a funnel names and the workspace does not have, as the error that says so."""
    try:
        check_known(workspace, query)
    except QueryError as error:
        return error
    return None


def check_known(workspace: Workspace, query: FunnelQuery) -> None:
    """Refuse a funnel that the workspace cannot answer.

    Raises:
        QueryError: an event or a property that there is none of, with the nearest names.
    """
    store, parts = workspace.store, (*query.steps, *query.exclusions)
    for part in parts:
        store.event_codes(part.events or ())
    props = [one.prop for part in parts for one in part.filters] + [one.prop for one in query.filters]
    props += [name for name in (query.hold_constant, query.breakdown) if name]
    for prop in props:
        if prop != "value":
            store.column("user" if prop.startswith("user.") else "event", prop.removeprefix("user."))


def as_kept(query: FunnelQuery) -> dict[str, object]:
    """A funnel's question as it reads once it is saved: equal to `SavedFunnel.content` where nothing changed."""
    return shelf.as_kept(content_of(query))


def content_of(query: FunnelQuery) -> dict[str, object]:
    """A funnel's question as plain values, without period and segment."""
    return {
        "steps": [_part(step) | {"optional": step.optional} for step in query.steps],
        "exclusions": [
            _part(one) | {"from_step": one.from_step, "to_step": one.to_step} for one in query.exclusions
        ],
        "filters": _filter_rows(query.filters),
        **{name: getattr(query, name) for name in _PLAIN},
        "attribution": query.attribution_step or query.attribution,
    }  # fmt: skip


def _part(part: Step | Exclusion) -> dict[str, object]:
    return {"events": None if part.events is None else list(part.events), "filters": _filter_rows(part.filters)}


def _filter_rows(filters: tuple[Filter, ...]) -> list[list[object]]:
    return [[one.prop, one.op, list(one.value) if isinstance(one.value, tuple) else one.value] for one in filters]


def _events(part: dict[str, object]) -> tuple[str, ...] | None:
    return None if part["events"] is None else tuple(part["events"])


def _filters(part: dict[str, object]) -> tuple[Filter, ...]:
    return tuple(
        Filter(prop, op, tuple(value) if isinstance(value, list) else value) for prop, op, value in part["filters"]
    )


def _saved(name: str, versions: list[dict[str, object]], number: int) -> SavedFunnel:
    one = versions[number - 1]
    return SavedFunnel(name, number, len(versions), dt.datetime.fromisoformat(one["saved_at"]), one["content"])
