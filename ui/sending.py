"""In which order a click's screen goes to the browser: the page's main chart first, the rest in one piece after it.

Streamlit sends each element on its own as soon as it is drawn, from top to bottom. On a page of a hundred elements the
server and the browser are busy with sixty controls and headings before it is the turn of the chart that the person
clicked for. Between two clicks on one page the places on the screen stay what they are, so the chart may overtake: it
goes with the containers around it; the browser draws it while the script goes on; then comes everything else. The
tab's title and the table of contents wait, too: the browser goes over the whole screen for each of them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import streamlit as st
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.runtime.scriptrunner import get_script_run_ctx

_POST, _PLACE = "post", "place_of_main_chart"
_AHEAD = 0.1  # seconds; longer delays the rest of the page, shorter the main chart
_HAND_OVER = 0.06  # seconds in which the chart is sent and drawn, before the script needs the processor again
_PATIENCE = 0.3  # seconds after which what was drawn is not held back for a chart that takes its time
_NOW, _NEVER = 0.0, float("inf")


@dataclass
class _Post:
    """What one run has drawn and not sent yet."""

    send: Callable[[ForwardMsg], None]
    release_at: float
    waiting: list[ForwardMsg] = field(default_factory=list)
    last_place: tuple[int, ...] = ()
    lock: threading.RLock = field(default_factory=threading.RLock)

    def take(self, message: ForwardMsg) -> None:
        """Stands where Streamlit sends an element."""
        with self.lock:
            self.waiting.append(message)
        self.last_place = tuple(message.metadata.delta_path)
        if time.monotonic() >= self.release_at:
            self.release()

    def release(self) -> None:
        """Send what waits, in its order."""
        with self.lock:
            waiting, self.waiting = self.waiting, []
            for message in waiting:
                self.send(message)

    def overtake(self) -> None:
        """Send the element drawn last and the containers that it stands in."""
        with self.lock:
            first = [message for message in self.waiting if self._is_around(message)]
            self.waiting = [message for message in self.waiting if not self._is_around(message)]
            for message in first:
                self.send(message)

    def _is_around(self, message: ForwardMsg) -> bool:
        path = tuple(message.metadata.delta_path)
        return bool(path) and path == self.last_place[: len(path)]


@contextmanager
def in_order() -> Iterator[None]:
    """While a run draws: what is drawn waits for the main chart; nothing waits where the run before had none."""
    run = get_script_run_ctx()
    if run is None:
        yield
        return
    waits = st.session_state.get(_PLACE) is not None
    # The only way to the order that there is; if Streamlit changes it, a test says so.
    post = _Post(run._enqueue, _NEVER if waits else _NOW)  # noqa: SLF001
    st.session_state[_POST] = post
    run._enqueue = post.take  # noqa: SLF001
    try:
        yield
        if _NOW < post.release_at < _NEVER:
            time.sleep(max(0.0, post.release_at - time.monotonic()))
    finally:
        run._enqueue = post.send  # noqa: SLF001
        st.session_state[_POST] = None
        post.release()


def arrived() -> None:
    """Another page is drawn than in the run before: nothing waits, the browser knows none of its places."""
    st.session_state[_PLACE] = None
    post = st.session_state.get(_POST)
    if post is not None:
        post.release_at = _NOW
        post.release()


@contextmanager
def meanwhile() -> Iterator[None]:
    """While an answer is computed: when it takes long, what was drawn so far is shown."""
    post = st.session_state.get(_POST)
    if post is None or post.release_at < _NEVER:
        yield
        return
    timer = threading.Timer(_PATIENCE, post.release)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def at_once() -> None:
    """Something long begins that tells how far it is: what was drawn so far is sent."""
    post = st.session_state.get(_POST)
    if post is not None:
        post.release()


def main_chart() -> None:
    """The element drawn last is the page's main chart: it goes first, where it stood there before, too."""
    post = st.session_state.get(_POST)
    if post is None:
        return
    if post.release_at == _NEVER:
        # A place that the browser does not know yet cannot be filled before those above it.
        if st.session_state.get(_PLACE) == post.last_place:
            post.overtake()
        else:
            post.release()
        post.release_at = time.monotonic() + _AHEAD
        time.sleep(_HAND_OVER)
    st.session_state[_PLACE] = post.last_place
