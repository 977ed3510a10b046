"""A big file is typed while it is still being proved clean: what is found behind its beginning changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops_core import Workspace
from ops_core.intake import accounts, routes, source
from ops_core.intake.fastpath import check
from ops_core.intake.load import LoadOptions
from ops_core.intake.report import IntakeReport
from ops_core.intake.source import PresumptionError, SourceOptions, open_source
from ops_core.intake.tokenize import Syntax
from ops_core.store import compaction, runs

N_ROWS = 2400
NAMES = ("open", "cart", "pay")
LINES = ["user_id,event,occurred_at,value", *(
    f"u{number % 700:03},{NAMES[number % 3]},2026-03-{number % 27 + 1:02} 10:{number % 60:02}:{number // 101:02},"
    f"{number / 4 if number % 3 == 2 else ''}"
    for number in range(N_ROWS)
)]  # fmt: skip

# What happens to line 2,201, long behind the rows that are looked at first.
DIRT = {
    "nothing": lambda line: line,
    "a surplus delimiter": lambda line: line + ",",
    "quotes": lambda line: '"' + line.replace(",", '",', 1),
    "a missing cell": lambda line: line.rpartition(",")[0],
    "a blank line": lambda line: line + "\n",
    "a row of delimiters": lambda line: line + "\n,,,",
    "a line end in a cell": lambda line: line.replace("u", '"u\n') + '"',
    "a NUL": lambda line: line.replace("u", "u\0"),
    "another line end": lambda line: line + "\r",
    "not UTF-8": lambda line: line.replace("u", "\udce9"),
    "an unread time": lambda line: line.replace("2026", "2O26"),
    "a padded id": lambda line: " " + line,
    "no id": lambda line: line[line.index(",") :],
    "a repeated row": lambda line: line + "\n" + line,
    "an offset": lambda line: line.replace(":5", ":5+08"),
    "a year long past": lambda line: line.replace("2026", "1026"),
}


def _account(report: IntakeReport) -> tuple[int, int, int, int]:
    return report.rows_read, report.rows_loaded, report.rows_duplicate, report.rows_quarantined


def _events(workspace: Workspace) -> list[tuple]:
    with workspace.store.cursor() as cursor:
        return cursor.execute(
            "SELECT user_id, name, occurred_at, value FROM events JOIN user_keys USING (user_key)"
            " JOIN event_names USING (event_code) ORDER BY ALL"
        ).fetchall()


def loaded(path: Path) -> tuple:
    with Workspace.memory() as workspace:
        report = workspace.load(path, kind="events")
        rows = _events(workspace)
        with workspace.store.cursor() as cursor:
            derived = [
                cursor.execute(f"SELECT * FROM {table} ORDER BY ALL").fetchall()  # noqa: S608
                for table in ("user_days", "event_volumes", "event_stats", "users")
            ]
        problems = report.problems[["line", "column_name", "value", "reason"]].to_dict("records")
        assert compaction.n_runs(workspace.store) == 1
        return _account(report), problems, [note.code for note in report.notes], rows, derived


@pytest.mark.parametrize("dirt", DIRT)
def test_a_presumed_file_loads_like_any_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dirt: str):
    path = tmp_path / "events.csv"
    lines = [*LINES[:2200], DIRT[dirt](LINES[2200]), *LINES[2201:]]
    path.write_bytes(("\n".join(lines) + "\n").encode("utf-8", "surrogateescape"))
    general = loaded(path)
    monkeypatch.setattr(routes, "_FAST_FROM_BYTES", 0)
    with open_source(path, options=SourceOptions(presume=True)) as opened:
        assert opened.is_presumed
    assert loaded(path) == general
    laid_in_files(monkeypatch)
    assert loaded(path) == general
    assert sum(general[0][1:]) == general[0][0]


def laid_in_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """As beyond some million rows: typed rows wait in a file, and are sorted in pieces of events and users."""
    monkeypatch.setattr(source, "_MANY_BYTES", 0)
    monkeypatch.setattr(runs, "_ROWS_AT_ONCE", 300)
    monkeypatch.setattr(accounts, "_HASHES_AT_ONCE", 100)


def test_repeated_rows_are_found_part_by_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    # 2400 rows, of which 480 stand again at the end and 48 a third time: found whatever the hashes are divided into.
    path = tmp_path / "events.csv"
    path.write_text("\n".join([*LINES, *LINES[1::5], *LINES[1::50]]) + "\n")
    whole = loaded(path)
    assert whole[0] == (N_ROWS + 480 + 48, N_ROWS, 480 + 48, 0)
    monkeypatch.setattr(accounts, "_HASHES_AT_ONCE", 100)
    assert loaded(path) == whole


def test_a_huge_file_that_repeats_itself_and_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    # The second file stands to the half in the first, and repeats every fourth of its own rows.
    first, second = tmp_path / "first.csv", tmp_path / "second.csv"
    first.write_text("\n".join(LINES[: N_ROWS // 2 + 1]) + "\n")
    second.write_text("\n".join([*LINES, *LINES[1::4]]) + "\n")

    def both() -> tuple:
        with Workspace.memory() as workspace:
            account = [_account(workspace.load(path, kind="events")) for path in (first, second)]
            events = _events(workspace)
            workspace.undo(1)  # what waited behind the first file takes its place
            undone = _events(workspace)
        return account, events, undone

    whole = both()
    assert whole[0] == [(1200, 1200, 0, 0), (3000, 1200, 1800, 0)]
    assert whole[1] == whole[2]
    monkeypatch.setattr(routes, "_FAST_FROM_BYTES", 0)
    laid_in_files(monkeypatch)
    assert both() == whole


def test_rows_of_one_user_and_one_event_make_one_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    # More rows of one user than are sorted at once, and users on both sides of it.
    lines = [f"{user},open,2026-03-01 {n // 60:02}:{n % 60:02}:00" for n in range(900) for user in ("b", "ac"[n % 2])]
    path = tmp_path / "one.csv"
    path.write_text("\n".join(["user_id,event,occurred_at", *lines]) + "\n")
    whole = loaded(path)
    assert whole[0] == (1800, 1800, 0, 0)
    laid_in_files(monkeypatch)
    assert loaded(path) == whole


def test_a_full_disk_is_done_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "events.csv"
    path.write_text("\n".join(LINES) + "\n")
    whole = loaded(path)
    monkeypatch.setattr(routes, "_FAST_FROM_BYTES", 0)
    laid_in_files(monkeypatch)
    monkeypatch.setattr(source, "_ROOM", 1 << 60)
    assert loaded(path) == whole


def test_a_surplus_delimiter_behind_a_blank_cell_is_seen(tmp_path: Path):
    path = tmp_path / "x.csv"
    path.write_text("a,b,c\n1,2,,\n4,5,6\n")
    assert check(path, Syntax(), (3, 1), (), False)[0] is None


def test_what_was_presumed_is_proved_when_it_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(routes, "_FAST_FROM_BYTES", 0)
    path = tmp_path / "events.csv"
    path.write_text("\n".join(LINES) + "\n")
    with open_source(path) as proved, open_source(path, options=SourceOptions(presume=True)) as source:
        assert not proved.is_presumed
        assert source.is_presumed
        assert source.rows_in_file == proved.rows_in_file == N_ROWS
        assert not source.is_presumed
        assert source.file_hash == proved.file_hash
    path.write_text("\n".join([*LINES, "u,pay"]) + "\n")
    with open_source(path, options=SourceOptions(presume=True)) as source, pytest.raises(PresumptionError):
        source.settle()


def test_the_same_big_file_again_and_as_another_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(routes, "_FAST_FROM_BYTES", 0)
    path = tmp_path / "orders.csv"
    path.write_text("\n".join(LINES) + "\n")
    with Workspace.memory() as workspace:
        first = workspace.load(path, kind="events")
        again = workspace.load(path, kind="events")
        assert (again.same_as_batch, again.rows_duplicate) == (first.batch_id, N_ROWS)
        users = workspace.load(path, options=LoadOptions(kind="users", mapping={"user_id": "user_id"}))
        assert users.rows_read == N_ROWS
