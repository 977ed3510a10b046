"""Tables that are counted already are told apart from users, events and orders."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from ops_core.analyses import counted
from ops_core.charts import counted as charts
from ops_core.intake import aggregated
from ops_core.intake.archive import unpacked
from ops_core.locale import translator

DAYS = [f"2026-09-{day:02d}" for day in range(1, 31)]


def daily(**columns: list[object]) -> pd.DataFrame:
    return pd.DataFrame(columns).astype(str)


def of(frame: pd.DataFrame) -> aggregated.Aggregated | None:
    return aggregated.recognised(list(frame), frame)


def test_days_and_arms_with_sums_are_told():
    frame = daily(日期=DAYS * 2, 组别=["对照组"] * 30 + ["实验组"] * 30, 支付=[3] * 60, 点击=[100] * 60)
    assert of(frame) == aggregated.Aggregated("日期", "组别", ("点击", "支付"))
    # The day as a name, blank days that are still open, no arm: as the free-trial screener's two sheets have it.
    screener = daily(Date=["Sat, Oct 11"] * 30, Pageviews=[7723] * 30, Clicks=[687] * 30, Enrollments=["134"] * 30)
    assert of(screener) == aggregated.Aggregated("Date", None, ("Pageviews", "Clicks", "Enrollments"))
    ads = daily(**{"Campaign Name": ["Test"] * 30, "Date": DAYS, "# of Impressions": [9] * 30, "Reach": [8] * 30})
    assert of(ads).arm == "Campaign Name"


@pytest.mark.parametrize(
    "frame",
    [
        daily(user_id=["a"] * 30, date=DAYS, clicks=[1] * 30, orders=[2] * 30),
        daily(date=DAYS, channel=["ads"] * 30, cost=[9] * 30, clicks=[1] * 30, impressions=[2] * 30),
        daily(order_id=range(30), date=DAYS, amount=[1] * 30),
        daily(user_id=["a"] * 30, event=["view"] * 30, time=DAYS),
    ],
)
def test_rows_of_users_orders_events_and_spend_are_not_counted_tables(frame: pd.DataFrame):
    assert of(frame) is None


def test_no_real_table_of_users_or_events_is_mistaken(shared_data: Path):
    for name in ("ecom.csv", "cookie_cats.csv", "tmall_orders.csv", "telco_churn.csv", "tianchi_user_behavior.csv"):
        head = pd.read_csv(shared_data / name, nrows=500, dtype=str)
        assert of(head) is None, name


def test_two_files_of_one_test_are_its_arms():
    control = daily(Date=DAYS, Clicks=[700] * 30, Enrollments=[140] * 30)
    other = daily(Date=DAYS, Clicks=[700] * 30, Enrollments=[168] * 30)
    rows, column = aggregated.together({"control_data": control, "experiment_data": other})
    query = counted.suggested(rows, of(control).counts, column)
    found = counted.analyze(rows, query)
    # 4,200 ÷ 21,000 = 20 % against 5,040 ÷ 21,000 = 24 %.
    assert (query.numerator, query.denominator) == ("Enrollments", "Clicks")
    assert found.arms.set_index("arm")["rate"].to_dict() == pytest.approx(
        {"control_data": 0.20, "experiment_data": 0.24}
    )
    assert found.verdict[0] == "better"
    said = charts.headline(found, translator("en"))
    assert said == "experiment_data does better than control_data: Enrollments ÷ Clicks rises by 4.0 pp"


def arms(control: list[tuple[int, int]], other: list[tuple[int, int]]) -> pd.DataFrame:
    rows = [("A", *pair) for pair in control] + [("B", *pair) for pair in other]
    return daily(**dict(zip(("group", "clicks", "orders"), zip(*rows, strict=True), strict=True)))


def test_a_verdict_is_withheld_where_the_split_is_off_and_open_where_chance_explains_it():
    query = counted.CountedQuery("orders", "clicks", arm="group")
    even = counted.analyze(arms([(1000, 100)] * 5, [(1000, 101)] * 5), query)
    assert even.verdict[0] == "open"
    # 5,000 : 6,000 against an even split: χ² = 90.9.
    off = counted.analyze(arms([(1000, 100)] * 5, [(1200, 240)] * 5), query)
    assert off.srm_p_value < 1e-6
    assert off.verdict[0] == "srm"
    t = translator("zh")
    assert "不可读" in charts.headline(off, t)
    assert any("严重偏离" in said for said in charts.warnings(off, t))


def test_days_that_differ_by_more_than_chance_are_read_by_day():
    calm, wild = [(1000, 100)] * 12, [(1000, 40), (1000, 160)] * 6
    assert counted.suggested(arms(calm, calm), ("clicks", "orders"), "group").per == "count"
    query = counted.suggested(arms(wild, wild), ("clicks", "orders"), "group")
    assert query.per == "row"
    assert counted.analyze(arms(wild, wild), query).uneven_days > 3


def test_the_forest_draws_percentage_points():
    found = counted.analyze(arms([(1000, 100)] * 3, [(1000, 130)] * 3), counted.CountedQuery("orders", "clicks"))
    dots = [trace.x[0] for trace in charts.draw(found, translator("en")).data if trace.mode == "markers"]
    assert dots == pytest.approx([3.0])


def test_a_zip_of_several_tables_is_taken_apart(tmp_path: Path):
    import zipfile

    file = tmp_path / "both.zip"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a/users.csv", "user_id\n1\n")
        archive.writestr("../events.csv", "user_id,event\n1,x\n")
        archive.writestr("__MACOSX/users.csv", "junk")
        archive.writestr("read.me", "junk")
    made = iter(range(9))

    def new_folder() -> Path:
        folder = tmp_path / str(next(made))
        folder.mkdir()
        return folder

    tables = unpacked(file, new_folder, 50)
    assert [path.relative_to(tmp_path).as_posix() for path in tables] == ["0/users.csv", "1/events.csv"]
    with pytest.raises(ValueError, match="more than 1 files"):
        unpacked(file, new_folder, 1)
