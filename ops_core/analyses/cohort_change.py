"""Did the newest cohort return more than those before it? The difference with its interval, over ripe cells only."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from ops_core.analyses.retention import RetentionResult
from ops_core.model.intervals import difference_of_shares, wilson


@dataclass(frozen=True)
class CohortChange:
    """The newest ripe cohort at one offset against all ripe ones before it, weighted; shares 0–1, Welch's interval."""

    cohort: pd.Timestamp
    offset: int
    users: int
    returned: int
    share: float
    low: float
    high: float
    earlier_cohorts: int
    earlier_users: int
    earlier_share: float
    difference: float
    difference_low: float
    difference_high: float
    p_value: float

    @property
    def is_clear(self) -> bool:
        """Whether the interval of the difference leaves out zero."""
        return bool(self.difference_low > 0 or self.difference_high < 0)


def newest_change(result: RetentionResult, offset: int = 1, group: str | None = None) -> CohortChange | None:
    """The newest ripe, non-empty cohort against those before it; `None` while there are fewer than two.

    `None`, too, where columns run to as-of: older cohorts have had more time in them, which is no difference in kind.
    A left-censored cohort mixes old users with new ones and is no yardstick, unless the mode is `recurring`.
    """
    if result.query.measure == "on_or_after":
        return None
    cells = result.overall if group is None else result.cells[result.cells["group"] == group]
    rows = cells[(cells["offset"] == offset) & cells["ripe"] & (cells["users"] > 0)]
    if result.query.mode != "recurring":
        censored = result.cohorts.loc[result.cohorts["is_left_censored"], "cohort"]
        rows = rows[~rows["cohort"].isin(censored)]
    rows = rows.sort_values("cohort")
    if len(rows) < 2:
        return None
    newest, earlier = rows.iloc[-1], rows.iloc[:-1]
    users, returned = int(newest["users"]), int(newest["returned"])
    low, high = wilson(returned, users)
    found = difference_of_shares(returned, users, earlier["returned"].sum(), earlier["users"].sum())
    return CohortChange(
        cohort=newest["cohort"],
        offset=offset,
        users=users,
        returned=returned,
        share=returned / users,
        low=float(low),
        high=float(high),
        earlier_cohorts=len(earlier),
        earlier_users=int(earlier["users"].sum()),
        earlier_share=float(earlier["returned"].sum() / earlier["users"].sum()),
        difference=float(found.difference),
        difference_low=float(found.low),
        difference_high=float(found.high),
        p_value=float(found.p_value),
    )
