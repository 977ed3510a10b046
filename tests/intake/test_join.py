"""Tables that belong together: the key is found with reasons, and no row is ever multiplied."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ops_core import IntakeError, Workspace
from ops_core.intake.join import joined, propose, text_of
from ops_core.locale import translator

ORDERS = pd.DataFrame(
    [("o1", "007", "2026-01-01", "10"), ("o2", " 8 ", "2026-01-02", "20.5"), ("o3", "9", "2026-01-03", "1"),
     ("o4", None, "2026-01-03", "2"), ("o5", "007", "2026-01-04", "3")],
    columns=["order_id", "customer_id", "paid_at", "amount"],
)  # fmt: skip
USERS = pd.DataFrame({"用户编号": ["8", "007", "11"], "city": ["Bonn", "Lyon", "Rome"], "amount": ["x", "y", "z"]})


def test_the_key_is_found_by_what_the_columns_are():
    best = propose(ORDERS, USERS)[0]
    assert (best.left, best.right, best.because) == ("customer_id", "用户编号", "same_role")
    assert (best.n_matched, best.share_matched, best.keeps_rows) == (3, 0.6, True)  # 3 of 5 orders have a known user
    for language in ("en", "zh"):
        assert any("60" in reason for reason in best.reasons(translator(language)))


def test_every_row_once_with_the_columns_of_the_other():
    both = joined(ORDERS, USERS)
    assert list(both.frame) == ["order_id", "customer_id", "paid_at", "amount", "city", "amount_2"]
    assert both.frame["order_id"].tolist() == ["o1", "o2", "o3", "o4", "o5"]
    assert both.frame["city"].fillna("-").tolist() == ["Lyon", "Bonn", "-", "-", "Lyon"]
    assert both.n_unmatched == 2
    with Workspace.memory() as workspace:
        report = workspace.load(both.frame)
        assert (report.kind, report.rows_loaded, report.rows_quarantined) == ("orders", 4, 1)
        assert "city" in set(workspace.properties("event")["name"])


def test_a_join_that_would_multiply_rows_is_refused():
    doubled = pd.concat([USERS, USERS.head(2)], ignore_index=True)
    # o1, o2 and o5 would meet two rows each: 5 + 3 = 8 rows.
    with pytest.raises(IntakeError, match=r"5 rows would become 8.*(007|8).*2 times"):
        joined(ORDERS, doubled)
    # A key that repeats on the other side but is never met does no harm.
    unmet = pd.concat([USERS, USERS.tail(1)], ignore_index=True)
    assert len(joined(ORDERS, unmet).frame) == 5


def test_tables_without_a_common_key_are_refused():
    with pytest.raises(IntakeError, match="nothing that ties"):
        joined(ORDERS, pd.DataFrame({"shop": ["a"], "city": ["Rome"]}))
    with pytest.raises(IntakeError, match="no column client"):
        joined(ORDERS, USERS, ("client", "用户编号"))


def test_small_numbers_that_meet_by_chance_are_no_key():
    left = pd.DataFrame({"rank": [str(n % 9) for n in range(200)]})
    right = pd.DataFrame({"score": [str(n) for n in range(9)]})
    assert propose(left, right) == []
    ids = [f"A-{n:05d}" for n in range(200)]
    keys = propose(pd.DataFrame({"ref": ids}), pd.DataFrame({"code": ids[::-1]}))
    assert [(key.left, key.right, key.because) for key in keys] == [("ref", "code", "same_values")]


@settings(max_examples=80, deadline=None)
@given(
    left=st.lists(st.tuples(st.sampled_from("abcde "), st.integers(-9, 9)), min_size=1, max_size=12),
    right=st.lists(st.sampled_from("abcdefg "), min_size=1, max_size=6),
)
def test_rows_and_totals_stay_or_it_is_refused(left, right):
    of_left = pd.DataFrame(left, columns=["user_id", "amount"]).astype(str)
    of_right = pd.DataFrame({"user_id": right, "note": [f"{cell}{n}" for n, cell in enumerate(right)]})
    met = [key for key in (cell for cell, _ in left) if key != " "]
    multiplies = any(right.count(key) > 1 for key in met)
    if multiplies:
        with pytest.raises(IntakeError, match="would become"):
            joined(of_left, of_right, ("user_id", "user_id"))
        return
    frame = joined(of_left, of_right, ("user_id", "user_id")).frame
    assert frame[["user_id", "amount"]].to_numpy().tolist() == of_left.to_numpy().tolist()
    wanted = [next((note for note in of_right["note"] if cell != " " and note[0] == cell), None) for cell, _ in left]
    assert frame["note"].astype(object).where(frame["note"].notna(), None).tolist() == wanted


def test_files_as_they_come(tmp_path: Path):
    (tmp_path / "orders.csv").write_bytes(
        "订单号,用户编号,下单时间,金额\n1,007,2026-01-01,5\n2,8,2026-01-02,6\n".encode("gb18030")
    )
    (tmp_path / "users.csv").write_text("uid;城市\n007;北京\n8;上海\n", encoding="utf-8")
    both = joined(text_of(tmp_path / "orders.csv"), text_of(tmp_path / "users.csv"))
    assert both.frame["城市"].tolist() == ["北京", "上海"]
