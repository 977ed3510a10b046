"""Colours: readable, distinguishable, and the same in the app's configuration as in the charts."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from ops_core.charts.palette import DARK, LIGHT, Palette, contrast, faded, text_on

THEMES = tomllib.loads((Path(__file__).resolve().parents[2] / ".streamlit" / "config.toml").read_text())["theme"]
BOTH = pytest.mark.parametrize("palette", [LIGHT, DARK], ids=lambda palette: palette.name)


def test_contrast_is_the_published_ratio():
    # WCAG 2: black on white is 21, and #767676 is the lightest grey that reaches 4.5 on white (4.54).
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21)
    assert contrast("#767676", "#FFFFFF") == pytest.approx(4.54, abs=0.005)


@BOTH
def test_text_is_readable(palette: Palette):
    texts = {name: getattr(palette, name) for name in ("ink", "ink2", "accent", "good", "bad")}
    too_pale = {name: color for name, color in texts.items() if contrast(color, palette.bg) < 4.5}
    badges = (palette.badge_good, palette.badge_bad, palette.badge_warn, palette.badge_info, palette.badge_neutral)
    assert too_pale == {}
    assert [badge for badge in badges if contrast(*badge) < 5.4] == []


@BOTH
def test_the_numbers_on_a_heat_map_are_readable_at_every_shade(palette: Palette):
    shades = [palette.heat(step / 50) for step in range(51)] + [palette.difference(step / 25 - 1) for step in range(51)]
    assert [shade for shade in shades if contrast(text_on(shade), shade) < 4.5] == []


@BOTH
def test_marks_stand_out_from_the_page(palette: Palette):
    assert [color for color in (*palette.categorical, palette.comp) if contrast(color, palette.bg) < 3] == []


@BOTH
def test_heat_goes_through_its_steps(palette: Palette):
    assert palette.heat(0) == palette.sequential[0].upper()
    assert palette.heat(1) == palette.heat(7) == palette.sequential[-1].upper()
    assert palette.difference(-1) == palette.diverging[0].upper()
    # Half way between the last two of ten steps: 8.5 of 9.
    halfway = [
        (int(a, 16) + int(b, 16)) / 2 for a, b in zip(*(_parts(c) for c in palette.sequential[-2:]), strict=True)
    ]
    assert [int(part, 16) for part in _parts(palette.heat(8.5 / 9))] == [round(part) for part in halfway]


@BOTH
def test_change_is_coloured_only_when_clear_and_by_what_is_good(palette: Palette):
    assert palette.change(0.1) == palette.change(-0.1, "down") == palette.good
    assert palette.change(-0.1) == palette.change(0.1, "down") == palette.bad
    unsaid = {
        palette.change(0),
        palette.change(float("nan")),
        palette.change(1, clear=False),
        palette.change(1, "neither"),
    }
    assert unsaid == {palette.ink2}


@BOTH
def test_the_app_wears_the_charts_colours(palette: Palette):
    theme = THEMES[palette.name]
    wanted = {
        "primaryColor": palette.accent, "backgroundColor": palette.bg, "secondaryBackgroundColor": palette.surface,
        "textColor": palette.ink, "borderColor": palette.border, "greenColor": palette.good, "redColor": palette.bad,
        "grayColor": palette.ink2, "greenTextColor": palette.badge_good[0], "redBackgroundColor": palette.badge_bad[1],
        "chartCategoricalColors": list(palette.categorical), "chartSequentialColors": list(palette.sequential),
        "chartDivergingColors": list(palette.diverging),
    }  # fmt: skip
    assert {name: theme[name] for name in wanted} == wanted


def test_faded_keeps_the_channels():
    assert faded("#2457A6", 0.14) == "rgba(36,87,166,0.14)"


def _parts(color: str) -> list[str]:
    return [color[1:3], color[3:5], color[5:7]]
