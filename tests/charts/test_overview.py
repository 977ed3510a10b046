"""Tiles of the overview: what is said of a change."""

from __future__ import annotations

import pandas as pd
import pytest

from ops_core.analyses import kpis
from ops_core.analyses.kpis import KpiQuery
from ops_core.charts import overview
from ops_core.locale import translator
from tests.support import workspace_of


@pytest.mark.parametrize(("n_users", "said"), [(5, "too few"), (60, "normal")])
def test_a_change_of_a_handful_of_people_is_not_called_normal(n_users: int, said: str):
    rows = [
        (f"u{user}", "open", pd.Timestamp("2026-01-05 10:00") + pd.Timedelta(weeks=week))
        for week in range(14)
        for user in range(n_users - week % 2)
    ]
    frame = pd.DataFrame(rows, columns=["user_id", "event", "occurred_at"])
    with workspace_of(frame, as_of="2026-04-13") as workspace:
        result = kpis.analyze(workspace, KpiQuery())
    tiles = overview.tiles(result, translator("en"))
    assert ("normal" in overview.headline(result, translator("en"))) == (said == "normal")
    assert next(tile.note for tile in tiles if tile.kpi == "active_users") == said
