"""What separates those who convert: by hand, against plain Python, with planted truths and in its traps."""

from __future__ import annotations

import datetime as dt
import random

import numpy as np
import pandas as pd
import pytest

from ops_core import Filter, Period, QueryError, Segment, Workspace
from ops_core.analyses import funnel, funnel_drivers
from ops_core.analyses.driver_traits import properties_of, strata_of, strongest
from ops_core.analyses.funnel import FunnelQuery
from ops_core.analyses.funnel_drivers import BEHAVIOUR, PROPERTY, DriverQuery
from ops_core.demo import TRUTHS, word
from tests.oracles.drivers import active_days, behaviours, stratified_difference
from tests.support import workspace_of

DAY = 86_400
JAN = Period("2026-01-05", "2026-02-01")
STEPS = ("view", "buy")


def events(frame: pd.DataFrame, as_of: str = "2026-03-01") -> Workspace:
    return workspace_of(frame, as_of=as_of)


def shop(n: int, converts, **properties: object) -> pd.DataFrame:
    """`n` users who view on 20 January and buy an hour later where `converts(i)`; a first event on 1 January."""
    rows = [("x", "open", pd.Timestamp("2026-01-01"), None)]
    for i in range(n):
        own = {name: of(i) for name, of in properties.items()}
        at = pd.Timestamp("2026-01-20") + pd.Timedelta(i, "s")
        rows.append((f"u{i}", "view", at, own))
        if converts(i):
            rows.append((f"u{i}", "buy", at + pd.Timedelta(1, "h"), own))
    frame = pd.DataFrame([row[:3] for row in rows], columns=["user_id", "event", "occurred_at"])
    for name in properties:
        frame[f"user.{name}"] = [None if row[3] is None else row[3][name] for row in rows]
    return frame


def ask(frame: pd.DataFrame, **options: object) -> funnel_drivers.DriverResult:
    with events(frame) as workspace:
        query = FunnelQuery(STEPS, JAN, DAY, **options.pop("funnel", {}))
        return funnel_drivers.analyze(workspace, DriverQuery(query, **options))


def trait(result: funnel_drivers.DriverResult, name: str, value: str = "") -> pd.Series:
    found = result.traits[(result.traits["name"] == name) & (result.traits["value"] == value)]
    assert len(found) == 1, result.traits[["name", "value"]]
    return found.iloc[0]


def test_a_planted_trait_by_hand():
    # Of 200 users the 100 with ads convert 60 of 100, the others 30 of 100; all enter in one week.
    result = ask(shop(200, lambda i: i < 60 or 100 <= i < 130, channel=lambda i: "ads" if i < 100 else "shop"))
    assert (result.n_entered, result.n_converted, result.n_tested) == (200, 90, 1)
    row = result.traits.iloc[0]
    assert (row["kind"], row["name"]) == (PROPERTY, "channel")
    sides = {"ads": (100, 60, 100, 30), "shop": (100, 30, 100, 60)}
    counts = ("n_with", "converted_with", "n_without", "converted_without")
    assert tuple(row[name] for name in counts) == sides[row["value"]]
    sign = 1 if row["value"] == "ads" else -1
    assert row["adjusted"] == pytest.approx(0.3 * sign)
    assert row["adjusted"] == pytest.approx(row["difference"])
    assert row["is_clear"]
    assert row["n_compared"] == 200
    # (60 − 45)² / (100·100·90·110 / (200²·199)) = 225 / 12.437 = 18.09: p = 2.1e-5.
    assert row["p_value"] == pytest.approx(2.1e-5, rel=0.05)


def test_a_confounder_is_adjusted_away_and_named():
    # Gold users convert 80 %, the others 20 %; ads only brings more gold users: 80 of 100 against 20 of 100.
    tier = lambda i: "gold" if (i < 160 or 400 <= i < 440) else "basic"  # noqa: E731
    done = lambda i: i % 5 != 0 if tier(i) == "gold" else i % 5 == 0  # noqa: E731
    result = ask(shop(600, done, channel=lambda i: "ads" if i < 200 else "shop", tier=tier))
    assert result.adjusted_for[0] == "tier"
    ads = trait(result, "channel", "ads")
    assert ads["difference"] > 0.3
    assert ads["adjusted"] == pytest.approx(0.0, abs=1e-9)
    assert not ads["is_clear"]
    assert "tier" in ads["adjusted_for"]
    assert result.traits.iloc[0]["name"] == "tier"
    assert "tier" not in result.traits.iloc[0]["adjusted_for"]


def test_two_names_for_one_thing_do_not_hide_each_other():
    # The currency says what the country is: held fixed, it would leave nothing to compare.
    country = lambda i: "de" if i < 150 else "cn"  # noqa: E731
    currency = lambda i: "EUR" if i < 150 else "CNY"  # noqa: E731
    done = lambda i: i % 10 < (6 if i < 150 else 2)  # noqa: E731
    frame = shop(400, done, country=country, currency=currency, city=lambda i: country(i) + str(i % 3))
    result = ask(frame)
    assert set(result.clear["name"]) >= {"country", "currency"}
    row = result.traits[result.traits["name"] == "country"].iloc[0]
    assert abs(row["adjusted"]) == pytest.approx(0.4, abs=0.02)
    assert row["adjusted_for"] == ""
    # A city is compared within its country.
    assert (result.traits.loc[result.traits["name"] == "city", "adjusted_for"] != "").all()


def test_few_users_are_too_few_to_say():
    result = ask(shop(200, lambda i: i < 100, channel=lambda i: "ads" if i < 29 else "shop"))
    row = trait(result, "channel", "ads")
    assert row["too_few"]
    assert np.isnan(row["p_value"])
    assert np.isnan(row["p_adjusted"])
    assert result.n_tested == 0
    assert row["adjusted"] == pytest.approx(row["share_with"] - row["share_without"])


def test_numbers_are_split_at_their_median_and_ids_left_out():
    frame = shop(300, lambda i: i >= 150, age=lambda i: 20.0 + i, ident=lambda i: f"id{i}")
    result = ask(frame)
    row = trait(result, "age", "169.5")
    assert row["at_least"]
    assert (row["n_with"], row["converted_with"], row["converted_without"]) == (150, 150, 0)
    assert set(result.traits["name"]) == {"age", }  # fmt: skip


def test_users_without_a_value_count_as_without_it():
    result = ask(shop(200, lambda i: i % 2 == 0, channel=lambda i: "ads" if i < 80 else None))
    row = trait(result, "channel", "ads")
    assert (row["n_with"], row["n_without"]) == (80, 120)


def with_before(frame: pd.DataFrame, users: range, event: str, at: str) -> pd.DataFrame:
    extra = pd.DataFrame({"user_id": [f"u{i}" for i in users], "event": event, "occurred_at": pd.Timestamp(at)})
    return pd.concat([frame, extra], ignore_index=True)


def test_behaviours_lie_in_the_look_back_before_the_first_attempt():
    frame = shop(100, lambda i: i < 50)
    frame = with_before(frame, range(40), "search", "2026-01-19 12:00")
    frame = with_before(frame, range(40, 60), "search", "2026-01-12 00:00")  # before a look-back of 7 days begins
    frame = with_before(frame, range(60, 80), "search", "2026-01-21 12:00")  # after they entered
    row = trait(ask(frame, lookback_seconds=7 * DAY), "search")
    assert (row["kind"], row["n_with"], row["converted_with"], row["n_without"]) == (BEHAVIOUR, 40, 40, 60)


def test_the_look_back_ends_before_the_first_microsecond_and_begins_with_its_own():
    frame = shop(3, lambda i: True)  # u0 enters on 20 January at 00:00:00, u1 a second later
    frame = with_before(frame, range(1), "search", "2026-01-20 00:00:00")  # the instant of entering is not before it
    frame = with_before(frame, range(1, 2), "search", "2026-01-13 00:00:01")  # exactly 7 days before: inside
    frame = with_before(frame, range(2, 3), "search", "2026-01-13 00:00:01.999999")  # a µs too early
    row = trait(ask(frame, lookback_seconds=7 * DAY), "search")
    assert (row["n_with"], row["n_without"]) == (1, 2)


def test_who_entered_before_the_look_back_fits_is_apart():
    frame = shop(50, lambda i: i < 25)
    frame = with_before(frame, range(30), "view", "2026-01-06 00:00")  # a first attempt too close to the data's begin
    result = ask(frame, lookback_seconds=14 * DAY)
    assert result.n_unseen == 30
    assert (result.traits.loc[result.traits["kind"] == BEHAVIOUR, ["n_with", "n_without"]].sum(axis=1) == 20).all()


def test_a_look_back_longer_than_the_data_leaves_everybody_apart():
    result = ask(shop(50, lambda i: i < 25, channel=lambda i: "ads" if i % 2 else "shop"), lookback_seconds=1e12)
    assert result.n_unseen == 50
    assert set(result.traits["kind"]) == {PROPERTY}


def test_second_attempts_do_not_make_the_first_one_a_driver():
    # Everybody views twice and half of them buy after the second view: the attempt that counts for buyers is the
    # second one, before which they viewed; for the others it is the first one. Viewing before is no driver.
    frame = shop(200, lambda i: i % 2 == 0)
    frame = with_before(frame, range(200), "view", "2026-01-17")
    result = ask(frame, lookback_seconds=10 * DAY)
    assert result.n_converted == 100
    assert "view" not in set(result.traits["name"])


def test_a_behaviour_is_compared_among_equally_active_users():
    # Active users convert more and do more of everything; searching itself does nothing.
    rng = random.Random(1)
    active = [rng.random() < 0.5 for _ in range(1_000)]
    bought = [rng.random() < (0.7 if one else 0.2) for one in active]
    frame = shop(1_000, lambda i: bought[i])
    for day in ("2026-01-16", "2026-01-17", "2026-01-18", "2026-01-19"):
        frame = with_before(frame, [i for i in range(1_000) if active[i]], "open", day)
    searched = [i for i in range(1_000) if active[i] and rng.random() < 0.6]
    frame = with_before(frame, searched, "search", "2026-01-19 12:00")
    row = trait(ask(frame, lookback_seconds=7 * DAY), "search")
    assert row["difference"] > 0.25
    assert abs(row["adjusted"]) < 0.12
    assert not row["is_clear"]


def test_random_tables_agree_with_plain_python():
    rng = random.Random(4)
    for _ in range(8):
        begin = dt.datetime(2026, 1, 1)
        users = [f"u{i}" for i in range(30)]
        channel = {user: rng.choice(["ads", "shop", None]) for user in users}
        rows = [
            (rng.choice(users), rng.choice(["view", "view", "buy", "search", "open"]),
             begin + dt.timedelta(hours=rng.randrange(24 * 40), microseconds=rng.choice([0, 0, 1])))
            for _ in range(500)
        ]  # fmt: skip
        frame = pd.DataFrame(rows, columns=["user_id", "event", "occurred_at"])
        frame["user.channel"] = frame["user_id"].map(channel)
        lookback = rng.choice([3, 8.5])
        plain = [(user, event, int(pd.Timestamp(at).value // 1000)) for user, event, at in rows]
        with workspace_of(frame, as_of="2026-03-01") as workspace:
            query = FunnelQuery(STEPS, Period("2026-01-08", "2026-01-29"), 2 * DAY)
            result = funnel_drivers.analyze(workspace, DriverQuery(query, lookback * DAY))
            counted = funnel.analyze(workspace, query)
            converted = set(counted.users(2)["user_id"])
        low, high = (int(pd.Timestamp(day).value // 1000) for day in ("2026-01-08", "2026-01-29"))
        entered: dict[str, int] = {}
        for user, event, at in sorted(plain, key=lambda row: row[2]):
            if event == "view" and low <= at < high:
                entered.setdefault(user, at)
        assert result.n_entered == len(entered)
        window = round(lookback * DAY * 1_000_000)
        first_day = min(at for _, _, at in plain) // (DAY * 1_000_000) * (DAY * 1_000_000)
        wanted = behaviours(plain, entered, converted, window, first_day)
        told = result.traits[result.traits["kind"] == BEHAVIOUR].set_index("name")
        counts = ["n_with", "converted_with", "n_without", "converted_without"]
        assert {name: tuple(row) for name, row in zip(told.index, told[counts].to_numpy(), strict=True)} == wanted
        assert set(told["adjusted_for"]) <= {""}, "30 users are too few for more strata than week and activity"
        days = active_days(plain, entered, window)
        week = {user: (at // (DAY * 1_000_000) + 3) // 7 for user, at in entered.items()}
        seen = {user for user, at in entered.items() if at - window >= first_day}
        for event in wanted:
            having = {
                u for u, name, at in plain if u in seen and name == event and entered[u] - window <= at < entered[u]
            }
            strata = [((week[u], np.digitize(days[u], (1, 2, 4, 8)).item()), u in having, u in converted) for u in seen]
            assert told.loc[event, "adjusted"] == pytest.approx(stratified_difference(strata), nan_ok=True)


def test_the_planted_driver_comes_out_on_top(demo_workspace: Workspace):
    # During the incident orders were paid less often on one platform; the city means nothing, ever.
    period = Period(TRUTHS.incident_start, TRUTHS.incident_end)
    query = DriverQuery(FunnelQuery(("submit_order", "pay"), period, DAY))
    result = funnel_drivers.analyze(demo_workspace, query)
    top = result.traits.iloc[0]
    assert (top["name"], top["value"]) == ("platform", word("en", "platform", TRUTHS.incident_platform))
    assert top["is_clear"]
    usual = np.average([TRUTHS.pay_rate[one] for one in ("ios", "mini_program", "h5")], weights=(0.27, 0.19, 0.08))
    assert top["low"] <= TRUTHS.incident_pay_rate - usual + 0.02  # several orders per user raise both sides
    assert top["high"] < -0.1
    assert not result.traits.loc[result.traits["name"] == "city", "is_clear"].any()
    assert result.n_tested > 20


def test_false_alarms_stay_within_what_alpha_allows():
    # 150 properties and 25 behaviours that mean nothing, in users whose conversion hangs on activity and channel.
    rng = np.random.default_rng(21)
    n, n_properties = 600, 150
    active, ads = rng.random(n) < 0.5, rng.random(n) < 0.4
    bought = rng.random(n) < 0.2 + 0.3 * active + 0.2 * ads
    frame = shop(n, lambda i: bought[i], channel=lambda i: "ads" if ads[i] else "shop")
    number = frame["user_id"].str.removeprefix("u").where(frame["user_id"] != "x")
    place = pd.to_numeric(number).fillna(0).astype(int).to_numpy()
    columns = {
        f"user.p{k}": np.where(rng.random(n) < rng.uniform(0.2, 0.8), "a", "b")[place] for k in range(n_properties)
    }
    frame = pd.concat([frame, pd.DataFrame(columns)], axis=1)
    parts = [frame]
    for k in range(25):
        doing = np.flatnonzero(rng.random(n) < np.where(active, 0.5, 0.2))
        at = pd.Timestamp("2026-01-19") - pd.to_timedelta(rng.integers(0, 5, len(doing)), "D")
        parts.append(pd.DataFrame({"user_id": [f"u{i}" for i in doing], "event": f"e{k}", "occurred_at": at}))
    result = ask(pd.concat(parts, ignore_index=True), lookback_seconds=10 * DAY)
    null = result.traits[result.traits["name"].str.fullmatch("[pe][0-9]+")]
    assert len(null) == n_properties + 25
    # Nominal 5 % of 175 are 8.75 with a standard deviation of 2.9.
    assert (null["p_value"] < 0.05).sum() <= 8.75 + 2 * 2.9
    assert not null["is_clear"].any()
    assert trait(result, "channel", "ads")["is_clear"]


def test_every_number_adds_up(demo_workspace: Workspace):
    segment = Segment("gold", (Filter("user.tier", "in", ("Gold", "Silver")),))
    query = FunnelQuery(("view_item", "pay"), Period("2026-07-01", "2026-09-07"), 7 * DAY, segment=segment,
                        breakdown="user.channel", quick_view=True)  # fmt: skip
    result = funnel_drivers.analyze(demo_workspace, DriverQuery(query))
    table = result.traits
    of_property = table[table["kind"] == PROPERTY]
    assert (of_property["n_with"] + of_property["n_without"] == result.n_entered).all()
    assert (of_property["converted_with"] + of_property["converted_without"] == result.n_converted).all()
    done = table[table["kind"] == BEHAVIOUR]
    assert (done["n_with"] + done["n_without"] == result.n_entered - result.n_unseen).all()
    tested = table[~table["too_few"]]
    assert (tested["low"] <= tested["adjusted"]).all()
    assert (tested["adjusted"] <= tested["high"]).all()
    assert (tested["p_adjusted"] >= tested["p_value"]).all()
    assert table["too_few"].eq(table["p_value"].isna()).all()
    rank = table["is_clear"].astype(int) * 2 + (~table["too_few"]).astype(int)
    assert rank.is_monotonic_decreasing


def test_nobody_entered():
    frame = shop(5, lambda i: True, channel=lambda i: "ads")
    with events(frame) as workspace:
        query = DriverQuery(FunnelQuery(("buy", "open"), Period("2026-01-25", "2026-01-26"), DAY))
        result = funnel_drivers.analyze(workspace, query)
    assert (result.n_entered, result.n_tested, len(result.traits), len(result.clear)) == (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"funnel": FunnelQuery(STEPS, JAN, DAY, reentry="every_attempt")}, "only be told of users, not of attempts"),
        ({"lookback_seconds": 0}, "look-back must be longer than 0 seconds"),
        ({"lookback_seconds": float("inf")}, "look-back must be longer than 0 seconds"),
        ({"limit": 0}, "Between 1 and 50 values"),
        ({"alpha": 1}, "between 0 and 1"),
    ],
)
def test_bad_questions_are_refused_in_a_sentence(change: dict, message: str):
    with pytest.raises(QueryError, match=message):
        DriverQuery(**{"funnel": FunnelQuery(STEPS, JAN, DAY)} | change)


def test_strata_stay_coarse_where_users_are_few(demo_workspace: Workspace):
    keys = np.arange(200, dtype=np.int32)
    properties = properties_of(demo_workspace.store, keys)
    converted = (keys % 3 == 0) | (properties[0].codes == 0)
    ranked = strongest(properties, converted, 3)
    assert ranked[0].name == properties[0].name
    strata, used = strata_of([np.zeros(200, int)], ranked, 2)
    assert len(strata) >= 10 * (strata.max() + 1)
    assert strata_of([keys.astype(int)], ranked, 2)[1] == ()
    assert len(used) <= 2
