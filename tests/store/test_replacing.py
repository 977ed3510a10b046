"""Replacing earlier uploads, undoing any batch in any order: always what loading only the others would have given."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pandas as pd
import pytest

from ops_core import IntakeError, Period, StoreError, Workspace
from tests.store.test_batches import FIRST, SECOND, USERS, seen

Row = tuple[str, str, str, str]
# Three rows on three days; the replacing file has one of them again, changed, and a new one.
JANUARY = pd.DataFrame(
    [
        ("a", "view", "2026-01-01 08:00", "x"),
        ("a", "pay", "2026-01-02 08:00", "x"),
        ("b", "view", "2026-01-03 09:00", "y"),
    ],
    columns=["user_id", "event", "time", "channel"],
)
SECOND_DAY = pd.DataFrame(
    [("a", "pay", "2026-01-02 08:30", "x"), ("c", "view", "2026-01-02 10:00", "z")], columns=JANUARY.columns
)


def rows_of(workspace: Workspace) -> list[tuple]:
    query = """
        SELECT user_id, name, occurred_at::VARCHAR FROM events
        JOIN event_names USING (event_code) JOIN user_keys USING (user_key) ORDER BY ALL
    """
    with workspace.store.cursor() as cursor:
        return cursor.execute(query).fetchall()


def test_replace_all_leaves_only_the_new_file_and_undo_brings_the_old_one_back():
    with Workspace.memory() as workspace, Workspace.memory() as only:
        workspace.load(JANUARY)
        before = seen(workspace)
        report = workspace.load(SECOND_DAY, replace="all")
        only.load(SECOND_DAY)
        assert seen(workspace) == seen(only)
        assert (report.rows_loaded, report.rows_replaced) == (2, 3)
        assert workspace.batches()["batch_id"].tolist() == [2]
        assert workspace.batches(undone=True)["replaced_by"].tolist() == [pd.NA, 2]
        workspace.undo(2)
        assert seen(workspace) == before
        assert workspace.batches()["batch_id"].tolist() == [1]


def test_a_replaced_range_is_cut_at_local_midnight():
    # In Shanghai 2 January lasts from 16:00 on the 1st to 16:00 on the 2nd, UTC.
    given = pd.DataFrame(
        [
            ("a", "view", "2026-01-01T15:59:59Z"),
            ("b", "view", "2026-01-01T16:00:00Z"),
            ("c", "view", "2026-01-02T16:00:00Z"),
        ],
        columns=["user_id", "event", "time"],
    )
    with Workspace.memory("Asia/Shanghai") as workspace:
        workspace.load(given)
        report = workspace.load(given.iloc[:1].assign(user_id="new"), replace=Period("2026-01-02", "2026-01-03"))
        assert report.rows_replaced == 1
        assert [user for user, _, _ in rows_of(workspace)] == ["a", "c", "new"]
        assert workspace.batches()["rows_replaced"].tolist() == [0, 1]


def test_a_replaced_range_that_is_undone_and_a_batch_undone_under_it():
    day_two = Period("2026-01-02", "2026-01-03")
    with Workspace.memory() as workspace:
        workspace.load(JANUARY)
        workspace.load(SECOND_DAY, replace=day_two)
        workspace.undo(1)
        assert len(rows_of(workspace)) == 2
        workspace.undo(2)  # the first batch is taken back: its second day stays away
        assert rows_of(workspace) == []


def test_what_has_other_columns_stays():
    other = pd.DataFrame(
        {
            "user_id": ["q"],
            "event": ["open"],
            "time": ["2026-01-02"],
            "app": ["1"],
            "os": ["x"],
            "net": ["y"],
            "v": ["2"],
        }
    )
    with Workspace.memory() as workspace:
        workspace.load(JANUARY.assign(page="p", referrer="r", campaign="k"))
        workspace.load(other)
        workspace.load(USERS)
        report = workspace.load(JANUARY.assign(page="p", referrer="r", campaign="k", user_id="n"), replace="all")
        assert report.rows_replaced == 3
        assert workspace.batches()["batch_id"].tolist() == [4, 3, 2]


def test_marks_of_events_survive_a_replacement():
    with Workspace.memory() as workspace:
        workspace.load(JANUARY)
        workspace.set_reporting(type(workspace.reporting)("UTC", "monday", "CNY", ("view",)))
        workspace.load(JANUARY.assign(channel="new"), replace="all")
        assert workspace.reporting.passive == ("view",)
        workspace.load(JANUARY[JANUARY["event"] == "pay"], replace="all")
        workspace.undo(3)
        assert workspace.reporting.passive == ("view",)


def test_the_same_file_twice_replaces_nothing_the_second_time():
    with Workspace.memory() as workspace:
        workspace.load(JANUARY)
        workspace.load(SECOND_DAY, replace="all")
        again = workspace.load(SECOND_DAY, replace="all")
        assert (again.batch_id, again.same_as_batch, again.rows_duplicate) == (None, 2, 2)
        ranged = workspace.load(JANUARY, replace=Period("2026-01-01", "2026-01-02"))
        again = workspace.load(JANUARY, replace=Period("2026-01-01", "2026-01-02"))
        assert again.same_as_batch == ranged.batch_id


def test_users_spend_units_and_assignments_are_replaced_and_come_back():
    spend = pd.DataFrame({"date": ["2026-01-01", "2026-01-02"], "channel": ["ads", "ads"], "cost": ["5", "6"]})
    units = pd.DataFrame({"userid": ["a", "b"], "arm": ["x", "y"], "paid": ["1", "0"]})
    arms = pd.DataFrame({"user_id": list("abcd"), "variant": list("xyxy"), "experiment": ["e1", "e1", "e2", "e2"]})
    pairs = [
        (USERS, USERS.assign(city="Rome"), "users"),
        (spend, spend.assign(cost="7"), "spend"),
        (units, units.assign(paid="9"), "units"),
        (arms[:2], arms[:2].assign(variant=["y", "x"]), "assignments"),
    ]
    with Workspace.memory() as workspace:
        workspace.load(JANUARY)
        workspace.load(arms[2:], kind="assignments")
        for old, new, kind in pairs:
            workspace.load(old, kind=kind)
            before = seen(workspace)
            report = workspace.load(new, kind=kind, replace="all")
            assert (kind, report.rows_replaced) == (kind, len(old) if kind != "units" else 2)
            workspace.undo(report.batch_id)
            assert seen(workspace) == before
        query = "SELECT experiment, string_agg(variant, '' ORDER BY user_key) FROM assignments GROUP BY 1 ORDER BY 1"
        workspace.load(arms[:2].assign(variant=["y", "x"]), kind="assignments", replace="all")
        with workspace.store.cursor() as cursor:  # the other experiment stays
            assert cursor.execute(query).fetchall() == [("e1", "yx"), ("e2", "xy")]


def test_what_cannot_be_replaced_is_said():
    with Workspace.memory() as workspace:
        with pytest.raises(IntakeError, match="does not say what to replace"):
            workspace.load(JANUARY, replace="some")
        with pytest.raises(IntakeError, match="have no time"):
            workspace.load(USERS, kind="users", replace=Period("2026-01-01", "2026-01-02"))
        workspace.load(JANUARY)
        workspace.load(SECOND_DAY, replace="all")
        with pytest.raises(StoreError, match="replaced by batch 2"):
            workspace.undo(1)
        report = workspace.load(SECOND, replace=Period("2020-01-01", "2020-01-02"))
        assert "nothing to replace" in " ".join(report.sentences(_english()))


def _english():
    from ops_core.locale import translator

    return translator("en")


def test_undo_gives_repeated_rows_to_the_file_that_repeated_them():
    with Workspace.memory() as workspace, Workspace.memory() as without:
        workspace.load(FIRST)
        workspace.load(pd.concat([FIRST, FIRST.assign(user_id="n")]))
        assert workspace.batches()[["rows_loaded", "rows_duplicate"]].values.tolist() == [[3, 3], [3, 0]]
        workspace.undo(1)
        without.load(pd.concat([FIRST, FIRST.assign(user_id="n")]))
        assert seen(workspace) == seen(without)
        assert workspace.batches()[["rows_loaded", "rows_duplicate"]].values.tolist() == [[6, 0]]


def test_repeated_orders_and_assignments_wait_likewise():
    orders = pd.DataFrame(
        {
            "order_id": ["1", "1", "2"],
            "user_id": ["a", "a", "b"],
            "order_time": ["2026-01-01"] * 3,
            "amount": ["5", "6", "7"],
        }
    )
    arms = pd.DataFrame({"user_id": list("abc"), "variant": list("xyx"), "experiment": ["e"] * 3})
    for table, more, kind in ((orders[:2], orders, "orders"), (arms[:2], arms, "assignments")):
        with Workspace.memory() as workspace, Workspace.memory() as without:
            workspace.load(table, kind=kind)
            workspace.load(more, kind=kind)
            workspace.undo(1)
            without.load(more, kind=kind)
            assert seen(workspace) == seen(without)
            account = ["rows_loaded", "rows_duplicate"]
            assert workspace.batches()[account].values.tolist() == without.batches()[account].values.tolist()


@dataclass
class Step:
    """One load of the random story: its rows, and the days it replaces (`None`: it adds)."""

    rows: list[Row]
    days: tuple[int, int] | None


def told(steps: list[Step]) -> list[tuple]:
    """Plain Python: the rows after the steps."""
    stored: list[Row] = []
    for step in steps:
        if step.days is not None:
            first, end = step.days
            stored = [row for row in stored if not first <= int(row[2][8:10]) < end]
        stored += [row for row in dict.fromkeys(step.rows) if row not in stored]
    return sorted((user, event, f"{at}:00") for user, event, at, _ in stored)


@pytest.mark.parametrize("seed", range(8))
def test_any_order_of_loads_and_undos_equals_loading_only_the_rest(seed: int):
    chance, steps = random.Random(seed), {}
    with Workspace.memory() as workspace, Workspace.memory() as replayed:
        for _ in range(8):
            live = workspace.batches()["batch_id"].tolist()
            if live and chance.random() < 0.4:
                undone = chance.choice(live)
                workspace.undo(undone)
                del steps[undone]
            else:
                step = random_step(chance)
                steps[load(workspace, step)] = step
            assert rows_of(workspace) == told(list(steps.values()))
        for step in steps.values():
            load(replayed, step)
        assert seen(workspace) == seen(replayed)


def random_step(chance: random.Random) -> Step:
    rows = [
        (f"u{chance.randrange(4)}", chance.choice(["view", "pay"]), f"2026-01-{chance.randrange(1, 7):02d} 10:00", "")
        for _ in range(chance.randrange(2, 9))
    ]
    first = chance.randrange(1, 6)
    kind = chance.random()
    return Step(rows, None if kind < 0.5 else (1, 32) if kind < 0.65 else (first, first + chance.randrange(1, 4)))


def load(workspace: Workspace, step: Step) -> int:
    frame = pd.DataFrame(step.rows, columns=["user_id", "event", "time", "note"]).drop(columns="note")
    days = step.days
    replace = (
        None
        if days is None
        else "all"
        if days == (1, 32)
        else Period(f"2026-01-{days[0]:02d}", f"2026-01-{days[1]:02d}")
    )
    report = workspace.load(frame, kind="events", replace=replace)
    return report.batch_id if report.batch_id is not None else report.same_as_batch
