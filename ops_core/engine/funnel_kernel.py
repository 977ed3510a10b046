"""Attempts of an ordered funnel whose steps share no event: array passes over sorted keys.

An attempt is a start; its level is the number of steps it reaches, 0-based arrays `at[k]` hold the key of step k + 1
(-1 where it is not reached). Keys of another user lie further away than any window, so one comparison checks user
and window together.

For one start, the clean chains of a given depth form a lattice: the earlier of two chains, step by step, is a chain
again, because an earlier `to` and an earlier `from` never widen what lies between. So there is one earliest chain, and
going backwards from the last step "the next event that can still go on" finds it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ops_core.engine.steps import Layout

Array = np.ndarray
ABSENT = -1


@dataclass(frozen=True)
class Window:
    """When an attempt ends. `elapsed` µs from its start, end included; or the local day's end (`day_edges`)."""

    layout: Layout
    elapsed: int | None = None
    day_edges: Array | None = None

    def limits(self, starts: Array) -> Array:
        """The last key that still belongs to an attempt."""
        if self.elapsed is not None:
            return starts + self.elapsed
        times = self.layout.times(starts)
        return starts - times + self.day_edges[np.searchsorted(self.day_edges, times, side="right")] - 1

    def earliest(self, ends: Array) -> Array:
        """The first key at which an attempt that still includes `ends` can start (maybe before the user's first)."""
        times = self.layout.times(ends)
        if self.elapsed is not None:
            return ends - np.minimum(times, self.elapsed)
        before = np.searchsorted(self.day_edges, times, side="right") - 1
        return ends - times + np.where(before >= 0, self.day_edges[np.maximum(before, 0)], 0)


@dataclass(frozen=True)
class Between:
    """Excluded events: none may lie strictly between steps `from_step` and `to_step` (counted from 0)."""

    keys: Array
    from_step: int
    to_step: int
    owners: Array | None = None  # local user of each local entity when a property is held constant
    layout: Layout | None = None

    def clean(self, from_keys: Array, to_keys: Array) -> Array:
        """Whether nothing lies strictly between."""
        if self.owners is not None:
            from_keys, to_keys = owned(from_keys, self.owners, self.layout), owned(to_keys, self.owners, self.layout)
        following = np.searchsorted(self.keys, from_keys, side="right")
        found = following < len(self.keys)
        clean = np.ones(len(from_keys), bool)
        clean[found] = self.keys[following[found]] >= to_keys[found]
        return clean


@dataclass(frozen=True)
class Attempts:
    """Starts with the level they reach, `raw` ignoring exclusions, and the keys of their steps, `at[step, attempt]`."""

    starts: Array
    level: Array
    raw: Array
    at: Array


def owned(keys: Array, owners: Array, layout: Layout) -> Array:
    """Keys of entities as keys of the users they belong to."""
    return (owners[layout.users(keys)].astype(np.int64) << layout.time_bits) | layout.times(keys)


def next_keys(keys: Array, wanted: Array) -> tuple[Array, Array]:
    """Positions of the first keys at or after the wanted ones, and whether there are any."""
    places = np.searchsorted(keys, wanted, side="left")
    return places, places < len(keys)


def forward(starts: Array, steps: Sequence[Array], window: Window) -> Attempts:
    """Every attempt of a funnel without exclusions: each next step as early as possible."""
    level = np.ones(len(starts), np.int8)
    at = np.full((len(steps), len(starts)), ABSENT, np.int64)
    at[0] = starts
    alive, current, limits = np.arange(len(starts)), starts, window.limits(starts)
    for step, keys in enumerate(steps[1:], 1):
        places, found = next_keys(keys, current)
        reached = keys.take(places, mode="clip") if len(keys) else current
        kept = np.flatnonzero(found & (reached <= limits))
        alive, current, limits = alive[kept], reached[kept], limits[kept]
        level[alive] = step + 1
        at[step, alive] = current
    return Attempts(starts, level, level, at)


def with_exclusions(
    starts: Array, steps: Sequence[Array], window: Window, exclusions: Sequence[Between], want_raw: bool = True
) -> Attempts:
    """Every attempt of a funnel with exclusions, at its deepest clean level."""
    plain = forward(starts, steps, window)
    first_bound = min(one.to_step for one in exclusions)
    level = np.minimum(plain.level, first_bound).astype(np.int8)
    at = plain.at.copy()
    at[first_bound:] = ABSENT
    open_attempts = np.flatnonzero(plain.level > first_bound)
    for target in range(len(steps) - 1, first_bound - 1, -1):
        open_attempts = open_attempts[level[open_attempts] <= first_bound]
        candidates = open_attempts[plain.level[open_attempts] > target]
        if not len(candidates):
            continue
        chains = _earliest_chains(starts[candidates], steps[: target + 1], window, exclusions)
        done = chains[-1] != ABSENT
        level[candidates[done]] = target + 1
        at[: target + 1, candidates[done]] = chains[:, done]
    return Attempts(starts, level, plain.level if want_raw else level, at)


def _earliest_chains(starts: Array, steps: Sequence[Array], window: Window, exclusions: Sequence[Between]) -> Array:
    """For each start its earliest clean chain through all the steps, as rows of keys; -1 where there is none."""
    last = len(steps) - 1
    chains = steps[last][None, :]
    for step in range(last - 1, -1, -1):
        heads = steps[step] if step else starts
        places, found = next_keys(chains[0], heads)
        valid = np.flatnonzero(found)
        places = places[valid]
        kept = chains[-1][places] <= window.limits(heads[valid])
        valid, places = valid[kept], places[kept]
        for one in exclusions:
            if one.from_step == step and one.to_step <= last:
                kept = one.clean(heads[valid], chains[one.to_step - step - 1][places])
                valid, places = valid[kept], places[kept]
        tails = chains[:, places]
        chains = np.vstack([heads[valid][None, :], tails])
    found = np.full((len(steps), len(starts)), ABSENT, np.int64)
    # Starts at one instant are one attempt in all but name: the chain of one is the chain of each.
    places, hit = next_keys(chains[0], starts)
    hit[hit] = chains[0][places[hit]] == starts[hit]
    found[:, hit] = chains[:, places[hit]]
    return found


def best_ordered(starts: Array, steps: Sequence[Array], window: Window) -> Attempts:
    """Per user only the deepest attempt, the earliest of those, without looking at every attempt.

    For each event of a step the latest start that leads to it is carried along (backwards, the fewest rows are looked
    up). The earliest end of the user's deepest level then gives the earliest start: the first one whose window still
    includes that end. From there a forward walk finds the times.
    """
    layout = window.layout
    reached = [starts]
    ends = carried = starts
    for keys in steps[1:]:
        places = np.searchsorted(ends, keys, side="right") - 1
        if len(ends):
            origin = carried.take(places, mode="clip")
            kept = (places >= 0) & (keys <= window.limits(origin))
            ends, carried = keys[kept], origin[kept]
        else:
            ends = carried = keys[:0]
        reached.append(ends)
    users = layout.users(starts)
    firsts = _firsts(users)
    entrants, chosen = users[firsts], starts[firsts]
    taken = np.zeros(len(entrants), bool)
    for rows in reached[:0:-1]:
        firsts = _firsts(layout.users(rows))
        places = np.searchsorted(entrants, layout.users(rows[firsts]))
        still_open = ~taken[places]
        places, ends = places[still_open], rows[firsts[still_open]]
        earliest = np.maximum(window.earliest(ends), chosen[places])
        chosen[places] = starts[np.searchsorted(starts, earliest, side="left")]
        taken[places] = True
    return forward(chosen, steps, window)


def _firsts(sorted_users: Array) -> Array:
    """Where each user's first row is."""
    if not len(sorted_users):
        return np.zeros(0, np.intp)
    return np.flatnonzero(np.concatenate(([True], sorted_users[1:] != sorted_users[:-1])))
