"""Value's definitions in plain Python: one user at a time, with dates."""

from __future__ import annotations

import datetime as dt
import itertools
from collections import defaultdict
from zoneinfo import ZoneInfo

import pandas as pd

Day = dt.date


def local_days(events: pd.DataFrame, zone: str) -> list[tuple[str, Day, float | None]]:
    """(user, local day, value) of every event."""
    info = ZoneInfo(zone)
    rows = []
    for user, at, value in zip(events["user_id"], events["occurred_at"], events["value"], strict=True):
        day = at.to_pydatetime().replace(tzinfo=dt.UTC).astimezone(info).date()
        rows.append((user, day, None if value != value else float(value)))
    return rows


def week_of(day: Day) -> Day:
    return day - dt.timedelta(days=day.weekday())


def first_days(rows: list[tuple[str, Day, float | None]]) -> dict[str, Day]:
    found: dict[str, Day] = {}
    for user, day, _ in rows:
        found[user] = min(day, found.get(user, day))
    return found


def ltv(rows, period: tuple[Day, Day], as_of: Day, age: int) -> tuple[int, float]:
    """Users and net value of their first `age` days, weekly cohorts of which everybody has reached the age."""
    first = first_days(rows)
    data_from = min(first.values())
    users, value = 0, 0.0
    for user, day in first.items():
        # A user first seen on the data's first day may be older than the data: left out.
        if not period[0] <= day < min(period[1], as_of) or day == data_from:
            continue
        last_of_cohort = week_of(day) + dt.timedelta(days=6)
        if (as_of - last_of_cohort).days < age:
            continue
        users += 1
        value += sum(v for u, d, v in rows if u == user and v is not None and 0 <= (d - day).days < age)
    return users, value


def weekly(rows, week: Day, as_of: Day) -> dict[str, float]:
    """Figures of one week."""
    end = week + dt.timedelta(days=7)
    inside = [(u, d, v) for u, d, v in rows if week <= d < end]
    spent: dict[str, float] = defaultdict(float)
    bought: dict[str, set[Day]] = defaultdict(set)
    following = {u for u, d, v in rows if end <= d < end + dt.timedelta(days=7) and v is not None and v > 0}
    for user, day, value in inside:
        if value is not None:
            spent[user] += value
            if value > 0:
                bought[user].add(day)
    return {
        "active": len({u for u, _, _ in inside}),
        "revenue": sum(spent.values()),
        "paying": sum(value > 1e-9 for value in spent.values()),
        "buyers": len(bought),
        "orders": sum(v is not None and v > 0 for _, _, v in inside),
        "repeat_buyers": sum(len(days) >= 2 for days in bought.values()),
        "buyers_next": len(set(bought) & following) if end + dt.timedelta(days=7) <= as_of else float("nan"),
    }


def intervals(rows, first: Day, end: Day) -> list[int]:
    """Days between successive purchase days whose later one lies in [first, end)."""
    days: dict[str, set[Day]] = defaultdict(set)
    for user, day, value in rows:
        if value is not None and value > 0:
            days[user].add(day)
    found = []
    for own in days.values():
        ordered = sorted(own)
        found += [(b - a).days for a, b in itertools.pairwise(ordered) if first <= b < end]
    return sorted(found)
