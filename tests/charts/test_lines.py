"""What stands at lines and below them: labels that do not touch, names that have room."""

from __future__ import annotations

import pytest

from ops_core.charts.lines import end_names, label_width, spread_ticks
from ops_core.charts.palette import LIGHT
from ops_core.charts.theme import figure


@pytest.mark.parametrize("text", ["1 Apr", "2010年11月29日", "20 Dec 2010", "4月1日", "a very long name of a bucket"])
@pytest.mark.parametrize(("n", "right"), [(1, 0), (4, 14), (12, 100), (53, 24)])
def test_labels_below_the_plot_do_not_touch_on_a_phone(text: str, n: int, right: int):
    fig = figure(LIGHT, height=300, right=right)
    spread_ticks(fig, list(range(n)), [text] * n)
    places = fig.layout.xaxis.tickvals
    assert places[-1] == n - 1
    assert len(places) <= 5
    plot = 350 - right - (fig.layout.margin.l or 0)
    # Two labels, at least, stand even where they have to be very long.
    assert len(places) <= 2 or len(places) * label_width(text) < plot


def test_the_margin_holds_the_names_and_long_ones_are_cut():
    fig = figure(LIGHT, height=300, right=16)
    end_names(fig, LIGHT, [(1.0, 1, "payment_details 人数", "#000"), (2.0, 1, "x" * 60, "#000")], (0.0, 3.0))
    texts = [note.text for note in fig.layout.annotations]
    assert texts[0] == "payment_details 人数"
    assert texts[1].endswith("…")
    assert max(map(label_width, texts)) < fig.layout.margin.r <= 160
