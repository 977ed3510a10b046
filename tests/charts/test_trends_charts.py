"""Charts of trends: what stands in the traces is what was counted, and the sentences say it."""

from __future__ import annotations

import pandas as pd
import pytest

from ops_core import Period
from ops_core.analyses import trends
from ops_core.analyses.trends import Series, Target, TrendsQuery
from ops_core.charts import trends as charts
from ops_core.charts import trends_words as words
from ops_core.charts.palette import DARK, LIGHT
from ops_core.locale import translator
from tests.support import workspace_of

T = translator("en")


@pytest.fixture(scope="module")
def workspace():
    # 20 users a day for 70 days, 10 more on Saturdays, only 4 on the last complete day (15 March); a running day.
    rows = []
    for day in range(70):
        n = 4 if day == 69 else 30 if day % 7 == 5 else 20
        at = pd.Timestamp("2026-01-05") + pd.Timedelta(days=day)
        rows += [(f"u{user}", "pay", at, 5.0, "ads" if user % 4 else "shop") for user in range(n)]
    frame = pd.DataFrame(rows, columns=["user_id", "event", "occurred_at", "value", "user.channel"])
    return workspace_of(frame, as_of="2026-03-15")


def asked(workspace, *series, **settings):
    period = settings.pop("period", Period("2026-03-09", "2026-03-17"))
    return trends.analyze(workspace, TrendsQuery(series or ("pay",), period, **settings))


def lines(fig) -> list[list[float]]:
    return [list(trace.y) for trace in fig.data if trace.mode and "lines" in trace.mode and trace.fill is None]


def test_period_and_context_are_two_strokes_of_one_line(workspace):
    result = asked(workspace, context_buckets=3)
    context, own, *_ = lines(charts.draw(result, T, LIGHT))
    assert context == [20, 30, 20, 20]  # 6 to 8 March and the join to the 9th
    assert own == [20, 20, 20, 20, 20, 30]


def test_the_running_day_is_dotted_and_hollow(workspace):
    fig = charts.draw(asked(workspace), T, DARK)
    dotted = [trace for trace in fig.data if trace.line.dash == "dot"]
    assert [list(trace.y) for trace in dotted] == [[30, 4]]


def test_groups_have_a_line_and_a_name_each(workspace):
    fig = charts.draw(asked(workspace, breakdown="user.channel"), T, LIGHT)
    assert {note.text for note in fig.layout.annotations} == {"ads", "shop"}
    assert lines(fig)[0] == [15, 15, 15, 15, 15, 22]


def test_bars_carry_the_periods_figures(workspace):
    result = asked(workspace, Series("pay", "sum"), breakdown="user.channel", compare="previous")
    fig = charts.draw_groups(result, T, LIGHT)
    assert list(fig.data[0].x) == sorted(result.totals["value"], reverse=True)
    assert list(fig.data[1].x) == sorted(result.totals["compare_value"], reverse=True)


def test_headline_names_an_unusual_last_point_first(workspace):
    result = asked(workspace, period=Period("2026-03-02", "2026-03-15"))
    assert words.headline(result, T).startswith("Users with pay: 30")
    low = workspace_of(
        [(f"u{n}", "pay", pd.Timestamp("2026-01-05") + pd.Timedelta(days=7 * week)) for week in range(12)
         for n in range(40 if week < 11 else 5)],
        as_of="2026-03-30",
    )  # fmt: skip
    result = asked(low, period=Period("2026-03-16", "2026-03-30"), grain="week")
    assert words.headline(result, T).replace("\u00a0", " ") == "Users with pay unusually low: 5, week of 23 Mar"


def test_outlook_says_what_the_chance_supports(workspace):
    month = Period("2026-03-01", "2026-04-01")
    # March to the 14th: 12 · 20 + 2 · 30 = 300 (the 7th and the 14th are Saturdays).
    for target, sentence in ((100, "100 is reached already"), (9_000, "9,000 will very likely be missed")):
        result = asked(workspace, Series("pay", "total"), target=Target(target, month))
        assert result.outlook.known == 300
        assert words.outlook_title(result.outlook, result, T).startswith(sentence)
        fig = charts.draw_outlook(result.outlook, result, T, LIGHT)
        assert list(fig.data[0].y)[-1] == 300


def test_outlook_says_until_when(workspace):
    result = asked(workspace, Series("pay", "total"), target=Target(9_000, Period("2026-03-01", "2026-04-01")))
    assert "by 31\u00a0Mar" in words.outlook_title(result.outlook, result, T).replace("\u2060", "")
    assert "到 3月31日" in words.outlook_title(result.outlook, result, translator("zh")).replace("\u2060", "")


def test_the_second_event_has_its_sentence_where_no_formula_joins_the_two(workspace):
    # Payments of 5.00: 9 to 14 March 5 × 20 + 30, the first six days of the eight before, 1 to 6 March, 6 × 20.
    both = (Series("pay", "total"), Series("pay", "sum"))
    said = words.paragraph(asked(workspace, *both, compare="previous"), T)
    assert said.startswith("**130** against 120 in the comparison: +10.")
    assert "pay: sum of amount: ¥650.00 against ¥600.00, +8.3%." in said
    assert "sum of amount:" not in words.paragraph(asked(workspace, *both, formula="ratio", compare="previous"), T)


def test_a_single_compared_bucket_is_a_dot_as_no_line_leads_to_it(workspace):
    day = Period("2026-03-13", "2026-03-14")
    fig = charts.draw(asked(workspace, period=day, compare="previous"), T, LIGHT)
    assert [list(trace.y) for trace in fig.data if trace.mode == "markers" and trace.marker.color == LIGHT.comp] == [
        [20]
    ]


def test_table_has_the_points_newest_first(workspace):
    table = charts.table(asked(workspace, compare="previous"), T)
    assert table["bucket"].iloc[0] == T.date(pd.Timestamp("2026-03-15").date(), year=True)
    assert table["note"].iloc[0] == "not complete"
    assert table["value"].tolist() == [4, 30, 20, 20, 20, 20, 20]


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("measure", ["users", "per_user", "sum", "percentile"])
def test_sentences_stand_in_both_languages(workspace, language, measure):
    t = translator(language)
    result = asked(workspace, Series("pay", measure), compare="previous")
    assert "{" not in words.headline(result, t, "x") + words.paragraph(result, t, "x")
    assert "{" not in words.line_name(result.query, "1", t)


def test_a_change_between_negative_values_points_where_the_value_went():
    # Five users a day, of whom two, three, four, five pay twice. Users minus events: 5 − 7, 5 − 8, 5 − 9, 5 − 10.
    both = (Series("pay"), Series("pay", measure="total"))
    rows = [
        (f"u{user}", "pay", pd.Timestamp("2026-01-05") + pd.Timedelta(days=day, hours=again))
        for day in range(4)
        for user in range(5)
        for again in range(2 if user < 2 + day else 1)
    ]
    with workspace_of(pd.DataFrame(rows, columns=["user_id", "event", "occurred_at"]), as_of="2026-01-09") as small:
        result = trends.analyze(
            small, TrendsQuery(both, Period("2026-01-07", "2026-01-09"), formula="difference", compare="previous")
        )
    assert result.points["value"].tolist() == [-4, -5]
    assert result.points["compare_value"].tolist() == [-2, -3]
    assert result.points["relative"].tolist() == pytest.approx([-2 / 2, -2 / 3])
    assert result.totals["relative"].iloc[0] < 0


def test_groups_that_do_not_add_up_are_told_from_lowest_to_highest(workspace):
    # Each user of a group pays once a day: both groups have one event per user.
    result = asked(workspace, Series("pay", measure="per_user"), breakdown="user.channel")
    assert "no complete day" not in words.headline(result, T)
    assert "(ads)" in words.headline(result, T)


def test_an_axis_of_people_has_no_halves():
    rows = [("u1", "pay", f"2026-01-{day:02d} 10:00") for day in range(5, 12)]
    rows += [(f"u{user}", "pay", "2026-01-08 10:00") for user in range(2, 10)]
    frame = pd.DataFrame(rows, columns=["user_id", "event", "occurred_at"])
    with workspace_of(frame, as_of="2026-01-12") as few:
        result = trends.analyze(few, TrendsQuery(("pay",), Period("2026-01-05", "2026-01-12")))
    assert [str(text) for text in charts.draw(result, T, LIGHT).layout.yaxis.ticktext] == ["0", "5"]


def test_nothing_is_said_to_be_usual_where_points_have_no_range(workspace):
    short = asked(workspace, period=Period("2026-01-05", "2026-01-20"))
    assert short.points["normal_low"].isna().any()
    assert "within the normal range" not in words.paragraph(short, T)


def test_the_names_of_unusual_points_say_when_they_are_only_the_newest():
    rows = [
        (f"u{user}", "pay", pd.Timestamp("2026-01-05") + pd.Timedelta(days=day))
        for day in range(110)
        for user in range(2 if day in (80, 85, 90, 95) else 20 + day % 3)
    ]
    with workspace_of(pd.DataFrame(rows, columns=["user_id", "event", "occurred_at"]), as_of="2026-04-25") as low:
        result = trends.analyze(low, TrendsQuery(("pay",), Period("2026-03-16", "2026-04-20")))
    assert (result.points["unusual"] != 0).sum() == 4  # 26 and 31 March, 5 and 10 April
    said = words.paragraph(result, T).replace("\u00a0", " ")
    assert said.startswith("4 points lie outside the normal range, the newest 31 Mar, 5 Apr, 10 Apr.")
