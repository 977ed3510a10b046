"""Tiles: one figure each, its change, and its last weeks as a line. Only an unusual change is coloured."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from ops_core.charts.overview import Tile
from ui.text import small

_COLOR = {"good": "green", "bad": "red", "neutral": "gray"}


def tiles(shown: Sequence[Tile]) -> None:
    """A grid of tiles, four across on a desk."""
    with st.grid(4, min_column_width=170, gap=12, border=True) as grid:
        for tile in shown:
            with grid.cell(), st.container(gap=2):
                st.metric(
                    tile.label,
                    tile.value,
                    tile.change or None,
                    delta_color=_COLOR[tile.tone],
                    delta_arrow=tile.arrow,
                    delta_description=tile.note,
                    chart_data=tile.history if len(tile.history) > 1 else None,
                    help=tile.help,
                )
                st.markdown(small(tile.detail))
