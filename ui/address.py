"""Page controls live in the address as codes, never as labels, so a link opens in either language.

Streamlit's own binding writes a widget's label into the address; it is right for the shared bar, whose values are data
(dates, names). A page's choices (`?grain=week`) go through here. Back, Reload and a pasted link set the control; a
choice survives leaving the page and coming back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import streamlit as st

T = TypeVar("T")

_STATE = "address"


@dataclass
class _Visit:
    """What this session knows of the address since the page was entered."""

    page: str = ""
    seen: dict[str, tuple[str, ...]] = field(default_factory=dict)  # texts of each parameter as last met or written
    arriving: set[str] = field(default_factory=set)  # parameters met for the first time in this run
    brought: dict[str, object] = field(default_factory=dict)  # values that came along from an earlier visit
    quiet: set[str] = field(default_factory=set)  # brought values that Back has taken out of the address


def enter(page: str) -> None:
    """Tell which page is shown; app.py calls it once per run."""
    visit = st.session_state.get(_STATE)
    if visit is None or visit.page != page:
        st.session_state[_STATE] = _Visit(page)
    else:
        visit.arriving.clear()


def recall(name: str, default: T, read: Callable[[Sequence[str]], T | None]) -> str:
    """Make the widget state of a parameter follow the address; returns the widget's key. Call before the widget.

    `read` turns the parameter's texts into a value, or `None` where they mean nothing.
    """
    visit, key, raw = _visit(), f"control.{name}", tuple(st.query_params.get_all(name))
    if name not in visit.seen:
        visit.arriving.add(name)
    if raw and raw != visit.seen.get(name):
        value = read(raw)
        if value is not None:
            st.session_state[key] = value
    elif not raw and visit.seen.get(name):
        # Back to an address without the parameter. A value brought along stays: writing it again would trap Back.
        if name in visit.brought:
            visit.quiet.add(name)
        else:
            st.session_state[key] = default
    visit.seen[name] = raw
    st.session_state.setdefault(key, default)
    return key


def keep(name: str, value: T, default: T, write: Callable[[T], Sequence[str]]) -> T:
    """Write a widget's value into the address (nothing for the default). Call after the widget; returns the value."""
    visit = _visit()
    wanted = () if value == default else tuple(write(value))
    if wanted == visit.seen[name] or (name in visit.quiet and value == visit.brought[name]):
        return value
    visit.quiet.discard(name)
    if name in visit.arriving and wanted:
        visit.brought[name] = value
    if wanted:
        st.query_params[name] = list(wanted)
    elif name in st.query_params:
        del st.query_params[name]
    visit.seen[name] = wanted
    return value


def _visit() -> _Visit:
    return st.session_state.setdefault(_STATE, _Visit())
