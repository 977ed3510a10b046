"""Large or odd text is parsed in a process of its own, with limits of memory and time.

What a crafted file can do, exhaust memory or keep a processor busy for minutes, then happens to that process; the
server, its other pages and its memory stay as they were. Start-up costs about a second, so small files, whose worst
case is less than that, are read in place.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ops_core.errors import IntakeError
from ops_core.intake.dialect import Dialect
from ops_core.intake.layout import Layout
from ops_core.intake.notes import Note
from ops_core.intake.source import Source, SourceOptions

MEMORY_BYTES = 4_000_000_000
_SECONDS, _SECONDS_PER_MB = 30, 3
# Processor time is limited to the seconds above; a busy machine may take this many times longer by the clock.
_PATIENCE = 4
_LOOK_SECONDS = 0.1
_ROOT = Path(__file__).resolve().parents[2]
_CODE = "import sys; from ops_core.intake import apart; apart.serve(sys.argv[1])"

Pulse = Callable[[], None]


@dataclass(frozen=True)
class Request:
    """A text file that is UTF-8 already, and what was found out about it so far. `kind`: `text` or `json_lines`."""

    path: Path
    text_path: Path
    encoding: str
    notes: tuple[Note, ...]
    options: SourceOptions
    understood: tuple[Dialect, Layout] | None
    folder: str
    memory: int
    seconds: int
    kind: str = "text"


class Borrowed:
    """A folder that belongs to the process which asked: nothing to clean up here."""

    def __init__(self, name: str) -> None:
        self.name = name

    def cleanup(self) -> None:
        """Left to the owner."""


def seconds_for(text_path: Path) -> int:
    """Processor seconds that a file may take."""
    return _SECONDS + _SECONDS_PER_MB * (text_path.stat().st_size // 1_000_000)


def open_apart(request: Request, pulse: Pulse | None = None) -> Source:
    """Have a child process parse the text or the JSON lines; `pulse` is called now and then and may raise to stop it.

    Raises:
        IntakeError: as `routes.parse` does; or the child ran out of memory or time, or crashed.
    """
    folder = Path(request.folder)
    asked, answer = folder / "request.pickle", folder / "answer.pickle"
    asked.write_bytes(pickle.dumps(request))
    where = os.pathsep.join([str(_ROOT), *(entry for entry in sys.path if entry)])
    # -P: nothing that lies in the current folder is imported.
    command = [sys.executable, "-P", "-c", _CODE, str(folder)]
    child = subprocess.Popen(
        command, env=os.environ | {"PYTHONPATH": where}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        code = _wait(child, request.seconds * _PATIENCE, pulse)
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()
    if code is None or code == -getattr(signal, "SIGXCPU", 0):
        raise IntakeError("file_too_slow", file=request.path.name, seconds=request.seconds)
    if not answer.exists():
        raise IntakeError("file_breaks_reader", file=request.path.name)
    found = pickle.loads(answer.read_bytes())  # noqa: S301  our own process wrote it into a folder of our own
    asked.unlink()
    answer.unlink()
    if isinstance(found, IntakeError):
        raise found
    return found


def serve(folder: str) -> None:
    """In the child: parse what is asked for in a folder, and leave the answer there."""
    request: Request = pickle.loads((Path(folder) / "request.pickle").read_bytes())  # noqa: S301  see open_apart
    _limit(request)
    # The routes import this module.
    routes = importlib.import_module("ops_core.intake.routes")
    found: Source | IntakeError
    try:
        found = routes.parse(request, Borrowed(request.folder))
    except IntakeError as refusal:
        found = refusal
    except MemoryError:
        found = IntakeError("file_too_hungry", file=request.path.name, gb=request.memory // 1_000_000_000)
    written = Path(folder) / "answer.part"
    written.write_bytes(pickle.dumps(found))
    written.replace(Path(folder) / "answer.pickle")


def _limit(request: Request) -> None:
    with contextlib.suppress(ModuleNotFoundError):  # Windows has no such limits; the parent's time limit still holds
        resource = importlib.import_module("resource")
        resource.setrlimit(resource.RLIMIT_AS, (request.memory, request.memory))
        resource.setrlimit(resource.RLIMIT_CPU, (request.seconds, request.seconds + 5))


def _wait(child: subprocess.Popen[bytes], seconds: float, pulse: Pulse | None) -> int | None:
    """The child's exit code; None when it was not done in time."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return child.wait(_LOOK_SECONDS)
        if pulse is not None:
            pulse()
    return None
