"""Retention counted by hand: loops over users and rows, wall-clock datetimes of the standard library."""

from __future__ import annotations

import datetime as dt
import functools
import zoneinfo
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

WEEKDAY = {"monday": 0, "sunday": 6, "saturday": 5}
UNIT = {"hour": dt.timedelta(hours=1), "day": dt.timedelta(days=1), "week": dt.timedelta(days=7)}


@dataclass(frozen=True)
class Row:
    """One event; `at` is UTC, naive."""

    user: str
    event: str
    at: dt.datetime
    values: dict = field(default_factory=dict)


@functools.cache
def bucket_start(at: dt.datetime, zone: str, grain: str, week_start: str) -> dt.datetime:
    """Wall-clock start of the bucket of a UTC instant."""
    wall = at.replace(tzinfo=dt.UTC).astimezone(zoneinfo.ZoneInfo(zone)).replace(tzinfo=None)
    if grain == "hour":
        return wall.replace(minute=0, second=0, microsecond=0)
    day = dt.datetime(wall.year, wall.month, wall.day)
    if grain == "week":
        return day - dt.timedelta(days=(day.weekday() - WEEKDAY[week_start]) % 7)
    if grain == "month":
        return day.replace(day=1)
    if grain == "quarter":
        return day.replace(month=3 * ((day.month - 1) // 3) + 1, day=1)
    return day


@functools.cache
def later(start: dt.datetime, k: int, grain: str) -> dt.datetime:
    """Wall-clock start of the k-th bucket after one."""
    if grain in UNIT:
        return start + k * UNIT[grain]
    months = start.year * 12 + start.month - 1 + k * (3 if grain == "quarter" else 1)
    return dt.datetime(months // 12, months % 12 + 1, 1)


@functools.cache
def utc(wall: dt.datetime, zone: str) -> dt.datetime:
    """The first instant at which the wall clock has reached a time, naive UTC."""
    info = zoneinfo.ZoneInfo(zone)
    candidates = [(wall - dt.timedelta(minutes=minutes)) for minutes in range(-15 * 60, 15 * 60 + 1, 15)]

    def shown(moment: dt.datetime) -> dt.datetime:
        return moment.replace(tzinfo=dt.UTC).astimezone(info).replace(tzinfo=None)

    return min(moment for moment in candidates if shown(moment) >= wall)


@dataclass(frozen=True)
class Question:
    """The query in the oracle's own terms; predicates instead of names and filters."""

    start: dt.datetime  # UTC
    end: dt.datetime
    as_of: dt.datetime
    zone: str
    week_start: str
    grain: str
    windows: tuple
    mode: str
    is_named: Callable[[Row], bool]  # the cohort event's name
    passes: Callable[[Row], bool]  # its filters
    is_return: Callable[[Row], bool]
    rolling: bool = False
    min_occurrences: int = 1
    signup: dict = field(default_factory=dict)


def answer(rows: Iterable[Row], question: Question) -> tuple[dict, dict]:
    """Users per cohort start, and returned users per (cohort start, window number) of ripe cells."""
    per_user = defaultdict(list)
    for row in rows:
        per_user[row.user].append(row)
    members, returned = defaultdict(int), defaultdict(int)
    for user in {*per_user, *question.signup}:
        theirs = sorted(per_user[user], key=lambda row: row.at)
        for at, starting in starts(user, theirs, question):
            cohort = bucket_start(at, question.zone, question.grain, question.week_start)
            members[cohort] += 1
            for number, window in enumerate(question.windows):
                if is_ripe(cohort, window, question):
                    returned[cohort, number] += _came_back(at, starting, cohort, theirs, window, question)
    return dict(members), dict(returned)


def starts(user, theirs, q):
    """(instant, starting row or None) of a user's entries; of rows at one instant one that is no return, if any."""

    def first_of(rows):
        at = min(row.at for row in rows)
        return at, min((row for row in rows if row.at == at), key=q.is_return)

    if q.mode == "first_seen":
        at = q.signup.get(user)
        found = [(at, None) if user in q.signup else first_of(theirs)]
    else:
        named = [row for row in theirs if q.is_named(row)]
        passing = [row for row in named if q.passes(row)]
        if not passing:
            return []
        if q.mode == "first_time":
            found = [first_of(passing)]
        elif q.mode == "first_ever":
            found = [first_of(passing)] if min(row.at for row in named) == min(row.at for row in passing) else []
        else:
            by_bucket = defaultdict(list)
            for row in passing:
                if q.start <= row.at < q.end:
                    by_bucket[bucket_start(row.at, q.zone, q.grain, q.week_start)].append(row)
            found = [first_of(rows) for rows in by_bucket.values()]
    return [(at, starting) for at, starting in found if q.start <= at < q.end]


def is_ripe(cohort, window, q):
    last = window[0] if window[1] is None else window[1]
    if q.rolling:
        return utc(later(cohort, 1, q.grain), q.zone) + (last + 1) * UNIT[q.grain] <= q.as_of
    return utc(later(cohort, last + 1, q.grain), q.zone) <= q.as_of


def _came_back(at, starting, cohort, theirs, window, q):
    first, last = window
    n = 0
    for row in theirs:
        if row is starting or not q.is_return(row):
            continue
        if q.rolling:
            k = (row.at - at) // UNIT[q.grain]
            inside = row.at >= at and k >= first and (last is None or k <= last)
        else:
            begins = bucket_start(row.at, q.zone, q.grain, q.week_start)
            inside = later(cohort, first, q.grain) <= begins
            inside = inside and (last is None or begins <= later(cohort, last, q.grain))
        n += inside and (last is not None or row.at < q.as_of)
    return n >= q.min_occurrences
