"""What files with headings of their own are taken for: by the names, and where they say nothing, by the values."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from ops_core import Workspace
from ops_core.analyses import experiments
from ops_core.intake import roles
from ops_core.intake.instead import ALL
from ops_core.intake.load import LoadOptions, would_go_for
from ops_core.intake.source import open_source

USERS = ["M001", "M002", "M001", "M003", "M002", "M001"]
MOMENTS = [f"2026/3/{day} 10:2{day}" for day in range(1, 7)]
DAYS = [f"2026-03-0{day}" for day in range(1, 7)]
MONEY = ["19.90", "120", "35.5", "8", "77.00", "42"]


def taken(**columns: list[str]) -> tuple[str, dict[str, str]]:
    """The kind, and each role's column."""
    found = roles.guess(list(columns), pd.DataFrame(columns))
    return found.kind, dict(found.mapping)


@pytest.mark.parametrize(
    ("user", "time", "value"),
    [
        ("会员号", "下单时刻", "实付金额"),
        ("会员编码", "付款日期", "实收金额"),
        ("买家旺旺", "拍下时间", "实付款"),
        ("学员编号", "消费时刻", "消费额"),
        ("会员卡号", "几时几分", "实付"),  # a name that nobody knows
        ("customer", "when", "paid amount"),
    ],
)
def test_payments_are_known_by_their_usual_headings_and_times_by_their_values(user: str, time: str, value: str):
    found = taken(**{user: USERS, time: MOMENTS, value: MONEY})
    assert found == ("orders", {"user_id": user, "occurred_at": time, "value": value})


def test_of_several_columns_of_dates_without_a_telling_name_the_one_with_a_clock_is_the_time():
    kind, mapping = taken(user=USERS, action=["open", "pay"] * 3, due=DAYS, done=MOMENTS)
    assert (kind, mapping["occurred_at"]) == ("events", "done")


def test_a_date_in_a_list_of_people_is_no_time_of_an_action():
    people = [f"M00{number}" for number in range(6)]
    assert taken(会员号=people, 生日=DAYS, 累计消费=MONEY) == ("users", {"user_id": "会员号"})


def test_what_a_person_said_of_the_time_counts():
    found = roles.guess(["user", "when"], pd.DataFrame({"user": USERS, "when": MOMENTS}), mapping={"occurred_at": None})
    assert found.kind == "users"


@pytest.mark.parametrize("kind", ["auto", "units"])
def test_an_arm_is_known_where_a_long_file_is_sorted_by_arm(kind: str):
    # 2,500 rows of one arm come first, more than are looked at.
    table = pd.DataFrame({
        "user_id": [f"u{row}" for row in range(5_000)],
        "variant": ["control"] * 2_500 + ["coupon"] * 2_500,
        "paid": [0, 1] * 2_500,
    })  # fmt: skip
    with Workspace.memory() as workspace:
        report = workspace.load(table, kind=kind)
        asked = experiments.ExperimentQuery(report.batch_id, (experiments.Metric("paid", "proportion"),))
        assert experiments.analyze(workspace, asked).arms[["arm", "n"]].to_numpy().tolist() == [
            ["control", 2_500], ["coupon", 2_500],
        ]  # fmt: skip


def test_a_line_break_inside_a_heading_cell_costs_no_row(tmp_path: Path):
    table = [["用户\nID", "行为\n名称", "时间", "金额"]]
    table += [[f"u{row}", "pay", f"2026-03-{row:02d} 10:00:00", row] for row in range(1, 11)]
    pd.DataFrame(table).to_excel(tmp_path / "broken.xlsx", header=False, index=False)
    with open_source(tmp_path / "broken.xlsx") as source:
        assert (source.columns, source.rows_in_file) == (("用户 ID", "行为 名称", "时间", "金额"), 10)
    with Workspace.memory() as workspace:
        report = workspace.load(tmp_path / "broken.xlsx")
        assert (report.rows_read, report.rows_loaded) == (10, 10)


def test_a_column_may_be_called_line():
    table = pd.DataFrame({"user_id": ["a", "b"], "event": "view", "time": DAYS[:2], "line": ["2", "M1"]})
    with Workspace.memory() as workspace:
        assert workspace.load(table).rows_loaded == 2
        assert workspace.properties("event")["name"].tolist() == ["line"]
        assert would_go_for(workspace.store, table, LoadOptions(replace=ALL))["rows"].tolist() == [2]
