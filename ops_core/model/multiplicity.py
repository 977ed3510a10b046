"""Adjusting p-values when several comparisons are read together."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def holm(p_values: ArrayLike) -> NDArray[np.float64]:
    """Holm's step-down p-values (Holm 1979): family-wise error. nan stays nan and is not counted as a comparison."""
    return _adjust(p_values, _step_down)


def benjamini_hochberg(p_values: ArrayLike) -> NDArray[np.float64]:
    """Benjamini–Hochberg p-values (1995): false discovery rate. nan stays nan and is not counted as a comparison."""
    return _adjust(p_values, _step_up)


def _step_down(ordered: NDArray[np.float64]) -> NDArray[np.float64]:
    factor = np.arange(ordered.size, 0, -1)
    return np.maximum.accumulate(ordered * factor)


def _step_up(ordered: NDArray[np.float64]) -> NDArray[np.float64]:
    scaled = ordered * ordered.size / np.arange(1, ordered.size + 1)
    return np.minimum.accumulate(scaled[::-1])[::-1]


def _adjust(p_values: ArrayLike, steps) -> NDArray[np.float64]:
    found = np.asarray(p_values, dtype=float)
    adjusted = np.full(found.shape, np.nan)
    known = np.flatnonzero(~np.isnan(found))
    order = known[np.argsort(found[known], kind="stable")]
    adjusted[order] = np.minimum(steps(found[order]), 1.0)
    return adjusted
