"""Whose turn it is: readers that need one state of the data for several queries, and commits that change it."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator


class Turns:
    """Many readers or one commit.

    A commit waits for the readers that have begun; readers that come while it waits wait for it, so that a steady
    stream of questions cannot hold an import up for ever.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._n_reading = 0
        self._n_commits = 0  # waiting or under way
        self._own = threading.local()

    @contextlib.contextmanager
    def reading(self) -> Iterator[None]:
        """Nothing is committed while the block runs. A block within a block of the same thread is part of it."""
        depth = getattr(self._own, "depth", 0)
        if depth == 0:
            with self._changed:
                self._changed.wait_for(lambda: self._n_commits == 0)
                self._n_reading += 1
        self._own.depth = depth + 1
        try:
            yield
        finally:
            self._own.depth = depth
            if depth == 0:
                with self._changed:
                    self._n_reading -= 1
                    self._changed.notify_all()

    @contextlib.contextmanager
    def committing(self) -> Iterator[None]:
        """Nobody else reads while the block runs."""
        own = int(getattr(self._own, "depth", 0) > 0)
        with self._changed:
            self._n_commits += 1
        try:
            with self._changed:
                self._changed.wait_for(lambda: self._n_reading == own)
            yield
        finally:
            with self._changed:
                self._n_commits -= 1
                self._changed.notify_all()
