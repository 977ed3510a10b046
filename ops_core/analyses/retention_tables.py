"""Tables of retention: pure arithmetic on who entered and who came back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ops_core.analyses.cohort_axes import ripe_dates, window_ends
from ops_core.engine.retention import RetentionCounts
from ops_core.model.intervals import wilson
from ops_core.model.time import TimeRules


def cells_table(
    counts: RetentionCounts,
    labels: Sequence[str],
    times: np.ndarray,
    windows: Sequence[tuple[int, int | None]],
    rules: TimeRules,
) -> pd.DataFrame:
    """A row per group, cohort and window, in this order; columns as `RetentionResult.cells` says."""
    n_groups, n_cohorts, n_windows = counts.n_returned.shape
    users = np.repeat(counts.n_users.reshape(-1), n_windows)
    ripe = np.tile(counts.is_ripe.reshape(-1), n_groups)
    returned = np.where(ripe, counts.n_returned.reshape(-1), np.nan)
    low, high = wilson(returned, np.where(ripe, users, 0))
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(users > 0, returned / users, np.nan)
    ripe_on = ripe_dates(rules, counts.ripe_us.reshape(-1))
    return pd.DataFrame(
        {
            "group": np.repeat(np.array(labels, dtype=object), n_cohorts * n_windows),
            "cohort": np.tile(np.repeat(times, n_windows), n_groups),
            "offset": np.tile([first for first, _ in windows], n_groups * n_cohorts),
            "users": users,
            "returned": returned,
            "share": share,
            "low": low,
            "high": high,
            "ripe": ripe,
            "ripe_on": np.tile(ripe_on, n_groups),
            "offset_end": np.tile(window_ends(windows), n_groups * n_cohorts),
        }
    )


def means_table(
    counts: RetentionCounts, labels: Sequence[str], windows: Sequence[tuple[int, int | None]]
) -> pd.DataFrame:
    """Weighted means of groups given by their counts: Σ returned ÷ Σ eligible over ripe cells."""
    eligible = (counts.n_users[:, :, None] * counts.is_ripe[None]).sum(axis=1)
    returned = (counts.n_returned * counts.is_ripe[None]).sum(axis=1)
    return mean_table(np.array(labels, dtype=object), eligible, returned, windows)


def mean_table(
    labels: np.ndarray, eligible: np.ndarray, returned: np.ndarray, windows: Sequence[tuple[int, int | None]]
) -> pd.DataFrame:
    """A row per label and window; `eligible` and `returned`: [label, window]. Columns as `RetentionResult.means`."""
    low, high = wilson(returned.reshape(-1), eligible.reshape(-1))
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(eligible > 0, returned / eligible, np.nan)
    n_groups = len(labels)
    return pd.DataFrame(
        {
            "group": np.repeat(labels, len(windows)),
            "offset": np.tile([first for first, _ in windows], n_groups),
            "eligible": eligible.reshape(-1),
            "returned": returned.reshape(-1),
            "share": share.reshape(-1),
            "low": low,
            "high": high,
            "offset_end": np.tile(window_ends(windows), n_groups),
        }
    )
