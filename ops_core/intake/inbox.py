"""A folder that a workspace watches while it is open: what comes in as before is loaded, the rest waits for a person.

The folder is a setting of the workspace. A thread looks into it now and then, as long as the workspace is open; it also
makes a backup once a day.
"""

from __future__ import annotations

import atexit
import contextlib
import threading
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from ops_core.errors import IntakeError, OpsError, StoreError
from ops_core.intake.folder import FolderWatch, Outcome, watched_files
from ops_core.intake.load import LoadOptions
from ops_core.store import Store, backup, batches

EVERY_SECONDS = 5.0
# Where more of a file is wrong, a person should look at it first.
_MAX_SET_ASIDE = 0.05
_SETTING = "watched_folder"


def watched_folder(store: Store) -> str | None:
    """The folder that the workspace watches while it is open, if any."""
    return store.setting(_SETTING)


def watch_folder(store: Store, folder: str | None) -> None:
    """From now on watch this folder, or none.

    Raises:
        IntakeError: there is no such folder.
    """
    if folder is not None and not Path(folder).expanduser().is_dir():
        raise IntakeError("folder_missing", folder=folder)
    with store.write() as cursor:
        store.put_setting(cursor, _SETTING, folder and str(Path(folder).expanduser().resolve()))


def waiting_files(store: Store) -> pd.DataFrame:
    """Files of the watched folder that wait for a person: file_name, file_hash, refusal_en, refusal_zh; by name.

    A file that was loaded by hand meanwhile, or that lies in the folder no longer, does not wait.
    """
    folder = watched_folder(store)
    known = watched_files(store)
    waits = known["batch_id"].isna() & ~known["file_hash"].isin(batches.batches(store, undone=True)["file_hash"])
    there = known["file_name"].map(lambda name: folder is not None and (Path(folder) / name).exists()).astype(bool)
    return known.loc[waits & there, ["file_name", "file_hash", "refusal_en", "refusal_zh"]].reset_index(drop=True)


@dataclass
class Inbox:
    """One workspace's look into its folder; two looks are needed to know that a file is no longer being written."""

    store: Store
    _watch: FolderWatch | None = None
    _newest: int = -1
    _stopped: threading.Event = field(default_factory=threading.Event)

    def look(self) -> list[Outcome]:
        """Look once; what was loaded or refused.

        Raises:
            OpsError: the folder is not there, or the workspace is closed.
        """
        folder = watched_folder(self.store)
        if folder is None:
            self._watch = None
            return []
        if self._watch is None or self._watch.folder != Path(folder):
            options = LoadOptions(max_quarantined_share=_MAX_SET_ASIDE)
            self._watch = FolderWatch(Path(folder), options, as_before_only=True)
        newest = batches.newest_batch(self.store)
        if newest != self._newest:
            self._watch.try_again()
            self._newest = newest
        return list(self._watch.take(self.store, self._watch.ready()))

    def run(self, every: float = EVERY_SECONDS) -> None:
        """Look again and again until the workspace is closed."""
        while not self._stopped.wait(every):
            try:
                with contextlib.suppress(IntakeError, OSError):
                    self.look()
                backup.daily(self.store)
            except StoreError as gone:
                if gone.code == "workspace_closed":
                    return
            except OpsError:
                continue

    def start(self, every: float = EVERY_SECONDS) -> None:
        """Run beside everything else; the thread ends with the workspace or the program."""
        thread = threading.Thread(target=self.run, args=(every,), daemon=True, name="opsdeck-inbox")
        atexit.register(self._stop, thread)
        thread.start()

    def _stop(self, thread: threading.Thread) -> None:
        # A thread that is still at work when the interpreter goes would keep the engine's objects alive.
        self._stopped.set()
        thread.join(timeout=10)
