"""Only the attempt that counts, per user: the deepest, and of those the earliest, without walking every attempt.

For each event of a step the latest start that leads to it is carried along: fewest rows are looked up that way, and by
the lattice of chains (see funnel_kernel) the latest chain is clean whenever any is. The earliest end of a user's
deepest level then bounds where the earliest such attempt can start, and only there attempts are walked.

Where steps share events or a funnel is strict, users without two events at one instant need no groups: their rows have
one order. Only the others are left to `funnel_groups`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ops_core.engine.funnel_kernel import (
    ABSENT,
    Array,
    Attempts,
    Between,
    Window,
    earliest_chains,
    forward,
    owned,
)

_NEVER = np.iinfo(np.int64).max


@dataclass(frozen=True)
class _Reach:
    """Per user: level, the earliest end of that level, and the latest start that leads to it."""

    users: Array
    level: Array
    ends: Array
    starts: Array


def best_ordered(
    starts: Array, steps: Sequence[Array], window: Window, exclusions: Sequence[Between] = (), later: bool = False,
    want_raw: bool = True,
) -> Attempts:  # fmt: skip
    """Per user (or entity) the attempt that counts; `raw` is the user's deepest level ignoring exclusions.

    `later`: a step must lie after the one before it, as where steps share events.
    """
    reach = _reach(starts, steps, window, exclusions, later)
    firsts = _firsts(window.layout.users(starts))
    chosen = starts[firsts].copy()
    if not exclusions:
        deeper = reach.level > 1
        earliest = np.maximum(window.earliest(reach.ends[deeper]), chosen[deeper])
        chosen[deeper] = starts[np.searchsorted(starts, earliest, side="left")]
        return forward(chosen, steps, window, later)
    raw = _reach(starts, steps, window, (), later).level if want_raw else reach.level
    at = np.full((len(steps), len(chosen)), ABSENT, np.int64)
    at[0] = chosen
    for level in range(2, len(steps) + 1):
        at_level = np.flatnonzero(reach.level == level)
        if len(at_level):
            at[:level, at_level] = _first_clean(starts, steps[:level], window, exclusions, later, reach, at_level)
    return Attempts(at[0], reach.level, raw, at)


def best_strict(places: Array, n_steps: int, everything: Array, step_of: Array, window: Window) -> Attempts:
    """Per user the attempt of a strict funnel that counts; of users without two events at one instant.

    `everything`: all their events; `step_of[i]`: the one step that row i matches, else beyond the last; `places`: the
    rows that start an attempt. Row i of a user is followed by row i + 1, so an attempt is read off the rows behind.
    """
    level = np.ones(len(places), np.int8)
    alive, following = np.arange(len(places)), places
    for step in range(1, n_steps):
        following = following + 1
        matches = np.flatnonzero(step_of.take(following, mode="clip") == step)
        alive, following = alive[matches], following[matches]
        # Beyond the last row `clip` finds that row again, and it has no row behind it.
        inside = following < len(everything)
        inside[inside] = everything[following[inside]] <= window.limits(everything[places[alive[inside]]])
        alive, following = alive[inside], following[inside]
        level[alive] = step + 1
    heads = _firsts(window.layout.users(everything[places]))
    chosen = heads
    if len(heads):
        deepest = np.maximum.reduceat(level, heads)
        deep = np.flatnonzero(level == np.repeat(deepest, np.diff(np.append(heads, len(places)))))
        chosen = deep[_firsts(window.layout.users(everything[places[deep]]))]
    level, places = level[chosen], places[chosen]
    at = np.full((n_steps, len(chosen)), ABSENT, np.int64)
    for step in range(n_steps):
        reached = np.flatnonzero(level > step)
        at[step, reached] = everything[places[reached] + step]
    return Attempts(at[0], level, level, at)


def tied_users(keys: Array, window: Window, owners: Array | None = None) -> Array:
    """Users (sorted) who have two of the rows at one instant; `owners` turns entities into users first."""
    again = keys[np.flatnonzero(keys[1:] == keys[:-1])]
    users = window.layout.users(again if owners is None else owned(again, owners, window.layout))
    return users[_firsts(users)] if owners is None else np.unique(users)


def _reach(starts: Array, steps: Sequence[Array], window: Window, exclusions: Sequence[Between], later: bool) -> _Reach:
    layout = window.layout
    firsts = _firsts(layout.users(starts))
    entrants = layout.users(starts)[firsts]
    level, ends, origins = np.ones(len(firsts), np.int8), starts[firsts].copy(), starts[firsts].copy()
    sources = sorted({one.from_step for one in exclusions})
    previous, carried = starts, {0: starts}
    for step, keys in enumerate(steps[1:], 1):
        before = np.searchsorted(previous, keys, side="left" if later else "right") - 1
        kept = np.flatnonzero(before >= 0) if len(before) and before[0] < 0 else slice(None)
        before, rows = before[kept], keys[kept]
        kept = np.flatnonzero(rows <= window.limits(carried[0].take(before)))
        before, rows = before.take(kept), rows.take(kept)
        for one in exclusions:
            if one.to_step == step:
                kept = one.clean(carried[one.from_step][before], rows)
                before, rows = before[kept], rows[kept]
        carried = {source: keys_of.take(before) for source, keys_of in carried.items()}
        if step in sources:
            carried[step] = rows
        previous = rows
        first_rows = _firsts(layout.users(rows))
        places = np.searchsorted(entrants, layout.users(rows[first_rows]))
        level[places], ends[places], origins[places] = step + 1, rows[first_rows], carried[0][first_rows]
    return _Reach(entrants, level, ends, origins)


def _first_clean(
    starts: Array, steps: Sequence[Array], window: Window, exclusions: Sequence[Between], later: bool, reach: _Reach,
    chosen: Array,
) -> Array:  # fmt: skip
    """The earliest clean chain of each of the chosen users (places in `reach`) through all the steps."""
    layout = window.layout
    users, lows, highs = reach.users[chosen], window.earliest(reach.ends[chosen]), reach.starts[chosen]
    n_users = int(layout.users(starts[-1:]).max(initial=0)) + 1
    low, high = np.full(n_users, _NEVER), np.full(n_users, -1, np.int64)
    low[users], high[users] = lows, highs
    candidates = _between(starts, low, high, layout.time_bits)
    high[users] = window.limits(highs)
    narrow = [candidates, *(_between(keys, low, high, layout.time_bits) for keys in steps[1:])]
    inside = [one for one in exclusions if one.to_step < len(steps)]
    chains = earliest_chains(candidates, narrow, window, inside, later)
    done = np.flatnonzero(chains[-1] != ABSENT)
    return chains[:, done[_firsts(layout.users(candidates[done]))]]


def _between(keys: Array, low: Array, high: Array, time_bits: int) -> Array:
    users = keys >> time_bits
    known = users < len(low)
    if not known.all():
        keys, users = keys[known], users[known]
    return keys[(keys >= low[users]) & (keys <= high[users])]


def _firsts(sorted_values: Array) -> Array:
    """Where each new value of a sorted array begins."""
    heads = np.ones(len(sorted_values), bool)
    np.not_equal(sorted_values[1:], sorted_values[:-1], out=heads[1:])
    return np.flatnonzero(heads)
