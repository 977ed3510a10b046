"""What kind of event a name stands for: done by the user or merely received."""

from __future__ import annotations

from collections.abc import Sequence

from ops_core.store.layout import rebuild_rollups
from ops_core.store.store import Store


def mark_passive(store: Store, names: Sequence[str]) -> None:
    """From now on exactly these events are passive: they make nobody active (a push delivered, a mail sent).

    Raises:
        QueryError: a name that no event has, with the nearest names.
    """
    codes, rules = store.event_codes(names), store.rules
    with store.write() as cursor:
        cursor.execute("UPDATE event_names SET is_passive = list_contains($codes, event_code)", {"codes": codes})
        rebuild_rollups(cursor, rules)
