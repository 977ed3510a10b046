"""Value: random events against plain Python, hand-made channels with spend, traps."""

from __future__ import annotations

import datetime as dt
import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ops_core import Period, Segment, Workspace
from ops_core.analyses import survival, value
from ops_core.analyses.value import ValueQuery
from ops_core.errors import QueryError
from tests.oracles import value as oracle
from tests.oracles.random_events import random_events
from tests.support import workspace_of

ZONES = ("UTC", "Asia/Shanghai", "America/New_York")


@pytest.mark.parametrize(("seed", "zone"), list(enumerate(ZONES)))
def test_random_events_agree_with_plain_python(seed: int, zone: str):
    events = random_events(seed, dt.datetime(2026, 3, 1), 60, n_users=60, n_events=900)
    workspace = workspace_of(events, zone)
    rows = oracle.local_days(events, zone)
    as_of = workspace.as_of.date()
    known = [row for row in rows if row[1] < as_of]  # rows of the running day are in no answer
    period = (dt.date(2026, 3, 2), dt.date(2026, 4, 20))
    result = value.analyze(workspace, ValueQuery(Period(*period), ages_days=(1, 7, 20)))
    for row in result.ltv.itertuples():
        users, worth = oracle.ltv(known, period, as_of, row.age_days)
        assert row.users == users
        assert row.value == pytest.approx(worth, abs=1e-6)
    for row in result.buckets.itertuples():
        expected = oracle.weekly(known, row.bucket.date(), as_of)
        for name, number in expected.items():
            assert getattr(row, name) == pytest.approx(number, abs=1e-6, nan_ok=True), (row.bucket, name)
    gaps = oracle.intervals(known, *period)
    assert result.interval_days["n"] == len(gaps)
    assert result.interval_days["median"] == pytest.approx(float(np.median(gaps)))
    assert result.intervals["n"].sum() == len(gaps)


@pytest.mark.parametrize("seed", range(3))
def test_groups_partition_the_users_and_the_value(seed: int):
    events = random_events(seed, dt.datetime(2026, 3, 1), 60, n_users=60, n_events=900)
    workspace = workspace_of(events)
    period = Period("2026-03-02", "2026-04-20")
    whole = value.analyze(workspace, ValueQuery(period, ages_days=(7,))).ltv
    parts = value.analyze(workspace, ValueQuery(period, ages_days=(7,), breakdown="user.channel")).ltv
    assert set(parts["group"]) == {"shop", "ads", value.MISSING}
    assert parts["users"].sum() == whole["users"].sum()
    assert parts["value"].sum() == pytest.approx(whole["value"].sum())


def test_curves_are_of_the_same_users_at_every_age_and_end_in_the_table():
    events = random_events(9, dt.datetime(2026, 3, 1), 80, n_users=80, n_events=1500)
    events["value"] = events["value"].abs()
    workspace = workspace_of(events)
    result = value.analyze(workspace, ValueQuery(Period("2026-03-02", "2026-05-10"), breakdown="user.channel"))
    table = result.ltv.set_index(["group", "age_days"])["ltv"]
    for group, rows in result.curve.groupby("group"):
        assert len(set(rows["users"])) == 1
        assert rows["ltv"].is_monotonic_increasing  # nothing is refunded here
        assert rows["ltv"].iloc[-1] == pytest.approx(table[group, result.curve_age_days])


CHANNEL_ROWS = pd.DataFrame(
    [
        # The data begin on 28 February with somebody who is in no cohort.
        ("old", "buy", "2026-02-28 09:00", 1.0, None),
        # ads: two new users on Mon 2 March, one on Tue 3 March. By day 2 they have brought 10 + 20 + 0 = 30.
        ("a1", "buy", "2026-03-02 09:00", 10.0, "Ads"),
        ("a2", "open", "2026-03-02 09:00", None, "Ads"),
        ("a2", "buy", "2026-03-03 09:00", 20.0, "Ads"),
        ("a3", "open", "2026-03-03 09:00", None, "Ads"),
        # a1 on the 7th day of life: 6 more; a refund on the 8th.
        ("a1", "buy", "2026-03-08 09:00", 6.0, "Ads"),
        ("a1", "refund", "2026-03-09 09:00", -4.0, "Ads"),
        # shop: one new user, never paid for.
        ("s1", "buy", "2026-03-04 09:00", 7.0, "Shop"),
    ],
    columns=["user_id", "event", "occurred_at", "value", "user.channel"],
)


def with_spend(rows: list[tuple[str, str, float]]) -> Workspace:
    workspace = workspace_of(CHANNEL_ROWS, as_of="2026-04-01")
    frame = pd.DataFrame(rows, columns=["date", "channel", "amount"])
    workspace.load(frame, kind="spend", as_of="2026-04-01")
    return workspace


def test_costs_by_hand():
    workspace = with_spend([("2026-03-02", "ads ", 16.0), ("2026-03-05", "Ads", 0.0), ("2026-03-06", "Radio", 9.0)])
    query = ValueQuery(Period("2026-03-02", "2026-03-09"), ages_days=(1, 7, 8), breakdown="user.channel")
    result = value.analyze(workspace, query)
    ads = result.channels.set_index("group").loc["Ads"]
    # 2 March is known: 16 for two users. 3 March has a new user and no row: unknown, left out. 5 March is a known 0.
    assert (ads["users"], ads["spend"], ads["spend_days"], ads["missing_days"], ads["missing_users"]) == (
        3,
        16,
        2,
        1,
        1,
    )
    assert ads["cac"] == 8
    # Value of the three by age 1: 10, 2: 30, 7: 36, 8: 32 → per user 3.33, 10, 12, 10.67. The costs of 8 are back at 2.
    assert result.curve_age_days == 8
    assert ads["ltv"] == pytest.approx(32 / 3)
    assert ads["ltv_to_cac"] == pytest.approx(32 / 3 / 8)
    assert ads["roi"] == pytest.approx((32 / 3 - 8) / 8)
    assert ads["payback_days"] == 2
    shop = result.channels.set_index("group").loc["Shop"]
    assert np.isnan(shop["cac"])
    assert np.isnan(shop["payback_days"])
    assert result.unmatched_spend.values.tolist() == [["Radio", 9.0]]


def test_margin_moves_the_payback_not_the_ltv():
    workspace = with_spend([("2026-03-02", "Ads", 16.0)])
    query = ValueQuery(Period("2026-03-02", "2026-03-09"), ages_days=(7,), breakdown="user.channel", margin=0.7)
    ads = value.analyze(workspace, query).channels.set_index("group").loc["Ads"]
    assert ads["ltv"] == 12
    assert ads["margin_ltv"] == pytest.approx(8.4)
    assert ads["payback_days"] == 7  # 0.7 × 10 is below 8 until the 6 more on day 7


def test_without_groups_all_spend_counts_for_all_users():
    workspace = with_spend([("2026-03-02", "Ads", 16.0), ("2026-03-02", "", 4.0)])
    result = value.analyze(workspace, ValueQuery(Period("2026-03-02", "2026-03-09"), ages_days=(7,)))
    assert result.channels["cac"].tolist() == [10.0]  # 20 for the two new users of the day with spend
    assert result.unmatched_spend.empty


def test_without_spend_there_are_no_costs():
    result = value.analyze(
        workspace_of(CHANNEL_ROWS, as_of="2026-04-01"), ValueQuery(Period("2026-03-02", "2026-03-09"))
    )
    assert not result.has_spend
    assert result.channels.empty


def test_a_segment_has_no_costs():
    # Spend is known for all users of a channel: a1 and a2 cost 16 together, nobody knows what a1 alone did.
    workspace = with_spend([("2026-03-02", "Ads", 16.0), ("2026-03-02", "Radio", 4.0)])
    query = ValueQuery(
        Period("2026-03-02", "2026-03-09"), ages_days=(7,), breakdown="user.channel",
        segment=Segment("one", user_ids=frozenset({"a1"})),
    )  # fmt: skip
    result = value.analyze(workspace, query)
    assert result.ltv["users"].tolist() == [1]
    assert not result.has_spend
    assert result.channels.empty
    assert result.unmatched_spend.empty


@pytest.mark.parametrize("start", ["2026-02-20", "2026-02-28"])
def test_spend_up_to_the_datas_first_day_is_not_laid_on_later_users(start: str):
    # On 28 February, the data's first day, nobody can tell who is new: the users of that day are left out.
    workspace = with_spend([("2026-02-21", "Ads", 50.0), ("2026-02-28", "Ads", 100.0), ("2026-03-02", "Ads", 16.0)])
    result = value.analyze(workspace, ValueQuery(Period(start, "2026-03-09"), ages_days=(7,)))
    row = result.channels.iloc[0]
    assert result.n_left_out == 1
    assert (row["spend"], row["spend_days"], row["cac"]) == (16, 1, 8)  # 16 for the two new users of 2 March
    assert (row["missing_days"], row["missing_users"]) == (2, 2)  # a3 on 3 March, s1 on the 4th


def test_a_new_user_who_signed_up_on_the_datas_first_day_pays_for_no_one_left_out():
    workspace = with_spend([("2026-02-28", "Ads", 100.0), ("2026-03-02", "Ads", 16.0)])
    signed = pd.DataFrame({"user_id": ["n1"], "signup_at": ["2026-02-28 10:00:00"], "channel": ["Ads"]})
    workspace.load(signed, kind="users", as_of="2026-04-01")
    row = value.analyze(workspace, ValueQuery(Period("2026-02-28", "2026-03-09"), ages_days=(7,))).channels.iloc[0]
    assert row["users"] == 5
    assert (row["spend"], row["cac"]) == (16, 8)  # n1 is known to be new, others of that day are not
    assert (row["missing_days"], row["missing_users"]) == (2, 2)


def bought_by(channels: list[object]) -> Workspace:
    """One user per element who buys for 10 on 2 March, their first day; somebody older, without a channel, before."""
    rows = [("old", "buy", "2026-02-28 09:00", 1.0, None)]
    rows += [(f"u{n}", "buy", "2026-03-02 09:00", 10.0, channel) for n, channel in enumerate(channels)]
    frame = pd.DataFrame(rows, columns=["user_id", "event", "occurred_at", "value", "user.channel"])
    return workspace_of(frame, as_of="2026-04-01")


def costs(workspace: Workspace, spend: list[tuple[str, float]], **options: object) -> value.ValueResult:
    frame = pd.DataFrame([("2026-03-02", *row) for row in spend], columns=["date", "channel", "amount"])
    workspace.load(frame, kind="spend", as_of="2026-04-01")
    query = ValueQuery(Period("2026-03-02", "2026-03-09"), ages_days=(7,), breakdown="user.channel", **options)
    return value.analyze(workspace, query)


def test_rare_channels_are_one_group_with_their_spend():
    # Two channels are shown: c0 with 4 users, c1 with 3; c2 (2 users) and c3 (1, never paid for) are the rest.
    workspace = bought_by(["c0"] * 4 + ["c1"] * 3 + ["c2"] * 2 + ["c3"])
    result = costs(workspace, [("c0", 40.0), ("C2", 30.0), ("radio", 7.0), ("", 5.0)], top=2)
    rows = result.channels.set_index("group")
    assert rows["users"].to_dict() == {"c0": 4, "c1": 3, value.OTHER: 3}
    # 40 for 4; 30 for the 3 users of the rest, as all spend ÷ all new users in the total.
    assert rows["cac"].to_dict() == pytest.approx({"c0": 10, "c1": np.nan, value.OTHER: 10}, nan_ok=True)
    assert result.unmatched_spend.to_numpy().tolist() == [["", 5.0], ["radio", 7.0]]
    # What is in no CAC and what is in one add up to what was spent: 40 + 30 + 7 + 5.
    assert rows["spend"].sum() + result.unmatched_spend["amount"].sum() == 82


def test_spend_on_a_channel_without_new_users_is_nobodys():
    # c1 is among the values shown, yet its user was first seen before the period.
    frame = pd.DataFrame(
        [("o1", "buy", "2026-02-28 09:00", 1.0, "c1"), ("u0", "buy", "2026-03-02 09:00", 10.0, "c0")],
        columns=["user_id", "event", "occurred_at", "value", "user.channel"],
    )
    result = costs(workspace_of(frame, as_of="2026-04-01"), [("c0", 40.0), ("c1", 9.0)])
    assert result.channels[["group", "spend"]].to_numpy().tolist() == [["c0", 40.0]]
    assert result.unmatched_spend.to_numpy().tolist() == [["c1", 9.0]]


def test_channels_that_differ_in_case_alone_are_one():
    # Three spellings of one channel, 3 + 2 + 1 users: 3,000 ÷ 6, not 3,000 for each spelling.
    result = costs(bought_by(["Ads"] * 3 + ["ads"] * 2 + ["ADS"]), [("ads ", 1000.0), ("aDS", 2000.0)])
    assert result.channels[["group", "users", "spend", "cac"]].to_numpy().tolist() == [["Ads", 6, 3000.0, 500.0]]
    assert result.ltv["group"].tolist() == ["Ads"]
    assert result.unmatched_spend.empty


def test_channels_given_as_whole_numbers_are_written_as_such():
    result = costs(bought_by([1001.0, 1001.0, 1002.5]), [("1001", 30.0), ("1002.5", 8.0)])
    rows = [["1001", 2, 30.0, 15.0], ["1002.5", 1, 8.0, 8.0]]
    assert result.channels[["group", "users", "spend", "cac"]].to_numpy().tolist() == rows
    stays = survival.analyze(
        bought_by([1001.0]), survival.SurvivalQuery(Period("2026-03-02", "2026-03-09"), 7, breakdown="user.channel")
    )
    assert stays.groups["group"].tolist() == ["1001"]


def test_unripe_cohorts_are_blank():
    workspace = workspace_of(CHANNEL_ROWS, as_of="2026-03-14")
    result = value.analyze(workspace, ValueQuery(Period("2026-03-02", "2026-03-14"), ages_days=(6, 7)))
    # The cohort of 2 March ends on the 8th: its last user would reach day 6 on the 14th, day 7 a day later.
    assert result.cohorts["ltv"].notna().tolist() == [True, False]
    assert result.curve_age_days == 6


def test_users_who_may_be_older_than_the_data_are_left_out():
    result = value.analyze(
        workspace_of(CHANNEL_ROWS, as_of="2026-04-01"), ValueQuery(Period("2026-02-01", "2026-03-09"))
    )
    assert result.n_left_out == 1
    assert result.n_new == 4


def test_what_cannot_be_answered_is_said():
    nothing = workspace_of([("a", "look", "2026-01-01"), ("a", "look", "2026-01-03")])
    with pytest.raises(QueryError, match="No event carries an amount"):
        value.analyze(nothing, ValueQuery(Period("2026-01-01", "2026-01-03")))
    for rows in (nothing, workspace_of(CHANNEL_ROWS, as_of="2026-04-01")):
        # Where there are amounts it is the segment that has none.
        message = "No event carries an amount" if rows is nothing else "Nobody in the segment 'idle' has bought"
        idle = Segment("idle", user_ids=frozenset({"a", "a3"}))
        with pytest.raises(QueryError, match=message):
            value.analyze(rows, ValueQuery(Period("2026-01-01", "2026-03-09"), segment=idle))
    with pytest.raises(QueryError, match="no complete day yet"):
        value.analyze(workspace_of(CHANNEL_ROWS, as_of="2026-04-01"), ValueQuery(Period("2026-04-01", "2026-04-09")))
    with pytest.raises(QueryError, match="whole days from 1 to 730"):
        ValueQuery(Period("2026-04-01", "2026-04-09"), ages_days=(0, 7))
    with pytest.raises(QueryError, match="above 0 and up to 1"):
        ValueQuery(Period("2026-04-01", "2026-04-09"), margin=40)


def test_cdnow_repeat_and_buy_again_rates(shared_data: Path):
    # The master file by month, as the definitions count: buyers on two days or more, buyers who buy next month, too.
    rows = pd.read_csv(
        shared_data / "cdnow" / "CDNOW_master.txt", sep=r"\s+", header=0, names=["user_id", "date", "n", "value"],
        dtype={"user_id": str},
    )  # fmt: skip
    rows = rows[rows["value"] > 0].assign(occurred_at=pd.to_datetime(rows["date"].astype(str)), event="buy")
    workspace = workspace_of(rows[["user_id", "event", "occurred_at", "value"]], as_of="1998-07-01")
    result = value.analyze(workspace, ValueQuery(Period("1997-01-01", "1998-07-01"), grain="month"))
    month = rows["occurred_at"].dt.to_period("M")
    days = rows.groupby(["user_id", month])["occurred_at"].nunique()
    buyers = days.groupby(level=1).size()
    repeat = (days >= 2).groupby(level=1).sum()
    owners = {period: set(part.index.get_level_values(0)) for period, part in days.groupby(level=1)}
    months = sorted(owners)
    again = [len(owners[a] & owners[b]) for a, b in itertools.pairwise(months)]
    assert result.buckets["buyers"].tolist() == buyers.tolist()
    assert result.buckets["repeat_buyers"].tolist() == repeat.tolist()
    assert result.buckets["buyers_next"].tolist()[:-1] == again
    assert np.isnan(result.buckets["buyers_next"].iloc[-1])
