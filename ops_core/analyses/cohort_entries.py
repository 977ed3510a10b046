"""The entries behind a retention result, for comparisons in which one user may stand several times."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ops_core.analyses.cohort_axes import cohort_times
from ops_core.analyses.retention import RetentionResult, retention_spec
from ops_core.engine import retention as engine
from ops_core.model.clusters import clustered_difference
from ops_core.model.intervals import Difference

Side = tuple[RetentionResult, Iterable[pd.Timestamp]]


@dataclass(frozen=True, eq=False)
class CohortEntries:
    """User keys, the cohort (its first day or hour) each entered, and whether it returned: bool [entry, column]."""

    users: np.ndarray
    cohort: np.ndarray
    returned: np.ndarray


@functools.lru_cache(maxsize=4)
def entries_of(result: RetentionResult) -> CohortEntries:
    """The entries of a result, read once."""
    workspace = result.workspace
    entered, returned = engine.returned_entries(workspace.store, retention_spec(workspace, result.query))
    times = cohort_times(workspace.rules, result.query.grain, entered.cohorts)
    return CohortEntries(entered.users, times[entered.cohort] if len(entered) else times[:0], returned)


def difference(side: Side, other: Side, offset: int, *, outside: bool = False) -> Difference:
    """The share of some cohorts' entries that returned in one column minus that of others', users held together.

    With `outside` the other side leaves out everybody who enters on the first.
    """
    column = [first for first, _ in side[0].query.windows].index(offset)
    parts: list[np.ndarray] = []
    for result, cohorts in (side, other):
        found = entries_of(result)
        chosen = np.isin(
            found.cohort.astype("datetime64[s]"), pd.DatetimeIndex(list(cohorts)).to_numpy("datetime64[s]")
        )
        if outside and parts:
            chosen &= ~np.isin(found.users, entries_of(side[0]).users)
        parts += [found.users[chosen], found.returned[chosen, column]]
    return clustered_difference(*parts)
