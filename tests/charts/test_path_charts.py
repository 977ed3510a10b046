"""The flow of paths: its blocks and bands carry the numbers, and its sentences claim what the counts say."""

from __future__ import annotations

import re
from itertools import pairwise

import plotly.graph_objects as go
import pytest

from ops_core import Period
from ops_core.analyses import paths
from ops_core.analyses.paths import PathQuery
from ops_core.charts import path_flow, path_words
from ops_core.charts import paths as charts
from ops_core.charts.theme import DARK, LIGHT
from ops_core.locale import translator
from tests.support import workspace_of

WEEK = Period("2026-09-07", "2026-09-14")


@pytest.fixture(scope="module")
def result(demo_workspace) -> paths.PathResult:
    return paths.analyze(demo_workspace, PathQuery("view_item", WEEK, 86_400, shown=2))


def points(fig: go.Figure) -> dict[str, str]:
    """Code of each block and band → what is shown when it is touched."""
    return {code: text for trace in fig.data for code, text in trace.customdata}


def test_every_block_and_band_can_be_touched_and_tells_its_n(result: paths.PathResult):
    t = translator("en")
    told = points(charts.draw(result, t))
    nodes, links = result.nodes, result.links
    assert len(told) == len(nodes) + len(links)
    for row in nodes[nodes["level"] > 0].itertuples():
        assert f"{row.users:,} of {result.n_started:,}" in told[charts.node_code(row.level, row.node)]
    for row in links.itertuples():
        assert f"{row.users:,} users" in told[charts.link_code(row.level, row.source, row.target)]


def test_blocks_of_a_column_share_one_scale_and_do_not_touch(result: paths.PathResult):
    placed, height = path_flow.blocks(result.nodes)
    scale = (placed[0, 0].bottom - placed[0, 0].top) / result.n_started
    for level, rows in result.nodes.groupby("level"):
        column = [placed[level, node] for node in rows["node"]]
        assert all(one.bottom < other.top for one, other in pairwise(column))
        assert column[-1].bottom <= height
        for block, users in zip(column, rows["users"], strict=True):
            assert block.bottom - block.top == pytest.approx(max(users * scale, 1.0))


def test_bands_fill_their_blocks(result: paths.PathResult):
    placed, _ = path_flow.blocks(result.nodes)
    for band in path_flow.bands(result.nodes, result.links):
        source, target = placed[band.level - 1, band.source], placed[band.level, band.target]
        assert source.top - 1e-6 <= band.source_top <= band.source_top + band.thickness <= source.bottom + 1e-6
        assert target.top - 1e-6 <= band.target_top <= band.target_top + band.thickness <= target.bottom + 1e-6


@pytest.mark.parametrize("direction", paths.DIRECTIONS)
@pytest.mark.parametrize("palette", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_labels_stand_in_order_of_time(demo_workspace, direction: str, palette, language: str):
    t = translator(language)
    result = paths.analyze(demo_workspace, PathQuery("view_item", WEEK, 86_400, direction=direction, levels=3))
    fig = charts.draw(result, t, palette)
    go.Figure(fig.to_dict())  # checks each setting
    heads = [note for note in fig.layout.annotations if note.yref == "paper"]
    in_time = [note.text for note in sorted(heads, key=lambda note: note.x)]
    names = [path_words.level_name(level, result.query, t) for level in range(4)]
    assert in_time == (names if direction == "after" else names[::-1])
    labels = {re.sub("<.*?>", " ", note.text).strip() for note in fig.layout.annotations if note.yref != "paper"}
    for row in result.nodes.itertuples():
        assert any(t.number(row.users) in label for label in labels)


def test_a_name_from_a_file_stays_text():
    with workspace_of(
        [("a", "buy", "2026-09-08 00:00:00"), ("a", "<b>x</b>", "2026-09-08 00:00:01")], as_of="2026-09-14"
    ) as w:
        fig = charts.draw(paths.analyze(w, PathQuery("buy", WEEK, 60)), translator("en"))
    assert any("&lt;b&gt;x&lt;/b&gt;" in note.text for note in fig.layout.annotations)
    assert all("<b>x</b>" not in text for text in points(fig).values())


def headline(rows: list[tuple[str, str, str]], language: str = "en", **options: object) -> str:
    with workspace_of(rows, as_of="2026-09-14") as workspace:
        query = PathQuery(**{"start": "buy", "period": WEEK, "window_seconds": 3_600} | options)
        return path_words.headline(paths.analyze(workspace, query), translator(language))


def crowd(n: int, event: str | None, first: int = 0) -> list[tuple[str, str, str]]:
    users = [f"u{first + place}" for place in range(n)]
    rows = [(user, "buy", "2026-09-08 00:00:00") for user in users]
    return rows + [(user, event, "2026-09-08 00:10:00") for user in users if event]


def test_the_headline_names_a_clear_leader_and_its_n():
    rows = crowd(60, "view") + crowd(20, "pay", 100)
    assert headline(rows) == "After buy, 75.0% next do view (60 of 80)"
    assert "75.0%" in headline(rows, "zh")
    assert (
        headline(crowd(60, None) + crowd(20, "pay", 100), collapse=False)
        == "After buy, 75.0% do nothing more within 1 hour (60 of 80)"
    )


def test_where_runs_are_one_step_going_on_is_not_called_nothing():
    # 60 buy twice and 20 pay: with a run as one step the 60 are at an end, yet they did something.
    rows = crowd(60, "buy") + crowd(20, "pay", 100)
    assert headline(rows) == "After buy, 75.0% do nothing other than buy again within 1 hour (60 of 80)"
    assert headline(rows, "zh") == "做完“buy”之后，75.0% 的用户在 1 小时内除继续“buy”外没有做别的事（80 人中的 60 人）"
    assert headline(rows, collapse=False) == "After buy, 75.0% next do buy (60 of 80)"
    # Whoever was merely seen first has done nothing that could go on.
    assert "nothing more" in headline(crowd(60, None), start=None, hidden=("buy",))


@pytest.mark.parametrize(
    ("collapse", "direction", "said"),
    [
        (True, "after", "buy → no other event"),
        (False, "after", "buy → no further event"),
        (True, "before", "no other earlier event → buy"),
        (False, "before", "no earlier event → buy"),
    ],
)
def test_the_end_of_a_path_says_what_it_leaves_open(collapse: bool, direction: str, said: str):
    query = PathQuery("buy", WEEK, 3_600, direction=direction, collapse=collapse)
    with workspace_of([("ann", "open", "2026-09-05 00:00:00"), *crowd(5, None)], as_of="2026-09-14") as workspace:
        result = paths.analyze(workspace, query)
    assert path_words.readable_paths(result, translator("en"), 1)["path"].tolist() == [said]
    assert ("nothing other than buy" in path_words.headline(result, translator("en"))) == collapse


def test_names_of_events_stand_apart_from_their_shares():
    with workspace_of(crowd(60, "view") + crowd(20, "3", 100), as_of="2026-09-14") as workspace:
        result = paths.analyze(workspace, PathQuery("buy", WEEK, 3_600))
    assert "其次是：“3” 25.0%。" in path_words.paragraph(result, translator("zh"), "本周")
    assert "“3” 25.0%" in path_words.paragraph(result, translator("en"), "The week")


def test_two_that_chance_could_swap_are_told_as_equal():
    assert headline(crowd(11, "view") + crowd(9, "pay", 100)) == (
        "After buy, view (55.0%) and pay (45.0%) are too close to tell which leads, of 20"
    )


def test_no_path_is_said_in_words():
    assert headline(crowd(3, None), period=Period("2026-09-01", "2026-09-02")) == (
        "Nobody started such a path in this period: choose another start or a longer period"
    )
    too_long = headline(crowd(3, None), window_seconds=10**7)
    assert too_long.startswith("No path is complete yet: the windows of all 3")
    assert too_long.endswith("choose a shorter one or an earlier period")


def test_a_path_reads_in_order_of_time(result: paths.PathResult, demo_workspace):
    t = translator("en")
    texts = path_words.readable_paths(result, t, 3)["path"].tolist()
    assert texts[0] == "view_item → no other event"
    assert texts[1] == "view_item → add_to_cart → begin_checkout → submit_order → pay → …"
    back = paths.analyze(demo_workspace, PathQuery("pay", WEEK, 86_400, direction="before", levels=1))
    assert path_words.readable_paths(back, t, 1)["path"].tolist() == ["… → submit_order → pay"]
