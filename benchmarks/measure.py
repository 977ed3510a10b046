"""Time and memory of one peer, taken inside its own process."""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

REPEATS = 7


@dataclass(frozen=True)
class Timing:
    """Seconds of the first run and the median of the runs after it (of the one, where there is only one).

    `cpu_s` is the median of the processor time of all threads: what stays comparable on a busy machine.
    """

    first_s: float
    median_s: float
    cpu_s: float
    n_runs: int


@dataclass
class Clock:
    """Wall and processor seconds of the runs it was asked to time."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def run(self, work: Callable[[], list]) -> list:
        """Do the work once, timed."""
        wall, cpu = time.perf_counter(), time.process_time()
        done = work()
        self.wall.append(time.perf_counter() - wall)
        self.cpu.append(time.process_time() - cpu)
        return done

    def timing(self) -> Timing:
        """What the runs took."""
        wall, cpu = self.wall[1:] or self.wall, self.cpu[1:] or self.cpu
        return Timing(self.wall[0], statistics.median(wall), statistics.median(cpu), len(self.wall))


@dataclass
class Report:
    """What a peer says: its answers, how long each took, the most memory it held."""

    peer: str
    answers: dict[str, list] = field(default_factory=dict)
    timings: dict[str, Timing] = field(default_factory=dict)
    note: dict[str, str] = field(default_factory=dict)
    peak_mb: float = float("nan")
    base_mb: float = float("nan")  # before the first question, where that is told apart

    def ask(self, question: str, answer: Callable[[], list], repeats: int = REPEATS, note: str = "") -> None:
        """Run a question several times; keep its answer and, of several ways to ask it, the faster one."""
        clock = Clock()
        for _ in range(1 + repeats):
            found = clock.run(answer)
        if question in self.answers and self.answers[question] != found:
            raise AssertionError(f"{self.peer} answers {question} differently: {note}")
        timing = clock.timing()
        if question not in self.timings or timing.median_s < self.timings[question].median_s:
            self.timings[question], self.note[question] = timing, note
        self.answers[question] = found

    def as_json(self) -> dict[str, object]:
        """Plain values; the peak memory is read now."""
        self.peak_mb = peak_mb()
        return asdict(self)


def growth(rows: Iterable[tuple[int, int, int, int]]) -> list[list[int]]:
    """Growth accounting from (day, new, returning, resurrected): the same with those newly dormant behind.

    Newly dormant on a day: active the day before and not returning.
    """
    found, active_before = [], 0
    for day, new, returning, resurrected in sorted(rows):
        found.append([day, new, returning, resurrected, active_before - returning])
        active_before = new + returning + resurrected
    return found


def peak_mb() -> float:
    """The most memory that this process has held, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)


def in_own_process(module: str, peer: str, size: str) -> dict:
    """The report of one peer of a benchmark module, run with two threads in a process of its own."""
    environment = os.environ | {"POLARS_MAX_THREADS": "2", "OMP_NUM_THREADS": "2"}
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "report.json"
        command = [sys.executable, "-m", module, "--events", size, "--peer", peer, "--out", str(out)]
        print(f"  {peer} ...", flush=True)
        subprocess.run(command, check=True, env=environment, cwd=Path(__file__).resolve().parent.parent)
        return json.loads(out.read_text(encoding="utf-8"))
