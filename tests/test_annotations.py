"""The calendar: what may stand in it, public holidays, marks in a trend's chart, table and words, the table to edit."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pandas as pd
import pytest

from ops_core import Period, QueryError, Workspace
from ops_core.analyses import trends
from ops_core.analyses.trend_query import Series, TrendsQuery
from ops_core.charts import annotations as marks
from ops_core.charts import trends as charts
from ops_core.charts import trends_words
from ops_core.locale import translator
from ops_core.model.annotations import Annotation, in_order
from ops_core.model.public_holidays import announced_years, public_holidays
from tests.support_pages import opened, prepared

DAY = dt.timedelta(days=1)
SALE = Annotation(dt.date(2026, 3, 25), dt.date(2026, 3, 26), "campaign", "<b>Sale</b>")


@pytest.fixture
def workspace():
    """Ten visitors a day for sixteen weeks, forty on the second day of the sale."""
    days = [dt.date(2025, 12, 8) + n * DAY for n in range(112)]
    rows = [
        {"user_id": f"u{who}", "event": "visit", "occurred_at": f"{day} 10:00:00"}
        for day in days
        for who in range(40 if day == SALE.last_day else 10 + day.day % 2)
    ]
    with Workspace.memory() as made:
        made.load(pd.DataFrame(rows))
        yield made


def daily(workspace: Workspace) -> trends.TrendsResult:
    query = TrendsQuery((Series("visit"),), Period("2026-03-02", "2026-03-30"), "day")
    return trends.analyze(workspace, query)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ((SALE.first_day, SALE.last_day, "party", "x"), "party"),
        ((SALE.first_day, SALE.last_day, "other", "  "), "0 characters"),
        ((SALE.first_day, SALE.last_day, "other", "x" * 81), "81 characters"),
        ((SALE.last_day, SALE.first_day, "other", "x"), "before it begins"),
    ],
)
def test_an_entry_must_make_sense(values: tuple, said: str):
    with pytest.raises(QueryError, match=said):
        Annotation(*values)


def test_entries_are_kept_in_order_and_once(workspace: Workspace):
    later = Annotation(dt.date(2026, 4, 1), dt.date(2026, 4, 1), "release", "2.0")
    workspace.set_annotations([later, SALE, later])
    assert workspace.annotations() == (SALE, later) == in_order([later, SALE])
    workspace.set_annotations([])
    assert workspace.annotations() == ()


def test_public_holidays_of_2026_as_announced():
    # The State Council's notice for 2026: Spring Festival 15 to 23 February, worked on 14 and 28 February.
    found = public_holidays(2026, 2026, "zh", "调休上班")
    spring = next(one for one in found if one.text == "春节")
    assert (spring.first_day, spring.last_day, spring.kind) == (dt.date(2026, 2, 15), dt.date(2026, 2, 23), "holiday")
    worked = [one.first_day for one in found if one.kind == "workday"]
    assert worked == [dt.date(2026, m, d) for m, d in ((1, 4), (2, 14), (2, 28), (5, 9), (9, 20), (10, 10))]
    named = [one.text for one in public_holidays(2026, 2026, "en", "worked") if one.kind == "holiday"]
    assert named[:3] == ["New Year's Day", "Spring Festival", "Tomb-sweeping Day"]
    assert sum((one.last_day - one.first_day).days + 1 for one in found if one.kind == "holiday") == 33
    assert announced_years()[1] >= 2026


def test_years_not_announced_are_said():
    with pytest.raises(QueryError, match="2090"):
        public_holidays(2090, 2091, "en", "worked")


def test_a_mark_stands_in_each_bucket_that_it_touches():
    weeks = [pd.Timestamp("2026-03-16"), pd.Timestamp("2026-03-23"), pd.Timestamp("2026-03-30")]
    worked = Annotation(dt.date(2026, 3, 28), dt.date(2026, 3, 28), "workday", "worked")
    long = Annotation(dt.date(2026, 3, 22), dt.date(2026, 3, 23), "holiday", "bridge")
    last = Annotation(dt.date(2026, 4, 5), dt.date(2026, 4, 5), "other", "in the last week")
    after = Annotation(dt.date(2026, 4, 6), dt.date(2026, 4, 6), "other", "after it")
    found = marks.marked_buckets(weeks, [long, worked, last, after])
    assert found == {weeks[0]: [long], weeks[1]: [long], weeks[2]: [last]}  # a worked Saturday is no news of a week
    days = [pd.Timestamp("2026-03-27"), pd.Timestamp("2026-03-28")]
    assert marks.marked_buckets(days, [worked]) == {days[1]: [worked]}


@pytest.mark.parametrize("language", ["en", "zh"])
def test_chart_table_and_words_carry_the_calendar(workspace: Workspace, language: str):
    t, result = translator(language), daily(workspace)
    fig = charts.draw(result, t, annotations=[SALE])
    assert any("&lt;b&gt;" in (one.text or "") for one in fig.layout.annotations)  # a person's words stay text
    band = next(one for one in fig.layout.shapes if one.type == "rect")
    assert (pd.Timestamp(band.x0), pd.Timestamp(band.x1)) == (pd.Timestamp("2026-03-25"), pd.Timestamp("2026-03-26"))
    shown = charts.table(result, t, [SALE])
    assert shown["calendar"].astype(bool).sum() == 2
    assert "calendar" not in charts.table(result, t)
    assert "Sale" in trends_words.paragraph(result, t, annotations=[SALE])
    assert "Sale" not in trends_words.paragraph(result, t)


@pytest.mark.parametrize(("language", "named"), [("en", "Dragon Boat Festival"), ("zh", "端午")])
def test_the_public_holidays_come_at_one_click(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, language: str, named: str
):
    rows = [
        {"user_id": f"u{n % 7}", "event": "visit", "occurred_at": f"2026-06-{n % 28 + 1:02d} 10:00:00"}
        for n in range(56)
    ]
    with Workspace.open(tmp_path / "shop.duckdb", time_zone="Asia/Shanghai") as made:
        made.load(pd.DataFrame(rows))
        made.set_annotations([SALE])
    monkeypatch.setenv("OPSDECK_HOME", str(tmp_path))
    page = prepared("trends", language, "Asia/Shanghai", workspace="shop")
    page.session_state["annotations_section"] = True
    opened(page)
    page.button(key="annotations.holidays").click().run()
    assert not page.exception
    assert [error.value for error in page.error] == []
    page.button(key="annotations.keep").click().run()
    assert not page.exception
    assert named in json.dumps([chart.proto.spec for chart in page.get("plotly_chart")], ensure_ascii=False)
