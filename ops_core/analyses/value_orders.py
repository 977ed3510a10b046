"""Buying again: repeat purchase rate, buy-again rate, intervals between purchases, ARPU and ARPPU.

As Chinese practice defines them: 复购率, the repeat purchase rate, is the share of a bucket's buyers who bought on at
least two days in it; 回购率, the buy-again rate, the share of a bucket's buyers who also buy in the next bucket.
Purchases of one local day are one.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from ops_core.engine.arrays import starts_of_runs
from ops_core.engine.purchases import UserDays
from ops_core.model.intervals import wilson
from ops_core.model.time import TimeRules, dates_of

HISTOGRAM_DAYS = (1, 2, 3, 5, 8, 15, 31, 61, 91, 181)  # lower ends of the interval classes; below 2 is "next day"


def buckets(
    rules: TimeRules, rows: UserDays, active: np.ndarray, grain: str, first: int, end: int, complete_day: int,
    whole_first: int,
) -> pd.DataFrame:  # fmt: skip
    """One row per bucket first … end − 1 (running numbers).

    bucket, active, revenue, paying, arpu, arppu, buyers, orders, repeat_buyers, repeat_rate, repeat_low, repeat_high,
    buyers_next, buy_again_rate, buy_again_low, buy_again_high, partial. Rates 0–1 with 95 % intervals (Wilson), nan
    without buyers; buy-again also where the next bucket has not ended.
    """
    starts = rules.index_start_day(np.arange(first, end + 2), grain)
    place = np.searchsorted(starts, rows.days, side="right") - 1  # −1 before, end − first the bucket after the last
    n = end - first
    inside = (place >= 0) & (place < n)
    revenue = np.bincount(place[inside], rows.net[inside], minlength=n)
    orders = np.bincount(place[inside], rows.n_purchases[inside], minlength=n).astype(np.int64)
    paying = _paying(rows.users[inside], place[inside], rows.net[inside], n)
    buyers, repeat, following = _buyers(rows, place, n)
    partial = (starts[1 : n + 1] > complete_day) | (np.arange(first, end) < whole_first)
    unknown_next = starts[2 : n + 2] > complete_day
    again = np.where(unknown_next, np.nan, following.astype(float))
    table = {
        "bucket": dates_of(starts[:n]), "active": active, "revenue": revenue, "paying": paying,
        "arpu": _ratio(revenue, active), "arppu": _ratio(revenue, paying), "buyers": buyers, "orders": orders,
        "repeat_buyers": repeat, "repeat_rate": _ratio(repeat, buyers),
    }  # fmt: skip
    table["repeat_low"], table["repeat_high"] = wilson(repeat, buyers)
    table |= {"buyers_next": again, "buy_again_rate": _ratio(again, buyers)}
    table["buy_again_low"], table["buy_again_high"] = wilson(again, buyers)
    return pd.DataFrame(table | {"partial": partial})


def period_figures(rows: UserDays, active: int, first_day: int, end_day: int) -> dict[str, float]:
    """The same over one stretch of days, users counted once."""
    inside = (rows.days >= first_day) & (rows.days < end_day)
    part = rows.only(inside)
    place = np.zeros(len(part.users), dtype=np.int64)
    buyers, repeat, _ = _buyers(part, place, 1)
    revenue, orders = float(part.net.sum()), int(part.n_purchases.sum())
    paying = int(_paying(part.users, place, part.net, 1)[0])
    low, high = wilson(int(repeat[0]), int(buyers[0]))
    return {
        "revenue": revenue, "active": active, "paying": paying, "orders": orders,
        "gross": float(part.gross.sum()), "arpu": float(_ratio(revenue, active)),
        "arppu": float(_ratio(revenue, paying)), "per_order": float(_ratio(float(part.gross.sum()), orders)),
        "buyers": int(buyers[0]), "repeat_buyers": int(repeat[0]),
        "repeat_rate": float(_ratio(repeat, buyers)[0]), "repeat_low": float(low), "repeat_high": float(high),
    }  # fmt: skip


def intervals(rows: UserDays, first_day: int, end_day: int) -> np.ndarray:
    """Days between successive purchase days of a user, for those whose later day lies in first … end − 1."""
    bought = rows.bought
    same = bought.users[1:] == bought.users[:-1]
    gaps, ends = np.diff(bought.days)[same], bought.days[1:][same]
    return gaps[(ends >= first_day) & (ends < end_day)]


def interval_histogram(gaps: np.ndarray) -> pd.DataFrame:
    """from_days, to_days (inclusive; nan: open), n, share."""
    edges = np.array(HISTOGRAM_DAYS)
    n = np.bincount(np.searchsorted(edges, gaps, side="right") - 1, minlength=len(edges))
    return pd.DataFrame(
        {
            "from_days": edges, "to_days": np.append(edges[1:] - 1.0, np.nan), "n": n,
            "share": n / len(gaps) if len(gaps) else np.full(len(edges), np.nan),
        }
    )  # fmt: skip


def _buyers(rows: UserDays, place: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Per bucket: buyers, those with purchases on at least two days, those who also buy in the next bucket."""
    keep = (rows.n_purchases > 0) & (place >= 0) & (place <= n)
    packed = rows.users[keep].astype(np.int64) * (n + 2) + place[keep]  # rows are sorted by user and day
    start = starts_of_runs(packed)
    days = np.diff(start, append=len(packed))
    pairs = packed[start]
    bucket = pairs % (n + 2)
    # The next pair is the same user's next bucket exactly when it is one more: buckets run to n, one below the step.
    goes_on = np.zeros(len(pairs), dtype=bool)
    goes_on[:-1] = pairs[1:] == pairs[:-1] + 1
    count = [np.bincount(bucket[chosen], minlength=n + 1)[:n] for chosen in (slice(None), days >= 2, goes_on)]
    return count[0], count[1], count[2]


def _paying(users: np.ndarray, place: np.ndarray, net: np.ndarray, n: int) -> np.ndarray:
    packed = users.astype(np.int64) * n + place
    start = starts_of_runs(packed)
    if not len(start):
        return np.zeros(n, dtype=np.int64)
    positive = np.add.reduceat(net, start) > 1e-9
    return np.bincount((packed[start] % n)[positive], minlength=n)


def _ratio(above: object, below: object) -> np.ndarray:
    below = np.asarray(below, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(below > 0, np.asarray(above, dtype=float) / np.where(below > 0, below, np.nan), np.nan)
