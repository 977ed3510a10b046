"""Which of a user's attempts counts: the deepest, of those the one with most steps, of those the earliest."""

from __future__ import annotations

import numpy as np

from ops_core.engine.funnel_kernel import ABSENT, Array, Attempts
from ops_core.engine.funnel_plan import Plan

_RANK = 16  # a path's rank: depth first, then how many steps it contains (at most 10)


def rank_of(found: Attempts) -> Array:
    return found.level.astype(np.int64) * _RANK + (found.at != ABSENT).sum(axis=0)


def best_of(groups: Array, found: Attempts, plan: Plan) -> Array:
    """Per group (user, or user and bucket) the place of its deepest attempt, the earliest of those."""
    if plan.spec.on_exclusion == "drop":
        return _best_or_dropped(groups, found, plan)
    if np.all(groups[1:] >= groups[:-1]) and not plan.held_column:
        return _first_deepest(groups, rank_of(found))
    order = np.lexsort((*_earliness(found, plan), -rank_of(found), groups))
    return order[heads_of(groups[order])]


def _first_deepest(sorted_groups: Array, rank: Array) -> Array:
    """The same where the attempts of a group stand together, in the order of their starts."""
    heads = np.flatnonzero(heads_of(sorted_groups))
    if len(heads) in (0, len(sorted_groups)):
        return heads
    deepest = np.maximum.reduceat(rank, heads)
    kept = np.flatnonzero(rank == np.repeat(deepest, np.diff(np.append(heads, len(rank)))))
    return kept[heads_of(sorted_groups[kept])]


def _best_or_dropped(groups: Array, found: Attempts, plan: Plan) -> Array:
    """The same among attempts that are as deep as the group's deepest one without exclusions, and clean."""
    if not len(groups):
        return np.zeros(0, np.intp)
    order = np.lexsort((*_earliness(found, plan), -rank_of(found), -found.raw, groups))
    heads = heads_of(groups[order])
    deepest = found.raw[order][heads][np.cumsum(heads) - 1]
    kept = order[(found.raw[order] == deepest) & (found.level[order] == deepest)]
    return kept[heads_of(groups[kept])]


def _earliness(found: Attempts, plan: Plan) -> list[Array]:
    """Sort keys, the most important last: the start, then the steps. Values held constant can start at one instant."""
    times = plan.layout.times(found.starts)
    if not plan.held_column:
        return [times]
    never = np.iinfo(np.int64).max
    later = [np.where(keys == ABSENT, never, plan.layout.times(keys)) for keys in found.at[1:]]
    return [*reversed(later), times]


def heads_of(sorted_groups: Array) -> Array:
    """Marks where each new value of a sorted array begins."""
    heads = np.ones(len(sorted_groups), bool)
    np.not_equal(sorted_groups[1:], sorted_groups[:-1], out=heads[1:])
    return heads
