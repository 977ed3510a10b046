"""The workspace's own stage rules: kept, taken over from the data, reset; the square of moves and its margins."""

from __future__ import annotations

import datetime as dt

import pytest

from ops_core import QueryError
from ops_core.analyses import lifecycle
from ops_core.analyses.lifecycle import STAGES, StageRules
from tests.oracles.random_events import random_events
from tests.support import workspace_of


@pytest.fixture(scope="module")
def workspace():
    frame = random_events(seed=3, start=dt.datetime(2026, 1, 5), days=90, n_users=80, n_events=1500)
    with workspace_of(frame[["user_id", "event", "occurred_at"]], as_of="2026-04-05") as made:
        yield made


def test_rules_are_kept_and_reset(workspace):
    usual = StageRules.of(workspace)
    before = lifecycle.stages(workspace).counts["users"].tolist()
    StageRules(churn_days=60, active_days=40, activation_event="buy").keep(workspace)
    assert StageRules.of(workspace) == StageRules(churn_days=60, active_days=40, activation_event="buy")
    assert lifecycle.stages(workspace).counts["users"].tolist() != before
    StageRules.reset(workspace)
    assert StageRules.of(workspace) == usual == StageRules()
    assert lifecycle.stages(workspace).counts["users"].tolist() == before


def test_nobody_has_a_stage_after_the_data(workspace):
    assert lifecycle.stages(workspace, at=dt.date(2026, 4, 5)).at == lifecycle.stages(workspace).at
    with pytest.raises(QueryError, match=r"data ends before 2026-04-06.*2026-04-05 or an earlier day"):
        lifecycle.stages(workspace, at=dt.date(2026, 4, 6))
    with pytest.raises(QueryError, match=r"data ends before 2030-01-01"):
        lifecycle.stages(workspace, at="2030-01-01")


def test_a_suggested_limit_keeps_the_rules_in_order():
    assert StageRules().churned_after(40.2) == StageRules(churn_days=41)
    # 14 days alive would end after 9 days churned: alive gives way.
    assert StageRules().churned_after(9) == StageRules(churn_days=9, active_days=8)
    assert StageRules().churned_after(0.5) == StageRules(churn_days=2, active_days=1)
    with pytest.raises(QueryError, match="contradict each other"):
        StageRules(churn_days=9)


def test_the_square_has_the_stages_of_both_dates_as_margins(workspace):
    found = lifecycle.stages(workspace)
    square = found.matrix.set_index("from_stage")
    now, before = found.counts["users"].tolist(), found.counts["users_before"].tolist()
    assert square.loc["all", list(STAGES)].tolist() == now
    assert square.loc[list(STAGES), "users"].tolist() == before
    assert square.loc["all", "users"] == found.n_users
    assert [found.count(stage) for stage in STAGES] == now
    assert [len(found.users("churned", one)) for one in STAGES] == square.loc[list(STAGES), "churned"].tolist()
    assert found.count("churned", "decline") == square.loc["decline", "churned"]


def test_days_are_whole_numbers():
    for wrong in ({"active_days": "14"}, {"churn_days": 28.5}, {"recent_days": None}):
        with pytest.raises(QueryError, match="contradict"):
            StageRules(**wrong)
