"""The checkup tells before the load what the load then does."""

from __future__ import annotations

import datetime as dt
import threading
from pathlib import Path

import pytest

from ops_core import IntakeError, Workspace
from ops_core.intake import roles
from ops_core.intake.checkup import Checkup, both_orders, check
from ops_core.intake.load import LoadOptions
from ops_core.intake.source import open_source
from ops_core.locale import translator
from ops_core.model.time import TimeRules

SHANGHAI = TimeRules("Asia/Shanghai")
EXPORT = """用户ID,行为,时间,金额
u1,浏览,2026-01-05 10:00:00,
u1,浏览,2026-01-05 10:00:00,
u2,支付,昨天,"1,234.50"
u2,浏览,2026-01-06 09:00:00,
u3,支付,2026-01-14 09:30:00,88
合计,,,1322.5
"""


def checked(file: Path, date_order: str | None = None, decimal: str | None = None) -> Checkup:
    with open_source(file) as source:
        sample = source.sample(2000).drop(columns="line")
        guess = roles.guess(source.columns, sample)
        return check(source, sample, guess, (SHANGHAI, SHANGHAI), (date_order, decimal))


def test_each_row_has_its_fate_before_the_load_and_the_same_one_after(tmp_path: Path):
    file = tmp_path / "导出.csv"
    file.write_bytes(EXPORT.encode("gb18030"))
    found = checked(file)
    # 6 rows: 1 repeats (line 3), 1 has no date (line 4), 1 is a total (line 7), 3 are loaded.
    assert (found.rows_read, found.rows_loaded, found.rows_duplicate, found.rows_quarantined) == (6, 3, 1, 2)
    assert found.duplicate_lines == (3,)
    assert found.quarantined_in(translator("zh"))["line"].tolist() == [4, 7]
    # The newest row is of 14 January, a day that has not ended: complete is what lies before it.
    assert SHANGHAI.moment(found.as_of_us).date() == dt.date(2026, 1, 14)
    assert dict(found.readings[0].examples)["2026-01-05 10:00:00"] == "2026-01-05 10:00:00"
    with Workspace.memory("Asia/Shanghai") as workspace:
        report = workspace.load(file)
        assert (report.rows_loaded, report.rows_duplicate, report.rows_quarantined) == (3, 1, 2)
        assert report.as_of_us == found.as_of_us


@pytest.mark.parametrize("name", ["row_extra_comma.csv", "footer_total.csv", "numbers_de.csv", "nulls.csv"])
def test_it_agrees_with_the_load_on_odd_files(shared_data: Path, name: str):
    found = checked(shared_data / "nasty" / name)
    with Workspace.memory("Asia/Shanghai") as workspace:
        report = workspace.load(shared_data / "nasty" / name)
        assert (found.rows_loaded, found.rows_duplicate) == (report.rows_loaded, report.rows_duplicate)
        assert found.quarantined_in(translator("en")).equals(report.quarantined)


def test_dates_that_can_be_read_both_ways_are_asked_with_the_files_own_dates(tmp_path: Path):
    file = tmp_path / "both.csv"
    file.write_text("user_id,event,time\na,x,03/04/2026\nb,x,05/06/2026\n")
    found = checked(file)
    assert found.question.code == "dates_ambiguous"
    assert found.rows_read == found.rows_loaded == 2
    read = both_orders(["03/04/2026", "13/04/2026"])
    assert read["day_first"].dt.month.tolist() == [4, 4]
    assert read["month_first"].dt.month.tolist()[0] == 3
    assert read["month_first"].isna().tolist() == [False, True]
    answered = checked(file, "day_first")
    assert answered.question is None
    assert SHANGHAI.moment(answered.last_us).date() == dt.date(2026, 6, 5)


def test_a_checkup_stops_when_it_is_told_to(tmp_path: Path):
    file = tmp_path / "large.csv"
    rows = "".join(f"u{i % 5000},view,2026-01-{i % 28 + 1:02d} 10:00:00,{i}\n" for i in range(400_000))
    file.write_text("user_id,event,time,page\n" + rows)
    stop = threading.Event()
    stop.set()
    with open_source(file) as source:
        sample = source.sample(2000).drop(columns="line")
        guess = roles.guess(source.columns, sample)
        with pytest.raises(IntakeError, match="stopped"):
            check(source, sample, guess, (SHANGHAI, SHANGHAI), cancelled=stop.is_set)


def test_numbers_that_could_be_thousands_or_decimals_are_doubted_and_read_as_said(tmp_path: Path):
    file = tmp_path / "either.csv"
    file.write_text("user_id,event,time,amount\n" + "".join(f"u{i},pay,2026-01-05,{i}.50{i}\n" for i in range(1, 9)))
    reading = {one.role: one for one in checked(file).readings}["value"]
    assert (reading.unsure, reading.examples[0]) == (True, ("1.501", "1.501000"))
    with Workspace.memory() as workspace:
        workspace.load(file, options=LoadOptions(decimal="comma"))
        with workspace.store.cursor() as cursor:
            # 1,501 + 2,502 + … + 8,508 = 1,000 × 36 + 500 × 8 + 36.
            assert cursor.execute("SELECT sum(value) FROM events").fetchone()[0] == 40_036
    assert {one.role: one for one in checked(file, decimal="comma").readings}["value"].examples[0][1] == "1501.000000"
    assert not {one.role: one for one in checked(file, decimal="point").readings}["value"].unsure
    with Workspace.memory() as workspace, pytest.raises(IntakeError, match="semicolon"):
        workspace.load(file, options=LoadOptions(decimal="semicolon"))
