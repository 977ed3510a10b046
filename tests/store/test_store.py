"""The workspace file: one holder, one version, nothing outside its folders."""

import subprocess
import sys

import duckdb
import pytest

from ops_core import Workspace
from ops_core.errors import QueryError, StoreError
from ops_core.store import Store


def test_a_second_process_is_told_who_holds_the_file(tmp_path):
    path = tmp_path / "shop.duckdb"
    with Workspace.open(path):
        code = "import sys; from ops_core import Workspace; Workspace.open(sys.argv[1])"
        second = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=False)
    assert second.returncode != 0
    assert "The workspace 'shop.duckdb' is already open in another program (process " in second.stderr
    assert "Close that program" in second.stderr


def test_a_file_of_a_newer_version_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "new.duckdb"
    with Workspace.open(path) as workspace, workspace.store.write() as cursor:
        cursor.execute("UPDATE meta SET schema_version = 99")
    before = path.read_bytes()
    with pytest.raises(StoreError, match=r"newer OpsDeck \(format 99"):
        Workspace.open(path)
    assert path.read_bytes() == before


def test_a_file_that_is_no_workspace_is_refused(tmp_path):
    (tmp_path / "text.duckdb").write_text("not a database at all, but long enough to be read as one" * 100)
    with pytest.raises(StoreError, match="damaged or not a workspace"):
        Workspace.open(tmp_path / "text.duckdb")
    with duckdb.connect(tmp_path / "other.duckdb") as other:
        other.execute("CREATE TABLE things (x INTEGER)")
    with pytest.raises(StoreError, match="not an OpsDeck workspace"):
        Workspace.open(tmp_path / "other.duckdb")


def test_a_failed_write_leaves_nothing_and_the_version_stays():
    store = Store.memory()
    version = store.data_version
    with pytest.raises(duckdb.CatalogException, match="no_such_table"), store.write() as cursor:
        cursor.execute("INSERT INTO settings VALUES ('name', '1'); INSERT INTO no_such_table VALUES (1)")
    assert store.setting("name") is None
    assert store.data_version == version


def test_settings_survive_closing(tmp_path):
    with Workspace.open(tmp_path / "a.duckdb", time_zone="Asia/Shanghai", week_start="sunday") as workspace:
        version = workspace.data_version
    with Workspace.open(tmp_path / "a.duckdb", time_zone="UTC") as workspace:
        assert (workspace.rules.zone, workspace.rules.week_start) == ("Asia/Shanghai", "sunday")
        assert workspace.data_version == version


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM read_csv('/etc/hostname')",
        "COPY (SELECT 1) TO '/tmp/opsdeck-escape.csv'",
        "SET enable_external_access = true",
        "INSTALL httpfs",
        "ATTACH '/tmp/opsdeck-escape.duckdb'",
    ],
)
def test_the_engine_reaches_nothing_outside(statement):
    with Workspace.memory() as workspace, workspace.store.cursor() as cursor, pytest.raises(duckdb.Error, match=r"."):
        cursor.execute(statement)


def test_one_program_cannot_open_a_file_twice_and_is_told_so(tmp_path):
    with Workspace.open(tmp_path / "shop.duckdb") as first:
        with pytest.raises(StoreError, match=r"'shop.duckdb' is already open in this program.*close\(\)"):
            Workspace.open(tmp_path / "shop.duckdb")
        assert first.event_names().empty  # the first one goes on working


def test_a_closed_workspace_says_so(tmp_path):
    workspace = Workspace.open(tmp_path / "shop.duckdb")
    workspace.close()
    with pytest.raises(StoreError, match="has been closed"):
        workspace.event_names()


def test_a_damaged_file_whose_name_speaks_of_locks_is_damaged_not_in_use(tmp_path):
    (tmp_path / "clock.duckdb").write_text("not a database at all, but long enough to be read as one" * 100)
    with pytest.raises(StoreError, match="damaged or not a workspace"):
        Workspace.open(tmp_path / "clock.duckdb")


def test_an_event_asked_of_an_empty_workspace_is_answered_with_what_to_do():
    with Workspace.memory() as workspace, pytest.raises(QueryError, match=r"no events yet\. Load a file"):
        workspace.store.event_codes(["pay"])
