"""What separates those who convert, drawn: the numbers in the marks, the colours only where it is clear."""

from __future__ import annotations

import plotly.graph_objects as go
import pytest

from ops_core import Period
from ops_core.analyses import funnel_drivers
from ops_core.analyses.funnel import FunnelQuery
from ops_core.analyses.funnel_drivers import DriverQuery, DriverResult
from ops_core.charts import funnel_drivers as charts
from ops_core.charts.theme import DARK, LIGHT
from ops_core.demo import TRUTHS
from ops_core.locale import translator


@pytest.fixture(scope="module")
def result(demo_workspace) -> DriverResult:
    period = Period(TRUTHS.incident_start, TRUTHS.incident_end)
    return funnel_drivers.analyze(demo_workspace, DriverQuery(FunnelQuery(("submit_order", "pay"), period, 86_400)))


@pytest.fixture(scope="module")
def quiet(demo_workspace) -> DriverResult:
    """Two days: nothing is clear."""
    query = FunnelQuery(("begin_checkout", "submit_order"), Period("2026-09-10", "2026-09-12"), 86_400)
    return funnel_drivers.analyze(demo_workspace, DriverQuery(query))


def dots(fig: go.Figure) -> list[tuple[float, str]]:
    return [(trace.x[0], trace.hovertemplate) for trace in fig.data if trace.mode == "markers"]


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_each_tested_trait_is_a_dot_at_its_adjusted_difference(result: DriverResult, palette, language: str):
    t = translator(language)
    fig = charts.draw(result, t, palette)
    go.Figure(fig.to_dict())  # checks each setting
    rows = charts.shown(result)
    assert [place for place, _ in dots(fig)] == pytest.approx((100 * rows["adjusted"]).tolist())
    for (_, told), row in zip(dots(fig), rows.itertuples(), strict=True):
        assert t.number(row.n_with) in told
        assert t.number(row.converted_without) in told


def test_only_clear_traits_are_coloured_and_pointed(result: DriverResult):
    t = translator("en")
    fig = charts.draw(result, t)
    texts = [note.text for note in fig.layout.annotations]
    rows = charts.shown(result)
    assert sum("▲" in text or "▼" in text for text in texts) == rows["is_clear"].sum() > 0
    filled = [trace.marker.color != LIGHT.bg for trace in fig.data if trace.mode == "markers"]
    assert filled == rows["is_clear"].tolist()


def test_the_title_tells_the_largest_clear_trait_or_that_there_is_none(result: DriverResult, quiet: DriverResult):
    t = translator("en")
    points = t.points(abs(result.traits["adjusted"].iloc[0])).lstrip("+")
    assert charts.title(result, t) == f"platform = Android: converts {points} points less often than comparable users"
    assert charts.title(quiet, t) == "No trait separates those who convert by more than chance"
    assert quiet.clear.empty


def test_the_table_says_what_is_too_few(result: DriverResult):
    t = translator("en")
    frame = charts.readable(result, t)
    assert (frame["verdict"] == "too few to say").sum() == result.traits["too_few"].sum()
    assert "search in the 28 days before" in set(frame["trait"])
    assert charts.definition(result, t).startswith(f"{result.n_entered:,} users who entered")
