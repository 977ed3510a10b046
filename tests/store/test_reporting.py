"""Zone, week, currency and passive events can be changed later, and the numbers follow."""

import pytest

from ops_core import Period, QueryError, Workspace
from ops_core.analyses import lifecycle
from ops_core.store.reporting import Reporting
from tests.support import workspace_of

ROWS = [
    ("a", "view", "2026-01-05 17:00"),  # already 6 January in Shanghai
    ("a", "push", "2026-01-07 02:00"),
    ("b", "view", "2026-01-06 02:00"),
    ("c", "view", "2026-01-09 02:00"),
]


def active_by_day(ws: Workspace) -> list[int]:
    query = lifecycle.LifecycleQuery(Period("2026-01-05", "2026-01-08"), "day")
    return lifecycle.analyze(ws, query).flow["active"].tolist()


def test_days_are_cut_anew_in_another_zone():
    with workspace_of(ROWS) as ws:
        # UTC: a on the 5th, b on the 6th, a on the 7th.
        assert active_by_day(ws) == [1, 1, 1]
        ws.set_reporting(Reporting("Asia/Shanghai", "sunday", "USD"))
        # Shanghai: a and b on the 6th, a on the 7th.
        assert active_by_day(ws) == [0, 2, 1]
        assert (ws.rules.week_start, ws.reporting.currency) == ("sunday", "USD")


def test_a_passive_event_makes_nobody_active():
    with workspace_of(ROWS) as ws:
        ws.set_reporting(Reporting("UTC", "monday", "CNY", ("push",)))
        assert active_by_day(ws) == [1, 1, 0]
        assert ws.reporting.passive == ("push",)
        ws.set_reporting(Reporting("UTC", "monday", "CNY"))
        assert active_by_day(ws) == [1, 1, 1]


def test_what_is_unknown_is_said():
    with pytest.raises(QueryError, match=r"'USB' is not a currency code\. Did you mean .*USD"):
        Reporting("UTC", "monday", "USB")
    with workspace_of(ROWS) as ws, pytest.raises(QueryError, match="Nearest: push"):
        ws.set_reporting(Reporting("UTC", "monday", "CNY", ("pusj",)))
