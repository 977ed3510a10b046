"""A folder that a workspace watches while it is open: files like earlier ones are loaded once, others wait."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from ops_core import IntakeError, Workspace
from ops_core.intake import inbox
from ops_core.intake.inbox import Inbox, waiting_files
from ops_core.store import backup
from tests.intake.test_folder import events, n_events


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "inbox"
    made.mkdir()
    return made


def looks(box: Inbox, n: int = 2) -> dict[str, object]:
    """Several looks: file name → rows loaded, or the code of the refusal."""
    found = [outcome for _ in range(n) for outcome in box.look()]
    return {one.path.name: one.report.rows_loaded if one.report else one.refusal.code for one in found}


def test_files_like_earlier_ones_are_loaded_once_and_others_wait_for_a_person(tmp_path: Path, folder: Path):
    with Workspace.open(tmp_path / "shop.duckdb") as workspace:
        workspace.load(events(tmp_path / "first.csv", 1))
        inbox.watch_folder(workspace.store, str(folder))
        box = Inbox(workspace.store)
        events(folder / "second.csv", 2)
        (folder / "other.csv").write_text("who,what,when\na,view,2026-01-05\nb,view,2026-01-06\n", encoding="utf-8")
        assert looks(box) == {"second.csv": 3, "other.csv": "not_seen_before"}
        looks(box)  # what waits is looked at once more after each import
        assert looks(box) == {}
        assert waiting_files(workspace.store)["file_name"].tolist() == ["other.csv"]
        assert n_events(workspace) == 6
        # A person loads the strange file; it waits no longer, and the next one like it comes in by itself.
        workspace.load(folder / "other.csv", mapping={"user_id": "who", "event": "what", "occurred_at": "when"})
        assert waiting_files(workspace.store).empty
        (folder / "other2.csv").write_text("who,what,when\nc,view,2026-01-07\nd,view,2026-01-08\n", encoding="utf-8")
        assert looks(box)["other2.csv"] == 2
        assert n_events(workspace) == 10
        assert {path.name for path in folder.iterdir()} == {"second.csv", "other.csv", "other2.csv"}


def test_a_file_of_which_much_is_wrong_waits(tmp_path: Path, folder: Path):
    with Workspace.open(tmp_path / "shop.duckdb") as workspace:
        workspace.load(events(tmp_path / "first.csv", 1))
        inbox.watch_folder(workspace.store, str(folder))
        lines = [f"u{n},view,2026-01-{'99' if n < 4 else '02'} 10:00:{n:02d}" for n in range(40)]  # 10 % have no day
        (folder / "bad.csv").write_text("user_id,event,occurred_at\n" + "\n".join(lines) + "\n", encoding="utf-8")
        assert looks(Inbox(workspace.store)) == {"bad.csv": "too_many_quarantined"}
        assert n_events(workspace) == 3


def test_a_taken_back_file_is_not_loaded_again_and_no_folder_means_no_looking(tmp_path: Path, folder: Path):
    with Workspace.open(tmp_path / "shop.duckdb") as workspace:
        workspace.load(events(tmp_path / "first.csv", 1))
        inbox.watch_folder(workspace.store, str(folder))
        box = Inbox(workspace.store)
        events(folder / "second.csv", 2)
        assert looks(box) == {"second.csv": 3}
        workspace.undo(2)
        assert looks(box) == {}
        assert looks(Inbox(workspace.store)) == {}
        inbox.watch_folder(workspace.store, None)
        events(folder / "third.csv", 3)
        assert looks(box) == {}
        with pytest.raises(IntakeError, match="no folder"):
            inbox.watch_folder(workspace.store, str(tmp_path / "nowhere"))


def test_the_thread_loads_and_ends_with_the_workspace(tmp_path: Path, folder: Path):
    workspace = Workspace.open(tmp_path / "shop.duckdb")
    workspace.load(events(tmp_path / "first.csv", 1))
    inbox.watch_folder(workspace.store, str(folder))
    events(folder / "second.csv", 2)
    box = Inbox(workspace.store)
    box.start(every=0.05)
    until = time.monotonic() + 30
    while n_events(workspace) < 6 and time.monotonic() < until:
        time.sleep(0.05)
    assert n_events(workspace) == 6
    workspace.close()


def test_a_backup_a_day_where_something_was_loaded(tmp_path: Path):
    with Workspace.open(tmp_path / "shop.duckdb") as workspace:
        assert backup.daily(workspace.store) is None
        workspace.load(events(tmp_path / "first.csv", 1))
        made = backup.daily(workspace.store)
        assert made is not None
        assert backup.daily(workspace.store) is None
        two_days_ago = time.time() - 2 * 86_400
        os.utime(made, (two_days_ago, two_days_ago))
        assert backup.daily(workspace.store) is not None
