"""Growth accounting, stages and frequency counted with sets of users and standard-library dates."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from tests.oracles.retention import Row, bucket_start, later


def active_sets(rows: Iterable[Row], zone: str, grain: str, week_start: str) -> dict[dt.datetime, set[str]]:
    """Users per bucket start."""
    found = defaultdict(set)
    for row in rows:
        found[bucket_start(row.at, zone, grain, week_start)].add(row.user)
    return found


def flow(active: Mapping[dt.datetime, set[str]], bucket: dt.datetime, grain: str) -> dict[str, int]:
    """The flow of one bucket."""
    here, before = active.get(bucket, set()), active.get(later(bucket, -1, grain), set())
    seen = set().union(*(users for start, users in active.items() if start < bucket))
    return {
        "new": len(here - seen),
        "returning": len(here & before),
        "resurrected": len((here & seen) - before),
        "newly_dormant": len(before - here),
        "dormant_stock": len(seen - here),
    }


def stage(
    first_seen: dt.date,
    active_days: set[dt.date],
    at: dt.date,
    *,
    introduction=7,
    active=14,
    churn=28,
    recent=28,
    many=8,
) -> str:
    """One user's stage at the start of a day; thresholds as the defaults of the definitions."""
    days = {day for day in active_days if day < at}
    ago = (at - max(days)).days if days else (at - first_seen).days
    often = sum((at - day).days <= recent for day in days)
    if ago > churn:
        return "churned"
    if ago > active:
        return "decline"
    if often >= many:
        return "maturity"
    if len(days) >= 2:
        return "growth"
    return "introduction" if (at - first_seen).days <= introduction else "decline"


def buckets_active(active: Mapping[dt.datetime, set[str]], buckets: Iterable[dt.datetime]) -> Counter:
    """Users by the number of the given buckets in which they were active."""
    per_user = Counter(user for bucket in buckets for user in active.get(bucket, set()))
    return Counter(per_user.values())
