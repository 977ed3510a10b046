"""Time to convert, taken apart: by breakdown group and by the bucket in which the counted attempt began.

Counted: users who reached the last step, each with the time of the attempt that counts (one value per user). The
buckets hold counted attempts, which are mature, so a late bucket is not faster merely because it is young; a bucket
that reaches over the period's or the data's end is partial.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from ops_core.analyses.funnel import FunnelResult
from ops_core.model.time import dates_of

_COLUMNS = ("users", "q1_seconds", "median_seconds", "q3_seconds", "mean_seconds")


def by_group(result: FunnelResult) -> pd.DataFrame:
    """One row per breakdown group: group, users (converted), q1_seconds, median_seconds, q3_seconds, mean_seconds.

    Seconds from the attempt's first event to the last step; nan in a group where nobody converted.
    """
    rows = [(str(name), *_quartiles(result.seconds(group=name))) for name in result.groups.categories]
    return pd.DataFrame(rows, columns=["group", *_COLUMNS])


def by_bucket(result: FunnelResult, grain: str) -> pd.DataFrame:
    """One row per bucket with a conversion: bucket (first local day of the attempt's bucket), then as `by_group`.

    Further: partial (the bucket reaches over the period's end or as-of). Each user stands in one bucket, that of the
    attempt that counts.
    """
    workspace, journeys = result.workspace, result.journeys
    rules, done = workspace.rules, journeys.reached[-1]
    start_us, end_us = result.query.period.bounds(rules)
    known_until = end_us if workspace.as_of_us is None else min(end_us, workspace.as_of_us)
    buckets = rules.bucket_index(rules.local_days(journeys.at_us[0, done]), grain)
    seconds = result.seconds()
    found = np.unique(buckets)
    first_days, end_days = rules.index_start_day(found, grain), rules.index_start_day(found + 1, grain)
    rows = [_quartiles(seconds[buckets == bucket]) for bucket in found]
    partial = [
        rules.day_start_us(int(end)) > known_until or rules.day_start_us(int(first)) < start_us
        for first, end in zip(first_days, end_days, strict=True)
    ]
    frame = pd.DataFrame(rows, columns=list(_COLUMNS))
    frame.insert(0, "bucket", dates_of(first_days))
    return frame.assign(partial=np.array(partial, bool))


def _quartiles(seconds: np.ndarray) -> tuple[float, ...]:
    if not len(seconds):
        return (0, *[float("nan")] * 4)
    q1, median, q3 = np.quantile(seconds, [0.25, 0.5, 0.75])
    return len(seconds), float(q1), float(median), float(q3), float(seconds.mean())
