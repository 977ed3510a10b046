"""The same funnel under other products' rules."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from ops_core import Period
from ops_core.analyses import funnel_presets
from ops_core.analyses.funnel import Exclusion, FunnelQuery
from tests.support import workspace_of

DAY = 86_400
# u converts after 10 days, v after an hour on the last day of the period, w only in the second attempt.
ROWS = [
    ("u", "a", "2026-01-02 00:00"), ("u", "b", "2026-01-12 00:00"),
    ("v", "a", "2026-01-31 23:30"), ("v", "b", "2026-02-01 00:30"),
    ("w", "a", "2026-01-02 00:00"), ("w", "a", "2026-01-20 00:00"), ("w", "b", "2026-01-20 01:00"),
]  # fmt: skip


def test_each_product_counts_by_its_defaults():
    with workspace_of(ROWS, as_of="2026-06-01 00:00") as workspace:
        query = FunnelQuery(("a", "b"), Period("2026-01-01", "2026-02-01"), 7 * DAY)
        found = funnel_presets.analyze(workspace, query)
    converted = dict(zip(found.presets["name"], found.presets["converted"], strict=True))
    # Ours, 7 days: v and w. 30 days: u too, and w's first attempt (18 days) as well. First entry within 7 days: only v.
    # 14 days cut at the period's end: u and w, v's payment is in February.
    assert converted == {"ours": 2, "sensors": 3, "mixpanel": 1, "amplitude": 2, "posthog": 2}
    assert found.presets["users"].tolist() == [3] * 5
    alone = dict(zip(found.sensitivity["name"], found.sensitivity["converted"], strict=True))
    assert (alone["window_1"], alone["window_14"], alone["first_entry"], alone["clip"]) == (2, 3, 1, 1)


def test_a_product_counts_by_its_defaults_whatever_was_asked_of_ours():
    rows = [*ROWS, ("y", "a", "2026-01-05 00:00"), ("y", "x", "2026-01-05 01:00"), ("y", "b", "2026-01-05 02:00")]
    plain = FunnelQuery(("a", "b"), Period("2026-01-01", "2026-02-01"), 7 * DAY, exclusions=(Exclusion("x", 1, 2),))
    with workspace_of(rows, as_of="2026-06-01 00:00") as workspace:
        usual = funnel_presets.analyze(workspace, plain).presets.iloc[1:].drop(columns="difference")
        for asked in (
            {"clip": True},
            {"reentry": "first_entry"},
            {"reentry": "every_attempt"},
            {"on_exclusion": "drop"},
        ):
            found = funnel_presets.analyze(workspace, replace(plain, **asked)).presets.iloc[1:]
            pd.testing.assert_frame_equal(found.drop(columns="difference"), usual)


def test_open_windows_count_where_the_product_counts_them():
    with workspace_of(ROWS, as_of="2026-02-02 00:00") as workspace:
        query = FunnelQuery(("a", "b"), Period("2026-01-01", "2026-02-01"), 7 * DAY)
        found = funnel_presets.analyze(workspace, query).presets.set_index("name")
    assert found.loc["ours", "users"] == 2  # v entered on 31 January: its window is open until 7 February
    assert found.loc["amplitude", "users"] == 3
