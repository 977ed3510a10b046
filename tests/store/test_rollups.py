"""Rollups added run by run equal rollups made anew from all rows."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ops_core import Workspace
from ops_core.store import layout, rollups

_TABLES = {
    "user_days": "SELECT * FROM user_days ORDER BY user_key, local_day",
    "event_volumes": "SELECT * FROM event_volumes ORDER BY event_code, local_day",
    "event_stats": "SELECT * FROM event_stats ORDER BY event_code",
}
# Hours around the nights on which New York's clocks change, and before 1970.
_HOURS = st.sampled_from([-30, -1, 0, 5, *range(10_800, 10_860), *range(16_000, 16_030), *range(494_000, 494_100)])
_EVENT = st.tuples(st.integers(0, 6), st.sampled_from("abc"), _HOURS, st.sampled_from([None, "1.25", "-3", "0.000001"]))


def rows_of(workspace: Workspace) -> dict[str, list[tuple]]:
    with workspace.store.cursor() as cursor:
        return {name: cursor.execute(query).fetchall() for name, query in _TABLES.items()}


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(runs=st.lists(st.lists(_EVENT, min_size=1, max_size=30), min_size=1, max_size=3), small=st.booleans())
def test_runs_added_equal_a_rebuild(runs, small, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rollups, "_ROWS_AT_ONCE", 7 if small else 10**6)
    monkeypatch.setattr(rollups, "_CELLS_AT_ONCE", 50 if small else 10**6)
    with Workspace.memory(time_zone="America/New_York") as workspace:
        for number, run in enumerate(runs):
            frame = pd.DataFrame(run, columns=["user_id", "event", "hour", "value"])
            frame["time"] = [f"{pd.Timestamp(0) + pd.Timedelta(hours=hour)}Z" for hour in frame.pop("hour")]
            frame["note"] = [f"{number} {row}" for row in range(len(frame))]
            mapping = {"user_id": "user_id", "event": "event", "time": "time", "value": "value"}
            assert workspace.load(frame, kind="events", mapping=mapping).rows_loaded == len(frame)
        added = rows_of(workspace)
        stored_order = "SELECT bool_and(ok) FROM (SELECT coalesce((user_key, local_day) > lag((user_key, local_day))"
        with workspace.store.write() as cursor:
            ordered = cursor.execute(stored_order + " OVER (), true) AS ok FROM user_days)").fetchone()[0]
            layout.rebuild_rollups(cursor, workspace.rules)
        assert ordered
        assert added == rows_of(workspace)
