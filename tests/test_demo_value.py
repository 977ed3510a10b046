"""What the demo's new users cost, found again by the value analysis; its trends, predictions and survival stand."""

from __future__ import annotations

import pytest

from ops_core import Period, Workspace
from ops_core.analyses import survival, trends, value, value_model
from ops_core.analyses.survival import SurvivalQuery
from ops_core.analyses.trends import Series, TrendsQuery
from ops_core.analyses.value import ValueQuery
from ops_core.demo import TRUTHS, word

PERIOD = Period(TRUTHS.first_day, TRUTHS.as_of.date())


@pytest.fixture(scope="module")
def worth(demo_workspace: Workspace) -> value.ValueResult:
    return value.analyze(demo_workspace, ValueQuery(PERIOD, breakdown="user.channel"))


def test_costs_of_the_channels(worth: value.ValueResult):
    rows = worth.channels.set_index("group")
    for channel, cost in TRUTHS.cost_per_new_user.items():
        # 184 days scatter by 15 %: the mean by about 1 %, a little more where new users are few.
        assert rows.loc[word("en", "channel", channel), "cac"] == pytest.approx(cost, rel=0.04)
    for channel in ("organic", "invite"):
        assert rows.loc[word("en", "channel", channel), "spend_days"] == 0
    lost = rows.loc[word("en", "channel", TRUTHS.spend_lost_channel)]
    assert lost["missing_days"] == len(TRUTHS.spend_lost_days)
    assert worth.unmatched_spend.empty


def test_cheap_channels_pay_back_and_the_dear_one_does_not(worth: value.ValueResult):
    rows = worth.channels.set_index("group")
    back = rows["payback_days"]
    assert back[word("en", "channel", "feed_ads")] < back[word("en", "channel", "livestream")] < worth.curve_age_days
    assert back.isna()[word("en", "channel", "field_sales")]


def test_the_forecast_passes_its_own_check(demo_workspace: Workspace):
    result = value_model.analyze(demo_workspace)
    assert result.refusals == ()
    assert abs(result.holdout.total_error) < value_model.WORST_TOTAL_ERROR


def test_the_festival_week_is_unusual(demo_workspace: Workspace):
    result = trends.analyze(demo_workspace, TrendsQuery(Series(), PERIOD, "week"))
    unusual = result.points[result.points["unusual"] != 0]
    assert unusual["bucket"].dt.date.tolist() == [TRUTHS.festival_start]
    assert unusual["unusual"].tolist() == [1]


def test_channels_keep_their_users_differently(demo_workspace: Workspace):
    # Planted: invited friends come most often, users of field sales least.
    result = survival.analyze(demo_workspace, SurvivalQuery(PERIOD, breakdown="user.channel", top=6))
    stays = result.groups.set_index("group")["after_30"]
    assert stays.idxmax() == word("en", "channel", "invite")
    assert stays.idxmin() == word("en", "channel", "field_sales")
    assert result.p_value < 0.001
