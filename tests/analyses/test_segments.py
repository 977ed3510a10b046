"""Segments side by side: a literal table, a plain-Python oracle, overlap, too few, and what is refused."""

from __future__ import annotations

import datetime as dt
import math
import random

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.weightstats import DescrStatsW

from ops_core import Period, QueryError, Segment
from ops_core.analyses import segments
from ops_core.analyses.rfm import CLASS_ORDER
from ops_core.analyses.segments import SegmentQuery
from ops_core.analyses.stages import StageRules
from ops_core.model.filters import Filter
from ops_core.model.intervals import FEW, difference_of_shares
from ops_core.model.multiplicity import holm
from tests.support import workspace_of

MARCH = Period("2026-03-08", "2026-03-15")


def frame_of(rows: list[tuple]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["user_id", "user.channel", "event", "occurred_at", "value"])
    return frame.assign(occurred_at=pd.to_datetime(frame["occurred_at"], format="ISO8601"))


def cell(result: segments.SegmentResult, segment: str, kpi: str) -> pd.Series:
    found = result.kpis[(result.kpis["segment"] == segment) & (result.kpis["kpi"] == kpi)]
    assert len(found) == 1
    return found.iloc[0]


def test_without_any_amount_there_is_no_paying_share():
    rows = [("a1", "ads", "open", "2026-03-09", None), ("b1", "invite", "open", "2026-03-09", None)]
    bought = [*rows, ("b1", "invite", "pay", "2026-03-01", 5)]  # nobody pays in the week, yet somebody could
    for given, n, value in ((rows, 0, math.nan), (bought, 1, 0.0)):
        with workspace_of(frame_of(given), as_of="2026-03-22") as workspace:
            found = segments.analyze(workspace, SegmentQuery("user.channel", MARCH))
        for kpi in segments.MONEY:
            assert cell(found, "invite", kpi)[["n", "value"]].tolist() == pytest.approx([n, value], nan_ok=True)


def test_the_kpis_of_a_literal_week():
    # Week 8–14 March, the week before 1–7 March, as-of 22 March.
    workspace = workspace_of(
        frame_of(
            [
                ("a1", "ads", "open", "2026-03-02", None), ("a1", "ads", "pay", "2026-03-09", 10),
                ("a1", "ads", "refund", "2026-03-14 23:59:59", -4),
                ("a2", "ads", "open", "2026-03-07 23:59:59", None),
                ("a3", "ads", "open", "2026-03-08", None), ("a3", "ads", "open", "2026-03-14", None),
                ("a4", "ads", "open", "2026-03-14", None), ("a4", "ads", "open", "2026-03-21", None),
                ("b1", "invite", "pay", "2026-03-01", 99), ("b1", "invite", "open", "2026-03-15", None),
                ("b2", "invite", "open", "2026-03-15", None),
            ]
        ),
        as_of="2026-03-22",
    )  # fmt: skip
    found = segments.analyze(workspace, SegmentQuery("user.channel", MARCH))
    assert found.reference == "ads"
    assert found.groups[["segment", "users"]].to_numpy().tolist() == [["ads", 4], ["invite", 1]]

    def counts(segment: str, kpi: str) -> list[float]:
        return cell(found, segment, kpi)[["numerator", "n"]].tolist()

    assert counts("ads", "active_share") == [3, 4]  # a2 was active the week before only
    assert counts("ads", "retention") == [1, 2]  # of a1 and a2
    assert counts("ads", "activation") == [1, 2]  # a3 on day 6; a4 comes back on day 7, too late
    assert counts("ads", "paying_share") == [1, 4]
    assert counts("ads", "revenue_per_user") == [6, 4]
    assert counts("invite", "active_share") == [0, 1]  # b2 is first seen after the week
    assert counts("invite", "activation") == [0, 0]
    assert math.isnan(cell(found, "invite", "activation")["value"])
    assert found.kpis["too_few"].all()
    assert found.kpis["p_value"].isna().all()


@pytest.mark.parametrize("seed", [1, 2])
def test_kpis_and_tests_equal_the_oracle(seed: int):
    source = random.Random(seed)
    rows = []
    for number in range(400):
        channel = source.choice(("ads", "ads", "invite", "search", "tv", "tv"))
        first = source.randrange(0, 14 * 24)
        for hour in {first, *(first + source.randrange(300) for _ in range(source.randrange(6)))}:
            paid = source.randrange(-20, 100) if source.random() < 0.3 else None
            at = dt.datetime(2026, 3, 1) + dt.timedelta(hours=hour)
            rows.append((f"u{number}", channel, "event", at.isoformat(" "), paid))
    workspace = workspace_of(frame_of(rows), as_of="2026-03-30")
    found = segments.analyze(workspace, SegmentQuery("user.channel", MARCH, reference="invite", limit=3))
    largest = pd.DataFrame(rows).drop_duplicates(0)[1].value_counts()
    kept = [name for name, _ in sorted(largest.items(), key=lambda item: (-item[1], item[0]))][:3]
    people = facts(rows, {name: name if name in kept else "other" for name in largest.index})
    assert set(found.groups["segment"]) == set(people) == {*kept, "other"}
    for segment, users in people.items():
        for kpi, (top, bottom) in {
            "active_share": ("active", "known"), "retention": ("retained", "before"),
            "activation": ("activated", "fresh"), "paying_share": ("paying", "known"),
        }.items():  # fmt: skip
            seen = cell(found, segment, kpi)
            assert [seen["numerator"], seen["n"]] == [sum(u[top] for u in users), sum(u[bottom] for u in users)]
        amounts = [user["revenue"] for user in users if user["known"]]
        seen = cell(found, segment, "revenue_per_user")
        assert seen["value"] == pytest.approx(np.mean(amounts))
        assert (seen["low"], seen["high"]) == pytest.approx(DescrStatsW(amounts).tconfint_mean(), rel=1e-6)
    one, other = cell(found, "tv", "active_share"), cell(found, "invite", "active_share")
    by_hand = difference_of_shares(one["numerator"], one["n"], other["numerator"], other["n"])
    assert one[["difference", "difference_low", "difference_high", "p_value"]].tolist() == pytest.approx(
        [float(by_hand.difference), float(by_hand.low), float(by_hand.high), float(by_hand.p_value)]
    )
    assert found.kpis["p_adjusted"].dropna().tolist() == pytest.approx(holm(found.kpis["p_value"].dropna()).tolist())
    assert found.kpis.loc[found.kpis["n"] < FEW, "p_value"].isna().all()


def facts(rows: list[tuple], groups: dict[str, str]) -> dict[str, list[dict]]:
    """Each user's facts for the week 8–14 March, one user at a time; as-of 30 March."""
    people: dict[str, list[dict]] = {}
    for user in sorted({row[0] for row in rows}):
        mine = [(dt.datetime.fromisoformat(row[3]).date(), row[4] or 0) for row in rows if row[0] == user]
        days = {day for day, _ in mine}
        first, start, end = min(days), dt.date(2026, 3, 8), dt.date(2026, 3, 15)
        before = any(dt.date(2026, 3, 1) <= day < start for day in days)
        active = any(start <= day < end for day in days)
        revenue = sum(value for day, value in mine if start <= day < end)
        fresh = start <= first < end
        early = [day for day in days if (day - first).days < 7]
        channel = next(row[1] for row in rows if row[0] == user)
        known = first < end
        people.setdefault(groups[channel], []).append(
            {
                "known": known, "active": known and active, "before": before, "retained": before and active,
                "fresh": fresh, "activated": fresh and len(early) >= 2, "revenue": revenue,
                "paying": known and revenue > 0,
            }
        )  # fmt: skip
    return people


def crowd(n: int = 200):
    return workspace_of(
        frame_of(
            [
                (f"u{number}", ("ads", "invite")[number % 2], "pay" if number % 3 else "open",
                 f"2026-03-{5 + number % 10:02d}", number % 3 or None)
                for number in range(n)
            ]
        ),
        as_of="2026-03-30",
    )  # fmt: skip


def test_overlapping_segments_are_shown_not_tested():
    ads = Segment("ads", (Filter("user.channel", "eq", "ads"),))
    invite = Segment("invite", (Filter("user.channel", "eq", "invite"),))
    everybody = Segment("everybody")
    apart = segments.analyze(crowd(), SegmentQuery((ads, invite), MARCH, reference="ads"))
    assert apart.overlap.to_numpy().tolist() == [[100, 0], [0, 100]]
    assert not math.isnan(cell(apart, "invite", "active_share")["p_value"])
    nested = segments.analyze(crowd(), SegmentQuery((everybody, ads), MARCH))
    assert nested.reference == "everybody"
    assert nested.overlap.to_numpy().tolist() == [[200, 100], [100, 100]]
    assert nested.groups["shared_with_reference"].tolist() == [0, 100]
    assert nested.kpis["p_value"].isna().all()
    assert nested.kpis["value"].notna().any()


def test_rfm_classes_and_stages_are_those_of_the_periods_start():
    rows = [("early", "pay", "2026-03-01 10:00:00", 9), ("late", "pay", "2026-03-09 10:00:00", 900)]
    rows += [("quiet", "open", "2026-02-01 10:00:00", None), ("late", "open", "2026-03-07 10:00:00", None)]
    workspace = workspace_of(rows, as_of="2026-03-20")
    by_class = segments.analyze(workspace, SegmentQuery("rfm_names", MARCH))
    assert by_class.groups["users"].sum() == 1  # only `early` had bought before 8 March
    by_stage = segments.analyze(workspace, SegmentQuery("stage", MARCH)).groups.set_index("segment")["users"]
    assert by_stage.to_dict() == {"introduction": 2, "growth": 0, "maturity": 0, "decline": 0, "churned": 1}
    assert set(segments.analyze(crowd(), SegmentQuery("rfm", MARCH)).groups["segment"]) <= set(CLASS_ORDER)


def test_the_activation_event_of_the_workspace_counts():
    # `old` makes the 1st the data's first day: whoever comes then may not be new.
    rows = [("old", "open", "2026-03-01 10:00:00", None)]
    rows += [("a", "open", "2026-03-08 10:00:00", None), ("a", "open", "2026-03-10 10:00:00", None)]
    rows += [(user, event, "2026-03-09 11:00:00", 1) for user in "bc" for event in ("open", "pay")]
    workspace = workspace_of(rows, as_of="2026-03-30")
    groups = (Segment("all"), Segment("none", user_ids=frozenset()))
    usual = segments.analyze(workspace, SegmentQuery(groups, MARCH))
    assert usual.activation_event is None
    assert cell(usual, "all", "activation")[["numerator", "n"]].tolist() == [1, 3]  # a: a second active day
    StageRules(activation_event="pay").keep(workspace)
    found = segments.analyze(workspace, SegmentQuery(groups, MARCH))
    assert found.activation_event == "pay"
    assert cell(found, "all", "activation")[["numerator", "n"]].tolist() == [2, 3]  # b and c


def test_users_of_the_datas_first_day_are_not_taken_for_new():
    # The data begin on 8 March: `a` may be years old. Only `b` is known to be new, and comes on one day alone.
    rows = [("a", "open", "2026-03-08 10:00:00"), ("a", "open", "2026-03-09 10:00:00")]
    rows += [("b", "open", "2026-03-09 10:00:00")]
    with workspace_of(rows, as_of="2026-03-30") as workspace:
        found = segments.analyze(workspace, SegmentQuery((Segment("all"), Segment("too")), MARCH))
    assert cell(found, "all", "activation")[["numerator", "n"]].tolist() == [0, 1]
    assert cell(found, "all", "active_share")[["numerator", "n"]].tolist() == [2, 2]


def test_users_first_seen_after_the_period_are_in_no_share_and_no_overlap():
    rows = [(f"{channel}{n}", channel, "open", f"2026-03-{day:02d}", None) for channel, n, day in (
        ("ads", 1, 9), ("ads", 2, 20), ("ads", 3, 21), ("invite", 1, 9),
    )]  # fmt: skip
    with workspace_of(frame_of(rows), as_of="2026-03-30") as workspace:
        found = segments.analyze(workspace, SegmentQuery("user.channel", MARCH)).groups
        # ads2 and ads3 come after the week: one of two users is of ads, and the shares make a whole.
        assert found[["segment", "users", "share"]].to_numpy().tolist() == [["ads", 1, 0.5], ["invite", 1, 0.5]]
        ads = Segment("ads", (Filter("user.channel", "eq", "ads"),))
        nested = segments.analyze(workspace, SegmentQuery((Segment("all"), ads), MARCH, reference="all"))
        assert nested.groups[["users", "share", "shared_with_reference"]].to_numpy().tolist() == [
            [2, 1, 0],
            [1, 0.5, 1],
        ]
        assert nested.overlap.to_numpy().tolist() == [[2, 1], [1, 1]]
        # All they share came later: in the week they are apart.
        later = Segment("later", user_ids=frozenset({"ads2", "invite1"}))
        assert segments.analyze(workspace, SegmentQuery((ads, later), MARCH)).overlap_is_diagonal


def test_groups_by_a_whole_number_are_written_as_such():
    rows = [(f"u{n}", value, "open", "2026-03-09", None) for n, value in enumerate((0.0, 1.0, 1.0, 2.5))]
    with workspace_of(frame_of(rows), as_of="2026-03-30") as workspace:
        found = segments.analyze(workspace, SegmentQuery("user.channel", MARCH)).groups
    assert found[["segment", "users"]].to_numpy().tolist() == [["1", 2], ["0", 1], ["2.5", 1]]


def test_a_period_that_is_not_over_ends_at_as_of():
    workspace = workspace_of([("a", "open", "2026-03-02"), ("a", "open", "2026-03-06")], as_of="2026-03-05")
    assert segments.analyze(
        workspace, SegmentQuery((Segment("x"), Segment("y")), Period("2026-03-01", "2026-03-08"))
    ).is_partial


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: SegmentQuery((Segment("x"),), MARCH), "at least two segments"),
        (lambda: SegmentQuery((Segment("x"), Segment("x")), MARCH), "Two segments are called 'x'"),
        (lambda: SegmentQuery("user.channel", MARCH, limit=0), "0 groups.*1 to 50"),
        (lambda: SegmentQuery("user.channel", MARCH, alpha=1.5), "level 1.5 is out of range.*0.05"),
        (lambda: SegmentQuery("user.channel", MARCH, alpha=0), "level 0 is out of range"),
        (lambda: SegmentQuery("user.channel", MARCH, alpha=math.nan), "level nan is out of range"),
        (lambda: SegmentQuery("user.channel", MARCH, alpha="5%"), "level 5% is out of range"),
        (lambda: segments.analyze(crowd(), SegmentQuery("chanel", MARCH)), "'chanel'.*user.channel"),
        (lambda: segments.analyze(crowd(), SegmentQuery("user.chanel", MARCH)), "chanel.*channel"),
        (lambda: segments.analyze(crowd(), SegmentQuery("user.channel", MARCH, reference="add")), "'add'.*ads"),
        (
            lambda: segments.analyze(crowd(), SegmentQuery("user.channel", Period("2027-01-01", "2027-02-01"))),
            "2027-01-01.*2026-03-30",
        ),
    ],
)
def test_bad_questions_say_what_would_work(build, message: str):
    with pytest.raises(QueryError, match=message):
        build()
