"""The registered pages by address, for links from one to another."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st
from streamlit.navigation.page import Page

_STATE = "pages"


def register(pages: Mapping[str, Page]) -> None:
    """Tell which pages there are; app.py calls it once per run."""
    st.session_state[_STATE] = dict(pages)


def page(address: str) -> Page:
    """The page at an address (`funnel`, `import`)."""
    return st.session_state[_STATE][address]


def first() -> Page:
    """The page that the bare address shows."""
    return next(iter(st.session_state[_STATE].values()))


def exists(address: str) -> bool:
    """Whether there is a page at an address."""
    return address in st.session_state[_STATE]


def link(address: str, label: str, icon: str | None = None) -> None:
    """A link to a page that keeps the shared bar's choices."""
    st.page_link(page(address), label=label, icon=icon)
