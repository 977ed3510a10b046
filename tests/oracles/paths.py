"""Paths in plain Python, user by user: slow, obvious, independent."""

from __future__ import annotations

from collections import Counter

Row = tuple[str, str, int]  # user, event, µs


def paths_of(
    rows: list[Row],
    starts: set[str],
    period: tuple[int, int],
    window: int,
    *,
    known: tuple[int, int],
    after: bool = True,
    levels: int = 4,
    collapse: bool = True,
    clip: bool = False,
    hidden: frozenset[str] = frozenset(),
) -> tuple[dict[str, tuple[str, ...]], set[str]]:
    """Steps away from the start by user, and the users whose starts are all too close to the data's edge.

    `known`: first instant and end of the data; `period`: half-open.
    """
    found: dict[str, tuple[str, ...]] = {}
    unripe: set[str] = set()
    for user in {row[0] for row in rows}:
        own = sorted((at, event) for who, event, at in rows if who == user)
        all_starts = [(at, event) for at, event in own if event in starts and period[0] <= at < period[1]]
        ripe = [start for start in all_starts if _is_ripe(start[0], period, window, known, after, clip)]
        if not ripe:
            if all_starts:
                unripe.add(user)
            continue
        at, event = ripe[0]
        rest = list(own)
        rest.remove((at, event))
        low, high = (at, at + window) if after else (at - window, at)
        inside = [
            (when, name)
            for when, name in rest
            if low <= when <= high and name not in hidden and not (clip and not period[0] <= when < period[1])
        ]
        steps, last = [], event
        for _, name in inside if after else reversed(inside):
            if not (collapse and name == last):
                steps.append(name)
            last = name
        found[user] = tuple(steps[:levels])
    return found, unripe


def _is_ripe(
    at: int, period: tuple[int, int], window: int, known: tuple[int, int], after: bool, clip: bool
) -> bool:  # fmt: skip
    if not known[0] <= at < known[1]:
        return False
    if after:
        return at + window <= known[1] or (clip and period[1] <= known[1])
    return at - window >= known[0] or (clip and period[0] >= known[0])


def moves(found: dict[str, tuple[str, ...]], levels: int) -> Counter:
    """How many users go from what to what: (level, from, to), with `None` for nothing more."""
    counted: Counter = Counter()
    for steps in found.values():
        padded = ["(start)", *steps, *[None] * (levels - len(steps))]
        counted.update((level, padded[level - 1], padded[level]) for level in range(1, levels + 1))
    return counted
