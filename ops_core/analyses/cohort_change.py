"""From cohort to cohort: did the newest one, or the newest month of them, return more than those before it?

Differences with intervals, over ripe cells at the same age only. Small cohorts are read together: days by week, weeks
by the month they begin in, hours by day; months and quarters stand for themselves.
"""

from __future__ import annotations

import itertools
import weakref
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ops_core.analyses.cohort_entries import difference
from ops_core.analyses.retention import RetentionResult
from ops_core.model.intervals import difference_of_shares, wilson
from ops_core.model.multiplicity import holm
from ops_core.model.time import dates_of

_Known = dict[tuple[int, str | None], "CohortChange | None"]
_known: weakref.WeakKeyDictionary[RetentionResult, _Known] = weakref.WeakKeyDictionary()
_COUNTS = ["users", "returned"]
TOGETHER = {"hour": "day", "day": "week", "week": "month", "month": "month", "quarter": "quarter"}


@dataclass(frozen=True)
class CohortChange:
    """The newest ripe cohort at one offset against all ripe ones before it, weighted; shares 0–1, Welch's interval
    (with `recurring`, where a user stands in several cohorts, one that holds each user's entries together)."""

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
    Headline, paragraph and charts of one result ask for the same change: it is worked out once.
    """
    known = _known.setdefault(result, {})
    if (offset, group) not in known:
        known[offset, group] = _newest_change(result, offset, group)
    return known[offset, group]


def _newest_change(result: RetentionResult, offset: int, group: str | None) -> CohortChange | None:
    if result.query.measure == "on_or_after":
        return None
    rows = _comparable(result, offset, group)
    if len(rows) < 2:
        return None
    *earlier, newest = rows["cohort"]
    n_users, n_returned = (rows[name].astype(int).tolist() for name in _COUNTS)
    users, returned = n_users[-1], n_returned[-1]
    earlier_users, earlier_returned = sum(n_users) - users, sum(n_returned) - returned
    low, high = wilson(returned, users)
    found = difference_of_shares(returned, users, earlier_returned, earlier_users)
    if result.query.mode == "recurring" and group is None:
        found = difference((result, [newest]), (result, earlier), offset)
    return CohortChange(
        cohort=newest,
        offset=offset,
        users=users,
        returned=returned,
        share=returned / users,
        low=float(low),
        high=float(high),
        earlier_cohorts=len(earlier),
        earlier_users=earlier_users,
        earlier_share=earlier_returned / earlier_users,
        difference=float(found.difference),
        difference_low=float(found.low),
        difference_high=float(found.high),
        p_value=float(found.p_value),
    )


def changes(result: RetentionResult, offset: int = 1) -> pd.DataFrame:
    """Each block of cohorts against the block before it, at one offset.

    One row per block with users: block (first day), cohorts (how many of them are ripe), users, returned, share, low,
    high (Wilson 95 %), previous_users, previous_share, difference, difference_low, difference_high, p_value, p_adjusted
    (Holm over the blocks), is_clear (p_adjusted < 0.05). nan in the first row. Without rows where columns run to as-of.
    With `recurring` the same users stand in several cohorts: intervals and tests hold each user's entries together.
    """
    rows = _comparable(result, offset, None)
    if result.query.measure == "on_or_after":
        rows = rows.iloc[:0]
    blocks = _blocks(result, rows["cohort"])
    table = rows.groupby(blocks).agg(cohorts=("users", "size"), users=("users", "sum"), returned=("returned", "sum"))
    table = table.rename_axis("block").reset_index()
    before = table.shift(1)
    low, high = wilson(table["returned"], table["users"])
    found = difference_of_shares(table["returned"], table["users"], before["returned"], before["users"])
    bounds = np.array([found.low, found.high, found.p_value])
    if result.query.mode == "recurring":
        bounds = _clustered(result, rows["cohort"], blocks, offset)
    difference_low, difference_high, p_value = bounds
    adjusted = holm(p_value)
    return table.assign(
        share=table["returned"] / table["users"], low=low, high=high, previous_users=before["users"],
        previous_share=before["returned"] / before["users"], difference=found.difference,
        difference_low=difference_low, difference_high=difference_high, p_value=p_value, p_adjusted=adjusted,
        is_clear=np.nan_to_num(adjusted, nan=1.0) < 0.05,
    )  # fmt: skip


def _clustered(result: RetentionResult, cohorts: pd.Series, blocks: np.ndarray, offset: int) -> np.ndarray:
    """Low, high and p-value of each block against the one before it: [3, block]."""
    groups = [cohorts[blocks == block] for block in np.unique(blocks)]
    pairs = (difference((result, group), (result, before), offset) for before, group in itertools.pairwise(groups))
    rows = [[float("nan")] * 3, *([float(found.low), float(found.high), float(found.p_value)] for found in pairs)]
    return np.array(rows[: len(groups)]).reshape(-1, 3).T


def _comparable(result: RetentionResult, offset: int, group: str | None) -> pd.DataFrame:
    """Ripe, non-empty cells of one column by cohort, without cohorts that mix old users with new ones."""
    cells = result.overall if group is None else result.cells[result.cells["group"] == group]
    kept = (cells["offset"] == offset).to_numpy() & cells["ripe"].to_numpy() & (cells["users"] > 0).to_numpy()
    rows = cells.loc[kept, ["cohort", *_COUNTS]]
    censored = result.cohorts["is_left_censored"].to_numpy()
    if result.query.mode != "recurring" and censored.any():
        rows = rows[~rows["cohort"].isin(result.cohorts.loc[censored, "cohort"])]
    return rows.sort_values("cohort")


def _blocks(result: RetentionResult, cohorts: pd.Series) -> np.ndarray:
    days = cohorts.to_numpy().astype("datetime64[D]").astype(np.int64)
    grain = TOGETHER[result.query.grain]
    return dates_of(result.workspace.rules.bucket_starts(days, grain) if len(days) else days)
