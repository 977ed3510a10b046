"""Controls of a page: each is one line, remembers itself in the address, and shows its state as a chip.

    grain = ui.pick("grain", {"day": t("…"), "week": t("…")}, label=t("…"), default="week")

The codes (the mapping's keys) are returned and stand in the address; the labels are only shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from ui import address
from ui.text import chip, plain

_MOST_RADIOS = 10  # more choices are a list with a search


def pick(
    name: str,
    options: Mapping[str, str],
    *,
    label: str,
    default: str | None = None,
    style: str = "chip",
    hint: str = "",
) -> str:
    """One of a few options; returns its code.

    Args:
        name: parameter in the address; unique in the app, so start it with the page (`funnel_order`).
        options: code → label in the reader's language, in the order shown.
        style: `chip` (a button that shows the choice and opens), `segments` (2–4 short options side by side) or
            `select` (a drop-down for long lists, with a search).
    """
    codes = list(options)
    first = default if default in options else codes[0]
    key = address.recall(name, first, lambda texts: texts[0] if texts[0] in options else None)
    if st.session_state[key] not in options:
        st.session_state[key] = first
    shared = {"key": key, "format_func": lambda code: options[code], "persist_state": "session"}
    if style == "segments":
        value = st.segmented_control(
            label, codes, required=True, label_visibility="collapsed", help=hint or None, **shared
        )
    elif style == "select":
        value = st.selectbox(label, codes, filter_mode="contains", help=hint or None, **shared)
    else:
        with st.popover(chip(label, plain(options[st.session_state[key]])), key=f"{name}.chip", help=hint or None):
            value = _radio_or_select(label, codes, shared)
    value = value if value in options else first
    return address.keep(name, value, first, lambda code: (code,))


def pick_many(
    name: str,
    options: Mapping[str, str],
    *,
    label: str,
    default: Sequence[str] = (),
    placeholder: str,
    most: int | None = None,
    hint: str = "",
) -> tuple[str, ...]:
    """Any of the options, in the order picked; returns their codes."""
    first = [code for code in default if code in options]

    def read(texts: Sequence[str]) -> list[str] | None:
        known = [text for text in texts if text in options]
        return known[:most] if known else None

    key = address.recall(name, first, read)
    known = [code for code in st.session_state[key] if code in options]
    if known != list(st.session_state[key]) or not known:
        st.session_state[key] = known or first
    picked = st.multiselect(
        label,
        list(options),
        key=key,
        format_func=lambda code: options[code],
        max_selections=most,
        placeholder=placeholder,
        help=hint or None,
        persist_state="session",
        select_all=False,
    )
    return tuple(address.keep(name, list(picked), first, list))


def pick_number(name: str, *, label: str, default: int, low: int, high: int, hint: str = "") -> int:
    """A whole number between two bounds."""

    def read(texts: Sequence[str]) -> int | None:
        return int(texts[0]) if texts[0].isdigit() and low <= int(texts[0]) <= high else None

    key = address.recall(name, default, read)
    value = st.number_input(
        label, min_value=low, max_value=high, step=1, key=key, help=hint or None, persist_state="session"
    )
    # The widget's bounds are only kept by the browser.
    value = min(max(int(value), low), high) if value is not None else default
    return address.keep(name, value, default, lambda number: (str(number),))


def switch(name: str, *, label: str, default: bool = False, hint: str = "") -> bool:
    """On or off."""
    key = address.recall(name, default, lambda texts: {"1": True, "0": False}.get(texts[0]))
    value = st.toggle(label, key=key, help=hint or None, persist_state="session")
    return address.keep(name, value, default, lambda on: ("1" if on else "0",))


def _radio_or_select(label: str, codes: list[str], shared: dict[str, object]) -> str:
    if len(codes) <= _MOST_RADIOS:
        return st.radio(label, codes, **shared)
    return st.selectbox(label, codes, filter_mode="contains", **shared)
