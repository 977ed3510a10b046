"""The workspace's calendar of annotations, kept with its settings."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from ops_core.model.annotations import Annotation, in_order
from ops_core.store.store import Store

_KEY = "annotations"


def annotations(store: Store) -> tuple[Annotation, ...]:
    """All annotations by first day."""
    rows = store.setting(_KEY, [])
    return in_order(
        Annotation(dt.date.fromisoformat(first), dt.date.fromisoformat(last), kind, text)
        for first, last, kind, text in rows
    )


def set_annotations(store: Store, wanted: Iterable[Annotation]) -> None:
    """From now on exactly these."""
    rows = [[one.first_day.isoformat(), one.last_day.isoformat(), one.kind, one.text] for one in in_order(wanted)]
    with store.write() as cursor:
        store.put_setting(cursor, _KEY, rows)
