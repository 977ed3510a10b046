"""Named things a person keeps in the workspace: segments now, any frozen dataclass of plain values later."""

from __future__ import annotations

import json

from ops_core.errors import StoreError, nearest
from ops_core.model.filters import Filter
from ops_core.model.segment import Segment
from ops_core.store.store import Store


def save(store: Store, kind: str, name: str, body: dict[str, object]) -> None:
    """Keep a JSON-ready body under a kind and a name; an older one of that name is replaced.

    Raises:
        StoreError: the name is blank.
    """
    if not name.strip():
        raise StoreError("saved_needs_name")
    with store.write() as cursor:
        cursor.execute(
            "INSERT OR REPLACE INTO saved VALUES ($kind, $name, $body, current_timestamp::TIMESTAMP)",
            {"kind": kind, "name": name.strip(), "body": json.dumps(body, ensure_ascii=False)},
        )


def load_all(store: Store, kind: str) -> dict[str, dict[str, object]]:
    """All bodies of a kind by name, in the order of their names."""
    with store.cursor() as cursor:
        rows = cursor.execute(
            "SELECT name, body FROM saved WHERE kind = $kind ORDER BY name", {"kind": kind}
        ).fetchall()
    return {name: json.loads(body) for name, body in rows}


def add_version(store: Store, kind: str, name: str, content: dict[str, object]) -> list[dict[str, object]]:
    """Keep JSON-ready content as the newest version under a kind and a name; returns all versions, oldest first.

    A version holds `version` (from 1), `saved_at` (UTC, ISO) and `content`. The same content again adds none.

    Raises:
        StoreError: the name is blank.
    """
    name = name.strip()
    if not name:
        raise StoreError("saved_needs_name")
    content = as_kept(content)
    with store.write() as cursor:
        row = cursor.execute("SELECT body FROM saved WHERE kind = $kind AND name = $name", {"kind": kind, "name": name})
        found = row.fetchone()
        versions = json.loads(found[0])["versions"] if found else []
        if versions and versions[-1]["content"] == content:
            return versions
        (saved_at,) = cursor.execute("SELECT date_trunc('second', current_timestamp::TIMESTAMP)").fetchone()
        versions.append({"version": len(versions) + 1, "saved_at": saved_at.isoformat(), "content": content})
        cursor.execute(
            "INSERT OR REPLACE INTO saved VALUES ($kind, $name, $body, $saved_at)",
            {"kind": kind, "name": name, "body": json.dumps({"versions": versions}, ensure_ascii=False),
             "saved_at": saved_at},
        )  # fmt: skip
    return versions


def as_kept(content: dict[str, object]) -> dict[str, object]:
    """Content as it comes back from the store: lists for tuples, plain numbers, texts."""
    return json.loads(json.dumps(content, default=_as_plain))


def _as_plain(value: object) -> object:
    """A NumPy number as a number, a date as its ISO text."""
    return value.item() if hasattr(value, "item") else str(value)


def versions_of(store: Store, kind: str, name: str) -> list[dict[str, object]]:
    """All versions kept under a kind and a name, oldest first; see `add_version`.

    Raises:
        StoreError: there is none of that name, with the nearest names.
    """
    known = load_all(store, kind)
    if name not in known:
        raise StoreError("unknown_saved", name=name, nearest=nearest(name, known) or list(known))
    return known[name]["versions"]


def delete(store: Store, kind: str, name: str) -> None:
    """Forget a named thing.

    Raises:
        StoreError: there is none of that name, with the nearest names.
    """
    known = load_all(store, kind)
    if name not in known:
        raise StoreError("unknown_saved", name=name, nearest=nearest(name, known))
    with store.write() as cursor:
        cursor.execute("DELETE FROM saved WHERE kind = $kind AND name = $name", {"kind": kind, "name": name})


def segment_body(segment: Segment) -> dict[str, object]:
    """A segment as plain values."""
    return {
        "filters": [[item.prop, item.op, item.value] for item in segment.filters],
        "user_ids": None if segment.user_ids is None else sorted(segment.user_ids),
    }


def segment_of(name: str, body: dict[str, object]) -> Segment:
    """The segment of plain values."""
    ids = body["user_ids"]
    filters = tuple(Filter(prop, op, value) for prop, op, value in body["filters"])
    return Segment(name, filters, None if ids is None else frozenset(ids))
