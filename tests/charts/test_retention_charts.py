"""Retention's charts and sentences carry the result's numbers, and claim no more than the interval does."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from ops_core import Filter, Period, Segment
from ops_core.analyses import cohort_change, retention, retention_value
from ops_core.charts import retention as charts
from ops_core.charts import retention_curves as curves
from ops_core.charts import retention_value as value_charts
from ops_core.charts import retention_words as words
from ops_core.charts.theme import DARK, LIGHT
from ops_core.locale import translator
from tests.support import workspace_of
from tests.support_retention import sign_up

EN, ZH = translator("en"), translator("zh")


def weeks(returning: list[int], size: int = 200, as_of: str | None = None):
    """A workspace with one cohort of `size` users per week, of whom so many are back the week after."""
    monday = dt.date(2026, 1, 5)
    rows = [("first", "open", "2025-12-31")]
    for number, back in enumerate(returning):
        start = monday + dt.timedelta(weeks=number)
        rows += [(f"w{number}u{user}", "open", start.isoformat()) for user in range(size)]
        rows += [(f"w{number}u{user}", "open", (start + dt.timedelta(days=8)).isoformat()) for user in range(back)]
    end = monday + dt.timedelta(weeks=len(returning) + 1)
    return workspace_of(rows, as_of=as_of or end.isoformat())


def answered(workspace, **options):
    query = retention.RetentionQuery(Period("2025-12-29", "2026-02-16"), "week", 4, **options)
    return retention.analyze(workspace, query)


def test_the_heat_map_shows_ripe_cells_and_leaves_the_rest_blank():
    with weeks([50, 60, 70]) as workspace:
        result = answered(workspace)
    fig = charts.draw(result, EN, LIGHT)
    grid = np.asarray(fig.data[0].z, dtype=float)
    # Rows: 29 Dec (one user, nobody back), then 5, 12, 19 January with 50, 60, 70 of 200 back in week 1.
    assert grid[:, 0].tolist() == [0, 0.25, 0.30, 0.35]
    assert np.isnan(grid[3, 1:]).all()
    assert fig.data[1].text[:1] == ("0.0",)
    texts = list(fig.data[1].text)
    assert "<b>30.0</b>" in texts  # weighted mean: 180 of 601 users
    assert "601" in texts


@pytest.mark.parametrize("palette", [LIGHT, DARK])
@pytest.mark.parametrize("measure", ["on", "on_or_after", "rolling", "bracket"])
def test_every_measure_draws_in_both_themes_and_languages(palette, measure: str):
    with weeks([50, 60, 70]) as workspace:
        result = answered(workspace, measure=measure, brackets=((1, 2), (3, 4)) if measure == "bracket" else ())
    for t in (EN, ZH):
        for draw in (charts.draw, curves.draw_curves, curves.draw_cohorts):
            assert draw(result, t, palette).layout.height > 100
        assert words.headline(result, t)
        assert words.paragraph(result, t)
        assert len(charts.table(result, t)) == len(result.reached["cohort"].unique()) + 2


def test_a_headline_judges_nothing_on_a_handful():
    # The newest cohort has two users, and both came back.
    monday = dt.date(2026, 1, 5)
    rows = [(f"{week}-{user}", "open", (monday + dt.timedelta(weeks=week)).isoformat()) for week in range(3)
            for user in range(60 if week < 2 else 2)]  # fmt: skip
    rows += [(user, "open", (monday + dt.timedelta(weeks=int(user[0]) + 1)).isoformat()) for user, _, _ in rows
             if user[0] == "2" or int(user[2:]) < 30]  # fmt: skip
    with workspace_of([("old", "open", "2025-12-29"), *rows], as_of="2026-02-02") as workspace:
        result = answered(workspace)
    assert words.headline(result, EN).startswith("Too few to say: only 2 users in the latest cohort of new")
    assert "只有 2 人" in words.headline(result, ZH)


def test_a_headline_claims_a_difference_only_where_the_interval_does():
    with weeks([50, 50, 50, 52]) as workspace:
        same = answered(workspace)
    with weeks([50, 50, 50, 90]) as workspace:
        higher = answered(workspace)
    with weeks([90, 90, 90, 50]) as workspace:
        lower = answered(workspace)
    assert "no clear difference" in words.headline(same, EN)
    assert "above the 25.0%" in words.headline(higher, EN)
    assert "高于此前 3 批的 25.0%" in words.headline(higher, ZH)
    assert "below the 45.0%" in words.headline(lower, EN)
    # The first week of the data holds old users, too: it is no yardstick, so three cohorts are compared, not four.
    found = cohort_change.newest_change(higher)
    assert (found.users, found.returned, found.earlier_cohorts, found.earlier_users) == (200, 90, 3, 600)
    assert found.difference == pytest.approx(0.2)
    assert found.difference_low > 0


def test_nothing_ripe_says_when_it_will_be():
    with weeks([50], as_of="2026-01-07") as workspace:
        result = retention.analyze(workspace, retention.RetentionQuery(Period("2026-01-05", "2026-01-12"), "week", 4))
    assert words.headline(result, EN) == "No cohort has had the time yet for next-week retention"
    assert "19" in words.paragraph(result, EN)  # the week after the cohort's ends with 18 January
    for draw in (charts.draw, curves.draw_curves, curves.draw_cohorts):
        draw(result, EN, LIGHT)


def test_groups_are_lines_and_users_of_a_cell_are_a_list():
    rows = [
        (f"u{user}", "open", f"2026-01-0{5 + day}", None, "ads" if user % 2 else None)
        for user in range(40)
        for day in ([0, 1] if user % 4 == 1 else [0])
    ]
    import pandas as pd

    frame = pd.DataFrame(rows, columns=["user_id", "event", "occurred_at", "value", "user.channel"])
    with workspace_of(frame, as_of="2026-01-08") as workspace:
        query = retention.RetentionQuery(Period("2026-01-05", "2026-01-06"), "day", 2, breakdown="user.channel")
        result = retention.analyze(workspace, query)
        assert result.users("2026-01-05", 1) == [f"u{user}" for user in sorted(range(1, 40, 4), key=str)]
        assert len(result.users("2026-01-05", 1, returned=False)) == 30
        only = Segment("ads", (Filter("user.channel", "eq", "ads"),))
        alone = retention.analyze(workspace, retention.RetentionQuery(query.period, "day", 2, segment=only))
    # 20 users without a channel, nobody back; 20 from ads, of whom every second one (10) is.
    means = result.means.set_index(["group", "offset"])
    assert means.loc[("ads", 1), ["eligible", "returned"]].tolist() == [20, 10]
    assert means.loc[("(none)", 1), ["eligible", "returned"]].tolist() == [20, 0]
    assert result.mean.set_index("offset").loc[1, ["eligible", "returned"]].tolist() == [40, 10]
    assert alone.mean.set_index("offset").loc[1, ["eligible", "returned"]].tolist() == [20, 10]
    lines = [trace for trace in curves.draw_curves(result, ZH, LIGHT).data if trace.name]
    assert sorted(trace.name for trace in lines) == ["ads", "（无值）"]


def test_columns_that_run_to_as_of_are_not_compared_between_cohorts():
    # The same behaviour in every cohort, yet the older ones have had more weeks to come back in.
    with weeks([50, 60, 70]) as workspace:
        result = answered(workspace, measure="on_or_after")
    assert cohort_change.newest_change(result) is None
    assert "all cohorts together" in words.headline(result, EN)
    assert "have had more time" in words.paragraph(result, EN)
    assert curves.draw_cohorts(result, EN, LIGHT).layout.shapes == ()


def test_the_export_is_what_stands_on_the_screen():
    with weeks([50, 60, 70]) as workspace:
        result = answered(workspace)
    shares, users = charts.table(result, EN), charts.table(result, EN, "users")
    # Cohorts of 29 December, 5, 12 and 19 January; then the mean (180 of 601) and who it is over.
    assert shares.columns.tolist()[:3] == ["Cohort", "Users", "Week 1, %"]
    assert shares["Week 1, %"].tolist() == pytest.approx([0, 25, 30, 35, 180 / 6.01, 601])
    assert shares["Week 3, %"].isna().tolist() == [False, False, True, True, False, False]
    assert users["Week 1"].tolist() == [0, 50, 60, 70, 180, 601]
    assert users["Cohort"].tolist()[-2:] == ["Returned, all cohorts", "Eligible users"]
    on_screen = charts.draw(result, EN, LIGHT, "users")
    texts = next(trace.text for trace in on_screen.data if trace.type == "scatter")
    assert {"50", "60", "70", "<b>180</b>", "601"} <= set(texts)


def test_a_blank_cell_says_on_hover_when_it_will_be_ripe():
    with weeks([50, 60, 70]) as workspace:
        result = answered(workspace)
    fig = charts.draw(result, EN, LIGHT)
    blank = next(trace for trace in fig.data if trace.type == "heatmap" and trace.colorscale[0][1] == "rgba(0,0,0,0)")
    # The cohort of 19 January: its second week after ends with Sunday 8 February.
    assert blank.customdata[3][1].replace("\u00a0", " ") == "Not over yet: ripe on 9 Feb 2026"
    assert np.isnan(np.asarray(blank.z, dtype=float)[0, 0])  # a ripe cell has its own words


def test_what_lies_before_the_data_is_said_to_be_unknown():
    # ann and bob signed up on 2 March and 9 March; the data begin on the 18th.
    rows = [(user, "open", "2026-03-18 10:00", 3.0) for user in ("ann", "bob")]
    with workspace_of(rows, as_of="2026-03-30") as workspace:
        sign_up(workspace, {"ann": "2026-03-02", "bob": "2026-03-09"})
        period = Period("2026-03-02", "2026-03-16")
        part, nothing = (
            retention.analyze(workspace, retention.RetentionQuery(period, "week", periods, mode="first_seen"))
            for periods in (3, 1)
        )
        value = retention_value.analyze(workspace, nothing.query)
    # Weeks begin before the data up to that of the 16th: ann's 0, 1, 2 and bob's 0, 1. bob's 3 ends with 5 April.
    assert part.reached_offsets == [2, 3]
    fig = charts.draw(part, EN, LIGHT)
    blank = next(trace for trace in fig.data if trace.type == "heatmap" and trace.colorscale[0][1] == "rgba(0,0,0,0)")
    said = np.asarray(blank.customdata)
    assert said[0][0] == "Not known: this period begins before the data do"
    assert said[1][1].replace("\u00a0", " ") == "Not over yet: ripe on 6 Apr 2026"
    assert not [note for note in fig.layout.annotations if "complete on" in (note.text or "")]
    assert "signed up before the data begin" in words.remarks(part, EN)[-1]
    assert "data begin too late to tell next-week retention" in words.headline(nothing, EN)
    assert "Choose a later period" in words.paragraph(nothing, EN)
    assert "无从得知" in value_charts.title(value, ZH)
    for t, palette in ((EN, LIGHT), (ZH, DARK)):
        charts.draw(nothing, t, palette)
        assert words.headline(part, t)
        assert words.paragraph(part, t)


def test_twenty_six_columns_have_short_headings_and_room():
    with weeks([20] * 27, size=40) as workspace:
        query = retention.RetentionQuery(Period("2026-01-05", "2026-07-06"), "week", 26)
        result = retention.analyze(workspace, query)
    fig = charts.draw(result, ZH, DARK)
    assert list(fig.layout.xaxis.ticktext)[:3] == ["1", "2", "3"]
    assert "周" in [note.text for note in fig.layout.annotations]
    assert charts.least_width(result) >= 128 + 26 * 30


def test_rows_that_are_not_whole_are_named():
    with weeks([50, 60]) as workspace:
        query = retention.RetentionQuery(Period("2026-01-05", "2026-01-15"), "week", 2)
        result = retention.analyze(workspace, query)
    assert words.row_notes(result, EN)[0].replace("\u00a0", " ").endswith("the cohort 12 Jan.")
    with weeks([50, 60]) as workspace:
        query = retention.RetentionQuery(Period("2025-12-29", "2026-01-12"), "week", 2)
        assert "first day of the data" in words.row_notes(retention.analyze(workspace, query), EN)[0]
    with weeks([50, 60]) as workspace:
        query = retention.RetentionQuery(Period("2025-12-31", "2026-01-01"), "hour", 2)
        by_hour = retention.analyze(workspace, query)
    assert words.row_notes(by_hour, EN)[0].startswith("The rows of the data's first day")
    assert words.row_notes(by_hour, ZH)[0].startswith("数据第一天的各行")
