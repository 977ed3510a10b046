"""Retention: traps worked out by hand, both routes to the same number, invariants over random histories, refusals."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ops_core import Filter, Period, Segment
from ops_core.analyses import retention, retention_value
from ops_core.errors import QueryError
from tests.oracles.random_events import random_events
from tests.support import workspace_of
from tests.support_retention import sign_up


def answer(rows, period: tuple[str, str], grain: str = "day", periods: int = 3, as_of: str | None = None, **options):
    """Cells of a query on literal rows (UTC unless `zone`)."""
    zone = options.pop("zone", "UTC")
    with workspace_of(rows, time_zone=zone, as_of=as_of) as workspace:
        query = retention.RetentionQuery(Period(*period), grain, periods, **options)
        return retention.analyze(workspace, query)


def column(result, offset: int) -> list[float]:
    """Returned users of one offset, cohort by cohort."""
    return result.cells[result.cells["offset"] == offset].sort_values("cohort")["returned"].tolist()


def test_calendar_days_count_one_minute_past_midnight_and_rolling_days_do_not():
    # 23:45 → 00:01 is the next calendar day, but still within the first 24 hours.
    rows = [("ann", "open", "2026-03-01 23:45"), ("ann", "open", "2026-03-02 00:01")]
    calendar = answer(rows, ("2026-03-01", "2026-03-02"), as_of="2026-03-08")
    rolling = answer(rows, ("2026-03-01", "2026-03-02"), as_of="2026-03-08", measure="rolling")
    assert [column(calendar, k) for k in range(3)] == [[0], [1], [0]]
    assert [column(rolling, k) for k in range(3)] == [[1], [0], [0]]


def test_the_starting_row_is_not_its_own_return():
    once = answer([("ann", "open", "2026-03-01 10:00")], ("2026-03-01", "2026-03-02"), as_of="2026-03-08")
    twice = answer(
        [("ann", "open", "2026-03-01 10:00"), ("ann", "open", "2026-03-01 10:01")],
        ("2026-03-01", "2026-03-02"), as_of="2026-03-08",
    )  # fmt: skip
    other = answer(
        [("ann", "sign", "2026-03-01 10:00"), ("ann", "buy", "2026-03-01 11:00")],
        ("2026-03-01", "2026-03-02"), as_of="2026-03-08", cohort_event="sign", return_event="buy",
    )  # fmt: skip
    assert [column(result, 0) for result in (once, twice, other)] == [[0], [1], [1]]
    assert once.cells["users"].tolist() == [1] * 4


def test_unripe_is_unknown_nobody_back_is_zero_and_an_empty_cohort_has_no_share():
    # As-of 4 March: day 1 of the cohort of the 2nd has ended, its day 2 has not. Nobody came on the 1st.
    rows = [("ann", "open", "2026-03-02 10:00")]
    cells = answer(rows, ("2026-03-01", "2026-03-04"), periods=2, as_of="2026-03-04").cells
    table = cells.pivot_table(index="cohort", columns="offset", values="returned", dropna=False).to_numpy()
    # cohorts of the 1st (empty), 2nd (ann), 3rd (empty); offsets 0, 1, 2
    np.testing.assert_array_equal(table, [[0, 0, 0], [0, 0, np.nan], [0, np.nan, np.nan]])
    shares = cells.pivot_table(index="cohort", columns="offset", values="share", dropna=False).to_numpy()
    np.testing.assert_array_equal(shares, [[np.nan] * 3, [0, 0, np.nan], [np.nan] * 3])
    assert cells.loc[(cells["cohort"] == "2026-03-02") & (cells["offset"] == 2), "ripe_on"].iloc[0] == pd.Timestamp(
        "2026-03-05"
    )


def test_the_mean_is_weighted_and_over_ripe_cells_only():
    # 1 March: 3 users, 1 back the day after. 2 March: 1 user, back. 3 March: 2 users, day 1 not over at as-of.
    rows = [(user, "open", "2026-03-01 10:00") for user in ("a", "b", "c")] + [("a", "open", "2026-03-02 09:00")]
    rows += [("d", "open", "2026-03-02 10:00"), ("d", "open", "2026-03-03 10:00")]
    rows += [("e", "open", "2026-03-03 10:00"), ("f", "open", "2026-03-03 11:00"), ("e", "open", "2026-03-04 01:00")]
    result = answer(rows, ("2026-03-01", "2026-03-04"), periods=2, as_of="2026-03-04")
    mean = result.mean.set_index("offset")
    # (1 + 1) ÷ (3 + 1), not the mean of 1/3 and 1; day 2 is over for the cohort of the 1st alone: 0 of 3.
    assert mean.loc[1, ["eligible", "returned", "share"]].tolist() == [4, 2, 0.5]
    assert mean.loc[2, ["eligible", "returned", "share"]].tolist() == [3, 0, 0]
    nothing = answer(rows, ("2026-03-03", "2026-03-04"), periods=2, as_of="2026-03-04").mean.set_index("offset")
    assert nothing.loc[1, "eligible"] == 0
    assert np.isnan(nothing.loc[1, "share"])


def test_first_ever_first_time_and_recurring_differ():
    rows = [
        # ann's first purchase is free, her second is paid: no first-ever payer, a first-time one on the 3rd.
        ("ann", "buy", "2026-03-01 10:00", 0), ("ann", "buy", "2026-03-03 10:00", 9),
        ("ann", "buy", "2026-03-04 10:00", 9),
        # bob pays at once, before the period starts, and again in it.
        ("bob", "buy", "2026-02-20 10:00", 5), ("bob", "buy", "2026-03-03 10:00", 5),
        ("cy", "buy", "2026-03-03 10:00", 5),
    ]  # fmt: skip
    paid = (Filter("value", "gt", 0),)
    period = ("2026-03-01", "2026-03-05")
    users = {
        mode: answer(
            rows, period, as_of="2026-03-08", cohort_event="buy", return_event="buy", mode=mode, cohort_filters=paid
        ).cohorts["users"].tolist()
        for mode in ("first_ever", "first_time", "recurring")
    }  # fmt: skip
    assert users == {"first_ever": [0, 0, 1, 0], "first_time": [0, 0, 2, 0], "recurring": [0, 0, 3, 1]}


def test_first_seen_starts_at_the_sign_up():
    rows = pd.DataFrame(
        {
            # bob is there before ann: day 0 of hers lies within the data.
            "user_id": ["ann", "ann", "bob"],
            "event": "open",
            "occurred_at": ["2026-03-02 10:00", "2026-03-03 10:00", "2026-02-28 10:00"],
            "value": None,
        }
    )
    with workspace_of(rows, as_of="2026-03-08") as workspace:
        sign_up(workspace, {"ann": "2026-03-01 09:00"})
        query = retention.RetentionQuery(Period("2026-03-01", "2026-03-02"), "day", 3, mode="first_seen")
        result = retention.analyze(workspace, query)
    # Signed up on the 1st, active on days 1 and 2. The sign-up is no event, so nothing is taken off day 0.
    assert [column(result, k) for k in range(4)] == [[0], [1], [1], [0]]


def test_what_users_did_before_the_data_begin_is_unknown_not_zero():
    # The data begin on Wednesday 4 March 2026. ann and bob signed up on 10 and 17 February, cy on Monday 2 March,
    # dan on the 5th. All are active on the 10th and the 17th of March.
    rows = [("old", "open", "2026-03-04 10:00", 1)]
    rows += [(user, "open", f"2026-03-{day} 10:00", 1) for user in ("ann", "bob", "cy", "dan") for day in (10, 17)]
    signed_up = {"ann": "2026-02-10", "bob": "2026-02-17", "cy": "2026-03-02", "dan": "2026-03-05"}
    with workspace_of(rows, as_of="2026-04-06") as workspace:
        sign_up(workspace, signed_up)

        def asked(start: str, **options: object) -> retention.RetentionResult:
            query = retention.RetentionQuery(Period(start, "2026-03-09"), "week", 4, mode="first_seen", **options)
            return retention.analyze(workspace, query)

        whole, rolling = asked("2026-02-09"), asked("2026-02-09", measure="rolling")
        dan = Segment("dan", user_ids=frozenset({"dan"}))
        alone, within = asked("2026-02-09", segment=dan), asked("2026-03-04")
        value = retention_value.analyze(workspace, whole.query)
        with pytest.raises(QueryError, match="cell of the table that holds a number"):
            whole.users("2026-02-09", 2)
        for cohort in ("foo", None):
            with pytest.raises(QueryError, match="is not a date"):
                whole.users(cohort, 0)
    table = whole.cells.pivot_table(index="cohort", columns="offset", values="returned", dropna=False).to_numpy()
    unseen = np.nan
    # The week of 2 March began before the data and its first days are missing; those of 9 and 16 March are complete.
    np.testing.assert_array_equal(
        table,
        [[unseen] * 4 + [1], [unseen] * 3 + [1, 1], [0] * 5, [unseen, 2, 2, 0, 0]],
    )
    assert whole.cells["ripe_on"].isna().sum() == rolling.cells["ripe_on"].isna().sum() == 4 + 3 + 1
    assert whole.remarks[-1] == "before_data"
    # Offset 3: bob, cy, dan and old are eligible, of whom bob alone is back in the week of 9 March.
    assert whole.mean.set_index("offset").loc[3, ["eligible", "returned"]].tolist() == [4, 1]
    # A part of the users has the cells of all, or the rest of them could not be told.
    pd.testing.assert_series_equal(alone.cells["ripe"], whole.cells["ripe"])
    # Of those who came from the 4th on everything is known: dan and old, neither of whom is back in the first week.
    assert within.cells[["users", "returned"]].to_numpy().tolist() == [[2, 0], [2, 1], [2, 1], [2, 0], [2, 0]]
    assert "before_data" not in within.remarks
    # Sums since the start lack what was spent before the data.
    assert not value.cells.loc[value.cells["users"] > 0, "ripe"].any()
    assert value.cells.loc[value.cells["users"] > 0, "cumulative"].isna().all()


def test_events_of_the_first_instant_count_in_the_user_s_favour():
    # A file with dates only. ann visits and buys on her first day, bob only buys, cy visits and buys twice.
    rows = [("ann", "visit", "2026-03-03"), ("ann", "buy", "2026-03-03", 5), ("bob", "buy", "2026-03-03", 5),
            ("cy", "visit", "2026-03-03"), ("cy", "buy", "2026-03-03", 5), ("cy", "buy", "2026-03-03", 7),
            ("bob", "buy", "2026-03-04", 5)]  # fmt: skip
    asked = {"period": ("2026-03-03", "2026-03-04"), "periods": 1, "as_of": "2026-03-08", "return_event": "buy"}
    of_user = (Filter("user.plan", "eq", "pro"),)
    frame = pd.DataFrame([(*row, None)[:4] for row in rows], columns=["user_id", "event", "occurred_at", "value"])
    frame["user.plan"] = "pro"
    for mode in ("first_seen", "first_time", "first_ever"):
        # The visit may have come first, so the purchase is a return of ann and cy; bob's is his start itself.
        assert column(answer(rows, mode=mode, **asked), 0) == [2]
        assert column(answer(rows, mode=mode, min_occurrences=2, **asked), 0) == [1]  # cy's two
        # Bought for more than 6: cy's other rows of the day are no such return, so it is no start of his.
        assert column(answer(rows, mode=mode, return_filters=(Filter("value", "gt", 6),), **asked), 0) == [1]
        assert column(answer(frame, mode=mode, return_filters=of_user, **asked), 0) == [2]


def test_brackets_and_minimum_occurrences():
    days = [0, 1, 3, 4, 6]
    rows = [("ann", "open", f"2026-03-0{1 + day} 10:00") for day in days]
    period = ("2026-03-01", "2026-03-02")
    found = answer(rows, period, periods=7, as_of="2026-03-20", measure="bracket", brackets=((1, 3), (4, 7)))
    assert found.cells[["offset", "offset_end", "returned"]].to_numpy().tolist() == [[1, 3, 1], [4, 7, 1]]
    twice = answer(
        rows, period, periods=7, as_of="2026-03-20", measure="bracket", brackets=((1, 2), (3, 7)), min_occurrences=2
    )
    # Days 1–2 hold one event, days 3–7 three.
    assert twice.cells["returned"].tolist() == [0, 1]
    later = answer(rows, period, periods=4, as_of="2026-03-20", measure="on_or_after", min_occurrences=3)
    # Events after day k's start, the starting row apart: 4, 4, 3, 3, 2.
    assert later.cells["returned"].tolist() == [1, 1, 1, 1, 0]


def test_local_days_over_the_clock_change():
    # New York: clocks go forward on 8 March 2026 (a day of 23 hours). 7 March 23:30 EST is 8 March 04:30 UTC;
    # 8 March 23:30 EDT is 9 March 03:30 UTC: less than 24 h later, yet the next calendar day.
    rows = [("ann", "open", "2026-03-08 04:30"), ("ann", "open", "2026-03-09 03:30")]
    options = {"zone": "America/New_York", "as_of": "2026-03-20"}
    calendar = answer(rows, ("2026-03-07", "2026-03-08"), **options)
    rolling = answer(rows, ("2026-03-07", "2026-03-08"), measure="rolling", **options)
    assert column(calendar, 1) == [1]
    assert [column(rolling, k) for k in (0, 1)] == [[1], [0]]


@pytest.mark.parametrize("mode", ["first_time", "recurring"])
@pytest.mark.parametrize("measure", ["on", "on_or_after"])
def test_rollup_and_events_give_the_same_answer(mode: str, measure: str):
    frame = random_events(seed=8, start=dt.datetime(2026, 1, 1), days=60)
    options = {"as_of": "2026-03-01", "mode": mode, "measure": measure, "zone": "Asia/Shanghai", "grain": "week"}
    period = ("2026-01-05", "2026-02-16")
    rollup = answer(frame, period, **options)
    every = tuple(sorted(set(frame["event"])))
    events = answer(frame, period, cohort_event=every, return_event=every, **options)
    pd.testing.assert_frame_equal(rollup.cells, events.cells)
    pd.testing.assert_frame_equal(rollup.mean, events.mean)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 20)), min_size=1, max_size=40),
    st.integers(1, 4),
    st.sampled_from(["first_time", "recurring"]),
)
def test_invariants_hold_for_every_history(pairs: list[tuple[int, int]], minimum: int, mode: str):
    start = dt.date(2026, 1, 1)
    rows = [(f"u{user}", "open", (start + dt.timedelta(days=day)).isoformat() + " 10:00") for user, day in pairs]
    with workspace_of(rows, as_of="2026-01-22") as workspace:
        results = {
            measure: retention.analyze(
                workspace,
                retention.RetentionQuery(
                    Period("2026-01-01", "2026-01-22"), "day", 6, measure=measure, min_occurrences=minimum, mode=mode
                ),
            )
            for measure in ("on", "on_or_after")
        }
    on, after = (results[measure].cells for measure in ("on", "on_or_after"))
    assert (on["returned"].fillna(0) <= on["users"]).all()
    assert (on["returned"].fillna(0) <= after["returned"].fillna(0)).all()
    falling = after[after["ripe"]].groupby("cohort")["returned"].apply(lambda numbers: (np.diff(numbers) <= 0).all())
    assert falling.all()
    distinct = len({user for user, _ in pairs})
    if mode == "first_time":
        assert results["on"].cohorts["users"].sum() == distinct
    assert (on["share"].dropna().between(0, 1)).all()
    inside = on.dropna(subset=["share"])
    assert ((inside["low"] <= inside["share"] + 1e-12) & (inside["share"] <= inside["high"] + 1e-12)).all()


def test_groups_partition_the_cohorts():
    frame = random_events(seed=2, start=dt.datetime(2026, 1, 1), days=60, n_users=80)
    period = ("2026-01-05", "2026-02-16")
    options = {"grain": "week", "as_of": "2026-03-01"}
    whole = answer(frame, period, **options)
    for prop in ("user.channel", "coupon"):
        parts = answer(frame, period, breakdown=prop, top=1, **options)
        assert len(parts.groups) == 2 if prop == "user.channel" else len(parts.groups) >= 2
        summed = parts.cells.groupby(["cohort", "offset"])[["users", "returned"]].sum(min_count=1)
        expected = whole.cells.set_index(["cohort", "offset"])[["users", "returned"]]
        np.testing.assert_array_equal(summed.to_numpy(), expected.to_numpy())
        pd.testing.assert_frame_equal(parts.mean, whole.mean)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"grain": "year"}, "Choose one of: hour, day"),
        ({"mode": "last_time"}, "first_time, first_ever"),
        ({"measure": "exactly"}, "on, on_or_after"),
        ({"periods": 0}, "from 1 to 400"),
        ({"min_occurrences": 0}, "Ask for 1 or more"),
        ({"min_occurrences": 1.5}, "At least 1.5 return events"),
        ({"periods": "5"}, "from 1 to 400"),
        ({"period": ("2026-01-01", "2026-02-01")}, "is not a period. Write it as Period"),
        ({"segment": "vip"}, "'vip' is not a segment"),
        ({"return_filters": ("channel",)}, "'channel' is not a filter"),
        ({"breakdown": 5}, "'5' is not the name of a property"),
        ({"top": "x"}, "at least 1 group, not x"),
        ({"top": 0}, "at least 1 group, not 0"),
        ({"measure": "bracket", "brackets": (1, 3)}, r"for example \(\(1, 3\), \(4, 7\)\)"),
        ({"measure": "rolling", "grain": "month"}, "months differ in length"),
        ({"mode": "first_seen", "cohort_event": "open"}, "Leave the cohort event"),
        ({"measure": "bracket"}, r"\(\(1, 3\), \(4, 7\)\)"),
        ({"brackets": ((1, 2),)}, "go with the measure 'bracket'"),
        ({"measure": "bracket", "brackets": ((1, 3), (3, 4))}, "ascending order and apart"),
        ({"measure": "bracket", "brackets": ((1, 30),)}, "none beyond 5"),
    ],
)
def test_a_question_without_an_answer_is_refused(options: dict[str, object], match: str):
    with pytest.raises(QueryError, match=match):
        retention.RetentionQuery(
            **{"period": Period("2026-01-01", "2026-02-01"), "grain": "day", "periods": 5, **options}
        )


def test_unknown_names_are_answered_with_the_nearest_ones():
    with workspace_of([("ann", "open", "2026-03-01 10:00")], as_of="2026-03-08") as workspace:
        for options, match in (
            ({"cohort_event": "opne"}, "open"),
            ({"return_event": "opne"}, "open"),
            ({"mode": "first_seen", "breakdown": "value"}, "user property"),
            ({"breakdown": "user.channel"}, "channel"),
        ):
            query = retention.RetentionQuery(Period("2026-03-01", "2026-03-05"), "day", 2, **options)
            with pytest.raises(QueryError, match=match):
                retention.analyze(workspace, query)
        result = retention.analyze(workspace, retention.RetentionQuery(Period("2026-03-01", "2026-03-05"), "day", 9))
        with pytest.raises(QueryError, match="no complete cell"):
            result.users("2026-03-04", 9)


def test_more_cohorts_than_anybody_can_read_are_refused():
    # 200 years of hours are 1.75 million cohorts.
    with workspace_of([("ann", "open", "2026-03-01 10:00")], as_of="2026-03-08") as workspace:
        query = retention.RetentionQuery(Period("1900-01-01", "2100-01-01"), "hour", 3)
        with pytest.raises(QueryError, match="at most 100000 can be shown"):
            retention.analyze(workspace, query)


def test_a_value_called_other_is_not_the_rest():
    # Three users of a channel called "other", two of ads; seo and kol, one each, are the rest.
    channels = ["other", "other", "other", "ads", "ads", "seo", "kol"]
    rows = pd.DataFrame(
        [(f"u{n}", "open", "2026-03-02 12:00", channel) for n, channel in enumerate(channels)],
        columns=["user_id", "event", "occurred_at", "user.channel"],
    )
    period = Period("2026-03-02", "2026-03-03")
    with workspace_of(rows, as_of="2026-03-05") as workspace:
        query = retention.RetentionQuery(period, "day", 1, breakdown="user.channel", top=2)
        found = retention.analyze(workspace, query)
    assert found.cohorts.set_index("group")["users"].to_dict() == {"other": 3, "ads": 2, "other*": 2}
    assert found.groups == ["other", "ads", "other*"]
