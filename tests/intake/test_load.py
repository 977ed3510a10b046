"""A file becomes a batch: every row accounted for, kinds and roles guessed, nothing half-loaded."""

from __future__ import annotations

import pandas as pd
import pytest

from ops_core import IntakeError, Workspace
from ops_core.intake.load import LoadOptions
from ops_core.locale import translator
from tests.support import rows

EVENTS = pd.DataFrame(
    [
        ("007", "view", "2026-01-05 10:00:00", "0", "a"),
        ("007", "pay", "2026-01-05 10:05:00", "19.90", "a"),
        (" 8 ", "view", "2026-01-06 09:00:00", None, "b"),
        ("8", "view", "2026-01-06 09:00:00", None, "c"),
        ("8", "view", "2026-01-06 09:00:00", None, "c"),  # equal to the row above in every column
        (None, "view", "2026-01-06 09:00:00", None, "b"),  # no user
        ("9", "view", "2026-02-30 09:00:00", None, "b"),  # no such day
        ("9", "pay", "2026-01-07 09:00:00", "abc", "b"),  # no number
    ],
    columns=["user_id", "event", "time", "value", "channel"],
)


@pytest.fixture
def workspace():
    with Workspace.memory() as made:
        yield made


def test_every_row_is_accounted_for(workspace: Workspace):
    report = workspace.load(EVENTS)
    assert (report.kind, report.batch_id) == ("events", 1)
    assert (report.rows_read, report.rows_loaded, report.rows_duplicate, report.rows_quarantined) == (8, 4, 1, 3)
    quarantined = report.quarantined
    assert list(quarantined.columns) == ["line", "column", "value", "reason", "remedy"]
    assert list(zip(quarantined["line"], quarantined["column"], quarantined["value"], strict=True)) == [
        (7, "user_id", None), (8, "time", "2026-02-30 09:00:00"), (9, "value", "abc"),
    ]  # fmt: skip
    assert "user" in quarantined["reason"].iloc[0]
    assert report.quarantined_in(translator("zh"))["reason"].iloc[0] == "这一行没有用户 ID。"
    assert list(report.duplicates["line"]) == [6]


def test_ids_stay_text_and_values_become_numbers(workspace: Workspace):
    workspace.load(EVENTS)
    assert rows(workspace, "SELECT user_id FROM users ORDER BY 1") == [("007",), ("8",)]
    assert rows(workspace, "SELECT sum(value)::VARCHAR FROM events") == [("19.900000",)]
    assert list(workspace.properties("event")["name"]) == ["channel"]


def test_as_of_is_the_midnight_that_starts_the_newest_day(workspace: Workspace):
    workspace.load(EVENTS)
    assert workspace.as_of.isoformat() == "2026-01-06T00:00:00+00:00"


def test_a_source_with_dates_only_is_complete_to_the_end_of_its_newest_date(workspace: Workspace):
    frame = pd.DataFrame({"uid": ["a", "b"], "event": ["x", "x"], "date": ["2026-01-05", "2026-01-06"]})
    workspace.load(frame)
    assert workspace.as_of.isoformat() == "2026-01-07T00:00:00+00:00"


def test_a_declared_as_of_is_taken(workspace: Workspace):
    assert workspace.load(EVENTS, as_of="2026-01-31").as_of_us == 1_769_817_600_000_000
    assert workspace.as_of.isoformat() == "2026-01-31T00:00:00+00:00"


def test_the_same_table_again_adds_nothing(workspace: Workspace):
    workspace.load(EVENTS)
    again = workspace.load(EVENTS)
    assert (again.batch_id, again.same_as_batch, again.rows_loaded) == (None, 1, 0)
    assert again.rows_read == again.rows_duplicate + again.rows_quarantined == 8
    assert rows(workspace, "SELECT count(*) FROM events") == [(4,)]


def test_rows_of_an_earlier_batch_are_known(workspace: Workspace):
    workspace.load(EVENTS.head(4))
    more = pd.concat([EVENTS.head(4), EVENTS.head(1).assign(event="share")])
    report = workspace.load(more)
    assert (report.rows_loaded, report.rows_duplicate) == (1, 4)
    assert rows(workspace, "SELECT count(*) FROM events") == [(5,)]


def test_order_lines_become_one_purchase(workspace: Workspace):
    lines = pd.DataFrame(
        [
            ("A1", "mug", 2, "2026-03-01 10:01:00", 5.0, "u1"),
            ("A1", "cup", 1, "2026-03-01 10:00:00", 7.5, "u1"),
            ("A1", "cup", 1, "2026-03-01 10:00:00", 7.5, "u1"),  # the same article twice: two lines
            ("A2", "mug", -1, "2026-03-02 10:00:00", 5.0, "u1"),  # a refund
            ("A3", "mug", 1, "2026-03-02 10:00:00", 5.0, None),
        ],
        columns=["InvoiceNo", "StockCode", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID"],
    )
    report = workspace.load(lines)
    assert (report.kind, report.rows_loaded, report.rows_quarantined, report.n_stored) == ("orders", 4, 1, 2)
    # A1: 2 × 5 + 2 × 7.5 = 25, at the time of its first line; A2: −5
    assert rows(workspace, "SELECT occurred_at::VARCHAR, value::DOUBLE, p2 FROM events ORDER BY 1") == [
        ("2026-03-01 10:00:00", 25.0, 3.0), ("2026-03-02 10:00:00", -5.0, 1.0),
    ]  # fmt: skip
    assert list(workspace.properties("event")["name"]) == ["order_id", "n_lines", "quantity"]


def test_a_unit_table_is_kept_as_a_table(workspace: Workspace):
    frame = pd.DataFrame({"userid": ["1", "2", "2"], "version": ["a", "b", "b"], "bought": ["TRUE", "FALSE", "FALSE"]})
    report = workspace.load(frame)
    assert (report.kind, report.rows_loaded, report.rows_duplicate) == ("units", 3, 0)
    assert rows(workspace, "SELECT unit_no, user_id, variant, c1 FROM unit_rows_1") == [
        (1, "1", "a", True), (2, "2", "b", False), (3, "2", "b", False),
    ]  # fmt: skip
    assert workspace.properties("unit:1")["type"].tolist() == ["boolean"]


def test_users_and_assignments(workspace: Workspace):
    users = pd.DataFrame(
        {
            "用户ID": ["u1", "u2", "u1"],
            "注册时间": ["2026年1月5日", "2026年1月6日", None],
            "城市": ["上海", "北京", "杭州"],
        }
    )
    assert workspace.load(users).kind == "users"
    assert rows(workspace, "SELECT user_id, signup_at::VARCHAR, p1 FROM users ORDER BY 1") == [
        ("u1", "2026-01-05 00:00:00", "杭州"), ("u2", "2026-01-06 00:00:00", "北京"),
    ]  # fmt: skip
    listed = pd.DataFrame({"user_id": ["u1", "u3"], "分组": ["对照", "实验"]})
    report = workspace.load(listed, options=LoadOptions(name="coupon.csv"))
    assert report.kind == "assignments"
    assert rows(workspace, "SELECT experiment, variant FROM assignments ORDER BY user_key") == [
        ("coupon", "对照"), ("coupon", "实验"),
    ]  # fmt: skip


def test_source_time_zone(workspace: Workspace):
    frame = pd.DataFrame({"uid": ["a"], "event": ["x"], "time": ["2026-07-01 08:00:00"]})
    workspace.load(frame, source_time_zone="Asia/Shanghai")
    assert rows(workspace, "SELECT occurred_at::VARCHAR FROM events") == [("2026-07-01 00:00:00",)]


def test_a_column_named_like_something_of_our_own_gets_another_name(workspace: Workspace):
    def names(frame: pd.DataFrame, *of: str, **options: object) -> list[str]:
        assert workspace.load(frame, **options).rows_loaded == len(frame)
        return [name for name in workspace.properties("event")["name"] if name.rstrip("_") in of]

    at = {"user_id": ["a", "b"], "time": ["2026-03-01 10:00:00", "2026-03-02 10:00:00"]}
    orders = {"order_id": ["A1", "A2"], "amount": ["5", "7"], "n_lines": ["x", "y"], "order_id_": ["p", "q"]}
    assert names(pd.DataFrame(at | orders), "n_lines", kind="orders") == ["n_lines", "n_lines_"]
    events = {"event": ["pay", "pay"], "value_": ["x", "y"], "value": ["1", "2"]}
    mapping = {"user_id": "user_id", "event": "event", "occurred_at": "time", "value": None}
    # The column that is called so keeps its name, on whichever side of the other it stands.
    assert names(pd.DataFrame(at | events), "value", kind="events", mapping=mapping) == ["value_", "value__"]
    types = workspace.properties("event").set_index("name")["type"]
    assert (types["value_"], types["value__"]) == ("text", "number")
    said = {"评分": ["9", "10"], "score": ["low", "high"]}
    assert names(pd.DataFrame(at | said), "score", kind="feedback") == ["score", "score_"]
    assert workspace.properties("event").set_index("name")["type"]["score"] == "number"


@pytest.mark.parametrize(
    ("frame", "options", "sentence"),
    [
        ({"event": ["x"], "time": ["2026-01-01"]}, {}, "No column says which user"),
        ({"user_id": ["u", "u"], "event": ["x", "y"]}, {"kind": "events"}, "No column says when"),
        ({"user_id": ["u"], "event": ["x"], "time": ["2026-01-01"]}, {"kind": "clicks"}, "no kind of table"),
        (
            {"user_id": ["u"], "event": ["x"], "time": ["2026-01-01"]},
            {"mapping": {"user_id": "user"}},
            "no column 'user'",
        ),
        ({"user_id": ["u", "v"], "event": ["x", "x"], "time": ["01/02/2026", "03/04/2026"]}, {}, "day or month"),
        (
            {"user_id": ["u", "v"], "event": ["x", "x"], "time": ["soon", "later"]},
            {"mapping": {"time": "time"}},
            "2 of 2",
        ),
    ],
)
def test_refusals_leave_the_workspace_as_it_was(workspace: Workspace, frame, options, sentence):
    with pytest.raises(IntakeError, match=sentence):
        workspace.load(pd.DataFrame(frame), **options)
    assert rows(workspace, "SELECT (SELECT count(*) FROM batches) + (SELECT count(*) FROM events)") == [(0,)]
    assert workspace.as_of is None


def test_order_lines_without_a_customer_are_asked_about_not_taken_for_a_list_of_people():
    lines = pd.DataFrame(
        {"": ["0", "1", "2"], "订单号": ["0", "0", "1"], "SKU编码": ["0", "2", "0"], "数量": ["10", "5", "3"]}
    )
    with Workspace.memory() as workspace:
        with pytest.raises(IntakeError, match="cannot be told from its columns"):
            workspace.load(lines)
        assert workspace.batches().empty


def test_a_large_file_that_repeats_a_large_one_adds_only_what_is_new(tmp_path):
    # More rows than the engine keeps in one group: there an insert of no rows used to swallow the one after it.
    at = "2026-01-01 {:02d}:{:02d}:{:02d}"
    lines = [
        f"u{number % 999},view,{at.format(number // 3600 % 24, number // 60 % 60, number % 60)},{number}"
        for number in range(130_001)
    ]
    for name, written in (("first", lines[:-1]), ("second", lines)):
        (tmp_path / f"{name}.csv").write_text("\n".join(["user_id,event,time,page", *written]), encoding="utf-8")
    with Workspace.memory() as workspace:
        workspace.load(tmp_path / "first.csv")
        second = workspace.load(tmp_path / "second.csv")
        assert (second.rows_loaded, second.rows_duplicate) == (1, 130_000)
        workspace.undo(1)
        assert workspace.event_names()["n_events"].tolist() == [130_001]
        third = workspace.load(tmp_path / "first.csv", replace="all")
        assert (third.rows_loaded, third.rows_replaced) == (130_000, 130_001)
        workspace.undo(third.batch_id)
        assert workspace.event_names()["n_events"].tolist() == [130_001]
