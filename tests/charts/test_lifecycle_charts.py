"""Life cycle, stickiness and overview: the traces hold the result's numbers, words claim what is there."""

from __future__ import annotations

import datetime as dt

import pytest

from ops_core import Period
from ops_core.analyses import kpis, lifecycle, stickiness
from ops_core.charts import lifecycle as charts
from ops_core.charts import overview
from ops_core.charts import stickiness as sticky
from ops_core.charts.theme import DARK, LIGHT
from ops_core.locale import translator
from tests.oracles.random_events import random_events
from tests.support import workspace_of

EN, ZH = translator("en"), translator("zh")


@pytest.fixture(scope="module")
def shop():
    frame = random_events(seed=4, start=dt.datetime(2026, 1, 5), days=100, n_users=80, n_events=1600)
    with workspace_of(frame, as_of="2026-04-09") as workspace:
        yield workspace


def test_bars_stack_to_active_users_and_running_buckets_are_apart(shop):
    result = lifecycle.analyze(shop, lifecycle.LifecycleQuery(Period("2026-02-02", "2026-04-13"), "week"))
    fig = charts.draw_flow(result, EN, LIGHT)
    above, below, hatched = {}, {}, set()
    for trace in fig.data:
        for label, value in zip(trace.x, trace.y, strict=True):
            side = below if trace.name == "Newly dormant" else above
            side[label] = side.get(label, 0) + value
            if trace.marker.pattern.shape:
                hatched.add(label)
    labels = [charts.bucket_text(result, bucket, EN) for bucket in result.flow["bucket"]]
    assert [above[label] for label in labels] == result.flow["active"].tolist()
    complete = result.complete
    assert [below[label] for label in labels[: len(complete)]] == (-complete["newly_dormant"]).tolist()
    # As-of is 9 April: the week of the 6th is still running and nobody can be called dormant in it.
    assert hatched == {labels[-1]}
    assert labels[-1] not in below


def test_a_first_week_that_begins_before_the_data_is_hatched_too():
    rows = [("ann", "open", f"2026-03-{day:02d} 10:00") for day in range(4, 30)]  # the 4th is a Wednesday
    with workspace_of(rows, as_of="2026-03-30") as workspace:
        weeks = lifecycle.analyze(workspace, lifecycle.LifecycleQuery(Period("2026-03-02", "2026-03-30"), "week"))
        days = lifecycle.analyze(workspace, lifecycle.LifecycleQuery(Period("2026-03-04", "2026-03-30"), "day"))
    assert weeks.flow["begins_early"].tolist() == [True, False, False, False]
    hatched = {x for trace in charts.draw_flow(weeks, EN, LIGHT).data if trace.marker.pattern.shape for x in trace.x}
    assert hatched == {charts.bucket_text(weeks, weeks.flow["bucket"].iloc[0], EN)}
    assert not days.flow["begins_early"].any()


@pytest.mark.parametrize("palette", [LIGHT, DARK])
@pytest.mark.parametrize("t", [EN, ZH], ids=["en", "zh"])
def test_everything_draws_in_both_themes_and_languages(shop, palette, t):
    for grain in ("day", "week", "month", "quarter"):
        result = lifecycle.analyze(shop, lifecycle.LifecycleQuery(Period("2026-01-05", "2026-04-13"), grain))
        assert charts.draw_flow(result, t, palette).data
        assert charts.draw_quick_ratio(result, t, palette).layout.height
        assert charts.headline(result, t)
        assert charts.paragraph(result, t) or len(result.complete) < 2
    stages = lifecycle.stages(shop)
    assert len(charts.draw_stages(stages, t, palette).data) == 2 * len(lifecycle.STAGES)
    flows = charts.draw_moves(stages, t, palette).data[0].link.value
    assert sum(flows) == stages.n_users
    assert charts.stages_title(stages, t)
    assert charts.moves_title(stages, t)
    often = stickiness.analyze(shop, stickiness.StickinessQuery(Period("2026-03-01", "2026-03-29"), "day"))
    assert sum(sticky.draw(often, t, palette).data[0].y) == pytest.approx(1)
    assert sticky.title(often, t)


def test_the_headline_counts_who_came_and_who_left():
    rows = [("ann", "open", "2026-01-05"), ("ann", "open", "2026-01-12"), ("bob", "open", "2026-01-12")]
    rows += [("cy", "open", "2026-01-20"), ("dan", "open", "2026-01-20"), ("eve", "open", "2026-01-20")]
    # Week of the 19th: 3 active against 2 before; 3 came (all new), 2 left.
    with workspace_of(rows, as_of="2026-01-26") as workspace:
        result = lifecycle.analyze(workspace, lifecycle.LifecycleQuery(Period("2026-01-05", "2026-01-26"), "week"))
    assert charts.headline(result, EN) == "Last week 3 users were active, 1 more: 3 came, 2 left"
    assert charts.headline(result, ZH) == "上周活跃 3 人，多了 1 人：来了 3 人，走了 2 人"


def test_a_week_that_others_follow_is_called_by_its_days():
    # The weeks of 5 and 12 January; the data goes on for two more, so neither is last week.
    rows = [("ann", "open", "2026-01-05"), ("ann", "open", "2026-01-12"), ("bob", "open", "2026-01-13")]
    with workspace_of(rows, as_of="2026-02-02") as workspace:
        flow = lifecycle.analyze(workspace, lifecycle.LifecycleQuery(Period("2026-01-05", "2026-01-19"), "week"))
        then = kpis.analyze(workspace, kpis.KpiQuery(until="2026-01-19"))
        latest = kpis.analyze(workspace, kpis.KpiQuery())
    assert charts.headline(flow, EN).replace("\u00a0", " ").startswith("12–18 Jan: 2 users were active, 1 more")
    assert "上周" not in charts.headline(flow, ZH)
    assert (then.is_latest, latest.is_latest) == (False, True)
    assert "12–18" in overview.headline(then, EN)
    assert "last week" in overview.headline(latest, EN)


def test_a_week_in_a_sentence_is_its_days_not_its_first_day():
    rows = [("ann", "open", "2026-01-05"), ("ann", "open", "2026-01-12"), ("bob", "open", "2026-01-13")]
    with workspace_of([*rows, ("ann", "open", "2026-01-19")], as_of="2026-01-26") as workspace:
        weeks = lifecycle.analyze(workspace, lifecycle.LifecycleQuery(Period("2026-01-05", "2026-01-26"), "week"))
        days = lifecycle.analyze(workspace, lifecycle.LifecycleQuery(Period("2026-01-05", "2026-01-26"), "day"))
    for words in (charts.paragraph, charts.identities):
        assert words(weeks, EN).replace("\u00a0", " ").startswith("19–25 Jan: ")
        assert words(weeks, ZH).replace("\u2060", "").startswith("1月19日至25日：")
        assert words(days, ZH).replace("\u2060", "").startswith("1月25日：")


def test_the_first_bar_says_that_the_data_begin_there(shop):
    for first, is_said in (("2026-01-05", True), ("2026-01-19", False)):
        result = lifecycle.analyze(shop, lifecycle.LifecycleQuery(Period(first, "2026-04-13"), "week"))
        said = [note.text for note in charts.draw_flow(result, EN, LIGHT).layout.annotations]
        assert ("data begin: all are new" in said) == is_said
        assert "hatched: incomplete" in said


def test_the_line_of_the_quick_ratio_breaks_where_nobody_was_lost():
    # Nobody is lost in the week of the 19th, where ann and bob both come back.
    seen = {"ann": (5, 12, 19), "bob": (12, 19, 26), "cy": (5,), "dan": (26,), "eve": (28,)}
    rows = [(user, "open", f"2026-01-{day:02}") for user, days in seen.items() for day in days]
    with workspace_of(rows, as_of="2026-02-02") as workspace:
        result = lifecycle.analyze(workspace, lifecycle.LifecycleQuery(Period("2026-01-05", "2026-02-02"), "week"))
    line = charts.draw_quick_ratio(result, EN, LIGHT).data[0]
    assert [charts.bucket_text(result, bucket, EN) for bucket in result.flow["bucket"][1:]] == list(line.x)
    assert list(line.y) == pytest.approx([1.0, float("nan"), 2.0], nan_ok=True)
    assert not line.connectgaps


def test_a_line_without_any_ratio_is_drawn_all_the_same():
    rows = [("ann", "open", "2026-01-05"), ("ann", "open", "2026-01-12")]
    with workspace_of(rows, as_of="2026-01-19") as workspace:
        result = lifecycle.analyze(workspace, lifecycle.LifecycleQuery(Period("2026-01-05", "2026-01-19"), "week"))
    assert charts.draw_quick_ratio(result, EN, LIGHT).layout.yaxis.range[1] > 1


def test_the_words_do_not_call_dormant_what_is_not_churned(shop):
    result = lifecycle.analyze(shop, lifecycle.LifecycleQuery(Period("2026-02-02", "2026-04-13"), "week"))
    stock = int(result.complete["dormant_stock"].iloc[-1])
    assert f"Of all who were ever active before, {stock} stayed away." in charts.paragraph(result, EN)
    assert "沉默用户共" not in charts.paragraph(result, ZH)
    drawn = charts.draw_stages(lifecycle.stages(shop), EN, LIGHT)
    assert any("never active included" in (note.text or "") for note in drawn.layout.annotations)


def test_tiles_colour_only_what_is_unusual(shop):
    result = kpis.analyze(shop, kpis.KpiQuery())
    shown = overview.tiles(result, EN)
    assert [tile.kpi for tile in shown] == list(kpis.KPIS)
    for tile in shown:
        row = result.tile(tile.kpi)
        assert (tile.tone != "neutral") == bool(row["is_unusual"])
        assert tile.arrow == ("up" if row["change"] > 0 else "down" if row["change"] < 0 else "off")
        assert len(tile.history) <= overview.SPARK_WEEKS
    unusual = int(result.tiles["is_unusual"].sum())
    assert overview.headline(result, EN).startswith(f"{unusual} figure" if unusual else "A normal week")
    assert len(overview.table(result, ZH)) == len(kpis.KPIS)


def test_without_money_no_money_tiles():
    rows = [(f"u{day % 5}", "open", (dt.date(2026, 1, 5) + dt.timedelta(days=day)).isoformat()) for day in range(28)]
    with workspace_of(rows, as_of="2026-02-02") as workspace:
        result = kpis.analyze(workspace, kpis.KpiQuery())
    kinds = {tile.kpi for tile in overview.tiles(result, EN)}
    assert kinds == {"active_users", "new_users", "activation", "week1_retention", "stickiness"}
    assert "Revenue" not in overview.paragraph(result, EN)
    # Three weeks of history cannot say what is normal, and the words do not pretend to know.
    assert "normal" not in overview.headline(result, EN)
