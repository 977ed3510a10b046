"""Batches come and go without a trace in the numbers; backups are whole; a killed import leaves nothing half-done."""

from __future__ import annotations

import pandas as pd
import pytest

from ops_core import StoreError, Workspace
from ops_core.store import backup

FIRST = pd.DataFrame(
    [("a", "view", "2026-01-01 08:00"), ("a", "pay", "2026-01-02 08:00"), ("b", "view", "2026-01-03 09:00")],
    columns=["user_id", "event", "time"],
).assign(value=[None, "5", None], channel=["x", "x", "y"])
SECOND = pd.DataFrame(
    [("b", "share", "2026-01-03 10:00"), ("c", "view", "2026-01-09 09:00")], columns=["user_id", "event", "time"]
).assign(campaign=["k1", "k2"])
USERS = pd.DataFrame({"user_id": ["a", "d"], "signup_at": ["2025-12-01", "2025-12-05"], "city": ["Lyon", "Bonn"]})
# Keys and codes are free to differ: what a person can see must not.
_SEEN = (
    """SELECT name, user_id, occurred_at, value, event_id
       FROM events JOIN event_names USING (event_code) JOIN user_keys USING (user_key)""",
    "SELECT * EXCLUDE (user_key) FROM users",
    "SELECT user_id, local_day, n_events, value FROM user_days JOIN user_keys USING (user_key)",
    "SELECT name, local_day, n_events, n_users FROM event_volumes JOIN event_names USING (event_code)",
    "SELECT name, split_part(scope, ':', 1), type FROM properties",
    "SELECT key, value FROM settings",
    "SELECT name, is_passive FROM event_names",
    "SELECT count(*) FROM quarantine",
    "SELECT name, n_rows FROM unit_tables",
    "SELECT experiment, user_id, variant FROM assignments JOIN user_keys USING (user_key)",
)


def seen(workspace: Workspace) -> list[list[tuple]]:
    with workspace.store.cursor() as cursor:
        return [sorted(cursor.execute(query).fetchall(), key=repr) for query in _SEEN]


@pytest.mark.parametrize("undone", [0, 1, 2, 3])
def test_undo_equals_never_having_loaded_it(undone: int):
    tables = [FIRST, USERS, SECOND, pd.DataFrame({"userid": ["a", "b"], "arm": ["x", "y"], "paid": ["1", "0"]})]
    with Workspace.memory() as workspace, Workspace.memory() as without:
        numbers = [workspace.load(table).batch_id for table in tables]
        for position, table in enumerate(tables):
            if position != undone:
                without.load(table)
        workspace.undo(numbers[undone])
        assert seen(workspace) == seen(without)
        assert numbers[undone] not in set(workspace.batches()["batch_id"])
        assert numbers[undone] in set(workspace.batches(undone=True)["batch_id"])


def test_a_batch_can_be_loaded_again_after_undo():
    with Workspace.memory() as workspace:
        first = workspace.load(FIRST).batch_id
        workspace.undo(first)
        assert workspace.as_of is None
        again = workspace.load(FIRST)
        assert (again.batch_id, again.rows_loaded) == (first + 1, 3)


def test_undo_of_what_is_not_there_is_refused():
    with Workspace.memory() as workspace:
        workspace.load(FIRST)
        with pytest.raises(StoreError, match="no batch 7"):
            workspace.undo(7)


def test_a_backup_is_the_workspace_of_that_instant(tmp_path):
    with Workspace.open(tmp_path / "shop.duckdb") as workspace:
        workspace.load(FIRST)
        before = seen(workspace)
        copy = workspace.backup()
        workspace.load(SECOND)
        assert backup.backups(workspace.path) == [copy]
        with pytest.raises(StoreError, match="exists already"):
            workspace.backup(copy)
    aside = backup.restore(copy, tmp_path / "shop.duckdb")
    assert aside is not None
    with Workspace.open(tmp_path / "shop.duckdb") as restored:
        assert seen(restored) == before


def test_the_last_good_backup_is_found_and_a_damaged_one_never_put_in_place(tmp_path):
    path = tmp_path / "shop.duckdb"
    with Workspace.open(path) as workspace:
        workspace.load(FIRST)
        good, bad = workspace.backup(), workspace.backup()
    bad.write_bytes(b"nothing" * 5000)
    assert backup.last_good(path) == good
    before = path.read_bytes()
    with pytest.raises(StoreError, match="damaged"):
        backup.restore(bad, path)
    assert path.read_bytes() == before
    assert sorted(file.name for file in tmp_path.iterdir()) == ["backups", "shop.duckdb"]
