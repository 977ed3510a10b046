"""Where the blocks and bands of a flow lie: each level a column, each node a block as high as it has users.

Heights are pixels, counted downwards; a block that is lower than its label gets room for the label around it. Columns
share one scale, so a band is equally thick at both ends.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

_FLOW_HEIGHT = 250  # pixels that everybody together is high
_SLOT, _GAP = 34, 6  # the least room for a node (two lines of text), and what parts two nodes
_THINNEST = 1.0


@dataclass(frozen=True)
class Block:
    """A node: its level and number, and from where to where it reaches."""

    level: int
    node: int
    top: float
    bottom: float

    @property
    def middle(self) -> float:
        """Half way down."""
        return (self.top + self.bottom) / 2


@dataclass(frozen=True)
class Band:
    """Users on their way from one block to one of the next level: top edge and thickness at both ends."""

    level: int
    source: int
    target: int
    source_top: float
    target_top: float
    thickness: float


def blocks(nodes: pd.DataFrame) -> tuple[dict[tuple[int, int], Block], float]:
    """The blocks by (level, node) and the height of the highest column."""
    scale = _scale(nodes)
    found: dict[tuple[int, int], Block] = {}
    highest = 0.0
    for level, rows in nodes.groupby("level"):
        top = 0.0
        for row in rows.itertuples():
            height = max(row.users * scale, _THINNEST)
            slot = max(height, _SLOT)
            begin = top + (slot - height) / 2
            found[(int(level), int(row.node))] = Block(int(level), int(row.node), begin, begin + height)
            top += slot + _GAP
        highest = max(highest, top - _GAP)
    return found, highest


def bands(nodes: pd.DataFrame, links: pd.DataFrame) -> list[Band]:
    """The bands, stacked at both ends in the order of the blocks at the other one."""
    scale, (placed, _) = _scale(nodes), blocks(nodes)
    leaving = {key: block.top for key, block in placed.items()}
    arriving = dict(leaving)
    found = []
    for row in links.sort_values(["level", "source", "target"]).itertuples():
        source, target = (row.level - 1, row.source), (row.level, row.target)
        thickness = row.users * scale
        found.append(Band(row.level, row.source, row.target, leaving[source], arriving[target], thickness))
        leaving[source] += thickness
        arriving[target] += thickness
    return found


def outline(band: Band, x_from: float, x_to: float) -> str:
    """A band's outline as an SVG path from one x to another."""
    middle = (x_from + x_to) / 2
    high, low = band.source_top, band.target_top
    thick = max(band.thickness, _THINNEST)
    return (
        f"M{x_from:g},{high:.1f}C{middle:g},{high:.1f} {middle:g},{low:.1f} {x_to:g},{low:.1f}"
        f"L{x_to:g},{low + thick:.1f}"
        f"C{middle:g},{low + thick:.1f} {middle:g},{high + thick:.1f} {x_from:g},{high + thick:.1f}Z"
    )


def centre(band: Band, part: float) -> tuple[float, float]:
    """A point on a band's centre line, `part` 0 at the source to 1 at the target: the way made (0–1) and the height."""
    way = 1.5 * part * (1 - part) + part**3  # the curve of `outline`, whose handles lie half way
    eased = part * part * (3 - 2 * part)
    return way, band.source_top + (band.target_top - band.source_top) * eased + band.thickness / 2


def _scale(nodes: pd.DataFrame) -> float:
    return _FLOW_HEIGHT / max(int(nodes.loc[nodes["level"] == 0, "users"].sum()), 1)
