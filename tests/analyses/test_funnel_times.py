"""Time to convert by group and over time."""

from __future__ import annotations

import pandas as pd

from ops_core import Period
from ops_core.analyses import funnel, funnel_times
from tests.support import workspace_of

ROWS = pd.DataFrame(
    [
        ("u", "a", "2026-01-06 10:00", "ios"), ("u", "b", "2026-01-06 10:10", "ios"),  # 600 s, week of 5 January
        ("v", "a", "2026-01-07 10:00", "web"), ("v", "b", "2026-01-07 10:30", "web"),  # 1,800 s
        ("w", "a", "2026-01-13 10:00", "ios"), ("w", "b", "2026-01-13 10:20", "ios"),  # 1,200 s, week of 12 January
        ("x", "a", "2026-01-13 10:00", "old"),
    ],
    columns=["user_id", "event", "occurred_at", "user.client"],
)  # fmt: skip


def test_times_by_group_and_by_week():
    with workspace_of(ROWS, as_of="2026-01-16") as workspace:
        query = funnel.FunnelQuery(("a", "b"), Period("2026-01-05", "2026-01-16"), 3600, breakdown="user.client")
        found = funnel.analyze(workspace, query)
        groups = funnel_times.by_group(found).set_index("group")
        weeks = funnel_times.by_bucket(found, "week")
    # ios: 600 and 1,200 s; median 900, quartiles 750 and 1,050. Nobody on the old client converted.
    assert groups.loc["ios", ["users", "q1_seconds", "median_seconds", "q3_seconds"]].tolist() == [2, 750, 900, 1050]
    assert groups.loc["old", "users"] == 0
    assert groups.loc["old"].isna().sum() == 4
    assert weeks["bucket"].astype(str).tolist() == ["2026-01-05", "2026-01-12"]
    assert weeks["median_seconds"].tolist() == [1200, 1200]
    assert weeks["users"].tolist() == [2, 1]
    assert weeks["partial"].tolist() == [False, True]  # as-of is Friday of the second week
