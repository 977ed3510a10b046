"""The camera at a chart saves a picture of it, PNG or SVG, under the panel's name and with a ground of its own."""

from __future__ import annotations

import json

import pytest
from streamlit.testing.v1 import AppTest

from ops_core.charts.theme import DARK, LIGHT, figure


def page() -> None:
    """Two charts and the choice of one of them, drawn after the first chart as in a panel below."""
    import plotly.graph_objects as go
    import streamlit as st

    from ops_core.charts.theme import CONFIG
    from ops_core.locale import translator
    from ui import downloads

    t = translator(st.session_state.get("language", "en"))
    for name in ("first", "second"):
        st.plotly_chart(go.Figure(), config=downloads.with_picture(CONFIG, name, t), key=name)
        downloads.picture_choice(name, t)


def settings(app: AppTest) -> list[dict[str, object]]:
    return [json.loads(chart.proto.config) for chart in app.get("plotly_chart")]


def test_the_only_button_saves_the_chart_under_its_name():
    app = AppTest.from_function(page).run()
    first, second = settings(app)
    assert first["modeBarButtons"] == [["toImage"]]
    assert first["toImageButtonOptions"] == {"format": "png", "filename": "first", "scale": 2}
    assert second["toImageButtonOptions"]["filename"] == "second"
    assert first["locales"]["en"]["dictionary"]["Download plot as a PNG"] == "Save as PNG"


def test_one_choice_of_format_holds_for_all_charts():
    app = AppTest.from_function(page).run()
    app.get("button_group")[1].set_value("svg").run()
    assert [one["toImageButtonOptions"]["format"] for one in settings(app)] == ["svg", "svg"]
    assert [one.value for one in app.get("button_group")] == ["svg", "svg"]
    app.session_state["language"] = "zh"
    app.run()
    first, _ = settings(app)
    assert first["locale"] == "zh"
    assert first["locales"]["zh"]["dictionary"]["Download plot"] == "保存为 SVG 图片"


@pytest.mark.parametrize("palette", [LIGHT, DARK])
def test_a_picture_has_the_pages_ground(palette):
    assert figure(palette).layout.paper_bgcolor == palette.bg
