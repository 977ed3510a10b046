"""What separates those who convert in a funnel from those who do not: traits ranked by their adjusted difference.

Unit: a user who entered the funnel; converted: reached the last step by the attempt that counts. A trait is a value of
a user property (a number: at or above its median), or a behaviour: the event was done at least once in the look-back
before the user's FIRST attempt in the period. The first one, because the attempt that counts is chosen by how deep it
goes: what lies before it would be known only thanks to the conversion. Entrants whose look-back begins before the data
does take no part in the behaviours (`n_unseen`).

Each trait compares users with it and without it within strata, so that like is compared with like: entry week, the two
user properties that go most closely with conversion (not the trait's own, nor one that says the same thing) and, for
behaviours, on how many days of the look-back the user was active. Difference: Mantel–Haenszel (Greenland and Robins
1985) with Sato's interval (1989); test: Cochran–Mantel–Haenszel (1959); p-values are Holm's (1979) over all traits that
are tested. Fewer than 30 users on either side, or counts too small for the test (Mantel and Fleiss 1980), are "too few
to say".

Limits: an association is no cause; what is not recorded cannot be adjusted for. Properties are as they stand now: one
that converting itself changes (a membership level) comes out on top without being a reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from ops_core.analyses import funnel
from ops_core.analyses.driver_traits import Property, properties_of, strata_of, strongest, tells
from ops_core.analyses.funnel import FunnelQuery
from ops_core.engine import path_prior
from ops_core.engine.funnel_spec import MICROSECONDS
from ops_core.engine.path_steps import LONGEST_US
from ops_core.errors import QueryError
from ops_core.model.intervals import FEW
from ops_core.model.multiplicity import holm
from ops_core.model.stratified import mantel_haenszel
from ops_core.workspace import Workspace, one_state

PROPERTY, BEHAVIOUR = "property", "behaviour"
_N_CONFOUNDERS = 2
_DAY = 86_400
# Days active in the look-back, in classes: none, one, 2–3, 4–7, 8 and more.
_ACTIVITY_EDGES = (1, 2, 4, 8)
_COLUMNS = (
    "kind", "name", "value", "at_least", "n_with", "converted_with", "share_with", "n_without", "converted_without",
    "share_without", "difference", "adjusted", "low", "high", "n_compared", "p_value", "too_few", "adjusted_for",
)  # fmt: skip


@dataclass(frozen=True)
class DriverQuery:
    """A funnel whose converted users are to be told apart.

    Attributes:
        funnel: counted per user (`reentry` other than `every_attempt`); its breakdown is ignored.
        lookback_seconds: how far before the first attempt behaviours count, its begin included.
        limit: values of a property that are looked at, the most frequent ones, 1–50.
        alpha: share of false alarms over all traits together that `is_clear` allows.

    Raises:
        QueryError: a funnel of attempts, a look-back of 0, a limit or an alpha out of range.
    """

    funnel: FunnelQuery
    lookback_seconds: float = 28 * _DAY
    limit: int = 8
    alpha: float = 0.05

    def __post_init__(self) -> None:
        if self.funnel.reentry == "every_attempt":
            raise QueryError("drivers_attempts")
        if isinstance(self.lookback_seconds, (str, bool)) or not 0 < self.lookback_seconds < float("inf"):
            raise QueryError("drivers_lookback", value=self.lookback_seconds)
        if not 1 <= self.limit <= 50:
            raise QueryError("drivers_limit", value=self.limit)
        if not 0 < self.alpha < 1:
            raise QueryError("drivers_alpha", value=self.alpha)


@dataclass(frozen=True, eq=False)
class DriverResult:
    """The answer, with its query.

    Attributes:
        n_entered, n_converted: users in the funnel's rate.
        n_unseen: entrants whose look-back begins before the data; left out of the behaviours.
        adjusted_for: names of the user properties that go most closely with conversion, strongest first; each trait is
            adjusted for the first two that are not its own (`adjusted_for` column), besides entry week and, for
            behaviours, days active.
        traits: one row per trait, clear ones first, each part by the size of the adjusted difference. Columns: kind
            (`property`, `behaviour`), name, value (text; "" for behaviours), at_least (bool: the value is a lower
            bound), n_with, converted_with, share_with, n_without, converted_without, share_without (0–1), difference
            (with − without as counted), adjusted, low, high (adjusted difference, 95 %), n_compared (users in strata
            that hold both), p_value, p_adjusted (Holm), is_clear, too_few, adjusted_for (names joined by ", "). nan:
            a share without users, an adjusted difference without strata that hold both; p also where `too_few`.
    """

    query: DriverQuery
    n_entered: int
    n_converted: int
    n_unseen: int
    adjusted_for: tuple[str, ...]
    traits: pd.DataFrame = field(repr=False)

    @property
    def n_tested(self) -> int:
        """Traits that were tested: the others have too few users."""
        return int(self.traits["p_value"].notna().sum())

    @property
    def clear(self) -> pd.DataFrame:
        """The traits that differ by more than chance, Holm-adjusted."""
        return self.traits[self.traits["is_clear"]]


@dataclass(frozen=True, eq=False)
class _Entrants:
    """Who entered: sorted keys, whether converted, first attempt (µs) and its week."""

    user_keys: np.ndarray
    converted: np.ndarray
    at_us: np.ndarray
    week: np.ndarray

    def take(self, kept: np.ndarray) -> _Entrants:
        return _Entrants(self.user_keys[kept], self.converted[kept], self.at_us[kept], self.week[kept])


@one_state
def analyze(workspace: Workspace, query: DriverQuery) -> DriverResult:
    """Compare those who converted with those who did not, trait by trait.

    Raises:
        QueryError: what the funnel itself refuses.
    """
    entrants = _entrants(workspace, query.funnel)
    properties = properties_of(workspace.store, entrants.user_keys)
    confounders = strongest(properties, entrants.converted, _N_CONFOUNDERS + 1)
    rows = [row for one in properties for row in _of_property(one, entrants, confounders, query.limit)]
    window_us = max(1, min(round(query.lookback_seconds * MICROSECONDS), LONGEST_US))
    moments = path_prior.Moments(entrants.user_keys, entrants.at_us, window_us)
    seen = path_prior.is_seen(workspace.store, moments)
    moments = path_prior.Moments(entrants.user_keys[seen], entrants.at_us[seen], moments.window_us)
    rows += _of_behaviours(workspace, moments, entrants.take(seen), [one.take(seen) for one in confounders])
    return DriverResult(
        query, len(entrants.converted), int(entrants.converted.sum()), int((~seen).sum()),
        tuple(one.name for one in confounders), _ranked(rows, query.alpha),
    )  # fmt: skip


def _entrants(workspace: Workspace, query: FunnelQuery) -> _Entrants:
    """Users in the rate with the instant of their first attempt, whichever attempt counts."""
    # Of users whose window is still open the quick view would take the converted ones only.
    plain = replace(query, breakdown=None, quick_view=False)
    counted = funnel.analyze(workspace, plain).journeys
    first = funnel.analyze(workspace, replace(plain, reentry="first_entry")).journeys
    at_us = counted.at_us[0].copy()
    _, here, there = np.intersect1d(counted.user_keys, first.user_keys, assume_unique=True, return_indices=True)
    at_us[here] = np.minimum(at_us[here], first.at_us[0][there])
    rules = workspace.rules
    week = rules.bucket_index(rules.local_days(at_us), "week")
    return _Entrants(counted.user_keys, counted.reached[-1], at_us, week - week.min(initial=0))


def _of_property(
    one: Property, entrants: _Entrants, confounders: Sequence[Property], limit: int
) -> list[dict[str, object]]:  # fmt: skip
    others = [other for other in confounders if other.name != one.name and not tells(other, one)]
    strata, used = strata_of([entrants.week], others, _N_CONFOUNDERS)
    chosen = one.compared(limit)
    counted = [_by_stratum(strata, entrants.converted, one.codes == code) for code in chosen]
    names = [(PROPERTY, one.name, one.values[code], one.at_least) for code in chosen]
    return _compared(names, counted, used)


def _of_behaviours(
    workspace: Workspace, moments: path_prior.Moments, entrants: _Entrants, confounders: Sequence[Property]
) -> list[dict[str, object]]:  # fmt: skip
    if not len(entrants.converted):
        return []
    activity = np.digitize(path_prior.active_days(workspace.store, moments), _ACTIVITY_EDGES)
    strata, used = strata_of([entrants.week, activity], confounders, _N_CONFOUNDERS)
    done = path_prior.doers(workspace.store, moments, strata, entrants.converted)
    everyone = _by_stratum(strata, entrants.converted, np.ones(len(strata), bool))[0]
    names, counted = [], []
    for event, rows in done.groupby("event", sort=True):
        with_it = np.zeros_like(everyone)
        with_it[rows["converted"], rows["stratum"]] = rows["users"]
        names.append((BEHAVIOUR, str(event), "", False))
        counted.append((with_it, everyone - with_it))
    return _compared(names, counted, used)


def _by_stratum(strata: np.ndarray, converted: np.ndarray, has_it: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Users with and users without a trait: not converted and converted (rows) by stratum."""
    n_strata = int(strata.max(initial=-1)) + 1
    cell = strata + n_strata * converted
    counts = [np.bincount(cell[side], minlength=2 * n_strata).reshape(2, n_strata) for side in (has_it, ~has_it)]
    return counts[0], counts[1]


def _compared(
    names: Sequence[tuple[str, str, str, bool]], counted: Sequence[tuple[np.ndarray, np.ndarray]], used: tuple[str, ...]
) -> list[dict[str, object]]:
    rows = []
    for (kind, name, value, at_least), (with_it, without) in zip(names, counted, strict=True):
        n_with, n_without = int(with_it.sum()), int(without.sum())
        done, done_without = int(with_it[1].sum()), int(without[1].sum())
        found = mantel_haenszel(with_it[1], with_it.sum(axis=0), without[1], without.sum(axis=0))
        # A trait that everybody has, or nobody, compares nothing.
        is_small = min(n_with, n_without) < FEW or not found.n_compared >= 2 * FEW
        share, share_without = _share(done, n_with), _share(done_without, n_without)
        p_value = np.nan if is_small else float(found.p_value)
        rows.append(
            {
                "kind": kind, "name": name, "value": value, "at_least": at_least, "n_with": n_with,
                "converted_with": done, "share_with": share, "n_without": n_without,
                "converted_without": done_without, "share_without": share_without,
                "difference": share - share_without, "adjusted": float(found.difference), "low": float(found.low),
                "high": float(found.high), "n_compared": int(found.n_compared), "p_value": p_value,
                "too_few": bool(np.isnan(p_value)), "adjusted_for": ", ".join(used),
            }
        )  # fmt: skip
    return rows


def _ranked(rows: list[dict[str, object]], alpha: float) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=_COLUMNS)
    adjusted = holm(table["p_value"].astype(float))
    table.insert(table.columns.get_loc("p_value") + 1, "p_adjusted", adjusted)
    table.insert(table.columns.get_loc("p_adjusted") + 1, "is_clear", np.nan_to_num(adjusted, nan=1.0) < alpha)
    size = table["adjusted"].astype(float).abs().fillna(0.0)
    order = np.lexsort((table["value"], table["name"], -size, table["too_few"], ~table["is_clear"]))
    return table.iloc[order].reset_index(drop=True)


def _share(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")
