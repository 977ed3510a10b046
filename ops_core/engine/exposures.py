"""Who was exposed to which arm of an experiment, and since when: one row per user, intention-to-treat."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from ops_core.errors import QueryError, nearest
from ops_core.store import Store


@dataclass(frozen=True, eq=False)
class Exposures:
    """Users of an experiment by their first exposure; arrays of one length, sorted by user.

    `arm` indexes `arms` (sorted by name). Left out and counted by their keys: users seen in several arms, users without
    a time.
    """

    arms: tuple[str, ...]
    user_key: np.ndarray
    arm: np.ndarray
    exposed_us: np.ndarray
    several_arms: np.ndarray
    without_time: np.ndarray

    @property
    def counts(self) -> list[int]:
        """Exposed users per arm."""
        return np.bincount(self.arm, minlength=len(self.arms)).tolist()

    @property
    def n_several_arms(self) -> int:
        """Users seen in several arms."""
        return len(self.several_arms)

    @property
    def n_without_time(self) -> int:
        """Users of one arm without a time of exposure."""
        return len(self.without_time)

    def only(self, keys: np.ndarray) -> Exposures:
        """The exposures of some users (sorted keys) alone, those left out too; the arms stay as they are."""
        kept = np.isin(self.user_key, keys)
        return replace(
            self,
            user_key=self.user_key[kept],
            arm=self.arm[kept],
            exposed_us=self.exposed_us[kept],
            several_arms=np.intersect1d(self.several_arms, keys),
            without_time=np.intersect1d(self.without_time, keys),
        )


def experiments(store: Store) -> pd.DataFrame:
    """Experiments with assignments: experiment, n_users, n_arms, first_at, last_at (UTC)."""
    with store.cursor() as cursor:
        return cursor.execute(
            """
            SELECT experiment, count(DISTINCT user_key) AS n_users, count(DISTINCT variant) AS n_arms,
                   min(assigned_at) AS first_at, max(assigned_at) AS last_at
            FROM assignments GROUP BY experiment ORDER BY max(assigned_at) DESC NULLS LAST, experiment
            """
        ).df()


def exposures(store: Store, experiment: str, bounds_us: tuple[int, int] | None = None) -> Exposures:
    """First exposure of each user of an experiment, optionally only those first exposed inside `[from, to)`.

    Raises:
        QueryError: no such experiment, with the nearest names.
    """
    with store.cursor() as cursor:
        found = cursor.execute(
            """
            SELECT user_key, min(variant) AS variant, count(DISTINCT variant) AS n_arms,
                   epoch_us(min(assigned_at)) AS exposed_us
            FROM assignments WHERE experiment = $experiment GROUP BY user_key ORDER BY user_key
            """,
            {"experiment": experiment},
        ).fetchnumpy()
    if not len(found["user_key"]):
        known = experiments(store)["experiment"]
        raise QueryError("unknown_experiment", name=experiment, nearest=nearest(experiment, known))
    has_time = ~np.ma.getmaskarray(found["exposed_us"])
    single = found["n_arms"] == 1
    exposed_us = np.ma.filled(found["exposed_us"], 0).astype(np.int64)
    inside = np.ones(len(exposed_us), dtype=bool)
    if bounds_us:
        inside = ~has_time | ((exposed_us >= bounds_us[0]) & (exposed_us < bounds_us[1]))
    kept = single & has_time & inside
    keys = np.asarray(found["user_key"], dtype=np.int32)
    arms, arm = np.unique(np.asarray(found["variant"][kept], dtype=str), return_inverse=True)
    return Exposures(
        arms=tuple(str(name) for name in arms),
        user_key=keys[kept],
        arm=arm.astype(np.int16),
        exposed_us=exposed_us[kept],
        several_arms=keys[~single & inside],
        without_time=keys[single & ~has_time],
    )
