"""The flow of paths: a Sankey of levels whose blocks and bands can be clicked.

Drawn from plotly's own pieces, because plotly's ready-made Sankey tells a page nothing about clicks and puts labels
where they are cut off. Each block and band carries invisible markers that hold its hover text and its code.
"""

from __future__ import annotations

import html
import unicodedata

import pandas as pd
import plotly.graph_objects as go

from ops_core.analyses.paths import ENDED, EVENT, OTHER, START, PathResult
from ops_core.charts import path_flow as flow
from ops_core.charts.path_words import kind_name, level_name, node_name
from ops_core.charts.theme import LIGHT, Palette, faded, figure
from ops_core.locale import Translator

_BLOCK_WIDTH = 10  # pixels
_LABEL_ROOM, _HEADER_ROOM = 150, 26
_COLUMN, _WIDEST = 150, 1_050  # pixels a level needs for its labels; beyond that many levels they are cut shorter
_LETTER = 7.0  # pixels, about; a Chinese one takes two
_N_COLORS = 4  # the most frequent events have a colour of their own, the others the last one
_STOPS = (0.15, 0.4, 0.65, 0.9)  # where a band can be touched
_STEP = 14  # pixels between a block's markers


def node_code(level: int, node: int) -> str:
    """A block's code in an address."""
    return f"{level}.{node}"


def link_code(level: int, source: int, target: int) -> str:
    """A band's code in an address."""
    return f"{level}.{source}.{target}"


def width(result: PathResult) -> int:
    """How many pixels the flow needs: on a smaller screen it scrolls inside itself."""
    return min(_WIDEST, _LABEL_ROOM + _COLUMN * result.query.levels)


def draw(result: PathResult, t: Translator, palette: Palette = LIGHT) -> go.Figure:
    """Each level a column of blocks as high as their users, bands between them; time runs from left to right."""
    nodes, links = result.nodes, result.links
    placed, height = flow.blocks(nodes)
    fig = figure(palette, height=int(height) + _HEADER_ROOM + 12, right=_LABEL_ROOM, top=_HEADER_ROOM)
    sign = 1 if result.query.direction == "after" else -1
    colors = _colors(nodes, palette)
    bands = flow.bands(nodes, links)
    _add_bands(fig, bands, nodes, colors, sign)
    _add_blocks(fig, placed, nodes, colors, sign, palette)
    for row in nodes.to_dict("records"):
        _add_label(fig, placed[(row["level"], row["node"])], row, result, t, palette, sign)
    for level in range(result.query.levels + 1):
        fig.add_annotation(
            x=sign * level, y=1, yref="paper", yanchor="bottom", xanchor="left", showarrow=False, yshift=4,
            text=level_name(level, result.query, t), font={"color": palette.ink2},
        )  # fmt: skip
    _add_touch(fig, *_block_points(placed, nodes, result, t, sign))
    _add_touch(fig, *_band_points(bands, links, result, t, sign))
    ends = sorted((0, sign * result.query.levels))
    fig.update_xaxes(range=[ends[0], ends[1]], visible=False)
    fig.update_yaxes(range=[height + 2, -2], visible=False)
    return fig


def _colors(nodes: pd.DataFrame, palette: Palette) -> dict[tuple[int, int], str]:
    """One colour per event over all levels, so that the eye finds it again; the rest and the ended are grey."""
    events = nodes[nodes["kind"] == EVENT].groupby("event")["users"].sum()
    ranked = sorted(events.index, key=lambda name: (-events[name], name))[:_N_COLORS]
    own = {name: palette.series(place) for place, name in enumerate(ranked)}
    plain = {START: palette.ink2, OTHER: palette.comp, ENDED: palette.comp_soft}
    return {
        (row.level, row.node): plain.get(row.kind) or own.get(row.event, palette.series(_N_COLORS))
        for row in nodes.itertuples()
    }


def _add_bands(
    fig: go.Figure, bands: list[flow.Band], nodes: pd.DataFrame, colors: dict[tuple[int, int], str], sign: int
) -> None:
    # A band has the colour of the block away from the start; each colour is one path, drawn in one go.
    kinds = {(row.level, row.node): row.kind for row in nodes.itertuples()}
    outlines: dict[tuple[str, float], list[str]] = {}
    for band in bands:
        target = (band.level, band.target)
        ended = kinds[target] == ENDED
        color = colors[target]
        outlines.setdefault((color, 0.45 if ended else 0.3), []).append(
            flow.outline(band, sign * (band.level - 1), sign * band.level)
        )
    for (color, opacity), paths in outlines.items():
        fig.add_shape(
            type="path", path=" ".join(paths), fillcolor=faded(color, opacity), line={"width": 0}, layer="below"
        )


def _add_blocks(
    fig: go.Figure, placed: dict[tuple[int, int], flow.Block], nodes: pd.DataFrame,
    colors: dict[tuple[int, int], str], sign: int, palette: Palette,
) -> None:  # fmt: skip
    kinds = {(row.level, row.node): row.kind for row in nodes.itertuples()}
    levels = int(nodes["level"].max())
    for key, block in placed.items():
        edge = palette.comp if kinds[key] == ENDED else colors[key]
        fig.add_shape(
            type="rect", xref="paper", xsizemode="pixel", xanchor=_paper(block.level, levels, sign), x0=0,
            x1=_BLOCK_WIDTH, y0=block.top, y1=block.bottom, fillcolor=colors[key], line={"width": 1, "color": edge},
            layer="above",
        )  # fmt: skip


def _add_label(
    fig: go.Figure, block: flow.Block, row: dict, result: PathResult, t: Translator, palette: Palette, sign: int
) -> None:
    room = (width(result) - _LABEL_ROOM) / result.query.levels - _BLOCK_WIDTH - 8
    name = _shortened(node_name(row, result, t), room)
    counts = t("paths.node_count", users=t.number(row["users"]), share=t.share(row["share"]))
    strong = row["kind"] in (EVENT, START)
    shown = html.escape(name, quote=False)
    text = (f"<b>{shown}</b>" if strong else shown) + f'<br><span style="color:{palette.ink2}">{counts}</span>'
    fig.add_annotation(
        x=sign * block.level, y=block.middle, xshift=_BLOCK_WIDTH + 4, xanchor="left", yanchor="middle", align="left",
        text=text, showarrow=False, bgcolor=faded(palette.bg, 0.72), borderpad=0,
        font={"color": palette.ink if strong else palette.ink2},
    )  # fmt: skip


def _paper(level: int, levels: int, sign: int) -> float:
    # On the x axis itself the last block would be cut off at the plot's edge.
    return (level if sign > 0 else levels - level) / levels


def _block_points(
    placed: dict[tuple[int, int], flow.Block], nodes: pd.DataFrame, result: PathResult, t: Translator, sign: int
) -> tuple[list, list, list, list, list]:
    x, y, sizes, codes, texts = [], [], [], [], []
    for row in nodes.to_dict("records"):
        block = placed[(row["level"], row["node"])]
        n = max(1, int((block.bottom - block.top) / _STEP))
        name = html.escape(node_name(row, result, t))
        told = {"name": name, "users": t.number(row["users"]), "total": t.number(result.n_started)}
        told["share"] = t.share(row["share"])
        if row["kind"] == ENDED:
            text = t("paths.ended_hover", here=t.number(row["ended_here"]), **told)
        elif row["kind"] == START:
            text = f"{name}: {told['users']}"
        else:
            bounds = t.interval(t.share(row["share_low"]), t.share(row["share_high"]))
            text = t("paths.node_hover", interval=bounds, **told)
        x += [sign * row["level"]] * n
        y += [block.top + (place + 0.5) * (block.bottom - block.top) / n for place in range(n)]
        sizes += [_STEP] * n
        codes += [node_code(row["level"], row["node"])] * n
        texts += [text] * n
    return x, y, sizes, codes, texts


def _band_points(
    bands: list[flow.Band], links: pd.DataFrame, result: PathResult, t: Translator, sign: int
) -> tuple[list, list, list, list, list]:
    x, y, sizes, codes, texts = [], [], [], [], []
    moves = {(row.level, row.source, row.target): row for row in links.itertuples()}
    for band in bands:
        row = moves[(band.level, band.source, band.target)]
        names = [
            html.escape(kind_name(kind, event, result, t))
            for kind, event in ((row.source_kind, row.source_event), (row.target_kind, row.target_event))
        ]
        text = t(
            "paths.link_hover", source=names[0], target=names[1], users=t.number(row.users),
            share=t.share(row.share_of_source),
        )  # fmt: skip
        stops = _STOPS if band.thickness >= 1 else _STOPS[-1:]
        centres = [flow.centre(band, part) for part in stops]
        x += [sign * (band.level - 1 + way) for way, _ in centres]
        y += [height for _, height in centres]
        sizes += [min(40.0, max(6.0, band.thickness))] * len(stops)
        codes += [link_code(band.level, band.source, band.target)] * len(stops)
        texts += [text] * len(stops)
    return x, y, sizes, codes, texts


def _shortened(name: str, room: float) -> str:
    """A name cut to about so many pixels; touching the block shows it whole."""
    sizes = [_LETTER * (2 if unicodedata.east_asian_width(letter) in "WF" else 1) for letter in name]
    if sum(sizes) <= room:
        return name
    kept = next(place for place in range(len(name), -1, -1) if sum(sizes[:place]) + _LETTER <= room or not place)
    return name[:kept].rstrip() + "…"


def _add_touch(fig: go.Figure, x: list, y: list, sizes: list, codes: list, texts: list) -> None:
    unseen = {"marker": {"opacity": 0}}
    fig.add_scatter(
        x=x, y=y, mode="markers", marker={"size": sizes, "opacity": 0}, selected=unseen, unselected=unseen,
        customdata=[list(both) for both in zip(codes, texts, strict=True)],
        hovertemplate="%{customdata[1]}<extra></extra>", cliponaxis=False,
    )  # fmt: skip
