"""The staircase of rows: what is drawn adds up."""

from __future__ import annotations

import pytest

from ops_core import Workspace
from ops_core.charts import intake
from ops_core.charts.palette import DARK
from ops_core.locale import translator

ROWS = """user_id,event,occurred_at
u1,view,2026-01-05 10:00:00
u1,view,2026-01-05 10:00:00
u2,pay,yesterday
u2,view,2026-01-06 09:00:00
u3,view,2026-01-06 09:30:00
"""


@pytest.fixture
def report(tmp_path):
    file = tmp_path / "five.csv"
    file.write_text(ROWS)
    with Workspace.memory() as workspace:
        return workspace.load(file, kind="events")


def test_each_step_takes_its_rows_away(report):
    # 5 rows read − 1 repeated (line 3) − 1 set aside (line 4, no time) = 3 loaded.
    figure = intake.draw(report, translator("en"))
    spans = [(bar.base[0], bar.base[0] + bar.x[0]) for bar in figure.data]
    assert spans == [(0, 5), (4, 5), (3, 4), (0, 3)]
    texts = [note.text for note in figure.layout.annotations]
    assert {"5", "−1", "3", "100.0%", "20.0%", "60.0%"} <= set(texts)


def test_the_headline_claims_what_happened(report):
    told = "3 rows are loaded, 1 already there or repeated, 1 is set aside"
    assert intake.headline(report, translator("en")) == told
    assert "3" in intake.headline(report, translator("zh"))


def test_no_placeholder_colour_of_streamlit_is_drawn(report):
    text = intake.draw(report, translator("zh"), DARK).to_json()
    assert "#0000" not in text
