"""The command line as people use it: real files, a real workspace folder, what is printed, how it ends."""

from __future__ import annotations

import contextlib
import io
import os
import shlex
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from ops_core import Workspace, cli
from ops_core.places import workspace_names

ROWS = """user_id,event,occurred_at,value
a,view,2026-01-01 10:00:00,
a,pay,2026-01-01 10:05:00,20
b,view,2026-01-02 09:00:00,
b,pay,2026-01-32 09:00:00,30
c,view,2026-01-02 11:00:00,
"""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workspace folder of the test's own; messages in English."""
    monkeypatch.setenv("OPSDECK_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("OPSDECK_WORKSPACE", raising=False)
    monkeypatch.setenv("LC_ALL", "en_US.UTF-8")
    return tmp_path / "home"


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "shop.csv"
    path.write_text(ROWS, encoding="utf-8")
    return path


def opsdeck(*arguments: object) -> int:
    with pytest.raises(SystemExit) as ended:
        cli.main([str(argument) for argument in arguments])
    return ended.value.code


def n_events(path: Path) -> int:
    with Workspace.open(path) as workspace:
        return int(workspace.event_names()["n_events"].sum())


def test_load_makes_a_workspace_and_accounts_for_every_row(rows: Path, home: Path, capsys: pytest.CaptureFixture[str]):
    assert opsdeck("load", rows, "--time-zone", "Asia/Shanghai") == 0
    printed = capsys.readouterr().out
    assert "Workspace shop, times in Asia/Shanghai." in printed
    assert "5 rows read = 4 loaded + 0 duplicate + 1 set aside" in printed
    assert "line 5, occurred_at = 2026-01-32 09:00:00" in printed
    assert n_events(home / "shop.duckdb") == 4


def test_messages_in_chinese(rows: Path, capsys: pytest.CaptureFixture[str]):
    assert opsdeck("--lang", "zh", "load", rows) == 0
    assert "读取 5 行 = 导入 4 + 重复 0 + 搁置 1" in capsys.readouterr().out


def test_the_system_speaks_chinese(rows: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setenv("LC_ALL", "zh_CN.UTF-8")
    assert opsdeck("undo", "--yes") == 1
    assert "工作区" in capsys.readouterr().err


def test_the_same_file_twice_changes_nothing(rows: Path, home: Path, capsys: pytest.CaptureFixture[str]):
    opsdeck("load", rows)
    assert opsdeck("load", rows) == 0
    assert "already in the workspace as batch 1; nothing was changed" in capsys.readouterr().out
    assert n_events(home / "shop.duckdb") == 4


def test_a_date_that_is_none(rows: Path, capsys: pytest.CaptureFixture[str]):
    assert opsdeck("load", rows, "--as-of", "soon") == 1
    assert "'soon'" in capsys.readouterr().err


def test_a_date_that_reads_two_ways_is_asked_for_and_can_be_told(
    tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]
):
    slashes = tmp_path / "slashes.csv"
    slashes.write_text("user_id,event,date\na,view,03/04/2026\nb,view,05/06/2026\n", encoding="utf-8")
    assert opsdeck("load", slashes) == 1
    assert "Say which: date_order day_first or month_first." in capsys.readouterr().err
    assert opsdeck("load", slashes, "--date-order", "day_first") == 0
    with Workspace.open(home / "slashes.duckdb") as workspace:
        assert str(workspace.event_names()["first_at"].iloc[0]) == "2026-04-03 00:00:00"
    with Workspace.memory() as workspace:
        workspace.load(slashes, date_order="month_first")
        assert str(workspace.event_names()["first_at"].iloc[0]) == "2026-03-04 00:00:00"


def test_a_file_that_cannot_be_taken_is_one_sentence(tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]):
    empty = tmp_path / "empty.csv"
    empty.write_text("", encoding="utf-8")
    assert opsdeck("load", empty, "-w", "shop") == 1
    said = capsys.readouterr().err.strip()
    assert said
    assert "Traceback" not in said
    assert len(said.splitlines()) == 1
    assert workspace_names() == []


def test_undo_asks_and_takes_the_last_batch_out(
    rows: Path, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    opsdeck("load", rows)
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    assert opsdeck("undo") == 0
    printed = capsys.readouterr().out
    assert "Take batch 1 (shop.csv, 4 rows) out of the workspace shop?" in printed
    assert n_events(home / "shop.duckdb") == 0


def test_undo_of_an_unknown_batch_names_those_there_are(rows: Path, capsys: pytest.CaptureFixture[str]):
    opsdeck("load", rows)
    assert opsdeck("undo", "7", "--yes") == 1
    assert "There is no batch 7 that could be undone. Batches that can: 1." in capsys.readouterr().err


def test_backup_and_restore(rows: Path, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    opsdeck("load", rows)
    assert opsdeck("backup", tmp_path / "safe.duckdb") == 0
    opsdeck("undo", "--yes")
    assert opsdeck("restore", tmp_path / "safe.duckdb", "-w", "shop") == 1
    assert "add --replace" in capsys.readouterr().err
    assert opsdeck("restore", tmp_path / "safe.duckdb", "-w", "shop", "--replace") == 0
    assert n_events(home / "shop.duckdb") == 4
    # The emptied workspace is kept under another name.
    assert len(workspace_names()) == 2


def test_a_backup_goes_back_under_the_name_of_its_workspace(
    rows: Path, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    opsdeck("load", rows)
    assert opsdeck("backup") == 0
    assert opsdeck("backup", tmp_path) == 0
    (in_own_folder,) = (home / "backups").glob("*.duckdb")
    (in_given_folder,) = tmp_path.glob("shop-*.duckdb")
    for backup in (in_own_folder, in_given_folder):
        assert opsdeck("restore", backup) == 1
        assert "add --replace" in capsys.readouterr().err
        (home / "shop.duckdb").unlink()
        assert opsdeck("restore", backup) == 0
        assert "The workspace shop is restored." in capsys.readouterr().out
        assert n_events(home / "shop.duckdb") == 4


def test_rows_set_aside_are_told_without_empty_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    torn = tmp_path / "torn.csv"
    torn.write_text(ROWS + ',view,2026-01-02 12:00:00,\nd,"view,2026-01-02 12:00:00,1\n', encoding="utf-8")
    assert opsdeck("load", torn) == 0
    printed = capsys.readouterr().out
    assert "  line 7, user_id is empty: The row does not say which user it belongs to." in printed
    assert "None" not in printed
    assert "nan" not in printed


def test_a_backup_is_never_overwritten(rows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    opsdeck("load", rows)
    target = tmp_path / "safe.duckdb"
    target.write_text("something else", encoding="utf-8")
    assert opsdeck("backup", target) == 1
    assert "exists already and is not overwritten" in capsys.readouterr().err
    assert target.read_text(encoding="utf-8") == "something else"


def test_restoring_what_is_no_backup_changes_nothing(
    rows: Path, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    opsdeck("load", rows)
    broken = tmp_path / "broken.duckdb"
    broken.write_bytes(b"no database" * 1000)
    assert opsdeck("restore", broken, "-w", "shop", "--replace") == 1
    assert "cannot be read" in capsys.readouterr().err
    assert n_events(home / "shop.duckdb") == 4
    assert [path.name for path in home.iterdir()] == ["shop.duckdb"]


def test_a_damaged_workspace_is_offered_its_last_good_backup(
    rows: Path, home: Path, capsys: pytest.CaptureFixture[str]
):
    opsdeck("load", rows)
    opsdeck("backup")
    (home / "shop.duckdb").write_bytes(b"no database" * 1000)
    capsys.readouterr()
    assert opsdeck("undo", "-w", "shop") == 1
    said = capsys.readouterr().err
    assert "last good backup" in said
    assert opsdeck(*shlex.split(said.splitlines()[-1].partition("opsdeck ")[2])) == 0
    assert n_events(home / "shop.duckdb") == 4


def test_an_unknown_workspace_names_the_nearest(rows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    opsdeck("load", rows)
    assert opsdeck("backup", tmp_path, "-w", "shopp") == 1
    assert "There is no workspace named shopp. Known: shop." in capsys.readouterr().err


def test_convert_writes_what_it_can_and_lists_the_rest(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    export = tmp_path / "export.csv"
    export.write_bytes("用户,金额\n甲,1\n乙,2\n".encode("gb18030"))
    assert opsdeck("convert", export, "--out", tmp_path / "clean") == 0
    assert "export.csv: 2 rows = 2 in" in capsys.readouterr().out
    converted = (tmp_path / "clean" / "export.csv_converted.csv").read_text(encoding="utf-8")
    assert converted.splitlines() == ["用户,金额", "甲,1", "乙,2"]


def test_the_newest_workspace_is_meant_but_never_the_demo(rows: Path, home: Path, capsys: pytest.CaptureFixture[str]):
    opsdeck("load", rows, "-w", "shop")
    opsdeck("load", rows, "-w", "demo")
    assert opsdeck("load", rows) == 0
    assert "Workspace shop" in capsys.readouterr().out.splitlines()[-2]


def test_run_serves_until_it_is_told_to_end(tmp_path: Path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    script = "from ops_core.cli import main; main()"
    command = [sys.executable, "-c", script, "run", "--no-browser", "--port", str(port)]
    server = subprocess.Popen(command, cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(cli.serve.APP.parent)})
    try:
        assert wait_for(lambda: answers(port))
    finally:
        server.terminate()
        server.wait(timeout=30)
    # Nothing is left that would still hold the port and the workspace.
    assert wait_for(lambda: not answers(port))


def answers(port: int) -> bool:
    with (
        contextlib.suppress(OSError),
        urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=2) as reply,
    ):
        return reply.status == 200
    return False


def wait_for(happens: Callable[[], bool], seconds: float = 60) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if happens():
            return True
        time.sleep(0.2)
    return False


def test_a_taken_port_is_said(capsys: pytest.CaptureFixture[str]):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert opsdeck("run", "--port", taken.getsockname()[1]) == 1
    assert "is in use by another program" in capsys.readouterr().err


def test_a_command_that_is_not_understood(capsys: pytest.CaptureFixture[str]):
    assert opsdeck("lod") == 2
    assert "lod" in capsys.readouterr().err


def test_replacing_says_what_goes_asks_once_and_is_in_the_history(
    rows: Path, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    opsdeck("load", rows)
    newer = tmp_path / "newer.csv"
    newer.write_text("user_id,event,occurred_at,value\nz,pay,2026-01-02 08:00:00,7\n", encoding="utf-8")
    capsys.readouterr()
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    assert opsdeck("load", newer, "--replace", "all") == 1
    assert "Batch 1, shop.csv: all of it (rows: 4)" in capsys.readouterr().out
    assert n_events(home / "shop.duckdb") == 4
    assert opsdeck("load", newer, "--replace", "2026-01-02..2026-01-02", "--yes") == 0
    assert "Batch 1, shop.csv: 2 of its rows; the others stay" in capsys.readouterr().out
    assert n_events(home / "shop.duckdb") == 3  # two of January 1st, the new one of the 2nd
    assert opsdeck("history") == 0
    newest, first = capsys.readouterr().out.splitlines()
    assert newest.startswith("2. ")
    assert "newer.csv" in newest
    assert "[rows replaced later: 2]" in first
    assert opsdeck("undo", "2", "--yes") == 0
    assert n_events(home / "shop.duckdb") == 4
    assert list((home / "backups").glob("shop-auto-*.duckdb"))
    assert opsdeck("load", newer, "--replace", "soon") == 1
    assert "does not say what to replace" in capsys.readouterr().err


def test_compact_says_what_it_did(rows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    opsdeck("load", rows)
    assert opsdeck("compact") == 0
    assert "in one piece already" in capsys.readouterr().out
    later = tmp_path / "later.csv"
    later.write_text("user_id,event,occurred_at,value\nz,pay,2026-02-02 08:00:00,7\n", encoding="utf-8")
    opsdeck("load", later)
    assert opsdeck("compact") == 0
    assert "2 pieces are one now" in capsys.readouterr().out


def test_a_folder_that_cannot_be_written_to_is_said_in_a_sentence(
    rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "file").write_text("no folder", encoding="utf-8")
    assert opsdeck("convert", rows, "--out", tmp_path / "file" / "out") == 1
    assert "--out" in capsys.readouterr().err
    assert opsdeck("--lang", "zh", "convert", rows, "--out", tmp_path / "file") == 1
    assert "--out" in capsys.readouterr().err
    (tmp_path / "out" / "shop.csv_converted.csv").mkdir(parents=True)
    assert opsdeck("convert", rows, "--out", tmp_path / "out") == 1
    assert str(tmp_path / "out") in capsys.readouterr().err
    monkeypatch.setenv("OPSDECK_HOME", str(tmp_path / "file" / "home"))
    assert opsdeck("load", rows) == 1
    assert "shop.duckdb" in capsys.readouterr().err
