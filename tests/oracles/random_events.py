"""Seeded random events: few users, so that every odd thing happens to somebody."""

from __future__ import annotations

import datetime as dt
import random

import pandas as pd

NAMES = ("view", "buy", "push")


def random_events(seed: int, start: dt.datetime, days: int, n_users: int = 40, n_events: int = 600) -> pd.DataFrame:
    """user_id, event, occurred_at (UTC), value, coupon, user.channel; times often share an hour or an instant."""
    rng = random.Random(seed)
    joined = {f"u{i}": rng.random() * days * 0.7 for i in range(n_users)}
    channel = {user: rng.choice(["ads", "shop", "shop", None]) for user in joined}
    rows = []
    while len(rows) < n_events:
        user = rng.choice(list(joined))
        day = min(joined[user] + rng.expovariate(1) * days / 6, days - 0.001)
        seconds = round(day * 86_400 / 600) * 600 if rng.random() < 0.5 else int(day * 86_400)
        at = start + dt.timedelta(seconds=seconds, microseconds=rng.choice([0, 0, 1, 999_999]))
        value = round(rng.uniform(-5, 30), 2) if rng.random() < 0.5 else None
        rows.append((user, rng.choice(NAMES), at, value, rng.choice(["A", "B", None]), channel[user]))
    columns = ["user_id", "event", "occurred_at", "value", "coupon", "user.channel"]
    return pd.DataFrame(rows, columns=columns).astype({"value": float})
