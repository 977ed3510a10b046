"""Revenue retention: what each cohort's users are worth per bucket after they came, and all together up to then.

Counted: the value of events, over the same cohorts, columns and groups as `retention` (the same query asks for both).
Every user of a cohort is in the denominator, with a value or without. The starting row's value counts in bucket 0,
as does every other value of that calendar bucket.
Refunds are negative and are taken off, so a sum may fall and a cumulative value, too. A cell that has not ended by
as-of is nan, and so is every cell of a cohort with sign-ups before the data begin (`first_seen`): what was spent then
is missing in all sums since the start. Means are over the cohorts that have reached a column, with their users shown.

Intervals: Student's t on the users' own sums. Limits: few large amounts make them wide and, below a few hundred users,
too narrow. A user who enters several cohorts (`recurring`) counts in each. Definitions §7.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ops_core.analyses.cohort_axes import ALL, cohort_times, group_labels, ripe_dates, window_ends
from ops_core.analyses.retention import RetentionQuery, retention_spec
from ops_core.engine import retention_value as engine
from ops_core.errors import QueryError
from ops_core.model.intervals import t_interval
from ops_core.workspace import Workspace, one_state

__all__ = ["ValueRetentionResult", "analyze"]


@dataclass(frozen=True, eq=False)
class ValueRetentionResult:
    """The value of a query's cohorts, in the workspace's currency.

    `cells`: group, cohort, offset, offset_end as in `RetentionResult.cells`; users (in the cohort); value (sum in the
        column), payers (users with a positive sum in it), per_user (value ÷ users), low, high (95 %), cumulative (sum
        from the start to the column's end), cumulative_per_user, cumulative_low, cumulative_high (95 %),
        share_of_start (value ÷ value of the first column; nan where that is not positive), ripe, ripe_on.
        Numbers are nan while not ripe; per user nan for an empty cohort; bounds nan below two users.
    `mean`: the same per column over all ripe cells: offset, offset_end, eligible (users), value, payers, per_user, low,
        high, cumulative, cumulative_per_user, cumulative_low, cumulative_high, share_of_start.
    `means`: the same per group.
    `n_values`, `n_negative`: rows with a value from the users' start on, and those of them below zero (refunds).
    """

    query: RetentionQuery
    cells: pd.DataFrame
    mean: pd.DataFrame
    means: pd.DataFrame
    n_values: int
    n_negative: int

    @property
    def groups(self) -> list[str]:
        """The groups, largest first."""
        return list(self.means["group"].unique())

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a reader must know, as codes: `no_value_in_cohorts` (values exist, yet none of these users has one from
        the start on), `negative_value` (refunds outweigh purchases in a ripe column)."""
        if not self.n_values:
            return ("no_value_in_cohorts",)
        return ("negative_value",) if (self.mean["value"] < 0).any() else ()


@one_state
def analyze(workspace: Workspace, query: RetentionQuery) -> ValueRetentionResult:
    """The value of every cohort of the period. `query.return_event` names the events whose value is summed; without a
    name all events that count as revenue.

    Raises:
        QueryError: no data, an unknown event or property, no event with a value, or a measure that values cannot have:
            `on_or_after` (older cohorts have had more time) and a minimum of return events.
    """
    if query.measure == "on_or_after":
        raise QueryError("retention_value_measure")
    if query.min_occurrences > 1:
        raise QueryError("retention_value_minimum", value=query.min_occurrences)
    if workspace.as_of_us is None:
        raise QueryError("no_data_yet")
    spec, rules = retention_spec(workspace, query), workspace.rules
    counts = engine.count(workspace.store, spec)
    if not counts.n_values and not engine.has_values(workspace.store, spec.returns):
        raise QueryError("retention_no_value")
    labels = np.array(group_labels(query.breakdown, counts.groups), dtype=object)
    firsts, ends = [first for first, _ in spec.windows], window_ends(spec.windows)
    cells = _cells(counts, labels, firsts, ends)
    cells["cohort"] = np.tile(np.repeat(cohort_times(rules, query.grain, counts.cohorts), len(firsts)), len(labels))
    cells["ripe_on"] = np.tile(ripe_dates(rules, counts.ripe_us.reshape(-1)), len(labels))
    means = _means(counts, firsts, ends, slice(None), labels)
    whole = _means(counts, firsts, ends, None, np.array([ALL], dtype=object))
    return ValueRetentionResult(
        query, cells, whole.drop(columns="group"), means, counts.n_values, counts.n_negative,
    )  # fmt: skip


def _cells(
    counts: engine.ValueCounts, labels: np.ndarray, firsts: Sequence[int], ends: Sequence[float]
) -> pd.DataFrame:
    n_groups, n_cohorts, n_windows = counts.inside.value.shape
    users = np.broadcast_to(counts.n_users[:, :, None], counts.inside.value.shape)
    ripe = np.broadcast_to(counts.is_ripe[None], users.shape)
    start = np.broadcast_to(counts.inside.value[:, :, :1], users.shape)
    numbers = _numbers(counts.inside, counts.so_far, np.where(ripe, users, 0), start, ripe)
    table = pd.DataFrame(
        {
            "group": np.repeat(labels, n_cohorts * n_windows),
            "offset": np.tile(firsts, n_groups * n_cohorts),
            "users": users.reshape(-1),
            **{name: np.where(ripe, number, np.nan).reshape(-1) for name, number in numbers.items()},
            "ripe": ripe.reshape(-1),
            "offset_end": np.tile(ends, n_groups * n_cohorts),
        }
    )
    table.insert(1, "cohort", np.nan)
    return table


def _means(
    counts: engine.ValueCounts, firsts: Sequence[int], ends: Sequence[float], groups: slice | None, labels: np.ndarray
) -> pd.DataFrame:
    """Over ripe cells, per group, or (`groups` is None) over all of them."""
    axes = (0, 1) if groups is None else 1

    def over(numbers: np.ndarray) -> np.ndarray:
        summed = (numbers * counts.is_ripe[None]).sum(axis=axes)
        return summed[None] if groups is None else summed

    inside, so_far = (
        engine.Sums(*(over(part) for part in (sums.value, sums.squares, sums.payers)))
        for sums in (counts.inside, counts.so_far)
    )
    eligible = over(np.broadcast_to(counts.n_users[:, :, None], counts.inside.value.shape))
    # The start's value of the very cohorts that have reached a column, not of all of them.
    start = over(np.broadcast_to(counts.inside.value[:, :, :1], counts.inside.value.shape))
    numbers = _numbers(inside, so_far, eligible, start, eligible > 0)
    return pd.DataFrame(
        {
            "group": np.repeat(labels, len(firsts)),
            "offset": np.tile(firsts, len(labels)),
            "eligible": eligible.reshape(-1),
            **{name: number.reshape(-1) for name, number in numbers.items()},
            "offset_end": np.tile(ends, len(labels)),
        }
    )


def _numbers(
    inside: engine.Sums, so_far: engine.Sums, users: np.ndarray, start: np.ndarray, known: np.ndarray
) -> dict[str, np.ndarray]:
    per_user, low, high = t_interval(inside.value, inside.squares, users)
    so_far_per_user, so_far_low, so_far_high = t_interval(so_far.value, so_far.squares, users)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(start > 0, inside.value / start, np.nan)
    numbers = {
        "value": inside.value, "payers": inside.payers, "per_user": per_user, "low": low, "high": high,
        "cumulative": so_far.value, "cumulative_per_user": so_far_per_user, "cumulative_low": so_far_low,
        "cumulative_high": so_far_high, "share_of_start": share,
    }  # fmt: skip
    return {name: np.where(known, number, np.nan) for name, number in numbers.items()}
