"""Panels of the paths page: the flow, the users behind a block or band of it, the paths themselves."""

from __future__ import annotations

import streamlit as st

from ops_core.analyses.paths import PathResult
from ops_core.charts import path_words as words
from ops_core.charts import paths as charts
from ops_core.charts.theme import CLICK_LAYOUT
from ops_core.locale import Translator
from ui import address, links
from ui.choices import pick
from ui.current import View
from ui.layout import chart, clicked_mark, head_place, panel_head
from ui.people import user_list
from ui.tables import Column, table
from ui.text import plain, small

_MOST_PATHS = 20
_MOST_IN_FILE = 2_000
_GROUP, _CHART = "paths_group", "paths_flow_chart"


def flow(view: View, result: PathResult) -> None:
    """The flow; a click on it chooses the group of users below."""
    t = view.t
    title = plain(words.flow_title(result.query, t))
    subtitle = t("paths.flow_subtitle", total=t.number(result.n_started))
    with st.container(gap=12):
        place = head_place()
        with st.grid(1, wrap=False, min_column_width=charts.width(result)):
            drawn = charts.draw(result, t, view.palette).with_layout(CLICK_LAYOUT)
            chart(drawn, f"{title}. {words.headline(result, t)}", name=_CHART, on_select=_take_click)
        frame = words.readable_nodes(result, t)
        panel_head(title, subtitle, frame, name="paths_flow", columns=_node_columns(t), place=place)


def group(view: View, result: PathResult) -> None:
    """The users of one block or band: chosen by a click or from a list."""
    t = view.t
    options = _groups(result, t)
    if not options:
        return
    code = pick(_GROUP, options, label=t("paths.group"), style="select")
    level, *places = (int(part) for part in code.split("."))
    source, node = (None, places[0]) if len(places) == 1 else places
    row = _row_of(result, level, node, source)
    name = _name_of(row, result, t, source is not None)
    user_list(
        t("paths.group_users", n=int(row["users"]), name=plain(name),
          share=t.share(row["users"] / result.n_started)),
        lambda: result.users(level, node, source), name="paths_group_users",
        suggestion=t("paths.group_segment", name=name),
    )  # fmt: skip


def top_paths(view: View, result: PathResult) -> None:
    """The most frequent paths; each can be listed, kept as a segment, or taken over as a funnel."""
    t = view.t
    frame = words.readable_paths(result, t, _MOST_PATHS)
    if frame.empty:
        return
    longer = words.readable_paths(result, t, _MOST_IN_FILE)
    subtitle = t(
        "paths.table_subtitle", shown=len(frame), total=t.number(len(result.paths)),
        covered=t.share(frame["users"].sum() / result.n_started),
    )  # fmt: skip
    panel_head(t("paths.table_title"), subtitle, longer, name="paths_table", columns=_path_columns(t))
    table(frame, _path_columns(t), name="paths_top")
    texts = {str(row.rank): f"{row.rank}  {row.path}" for row in frame.itertuples()}
    longest = result.paths["steps"].head(_MOST_PATHS).str.len().idxmax()
    default = next((rank for rank in texts if len(result.funnel_steps(int(rank))) > 2), str(longest + 1))
    rank = int(pick("paths_path", texts, label=t("paths.path_pick"), default=default, style="select"))
    row = frame.iloc[rank - 1]
    user_list(
        t("paths.path_users", n=int(row["users"]), path=plain(row["path"])),
        lambda: result.users_of_path(rank), name="paths_path_users",
        suggestion=t("paths.path_segment", path=row["path"]),
    )  # fmt: skip
    _as_funnel(result, rank, t)


def _as_funnel(result: PathResult, rank: int, t: Translator) -> None:
    steps = result.funnel_steps(rank)
    if len(steps) < 2:
        st.markdown(small(t("paths.no_funnel")))
        return
    asked = {f"step{place}": (step,) if isinstance(step, str) else step for place, step in enumerate(steps, 1)}
    asked |= {"funnel_steps": (str(len(steps)),), "funnel_window": (str(int(result.query.window_seconds)),)}
    links.question("funnel", t("paths.use_as_funnel"), asked, icon=":material/filter_alt:")


def _take_click() -> None:
    """A click on the flow: its code goes to the address, from where the list below takes it."""
    mark = clicked_mark(_CHART)
    if mark:
        address.change(_GROUP, str(mark["customdata"][0]))


def _groups(result: PathResult, t: Translator) -> dict[str, str]:
    """Blocks beyond the start, then bands: code → label."""
    found = {}
    for row in result.nodes[result.nodes["level"] > 0].to_dict("records"):
        told = {
            "level": words.level_name(row["level"], result.query, t),
            "name": words.node_name(row, result, t),
            "users": t.number(row["users"]),
        }
        found[charts.node_code(row["level"], row["node"])] = t("paths.group_node", **told)
    for row in result.links.to_dict("records"):
        names = _ends(row, result, t)
        told = {
            "level": words.level_name(row["level"], result.query, t),
            "source": names[0],
            "target": names[1],
            "users": t.number(row["users"]),
        }
        found[charts.link_code(row["level"], row["source"], row["target"])] = t("paths.group_link", **told)
    return found


def _row_of(result: PathResult, level: int, node: int, source: int | None) -> dict:
    if source is None:
        nodes = result.nodes
        return nodes[(nodes["level"] == level) & (nodes["node"] == node)].iloc[0].to_dict()
    moves = result.links
    chosen = (moves["level"] == level) & (moves["target"] == node) & (moves["source"] == source)
    return moves[chosen].iloc[0].to_dict()


def _name_of(row: dict, result: PathResult, t: Translator, is_link: bool) -> str:
    if is_link:
        return " → ".join(_ends(row, result, t))
    return words.node_name(row, result, t)


def _ends(row: dict, result: PathResult, t: Translator) -> tuple[str, str]:
    return (
        words.kind_name(row["source_kind"], row["source_event"], result, t),
        words.kind_name(row["target_kind"], row["target_event"], result, t),
    )


def _node_columns(t: Translator) -> list[Column]:
    return [
        Column("level", t("paths.col_level"), "count"),
        Column("name", t("paths.col_event")),
        Column("users", t("paths.col_users"), "count"),
        Column("n", t("paths.col_n"), "count"),
        Column("share", t("paths.col_share"), "share"),
        Column("share_low", t("paths.col_low"), "share"),
        Column("share_high", t("paths.col_high"), "share"),
    ]


def _path_columns(t: Translator) -> list[Column]:
    return [
        Column("rank", t("paths.col_rank"), "count"),
        Column("path", t("paths.col_path")),
        Column("users", t("paths.col_users"), "count"),
        Column("share", t("paths.col_share"), "bar"),
        Column("share_low", t("paths.col_low"), "share"),
        Column("share_high", t("paths.col_high"), "share"),
    ]
