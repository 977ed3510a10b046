"""Retention's further charts and sentences: they carry the numbers, say what is clear, and hold in both languages."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest

from ops_core import Period
from ops_core.analyses import resurrection, retention, retention_compare, retention_value, streaks
from ops_core.analyses.retention import RetentionQuery
from ops_core.charts import resurrection as back_charts
from ops_core.charts import retention_compare as compare_charts
from ops_core.charts import retention_curves as curves
from ops_core.charts import retention_value as value_charts
from ops_core.charts import retention_words as words
from ops_core.charts import streaks as streak_charts
from ops_core.charts.theme import DARK, LIGHT
from ops_core.locale import translator
from tests.oracles.random_events import random_events
from tests.support import workspace_of

EN, ZH = translator("en"), translator("zh")
WAYS = [(EN, LIGHT), (ZH, DARK)]


def weekly(returning: list[int], size: int = 200):
    """One cohort of `size` users per week from 5 January 2026 on, of whom so many are back the week after."""
    monday = dt.date(2026, 1, 5)
    rows = [("first", "open", "2025-12-30", None, "web")]
    for number, back in enumerate(returning):
        start = monday + dt.timedelta(weeks=number)
        for user in range(size):
            name, source = f"w{number}u{user}", "app" if user < 60 else "web"
            rows.append((name, "open", start.isoformat(), 2.5, source))
            if user < back:
                rows.append((name, "open", (start + dt.timedelta(days=8)).isoformat(), 1.0, source))
    frame = pd.DataFrame(rows, columns=["user_id", "event", "occurred_at", "value", "user.source"])
    end = monday + dt.timedelta(weeks=len(returning) + 1)
    return workspace_of(frame, as_of=end.isoformat())


def answer(workspace, start: str = "2025-12-29", end: str = "2026-02-23", **options):
    return retention.analyze(workspace, RetentionQuery(Period(start, end), "week", 3, **options))


def test_the_change_from_month_to_month_is_told_with_its_interval():
    with weekly([50, 50, 50, 50, 80, 80, 80]) as workspace:
        more = answer(workspace)
    with weekly([50] * 7) as workspace:
        same, alone = answer(workspace), answer(workspace, "2026-01-05", "2026-01-19")
        recurring = answer(workspace, mode="recurring")
        days = retention.analyze(workspace, RetentionQuery(Period("2026-01-05", "2026-01-19"), "day", 9))
    # 240 of 600 against 200 of 800: 15.0 pp
    sentence = curves.change_sentence(more, EN, 1).replace("\u00a0", " ")
    assert "The Feb 2026 cohorts keep 15.0 pp more at week 1 than the Jan 2026 cohorts" in sentence
    assert "+10.1 to +19.9 pp" in sentence
    assert "40.0% of 600 against 25.0% of 800" in sentence
    assert "多留住 15.0 个百分点" in curves.change_sentence(more, ZH, 1)
    assert curves.change_sentence(same, EN, 1).startswith("No clear change at week 1")
    assert "nothing to compare with yet" in curves.change_sentence(alone, EN, 1)
    assert "95% interval" in curves.change_sentence(recurring, EN, 1)
    assert "week of 12" in curves.change_sentence(days, EN, 8).replace("\u00a0", " ")


def test_groups_are_told_apart_only_where_the_test_does():
    with weekly([50, 50, 50]) as workspace:
        found = answer(workspace, breakdown="user.source")
        whole = answer(workspace)
    # app: 50 of 60 each week are back, web: none; the data's first user is of the web.
    table = retention_compare.against_rest(found).set_index(["group", "offset"])
    assert table.loc[("app", 1), ["eligible", "share", "rest_share"]].tolist() == pytest.approx([180, 50 / 60, 0])
    assert curves.curves_title(found, EN).startswith("app: 83.3 pp more come back at week 1 than of all others")
    assert curves.curves_title(whole, EN) == "How retention runs over time"
    assert retention_compare.against_rest(whole).empty
    for t, palette in WAYS:
        lines = [trace for trace in curves.draw_curves(found, t, palette).data if trace.name]
        assert [trace.name for trace in lines] == ["web", "app"]
        by_cohort = [trace for trace in curves.draw_curves(whole, t, palette, "cohort").data if trace.name]
        assert len(by_cohort) == 3  # two columns reached: cohorts of 29 December, 5 and 12 January
    assert [trace.y[0] for trace in by_cohort] == [0.25, 0.25, 0]


def test_comparisons_say_what_is_clear_and_why_nothing_is():
    names = ("late", "early")
    with weekly([50, 50, 80, 80]) as workspace:
        late, early = answer(workspace, "2026-01-19", "2026-02-02"), answer(workspace, "2026-01-05", "2026-01-19")
        first = answer(workspace, "2025-12-29", "2026-01-05")
        again = [answer(workspace, *span, mode="recurring") for span in (("2026-01-12", "2026-01-19"),
                                                                         ("2026-01-05", "2026-01-12"))]  # fmt: skip
        shared = retention_compare.compare(*again)
    found = retention_compare.compare(late, early)
    assert compare_charts.title(found, EN, names).startswith("15.0 pp more of late come back at week 1 than of early")
    back = retention_compare.compare(early, late)
    assert "15.0 pp fewer" in compare_charts.title(back, EN, names)
    assert "no cohort" in compare_charts.title(retention_compare.compare(early, first), EN, names)
    assert "No clear difference" in compare_charts.title(shared, EN, names)
    for t, palette in WAYS:
        fig = compare_charts.draw(found, t, names, palette)
        lines = {trace.name: list(trace.y) for trace in fig.data if trace.name}
        assert lines["late"][0] == pytest.approx(0.4)
        assert lines["early"][0] == pytest.approx(0.25)
    table = compare_charts.table(found, EN)
    assert table["column"].tolist() == ["Week 1", "Week 2"][: len(table)]


def test_value_is_drawn_up_to_and_inside_each_period():
    with weekly([50, 50]) as workspace:
        query = RetentionQuery(Period("2026-01-05", "2026-01-19"), "week", 3)
        found = retention_value.analyze(workspace, query)
    # 200 × 2.5, then 50 × 1.0 the week after: 2.50, then 2.75 per user.
    for t, palette in WAYS:
        so_far = next(trace for trace in value_charts.draw(found, t, palette).data if trace.name)
        each = next(trace for trace in value_charts.draw(found, t, palette, "each").data if trace.name)
        assert list(so_far.y)[:2] == pytest.approx([2.5, 2.75])
        assert list(each.y)[:1] == pytest.approx([0.25])
        assert value_charts.title(found, t)
        assert value_charts.remark(found, t) == ""
    assert len(value_charts.table(found, EN)) == len(so_far.y)


def test_refunds_and_missing_amounts_are_told():
    rows = [("ann", "buy", "2026-01-05", 5), ("ann", "buy", "2026-01-13", -9), ("old", "buy", "2025-12-29", 1),
            ("cat", "look", "2026-01-12", None)]  # fmt: skip
    with workspace_of(rows, as_of="2026-02-01") as workspace:
        found = retention_value.analyze(workspace, RetentionQuery(Period("2026-01-05", "2026-01-12"), "week", 2))
        none = retention_value.analyze(workspace, RetentionQuery(Period("2026-01-12", "2026-01-19"), "week", 1))
    assert value_charts.remark(found, EN) == (
        "1 of 2 amounts are refunds; they are taken off. In some periods refunds outweigh purchases."
    )
    assert "退款多于消费" in value_charts.remark(found, ZH)
    assert "Who comes back is answered above" in value_charts.remark(none, EN)
    assert value_charts.title(none, EN) == "These users have brought no revenue"
    value_charts.draw(none, ZH, DARK)


def test_streaks_and_silences_are_drawn_and_told():
    frame = random_events(3, dt.datetime(2026, 1, 1), 90)
    with workspace_of(frame, as_of="2026-03-20") as workspace:
        period = Period("2026-01-15", "2026-03-25")
        found = streaks.analyze(workspace, streaks.StreakQuery(period, "week"))
        silent = resurrection.analyze(workspace, resurrection.ResurrectionQuery(period, "week"))
        early = Period("2025-01-01", "2025-02-01")
        nobody = streaks.analyze(workspace, streaks.StreakQuery(early, "week"))
        nothing = resurrection.analyze(workspace, resurrection.ResurrectionQuery(early, "week"))
    for t, palette in WAYS:
        longest, current = streak_charts.draw(found, t, palette).data
        assert sum(longest.y) == pytest.approx(1)
        assert sum(current.y) == pytest.approx(1)
        assert streak_charts.title(found, t)
        assert streak_charts.subtitle(found, t)
        line = next(trace for trace in back_charts.draw(silent, t, palette).data if trace.name)
        assert line.y[0] == pytest.approx(silent.by_silence["share"].iloc[0])
        rows = silent.by_bucket[~silent.by_bucket["partial"] & (silent.by_bucket["dormant"] > 0)]
        line = next(trace for trace in back_charts.draw_by_bucket(silent, t, palette).data if trace.name)
        assert list(line.y) == pytest.approx(rows["share"].tolist())
        assert back_charts.title(silent, t)
        for draw, empty in ((streak_charts.draw, nobody), (back_charts.draw, nothing)):
            draw(empty, t, palette)
    assert streak_charts.title(nobody, EN) == "Nobody was active in a complete period"
    assert "No silence" in back_charts.title(nothing, EN)


@pytest.mark.parametrize(
    ("back", "weeks", "told", "said"),
    [
        # Of 100 silences so many end after one silent week, and so many of those left after two.
        ((50, 10), 4, "60.0% of the silences end within 2 weeks; the chance for the next one falls from 50.0% to 20.0%",
         "回流率由 50.0% 降至 20.0%"),
        ((20, 40), 4, "60.0% of the silences end within 2 weeks; the chance for the next one rises from 20.0% to 50.0%",
         "回流率由 20.0% 升至 50.0%"),
        ((50, 25), 4, "75.0% of the silences end within 2 weeks; the chance for the next one begins and ends at 50.0%",
         "回流率首尾都是 50.0%"),
        # Followed for one silent week only: there is no later chance to compare with.
        ((34, 0), 3, "34.0% of the silences end within 1 weeks", "有 34.0% 会回来"),
    ],
)  # fmt: skip
def test_the_chance_is_said_to_fall_only_where_it_does(back: tuple[int, int], weeks: int, told: str, said: str):
    monday = dt.date(2026, 3, 2)
    rows = [(f"u{user}", "open", monday.isoformat()) for user in range(100)]
    returns = [2] * back[0] + [3] * back[1]
    rows += [(f"u{user}", "open", (monday + dt.timedelta(weeks=week)).isoformat()) for user, week in enumerate(returns)]
    end = monday + dt.timedelta(weeks=weeks)
    with workspace_of(rows, as_of=end.isoformat()) as workspace:
        found = resurrection.analyze(workspace, resurrection.ResurrectionQuery(Period(monday, end), "week"))
    assert back_charts.title(found, EN).replace("\u00a0", " ") == told
    assert back_charts.title(found, ZH).endswith(said)


def test_what_the_data_cannot_tell_is_a_sentence_with_a_way_on():
    with workspace_of([("ann", "open", "2026-03-02"), ("ann", "open", "2026-03-03")], as_of="2026-03-08") as workspace:
        result = retention.analyze(workspace, RetentionQuery(Period("2026-03-02", "2026-03-04"), "day", 2))
        empty = retention.analyze(workspace, RetentionQuery(Period("2026-03-04", "2026-03-06"), "day", 1))
    for t in (EN, ZH):
        assert len(words.remarks(result, t)) == 2
        assert len(words.remarks(empty, t)) == 1
    censored, alone = words.remarks(result, EN)
    assert "sign-up times" in censored
    assert "can still be answered" in censored
    assert "Its own retention stands" in alone
    assert "Choose a longer period" in words.remarks(empty, EN)[0]
