"""Several files, folders, and a watched folder: each file once, none moved, refusals listed and not repeated."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ops_core import IntakeError, Workspace, cli
from ops_core.intake.folder import FolderWatch, load_files, table_files, watched_files
from ops_core.intake.load import LoadOptions


def events(path: Path, day: int, users: str = "abc") -> Path:
    lines = [f"{user},view,2026-01-{day:02d} 10:00:00" for user in users]
    path.write_text("user_id,event,occurred_at\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def workspace():
    with Workspace.memory() as made:
        yield made


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


def n_events(workspace: Workspace) -> int:
    return int(workspace.event_names()["n_events"].sum())


def taken(watch: FolderWatch, workspace: Workspace) -> dict[str, object]:
    """One look: file name → rows loaded, or the code of the refusal."""
    outcomes = watch.take(workspace.store, watch.ready())
    return {o.path.name: o.report.rows_loaded if o.report else o.refusal.code for o in outcomes}


def test_a_folder_is_its_tables_by_name(inbox: Path):
    for name in ("b.csv", "a.xlsx", "c.CSV", "notes.md", ".hidden.csv", "~$a.xlsx", "half.csv.part", "d.csv.gz"):
        (inbox / name).write_text("x", encoding="utf-8")
    (inbox / "deeper").mkdir()
    assert [path.name for path in table_files([inbox])] == ["a.xlsx", "b.csv", "c.CSV", "d.csv.gz"]
    # A file that is named as well as its folder counts once, in the place where it was named first.
    assert [path.name for path in table_files([inbox / "c.CSV", inbox])][:2] == ["c.CSV", "a.xlsx"]
    with pytest.raises(IntakeError, match="no table in the folder"):
        table_files([inbox / "deeper"])


def test_a_refused_file_does_not_stop_the_others(workspace: Workspace, inbox: Path):
    files = [events(inbox / "1.csv", 1), inbox / "2.csv", events(inbox / "3.csv", 3)]
    files[1].write_text("<html><body>please log in</body></html>", encoding="utf-8")
    outcomes = list(load_files(workspace.store, files, LoadOptions()))
    assert [outcome.refusal.code if outcome.refusal else outcome.report.batch_id for outcome in outcomes] == [
        1, "is_html", 2,
    ]  # fmt: skip
    assert n_events(workspace) == 6


def test_a_file_is_taken_when_it_has_stopped_growing(workspace: Workspace, inbox: Path):
    watch = FolderWatch(inbox)
    path = events(inbox / "day.csv", 1, "a")
    assert taken(watch, workspace) == {}  # seen for the first time
    events(path, 1, "ab")
    assert taken(watch, workspace) == {}  # it has grown
    assert taken(watch, workspace) == {"day.csv": 2}
    assert taken(watch, workspace) == {}
    assert path.exists()


def test_what_was_met_before_is_not_taken_again(workspace: Workspace, inbox: Path):
    watch = FolderWatch(inbox)
    events(inbox / "day.csv", 1)
    watch.ready()
    assert taken(watch, workspace) == {"day.csv": 3}
    workspace.undo(1)
    events(inbox / "copy of day.csv", 1)
    os.utime(inbox / "day.csv", (1, 1))  # touched, the bytes are the same
    again = FolderWatch(inbox)  # as after a restart
    again.ready()
    assert taken(again, workspace) == {}
    assert n_events(workspace) == 0


def test_a_refused_file_is_listed_and_tried_again_when_changed(workspace: Workspace, inbox: Path):
    watch = FolderWatch(inbox)
    path = inbox / "day.csv"
    path.write_text("%PDF-1.7", encoding="utf-8")
    watch.ready()
    assert taken(watch, workspace) == {"day.csv": "is_pdf"}
    assert taken(watch, workspace) == {}
    row = watched_files(workspace.store).iloc[0]
    assert "PDF" in row["refusal_en"]
    assert "PDF" in row["refusal_zh"]
    assert row["refusal_en"] != row["refusal_zh"]
    restarted = FolderWatch(inbox)
    restarted.ready()
    assert taken(restarted, workspace) == {}
    events(path, 1)
    assert taken(restarted, workspace) == {}
    assert taken(restarted, workspace) == {"day.csv": 3}


def test_a_refused_file_is_tried_again_when_asked_differently(workspace: Workspace, inbox: Path):
    (inbox / "people.csv").write_text("user_id,city\na,Bonn\nb,Lyon\n", encoding="utf-8")
    watch, told = FolderWatch(inbox, LoadOptions(kind="events")), FolderWatch(inbox, LoadOptions(kind="users"))
    watch.ready(), told.ready()
    assert list(taken(watch, workspace).values()) == ["no_event_column"]
    assert list(taken(told, workspace).values()) == [2]


def test_a_folder_that_is_not_there(tmp_path: Path):
    with pytest.raises(IntakeError, match="no folder"):
        FolderWatch(tmp_path / "nowhere").ready()


def opsdeck(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        cli.main([str(argument) for argument in arguments])
    return ended.value.code


def test_on_the_command_line(inbox: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys):
    monkeypatch.setenv("OPSDECK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LC_ALL", "en_US.UTF-8")
    events(inbox / "1.csv", 1), events(inbox / "2.csv", 2)
    (inbox / "3.csv").write_text("%PDF-1.7", encoding="utf-8")
    assert opsdeck("load", inbox, "-w", "shop") == 1
    said = capsys.readouterr()
    assert "1.csv, batch 1: 3 rows read" in said.out
    assert "2.csv, batch 2: 3 rows read" in said.out
    assert "3.csv was not taken: " in said.err
    events(inbox / "4.csv", 4)
    assert opsdeck("watch", inbox, "-w", "shop", "--once", "--every", "0.1") == 0
    said = capsys.readouterr()
    # The first two are there already; the watch only notes them.
    assert "1.csv is already in the workspace as batch 1" in said.out
    assert "4.csv, batch 3: 3 rows read = 3 loaded" in said.out
    assert "3.csv was not taken: " in said.err
    assert opsdeck("--lang", "zh", "watch", inbox, "-w", "shop", "--once", "--every", "0.1") == 0
    said = capsys.readouterr()
    assert "3.csv 未导入：" in said.err
    assert "批次" not in said.out
