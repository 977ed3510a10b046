"""The funnel's charts and words carry the result's numbers, and claim a move only where the test says so."""

from __future__ import annotations

import json

import pytest

from ops_core import Period, Workspace
from ops_core.analyses import funnel
from ops_core.charts import funnel as charts
from ops_core.charts import funnel_words as words
from ops_core.charts.theme import DARK, LIGHT
from ops_core.locale import translator
from tests.support import workspace_of

DAY = 86_400
T = translator("en")


def rows(week: int, n: int, n_carts: int, n_paid: int) -> list[tuple]:
    found = []
    for user in range(n):
        name, day = f"w{week}u{user}", f"2026-01-{week * 7 + 5:02d}"
        found.append((name, "view", f"{day} 10:00"))
        found += [(name, "cart", f"{day} 10:05")] if user < n_carts else []
        found += [(name, "pay", f"{day} 11:00")] if user < n_paid else []
    return found


@pytest.fixture(scope="module")
def workspace() -> Workspace:
    # First week 200 → 100 → 80, second and third week 200 → 100 → 40: only the payment step moved, once.
    three = rows(0, 200, 100, 80) + rows(1, 200, 100, 40) + rows(2, 200, 100, 40)
    with workspace_of(three, as_of="2026-03-01 00:00") as made:
        yield made


def week(workspace: Workspace, first: str, last: str, **options: object) -> funnel.FunnelResult:
    query = funnel.FunnelQuery(("view", "cart", "pay"), Period(first, last), DAY, **options)
    return funnel.analyze(workspace, query)


@pytest.fixture(scope="module")
def pair(workspace) -> funnel.FunnelComparison:
    return funnel.compare(week(workspace, "2026-01-12", "2026-01-19"), week(workspace, "2026-01-05", "2026-01-12"))


def test_the_comparison_finds_the_step_that_moved(pair):
    steps = pair.steps.set_index("name")
    assert (steps.loc["pay", "share"], steps.loc["pay", "reference_share"]) == (0.4, 0.8)
    assert steps.loc["pay", "difference"] == pytest.approx(-0.4)
    assert steps["is_clear"].to_dict() == {"cart": False, "pay": True}
    # Holm over two steps: the smaller p is doubled.
    assert steps.loc["pay", "p_adjusted"] == pytest.approx(2 * steps.loc["pay", "p_value"])
    assert words.headline(pair.first, T, pair, "the week before") == (
        "pay fell 40.0 points on the week before; no other step moved measurably"
    )
    assert "p < 0.001" in words.paragraph(pair.first, T, "Last week", pair, "the week before")


def test_nothing_moved_is_said_so(workspace):
    same = week(workspace, "2026-01-19", "2026-01-26")
    found = funnel.compare(same, week(workspace, "2026-01-12", "2026-01-19"))
    assert words.headline(same, T, found, "the week before") == "No step moved measurably on the week before"


@pytest.mark.parametrize(
    ("first", "last"),
    [("2026-01-05", "2026-01-12"), ("2026-01-05", "2026-01-11"), ("2026-01-05T00:00+00:00", "2026-01-12T00:00+00:00")],
)
def test_funnels_of_one_time_that_share_users_are_not_tested(workspace, first: str, last: str):
    one = week(workspace, "2026-01-05", "2026-01-12")
    found = funnel.compare(one, week(workspace, first, last))
    assert found.n_shared == 200
    assert found.steps["p_value"].isna().all()
    assert words.headline(one, T, found, "others").startswith("The two groups share people")


def test_bars_hold_shares_and_losses(pair):
    fig = charts.draw(pair.first, T, LIGHT, pair.second)
    bars, lost, before = fig.data
    assert list(bars.x) == [1.0, 0.5, 0.2]
    assert list(lost.x) == pytest.approx([0.0, 0.5, 0.3])
    assert list(before.x) == [1.0, 0.5, 0.4]
    texts = [note.text for note in fig.layout.annotations]
    assert "60 lost, 60%" in texts
    assert "<b>20.0%</b>" in texts


def test_every_chart_draws_in_both_themes_and_languages(pair, workspace):
    grouped = week(workspace, "2026-01-05", "2026-01-19", breakdown="value")
    nobody = week(workspace, "2025-01-05", "2025-01-19")
    for language in ("en", "zh"):
        t = translator(language)
        for palette in (LIGHT, DARK):
            figures = [
                charts.draw(nobody, t, palette),
                charts.draw_times(nobody, t, palette),
                charts.draw_trend(nobody.trend("week"), t, palette),
                charts.draw_differences(pair, t, palette),
                charts.draw_groups(grouped, t, palette),
                charts.draw_groups(pair.first, t, palette, 3, pair),
                charts.draw_times(pair.first, t, palette, pair.second),
                charts.draw_trend(pair.first.trend("day"), t, palette),
            ]
            assert all(json.loads(figure.to_json())["layout"]["height"] for figure in figures)
        assert words.headline(nobody, t)


def test_times_and_trend_hold_their_numbers(pair):
    times = charts.draw_times(pair.first, T)
    assert sum(times.data[0].y) == pytest.approx(1)  # all paid after an hour
    trend = pair.first.trend("day")
    line = next(trace for trace in charts.draw_trend(trend, T).data if trace.mode == "lines+markers")
    assert list(line.y) == [0.2]


def test_windows_and_spans_read_naturally():
    assert words.window_text(7 * DAY, T) == "7 days"
    assert words.window_text(5_400, T) == "90 minutes"
    assert words.window_text(funnel.NATURAL_DAY, T) == "the same day"
    assert words.span_names([0, 60, 300, 900, 3600, 10_800], T) == ["<1 min", "1–5", "5–15", "15–60 min", "1–3 h"]
