"""The pages by address, the menu, and links from one page to another. A link carries the view along."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st
from streamlit.navigation.page import Page

from ops_core.locale import Translator
from ui import address
from ui.text import small

_STATE = "pages"


def register(pages: Mapping[str, Page]) -> None:
    """Tell which pages there are; app.py calls it once per run."""
    st.session_state[_STATE] = dict(pages)


def menu(groups: Mapping[str, Sequence[str]], t: Translator, **shared: str) -> None:
    """The menu in the sidebar. Own links, because the built-in menu would drop the view from the address."""
    with st.sidebar:
        for group, addresses in groups.items():
            with st.container(gap=6):
                st.markdown(small(t(f"shell.group_{group}")))
                for name in addresses:
                    link(name, t(f"shell.page_{name}"), **shared)


def link(name: str, label: str, icon: str | None = None, **shared: str) -> None:
    """A link to the page at an address (`funnel`), with the view as it is; `shared` changes some of it."""
    page = st.session_state[_STATE][name]
    st.page_link(
        page,
        label=label,
        icon=icon,
        query_params=address.link_to(name, **shared),
        width="stretch" if not icon else "content",
    )


def question(name: str, label: str, asked: Mapping[str, Sequence[str]], icon: str | None = None) -> None:
    """A link that puts a question to a page: the shared view, and `asked` in place of what the page was last asked."""
    page = st.session_state[_STATE][name]
    shared = [(key, text) for key, text in address.link_to(name) if key in address.SHARED]
    st.page_link(
        page, label=label, icon=icon, width="content",
        query_params=[*shared, *((key, text) for key, texts in asked.items() for text in texts)],
    )  # fmt: skip


def view_link(name: str, label: str, parameters: Sequence[tuple[str, str]]) -> None:
    """A link to a page exactly as these parameters of its address show it."""
    st.page_link(st.session_state[_STATE][name], label=label, query_params=address.link_of(parameters))


def first() -> str:
    """The address of the page that the bare address shows."""
    return next(iter(st.session_state[_STATE]))


def exists(name: str) -> bool:
    """Whether there is a page at an address."""
    return name in st.session_state[_STATE]
