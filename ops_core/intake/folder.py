"""Several files, a folder at once, and a folder that is watched.

Files are never moved, renamed or deleted. What became of a file is recorded in the workspace under the hash of its
bytes: a file that was taken is not taken again (not even after its batch was undone), one that was refused is tried
again only when it has changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from ops_core.errors import IntakeError
from ops_core.intake import batch
from ops_core.intake.container import TABLE_ENDINGS
from ops_core.intake.files import file_hash
from ops_core.intake.load import LoadOptions, load, opened
from ops_core.intake.report import IntakeReport
from ops_core.intake.watch import Watch
from ops_core.locale import LANGUAGES, translator
from ops_core.store import Store, saved
from ops_core.store.batches import newest_batch

_RECORD = "watched_file"
_ENDINGS = (*TABLE_ENDINGS, ".gz", ".zip")
_UNFINISHED = (".", "~$")


@dataclass(frozen=True)
class Outcome:
    """What became of a file: a report, or the reason why it was refused."""

    path: Path
    report: IntakeReport | None = None
    refusal: IntakeError | None = None


def table_files(given: Iterable[str | Path]) -> list[Path]:
    """Files as given, and for each folder the tables in it by name (not in folders below it), each once.

    Hidden files, lock files of office programs and unfinished downloads are left out.

    Raises:
        IntakeError: a folder without a table.
    """
    found: dict[Path, None] = {}
    for item in map(Path, given):
        inside = _tables_in(item) if item.is_dir() else [item]
        if not inside:
            raise IntakeError("folder_without_tables", folder=str(item), endings=[*_ENDINGS])
        found |= dict.fromkeys(inside)
    return list(found)


def load_files(
    store: Store, files: Sequence[Path], options: LoadOptions, watch: Watch | None = None
) -> Iterator[Outcome]:
    """Load files one after another, each as a batch of its own; a file that is refused does not stop the others."""
    for path in files:
        yield _taken(store, path, options, watch or Watch())


@dataclass
class FolderWatch:
    """A folder that is looked into now and then: `ready()` tells files that came or changed, `take(…)` loads them.

    A file is ready when two looks in a row found the same size and time of change, so that one that is still being
    written is left alone. The workspace is needed for `take` only. With `as_before_only` a file is loaded when one with
    the same columns was loaded before, the same way; anything else waits for a person.
    """

    folder: Path
    options: LoadOptions = field(default_factory=LoadOptions)
    as_before_only: bool = False
    _seen: dict[Path, tuple[int, int]] = field(default_factory=dict)
    _settled: dict[Path, tuple[int, int]] = field(default_factory=dict)

    def ready(self) -> list[Path]:
        """Files that have stopped changing since the last look and were not taken as they are now, by name.

        Raises:
            IntakeError: the folder is not there.
        """
        if not self.folder.is_dir():
            raise IntakeError("folder_missing", folder=str(self.folder))
        now = {path: state for path in _tables_in(self.folder) if (state := _state(path)) is not None}
        before, self._seen = self._seen, now
        return [path for path, state in now.items() if before.get(path) == state != self._settled.get(path)]

    def take(self, store: Store, files: Sequence[Path]) -> Iterator[Outcome]:
        """Load the files that the workspace has not met before; tell what became of each of those."""
        known = saved.load_all(store, _RECORD)
        for path in files:
            state = _state(path)
            if state is None or state[0] == 0:
                continue  # gone, or not written yet
            mark = file_hash(path)
            self._settled[path] = state
            asked = self._asked(store)
            if mark in known and (known[mark]["batch"] is not None or known[mark]["asked"] == asked):
                continue
            outcome = self._outcome(store, path)
            known[mark] = _record(outcome, asked)
            saved.save(store, _RECORD, mark, known[mark])
            yield outcome

    def try_again(self) -> None:
        """Files that were refused are looked at once more: what was loaded meanwhile may tell how to read them."""
        self._settled.clear()

    def _outcome(self, store: Store, path: Path) -> Outcome:
        if self.as_before_only:
            try:
                with opened(store, path, self.options) as source:
                    is_known = batch.remembered(store, source.columns) is not None
                    columns = list(source.columns[:12])
            except IntakeError as refusal:
                return Outcome(path, refusal=refusal)
            if not is_known:
                return Outcome(path, refusal=IntakeError("not_seen_before", columns=columns))
        return _taken(store, path, self.options, Watch())

    def _asked(self, store: Store) -> str:
        """What was said about the files: a refused one is worth another try when that has changed."""
        said = f"{self.options.kind} {self.options.source_time_zone or ''} {self.options.as_of or ''}"
        return f"{said} {newest_batch(store)}" if self.as_before_only else said


def watched_files(store: Store) -> pd.DataFrame:
    """What became of the files of watched folders: file_name, file_hash, batch_id (<NA> where refused), refusal_en,
    refusal_zh (None where loaded); by name.
    """
    rows = [
        (body["file"], mark, body["batch"], *(body["refusal"].get(language) for language in ("en", "zh")))
        for mark, body in saved.load_all(store, _RECORD).items()
    ]
    frame = pd.DataFrame(rows, columns=["file_name", "file_hash", "batch_id", "refusal_en", "refusal_zh"], dtype=object)
    return frame.astype({"batch_id": "Int64"}).sort_values("file_name", ignore_index=True)


def _tables_in(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.iterdir()
        if path.is_file() and path.suffix.lower() in _ENDINGS and not path.name.startswith(_UNFINISHED)
    )


def _taken(store: Store, path: Path, options: LoadOptions, watch: Watch) -> Outcome:
    try:
        return Outcome(path, report=load(store, path, options, watch))
    except IntakeError as refusal:
        if refusal.code == "load_cancelled":
            raise
        return Outcome(path, refusal=refusal)


def _record(outcome: Outcome, asked: str) -> dict[str, object]:
    report, refusal = outcome.report, outcome.refusal
    batch = None if report is None else (report.batch_id or report.same_as_batch)
    said = {} if refusal is None else {language: refusal.sentence(translator(language)) for language in LANGUAGES}
    return {"file": outcome.path.name, "batch": batch, "refusal": said, "asked": asked}


def _state(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_size, found.st_mtime_ns
