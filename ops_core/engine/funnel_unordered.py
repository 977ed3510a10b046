"""Attempts of an unordered funnel: how many different steps different events cover within the window.

An attempt starts at any event that matches any step. The level is the size of the largest matching of steps with
events in the window. By Hall's theorem, at least k steps of a set of s can be matched as soon as every subset T with
more than s - k steps has seen |T| - s + k of its events: so the instant at which level k is reached is a maximum of
instants found by binary search. Steps that share no event with others are sets of their own.

Where no steps share events, only the attempt that counts is looked for (`best_unordered`): a user's deepest level is
first complete at an event whose step is new to the window, that is, which follows its like at more than a window. Those
are few. Looking back a window from there gives the level, and the first event in it is the earliest start.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

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


def best_unordered(
    steps: Sequence[Array], window: Window, low: int, high: int, allowed: Callable[[Array], Array] | None
) -> Attempts:
    """Per user the attempt that counts, of those that start in `[low, high)`; the steps share no event.

    `allowed` says of local users which of them may enter.
    """
    layout = window.layout
    if low > 0:
        steps = [keys[layout.times(keys) >= low] for keys in steps]
    ends, level = _completions(steps, window, allowed)
    late = np.flatnonzero(layout.times(ends) >= high)
    if len(late):
        starts = np.min(_first_from(steps, window.earliest(ends[late])), axis=0)
        kept = np.ones(len(ends), bool)
        kept[late] = layout.times(starts) < high
        ends, level = ends[kept], level[kept]
    ends = _deepest_first(layout.users(ends), level, ends)
    at = np.sort(_first_from(steps, window.earliest(ends)), axis=0)
    at[at > window.limits(at[0])] = ABSENT
    found = (at != ABSENT).sum(axis=0).astype(np.int8)
    return Attempts(at[0], found, found, at)


def _completions(
    steps: Sequence[Array], window: Window, allowed: Callable[[Array], Array] | None
) -> tuple[Array, Array]:
    """Sorted events whose step is new to the window that ends with them, and how many steps that window holds."""
    ends, levels = [], []
    for step, keys in enumerate(steps):
        is_new = np.ones(len(keys), bool)
        is_new[1:] = window.parts(keys)
        new = keys[is_new]
        if allowed is not None:
            new = new[allowed(window.layout.users(new))]
        earliest, level = window.earliest(new), np.ones(len(new), np.int8)
        for other, others in enumerate(steps):
            if other != step and len(others):
                places = np.searchsorted(others, new, side="right") - 1
                level += (places >= 0) & (others.take(places, mode="clip") >= earliest)
        ends.append(new)
        levels.append(level)
    found = np.concatenate(ends)
    order = np.argsort(found, kind="stable")
    return found[order], np.concatenate(levels)[order]


def _deepest_first(users: Array, level: Array, ends: Array) -> Array:
    """Of sorted events per user the first of the highest level."""
    if not len(users):
        return ends
    heads = np.flatnonzero(np.concatenate(([True], users[1:] != users[:-1])))
    deepest = np.maximum.reduceat(level, heads)
    kept = np.flatnonzero(level == np.repeat(deepest, np.diff(np.append(heads, len(users)))))
    users = users[kept]
    return ends[kept[np.concatenate(([True], users[1:] != users[:-1]))]]


def _first_from(steps: Sequence[Array], keys: Array) -> Array:
    """Per step the first event at or after each of some keys, beyond every window where there is none."""
    return np.vstack([_nth(events, np.searchsorted(events, keys)) for events in steps])
