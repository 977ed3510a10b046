"""OpsDeck's table of contents: which pages there are, in which group, and what they need. `opsdeck run` starts it.

Reading this file is the tour: each line names a page, the page names its analysis.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from pages import (
    _import,
    batches,
    campaigns,
    funnel,
    lifecycle,
    overview,
    paths,
    retention,
    segments,
    settings,
    trends,
    value,
)
from ui import address, current, empty, failures, layout, links, sending, shell


@dataclass(frozen=True)
class Room:
    """A page: its address, what draws it, and whether it needs events."""

    address: str
    render: Callable[[], None]
    needs_events: bool = True


CONTENTS = {
    "review": (Room("overview", overview.render),),
    "explore": (
        Room("funnel", funnel.render),
        Room("paths", paths.render),
        Room("lifecycle", lifecycle.render),
        Room("retention", retention.render),
        Room("trends", trends.render),
        Room("segments", segments.render),
    ),
    "act": (
        Room("campaigns", campaigns.render, needs_events=False),
        Room("value", value.render),
    ),
    "data": (
        Room("import", _import.render, needs_events=False),
        Room("batches", batches.render, needs_events=False),
        Room("settings", settings.render, needs_events=False),
    ),
}


def main(start: str = "") -> None:
    """Draw the app: the page that the address names, else `start`, else the first one."""
    with sending.in_order():
        _draw(start)
    address.drawn()


def _draw(start: str) -> None:
    shell.configure()
    address.begin()
    t = shell.language()
    rooms = {room.address: room for group in CONTENTS.values() for room in group}
    first = start or next(iter(rooms))
    pages = {name: st.Page(room.render, title=t(f"shell.page_{name}"), url_path=name) for name, room in rooms.items()}
    # A default page answers at the bare address only; as a page of its own it leaves every room its own address.
    front = st.Page(rooms[first].render, title=t(f"shell.page_{first}"), url_path="front", default=True)
    page = st.navigation([front, *pages.values()], position="hidden")
    shown = first if page is front else next(name for name, known in pages.items() if known is page)
    links.register(pages)
    menu = {group: [room.address for room in its] for group, its in CONTENTS.items()}
    arrived = address.enter(shown)
    if arrived:
        sending.arrived()
        links.menu(menu, t)
    screen = None
    with failures.boundary(t):
        screen = shell.bar(t)
    if screen is not None:
        current.show(screen)
        with failures.boundary(t):
            if rooms[shown].needs_events and not isinstance(screen, current.View):
                layout.page_head(t(f"shell.page_{shown}"), t(f"{shown}.question"))
                empty.unavailable("events", "orders")
            else:
                page.run()
    if not arrived:  # its links carry the view; where the menu stands already, the charts go first
        links.menu(menu, t)


if __name__ == "__main__":
    main()
