"""Where a series is heading, simply: a straight line through its recent past plus the shape of the week.

Ordinary least squares on the last complete points; days also get an effect per weekday. Intervals are prediction
intervals (t), widened for sums when neighbouring errors are alike (lag-1 autocorrelation; Wilks 2011, §5.2.4). Stated
limits: no holidays, no campaigns, no saturation; what happened lately is taken to go on. The back-test repeats the
forecast from earlier days and counts how often the interval caught what came.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

FEWEST = {"hour": 2 * 168, "day": 28, "week": 8, "month": 8, "quarter": 8}
MOST = {"hour": 4 * 168, "day": 91, "week": 26, "month": 24, "quarter": 16}
_BACK_TESTS = 8


@dataclass(frozen=True, eq=False)
class Line:
    """A fitted line: forecasts `points` ahead with `low`, `high` each, and their running totals with theirs.

    `errors`, `total_errors`: standard errors of points and running totals; `freedom`: degrees of freedom.
    """

    points: np.ndarray
    low: np.ndarray
    high: np.ndarray
    errors: np.ndarray
    totals: np.ndarray
    totals_low: np.ndarray
    totals_high: np.ndarray
    total_errors: np.ndarray
    freedom: int


@dataclass(frozen=True)
class BackTest:
    """How often the 95 % interval of earlier forecasts caught what came, and the median relative error (0–1)."""

    n: int
    n_caught: int
    median_error: float


def project(values: np.ndarray, n_ahead: int, grain: str, skip: int = 0, level: float = 0.95) -> Line | None:
    """The points `skip` … `n_ahead` − 1 after `values` (oldest first, complete, no gaps).

    `None` when the past is too short or has undefined points, or when there is nothing ahead.
    """
    from scipy.special import stdtrit  # noqa: PLC0415

    values = np.asarray(values, dtype=float)[-MOST[grain] :]
    n = len(values)
    if n < FEWEST[grain] or n_ahead <= skip or np.isnan(values).any():
        return None
    design, ahead = _design(0, n, n, grain), _design(n + skip, n + n_ahead, n, grain)
    solution, *_ = np.linalg.lstsq(design, values, rcond=None)
    residual = values - design @ solution
    freedom = n - design.shape[1]
    variance = float(residual @ residual) / freedom
    inverse = np.linalg.pinv(design.T @ design)
    t = float(stdtrit(freedom, (1 + level) / 2))
    points, summed = ahead @ solution, np.cumsum(ahead, axis=0)
    lengths = np.arange(1, len(ahead) + 1)
    noise = lengths * np.array([_alike(residual, int(length)) for length in lengths])
    error = np.sqrt(variance * (1 + _quadratic(ahead, inverse)))
    total_error = np.sqrt(variance * (noise + _quadratic(summed, inverse)))
    totals = np.cumsum(points)
    return Line(
        points, points - t * error, points + t * error, error,
        totals, totals - t * total_error, totals + t * total_error, total_error, freedom,
    )  # fmt: skip


def chance_above(gap: float, error: float, freedom: int) -> float:
    """The chance, 0–1, of reaching a target that the forecast passes by `gap` (negative: misses)."""
    from scipy.special import stdtr  # noqa: PLC0415

    return float(stdtr(freedom, gap / error)) if error > 0 else float(gap >= 0)


def back_test(values: np.ndarray, n_ahead: int, grain: str, of_total: bool) -> BackTest:
    """The same forecast (of the total over `n_ahead` points, or of the last of them) made at up to 8 earlier dates and
    held against what came."""
    values = np.asarray(values, dtype=float)
    caught, errors = 0, []
    for back in range(_BACK_TESTS):
        end = len(values) - n_ahead - back * max(1, n_ahead // 2)
        line = project(values[: max(end, 0)], n_ahead, grain)
        if line is None:
            break
        came = values[end : end + n_ahead]
        came = float(came.sum() if of_total else came[-1])
        said = (line.totals, line.totals_low, line.totals_high) if of_total else (line.points, line.low, line.high)
        middle, low, high = (float(each[-1]) for each in said)
        caught += low <= came <= high
        errors.append(abs(middle - came) / abs(came) if came else np.nan)
    known = [error for error in errors if not np.isnan(error)]
    return BackTest(len(errors), int(caught), float(np.median(known)) if known else float("nan"))


def _design(start: int, end: int, n: int, grain: str) -> np.ndarray:
    """One row per point: 1, time (scaled by the length of the past), and weekday (or hour) effects that sum to zero."""
    step = np.arange(start, end)
    columns = [np.ones(len(step)), step / n]
    season = {"day": 7, "hour": 24}.get(grain)
    if season:
        place = step % season
        columns += [(place == one).astype(float) - (place == season - 1) for one in range(season - 1)]
    return np.column_stack(columns)


def _quadratic(rows: np.ndarray, inverse: np.ndarray) -> np.ndarray:
    return np.einsum("ij,jk,ik->i", rows, inverse, rows)


def _alike(residual: np.ndarray, n_ahead: int) -> float:
    """Factor by which the variance of a sum grows when neighbouring errors are alike."""
    spread = float(residual @ residual)
    if n_ahead < 2 or spread == 0:
        return 1.0
    rho = min(max(float(residual[1:] @ residual[:-1]) / spread, 0.0), 0.8)
    return (1 + rho) / (1 - rho)
