"""Maximum likelihood over positive parameters: several starts, analytic gradient, and an honest word on how it went."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_BOUND = 12.0  # of the logarithms: a parameter that runs there is not told by the data
_FLAT = 1e-4  # slope of the mean log-likelihood at which it counts as maximal
_MOST_STEPS = 200


@dataclass(frozen=True)
class Likeliest:
    """Parameters at the maximum, the mean log-likelihood there, and which of them ran to the end of their range."""

    parameters: tuple[float, ...]
    log_likelihood: float
    converged: bool
    at_bound: tuple[bool, ...]


def likeliest(negative: Callable[[Floats], tuple[float, Floats]], starts: Sequence[tuple[float, ...]]) -> Likeliest:
    """The maximum of a likelihood, given as mean negative logarithm and gradient in the parameters' logarithms.

    The first start that settles inside the bounds is taken; later ones are only tried when it does not.
    """
    from scipy.optimize import minimize  # noqa: PLC0415

    attempts = []
    for start in starts:
        attempts.append(
            minimize(
                negative, np.log(start), jac=True, method="L-BFGS-B", bounds=[(-_BOUND, _BOUND)] * len(start),
                options={"maxiter": _MOST_STEPS, "ftol": 1e-13, "gtol": 1e-8},
            )
        )  # fmt: skip
        if _is_flat(attempts[-1]) and not _at_bound(attempts[-1]).any():
            break
    best = min(attempts, key=lambda attempt: attempt.fun)
    return Likeliest(
        tuple(float(value) for value in np.exp(best.x)),
        -float(best.fun),
        bool(_is_flat(best)),
        tuple(bool(hit) for hit in _at_bound(best)),
    )


def _is_flat(attempt: object) -> bool:
    return bool(np.max(np.abs(attempt.jac)) < _FLAT)


def _at_bound(attempt: object) -> NDArray[np.bool_]:
    return np.abs(attempt.x) > _BOUND - 0.01
