"""Pages without data: which file would fill them, with a sample to download."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import streamlit as st

from ops_core.analyses import experiments
from ui import links
from ui.current import screen
from ui.session import remembered

SAMPLES = Path(__file__).resolve().parent.parent / "data" / "samples"
_FILES = {
    "events": "events.csv",
    "users": "users.csv",
    "orders": "orders-zh.csv",
    "units": "ab_test.csv",
    "assignments": "assignments.csv",
    "spend": "spend.csv",
}


def unavailable(*kinds: str) -> None:
    """Say that one of these kinds of file (`events`, `users`, `orders`, `units`, `assignments`) is missing."""
    t = screen().t
    with st.container(gap="small"):
        st.header(t("shell.unavailable"), anchor=False)
        st.markdown(t("shell.unavailable_text"), width=720)
        for kind in kinds:
            with st.container(horizontal=True, gap="small", vertical_alignment="center"):
                st.markdown(
                    f"**{t(f'shell.kind_{kind}')}**\u2003:gray[{t(f'shell.kind_{kind}_columns')}]", width="content"
                )
                sample_button(kind)
        if links.exists("import"):
            links.link("import", t("shell.load_file"), ":material/upload_file:")
        if "events" in kinds and not remembered(experiments.sources, screen().workspace).empty:
            with st.container(horizontal=True, gap="xsmall", vertical_alignment="center"):
                st.markdown(t("shell.has_experiments"), width="content")
                links.link("campaigns", t("shell.page_campaigns"), ":material/arrow_forward:")


def sample_button(kind: str, place: str = "empty") -> None:
    """Download button for a small made-up file of a kind."""
    st.download_button(
        screen().t("shell.sample"),
        data=_reader(SAMPLES / _FILES[kind]),
        file_name=_FILES[kind],
        mime="text/csv",
        key=f"{place}.sample.{kind}",
        icon=":material/download:",
        type="tertiary",
        on_click="ignore",
    )


def _reader(path: Path) -> Callable[[], bytes]:
    return path.read_bytes
