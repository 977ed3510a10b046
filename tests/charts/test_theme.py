"""The pieces of a chart: settings that plotly knows, names that stay text, time that stays even."""

from __future__ import annotations

import time

import plotly.graph_objects as go
import pytest

from ops_core.charts import theme
from ops_core.charts.palette import DARK, LIGHT, Palette


def everything(palette: Palette) -> theme.Sheet:
    fig = theme.figure(palette, height=300, right=110)
    fig.add_bar(x=[1, 2], y=[0, 1], orientation="h", marker=theme.hatch(palette))
    theme.row_name(fig, palette, 0, "<b>Pay</b> & go", "n = 9")
    theme.number_column(fig, palette, [(0, "1"), (1, "<2")], inset=50, bold=True, color=[palette.good, palette.bad])
    theme.number_header(fig, palette, "share")
    theme.whisker(fig, palette, 0, 0.9, 1.1)
    theme.interval(fig, palette, 1, 2, 1.5, 2.5, clear=False, hover="told")
    theme.interval(fig, palette, 1, 2, 1.5, 2.5, vertical=True, symbol="square")
    theme.band(fig, [0, 1, 2], [1, 1, 1], [2, 3, 2], palette.accent)
    theme.end_label(fig, palette, 2, 2, "end")
    theme.partial(fig, palette, [1, 2], [1, 2])
    theme.reference(fig, palette, y=1)
    theme.reference(fig, palette, x=1, solid=True)
    theme.event_line(fig, palette, 1, 1, "released")
    theme.frame_cell(fig, palette, 1, 1)
    return fig


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=lambda palette: palette.name)
def test_every_setting_is_one_that_plotly_knows(palette: Palette):
    fig = everything(palette)
    again = go.Figure(fig.to_dict())  # checks each name and value, which the fast path does not
    assert len(again.layout.annotations) == len(fig.layout.annotations) == 7
    assert len(again.layout.shapes) == len(fig.layout.shapes) == 5
    plain = again.to_dict()
    plain["layout"].pop("template")  # plotly gives one to each figure that has none
    assert plain == fig.to_dict()


@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=lambda palette: palette.name)
def test_a_browser_is_told_that_the_data_it_shows_again_are_the_same(palette: Palette):
    layout = everything(palette).to_dict()["layout"]
    assert "template" not in layout
    assert layout["datarevision"] == 0


def test_notes_added_after_the_first_look_are_seen_too():
    fig = theme.figure(LIGHT)
    assert len(fig.layout.annotations) == 0
    fig.add_annotation(text="one", x=0, y=0, font_color="#123456", font={"size": 9})
    assert fig.layout.annotations[0].font.color == "#123456"
    assert fig.layout.annotations[0].font.size == 9
    fig.add_annotation(text="two", x=0, y=0)
    assert [note.text for note in fig.layout.annotations] == ["one", "two"]


def test_axes_are_changed_piece_by_piece():
    fig = theme.figure(LIGHT)
    fig.update_xaxes(range=[0, 2], tickfont_size=9)
    fig.update_xaxes(tickfont={"weight": 600}, visible=False)
    axis = fig.layout.xaxis
    assert (axis.range, axis.tickfont.size, axis.tickfont.weight, axis.visible) == ((0, 2), 9, 600, False)
    assert axis.tickfont.color == LIGHT.ink2
    assert fig.layout.yaxis.visible is None
    assert theme.figure(LIGHT).layout.xaxis.range is None, "a figure's changes are its own"


def test_a_name_from_a_file_stays_text():
    texts = [note.text for note in everything(LIGHT).layout.annotations]
    assert any("&lt;b&gt;Pay&lt;/b&gt; &amp; go" in text for text in texts)
    assert "<b>&lt;2</b>" in texts


def test_numbers_keep_their_place_at_every_width():
    # Right margin 110 px, 50 px in from the edge: 60 px to the right of the plot, whatever its width.
    numbers = [note for note in everything(LIGHT).layout.annotations if note.text == "<b>1</b>"]
    assert [(note.xref, note.x, note.xshift, note.xanchor) for note in numbers] == [("paper", 1, 60, "right")]


def test_four_times_the_notes_take_about_four_times_as_long():
    def seconds(count: int) -> float:
        fig = theme.figure(LIGHT)
        begun = time.perf_counter()
        for y in range(count):
            theme.row_name(fig, LIGHT, y, "name")
        return time.perf_counter() - begun

    few, many = min(seconds(50) for _ in range(5)), min(seconds(200) for _ in range(5))
    assert many < 8 * few, "plotly's own way takes sixteen times as long"
