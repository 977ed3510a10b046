"""Who looks on while a file is loaded: hears how far it is, and may stop it at any time."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import duckdb

from ops_core.errors import IntakeError

_ASKED_EVERY_SECONDS = 0.2


@dataclass(frozen=True)
class Watch:
    """`progress(step, share done)` hears of the steps reading, typing, checking, storing, summarising and done;
    `cancelled()` is asked between the steps and, from another thread, during them.
    """

    progress: Callable[[str, float], None] | None = None
    cancelled: Callable[[], bool] | None = None

    def step(self, code: str, share: float) -> None:
        """Say where the import is; stop it if that is wanted.

        Raises:
            IntakeError: the import was cancelled.
        """
        if self.cancelled is not None and self.cancelled():
            raise IntakeError("load_cancelled")
        if self.progress is not None:
            self.progress(code, share)

    @contextlib.contextmanager
    def over(self, cursor: duckdb.DuckDBPyConnection) -> Iterator[None]:
        """Interrupt the cursor's statement when the import is cancelled.

        Raises:
            IntakeError: the import was cancelled.
        """
        if self.cancelled is None:
            yield
            return
        if self.cancelled():
            raise IntakeError("load_cancelled")
        finished, stopped = threading.Event(), threading.Event()

        def look() -> None:
            while not finished.wait(_ASKED_EVERY_SECONDS):
                if self.cancelled():
                    stopped.set()
                    cursor.interrupt()

        looking = threading.Thread(target=look, daemon=True)
        looking.start()
        try:
            yield
        except duckdb.InterruptException:
            if not stopped.is_set():
                raise
            raise IntakeError("load_cancelled") from None
        finally:
            finished.set()
            looking.join()
