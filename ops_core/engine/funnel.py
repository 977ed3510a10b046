"""Funnel questions answered: a spec in, one counted attempt per user out (or per bucket, or every attempt).

Users are walked in blocks, two at a time, so that memory does not grow with the data beyond the step rows themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np

from ops_core.engine import funnel_best, funnel_groups, funnel_kernel
from ops_core.engine.funnel_chained import best_chained
from ops_core.engine.funnel_choice import best_of, heads_of, rank_of
from ops_core.engine.funnel_journeys import NEVER_US, Journeys, in_utc, with_converted
from ops_core.engine.funnel_kernel import ABSENT, Array, Attempts, Between
from ops_core.engine.funnel_plan import Block, Plan
from ops_core.engine.funnel_spec import FunnelSpec
from ops_core.engine.funnel_unordered import best_unordered, unordered
from ops_core.engine.steps import on_threads
from ops_core.store import Store

__all__ = ["NEVER_US", "BucketAnswer", "FunnelAnswer", "Journeys", "answer", "by_bucket"]

Found = TypeVar("Found")


@dataclass(frozen=True)
class FunnelAnswer:
    """`counted`: attempts that enter the rate. `immature`: of users without such an attempt, windows still open.

    `n_dropped`: users who left the funnel because all their deepest attempts were excluded.
    """

    counted: Journeys
    immature: Journeys
    n_dropped: int


@dataclass(frozen=True)
class BucketAnswer:
    """Per bucket (its running number): users with a mature attempt by steps reached, and users who have none yet."""

    buckets: Array
    reached: Array
    n_immature: Array


def answer(store: Store, spec: FunnelSpec) -> FunnelAnswer:
    """The counted attempt of each user.

    Raises:
        QueryError: an event or a property that does not exist, a filter value of the wrong type.
    """
    plan = Plan(store, spec)
    mature_end = min(max(plan.mature_end_us, spec.start_us), spec.end_us)
    counted, n_dropped = _journeys(plan, spec.start_us, mature_end)
    immature, _ = (
        _journeys(plan, mature_end, spec.end_us) if mature_end < spec.end_us else (Journeys.none(plan.n_steps), 0)
    )
    if spec.quick and len(immature):
        counted, immature = with_converted(counted, immature, plan.n_steps, spec.reentry == "every_attempt")
    if spec.reentry != "every_attempt":
        immature = immature.take(~np.isin(immature.user_keys, counted.user_keys))
    return FunnelAnswer(counted, immature, n_dropped)


def by_bucket(store: Store, spec: FunnelSpec, bucket_of: Callable[[Array], Array], among_step: int = 0) -> BucketAnswer:
    """Users by bucket of their attempts' start; within a bucket the deepest attempt counts.

    `bucket_of` gives running bucket numbers of UTC µs. A user may appear in several buckets. Only attempts that reached
    `among_step` (from 0) are counted: an optional step is not on the way of everybody who gets further.
    """
    plan = Plan(store, spec)
    edges = bucket_of(np.array([spec.start_us, spec.end_us - 1]))
    first, n_buckets = int(edges[0]), int(edges[1] - edges[0]) + 1
    mature_end = plan.mature_end_us - plan.layout.base_us

    def count(number: int) -> tuple[Array, Array]:
        block = plan.block(number)
        found = _attempts(plan, block, *_key_times(plan, spec.start_us, spec.end_us), best_only=False)
        times = plan.layout.times(found.starts)
        groups = _users(plan, block, found.starts) * n_buckets + (bucket_of(times + plan.layout.base_us) - first)
        mature = times < mature_end
        chosen = best_of(groups[mature], _part(found, mature), plan)
        reached = np.zeros((plan.n_steps, n_buckets), np.int64)
        picked = _part(found, mature)
        among = picked.at[among_step, chosen] != ABSENT
        bucket, at = (groups[mature][chosen] % n_buckets)[among], picked.at[:, chosen[among]]
        for step in range(plan.n_steps):
            reached[step] = np.bincount(bucket[at[step] != ABSENT], minlength=n_buckets)
        early = np.setdiff1d(groups[~mature], groups[mature])
        return reached, np.bincount(early % n_buckets, minlength=n_buckets)

    reached = np.zeros((plan.n_steps, n_buckets), np.int64)
    n_immature = np.zeros(n_buckets, np.int64)
    for found, early in _walk(plan, count):
        reached += found
        n_immature += early
    return BucketAnswer(np.arange(first, first + n_buckets), reached, n_immature)


def _journeys(plan: Plan, start_us: int, end_us: int) -> tuple[Journeys, int]:
    spec, layout = plan.spec, plan.layout

    def collect(number: int) -> tuple[Journeys, int]:
        if plan.is_chained:
            found = best_chained(plan.chained_block(number), plan.stretch(start_us, end_us), plan.allowed)
            return in_utc(layout, number, layout.users(found.starts), found.at, found.level), 0
        block = plan.block(number)
        best_only = spec.reentry == "deepest"
        found = _attempts(plan, block, *_key_times(plan, start_us, end_us), best_only)
        users = _users(plan, block, found.starts)
        if spec.reentry == "every_attempt":
            chosen = np.arange(len(users))
            if spec.on_exclusion == "drop":
                chosen = np.flatnonzero(found.level == found.raw)
        else:
            chosen = best_of(users, found, plan)
        n_dropped = len(np.unique(users)) - len(np.unique(users[chosen])) if spec.on_exclusion == "drop" else 0
        return in_utc(layout, number, users[chosen], found.at[:, chosen]), n_dropped

    if end_us <= start_us or not layout.n_users:
        return Journeys.none(plan.n_steps), 0
    parts = list(_walk(plan, collect, plan.is_chained))
    return Journeys.joined([part for part, _ in parts]), sum(n for _, n in parts)


def _walk(plan: Plan, collect: Callable[[int], Found], with_chains: bool = False) -> Iterable[Found]:
    """What `collect` finds in each block of users; `with_chains` when it asks for the chained block of each."""
    plan.prefetch(with_chains)
    found = on_threads(plan.layout, collect, range(plan.layout.n_blocks))
    if with_chains:
        plan.keep_chains()
    return found


def _attempts(plan: Plan, block: Block, low: int, high: int, best_only: bool) -> Attempts:
    """Attempts of a block that start in `[low, high)`, each at its best path over the variants of optional steps."""
    if best_only and plan.spec.order == "unordered" and plan.is_disjoint and not plan.spec.exclusions:
        steps = [block.matching(step) for step in range(plan.n_steps)]
        return best_unordered(
            steps, plan.window, low, high, None if plan.allowed is None else partial(_may_enter, plan, block)
        )
    if best_only and plan.spec.order == "strict" and plan.is_plain_strict:
        return _strict(plan, block, low, high)
    starts = _starts(plan, block, low, high)
    best: Attempts | None = None
    for path in plan.variants:
        found = _on_path(plan, block, starts, path, best_only and len(plan.variants) == 1)
        if len(path) < plan.n_steps:
            found = _spread(found, path, plan.n_steps)
        best = found if best is None else _better(best, found)
    return best


def _starts(plan: Plan, block: Block, low: int, high: int) -> Array:
    if plan.spec.order == "unordered":
        keys = np.sort(np.concatenate([block.matching(step) for step in range(plan.n_steps)]))
        keys = keys[heads_of(keys)]
    else:
        keys = block.matching(0)
    if plan.spec.reentry == "first_entry":
        # The first of the whole period, also where only its mature or its immature part is looked at.
        inside = _enters(plan, block, keys, *_key_times(plan, plan.spec.start_us, plan.spec.end_us))
        keys = keys if inside is None else keys[inside]
        keys = _first_of_user(_users(plan, block, keys), keys, plan.layout.times(keys))
    enters = _enters(plan, block, keys, low, high)
    return keys if enters is None else keys[enters]


def _enters(plan: Plan, block: Block, keys: Array, low: int, high: int) -> Array | None:
    """Which keys start an attempt: in the period, by a user who is asked for; `None` for all."""
    found = None
    if low > 0 or high < plan.layout.span_us:
        times = plan.layout.times(keys)
        found = (times >= low) & (times < high)
    if plan.allowed is not None:
        allowed = _may_enter(plan, block, plan.layout.users(keys))
        found = allowed if found is None else found & allowed
    return found


def _may_enter(plan: Plan, block: Block, local: Array) -> Array:
    """Which local users (entities, when a property is held constant) are asked for."""
    users = local if block.owners is None else block.owners[local]
    return plan.allowed[users + (block.number << plan.layout.block_bits)]


def _first_of_user(users: Array, keys: Array, times: Array) -> Array:
    """Keys at the first instant of their user; several when a property is held constant, one per value."""
    first = np.full(int(users.max(initial=-1)) + 1, np.iinfo(np.int64).max)
    np.minimum.at(first, users, times)
    return keys[times == first[users]]


def _on_path(plan: Plan, block: Block, starts: Array, path: tuple[int, ...], best_only: bool) -> Attempts:
    spec, window = plan.spec, plan.window
    exclusions = block.betweens(spec.exclusions, path)
    if spec.order == "unordered":
        return _unordered(plan, block, starts, exclusions)
    if spec.order == "ordered" and plan.is_disjoint:
        parts = [block.matching(step) for step in path]
        if best_only:
            want_raw = spec.on_exclusion == "drop"
            return funnel_best.best_ordered(starts, parts, window, exclusions, want_raw=want_raw)
        if exclusions:
            return funnel_kernel.with_exclusions(starts, parts, window, exclusions)
        return funnel_kernel.forward(starts, parts, window)
    if not (best_only and spec.order == "ordered"):
        return _in_groups(plan, block, starts, path, exclusions, block.all_rows())
    return _with_tied_apart(plan, block, starts, path, exclusions)


def _unordered(plan: Plan, block: Block, starts: Array, exclusions: Sequence[Between]) -> Attempts:
    rows = [_family_rows(block, family) for family in plan.families]
    return unordered(starts, rows, plan.families, plan.window, exclusions, plan.n_steps)


def _with_tied_apart(
    plan: Plan, block: Block, starts: Array, path: tuple[int, ...], exclusions: Sequence[Between]
) -> Attempts:
    """The attempts that count: users without two rows at one instant the quick way, the others in groups."""
    window, layout = plan.window, plan.layout
    is_tied = _marked(funnel_best.tied_users(block.rows[0], window), layout.users(starts))
    apart = is_tied[layout.users(starts)]
    parts = [block.matching(step) for step in path]
    quick = funnel_best.best_ordered(starts[~apart], parts, window, exclusions, later=True)
    if not apart.any():
        return quick
    return _joined(quick, _in_groups(plan, block, starts[apart], path, exclusions, block.all_rows(is_tied)))


def _strict(plan: Plan, block: Block, low: int, high: int) -> Attempts:
    """The same for a strict funnel: all events of a user in one order, but for users with two at one instant."""
    layout, everything, step_of = plan.layout, block.everything, block.steps_of_everything()
    places = np.flatnonzero(step_of == 0)
    starts = everything.take(places)
    is_tied = _marked(funnel_best.tied_users(everything, plan.window), layout.users(everything[-1:]))
    apart = is_tied[layout.users(starts)]
    enters = _enters(plan, block, starts, low, high)
    kept = ~apart if enters is None else enters & ~apart
    quick = funnel_best.best_strict(places[kept], plan.n_steps, everything, step_of, plan.window)
    starts = block.matching(0)
    tied_starts = starts[is_tied[layout.users(starts)]]
    enters = _enters(plan, block, tied_starts, low, high)
    tied_starts = tied_starts if enters is None else tied_starts[enters]
    if not len(tied_starts):
        return quick
    path = tuple(range(plan.n_steps))
    return _joined(quick, _in_groups(plan, block, tied_starts, path, (), block.all_rows(is_tied)))


def _marked(users: Array, among: Array) -> Array:
    """A mark per local user up to the last of those `among`: whether it is one of `users`."""
    marks = np.zeros(int(among[-1:].max(initial=0)) + 1, bool)
    marks[users[users < len(marks)]] = True
    return marks


def _joined(one: Attempts, other: Attempts) -> Attempts:
    return Attempts(
        np.concatenate([one.starts, other.starts]),
        np.concatenate([one.level, other.level]),
        np.concatenate([one.raw, other.raw]),
        np.concatenate([one.at, other.at], axis=1),
    )


def _in_groups(
    plan: Plan, block: Block, starts: Array, path: tuple[int, ...], exclusions: Sequence[Between],
    rows: tuple[Array, Array],
) -> Attempts:  # fmt: skip
    keys, masks = rows
    groups = funnel_groups.grouped(keys, _on_bits(masks, path), len(path))
    if plan.spec.order == "strict":
        around = funnel_groups.neighbours(groups, block.everything, block.owners, plan.window)
        return funnel_groups.strict(starts, groups, around, plan.window, exclusions, len(path))
    want_raw = plan.spec.on_exclusion == "drop"
    return funnel_groups.ordered(starts, groups, plan.window, exclusions, len(path), want_raw)


def _family_rows(block: Block, family: tuple[int, ...]) -> tuple[Array, Array]:
    if len(family) == 1:
        return block.matching(family[0]), np.empty(0, np.uint16)
    keys, masks = block.rows
    bits = sum(1 << step for step in family)
    kept = (masks & bits) != 0
    return keys[kept], masks[kept]


def _on_bits(masks: Array, path: tuple[int, ...]) -> Array:
    """Masks over the steps of a path: bit i for its i-th step."""
    if path == tuple(range(len(path))):
        return masks & ((1 << len(path)) - 1)
    masks = masks.astype(np.int64)
    return sum(((masks >> step & 1) << position for position, step in enumerate(path)), np.zeros_like(masks))


def _spread(found: Attempts, path: tuple[int, ...], n_steps: int) -> Attempts:
    """Attempts on a path that leaves out optional steps, in terms of all steps."""
    at = np.full((n_steps, len(found.starts)), ABSENT, np.int64)
    at[list(path)] = found.at
    depths = np.array([0, *(step + 1 for step in path)], np.int8)
    return Attempts(found.starts, depths[found.level], depths[found.raw], at)


def _better(one: Attempts, other: Attempts) -> Attempts:
    better = rank_of(other) > rank_of(one)
    return Attempts(
        one.starts,
        np.where(better, other.level, one.level),
        np.maximum(one.raw, other.raw),
        np.where(better, other.at, one.at),
    )


def _part(found: Attempts, kept: Array) -> Attempts:
    return Attempts(found.starts[kept], found.level[kept], found.raw[kept], found.at[:, kept])


def _users(plan: Plan, block: Block, keys: Array) -> Array:
    local = plan.layout.users(keys)
    return local if block.owners is None else block.owners[local]


def _key_times(plan: Plan, start_us: int, end_us: int) -> tuple[int, int]:
    return start_us - plan.layout.base_us, end_us - plan.layout.base_us
