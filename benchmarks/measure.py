"""Time and memory of one peer, taken inside its own process."""

from __future__ import annotations

import resource
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

REPEATS = 7


@dataclass(frozen=True)
class Timing:
    """Seconds of the first run and the median of the runs after it (of all, where there is one only)."""

    first_s: float
    median_s: float
    n_runs: int


@dataclass
class Report:
    """What a peer says: its answers, how long each took, the most memory it held."""

    peer: str
    answers: dict[str, list] = field(default_factory=dict)
    timings: dict[str, Timing] = field(default_factory=dict)
    note: dict[str, str] = field(default_factory=dict)
    peak_mb: float = float("nan")

    def ask(self, question: str, answer: Callable[[], list], repeats: int = REPEATS, note: str = "") -> None:
        """Run a question several times; keep its answer and, of several ways to ask it, the faster one."""
        seconds = []
        for _ in range(1 + repeats):
            start = time.perf_counter()
            found = answer()
            seconds.append(time.perf_counter() - start)
        if question in self.answers and self.answers[question] != found:
            raise AssertionError(f"{self.peer} answers {question} differently: {note}")
        timing = Timing(seconds[0], statistics.median(seconds[1:] or seconds), len(seconds))
        if question not in self.timings or timing.median_s < self.timings[question].median_s:
            self.timings[question], self.note[question] = timing, note
        self.answers[question] = found

    def as_json(self) -> dict[str, object]:
        """Plain values; the peak memory is read now."""
        self.peak_mb = peak_mb()
        return asdict(self)


def peak_mb() -> float:
    """The most memory that this process has held, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)
