"""Revenue retention: sums by hand, refunds, intervals, what is refused, and two routes to one number."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from ops_core import Filter, Period
from ops_core.analyses import retention_value
from ops_core.analyses.retention import RetentionQuery
from ops_core.errors import QueryError
from tests.oracles.random_events import random_events
from tests.support import workspace_of

ROWS = [
    # January's cohort: ann 100 + 50, then 20 in February, then 30 back in March; bob 60 once; cat comes without paying.
    ("ann", "buy", "2026-01-03", 100), ("ann", "buy", "2026-01-09", 50), ("ann", "buy", "2026-02-02", 20),
    ("ann", "buy", "2026-03-05", -30),
    ("bob", "buy", "2026-01-20", 60),
    ("cat", "look", "2026-01-20", None),
    # February's cohort: dan 10, and 5 the month after.
    ("dan", "buy", "2026-02-10", 10), ("dan", "buy", "2026-03-01", 5),
    ("old", "look", "2025-12-31", None),
]  # fmt: skip


def answer(rows=ROWS, as_of: str = "2026-04-01", period=("2026-01-01", "2026-03-01"), **options):
    with workspace_of(rows, as_of=as_of) as workspace:
        query = RetentionQuery(Period(*period), "month", options.pop("periods", 2), **options)
        return retention_value.analyze(workspace, query)


def row(result, cohort: str, offset: int) -> pd.Series:
    cells = result.cells
    return cells[(cells["cohort"] == cohort) & (cells["offset"] == offset)].iloc[0]


def test_value_per_bucket_and_up_to_it_by_hand():
    result = answer()
    # January: 3 users. Bucket 0: 100 + 50 + 60 = 210; 1: 20; 2: −30. Cumulative 210, 230, 200.
    january = [row(result, "2026-01-01", k) for k in range(3)]
    assert [cell["value"] for cell in january] == [210, 20, -30]
    assert [cell["cumulative"] for cell in january] == [210, 230, 200]
    assert [cell["per_user"] for cell in january] == pytest.approx([70, 20 / 3, -10])
    assert [cell["payers"] for cell in january] == [2, 1, 0]
    assert january[1]["share_of_start"] == pytest.approx(20 / 210)
    # February: dan 10, then 5; its second month after (April) has not ended.
    assert row(result, "2026-02-01", 1)["cumulative_per_user"] == 15
    assert np.isnan(row(result, "2026-02-01", 2)["value"])
    # Column 1 over both: 25 ÷ 4 users; column 2 over January alone.
    mean = result.mean.set_index("offset")
    assert mean.loc[1, ["eligible", "value", "per_user"]].tolist() == [4, 25, 6.25]
    assert mean.loc[2, ["eligible", "cumulative_per_user"]].tolist() == [3, pytest.approx(200 / 3)]
    assert mean.loc[1, "share_of_start"] == pytest.approx(25 / 220)
    assert (result.n_values, result.n_negative) == (7, 1)


def test_the_interval_is_students_over_all_users_with_or_without_a_value():
    from scipy import stats

    cell = row(answer(), "2026-01-01", 1)
    low, high = stats.t.interval(0.95, 2, loc=20 / 3, scale=stats.sem([20, 0, 0]))
    assert (cell["low"], cell["high"]) == pytest.approx((low, high))
    alone = row(answer(), "2026-02-01", 1)
    assert np.isnan(alone["low"])  # one user has no spread


def test_refunds_may_outweigh_purchases_and_it_is_said():
    result = answer()
    assert result.remarks == ("negative_value",)
    assert result.mean.set_index("offset").loc[2, "value"] == -30
    refunded = answer([("ann", "buy", "2026-01-03", -5), ("ann", "buy", "2026-02-03", 4)])
    # The start is worth less than nothing: there is no share of it.
    assert np.isnan(row(refunded, "2026-01-01", 1)["share_of_start"])


def test_without_amounts_it_says_what_is_missing_and_what_can_be_answered():
    free = [("ann", "look", "2026-01-03"), ("ann", "look", "2026-02-03")]
    with pytest.raises(QueryError, match=r'column mapped to "value".*can still be answered'):
        answer(free)
    with pytest.raises(QueryError, match="None of the chosen events carries an amount"):
        answer(ROWS, return_event="look")
    # Somebody has amounts, these users have none.
    nothing = answer(ROWS, period=("2025-12-01", "2026-01-01"))
    assert nothing.remarks == ("no_value_in_cohorts",)
    assert nothing.mean["value"].tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"measure": "on_or_after"}, "older cohorts have had more time to spend"),
        ({"min_occurrences": 2}, "does not go with sums of value"),
        ({"return_event": "bye"}, "buy"),
    ],
)
def test_questions_that_sums_cannot_answer(options: dict, match: str):
    with pytest.raises(QueryError, match=match):
        answer(**options)


def test_own_clock_and_brackets():
    rolling = answer(
        [("ann", "buy", "2026-01-01 12:00", 10), ("ann", "buy", "2026-01-02 11:59", 5),
         ("ann", "buy", "2026-01-02 12:00", 2)], as_of="2026-02-01", period=("2026-01-01", "2026-01-02"),
        measure="bracket", brackets=((0, 0), (1, 2)),
    )  # fmt: skip
    assert rolling.mean["value"].isna().tolist() == [False, True]
    with workspace_of(
        [("ann", "buy", "2026-01-01 12:00", 10), ("ann", "buy", "2026-01-02 11:59", 5),
         ("ann", "buy", "2026-01-02 12:00", 2)], as_of="2026-02-01",
    ) as workspace:  # fmt: skip
        query = RetentionQuery(Period("2026-01-01", "2026-01-02"), "day", 2, measure="rolling")
        own = retention_value.analyze(workspace, query)
        calendar = retention_value.analyze(workspace, RetentionQuery(Period("2026-01-01", "2026-01-02"), "day", 2))
    assert own.cells["value"].tolist() == [15, 2, 0]  # 11:59 is still within the first 24 hours
    assert calendar.cells["value"].tolist() == [10, 7, 0]


def test_groups_add_up_and_filters_choose_whose_value_counts():
    frame = random_events(5, dt.datetime(2026, 1, 1), 80, n_users=60)
    with workspace_of(frame, as_of="2026-03-15") as workspace:
        base = {"period": Period("2026-01-05", "2026-02-16"), "grain": "week", "periods": 4}
        whole = retention_value.analyze(workspace, RetentionQuery(**base))
        parts = retention_value.analyze(workspace, RetentionQuery(**base, breakdown="user.channel", top=1))
        every = tuple(sorted(set(frame["event"])))
        named = retention_value.analyze(workspace, RetentionQuery(**base, cohort_event=every, return_event=every))
        coupon = retention_value.analyze(
            workspace, RetentionQuery(**base, return_filters=(Filter("coupon", "eq", "A"),))
        )
    summed = parts.cells.groupby(["cohort", "offset"])[["users", "value", "cumulative", "payers"]].sum(min_count=1)
    expected = whole.cells.set_index(["cohort", "offset"])[["users", "value", "cumulative", "payers"]]
    np.testing.assert_allclose(summed.to_numpy(), expected.to_numpy(), atol=1e-9)
    pd.testing.assert_frame_equal(named.cells, whole.cells)
    used = frame[(frame["coupon"] == "A") & frame["value"].notna()]
    assert 0 < coupon.n_values <= len(used)


def test_amounts_stay_exact_and_large_sums_do_not_wrap():
    rows = [(f"u{i}", "buy", "2026-01-03", 999_999_999_999) for i in range(12)]
    assert row(answer(rows), "2026-01-01", 0)["value"] == 12 * 999_999_999_999  # more than 63 bits of millionths
    cents = [(f"u{i % 7}", "buy", f"2026-01-{1 + i % 28:02d} 10:{i % 60:02d}", 0.1) for i in range(1000)]
    assert row(answer(cents), "2026-01-01", 0)["value"] == 100
