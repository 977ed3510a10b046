"""OpsDeck's table of contents: which pages there are, in which group, and what they need. `opsdeck run` starts it.

Reading this file is the tour: each line names a page, the page names its analysis.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass

import streamlit as st

from ops_core.errors import OpsError
from ops_core.locale import translator
from pages import batches, import_
from ui import address, empty, failures, links, shell
from ui import view as current

LOG = logging.getLogger("opsdeck")


@dataclass(frozen=True)
class Room:
    """A page: its address, what draws it, and whether it needs events."""

    address: str
    render: Callable[[], None]
    needs_events: bool = True


CONTENTS = {
    "data": (
        Room("import", import_.render, needs_events=False),
        Room("batches", batches.render, needs_events=False),
    ),
}


def main(start: str = "") -> None:
    """Draw the app: the page that the address names, else `start`, else the first one."""
    shell.configure()
    t = translator(shell.language())
    rooms = {room.address: room for group in CONTENTS.values() for room in group}
    first = start or next(iter(rooms))
    pages = {
        name: st.Page(room.render, title=t(f"shell.page_{name}"), url_path=name, default=name == first)
        for name, room in rooms.items()
    }
    groups = {t(f"shell.group_{group}"): [pages[room.address] for room in its] for group, its in CONTENTS.items()}
    page = st.navigation(groups, expanded=True)
    shown = next(name for name, known in pages.items() if known is page)
    links.register(pages)
    address.enter(shown)
    try:
        current.show(shell.bar(rooms[shown].needs_events))
        if rooms[shown].needs_events and not isinstance(current.screen(), current.View):
            empty.unavailable("events", "orders")
        else:
            page.run()
    except OpsError as error:
        failures.refused(error, t)
    except Exception:
        number = secrets.token_hex(4)
        LOG.exception("error %s", number)
        failures.apologize(number, t)


if __name__ == "__main__":
    main()
