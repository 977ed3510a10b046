"""Large text is parsed in a process of its own: same answers, limits that hold, a server that stays as it was."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest

from ops_core import IntakeError, Workspace
from ops_core.intake import apart, routes
from ops_core.intake.source import open_source
from ops_core.intake.watch import Watch
from ops_core.locale import translator

HEADING = "user_id,event,occurred_at,note\n"
MESSY = (
    "Report of 2026\n\n"
    + HEADING
    + "".join(f'{n},view,2026-01-{n % 28 + 1:02d},"two\nlines"\n' for n in range(200))
    + "7,view,2026-01-01\n8,view,2026-01-01,a,b\nTotal,,,\n"
)


@pytest.fixture
def always_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "_APART_FROM_BYTES", 0)


def everything(path: Path) -> tuple:
    with open_source(path) as source, duckdb.connect() as connection:
        source.stage(connection, "rows_in")
        rows = connection.execute("SELECT * FROM rows_in ORDER BY line").fetchall()
        parts = (source.columns, source.rows_in_file, source.notes, source.rejects, source.skipped, source.file_hash)
        return rows, *parts, source.dialect


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "utf-16"])
def test_the_answer_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: str):
    path = tmp_path / "messy.csv"
    path.write_bytes(MESSY.replace("lines", "行").encode(encoding))
    in_place = everything(path)
    monkeypatch.setattr(routes, "_APART_FROM_BYTES", 0)
    assert everything(path) == in_place
    assert (in_place[2], len(in_place[4])) == (203, 3)


def test_json_lines_go_the_same_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "events.jsonl"
    lines = [json.dumps({"user": f"u{n}", "event": "view", "at": "2026-01-01", "in": {"k": n}}) for n in range(50)]
    path.write_text("\n".join([*lines, "{broken"]), encoding="utf-8")
    in_place = everything(path)
    monkeypatch.setattr(routes, "_APART_FROM_BYTES", 0)
    assert everything(path) == in_place
    assert (in_place[1], in_place[2], len(in_place[4])) == (("user", "event", "at", "in.k"), 51, 1)


def test_a_json_line_that_takes_all_memory_ends_in_a_sentence(
    tmp_path: Path, always_apart: None, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(apart, "MEMORY_BYTES", 300_000_000)
    path = tmp_path / "huge.jsonl"
    path.write_text('{"user": "u1", "event": "view"}\n{"user": [' + "[]," * 12_000_000 + "[]]}\n", encoding="utf-8")
    with pytest.raises(IntakeError, match="stopped"):
        open_source(path)


def test_a_refusal_keeps_its_words(tmp_path: Path, always_apart: None):
    path = tmp_path / "heading.csv"
    path.write_text(HEADING, encoding="utf-8")
    with pytest.raises(IntakeError, match="user_id") as refused:
        open_source(path)
    assert refused.value.code == "header_only"
    assert "user_id" in refused.value.sentence(translator("zh"))


def big(path: Path, megabytes: int) -> Path:
    path.write_text(HEADING + 'a,view,2026-01-01,"x\ny"\n' * (megabytes * 42_000), encoding="utf-8")
    return path


def test_time_is_limited(tmp_path: Path, always_apart: None, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(apart, "seconds_for", lambda _: 1)
    path = big(tmp_path / "slow.csv", 7)
    with pytest.raises(IntakeError, match=r"slow\.csv was not read within 1 seconds"):
        open_source(path)


def test_memory_is_limited(tmp_path: Path, always_apart: None, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(apart, "MEMORY_BYTES", 300_000_000)
    path = big(tmp_path / "large.csv", 3)
    with pytest.raises(IntakeError, match="stopped") as refused:
        open_source(path)
    # It depends on what asks for the byte too many whether that can still be said.
    assert refused.value.code in ("file_too_hungry", "file_breaks_reader")


def test_it_can_be_stopped_at_any_time(tmp_path: Path, always_apart: None):
    def stop() -> None:
        if time.perf_counter() - began > 0.3:
            raise IntakeError("load_cancelled")

    path, began = big(tmp_path / "large.csv", 7), time.perf_counter()
    with pytest.raises(IntakeError, match="stopped"):
        open_source(path, pulse=stop)


def test_an_import_can_be_cancelled_while_the_file_is_read(tmp_path: Path, always_apart: None):
    path, steps = big(tmp_path / "large.csv", 7), []
    watch = Watch(progress=lambda step, _: steps.append(step), cancelled=lambda: len(steps) > 3)
    with Workspace.memory() as workspace:
        with pytest.raises(IntakeError, match="stopped"):
            workspace.load(path, watch=watch)
        assert list(workspace.store.staging.iterdir()) == []
    assert set(steps) == {"reading"}


# Runs in a fresh process, as a server would: look into each file, then say how much memory stayed.
_SERVER = """
import gc, json, sys, time
from pathlib import Path
from ops_core import IntakeError, Workspace
from ops_core.intake.source import open_source

def resident_mb():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6

def fate(path):
    try:
        with open_source(path) as source:
            source.sample(100)
        with Workspace.memory() as workspace:
            return workspace.load(path).rows_loaded
    except IntakeError as refusal:
        return refusal.code

first, *others = map(Path, sys.argv[1:])
fate(first)
gc.collect()
before = resident_mb()
fates = {path.name: fate(path) for path in others}
until = time.monotonic() + 10
while time.monotonic() < until and resident_mb() - before > 50:
    gc.collect()
    time.sleep(0.2)
print(json.dumps({"fates": fates, "stayed_mb": resident_mb() - before}))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads the process's memory from /proc")
def test_hostile_files_leave_the_server_as_it_was(tmp_path: Path):
    row = "a,view,2026-01-01,"
    wide = ["user_id", "event", "occurred_at", *(f"c{n}" for n in range(1997))]
    contents = {
        "usual.csv": HEADING + "".join(f"u{n},view,2026-01-{n % 28 + 1:02d},x\n" for n in range(20_000)),
        "cell_of_3_mb.csv": HEADING + row + "x" * 3_000_000 + "\n" + "b,view,2026-01-02,y\n",
        "columns_2000.csv": ",".join(wide) + "\n" + ("a,view,2026-01-01" + ",1" * 1997 + "\n") * 3,
        "zero_bytes.csv": HEADING + "".join(f"u{n},vi\0ew,2026-01-01,x\n" for n in range(100)),
        "only_zero_bytes.csv": "\0" * 2_000_000,
        "only_quotes.csv": HEADING + '"' * 2_100_000 + "\n",
        "line_of_17_mb.csv": HEADING + row + "x" * 17_000_000 + "\n",
        "bomb.csv.gz": "",
    }
    for name, content in contents.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    (tmp_path / "bomb.csv.gz").write_bytes(gzip.compress(b"a,b\n" + b"1,2\n" * 8_000_000))
    command = [sys.executable, "-c", _SERVER, *(str(tmp_path / name) for name in contents)]
    done = subprocess.run(command, capture_output=True, check=True, timeout=300, cwd=Path(__file__).parents[2])
    found = json.loads(done.stdout)
    assert found["fates"] == {
        "cell_of_3_mb.csv": 2,
        "columns_2000.csv": "too_many_columns",
        "zero_bytes.csv": 100,
        "only_zero_bytes.csv": "empty",
        "only_quotes.csv": "no_row_fits",
        "line_of_17_mb.csv": "line_too_long",
        "bomb.csv.gz": "unpacks_too_much",
    }
    assert found["stayed_mb"] < 50
