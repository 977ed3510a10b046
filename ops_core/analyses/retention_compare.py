"""Two retentions side by side: two stretches of cohorts, two segments, or a segment and everybody else.

Per column the weighted means over ripe cells, at the same age on both sides, their difference with a 95 % interval
(Welch; Newcombe's where counts are small) and a p-value, Holm-adjusted over the columns. Cohorts that hold the data's
first day are left out of both sides (old users pass for new ones there), unless every bucket makes a cohort
(`recurring`). Over one period that is the same cohorts on both sides, though only one may hold users of that kind.

A segment's reference is everybody *outside* it, so that nobody is on both sides. Where users are (segments that
overlap, cohorts that a user enters again and again), the interval holds each user's entries together. No interval is
given where the sides are not alike: columns that run to as-of give older cohorts more time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from ops_core.analyses.cohort_entries import difference
from ops_core.analyses.retention import RetentionQuery, RetentionResult, retention_spec
from ops_core.engine.retention_overlap import shared_users
from ops_core.errors import QueryError
from ops_core.model.intervals import FEW, Difference, difference_of_shares, wilson
from ops_core.model.multiplicity import holm


@dataclass(frozen=True, eq=False)
class RetentionComparison:
    """The first result against the second, its reference.

    `columns`: offset, offset_end, eligible, returned, share, low, high (Wilson), reference_eligible,
        reference_returned, reference_share, reference_low, reference_high, difference (first − reference),
        difference_low, difference_high, p_value, p_adjusted (Holm), is_clear (p_adjusted < 0.05), is_small (fewer than
        30 users on a side). Differences are nan where a side has nobody, their bounds also where `untested` says why.
    `kind`: `period`, `segment` or `rest` (the reference is everybody outside the first one's segment).
    `untested`: "" or `older_had_more_time`. `n_shared`: users on both sides.
    """

    first: RetentionResult
    second: RetentionResult
    columns: pd.DataFrame
    kind: str
    untested: str
    n_shared: int


def compare(first: RetentionResult, second: RetentionResult) -> RetentionComparison:
    """Compare two results of the same workspace; where only the first has a segment, with everybody outside it.

    Raises:
        QueryError: the two differ in more than period and segment.
    """
    query, other = first.query, second.query
    if replace(query, period=other.period, segment=other.segment) != other:
        raise QueryError("retention_compare_unlike", found=_differing(query, other))
    same_period = str(query.period) == str(other.period)
    kind = "segment" if query.segment != other.segment else "period"
    cells = _known_cells(first, second, same_period)
    mine, theirs = (_weighted(first, known) for known in cells)
    if kind == "segment" and same_period and other.segment is None:
        kind = "rest"
        theirs = theirs - mine
    n_shared = 0 if kind == "rest" else _shared(first, second, same_period)
    untested = "older_had_more_time" if not same_period and query.measure == "on_or_after" else ""
    found = difference_of_shares(mine["returned"], mine["eligible"], theirs["returned"], theirs["eligible"])
    if n_shared or query.mode == "recurring":
        found = _clustered((first, second), cells, outside=kind == "rest")
    return RetentionComparison(first, second, _table(first, mine, theirs, found, untested), kind, untested, n_shared)


def against_rest(result: RetentionResult) -> pd.DataFrame:
    """Each group of a breakdown against all the others together, per column, over ripe cells.

    Columns: group, offset, eligible, share, rest_eligible, rest_share, difference, difference_low, difference_high,
    p_value, p_adjusted (Holm over groups and columns), is_clear (p_adjusted < 0.05). No rows without a breakdown; with
    `recurring`, where a user enters several times, bounds and p-values are nan.
    """
    rows = result.means if len(result.groups) > 1 else result.means.iloc[:0]
    total = rows.groupby("offset")[["eligible", "returned"]].transform("sum")
    rest = total - rows[["eligible", "returned"]]
    found = difference_of_shares(rows["returned"], rows["eligible"], rest["returned"], rest["eligible"])
    known = np.array(result.query.mode != "recurring")
    low, high, p_value = (np.where(known, each, np.nan) for each in (found.low, found.high, found.p_value))
    adjusted = holm(p_value)
    return rows[["group", "offset", "eligible", "share"]].assign(
        rest_eligible=rest["eligible"],
        rest_share=rest["returned"] / rest["eligible"].where(rest["eligible"] > 0),
        difference=found.difference,
        difference_low=low,
        difference_high=high,
        p_value=p_value,
        p_adjusted=adjusted,
        is_clear=np.nan_to_num(adjusted, nan=1.0) < 0.05,
    )


def _known_cells(
    first: RetentionResult, second: RetentionResult, same_period: bool
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Ripe cells, on either side, of the cohorts whose users are known to be what they seem."""
    censored = [_censored(first), _censored(second)]
    if same_period:  # a cohort left out of one side alone would make the rest of it less than nobody
        censored = [censored[0] | censored[1]] * 2
    mine, theirs = (
        one.cells[one.cells["ripe"] & ~one.cells["cohort"].isin(left_out)]
        for one, left_out in zip((first, second), censored, strict=True)
    )
    return mine, theirs


def _censored(result: RetentionResult) -> set[pd.Timestamp]:
    """Cohorts in which old users pass for new ones."""
    if result.query.mode == "recurring":
        return set()
    return set(result.cohorts.loc[result.cohorts["is_left_censored"], "cohort"])


def _weighted(result: RetentionResult, known: pd.DataFrame) -> pd.DataFrame:
    """Eligible and returned users per offset."""
    offsets = [first for first, _ in result.query.windows]
    summed = known.groupby("offset")[["users", "returned"]].sum().reindex(offsets, fill_value=0)
    return summed.rename(columns={"users": "eligible"}).astype(np.int64)


def _clustered(
    results: tuple[RetentionResult, RetentionResult], cells: tuple[pd.DataFrame, pd.DataFrame], *, outside: bool
) -> Difference:
    """The differences per column with each user's entries held together."""
    found = []
    for offset, _ in results[0].query.windows:
        sides = [
            (result, known.loc[known["offset"] == offset, "cohort"].unique())
            for result, known in zip(results, cells, strict=True)
        ]
        found.append(difference(*sides, offset, outside=outside))
    return Difference(*(np.array([float(getattr(one, part)) for one in found])
                        for part in ("difference", "low", "high", "p_value")))  # fmt: skip


def _shared(first: RetentionResult, second: RetentionResult, same_period: bool) -> int:
    if not same_period and first.query.mode != "recurring" and not _overlap(first.query, second.query, first):
        return 0  # a user enters once, and the periods have no day in common
    specs = (retention_spec(one.workspace, one.query).entry for one in (first, second))
    return shared_users(first.workspace.store, *specs)


def _overlap(query: RetentionQuery, other: RetentionQuery, result: RetentionResult) -> bool:
    (start, end), (other_start, other_end) = (one.period.bounds(result.workspace.rules) for one in (query, other))
    return start < other_end and other_start < end


def _table(
    result: RetentionResult, mine: pd.DataFrame, theirs: pd.DataFrame, found: Difference, untested: str
) -> pd.DataFrame:
    known = np.array(not untested)
    low, high, p_value = (np.where(known, each, np.nan) for each in (found.low, found.high, found.p_value))
    table = pd.DataFrame({"offset": mine.index, "offset_end": result.mean["offset_end"].to_numpy()})
    for prefix, side in (("", mine), ("reference_", theirs)):
        side_low, side_high = wilson(side["returned"], side["eligible"])
        table[f"{prefix}eligible"] = side["eligible"].to_numpy()
        table[f"{prefix}returned"] = side["returned"].to_numpy()
        table[f"{prefix}share"] = (side["returned"] / side["eligible"].where(side["eligible"] > 0)).to_numpy()
        table[f"{prefix}low"], table[f"{prefix}high"] = side_low, side_high
    adjusted = holm(p_value)
    return table.assign(
        difference=found.difference,
        difference_low=low,
        difference_high=high,
        p_value=p_value,
        p_adjusted=adjusted,
        is_clear=np.nan_to_num(adjusted, nan=1.0) < 0.05,
        is_small=np.minimum(table["eligible"], table["reference_eligible"]) < FEW,
    )


def _differing(query: RetentionQuery, other: RetentionQuery) -> list[str]:
    names = [name for name in query.__dataclass_fields__ if name not in ("period", "segment")]
    return [name for name in names if getattr(query, name) != getattr(other, name)]
