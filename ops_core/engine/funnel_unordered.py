"""Attempts of an unordered funnel: how many different steps different events cover within the window.

An attempt starts at any event that matches any step. The level is the size of the largest matching of steps with
events in the window. By Hall's theorem, at least k steps of a set of s can be matched as soon as every subset T with
more than s - k steps has seen |T| - s + k of its events: so the instant at which level k is reached is a maximum of
instants found by binary search. Steps that share no event with others are sets of their own.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ops_core.engine.funnel_kernel import ABSENT, Array, Attempts, Between, Window

_NEVER = np.iinfo(np.int64).max


def unordered(
    starts: Array,
    rows: Sequence[tuple[Array, Array]],
    families: Sequence[tuple[int, ...]],
    window: Window,
    exclusions: Sequence[Between],
    n_steps: int,
) -> Attempts:
    """Every attempt: `at[k]` is the key at which k + 1 different steps are covered.

    `rows[i]`: sorted (keys, masks) of the events of the i-th family of steps, those that share events.
    """
    instants = [_instants(starts, *rows[i], family) for i, family in enumerate(families)]
    at = np.sort(np.vstack(instants), axis=0)
    at[at > window.limits(starts)] = ABSENT
    raw = (at != ABSENT).sum(axis=0).astype(np.int8)
    level = raw
    complete = np.flatnonzero(raw == n_steps)
    for one in exclusions:
        dirty = complete[~one.clean(starts[complete], at[-1, complete])]
        level = level.copy()
        level[dirty] = n_steps - 1
    at[np.arange(n_steps)[:, None] >= level] = ABSENT
    return Attempts(starts, level, raw, at)


def _instants(starts: Array, keys: Array, masks: Array, family: tuple[int, ...]) -> Array:
    """When 1, 2, … steps of a family are covered, as rows; beyond every window where never."""
    size = len(family)
    reached = np.full((size, len(starts)), np.iinfo(np.int64).min, np.int64)
    for wanted in range(1, 1 << size):
        bits = sum(1 << family[i] for i in range(size) if wanted >> i & 1)
        matching = keys if size == 1 else keys[(masks & bits) != 0]
        first = np.searchsorted(matching, starts, side="left")
        missing = size - wanted.bit_count()
        for covered in range(missing + 1, size + 1):
            reached[covered - 1] = np.maximum(reached[covered - 1], _nth(matching, first + (covered - missing - 1)))
    return reached


def _nth(keys: Array, places: Array) -> Array:
    found = np.full(len(places), _NEVER, np.int64)
    there = places < len(keys)
    found[there] = keys[places[there]]
    return found
