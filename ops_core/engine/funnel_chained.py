"""The attempt that counts in a plain funnel, from chains that are known already: no search among the rows.

Plain: one event per step, each step another event, in order, within an elapsed time, nothing excluded. The chain of a
row (see `steps.chain_of`) is the latest start that leads to it. A row is reached within the window when that start is
near enough; where the latest start lies after the period, the user's last start inside it takes its place, because
every earlier start leads to the row as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ops_core.engine.funnel_kernel import ABSENT, Array, Attempts
from ops_core.engine.step_layout import Layout
from ops_core.engine.steps import first_of_users


@dataclass(frozen=True)
class ChainedBlock:
    """The rows of one block of users: sorted keys per step, per later step its chain, and each user's first start."""

    number: int
    layout: Layout
    parts: Sequence[Array]
    chains: Sequence[Array]
    heads: Array


@dataclass(frozen=True)
class Stretch:
    """Attempts start in `[low, high)` and end `elapsed` later at the latest; rows from `end` on do not exist."""

    low: int
    high: int
    elapsed: int
    end: int


@dataclass(frozen=True)
class _Entrants:
    """Users (sorted, local) with a start in the period, and the first of them."""

    users: Array
    starts: Array


def best_chained(block: ChainedBlock, stretch: Stretch, allowed: Array | None) -> Attempts:
    """Per user the deepest attempt, the earliest of those. `allowed` marks the users (keys) who may enter."""
    layout, starts = block.layout, block.parts[0]
    entrants = _entrants(block, stretch, allowed)
    place_of = np.full((1 << layout.block_bits) + 1, -1, np.int32)
    place_of[entrants.users] = np.arange(len(entrants.users), dtype=np.int32)
    level, ends = np.ones(len(entrants.users), np.int8), entrants.starts.copy()
    for step, (rows, chain) in enumerate(zip(block.parts[1:], block.chains, strict=True), 2):
        inside = np.flatnonzero(_is_inside(block, rows, chain, stretch))
        first = first_of_users(layout, rows.take(inside))
        places = place_of.take(layout.users(first))
        if allowed is not None:
            first, places = first[places >= 0], places[places >= 0]
        level[places], ends[places] = step, first
    # The earliest end of the deepest level bounds its start: the first one from which that end is near enough.
    chosen, earliest = entrants.starts, ends - np.minimum(layout.times(ends), stretch.elapsed)
    later = np.flatnonzero((level > 1) & (earliest > chosen))
    chosen[later] = starts.take(np.searchsorted(starts, earliest[later]))
    return Attempts(chosen, level, level, _paths(block.parts, chosen, level, ends))


def _entrants(block: ChainedBlock, stretch: Stretch, allowed: Array | None) -> _Entrants:
    layout, starts, found = block.layout, block.parts[0], block.heads
    users = layout.users(found)
    of_user = users << layout.time_bits
    if stretch.low > 0:
        places = np.searchsorted(starts, of_user + stretch.low)
        # Beyond the last start there is none: its key is taken for one after the period.
        found = np.append(starts, np.iinfo(np.int64).max).take(places)
    enters = found < of_user + stretch.high
    if allowed is not None:
        enters &= allowed[users + (block.number << layout.block_bits)]
    kept = np.flatnonzero(enters)
    return _Entrants(users.take(kept), found.take(kept))


def _is_inside(block: ChainedBlock, rows: Array, chain: Array, stretch: Stretch) -> Array:
    """Which rows are reached from a start in the period within the window."""
    layout = block.layout
    inside = rows - chain <= stretch.elapsed
    if stretch.low > 0 or stretch.high < layout.span_us:
        times = layout.times(chain)
        if stretch.low > 0:
            inside &= times >= stretch.low
        late = np.flatnonzero(times >= stretch.high) if stretch.high < layout.span_us else ()
        if len(late):
            inside[late] = _is_inside_late(block, rows[late], chain[late], stretch)
    if stretch.end < layout.span_us:
        inside &= layout.times(rows) < stretch.end
    return inside


def _is_inside_late(block: ChainedBlock, rows: Array, chain: Array, stretch: Stretch) -> Array:
    """The same for rows whose latest start lies after the period: from the user's last start in the period."""
    layout, starts = block.layout, block.parts[0]
    of_user = layout.users(rows) << layout.time_bits
    # A chain that begins with another user is none.
    near = np.flatnonzero((chain >= of_user) & (rows - of_user - stretch.elapsed < stretch.high))
    inside = np.zeros(len(rows), bool)
    if len(near):
        rows, of_user = rows[near], of_user[near]
        places = np.searchsorted(starts, of_user + stretch.high) - 1
        last = starts.take(places, mode="clip")
        inside[near] = (places >= 0) & (last >= of_user + stretch.low) & (rows - last <= stretch.elapsed)
    return inside


def _paths(parts: Sequence[Array], chosen: Array, level: Array, ends: Array) -> Array:
    """Each step as early as possible; the last one of a path is known."""
    at = np.full((len(parts), len(chosen)), ABSENT, np.int64)
    at[0] = chosen
    for step, keys in enumerate(parts[1:], 1):
        done = np.flatnonzero(level == step + 1)
        at[step, done] = ends.take(done)
        onward = np.flatnonzero(level > step + 1)
        if len(onward):
            at[step, onward] = keys.take(np.searchsorted(keys, at[step - 1].take(onward)))
    return at
