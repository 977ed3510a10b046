"""Comparisons of retention: independent sides only, Holm over the columns, changes from block to block."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ops_core import Filter, Period, Segment
from ops_core.analyses import cohort_change, retention, retention_compare
from ops_core.analyses.retention import RetentionQuery
from ops_core.errors import QueryError
from ops_core.model.intervals import difference_of_shares
from ops_core.model.multiplicity import holm
from tests.support import workspace_of
from tests.support_retention import sign_up


def weekly(returning: list[int], size: int = 200, channel: bool = False):
    """One cohort of `size` users per week from 5 January 2026 on, of whom so many are back the week after."""
    monday = dt.date(2026, 1, 5)
    rows = [("first", "open", "2025-12-30", "web")]
    for number, back in enumerate(returning):
        start = monday + dt.timedelta(weeks=number)
        for user in range(size):
            name, source = f"w{number}u{user}", "app" if user % 2 else "web"
            rows.append((name, "open", start.isoformat(), source))
            if user < back:
                rows.append((name, "open", (start + dt.timedelta(days=8)).isoformat(), source))
    frame = pd.DataFrame(rows, columns=["user_id", "event", "occurred_at", "user.source"])
    end = monday + dt.timedelta(weeks=len(returning) + 1)
    return workspace_of(frame if channel else frame.drop(columns="user.source"), as_of=end.isoformat())


def answer(workspace, start: str, end: str, **options):
    return retention.analyze(
        workspace, RetentionQuery(Period(start, end), "week", options.pop("periods", 2), **options)
    )


def test_two_periods_column_by_column():
    with weekly([50, 50, 80, 80]) as workspace:
        late, early = answer(workspace, "2026-01-19", "2026-02-02"), answer(workspace, "2026-01-05", "2026-01-19")
        found = retention_compare.compare(late, early)
    assert (found.kind, found.untested, found.n_shared) == ("period", "", 0)
    columns = found.columns.set_index("offset")
    # 160 of 400 against 100 of 400
    assert columns.loc[1, ["eligible", "returned", "reference_eligible", "reference_returned"]].tolist() == [
        400, 160, 400, 100,
    ]  # fmt: skip
    expected = difference_of_shares(160, 400, 100, 400)
    assert columns.loc[1, "difference"] == pytest.approx(0.15)
    assert columns.loc[1, "difference_low"] == pytest.approx(float(expected.low))
    assert columns["p_adjusted"].to_numpy() == pytest.approx(holm(columns["p_value"]), nan_ok=True)
    assert columns.loc[1, "is_clear"]
    assert not columns["is_small"].any()


def test_a_segment_is_compared_with_everybody_outside_it():
    app = Segment("app", (Filter("user.source", "eq", "app"),))
    with weekly([50, 60], channel=True) as workspace:
        mine = answer(workspace, "2026-01-05", "2026-01-19", segment=app)
        whole = answer(workspace, "2026-01-05", "2026-01-19")
        found = retention_compare.compare(mine, whole)
        web = answer(
            workspace, "2026-01-05", "2026-01-19", segment=Segment("web", (Filter("user.source", "eq", "web"),))
        )
        apart = retention_compare.compare(mine, web)
    assert found.kind == "rest"
    row = found.columns.set_index("offset").loc[1]
    # 110 of 400 are back; half of them came by the app, and nobody is on both sides.
    assert row[["returned", "eligible", "reference_returned", "reference_eligible"]].tolist() == [55, 200, 55, 200]
    assert row["difference"] == 0
    assert apart.kind == "segment"
    assert apart.n_shared == 0
    same = ["returned", "eligible", "reference_returned", "reference_eligible", "difference_low", "p_value"]
    pd.testing.assert_frame_equal(apart.columns[same], found.columns[same])


def test_users_on_both_sides_are_held_together():
    some = Segment("some", user_ids=frozenset({"w0u0", "w0u1", "w0u2"}))
    other = Segment("other", user_ids=frozenset({"w0u2", "w0u150"}))
    with weekly([50, 60]) as workspace:
        found = retention_compare.compare(
            answer(workspace, "2026-01-05", "2026-01-19", segment=some),
            answer(workspace, "2026-01-05", "2026-01-19", segment=other),
        )
        again = retention_compare.compare(
            answer(workspace, "2026-01-12", "2026-01-19", mode="recurring"),
            answer(workspace, "2026-01-05", "2026-01-12", mode="recurring"),
        )
        part = answer(workspace, "2026-01-05", "2026-01-19", mode="recurring", segment=some)
        rest = retention_compare.compare(part, answer(workspace, "2026-01-05", "2026-01-19", mode="recurring"))
    assert (found.n_shared, found.untested) == (1, "")
    row = found.columns.set_index("offset").loc[1]
    # All three of one side come back, one of two of the other: influences 0, 0, 0 and (w0u2) −¼, (w0u150) +¼.
    assert row["difference"] == 0.5
    assert (row["difference_high"] - row["difference_low"]) / 2 == pytest.approx(
        t_quantile(3) * (2 / 16 * 4 / 3) ** 0.5
    )
    assert found.columns["is_small"].all()
    # Of the cohort of the 5th, 50 came back in the week of the 12th and enter there, too.
    assert again.n_shared == 50
    # 60 of 250 against 50 of 200; the 50 on both sides move together.
    row = again.columns.set_index("offset").loc[1]
    assert row["difference"] == pytest.approx(60 / 250 - 50 / 200)
    assert 0 < row["difference_high"] - row["difference_low"] < 0.2
    # Nobody of the segment is on the other side, though it stands in the whole.
    assert rest.kind == "rest"
    assert rest.columns["reference_eligible"].max() == 450 - 6


def t_quantile(freedom: int) -> float:
    from scipy.stats import t

    return float(t.ppf(0.975, freedom))


def test_columns_that_run_to_as_of_are_compared_within_one_period_only():
    app = Segment("app", (Filter("user.source", "eq", "app"),))
    with weekly([50, 60, 70], channel=True) as workspace:
        options = {"measure": "on_or_after"}
        late, early = (answer(workspace, *p, **options) for p in (("2026-01-12", "2026-01-19"),
                                                                  ("2026-01-05", "2026-01-12")))  # fmt: skip
        assert retention_compare.compare(late, early).untested == "older_had_more_time"
        mine = answer(workspace, "2026-01-05", "2026-01-19", segment=app, **options)
        whole = answer(workspace, "2026-01-05", "2026-01-19", **options)
        assert retention_compare.compare(mine, whole).untested == ""
        with pytest.raises(QueryError, match="differ in measure, too"):
            retention_compare.compare(late, answer(workspace, "2026-01-05", "2026-01-12"))


def test_the_data_s_first_bucket_is_no_yardstick():
    with weekly([50, 60]) as workspace:
        late, early = answer(workspace, "2026-01-05", "2026-01-12"), answer(workspace, "2025-12-29", "2026-01-05")
        found = retention_compare.compare(late, early)
    assert found.columns["reference_eligible"].tolist() == [0, 0, 0]
    assert found.columns["difference"].isna().all()


def test_a_cohort_that_is_no_yardstick_for_one_side_is_none_for_the_other():
    # The data begin on 1 March. ann and amy signed up that day and are new for certain; of bob nobody can tell.
    rows = [("ann", "v", "2026-03-01 10:00"), ("amy", "v", "2026-03-01 10:00"), ("bob", "v", "2026-03-01 11:00"),
            ("amy", "v", "2026-03-02 10:00"), ("cat", "v", "2026-03-02 11:00"), ("cat", "v", "2026-03-03 11:00"),
            ("dan", "v", "2026-03-02 12:00"), ("ann", "v", "2026-03-05 11:00")]  # fmt: skip
    asked = {"period": Period("2026-03-01", "2026-03-04"), "grain": "day", "periods": 1, "mode": "first_seen"}
    members = {"signed": {"ann", "amy", "dan"}, "mixed": {"bob", "dan"}}
    segments = {name: Segment(name, user_ids=frozenset(users)) for name, users in members.items()}
    with workspace_of(rows) as workspace:
        sign_up(workspace, {"ann": "2026-03-01 10:00", "amy": "2026-03-01 10:00", "dan": "2026-03-02 12:00"})
        signed, mixed, whole = (
            retention.analyze(workspace, RetentionQuery(segment=segment, **asked))
            for segment in (*segments.values(), None)
        )
        rest = retention_compare.compare(signed, whole).columns.set_index("offset")
        apart = retention_compare.compare(signed, mixed)
    # Left of the cohorts is that of the 2nd: dan in the segment, cat outside it, who alone is back on the 3rd.
    sides = ["eligible", "returned", "reference_eligible", "reference_returned"]
    assert rest.loc[1, sides].tolist() == [1, 0, 1, 1]
    assert rest.loc[0, sides].tolist() == [1, 1, 1, 0]  # dan's visit after the sign-up; cat's is her start itself
    # dan stands on both sides; ann and amy, on one only, would tilt the interval that holds users together.
    assert apart.n_shared == 1
    assert apart.columns.set_index("offset").loc[1, sides].tolist() == [1, 0, 1, 0]
    assert apart.columns["difference"].tolist() == [0, 0]


def test_every_hour_of_the_first_day_is_no_yardstick():
    # The data begin at 10:00; who is first seen at 12:00 may be as old as who is seen at 10:00.
    rows = [("a", "v", "2026-03-01 10:00"), ("b", "v", "2026-03-01 12:00"), ("c", "v", "2026-03-02 00:30"),
            ("d", "v", "2026-03-02 01:30"), ("a", "v", "2026-03-02 04:00")]  # fmt: skip
    period = Period("2026-03-01 09:00", "2026-03-02 02:00")
    with workspace_of(rows, as_of="2026-03-02 04:00") as workspace:
        result = retention.analyze(workspace, RetentionQuery(period, "hour", 1))
        change = cohort_change.newest_change(result)
    # 09:00 to 23:00 on the 1st, then 00:00 and 01:00.
    assert result.cohorts["is_left_censored"].tolist() == [True] * 15 + [False] * 2
    assert (change.earlier_cohorts, change.earlier_users) == (1, 1)


def test_weeks_are_read_together_by_month_and_each_is_held_against_the_one_before():
    # Cohorts of 5, 12, 19, 26 January (25 %) and 2, 9, 16 February (40 %).
    with weekly([50, 50, 50, 50, 80, 80, 80]) as workspace:
        result = answer(workspace, "2025-12-29", "2026-02-23")
        table = cohort_change.changes(result, 1)
        recurring = cohort_change.changes(answer(workspace, "2025-12-29", "2026-02-23", mode="recurring"), 1)
        open_ended = cohort_change.changes(answer(workspace, "2025-12-29", "2026-02-23", measure="on_or_after"), 1)
    assert table["block"].astype(str).tolist() == ["2026-01-01", "2026-02-01"]
    assert table[["cohorts", "users", "returned"]].to_numpy().tolist() == [[4, 800, 200], [3, 600, 240]]
    assert np.isnan(table["difference"].iloc[0])
    last = table.iloc[1]
    expected = difference_of_shares(240, 600, 200, 800)
    assert last["difference"] == pytest.approx(0.15)
    assert (last["difference_low"], last["difference_high"]) == pytest.approx(
        (float(expected.low), float(expected.high))
    )
    assert last["is_clear"]
    assert recurring["difference_low"].iloc[1:].notna().all()
    assert open_ended.empty


@pytest.mark.parametrize(
    ("rows", "period", "as_of", "remarks"),
    [
        # The data begins with the cohort: nobody is known to be new, and there is no second one.
        ([("ann", "open", "2026-03-02")], ("2026-03-02", "2026-03-04"), "2026-03-08",
         ("all_left_censored", "one_cohort")),
        ([("x", "open", "2026-03-01"), ("ann", "open", "2026-03-02")], ("2026-03-02", "2026-03-04"), "2026-03-08",
         ("one_cohort",)),
        ([("x", "open", "2026-03-01"), ("ann", "open", "2026-03-02")], ("2026-03-03", "2026-03-04"), "2026-03-08",
         ("nobody",)),
        ([("x", "open", "2026-03-01"), ("a", "open", "2026-03-02"), ("b", "open", "2026-03-03")],
         ("2026-03-02", "2026-03-04"), "2026-03-03 12:00", ("nothing_ripe",)),
        ([("x", "open", "2026-03-01"), ("a", "open", "2026-03-02"), ("b", "open", "2026-03-03")],
         ("2026-03-02", "2026-03-04"), "2026-03-08", ()),
    ],
)  # fmt: skip
def test_what_the_data_cannot_tell_is_remarked(rows, period, as_of: str, remarks: tuple[str, ...]):
    with workspace_of(rows, as_of=as_of) as workspace:
        result = retention.analyze(workspace, RetentionQuery(Period(*period), "day", 2))
    assert result.remarks == remarks


def test_a_bracket_that_begins_with_the_start_is_a_column_like_any_other():
    rows = [("x", "open", "2026-03-01"), ("a", "open", "2026-03-02"), ("b", "open", "2026-03-03")]
    with workspace_of(rows, as_of="2026-03-10") as workspace:
        asked = RetentionQuery(Period("2026-03-02", "2026-03-04"), "day", 6, measure="bracket", brackets=((0, 6),))
        ripe = retention.analyze(workspace, asked)
        unripe = retention.analyze(workspace, replace(asked, periods=8, brackets=((0, 8),)))
    assert ripe.remarks == ()
    assert unripe.remarks == ("nothing_ripe",)
