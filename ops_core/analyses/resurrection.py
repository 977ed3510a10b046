"""Resurrection: do users who fell silent come back, how soon, and up to which silence is there hope?

Two readings. By length of silence: a silence begins after an active bucket of the period; of those that have lasted d
whole buckets, the share that ends with the very next one. A user may fall silent several times and counts each time.
Silences that still go on when the last complete bucket ends are followed up to there (product limit, Kaplan & Meier
1958). By bucket: users resurrected in it (active, not in the bucket before, not new: definitions §4) out of the users
dormant in the bucket before. Partial buckets are left out of the first and marked in the second.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from ops_core.analyses.activity_query import ActivityQuery
from ops_core.analyses.lifecycle import bucket_range, names
from ops_core.analyses.streaks import complete_until
from ops_core.analyses.survival import kaplan_meier
from ops_core.engine import activity, streaks
from ops_core.engine.activity import ActivitySpec
from ops_core.model.intervals import wilson
from ops_core.model.time import GRAINS, dates_of
from ops_core.workspace import Workspace, one_state


@dataclass(frozen=True)
class ResurrectionQuery(ActivityQuery):
    """Silences in buckets that the period touches: day, week, month or quarter; see `ActivityQuery`."""

    grains: ClassVar[tuple[str, ...]] = GRAINS[1:]


@dataclass(frozen=True, eq=False)
class ResurrectionResult:
    """Who comes back after a silence.

    `by_silence`: silent_buckets (1, 2, …: whole buckets of silence so far), silent (silences that lasted so long and
        whose next bucket has ended), returned (those that ended with it), share (0–1), low, high (Wilson 95 %),
        back_by_then (share of all silences that have ended after at most so many silent buckets), back_low, back_high
        (95 %; nan before the first return and where nobody is left).
    `by_bucket`: bucket (first local day), dormant (users seen before and not active in the bucket before), resurrected,
        share (nan when nobody was dormant), low, high, partial (bool: the bucket ends after as-of).
    `n_silences`, `n_ended`: silences that began in the period, and those of them that were seen to end.
    """

    query: ResurrectionQuery
    by_silence: pd.DataFrame
    by_bucket: pd.DataFrame
    n_silences: int
    n_ended: int


@one_state
def analyze(workspace: Workspace, query: ResurrectionQuery) -> ResurrectionResult:
    """The silences of a period and their ends.

    Raises:
        QueryError: no data yet, an unknown event or property, or more buckets than can be shown.
    """
    first, end = bucket_range(workspace, query.period, query.grain)
    complete_end = complete_until(workspace, query.grain, first, end)
    spec = ActivitySpec(names(query.event), query.filters, query.segment)
    pairs = activity.user_buckets(workspace.store, spec, query.grain)
    silent = streaks.silences(pairs, first, complete_end)
    return ResurrectionResult(
        query=query,
        by_silence=_by_silence(silent),
        by_bucket=_by_bucket(workspace, query.grain, pairs, first, end, complete_end),
        n_silences=len(silent.length),
        n_ended=int(silent.has_ended.sum()),
    )


def _by_silence(silent: streaks.Silences) -> pd.DataFrame:
    longest = int(silent.length.max(initial=0))
    lengths = np.arange(1, longest + 1)
    lasted = np.bincount(silent.length, minlength=longest + 2)[::-1].cumsum()[::-1]
    ended = np.bincount(silent.length[silent.has_ended], minlength=longest + 2)[1 : longest + 1]
    # A silence that still goes on after d buckets says nothing about the bucket that follows them.
    going_on = np.bincount(silent.length[~silent.has_ended], minlength=longest + 2)[1 : longest + 1]
    at_risk = lasted[1 : longest + 1] - going_on
    low, high = wilson(ended, at_risk)
    table = pd.DataFrame({"silent_buckets": lengths, "silent": at_risk, "returned": ended, "low": low, "high": high})
    table.insert(3, "share", table["returned"] / table["silent"].where(table["silent"] > 0))
    # A silence of d buckets that goes on was followed to d, and one that ended was known to be over at d + ½.
    curve = kaplan_meier(np.where(silent.has_ended, silent.length + 0.5, silent.length), silent.has_ended)
    curve = curve.assign(silent_buckets=np.floor(curve["time"]).astype(int)).drop_duplicates(
        "silent_buckets", keep="last"
    )
    known = curve.set_index("silent_buckets").reindex(lengths, method="ffill").reset_index(drop=True)
    seen = table["silent"] > 0
    return table.assign(
        back_by_then=(1 - known["survival"]).where(seen),
        back_low=(1 - known["high"]).where(seen),
        back_high=(1 - known["low"]).where(seen),
    )[seen]


def _by_bucket(
    workspace: Workspace, grain: str, pairs: activity.UserBuckets, first: int, end: int, complete_end: int
) -> pd.DataFrame:
    flow = activity.flow(pairs, first - 1, end)
    dormant, resurrected = flow.dormant_stock[:-1], flow.resurrected[1:]
    low, high = wilson(resurrected, dormant)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(dormant > 0, resurrected / dormant, np.nan)
    buckets = np.arange(first, end)
    return pd.DataFrame(
        {
            "bucket": dates_of(workspace.rules.index_start_day(buckets, grain)), "dormant": dormant,
            "resurrected": resurrected, "share": share, "low": low, "high": high, "partial": buckets >= complete_end,
        }
    )  # fmt: skip
