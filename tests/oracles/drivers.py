"""Traits of funnel entrants in plain Python, user by user."""

from __future__ import annotations

from collections import defaultdict

Row = tuple[str, str, int]  # user, event, µs
DAY_US = 86_400_000_000


def behaviours(
    rows: list[Row], entered: dict[str, int], converted: set[str], window: int, known_from: int
) -> dict[str, tuple[int, int, int, int]]:
    """Event → (users with it before they entered, converted of them, users without, converted of them)."""
    seen = {user for user, at in entered.items() if at - window >= known_from}
    found = {}
    for event in {name for _, name, _ in rows}:
        having = {
            user for user, name, at in rows
            if user in seen and name == event and entered[user] - window <= at < entered[user]
        }  # fmt: skip
        if having:
            others = seen - having
            found[event] = (len(having), len(having & converted), len(others), len(others & converted))
    return found


def active_days(rows: list[Row], entered: dict[str, int], window: int) -> dict[str, int]:
    """User → on how many 24-hour stretches before entering they did anything."""
    days = defaultdict(set)
    for user, _, at in rows:
        if user in entered and entered[user] - window <= at < entered[user]:
            days[user].add((entered[user] - at) // DAY_US)
    return {user: len(days[user]) for user in entered}


def stratified_difference(users: list[tuple[tuple, bool, bool]]) -> float:
    """Users as (stratum, has the trait, converted): Σ (a n₀ − b n₁)/N over Σ n₁ n₀/N, stratum by stratum."""
    top = bottom = 0.0
    for stratum in {one[0] for one in users}:
        inside = [(has, done) for where, has, done in users if where == stratum]
        with_it = [done for has, done in inside if has]
        without = [done for has, done in inside if not has]
        if with_it and without:
            top += (sum(with_it) * len(without) - sum(without) * len(with_it)) / len(inside)
            bottom += len(with_it) * len(without) / len(inside)
    return top / bottom if bottom else float("nan")
