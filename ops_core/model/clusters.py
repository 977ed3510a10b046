"""The difference of two shares when one user may stand several times on a side, or on both."""

from __future__ import annotations

import numpy as np

from ops_core.model.intervals import Difference


def clustered_difference(
    users: np.ndarray, hits: np.ndarray, other_users: np.ndarray, other_hits: np.ndarray, level: float = 0.95
) -> Difference:
    """Share of `hits` minus share of `other_hits`, with an interval that adds up what belongs to one user first.

    Each entry is (user key, hit); a user's entries on both sides move together, and so do several on one side. Variance
    by linearisation over users (Liang & Zeger 1986, G ÷ (G − 1)), Student's t with G − 1 degrees of freedom. With one
    entry per user it is the usual interval of two independent shares. nan where a side is empty, bounds and p-value
    where there are fewer than two users or nothing varies.
    """
    from scipy.special import stdtr, stdtrit  # noqa: PLC0415

    nothing = np.array(np.nan)
    if not len(users) or not len(other_users):
        return Difference(nothing, nothing, nothing, nothing)
    share, other_share = hits.mean(), other_hits.mean()
    _, cluster = np.unique(np.concatenate([users, other_users]), return_inverse=True)
    parts = np.concatenate([(hits - share) / len(hits), (other_share - other_hits) / len(other_hits)])
    per_user = np.bincount(cluster, weights=parts)
    n_users, squares = len(per_user), float((per_user**2).sum())
    difference = np.array(share - other_share)
    if n_users < 2 or squares <= 0:
        return Difference(difference, nothing, nothing, nothing)
    error = np.sqrt(squares * n_users / (n_users - 1))
    half = stdtrit(n_users - 1, (1 + level) / 2) * error
    p_value = 2 * stdtr(n_users - 1, -abs(difference) / error)
    return Difference(difference, difference - half, difference + half, np.array(p_value))
