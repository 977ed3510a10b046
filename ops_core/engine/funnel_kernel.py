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

from ops_core.engine.step_layout import Layout

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
        return ends - times + self.day_edges[before]

    def parts(self, keys: Array) -> Array:
        """Whether each of sorted keys (but the first) is in no attempt together with the one before it."""
        if self.elapsed is not None:
            return keys[1:] - keys[:-1] > self.elapsed
        return self.earliest(keys[1:]) > keys[:-1]


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


def next_keys(keys: Array, wanted: Array, later: bool = False) -> tuple[Array, Array]:
    """Positions of the first keys at or after (`later`: after) the wanted ones, and whether there are any."""
    places = np.searchsorted(keys, wanted, side="right" if later else "left")
    return places, places < len(keys)


def forward(starts: Array, steps: Sequence[Array], window: Window, later: bool = False) -> Attempts:
    """Every attempt of a funnel without exclusions: each next step as early as possible.

    `later`: a step must lie after the one before it, not at the same instant.
    """
    level = np.ones(len(starts), np.int8)
    at = np.full((len(steps), len(starts)), ABSENT, np.int64)
    at[0] = starts
    alive, current, limits = np.arange(len(starts)), starts, window.limits(starts)
    for step, keys in enumerate(steps[1:], 1):
        places, found = next_keys(keys, current, later)
        reached = keys.take(places, mode="clip") if len(keys) else current
        kept = np.flatnonzero(found & (reached <= limits))
        alive, current, limits = alive[kept], reached[kept], limits[kept]
        level[alive] = step + 1
        at[step, alive] = current
    return Attempts(starts, level, level, at)


def with_exclusions(starts: Array, steps: Sequence[Array], window: Window, exclusions: Sequence[Between]) -> Attempts:
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
        chains = earliest_chains(starts[candidates], steps[: target + 1], window, exclusions)
        done = chains[-1] != ABSENT
        level[candidates[done]] = target + 1
        at[: target + 1, candidates[done]] = chains[:, done]
    return Attempts(starts, level, plain.level, at)


def earliest_chains(
    starts: Array, steps: Sequence[Array], window: Window, exclusions: Sequence[Between], later: bool = False
) -> Array:
    """For each start its earliest clean chain through all the steps, as rows of keys; -1 where there is none."""
    last = len(steps) - 1
    chains = steps[last][None, :]
    for step in range(last - 1, -1, -1):
        heads = steps[step] if step else starts
        places, found = next_keys(chains[0], heads, later)
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
