"""Numbers that a spreadsheet damaged, protected or wrapped: no two rows become one by them, and no user two."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from ops_core import Workspace
from ops_core.intake.source import open_source
from tests.support import rows


@pytest.fixture
def workspace():
    with Workspace.memory() as made:
        yield made


def codes(report) -> set[str]:
    return {note.code for note in report.notes}


def test_orders_whose_numbers_were_cut_are_not_put_together(workspace: Workspace):
    lines = [("1.23457E+17", "m1", day, "10") for day in (1, 5, 9)]
    lines += [("A1", "m2", 2, "5"), ("A1", "m2", 2, "7")]
    orders = pd.DataFrame(lines, columns=["订单号", "会员号", "下单时间", "实付金额"])
    orders["下单时间"] = [f"2026-03-0{day} 10:00:00" for day in orders["下单时间"]]
    report = workspace.load(orders)
    assert (report.kind, report.rows_loaded, report.n_stored) == ("orders", 5, 4)
    assert rows(workspace, "SELECT value::DOUBLE FROM events ORDER BY 1") == [(10.0,), (10.0,), (10.0,), (12.0,)]
    (note,) = (note for note in report.notes if note.code == "keys_damaged")
    assert note.values == {"column": "订单号", "n": 1, "example": "1.23457E+17"}


def test_events_whose_ids_were_cut_are_not_left_out(workspace: Workspace):
    days = [f"2026-03-0{day}" for day in (1, 2, 3, 3)]
    users = ["u1", "u2", "u3", "u3"]
    table = pd.DataFrame({"event_id": "1.23457E+17", "user_id": users, "event": "pay", "time": days})
    report = workspace.load(table)
    # The fourth row equals the third in every cell.
    assert (report.rows_loaded, report.rows_duplicate) == (3, 1)
    assert "keys_damaged" in codes(report)
    assert workspace.load(table.head(3).assign(note="again")).rows_loaded == 3


def test_a_number_of_sixteen_digits_is_the_same_in_every_kind_of_file(tmp_path: Path):
    table = pd.DataFrame({"user_id": [2026030100000120, 9007199254740992], "city": ["a", "b"]})
    table.to_excel(tmp_path / "users.xlsx", index=False)
    with open_source(tmp_path / "users.xlsx") as source:
        assert source.sample()["user_id"].tolist() == ["2026030100000120", "9007199254740992"]
    with Workspace.memory() as workspace:
        workspace.load(pd.DataFrame({"user_id": [2026030100000120.0, None], "city": ["a", "b"]}), kind="users")
        assert rows(workspace, "SELECT user_id FROM users") == [("2026030100000120",)]


@pytest.mark.parametrize(
    "written", ["13800138000\t", "\ufeff13800138000", '="13800138000"', "'13800138000", "\t13800138000 "]
)
@pytest.mark.parametrize("swift", [False, True])
def test_the_wrapping_of_an_id_makes_no_other_user(tmp_path: Path, written: str, swift: bool):
    quoted = '"' + written.replace('"', '""') + '"'
    cells = ["13800138000", quoted] + ["13800138001"] * (300_000 if swift else 2)
    lines = [f"{cell},view,2026-03-01 10:{number % 60:02d}:00,{number}" for number, cell in enumerate(cells)]
    (tmp_path / "views.csv").write_text("\n".join(["user_id,event,time,page", *lines]) + "\n", encoding="utf-8")
    with Workspace.memory() as workspace:
        assert workspace.load(tmp_path / "views.csv").rows_loaded == len(cells)
        assert rows(workspace, "SELECT user_id FROM user_keys ORDER BY 1") == [("13800138000",), ("13800138001",)]


def test_a_tab_alone_is_no_user(workspace: Workspace):
    users = pd.DataFrame({"user_id": ["\t", '=""', "u1"], "n": [1, 2, 3]})
    table = users.assign(event="view", time="2026-03-01 10:00:00")
    report = workspace.load(table)
    assert (report.rows_loaded, report.problems["reason"].tolist()) == (1, ["user_missing"] * 2)


def test_an_experiment_is_replaced_under_the_name_it_was_loaded_by(workspace: Workspace):
    table = pd.DataFrame({"user_id": ["a", "b"], "variant": ["x", "y"], "experiment": "coupon\t"})
    workspace.load(table, kind="assignments")
    again = table.assign(user_id=["a", "c"])
    assert workspace.load(again, kind="assignments", replace="all").rows_replaced == 2
    query = "SELECT user_id, experiment FROM assignments JOIN user_keys USING (user_key) ORDER BY 1"
    assert rows(workspace, query) == [("a", "coupon"), ("c", "coupon")]
