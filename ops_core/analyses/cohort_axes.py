"""What tables of cohorts share: the names of groups, the times of cohorts, the edges of columns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ops_core.engine.cohorts import OTHER
from ops_core.engine.retention_spec import UNSEEN_US
from ops_core.model.group_names import names_apart
from ops_core.model.time import HOUR_US, TimeRules, dates_of

ALL, NO_VALUE, OTHER_VALUES = "all", "(none)", "other"


def cohort_times(rules: TimeRules, grain: str, cohorts: np.ndarray) -> np.ndarray:
    """First local day (or hour) of cohorts given by their bucket numbers, as datetime64."""
    if grain == "hour":
        return (np.asarray(cohorts, dtype=np.int64) * HOUR_US).astype("datetime64[us]").astype("datetime64[s]")
    return dates_of(rules.index_start_day(cohorts, grain))


def ripe_dates(rules: TimeRules, ripe_us: np.ndarray) -> np.ndarray:
    """Local days of the instants from which cells count; NaT for cells that begin before the data and never will."""
    is_seen = ripe_us != UNSEEN_US
    days = dates_of(rules.local_days(np.where(is_seen, ripe_us, 0)))
    return np.where(is_seen, days, np.datetime64("NaT", "s"))


def group_labels(breakdown: str | None, groups: Sequence[str | None]) -> list[str]:
    """Names of the engine's groups: `all` without a breakdown, `(none)` for no value, `other` for the rest.

    A value that is itself called "other" or "(none)" keeps its name; ours gives way and carries an asterisk.
    """
    if breakdown is None:
        return [ALL for _ in groups]
    values = (name for name in groups if name is not None and name != OTHER)
    ours = dict(zip((None, OTHER), names_apart(values, NO_VALUE, OTHER_VALUES), strict=True))
    return [ours.get(name, name) for name in groups]


def window_ends(windows: Sequence[tuple[int, int | None]]) -> list[float]:
    """Last offset of each column; nan where it runs to as-of."""
    return [float("nan") if last is None else float(last) for _, last in windows]
