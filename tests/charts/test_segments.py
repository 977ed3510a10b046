"""Segment charts and sentences."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from ops_core import Filter, Period, Segment, Workspace
from ops_core.analyses import rfm, segments
from ops_core.analyses.segments import SegmentQuery
from ops_core.charts import segments as charts
from ops_core.charts.theme import LIGHT
from ops_core.locale import translator
from tests.support import workspace_of

WEEK = Period("2026-03-08", "2026-03-15")


@pytest.fixture(scope="module")
def shop() -> Workspace:
    """200 users, half from each channel; all of `ads` come in the week, 3 in 10 of `invite`; 20 from `tv`."""
    rows = []
    for number in range(220):
        channel = "tv" if number >= 200 else ("ads", "invite")[number % 2]
        comes = channel == "ads" or number % 20 in (1, 3, 5)
        rows.append((f"u{number:03d}", channel, "open", "2026-03-02 10:00:00", None))
        if comes:
            rows.append((f"u{number:03d}", channel, "pay", f"2026-03-{8 + number % 7:02d} 10:00:00", 10 + number % 5))
    frame = pd.DataFrame(rows, columns=["user_id", "user.channel", "event", "occurred_at", "value"])
    return workspace_of(frame.assign(occurred_at=pd.to_datetime(frame["occurred_at"])), as_of="2026-03-25")


def test_dots_stand_at_the_values_and_the_headline_names_the_clearest(shop: Workspace):
    found = segments.analyze(shop, SegmentQuery("user.channel", WEEK))
    figure = charts.draw(found, translator("en"), kpi="active_share")
    dots = {trace.y[0]: trace for trace in figure.data if trace.mode == "markers"}
    assert [dots[place].x[0] for place in (0, 1, 2)] == [1.0, 0.3, 0.15]
    assert dots[0].marker.color == LIGHT.accent
    assert dots[1].marker.color == LIGHT.bad
    assert dots[2].marker.color == LIGHT.bg  # 20 users: too few to say
    shown = " ".join(annotation.text for annotation in figure.layout.annotations)
    assert "only 20: too few to say" in shown
    assert "▼ −70.0 pp" in shown
    assert charts.headline(found, translator("en")) == "invite: Active share 70.0 pp below ads"
    assert charts.headline(found, translator("zh")) == "「invite」的活跃率比「ads」低 70.0 个百分点"
    # tv's KPIs but activation: nobody was new in the week, so there is no value to show.
    assert charts.paragraph(found, translator("en")).endswith("shown but not judged: 4.")
    table = charts.overview(found, translator("en"))
    assert table[["segment", "users", "active_share"]].to_numpy().tolist() == [
        ["ads", 100, 1.0], ["invite", 100, 0.3], ["tv", 20, 0.15],
    ]  # fmt: skip
    # The values that rest on fewer than 30 users are named beside the others, each with its n.
    assert "Active share (n = 20)" in table["few"].iloc[2]
    assert "Active share" not in table["few"].iloc[0]


def test_the_definition_names_what_activates(shop: Workspace):
    found = segments.analyze(shop, SegmentQuery("user.channel", WEEK))
    by_event = replace(found, activation_event="首次下单")
    assert "those with a second active day in their" in charts.definition(found, translator("en"))
    assert "those with the event '首次下单' in their" in charts.definition(by_event, translator("en"))
    assert "前 7 天内有第二个活跃日的占比" in charts.definition(found, translator("zh"))
    assert "前 7 天内做过「首次下单」的占比" in charts.definition(by_event, translator("zh"))


def test_overlap_is_a_table_of_counts(shop: Workspace):
    ads = Segment("ads", (Filter("user.channel", "eq", "ads"),))
    found = segments.analyze(shop, SegmentQuery((Segment("all"), ads), WEEK))
    figure = charts.draw_overlap(found, translator("en"))
    assert list(figure.data[1].text) == ["220", "100", "100", "100"]
    assert figure.data[0].z.tolist() == [[1.0, 100 / 220], [1.0, 1.0]]
    assert not found.overlap_is_diagonal
    for language in ("en", "zh"):
        t = translator(language)
        assert charts.headline(found, t)
        assert "all" in charts.paragraph(found, t) or "ads" in charts.paragraph(found, t)


@pytest.mark.parametrize("scheme", ["classes", "names"])
def test_classes_show_buyers_beside_revenue(shop: Workspace, scheme: str):
    found = rfm.analyze(shop, rfm.RfmQuery(scheme))
    figure = charts.draw_classes(found, translator("zh"))
    filled = found.classes[found.classes["users"] > 0]
    bars = [trace.x[0] for trace in figure.data]
    assert bars[::2] == filled["share"].tolist()
    assert bars[1::2] == filled["revenue_share"].tolist()
    best = filled.loc[filled["revenue"].idxmax()]
    assert translator("zh").share(best["revenue_share"]) in charts.classes_headline(found, translator("zh"))
