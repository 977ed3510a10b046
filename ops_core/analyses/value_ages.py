"""Value per new user at fixed ages: only cohorts of which every user has reached the age count."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ops_core.engine.purchases import UserDays
from ops_core.model.intervals import normal_quantile
from ops_core.model.time import TimeRules, date_of, dates_of

ENOUGH_SHARE = 0.2  # of the new users must have reached the age at which curves are read


@dataclass(frozen=True, eq=False)
class NewUsers:
    """Users first seen in the period, arrays of one length sorted by key.

    `group` is a place in `group_names`, `cohort` a place in `cohort_days`. `reached`: the age in days that every user
    of the user's cohort has completed by as-of.
    """

    users: np.ndarray
    first_days: np.ndarray
    group: np.ndarray
    group_names: tuple[str, ...]
    cohort: np.ndarray
    cohort_days: np.ndarray
    reached: np.ndarray

    def __len__(self) -> int:
        return len(self.users)


@dataclass(frozen=True, eq=False)
class Spent:
    """Net value of new users by age: one row per user and day with a purchase or refund, `place` in `NewUsers`."""

    place: np.ndarray
    age: np.ndarray  # days since being first seen; the first day is 0
    net: np.ndarray

    def by_user(self, n: int, age_days: int) -> np.ndarray:
        """Each user's net value in the first `age_days` days."""
        young = self.age < age_days
        return np.bincount(self.place[young], self.net[young], minlength=n)


def spent_by(people: NewUsers, rows: UserDays) -> Spent:
    """The purchases of the new users; a purchase from before being first seen counts on the first day."""
    place = np.searchsorted(people.users, rows.users)
    place = np.minimum(place, max(len(people) - 1, 0))
    mine = people.users[place] == rows.users if len(people) else np.zeros(len(rows.users), dtype=bool)
    place = place[mine]
    return Spent(place, np.maximum(rows.days[mine] - people.first_days[place], 0), rows.net[mine])


def ltv(people: NewUsers, spent: Spent, ages: tuple[int, ...]) -> pd.DataFrame:
    """group, age_days, users (of cohorts that have reached it), cohorts, value, ltv, low, high (95 %, per user)."""
    rows = []
    for age in ages:
        ripe = people.reached >= age
        worth = spent.by_user(len(people), age)
        for number, name in enumerate(people.group_names):
            mine = ripe & (people.group == number)
            rows.append((name, age, *_mean(worth[mine], len(np.unique(people.cohort[mine])))))
    return pd.DataFrame(rows, columns=["group", "age_days", "users", "cohorts", "value", "ltv", "low", "high"])


def _mean(worth: np.ndarray, cohorts: int) -> tuple[int, int, float, float, float, float]:
    n, total = len(worth), float(worth.sum())
    if not n:
        return 0, 0, 0.0, float("nan"), float("nan"), float("nan")
    half = normal_quantile(0.975) * float(worth.std(ddof=1)) / np.sqrt(n) if n > 1 else float("nan")
    return n, cohorts, total, total / n, total / n - half, total / n + half


def cohort_table(people: NewUsers, spent: Spent, ages: tuple[int, ...]) -> pd.DataFrame:
    """cohort (its first day), users, age_days, value, ltv; value and ltv nan where not every user has reached the
    age."""
    n = len(people.cohort_days)
    users = np.bincount(people.cohort, minlength=n)
    reached = np.full(n, np.iinfo(np.int64).max)
    np.minimum.at(reached, people.cohort, people.reached)
    frames = []
    for age in ages:
        value = np.bincount(people.cohort, spent.by_user(len(people), age), minlength=n)
        value = np.where((reached >= age) & (users > 0), value, np.nan)
        with np.errstate(invalid="ignore", divide="ignore"):
            frames.append(
                pd.DataFrame(
                    {
                        "cohort": dates_of(people.cohort_days), "users": users, "age_days": age, "value": value,
                        "ltv": value / np.where(users > 0, users, np.nan),
                    }
                )
            )  # fmt: skip
    return pd.concat(frames, ignore_index=True)


def curve_age(people: NewUsers, ages: tuple[int, ...]) -> int:
    """The largest age that cohorts with at least a fifth of the new users have reached; else the largest reached by
    any; 0 when none has reached even the first."""
    reached = [(age, int((people.reached >= age).sum())) for age in ages]
    enough = [age for age, n in reached if n >= max(ENOUGH_SHARE * len(people), 1)]
    return max(enough or [age for age, n in reached if n] or [0])


def curve(people: NewUsers, spent: Spent, age_days: int) -> pd.DataFrame:
    """group, age_days 1 … `age_days`, users, ltv: the same users at every age, so a curve only falls by refunds."""
    rows = []
    ripe = people.reached >= age_days
    kept = ripe[spent.place] & (spent.age < age_days)
    for number, name in enumerate(people.group_names):
        mine = people.group == number
        users = int((mine & ripe).sum())
        if not users:
            continue
        inside = kept & mine[spent.place]
        value = np.cumsum(np.bincount(spent.age[inside], spent.net[inside], minlength=age_days))
        rows.append(
            pd.DataFrame({"group": name, "age_days": np.arange(1, age_days + 1), "users": users, "ltv": value / users})
        )
    return pd.concat(rows, ignore_index=True) if rows else _no_curve()


def days_of_curve(people: NewUsers, age_days: int) -> tuple[dt.date, dt.date] | None:
    """First and last day on which a user of the curve was first seen; `None` when there is no curve."""
    days = people.first_days[people.reached >= age_days]
    return (date_of(int(days.min())), date_of(int(days.max()))) if age_days and len(days) else None


def _no_curve() -> pd.DataFrame:
    return pd.DataFrame(columns=["group", "age_days", "users", "ltv"])


def cohorts_reached(rules: TimeRules, first_days: np.ndarray, grain: str, end_day: int) -> tuple[np.ndarray, ...]:
    """Per user: the running number of the cohort, and the age that the whole cohort has completed by `end_day`."""
    index = rules.bucket_index(first_days, grain)
    last_days = rules.index_start_day(index.astype(np.int64) + 1, grain).astype(np.int64) - 1
    return index, np.maximum(end_day - last_days, 0)
