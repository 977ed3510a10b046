"""Traits of users as groups: the values of each user property, and strata in which like is compared with like."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ops_core.engine import funnel_lookup
from ops_core.store import Store

_MOST_VALUES = 200  # a text with more values than that names users, it does not describe them
_STRATUM_VALUES = 7  # the most frequent ones have strata of their own, the rest shares one
_SHARED = 0.5  # of the users, at least, must be comparable under a property that is held fixed
_LEAST_PER_STRATUM = 10  # users; finer strata would hold one side only


@dataclass(frozen=True, eq=False)
class Property:
    """A user property of some users: `codes` are places in `values` by frequency, −1 without a value.

    A number is split at its median: one value, the median, for users at or above it, the others coded −1 and
    `at_least` true.
    """

    name: str
    codes: np.ndarray
    values: tuple[str, ...]
    at_least: bool = False

    def take(self, kept: np.ndarray) -> Property:
        """The same of some of the users."""
        return Property(self.name, self.codes[kept], self.values, self.at_least)

    def compared(self, limit: int) -> list[int]:
        """The values to look at; of two groups that are each other's opposite only the smaller one."""
        counts = np.bincount(self.codes[self.codes >= 0], minlength=len(self.values))
        if len(self.values) == 2 and not (self.codes < 0).any():
            return [int(np.argmin(counts))]
        return list(range(min(len(self.values), limit)))

    @property
    def strata(self) -> np.ndarray:
        """Codes for strata: frequent values apart, the rest together, users without a value apart."""
        return np.where(self.codes >= _STRATUM_VALUES, _STRATUM_VALUES, self.codes) + 1


def properties_of(store: Store, user_keys: np.ndarray) -> list[Property]:
    """The user properties that part these users (sorted keys) into groups; times and names of users are left out."""
    found = []
    for column in store.columns("user"):
        if column.type not in ("text", "boolean", "number"):
            continue
        places, values = funnel_lookup.user_values(store, column.name, user_keys)
        one = _split(column.name, places, values) if column.type == "number" else _coded(column.name, places, values)
        groups = len(np.unique(one.codes))
        if 2 <= groups <= _MOST_VALUES:
            found.append(one)
    return found


def strongest(properties: Sequence[Property], converted: np.ndarray, most: int) -> list[Property]:
    """The properties that go most closely with conversion: by chi-square per user beyond what chance gives.

    That is the bias-corrected φ² of Bergsma (2013); properties at or below 0 say nothing and are left out, and so are
    those that a stronger one already tells.
    """
    scored = [(_closeness(one.strata, converted), one) for one in properties]
    ranked = sorted((pair for pair in scored if pair[0] > 0), key=lambda pair: (-pair[0], pair[1].name))
    found: list[Property] = []
    for _, one in ranked:
        if len(found) < most and not any(tells(stronger, one) for stronger in found):
            found.append(one)
    return found


def tells(one: Property, other: Property) -> bool:
    """Whether one property nearly says what the other is (city says province), so that it must not be held fixed.

    That is so when fewer than half of the users share their value of `one` with users of another value of `other`.
    """
    cells = np.bincount(_combined([one.strata, other.strata]))
    strata = _combined([one.strata])
    users = np.bincount(strata)
    largest = np.zeros(len(users), np.int64)
    first = np.unique(_combined([one.strata, other.strata]), return_index=True)[1]
    np.maximum.at(largest, strata[first], cells)
    return bool(users[largest < users].sum() < _SHARED * len(strata))


def strata_of(
    fixed: Sequence[np.ndarray], confounders: Sequence[Property], most: int
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Strata of all the fixed codes and of as many confounders as leave enough users to a stratum; and their names."""
    strata = _combined(fixed)
    used: list[str] = []
    for one in confounders:
        finer = _combined([strata, one.strata])
        if len(used) == most or len(finer) < _LEAST_PER_STRATUM * (int(finer.max(initial=-1)) + 1):
            break
        strata = finer
        used.append(one.name)
    return strata, tuple(used)


def _coded(name: str, places: np.ndarray, values: Sequence[str]) -> Property:
    counts = np.bincount(places[places >= 0], minlength=len(values))
    ranked = sorted(np.flatnonzero(counts).tolist(), key=lambda place: (-counts[place], values[place]))
    code = np.full(len(values) + 1, -1, np.int64)  # the last place, reached by −1, is that of no value
    code[ranked] = np.arange(len(ranked))
    return Property(name, code[places], tuple(values[place] for place in ranked))


def _split(name: str, places: np.ndarray, values: Sequence[str]) -> Property:
    numbers = np.append(np.array(values, dtype=float), np.nan)[places]
    if np.isnan(numbers).all():
        return Property(name, np.full(len(places), -1), (), True)
    median = float(np.nanmedian(numbers))
    text = str(int(median)) if median.is_integer() else f"{median:.6g}"
    return Property(name, np.where(numbers >= median, 0, -1), (text,), True)


def _closeness(groups: np.ndarray, converted: np.ndarray) -> float:
    n = len(groups)
    users = np.bincount(groups).astype(float)
    done = np.bincount(groups, weights=converted)
    share = converted.mean() if n else 0.0
    known = users > 0
    if n < 2 or not 0 < share < 1 or known.sum() < 2:
        return 0.0
    chi_square = ((done - users * share)[known] ** 2 / (users[known] * share * (1 - share))).sum()
    return float(chi_square / n - (known.sum() - 1) / (n - 1))


def _combined(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Codes of the combinations that occur, from 0 without gaps."""
    combined = np.zeros(len(parts[0]), np.int64)
    for part in parts:
        combined = np.unique(combined * (int(part.max(initial=0)) + 1) + part, return_inverse=True)[1]
    return combined
