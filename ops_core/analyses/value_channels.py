"""What a new user costs and when the money is back, per channel, where spend is known.

Spend belongs to the group that holds the new users of its channel, their property's value compared in full: where rare
channels are one group, their spend is one sum.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from ops_core.analyses.value_ages import NewUsers
from ops_core.engine import purchases
from ops_core.engine.spend import Spend
from ops_core.engine.trends import EVERYTHING
from ops_core.store import Store


def groups_of(store: Store, prop: str | None, people: NewUsers, spend: Spend) -> np.ndarray:
    """Per row of spend the group of new users who carry its channel in a user property, −1 where no new user does.

    Without groups all spend is of the one group there is.
    """
    if prop is None or people.group_names == (EVERYTHING,):
        return np.zeros(len(spend), dtype=np.int64)
    channels, place = np.unique(spend.folded.astype(str), return_inverse=True)
    carried = purchases.user_places(store, prop, tuple(channels.tolist()))[people.users]
    is_carried = (carried >= 0) & (carried < len(channels))
    groups = np.full(len(channels), -1, dtype=np.int64)
    # Groups are made of whole values, so all users of a channel are in the same one.
    groups[carried[is_carried]] = people.group[is_carried]
    return groups[place]


def economics(
    people: NewUsers, spend: Spend, groups: np.ndarray, curve: pd.DataFrame, age_days: int, margin: float,
    days: tuple[int, int],
) -> pd.DataFrame:  # fmt: skip
    """One row per group: group, users, spend, spend_days, missing_days (days with new users and no spend row),
    missing_users (new on them), cac, age_days, ltv, margin_ltv, ltv_to_cac, roi, payback_days.

    `groups`: a group's number per row of spend (`groups_of`). CAC = spend ÷ new users of the days with a spend row: a
    day without one is unknown, not free; only the local days of `days` count. All that needs spend is nan for a group
    without any spend row; payback also where the curve ends before.
    """
    return pd.DataFrame(
        [
            _row(people, number, spend.only(groups == number), curve, age_days, margin, days)
            for number in range(len(people.group_names))
        ]
    )


def unmatched(spend: Spend, groups: np.ndarray) -> pd.DataFrame:
    """Spend that belongs to no group: channel ("" for rows without one), amount."""
    table = pd.DataFrame({"channel": spend.channels, "amount": spend.amounts})[groups < 0]
    return table.groupby("channel", as_index=False)["amount"].sum()


def _row(
    people: NewUsers, number: int, spend: Spend, curve: pd.DataFrame, age_days: int, margin: float,
    days: tuple[int, int],
) -> dict[str, object]:  # fmt: skip
    name = people.group_names[number]
    mine = people.group == number
    new = np.bincount(people.first_days[mine & (people.first_days >= days[0])] - days[0], minlength=days[1] - days[0])
    is_known = np.zeros(days[1] - days[0], dtype=bool)
    is_known[spend.days - days[0]] = True
    known = bool(is_known.any())
    missing = ~is_known & (new > 0)
    cost = float(spend.amounts.sum()) if known else np.nan
    users = int(new[is_known].sum())
    cac = cost / users if known and users else np.nan
    line = curve[curve["group"] == name]
    ltv = float(line["ltv"].iloc[-1]) if len(line) else np.nan
    back = line["age_days"][line["ltv"] * margin >= cac] if known else []
    return {
        "group": name, "users": int(mine.sum()), "spend": cost, "spend_days": int(is_known.sum()),
        "missing_days": float(missing.sum()) if known else np.nan,
        "missing_users": float(new[missing].sum()) if known else np.nan,
        "cac": cac, "age_days": age_days, "ltv": ltv, "margin_ltv": ltv * margin,
        "ltv_to_cac": ltv * margin / cac if cac > 0 else np.nan,
        "roi": (ltv * margin - cac) / cac if cac > 0 else np.nan,
        "payback_days": float(back.iloc[0]) if len(back) else np.nan,
    }  # fmt: skip
