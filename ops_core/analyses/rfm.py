"""Who buys recently, often and much: RFM scores and classes of the purchasers.

Unit: a user with a purchase (an event that counts as revenue with a positive value) before as-of or another day.
Recency: local days from the last purchase to that day; frequency: distinct days with a purchase; monetary: net value,
refunds taken off. Scores 1–5: one more than the number of fifths marks (20 %, 40 %, …) that lie below the value, so
equal values always share a score. Known limits: with few distinct values some scores stay empty; users who never bought
are in no class.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ops_core.engine import profiles, selection
from ops_core.errors import QueryError
from ops_core.model.segment import Segment
from ops_core.model.time import day_number
from ops_core.workspace import Workspace, one_state

# Index: 4 when recency is good, 2 when frequency is, 1 when monetary is.
CLASSES = (
    "general_win_back", "important_win_back", "general_keep", "important_keep",
    "general_develop", "important_develop", "general_value", "important_value",
)  # fmt: skip
CLASS_ORDER = (
    "important_value", "important_develop", "important_keep", "important_win_back",
    "general_value", "general_develop", "general_keep", "general_win_back",
)  # fmt: skip
NAMES = (
    "champions", "loyal", "potential_loyalists", "new", "promising",
    "need_attention", "about_to_sleep", "at_risk", "cannot_lose", "lost",
)  # fmt: skip
# One row per recency score 1–5, one column per frequency score 1–5.
_NAME_MAP = (
    ("lost", "lost", "at_risk", "at_risk", "cannot_lose"),
    ("lost", "lost", "at_risk", "at_risk", "cannot_lose"),
    ("about_to_sleep", "about_to_sleep", "need_attention", "loyal", "loyal"),
    ("promising", "potential_loyalists", "potential_loyalists", "loyal", "loyal"),
    ("new", "potential_loyalists", "potential_loyalists", "champions", "champions"),
)
SCHEMES = {"classes": CLASS_ORDER, "names": NAMES}


@dataclass(frozen=True)
class RfmQuery:
    """`scheme`: `classes`, the 8 of Chinese practice (scores above or below their mean), or `names`, the 10-name map
    of recency and frequency scores. `at`: the local day at whose start the buyers are looked at (default: as-of).

    Raises:
        QueryError: an unknown scheme.
    """

    scheme: str = "classes"
    at: dt.date | None = None

    def __post_init__(self) -> None:
        if self.scheme not in SCHEMES:
            raise QueryError("rfm_unknown_scheme", value=self.scheme, allowed=list(SCHEMES))


@dataclass(frozen=True, eq=False)
class RfmResult:
    """The answer, with its query.

    `users`, one row per purchaser: user_key, recency_days, frequency, monetary, r, f, m (1–5), rfm_class (a code of the
    query's scheme).
    `classes`, every class of the scheme in its order: rfm_class, users, share (0–1 of purchasers), recency_days,
    frequency, monetary (means; nan for an empty class), revenue, revenue_share (nan when nothing was earned).
    `mean_scores`: mean r, f, m, the borders of the 8 classes.
    """

    query: RfmQuery
    users: pd.DataFrame
    classes: pd.DataFrame
    mean_scores: tuple[float, float, float]

    def segment(self, workspace: Workspace, rfm_class: str, name: str) -> Segment:
        """The users of a class as a frozen segment."""
        keys = self.users.loc[self.users["rfm_class"] == rfm_class, "user_key"].to_numpy()
        return Segment(name, user_ids=frozenset(selection.user_ids(workspace.store, keys)))


@one_state
def analyze(workspace: Workspace, query: RfmQuery = RfmQuery()) -> RfmResult:
    """Score and class every purchaser.

    Raises:
        QueryError: nobody has bought anything yet.
    """
    if workspace.as_of_us is None:
        raise QueryError("no_data_yet")
    rules = workspace.rules
    at_us = workspace.as_of_us if query.at is None else rules.day_start_us(day_number(query.at))
    found = profiles.purchases(workspace.store, at_us)
    if not len(found.user_key):
        raise QueryError("rfm_no_purchases", day=rules.moment(at_us).date().isoformat())
    recency = int(rules.local_days(np.array([at_us]))[0]) - found.last_day
    r, f, m = scores(-recency), scores(found.frequency), scores(found.monetary)
    means = (float(r.mean()), float(f.mean()), float(m.mean()))
    users = pd.DataFrame(
        {
            "user_key": found.user_key, "recency_days": recency, "frequency": found.frequency,
            "monetary": found.monetary, "r": r, "f": f, "m": m,
            "rfm_class": _eight(r, f, m, means) if query.scheme == "classes" else _ten(r, f),
        }
    )  # fmt: skip
    return RfmResult(query, users, _classes(users, SCHEMES[query.scheme]), means)


def scores(values: np.ndarray) -> np.ndarray:
    """Scores 1–5, higher for higher values; equal values share a score."""
    values = np.asarray(values)
    below = np.searchsorted(np.sort(values), values, side="left")
    return 1 + (5 * below) // len(values)


def _eight(r: np.ndarray, f: np.ndarray, m: np.ndarray, means: tuple[float, float, float]) -> np.ndarray:
    place = 4 * (r > means[0]) + 2 * (f > means[1]) + (m > means[2])
    return np.array(CLASSES, dtype=object)[place]


def _ten(r: np.ndarray, f: np.ndarray) -> np.ndarray:
    return np.array(_NAME_MAP, dtype=object)[r - 1, f - 1]


def _classes(users: pd.DataFrame, order: tuple[str, ...]) -> pd.DataFrame:
    grouped = users.groupby("rfm_class")
    table = pd.DataFrame(
        {
            "users": grouped.size(),
            "recency_days": grouped["recency_days"].mean(),
            "frequency": grouped["frequency"].mean(),
            "monetary": grouped["monetary"].mean(),
            "revenue": grouped["monetary"].sum(),
        }
    ).reindex(order)
    table["users"] = table["users"].fillna(0).astype(int)
    table["revenue"] = table["revenue"].fillna(0.0)
    table.insert(1, "share", table["users"] / len(users))
    total = table["revenue"].sum()
    table["revenue_share"] = table["revenue"] / total if total else np.nan
    return table.rename_axis("rfm_class").reset_index()
