"""A table of a real PostgreSQL server, started for these tests, arrives whole; nothing of the connection is kept."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops_core import IntakeError, Workspace, cli
from ops_core.intake import postgres
from ops_core.intake.load import LoadOptions

psycopg = pytest.importorskip("psycopg", reason="the optional driver is not installed: pip install 'opsdeck[postgres]'")
PROGRAMS = [shutil.which(name) for name in ("initdb", "pg_ctl")]
_TABLE = """
    CREATE TABLE actions (
        user_id text, event text, occurred_at timestamptz, value numeric(12, 2), is_new boolean, note text
    );
    INSERT INTO actions VALUES
        ('007', 'view', '2026-01-05 10:00:00+08', NULL, true, 'a "quoted", cell'),
        ('007', 'pay', '2026-01-05 10:05:00.123456+08', 19.90, true, E'two\\nlines'),
        ('8', 'view', '2026-01-06 23:30:00-05', NULL, false, '李雷'),
        (NULL, 'view', '2026-01-06 09:00:00+00', NULL, false, NULL);
    CREATE SCHEMA sales;
    CREATE TABLE sales."Odd {name}; --" ("user id" text, "sign""up" date);
    INSERT INTO sales."Odd {name}; --" VALUES ('1', '2026-01-01');
"""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The connection string of a server of our own, on a socket in a folder of its own."""
    if None in PROGRAMS:
        pytest.skip("no PostgreSQL server on the PATH: install the package postgresql")
    initdb, pg_ctl = PROGRAMS
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    # The server refuses to run as root.
    as_whom = {"user": "nobody", "group": "nogroup"} if os.getuid() == 0 else {}
    if as_whom:
        shutil.chown(folder, **as_whom)
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C", "HOME": str(folder)}

    def run(*command: object) -> None:
        done = subprocess.run(list(map(str, command)), cwd=folder, env=environment, timeout=120, check=False,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **as_whom)  # fmt: skip
        if done.returncode:
            pytest.skip(f"PostgreSQL does not start here: {command[0]} ended with {done.returncode}")

    run(initdb, "-D", folder / "data", "-U", "tester", "-A", "trust", "-E", "UTF8", "--no-sync")
    settings = f"-c listen_addresses='' -c unix_socket_directories='{folder}' -c fsync=off"
    run(pg_ctl, "-D", folder / "data", "-w", "-l", folder / "log", "-o", settings, "start")
    try:
        where = f"host={folder} user=tester dbname=postgres password=very-secret"
        with psycopg.connect(where) as connection:
            connection.execute(_TABLE)
        yield where
    finally:
        run(pg_ctl, "-D", folder / "data", "-w", "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def connection_file(server: str, tmp_path: Path) -> Path:
    path = tmp_path / "connection.txt"
    path.write_text(server + "\n", encoding="utf-8")
    return path


def test_a_table_becomes_a_batch(connection_file: Path, tmp_path: Path):
    with Workspace.open(tmp_path / "shop.duckdb") as workspace:
        report = postgres.load_table(workspace.store, "actions", connection_file)
        assert (report.kind, report.file_name) == ("events", "public.actions")
        assert (report.rows_read, report.rows_loaded, report.rows_quarantined) == (4, 3, 1)
        with workspace.store.cursor() as cursor:
            rows = cursor.execute(
                """
                SELECT user_id, name, occurred_at::VARCHAR, value::DOUBLE
                FROM events JOIN event_names USING (event_code) JOIN user_keys USING (user_key) ORDER BY occurred_at
                """
            ).fetchall()
        # 10:00 at +08 is 02:00 UTC; 23:30 at −05 is 04:30 UTC on the next day.
        assert rows == [
            ("007", "view", "2026-01-05 02:00:00", None),
            ("007", "pay", "2026-01-05 02:05:00.123456", 19.9),
            ("8", "view", "2026-01-07 04:30:00", None),
        ]
        kinds = dict(workspace.properties("event")[["name", "type"]].itertuples(index=False))
        assert kinds == {"is_new": "boolean", "note": "text"}
        assert set(workspace.property_values("note")["value"]) == {'a "quoted", cell', "two\nlines", "李雷"}
        assert postgres.load_table(workspace.store, "public.actions", connection_file).same_as_batch == 1
    kept = b"".join(path.read_bytes() for path in tmp_path.glob("shop.duckdb*"))
    assert b"very-secret" not in kept
    assert b"tester" not in kept


def test_names_are_quoted(connection_file: Path):
    with Workspace.memory() as workspace:
        mapping = {"user_id": "user id", "signup_at": 'sign"up'}
        options = LoadOptions(kind="users", mapping=mapping)
        report = postgres.load_table(workspace.store, "sales.Odd {name}; --", connection_file, options)
        assert (report.rows_loaded, report.file_name) == (1, "sales.Odd__name___--")


def test_refusals_say_what_to_do(server: str, connection_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    assert postgres.tables(connection_file) == ["public.actions", "sales.Odd {name}; --"]
    monkeypatch.delenv(postgres.VARIABLE, raising=False)
    with Workspace.memory() as workspace:
        with pytest.raises(IntakeError, match=r"no table action.*public\.actions"):
            postgres.load_table(workspace.store, "action", connection_file)
        with pytest.raises(IntakeError, match="OPSDECK_POSTGRES"):
            postgres.load_table(workspace.store, "actions")
        wrong = tmp_path / "wrong.txt"
        wrong.write_text(server.replace("dbname=postgres", "dbname=nowhere"), encoding="utf-8")
        with pytest.raises(IntakeError, match="nowhere") as refused:
            postgres.load_table(workspace.store, "actions", wrong)
        assert "very-secret" not in str(refused.value)
        assert workspace.batches().empty


def test_nothing_can_be_written_on_the_server(connection_file: Path):
    with pytest.raises(IntakeError, match="read-only"), postgres._connected(connection_file) as connection:
        connection.execute("DELETE FROM actions")


def test_on_the_command_line(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys):
    monkeypatch.setenv("OPSDECK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv(postgres.VARIABLE, server)
    with pytest.raises(SystemExit) as ended:
        cli.main(["--lang", "zh", "load-table", "actions", "-w", "shop"])
    assert ended.value.code == 0
    assert "读取 4 行 = 导入 3 + 重复 0 + 搁置 1" in capsys.readouterr().out
