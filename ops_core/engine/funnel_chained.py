"""The attempt that counts in a plain funnel, from chains that are known already: no search among the rows.

Plain: one event per step, each step another event, in order, within an elapsed time, nothing excluded. The chain of a
row (see `step_chains.Chains`) is the latest start that leads to it. A row is reached within the window when that
start is near enough; where the latest start lies after the period, the user's last start inside it takes its place,
because every earlier start leads to the row as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ops_core.engine.funnel_kernel import ABSENT, Array, Attempts
from ops_core.engine.step_chains import first_of_users
from ops_core.engine.step_layout import Layout


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
        on_time, late = _reached(layout, rows, chain, stretch)
        first, places = _first_of_entrants(layout, on_time, place_of)
        level[places], ends[places] = step, first
        # A late row lies behind all of its user's rows on time, and the first one is the nearest to the last start.
        first, places = _first_of_entrants(layout, late, place_of)
        missing = np.flatnonzero(level.take(places) < step)
        first, places = first.take(missing), places.take(missing)
        near = np.flatnonzero(first - _last_starts(layout, starts, first, stretch) <= stretch.elapsed)
        level[places.take(near)], ends[places.take(near)] = step, first.take(near)
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


def _first_of_entrants(layout: Layout, rows: Array, place_of: Array) -> tuple[Array, Array]:
    """The first of the rows of each entrant who has any, and the entrant's place."""
    first = first_of_users(layout, rows)
    places = place_of.take(layout.users(first))
    if places.min(initial=0) < 0:
        kept = np.flatnonzero(places >= 0)
        first, places = first.take(kept), places.take(kept)
    return first, places


def _last_starts(layout: Layout, starts: Array, rows: Array, stretch: Stretch) -> Array:
    """The last start in the period of the user of each row; of users who have one."""
    until = (layout.users(rows) << layout.time_bits) + stretch.high
    return starts.take(np.searchsorted(starts, until) - 1)


def _reached(layout: Layout, rows: Array, chain: Array, stretch: Stretch) -> tuple[Array, Array]:
    """The rows that a start in the period leads to within the window; and those whose latest start lies after it."""
    end = min(stretch.end, stretch.high + stretch.elapsed)
    if stretch.low > 0 or end < layout.span_us:
        # Outside of that nothing is reached: a short period need not look at the rows of years.
        times = layout.times(rows)
        near = np.flatnonzero((times >= stretch.low) & (times < end) if stretch.low > 0 else times < end)
        rows, chain = rows.take(near), chain.take(near)
    inside = rows - chain <= stretch.elapsed
    if stretch.low <= 0 and stretch.high >= layout.span_us:
        return rows.take(np.flatnonzero(inside)), rows[:0]
    times = layout.times(chain)
    if stretch.low > 0:
        inside &= times >= stretch.low
    is_late = times >= stretch.high
    is_late &= inside
    inside ^= is_late
    return rows.take(np.flatnonzero(inside)), rows.take(np.flatnonzero(is_late))


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
