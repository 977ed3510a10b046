"""Older workspace files are brought up to the present format when they are opened, with everything in them."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pandas as pd
import pytest

from ops_core import Workspace
from ops_core.engine import spend
from ops_core.store.schema import MIGRATIONS, SCHEMA_VERSION


@pytest.mark.parametrize("version", range(1, SCHEMA_VERSION))
def test_a_file_of_an_older_format_is_brought_up(tmp_path: Path, version: int):
    file = tmp_path / "old.duckdb"
    with duckdb.connect(str(file)) as connection:
        for script in MIGRATIONS[:version]:
            connection.execute(script)
        connection.execute("INSERT INTO meta VALUES (?, 0, TIMESTAMP '2026-01-01')", [version])
        connection.execute("INSERT INTO settings VALUES ('time_zone', '\"Asia/Shanghai\"')")
    with Workspace.open(file) as workspace:
        assert workspace.rules.zone == "Asia/Shanghai"
        workspace.load(
            pd.DataFrame({"user_id": ["a", "b"], "event": "buy", "time": ["2026-01-01 10:00", "2026-01-02 10:00"]})
        )
        workspace.load(pd.DataFrame({"date": ["2026-01-01"], "channel": ["Ads"], "amount": [5]}), kind="spend")
        assert workspace.event_names()["n_events"].tolist() == [2]
        assert spend.daily(workspace.store, 0, 30_000).amounts.tolist() == [5]
        with workspace.store.cursor() as cursor:
            assert cursor.execute("SELECT schema_version FROM meta").fetchone()[0] == SCHEMA_VERSION
