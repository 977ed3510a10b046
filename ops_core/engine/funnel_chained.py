"""The attempt that counts in a plain funnel, from chains that are known already: no search among the rows.

Plain: one event per step, each step another event, in order, within an elapsed time, nothing excluded. The chain of a
row (see `steps.chains_of`) is the latest start that leads to it. A row is reached within the window when that start is
near enough; where the latest start lies after the period, the user's last start inside it takes its place, because
every earlier start leads to the row as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ops_core.engine.funnel_kernel import ABSENT, Array, Attempts
from ops_core.engine.step_layout import Layout
from ops_core.engine.steps import NO_START, first_of_users


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
    last_of = _last_starts(block, stretch)
    for step, (rows, chain) in enumerate(zip(block.parts[1:], block.chains, strict=True), 2):
        first = first_of_users(layout, _reached(layout, rows, chain, stretch, last_of))
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
        found = starts.take(places, mode="clip") if len(starts) else found
    # Where a user has no start any more, that of another user or an earlier one is found.
    enters = (found >= of_user + stretch.low) & (found < of_user + stretch.high)
    if allowed is not None:
        enters &= allowed[users + (block.number << layout.block_bits)]
    kept = np.flatnonzero(enters)
    return _Entrants(users.take(kept), found.take(kept))


def _last_starts(block: ChainedBlock, stretch: Stretch) -> Array | None:
    """Per local user the last start before the period's end, `None` where no start lies after it."""
    layout = block.layout
    if stretch.high >= layout.span_us:
        return None
    users = np.arange(1 << layout.block_bits)
    places = np.searchsorted(block.parts[0], (users << layout.time_bits) + stretch.high) - 1
    found = block.parts[0].take(places, mode="clip") if len(block.parts[0]) else np.full(len(users), NO_START)
    found[(places < 0) | (layout.users(found) != users)] = NO_START
    return found


def _reached(layout: Layout, rows: Array, chain: Array, stretch: Stretch, last_of: Array | None) -> Array:
    """The rows that are reached from a start in the period within the window."""
    end = min(stretch.end, stretch.high + stretch.elapsed)
    if stretch.low > 0 or end < layout.span_us:
        # Outside of that nothing is reached: a short period need not look at the rows of years.
        times = layout.times(rows)
        near = np.flatnonzero((times >= stretch.low) & (times < end) if stretch.low > 0 else times < end)
        rows, chain = rows.take(near), chain.take(near)
    inside = rows - chain <= stretch.elapsed
    if stretch.low > 0 or last_of is not None:
        times = layout.times(chain)
        if stretch.low > 0:
            inside &= times >= stretch.low
        if last_of is not None:
            late = np.flatnonzero(times >= stretch.high)
            inside[late] = _is_inside_late(layout, rows.take(late), chain.take(late), stretch, last_of)
    return rows.take(np.flatnonzero(inside))


def _is_inside_late(layout: Layout, rows: Array, chain: Array, stretch: Stretch, last_of: Array) -> Array:
    """The same for rows whose latest start lies after the period: from their user's last start in the period."""
    users = layout.users(rows)
    last = last_of.take(users)
    inside = rows - last <= stretch.elapsed
    inside &= layout.users(chain) == users  # a chain that begins with another user is none
    if stretch.low > 0:
        inside &= layout.times(last) >= stretch.low
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
