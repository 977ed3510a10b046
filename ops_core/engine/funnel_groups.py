"""Attempts of funnels whose steps share events, and of strict funnels.

One event serves one step, and events at one instant count in whichever order helps. So the rows of one user and
instant form a group, and an attempt is a run of groups: each group serves consecutive steps `first … last`, which it
can when every step gets a row of its own (Hall's condition). Between groups time moves strictly forward.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ops_core.engine.funnel_kernel import ABSENT, Array, Attempts, Between, Window, owned


@dataclass(frozen=True)
class Groups:
    """Instants of users: key, and `runs[i]`: the last step of the longest run from step i that the group can serve.

    `runs[i] == i - 1` where it cannot serve step i. Steps count from 0.
    """

    keys: Array
    runs: Array


@dataclass(frozen=True)
class Neighbours:
    """For strict funnels: rows of the user at each group's instant, and whether the next group follows at once."""

    sizes: Array
    next_follows: Array


def grouped(keys: Array, masks: Array, n_steps: int) -> Groups:
    """The groups of sorted rows; bit i of a row's mask says that it matches step i."""
    kept = masks != 0
    keys, masks = keys[kept], masks[kept].astype(np.int64)
    heads = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1]))) if len(keys) else np.zeros(0, np.intp)
    sizes = np.diff(np.append(heads, len(keys)))
    runs = np.empty((n_steps + 1, len(heads)), np.int8)
    any_mask = np.bitwise_or.reduceat(masks, heads) if len(heads) else masks
    for step in range(n_steps):
        runs[step] = np.where(any_mask >> step & 1, step, step - 1)
    runs[n_steps] = n_steps - 1
    several = np.flatnonzero(sizes > 1)
    if len(several):
        rows = np.repeat(sizes > 1, sizes)
        inner_heads = np.concatenate(([0], np.cumsum(sizes[several])[:-1]))
        runs[:n_steps, several] = _longest_runs(masks[rows], inner_heads, n_steps)
    return Groups(keys[heads], runs)


def _longest_runs(masks: Array, heads: Array, n_steps: int) -> Array:
    """Per group of several rows the longest run from each step, by Hall's condition on every set of steps."""
    served = {
        wanted: np.add.reduceat((masks & wanted) != 0, heads, dtype=np.int32) >= wanted.bit_count()
        for wanted in range(1, 1 << n_steps)
    }
    runs = np.empty((n_steps, len(heads)), np.int8)
    for first in range(n_steps):
        runs[first] = first - 1
        feasible = np.ones(len(heads), bool)
        for last in range(first, n_steps):
            # A run grows by one step: only the sets that contain the new step are still to be checked.
            older = range(1 << (last - first))
            for chosen in older:
                feasible &= served[(1 << last) | (chosen << first)]
            runs[first, feasible] = last
            if not feasible.any():
                break
    return runs


def ordered(
    starts: Array, groups: Groups, window: Window, exclusions: Sequence[Between], n_steps: int, want_raw: bool
) -> Attempts:
    """Every attempt of an ordered funnel over groups, at its deepest clean level. `starts` are keys of groups."""
    found = _deepest(starts, groups, window, exclusions, n_steps)
    if not (want_raw and exclusions):
        return found
    raw = _deepest(starts, groups, window, (), n_steps).level
    return Attempts(starts, found.level, raw, found.at)


def _deepest(starts: Array, groups: Groups, window: Window, exclusions: Sequence[Between], n_steps: int) -> Attempts:
    level = np.zeros(len(starts), np.int8)
    at = np.full((n_steps, len(starts)), ABSENT, np.int64)
    places = np.searchsorted(groups.keys, starts)
    limits = window.limits(groups.keys)
    for target in range(n_steps - 1, -1, -1):
        chains = _chains_to(target, groups, limits, exclusions)
        reached = (chains[target][places] != ABSENT) & (level == 0)
        level[reached] = target + 1
        at[: target + 1, reached] = chains[:, places[reached]]
        if level.all():
            break
    return Attempts(starts, level, level, at)


def _chains_to(target: int, groups: Groups, limits: Array, exclusions: Sequence[Between]) -> Array:
    """Per group the earliest clean chain through steps 0 … target that starts in it: keys by step, -1 for none."""
    n_groups = len(groups.keys)
    following: dict[int, tuple[Array, Array]] = {}  # entering step → (next group that can, its chains)
    chains = np.empty((0, n_groups), np.int64)
    for first in range(target, -1, -1):
        chains = np.full((target + 1 - first, n_groups), ABSENT, np.int64)
        for last in range(target, first - 1, -1):
            able = np.flatnonzero((groups.runs[first] >= last) & (chains[-1] == ABSENT))
            if last == target:
                chains[:, able] = groups.keys[able]
                continue
            later, tails = following[last + 1]
            onward = later[able]
            able, onward = able[onward < n_groups], onward[onward < n_groups]
            kept = tails[-1][onward] <= limits[able]
            for one in exclusions:
                if first <= one.from_step <= last < one.to_step <= target:
                    kept &= one.clean(groups.keys[able], tails[one.to_step - last - 1][onward])
            able, onward = able[kept], onward[kept]
            chains[: last + 1 - first, able] = groups.keys[able]
            chains[last + 1 - first :, able] = tails[:, onward]
        following[first] = _later(chains[-1] != ABSENT), chains
    return chains


def _later(valid: Array) -> Array:
    """Per place the next later place that is valid; the length where there is none."""
    places = np.where(valid, np.arange(len(valid)), len(valid))
    return np.append(np.minimum.accumulate(places[::-1])[::-1][1:], len(valid))


def neighbours(groups: Groups, everything: Array, owners: Array | None, window: Window) -> Neighbours:
    """How groups lie among all events of their users (`everything`: sorted keys of users)."""
    keys = groups.keys if owners is None else owned(groups.keys, owners, window.layout)
    before = np.searchsorted(everything, keys, side="left")
    after = np.searchsorted(everything, keys, side="right")
    next_follows = np.zeros(len(keys), bool)
    next_follows[:-1] = after[:-1] == before[1:]
    return Neighbours(after - before, next_follows)


def strict(
    starts: Array, groups: Groups, around: Neighbours, window: Window, exclusions: Sequence[Between], n_steps: int
) -> Attempts:
    """Every attempt of a strict funnel: consecutive events of the user, rows of one instant in any order.

    Leaving the first group after some step and using every group in between wholly, the path is determined; the
    deepest path wins, then the one that is earliest step by step.
    """
    places = np.searchsorted(groups.keys, starts)
    longest = int(groups.runs[0][places].max(initial=-1)) + 1
    best: Attempts | None = None
    for leave_after in range(longest, 0, -1):
        found = _strict_path(starts, places, groups, around, window, n_steps, leave_after)
        level = _clean_level(found, exclusions)
        found = Attempts(starts, level, found.level, found.at)
        best = found if best is None else _deeper(best, found)
    if best is None:
        return Attempts(starts, np.zeros(0, np.int8), np.zeros(0, np.int8), np.empty((n_steps, 0), np.int64))
    best.at[np.arange(n_steps)[:, None] >= best.level] = ABSENT
    return best


def _strict_path(
    starts: Array, places: Array, groups: Groups, around: Neighbours, window: Window, n_steps: int, leave_after: int
) -> Attempts:
    level = np.zeros(len(starts), np.int8)
    at = np.full((n_steps, len(starts)), ABSENT, np.int64)
    alive = np.flatnonzero(groups.runs[0][places] >= leave_after - 1)
    level[alive] = leave_after
    at[:leave_after, alive] = starts[alive]
    limits, current = window.limits(starts), places.copy()
    while len(alive):
        alive = alive[(level[alive] < n_steps) & around.next_follows[current[alive]]]
        current[alive] += 1
        entering, key = level[alive], groups.keys[current[alive]]
        last = groups.runs[entering, current[alive]]
        kept = (last >= entering) & (key <= limits[alive])
        alive, entering, key, last = alive[kept], entering[kept], key[kept], last[kept]
        for step in range(n_steps):
            served = alive[(entering <= step) & (step <= last)]
            at[step, served] = groups.keys[current[served]]
        level[alive] = last + 1
        alive = alive[around.sizes[current[alive]] == last - entering + 1]
    return Attempts(starts, level, level, at)


def _clean_level(found: Attempts, exclusions: Sequence[Between]) -> Array:
    level = found.level.copy()
    for one in exclusions:
        passing = np.flatnonzero(found.level > one.to_step)
        dirty = passing[~one.clean(found.at[one.from_step, passing], found.at[one.to_step, passing])]
        level[dirty] = np.minimum(level[dirty], one.to_step)
    return level


def _deeper(one: Attempts, other: Attempts) -> Attempts:
    better = other.level > one.level
    return Attempts(
        one.starts,
        np.where(better, other.level, one.level),
        np.maximum(one.raw, other.raw),
        np.where(better, other.at, one.at),
    )
