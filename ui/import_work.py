"""Slow steps of an import: done beside the script, which shows how far they are and lets a person stop them.

A click on Cancel, a change of a control or another page ends the run of the script; the work hears of it, stops at
its next step and leaves nothing behind. Other people's pages are not touched by any of this.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import time
from collections.abc import Callable
from typing import TypeVar

import streamlit as st

from ui import sending
from ui.current import screen

R = TypeVar("R")

_LOOK_SECONDS = 0.15
_SHOWN_AFTER = 0.4  # seconds; what is done sooner needs no bar
_SLOW_SECONDS = 8


class Progress:
    """How far the work is, told by the worker and read by the script; `stopped` once nobody waits for it any more."""

    def __init__(self) -> None:
        self.step, self.share, self.stopped = "", 0.0, False

    def tell(self, step: str, share: float) -> None:
        """Say what is being done: the name of a step and how much is done (0–1)."""
        self.step, self.share = step, share

    def is_stopped(self) -> bool:
        """Whether the work should end."""
        return self.stopped


def waited_for(
    work: Callable[[Progress], R],
    told: Callable[[Progress], str],
    on_cancel: Callable[[], None],
    name: str,
    unwanted: Callable[[R], None] | None = None,
) -> R:
    """The result of `work`, done in a thread of its own while a bar and a Cancel button are shown.

    Args:
        told: the bar's text.
        on_cancel: called when a person cancels, before the page is drawn again.
        name: unique key of the button.
        unwanted: takes a result that came after nobody waited for it any more, to release what it holds.
    """
    progress = Progress()
    pool = concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix=name)
    future = pool.submit(work, progress)
    place = st.empty()
    try:
        return _watched(future, progress, place, (told, on_cancel, name))
    finally:
        progress.stopped = True
        if not future.done():
            if unwanted is not None:
                future.add_done_callback(lambda done: _release(done, unwanted))
            # What is interrupted ends within moments; waiting for it keeps the next run from meeting its traces.
            concurrent.futures.wait([future], timeout=2)
        pool.shutdown(wait=False)


def _watched(
    future: concurrent.futures.Future[R],
    progress: Progress,
    place: st.delta_generator.DeltaGenerator,
    words: tuple[Callable[[Progress], str], Callable[[], None], str],
) -> R:
    told, on_cancel, name = words
    started, bar = time.monotonic(), None
    while True:
        with contextlib.suppress(concurrent.futures.TimeoutError):
            found = future.result(timeout=_LOOK_SECONDS)
            place.empty()
            return found
        seconds = time.monotonic() - started
        if bar is None and seconds >= _SHOWN_AFTER:
            with place.container(horizontal=True, vertical_alignment="center", gap="small"):
                bar = st.progress(0.0, text=told(progress))
                st.button(screen().t("import.cancel"), key=f"{name}.cancel", on_click=on_cancel)
        elif bar is not None:
            # Work that cannot tell how far it is moves by the clock, ever slower.
            share = progress.share or seconds / (seconds + _SLOW_SECONDS)
            bar.progress(min(share, 1.0), text=_timed(told(progress), seconds))
        # What was drawn goes to the browser, and a click that came meanwhile ends this run.
        sending.at_once()


def _timed(text: str, seconds: float) -> str:
    return f"{text}\u2003{screen().t('import.seconds', n=int(seconds))}" if seconds >= 2 else text


def _release(done: concurrent.futures.Future[R], unwanted: Callable[[R], None]) -> None:
    if not done.cancelled() and done.exception() is None:
        unwanted(done.result())
