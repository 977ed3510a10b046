"""A trend's definitions in plain Python: buckets as (start, end) instants, one event at a time."""

from __future__ import annotations

import datetime as dt
import statistics
from zoneinfo import ZoneInfo

import pandas as pd

from ops_core.analyses.trend_query import Series

Instant = dt.datetime


def bucket_start(local: dt.datetime, grain: str) -> dt.datetime:
    midnight = dt.datetime(local.year, local.month, local.day)
    return {
        "hour": dt.datetime(local.year, local.month, local.day, local.hour),
        "day": midnight,
        "week": midnight - dt.timedelta(days=midnight.weekday()),
        "month": midnight.replace(day=1),
    }[grain]


def rows_of(events: pd.DataFrame, zone: str) -> list[dict]:
    info = ZoneInfo(zone)
    rows = events.rename(columns={"user.channel": "channel"}).to_dict("records")
    for row in rows:
        aware = row["occurred_at"].to_pydatetime().replace(tzinfo=dt.UTC)
        row["local"] = aware.astimezone(info).replace(tzinfo=None)
        row["value"] = None if row["value"] != row["value"] else row["value"]
    return rows


def number(rows: list[dict], series: Series) -> float:
    """The measure over some rows."""
    kept = [row for row in rows if not series.events or row["event"] in series.events]
    users, amounts = {row["user_id"] for row in kept}, [row["value"] for row in kept if row["value"] is not None]
    nan = float("nan")
    n, nan = len(amounts), float("nan")
    answers = {
        "users": lambda: len(users),
        "total": lambda: len(kept),
        "per_user": lambda: len(kept) / len(users) if users else nan,
        "sum": lambda: sum(amounts),
        "mean": lambda: sum(amounts) / n if n else nan,
        "median": lambda: statistics.median(amounts) if n else nan,
        "percentile": lambda: percentile(amounts, series.percentile) if n else nan,
    }
    return answers[series.measure]()


def percentile(values: list[float], percent: float) -> float:
    """Between the neighbours at place (n − 1) · p, linearly."""
    ordered = sorted(values)
    place = (len(ordered) - 1) * percent / 100
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)
