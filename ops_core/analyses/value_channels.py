"""What a new user costs and when the money is back, per channel, where spend is known."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ops_core.analyses.value_ages import NewUsers
from ops_core.engine.spend import Spend
from ops_core.engine.trends import EVERYTHING


def economics(
    people: NewUsers, spend: Spend, curve: pd.DataFrame, age_days: int, margin: float, days: tuple[int, int]
) -> pd.DataFrame:
    """One row per group: group, users, spend, spend_days, missing_days (days with new users and no spend row),
    missing_users (new on them), cac, age_days, ltv, margin_ltv, ltv_to_cac, roi, payback_days.

    CAC = spend ÷ new users of the days with a spend row: a day without one is unknown, not free. All that needs spend
    is nan for a group without any spend row; payback also where the curve ends before.
    """
    return pd.DataFrame(
        [_row(people, number, spend, curve, age_days, margin, days) for number in range(len(people.group_names))]
    )


def unmatched(people: NewUsers, spend: Spend) -> pd.DataFrame:
    """Spend that belongs to no group: channel ("" for rows without one), amount."""
    if people.group_names == (EVERYTHING,):
        return pd.DataFrame(columns=["channel", "amount"])
    known = {_folded(name) for name in people.group_names}
    table = pd.DataFrame({"channel": spend.channels, "amount": spend.amounts})
    table = table[np.array([_folded(channel) not in known for channel in spend.channels], dtype=bool)]
    return table.groupby("channel", as_index=False)["amount"].sum()


def _row(
    people: NewUsers, number: int, spend: Spend, curve: pd.DataFrame, age_days: int, margin: float,
    days: tuple[int, int],
) -> dict[str, object]:  # fmt: skip
    name = people.group_names[number]
    mine = people.group == number
    new = np.bincount(people.first_days[mine] - days[0], minlength=days[1] - days[0])
    of_group = np.ones(len(spend), dtype=bool)
    if name != EVERYTHING:
        of_group = np.array([_folded(channel) == _folded(name) for channel in spend.channels], dtype=bool)
    is_known = np.zeros(days[1] - days[0], dtype=bool)
    is_known[spend.days[of_group] - days[0]] = True
    known = bool(is_known.any())
    missing = ~is_known & (new > 0)
    cost = float(spend.amounts[of_group].sum()) if known else np.nan
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


def _folded(name: str) -> str:
    return name.strip().casefold()
