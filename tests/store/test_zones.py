"""Zone arithmetic in SQL agrees with the definitions, and nothing becomes an instant."""

from __future__ import annotations

import datetime as dt

import duckdb
import pytest

from ops_core.model.time import TimeRules
from ops_core.store import zones


@pytest.mark.parametrize("zone", ["UTC", "Asia/Shanghai", "Europe/Berlin"])
def test_no_time_is_no_instant(zone: str):
    rules = TimeRules(zone)
    first, last = dt.datetime(2025, 1, 1, tzinfo=dt.UTC), dt.datetime(2026, 12, 31, tzinfo=dt.UTC)
    sql = zones.utc_of_wall("wall", rules, int(first.timestamp() * 1e6), int(last.timestamp() * 1e6))
    query = "SELECT {sql} FROM (VALUES (NULL::TIMESTAMP), (TIMESTAMP '2026-07-01 12:00:00')) AS given (wall)"
    with duckdb.connect() as connection:
        found = [row[0] for row in connection.execute(query.replace("{sql}", sql)).fetchall()]
    hours_ahead = {"UTC": 0, "Asia/Shanghai": 8, "Europe/Berlin": 2}[zone]
    assert found == [None, dt.datetime(2026, 7, 1, 12 - hours_ahead)]
