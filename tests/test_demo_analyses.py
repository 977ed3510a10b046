"""The planted truths again, this time as the product finds them: loaded, stored, asked through the public analyses."""

from __future__ import annotations

import datetime as dt
import zoneinfo

import pandas as pd
import pytest

from ops_core import Period, Workspace
from ops_core.analyses import experiments, funnel, retention
from ops_core.demo import TRUTHS, word
from ops_core.demo.truths import EVENTS, PASSIVE_EVENTS, PLATFORMS


def test_it_is_loaded_whole(demo_workspace: Workspace):
    batches = demo_workspace.batches()
    assert sorted(batches["kind"]) == ["assignments", "events", "spend", "users"]
    assert batches["rows_quarantined"].sum() == batches["rows_duplicate"].sum() == 0
    events = demo_workspace.event_names()
    assert set(events["event"]) == set(EVENTS)
    assert set(events.loc[events["is_passive"], "event"]) == set(PASSIVE_EVENTS)
    assert demo_workspace.as_of == TRUTHS.as_of.replace(tzinfo=zoneinfo.ZoneInfo(TRUTHS.zone))
    assert demo_workspace.data_period() == Period(TRUTHS.first_day, TRUTHS.as_of.date())
    assert set(demo_workspace.properties("user")["name"]) == {"channel", "platform", "tier", "city"}


@pytest.mark.parametrize(("campaign", "lift"), [("coupon", TRUTHS.coupon_lift), ("button", TRUTHS.button_lift)])
def test_campaign_lift(demo_workspace: Workspace, campaign: str, lift: float):
    seconds = TRUTHS.campaign_window_days * 86_400
    paid = experiments.Metric("paid", "proportion", event="pay", window_seconds=seconds)
    query = experiments.ExperimentQuery(word("en", "experiment", campaign), (paid,))
    result = experiments.analyze(demo_workspace, query)
    treated = result.metrics[~result.metrics["is_control"]].iloc[0]
    assert treated["low"] <= lift <= treated["high"]
    assert treated["is_clear"] == (lift > 0)
    assert result.srm_p_value > 0.05
    assert result.n_several_arms == 0


@pytest.mark.parametrize("with_tour", [False, True])
def test_next_day_return(demo_workspace: Workspace, with_tour: bool):
    # The last cohort that could have come back signed up two days before the as-of.
    last = TRUTHS.as_of.date() - dt.timedelta(days=1)
    period = Period(TRUTHS.tour_start, last) if with_tour else Period(TRUTHS.first_day, TRUTHS.tour_start)
    query = retention.RetentionQuery(period, "day", 1, cohort_event="sign_up", mode="first_ever")
    next_day = retention.analyze(demo_workspace, query).mean.set_index("offset").loc[1]
    truth = TRUTHS.next_day_return_with_tour if with_tour else TRUTHS.next_day_return
    assert next_day["low"] <= truth <= next_day["high"]


def test_the_incident_shows_on_one_platform_only(demo_workspace: Workspace):
    def paid_within_a_day(start: dt.date, end: dt.date) -> pd.DataFrame:
        query = funnel.FunnelQuery(("submit_order", "pay"), Period(start, end), 86_400, breakdown="user.platform")
        steps = funnel.analyze(demo_workspace, query).steps
        return steps[steps["name"] == "pay"].set_index("group")

    weeks = dt.timedelta(days=14)
    before = paid_within_a_day(TRUTHS.incident_start - weeks, TRUTHS.incident_start)
    during = paid_within_a_day(TRUTHS.incident_start, TRUTHS.incident_end)
    hit = word("en", "platform", TRUTHS.incident_platform)
    fallen = [
        platform for platform in PLATFORMS if during.share_high[label(platform)] < before.share_low[label(platform)]
    ]
    assert [label(platform) for platform in fallen] == [hit]


def label(platform: str) -> str:
    return word("en", "platform", platform)
