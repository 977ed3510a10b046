"""Two funnels side by side: which step moved, by how much, and is it more than chance?

Differences of shares with Welch's interval and test (Fisher's exact test where a count is small), p-values adjusted by
Holm (1979) over the steps, or over the groups of a breakdown. Two segments that share users are shown and not tested:
they are not independent. Two periods are tested as independent samples although some users are in both; with users
who behave alike in both periods that errs on the careful side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ops_core.errors import QueryError
from ops_core.model.intervals import difference_of_shares, wilson
from ops_core.model.multiplicity import holm

if TYPE_CHECKING:
    from ops_core.analyses.funnel import FunnelResult

CLEAR_P = 0.05


@dataclass(frozen=True)
class FunnelComparison:
    """`first` against `second` (the reference: the period before, the other segment).

    `n_shared` counts users of both when their periods overlap; above 0 nothing is tested.
    """

    first: FunnelResult
    second: FunnelResult
    n_shared: int

    @cached_property
    def steps(self) -> pd.DataFrame:
        """One row per step from the second on: the conversion from the previous required step.

        Columns: step, name, previous_name, users, n, share, reference_users, reference_n, reference_share (0–1),
        difference, low, high (95 %), p_value, p_adjusted (Holm over the steps), is_clear (p_adjusted < 0.05). nan where
        a funnel has nobody in the previous step, p also where users are shared.
        """
        ours, theirs = self.first.total.iloc[1:], self.second.total.iloc[1:]
        names = self.first.total["name"].tolist()
        before = _previous_step_numbers(self.first)
        found = {"step": ours["step"].to_numpy(), "name": names[1:], "previous_name": [names[n - 1] for n in before]}
        counts = (ours["users"], ours["of_previous"], theirs["users"], theirs["of_previous"])
        return self._tested(found, *(part.to_numpy(dtype=float) for part in counts))

    @cached_property
    def overall(self) -> pd.DataFrame:
        """One row: the conversion from the first step to the last; columns as `steps`, one test."""
        ours, theirs = self.first.total, self.second.total
        found = {"step": [len(ours)], "name": [ours["name"].iloc[-1]], "previous_name": [ours["name"].iloc[0]]}
        counts = [np.array([float(part["users"].iloc[place])]) for part in (ours, theirs) for place in (-1, 0)]
        return self._tested(found, *counts)

    def groups(self, step: int) -> pd.DataFrame:
        """The conversion to a step from the previous required one, by breakdown group, Holm over the groups.

        Columns: group, then as `steps`, and share_low, share_high, reference_low, reference_high (Wilson). Groups that
        only one of the two has are left out.
        """
        ours = self.first.steps[self.first.steps["step"] == step].set_index("group")
        theirs = self.second.steps[self.second.steps["step"] == step].set_index("group")
        both = [group for group in ours.index if group in theirs.index]
        ours, theirs = ours.loc[both], theirs.loc[both]
        counts = (ours["users"], ours["of_previous"], theirs["users"], theirs["of_previous"])
        users, n, other_users, other_n = (part.to_numpy(dtype=float) for part in counts)
        found = {"group": both}
        found["share_low"], found["share_high"] = wilson(users, n)
        found["reference_low"], found["reference_high"] = wilson(other_users, other_n)
        return self._tested(found, users, n, other_users, other_n)

    def _tested(
        self, found: dict[str, Sequence[object]], users: np.ndarray, n: np.ndarray, other_users: np.ndarray,
        other_n: np.ndarray,
    ) -> pd.DataFrame:  # fmt: skip
        moved = difference_of_shares(users, n, other_users, other_n)
        p_value = np.full(len(users), np.nan) if self.n_shared else moved.p_value
        adjusted = holm(p_value)
        with np.errstate(divide="ignore", invalid="ignore"):
            share, reference = users / n, other_users / other_n
        tested = {
            "users": users, "n": n, "share": share, "reference_users": other_users, "reference_n": other_n,
            "reference_share": reference, "difference": moved.difference, "low": moved.low, "high": moved.high,
            "p_value": p_value, "p_adjusted": adjusted, "is_clear": np.nan_to_num(adjusted, nan=1.0) < CLEAR_P,
        }  # fmt: skip
        return pd.DataFrame(found | tested)


def compare(first: FunnelResult, second: FunnelResult) -> FunnelComparison:
    """Set a funnel against a reference with the same steps.

    Raises:
        QueryError: the two have different steps.
    """
    ours, theirs = ([step.name for step in result.query.steps] for result in (first, second))
    if ours != theirs:
        raise QueryError("funnel_compare_steps", first=ours, second=theirs)
    (start, end), (other_start, other_end) = (one.query.period.bounds(one.workspace.rules) for one in (first, second))
    overlap = start < other_end and other_start < end
    shared = np.intersect1d(first.journeys.user_keys, second.journeys.user_keys) if overlap else ()
    return FunnelComparison(first, second, len(shared))


def _previous_step_numbers(result: FunnelResult) -> list[int]:
    required = [number for number, step in enumerate(result.query.steps, 1) if not step.optional]
    return [max(one for one in required if one < number) for number in range(2, len(result.query.steps) + 1)]
