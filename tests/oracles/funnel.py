"""The funnel's definitions in plain Python, by trying every chain of events: slow, obvious, independent.

Rows are dicts with user, event, at (µs), and properties. Answers are dicts per user.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from zoneinfo import ZoneInfo

from ops_core.engine.funnel_spec import FunnelSpec
from ops_core.model import Filter

Row = dict[str, object]
_COMPARE: dict[str, Callable[[object, object], bool]] = {
    "eq": lambda found, wanted: found == wanted,
    "ne": lambda found, wanted: found != wanted,
    "gt": lambda found, wanted: found is not None and found > wanted,
    "in": lambda found, wanted: found in wanted,
}


@dataclass
class Attempt:
    start: int
    depth: int
    raw_depth: int
    at: dict[int, int] = field(default_factory=dict)  # step (0-based) → µs
    held: object = None

    @property
    def order(self) -> tuple[int, int, int, list[int], list[int]]:
        # Attempts that start at one instant and are equally deep: the one with the earlier steps gives the times.
        return (-self.depth, -len(self.at), self.start, sorted(self.at), [self.at[step] for step in sorted(self.at)])


def passes(row: Row, filters: tuple[Filter, ...]) -> bool:
    return all(_COMPARE[one.op](row.get(one.prop), one.value) for one in filters)


def matches(row: Row, part, spec: FunnelSpec) -> bool:
    return (part.events is None or row["event"] in part.events) and passes(row, part.filters + spec.filters)


def window_end(start: int, spec: FunnelSpec, zone: str) -> int:
    if spec.window_us is not None:
        return start + spec.window_us
    info = ZoneInfo(zone)
    local = (dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=start)).astimezone(info)
    tomorrow = dt.datetime.combine(local.date() + dt.timedelta(days=1), dt.time(), info).astimezone(dt.UTC)
    return (tomorrow - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1) - 1


def answer(rows: list[Row], spec: FunnelSpec, zone: str = "UTC") -> tuple[dict, dict, int]:
    """(counted, immature, n_dropped): user → (depth, {step: µs}) and user → depth."""
    counted, immature, n_dropped = {}, {}, 0
    for user in sorted({row["user"] for row in rows}):
        own = sorted((row for row in rows if row["user"] == user), key=lambda row: row["at"])
        if spec.clip:
            own = [row for row in own if row["at"] < spec.end_us]
        attempts = list(attempts_of(own, spec, zone))
        if spec.reentry == "first_entry":
            attempts = [a for a in attempts if a.start == min(b.start for b in attempts)]
        mature, young = by_maturity(attempts, spec, zone)
        best = pick(mature, spec)
        if mature and best is None:
            n_dropped += 1
        early = pick(young, spec)
        if spec.quick and early and early.depth == len(spec.steps) and not (best and best.depth == early.depth):
            best, early = early, None
        if best:
            counted[user] = (best.depth, best.at)
        elif early:
            immature[user] = early.depth
    return counted, immature, n_dropped


def every_attempt(rows: list[Row], spec: FunnelSpec, zone: str = "UTC") -> tuple[list, list]:
    """(counted, immature) when every attempt stands for itself: (user, depth, {step: µs}) of each."""
    counted, immature = [], []
    for user in sorted({row["user"] for row in rows}):
        own = sorted((row for row in rows if row["user"] == user), key=lambda row: row["at"])
        if spec.clip:
            own = [row for row in own if row["at"] < spec.end_us]
        kept = [a for a in level_with_twins(list(attempts_of(own, spec, zone)), spec)
                if spec.on_exclusion == "cut" or a.depth == a.raw_depth]  # fmt: skip
        mature, young = by_maturity(kept, spec, zone)
        early = [a for a in young if spec.quick and a.depth == len(spec.steps)]
        counted += [(user, a.depth, a.at) for a in mature + early]
        immature += [(user, a.depth, a.at) for a in young if a not in early]
    return counted, immature


def level_with_twins(attempts: list[Attempt], spec: FunnelSpec) -> list[Attempt]:
    """Attempts of one instant (and one held value) take the best path of the instant; without an order they are one."""
    twins: dict[tuple, list[Attempt]] = {}
    for attempt in attempts:
        twins.setdefault((attempt.start, attempt.held), []).append(attempt)
    found = []
    for same in twins.values():
        best = min(same, key=lambda attempt: attempt.order)
        best = Attempt(best.start, best.depth, max(one.raw_depth for one in same), best.at)
        found += [best] * (1 if spec.order == "unordered" else len(same))
    return found


def by_maturity(attempts: list[Attempt], spec: FunnelSpec, zone: str) -> tuple[list[Attempt], list[Attempt]]:
    """Attempts whose window has ended by as-of, and those whose window is open."""
    mature, young = [], []
    for attempt in attempts:
        ends = window_end(attempt.start, spec, zone)
        ends += spec.window_us is None  # a local day is over at midnight, not a microsecond before
        ends = min(ends, spec.end_us) if spec.clip else ends
        (mature if spec.as_of_us is None or ends <= spec.as_of_us else young).append(attempt)
    return mature, young


def pick(attempts: list[Attempt], spec: FunnelSpec) -> Attempt | None:
    if spec.on_exclusion == "drop" and attempts:
        deepest = max(attempt.raw_depth for attempt in attempts)
        attempts = [a for a in attempts if a.raw_depth == deepest and a.depth == deepest]
    return min(attempts, key=lambda attempt: attempt.order) if attempts else None


def attempts_of(own: list[Row], spec: FunnelSpec, zone: str) -> Iterator[Attempt]:
    first_steps = spec.steps if spec.order == "unordered" else spec.steps[:1]
    for start in own:
        if not spec.start_us <= start["at"] < spec.end_us:
            continue
        if not any(matches(start, step, spec) for step in first_steps):
            continue
        values = [None] if spec.hold_constant is None else [start.get(spec.hold_constant)]
        if spec.hold_constant is not None and values == [None]:
            continue
        end = window_end(start["at"], spec, zone)
        reachable = [row for row in own if start["at"] <= row["at"] <= end]
        held = [row for row in reachable if spec.hold_constant is None or row[spec.hold_constant] == values[0]]
        if spec.order == "unordered":
            yield replace(unordered(start, held, reachable, spec), held=values[0])
        else:
            clean = best_chain(start, held, reachable, spec, spec.exclusions)
            raw = best_chain(start, held, reachable, spec, ())
            yield Attempt(start["at"], max(clean) + 1, max(raw) + 1, clean, values[0])


def best_chain(start: Row, held: list[Row], reachable: list[Row], spec: FunnelSpec, exclusions) -> dict[int, int]:
    def rank(chain: list[tuple[int, Row]]):
        return (-chain[-1][0], -len(chain), [step for step, _ in chain], [row["at"] for _, row in chain])

    best = None
    for chain in chains([(0, start)], held, spec):
        if is_clean(chain, reachable, spec, exclusions) and (
            spec.order != "strict" or consecutive(chain, reachable, spec)
        ):
            best = chain if best is None or rank(chain) < rank(best) else best
    return {step: row["at"] for step, row in best}


def chains(chain: list[tuple[int, Row]], held: list[Row], spec: FunnelSpec) -> Iterator[list[tuple[int, Row]]]:
    yield chain
    last_step, last_row = chain[-1]
    for step in range(last_step + 1, len(spec.steps)):
        if all(spec.steps[skipped].optional for skipped in range(last_step + 1, step)):
            for row in held:
                used = any(row is other for _, other in chain)
                if not used and row["at"] >= last_row["at"] and matches(row, spec.steps[step], spec):
                    yield from chains([*chain, (step, row)], held, spec)


def is_clean(chain: list[tuple[int, Row]], reachable: list[Row], spec: FunnelSpec, exclusions) -> bool:
    at = {step: row["at"] for step, row in chain}
    for one in exclusions:
        first, last = one.from_step - 1, one.to_step - 1
        both = first in at and last in at
        if both and any(at[first] < row["at"] < at[last] and matches(row, one, spec) for row in reachable):
            return False
    return True


def consecutive(chain: list[tuple[int, Row]], reachable: list[Row], spec: FunnelSpec) -> bool:
    """Rows of the first and the last instant can be put before and behind the chain; none may lie in between."""
    first, last = chain[0][1]["at"], chain[-1][1]["at"]
    own = [row for _, row in chain]
    return not any(
        first < row["at"] < last and not any(row is other for other in own) and passes(row, spec.filters)
        for row in reachable
    )


def unordered(start: Row, held: list[Row], reachable: list[Row], spec: FunnelSpec) -> Attempt:
    at, covered = {}, 0
    for instant in sorted({row["at"] for row in held}):
        seen = [row for row in held if row["at"] <= instant]
        for level in range(covered + 1, matching(seen, spec, 0, frozenset()) + 1):
            at[level - 1], covered = instant, level
    raw = covered
    for one in spec.exclusions:
        if raw == len(spec.steps) and any(
            start["at"] < row["at"] < at[raw - 1] and matches(row, one, spec) for row in reachable
        ):
            covered = raw - 1
    at = {step: instant for step, instant in at.items() if step < covered}
    return Attempt(start["at"], covered, raw, at)


def matching(rows: list[Row], spec: FunnelSpec, step: int, used: frozenset[int]) -> int:
    if step == len(spec.steps):
        return 0
    best = matching(rows, spec, step + 1, used)
    for number, row in enumerate(rows):
        if number not in used and matches(row, spec.steps[step], spec):
            best = max(best, 1 + matching(rows, spec, step + 1, used | {number}))
    return best
