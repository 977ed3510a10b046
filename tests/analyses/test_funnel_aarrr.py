"""AARRR on a table small enough to count by hand, and what it guesses from names."""

from __future__ import annotations

import math

import pandas as pd
import pytest

from ops_core import Period, QueryError, Workspace
from ops_core.analyses import funnel_aarrr
from ops_core.analyses.funnel_aarrr import AarrrQuery, Mapping
from ops_core.analyses.stages import StageRules
from tests.support import workspace_of

# First day 1 January for everybody but `old` (31 December, the data's first day) and `late` (12 January).
ROWS = [
    ("old", "open", "2025-12-31 09:00"),
    ("a", "open", "2026-01-01 09:00"), ("a", "profile_completed", "2026-01-07 23:59"),  # day 6: activated
    ("a", "pay", "2026-01-14 10:00", 30), ("a", "invite", "2026-01-15 10:00"),  # days 13 and 14
    ("b", "open", "2026-01-01 10:00"), ("b", "profile_completed", "2026-01-08 00:00"),  # day 7: too late, but back
    ("b", "pay", "2026-01-02 10:00", -5),  # a refund is no payment
    ("c", "open", "2026-01-01 11:00"), ("c", "open", "2026-01-02 11:00"), ("c", "invite", "2026-01-03 11:00"),
    ("late", "open", "2026-01-12 09:00"), ("late", "profile_completed", "2026-01-12 09:01"),
]  # fmt: skip
MAPPING = Mapping(("profile_completed",), ("pay",), ("invite",))


@pytest.fixture(scope="module")
def workspace():
    frame = pd.DataFrame([(*row, None)[:4] for row in ROWS], columns=["user_id", "event", "occurred_at", "value"])
    with Workspace.memory() as made:
        made.load(frame, kind="events", as_of="2026-01-20")
        users = {"user_id": ["old", "a", "b", "c", "late"], "channel": ["x", "ads", "ads", "seo", None]}
        made.load(pd.DataFrame(users), kind="users", as_of="2026-01-20")
        yield made


def stages(workspace: Workspace, mapping: Mapping = MAPPING, **options: object) -> dict[str, tuple]:
    query = AarrrQuery(Period("2025-12-31", "2026-01-20"), mapping, **options)
    table = funnel_aarrr.analyze(workspace, query).total
    return {row.stage: (row.users, row.n, row.n_open) for row in table.itertuples()}


def test_each_stage_has_its_own_days_and_its_own_n(workspace):
    # As-of 20 January: of `late` (12 January) days 0-6 are over (until the 18th), days 0-13 are not (until the 25th).
    assert stages(workspace) == {
        "acquisition": (4, 4, 0),
        "activation": (2, 4, 0),  # a, late
        "retention": (2, 3, 1),  # a on day 13, b on day 7
        "revenue": (1, 3, 1),  # a
        "referral": (1, 3, 1),  # c; a's invitation is on day 14
    }


def test_without_an_event_a_second_day_activates_and_the_rest_is_undefined(workspace):
    found = stages(workspace, Mapping())
    assert found["activation"] == (3, 4, 0)  # a on day 6, b on day 1, c on day 1
    assert math.isnan(found["revenue"][0])
    assert math.isnan(found["referral"][0])


def test_the_first_day_of_the_data_is_counted_apart_and_channels_add_up(workspace):
    query = AarrrQuery(Period("2025-12-31", "2026-01-20"), MAPPING, channel="channel")
    found = funnel_aarrr.analyze(workspace, query)
    assert (found.n_new, found.n_left_out) == (4, 1)
    parts = found.stages[found.stages["group"] != "all"].groupby("stage")["n"].sum()
    assert parts.to_dict() == {stage: row[1] for stage, row in stages(workspace).items()}


def test_the_guess_goes_by_names_and_money(workspace):
    assert funnel_aarrr.guess(workspace) == MAPPING
    assert str(funnel_aarrr.mature_period(workspace)) == str(Period("2025-12-31", "2026-01-07"))


def test_the_guess_takes_the_activation_event_of_the_stage_rules():
    with workspace_of(ROWS) as workspace:
        assert funnel_aarrr.guess(workspace).activation == ("profile_completed",)  # by its name
        StageRules(activation_event="invite").keep(workspace)
        assert funnel_aarrr.guess(workspace).activation == ("invite",)


def test_an_event_that_is_not_there_is_named(workspace):
    with pytest.raises(QueryError, match=r"no event 'invites' .* Nearest: invite"):
        stages(workspace, Mapping(referral=("invites",)))
