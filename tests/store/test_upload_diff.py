"""An upload beside the one before it: small tables by hand, random ones by a plain-Python oracle."""

from __future__ import annotations

import random

import pandas as pd
import pytest

from ops_core import StoreError, Workspace
from ops_core.intake.diff_words import sentences
from ops_core.locale import translator

EVENTS = ["event_id", "user_id", "event", "time", "value"]
FIRST = [
    ("e1", "a", "view", "2026-01-01 08:00", "5"),
    ("e2", "a", "pay", "2026-01-02 08:00", "6"),
    ("e3", "b", "view", "2026-01-03 09:00", "7"),
    ("e4", "b", "view", "2026-01-04 09:00", "7"),
]
# e1 is the same, e2 changed, e3 missing, e4 the same, e5 new among them, e9 after the end of the first upload.
SECOND = [
    FIRST[0], ("e2", "a", "pay", "2026-01-02 08:00", "66"), FIRST[3], ("e5", "b", "view", "2026-01-03 10:00", "7"),
    ("e9", "z", "view", "2026-01-09 09:00", "7"),
]  # fmt: skip


def counts(workspace: Workspace, batch: int) -> tuple[int | None, ...]:
    diff = workspace.upload_diff(batch)
    return diff.n_new, diff.n_changed, diff.n_missing, diff.n_same, diff.n_outside


@pytest.mark.parametrize("replace", [None, "all"])
def test_events_by_their_id(replace: str | None):
    with Workspace.memory() as workspace:
        workspace.load(pd.DataFrame(FIRST, columns=EVENTS).assign(old="o"))
        workspace.load(pd.DataFrame(SECOND, columns=EVENTS).assign(extra="x"), replace=replace)
        diff = workspace.upload_diff(2)
        assert counts(workspace, 2) == (1, 1, 1, 2, 1)
        assert (diff.key, diff.appeared, diff.vanished) == (("event_id",), ("extra",), ("old",))
        # Without replacing, the changed row is a repeat of its id: the first version stands.
        assert diff.n_changed_kept_out == (0 if replace else 1)
        assert [tuple(row) for row in diff.rows[["status", "key"]].itertuples(index=False)] == [
            ("changed", "e2"), ("missing", "e3"), ("new", "e5"),
        ]  # fmt: skip
        assert "2026-01-02 08:00:00 · 66" in diff.rows["row_now"][0]


def test_without_an_id_a_changed_row_is_one_missing_and_one_new_and_that_is_said():
    with Workspace.memory() as workspace:
        workspace.load(pd.DataFrame(FIRST, columns=EVENTS).drop(columns="event_id"))
        workspace.load(pd.DataFrame(SECOND, columns=EVENTS).drop(columns="event_id"))
        # e2 old and e3 are missing; e2 new and e5 are new; e1 and e4 the same.
        assert counts(workspace, 2) == (2, 0, 2, 2, 1)
        said = " ".join(sentences(workspace.upload_diff(2), translator("en")))
        assert "one missing and one new" in said
        assert "2 new, 2 missing, 2 the same" in said


def test_weeks_that_follow_each_other_have_nothing_missing():
    with Workspace.memory() as workspace:
        workspace.load(pd.DataFrame(FIRST, columns=EVENTS))
        later = pd.DataFrame(FIRST, columns=EVENTS).assign(
            time=[f"2026-02-0{day} 08:00" for day in range(1, 5)], event_id=list("wxyz")
        )
        workspace.load(later)
        assert counts(workspace, 2) == (0, 0, 0, 0, 4)
        said = sentences(workspace.upload_diff(2), translator("en"))[0]
        assert "covers another time: no row of this upload (4)" in said


def test_a_corrected_export_of_an_older_week_is_compared_with_that_week():
    with Workspace.memory() as workspace:
        january = pd.DataFrame(FIRST, columns=EVENTS)
        workspace.load(january)
        workspace.load(january.assign(time=[f"2026-02-0{day} 08:00" for day in range(1, 5)], event_id=list("wxyz")))
        workspace.load(pd.DataFrame(SECOND[:4], columns=EVENTS), replace="all")
        assert workspace.upload_diff(3).previous.batch_id == 1
        assert counts(workspace, 3) == (1, 1, 1, 2, 0)


def test_users_orders_assignments_spend_and_units():
    users = pd.DataFrame({"user_id": ["a", "b", "c"], "signup_at": ["2026-01-01"] * 3, "city": ["x", "y", "z"]})
    users_2 = pd.DataFrame({"user_id": ["a", "b", "d"], "signup_at": ["2026-01-01"] * 3, "city": ["x", "Y", "w"]})
    orders = pd.DataFrame(
        {"order_id": ["1", "1", "2"], "user_id": ["a", "a", "b"], "time": ["2026-01-01", "2026-01-01", "2026-01-03"],
         "amount": ["5", "6", "7"]}
    )  # fmt: skip
    orders_2 = orders.assign(amount=["5", "9", "7"])  # order 1 is worth 14 instead of 11
    arms = pd.DataFrame({"user_id": list("abcd"), "variant": list("xyxy"), "experiment": ["e"] * 4})
    spend = pd.DataFrame({"date": ["2026-01-01", "2026-01-02"], "channel": ["ads", "ads"], "cost": ["5", "6"]})
    units = pd.DataFrame({"userid": ["a", "b"], "arm": ["x", "y"], "paid": ["1", "0"]})
    for kind, before, now, expected in (
        ("users", users, users_2, (1, 1, 1, 1, 0)),
        ("orders", orders, orders_2, (0, 1, 0, 1, 0)),
        ("assignments", arms, arms.assign(variant=list("xyyy")), (0, 1, 0, 3, 0)),
        ("spend", spend, spend.assign(cost=["5", "8"]), (0, 1, 0, 1, 0)),
        ("units", units, units.assign(paid=["1", "1"]), (0, 1, 0, 1, 0)),
    ):
        with Workspace.memory() as workspace:
            workspace.load(before, kind=kind)
            workspace.load(now, kind=kind)
            assert (kind, counts(workspace, 2)) == (kind, expected)
            assert workspace.upload_diff(2).key is not None


def test_the_first_upload_has_nothing_to_be_compared_with_and_an_undone_one_is_none():
    with Workspace.memory() as workspace:
        workspace.load(pd.DataFrame(FIRST, columns=EVENTS))
        assert workspace.upload_diff(1).previous is None
        workspace.load(pd.DataFrame(SECOND, columns=EVENTS))
        workspace.undo(1)
        assert workspace.upload_diff(2).previous is None
        with pytest.raises(StoreError, match="no batch 1"):
            workspace.upload_diff(1)


@pytest.mark.parametrize("seed", range(4))
def test_random_uploads_against_plain_python(seed: int):
    chance = random.Random(seed)
    uploads = [
        {
            f"e{number}": ("u" + str(number % 5), f"2026-01-{number % 20 + 1:02d} 10:00", str(chance.randrange(3)))
            for number in chance.sample(range(60), 35)
        }
        for _ in range(2)
    ]
    before, now = uploads
    times = [sorted(row[1] for row in upload.values()) for upload in uploads]
    first, last = max(times[0][0], times[1][0]), min(times[0][-1], times[1][-1])
    inside = {one for one in now.keys() - before.keys() if first <= now[one][1] <= last}
    expected = (
        len(inside),
        sum(before[one] != now[one] for one in before.keys() & now.keys()),
        sum(first <= before[one][1] <= last for one in before.keys() - now.keys()),
        sum(before[one] == now[one] for one in before.keys() & now.keys()),
        len(now.keys() - before.keys() - inside),
    )
    with Workspace.memory() as workspace:
        for upload in uploads:
            rows = [(one, user, "view", at, value) for one, (user, at, value) in upload.items()]
            workspace.load(pd.DataFrame(rows, columns=EVENTS))
        assert counts(workspace, 2) == expected


def test_volume_per_day_beside_the_same_weekday_of_earlier_weeks():
    # 30 rows on each Tuesday and Wednesday of five weeks from 6 January 2026, 40 on the third Tuesday; then, in the
    # second upload, 12 on Tuesday 10 February (12 ÷ 30 = 40 %), 33 on Wednesday, and one on Thursday, which as-of cuts.
    def day(date: str, n: int) -> list[tuple[str, str, str]]:
        return [(f"u{number}", "view", f"{date} 10:{number:02d}") for number in range(n)]

    earlier = [
        row
        for week in range(5)
        for weekday in (0, 1)
        for row in day(
            (pd.Timestamp("2026-01-06") + pd.Timedelta(days=7 * week + weekday)).date().isoformat(),
            40 if (week, weekday) == (2, 0) else 30,
        )
    ]
    new = day("2026-02-10", 12) + day("2026-02-11", 33) + day("2026-02-12", 1)
    with Workspace.memory() as workspace:
        workspace.load(pd.DataFrame(earlier, columns=["user_id", "event", "time"]))
        workspace.load(pd.DataFrame(new, columns=["user_id", "event", "time"]))
        volumes = workspace.upload_diff(2).volumes
        assert [str(one) for one in volumes["day"]] == ["2026-02-10", "2026-02-11"]
        assert volumes["n_rows"].tolist() == [12, 33]
        assert volumes["usual"].tolist() == [30, 30]
        assert volumes["n_weeks"].tolist() == [5, 5]
        assert volumes["share"].tolist() == pytest.approx([0.4, 1.1])
        assert volumes["is_odd"].tolist() == [True, False]
        said = sentences(workspace.upload_diff(2), translator("en"))[-1].replace("\xa0", " ")
        assert said.startswith("Tuesday, 10 Feb 2026, has 40% of its usual rows: 12, usually 30")
        assert "周二" in sentences(workspace.upload_diff(2), translator("zh"))[-1]


def test_a_few_rows_less_are_no_reason_to_complain():
    # 24 rows on each of five Tuesdays, then 12: half, but within 3 · √24 = 14.7, which few rows differ by anyway.
    def tuesday(week: int, n: int) -> list[tuple[str, str, str]]:
        date = (pd.Timestamp("2026-01-06") + pd.Timedelta(days=7 * week)).date()
        return [(f"u{number}", "view", f"{date} 10:{number:02d}") for number in range(n)]

    earlier = [row for week in range(5) for row in tuesday(week, 24)]
    columns = ["user_id", "event", "time"]
    with Workspace.memory() as workspace:
        workspace.load(pd.DataFrame(earlier, columns=columns))
        workspace.load(pd.DataFrame([*tuesday(5, 12), ("u1", "view", "2026-02-11 10:00")], columns=columns))
        volumes = workspace.upload_diff(2).volumes
        assert (volumes["n_rows"].tolist(), volumes["is_odd"].tolist()) == ([12], [False])


def test_volume_is_not_judged_before_three_weeks():
    rows = [(f"u{number}", "view", f"2026-01-{day:02d} 10:00") for day in range(1, 16) for number in range(20)]
    with Workspace.memory() as workspace:
        workspace.load(pd.DataFrame(rows, columns=["user_id", "event", "time"]))
        diff = workspace.upload_diff(1)
        assert diff.volumes["share"].isna().all()
        assert "three earlier weeks" in sentences(diff, translator("en"))[-1]
