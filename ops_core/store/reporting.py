"""How a workspace reports: its zone, the first day of its week, its currency, and which events are merely received."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from babel.numbers import list_currencies

from ops_core.errors import QueryError, nearest
from ops_core.model.time import TimeRules
from ops_core.store import layout
from ops_core.store.store import Store

USUAL_CURRENCY = "CNY"


@dataclass(frozen=True)
class Reporting:
    """`passive`: names of events that make nobody active (a push delivered, a mail sent). Currency: ISO code.

    Raises:
        QueryError: an unknown zone, week start or currency.
    """

    time_zone: str
    week_start: str
    currency: str
    passive: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        TimeRules(self.time_zone, self.week_start)
        if self.currency not in list_currencies():
            raise QueryError(
                "unknown_currency", value=self.currency, nearest=nearest(self.currency, list_currencies()) or ["CNY"]
            )


def reporting(store: Store) -> Reporting:
    """The workspace's present choices."""
    with store.cursor() as cursor:
        passive = cursor.execute("SELECT name FROM event_names WHERE is_passive ORDER BY name").fetchall()
    currency = str(store.setting("currency", USUAL_CURRENCY))
    return Reporting(store.rules.zone, store.rules.week_start, currency, tuple(name for (name,) in passive))


def set_reporting(store: Store, wanted: Reporting) -> None:
    """Report like this from now on; rollups are made anew where they are cut differently.

    Raises:
        QueryError: a passive event that no event is called, with the nearest names.
    """
    before = reporting(store)
    codes = store.event_codes(wanted.passive)
    with store.write() as cursor:
        store.put_setting(cursor, "time_zone", wanted.time_zone)
        store.put_setting(cursor, "week_start", wanted.week_start)
        store.put_setting(cursor, "currency", wanted.currency)
        cursor.execute("UPDATE event_names SET is_passive = list_contains($codes, event_code)", {"codes": codes})
        if before.time_zone != wanted.time_zone or set(before.passive) != set(wanted.passive):
            rules = TimeRules(wanted.time_zone, wanted.week_start)
            layout.rebuild_users(cursor, rules)
            layout.rebuild_rollups(cursor, rules)


def mark_passive(store: Store, names: Sequence[str]) -> None:
    """From now on exactly these events are passive.

    Raises:
        QueryError: a name that no event has, with the nearest names.
    """
    now = reporting(store)
    set_reporting(store, Reporting(now.time_zone, now.week_start, now.currency, tuple(names)))
