"""Counted attempts in UTC, and how those of two passes are put together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ops_core.engine.funnel_kernel import ABSENT, Array
from ops_core.engine.step_layout import Layout

NEVER_US = np.iinfo(np.int64).min


@dataclass(frozen=True)
class Journeys:
    """Counted attempts: one per user, sorted by user (or one per attempt).

    `user_keys` int32; `depth` int8, the last step contained (1 = only the first); `at_us[k]` UTC µs of step k + 1,
    `NEVER_US` where the path does not contain it. In an unordered funnel step k means "k different steps covered".
    """

    user_keys: Array
    depth: Array
    at_us: Array

    def __len__(self) -> int:
        return len(self.user_keys)

    @property
    def reached(self) -> Array:
        """Whether each path contains each step, `[step, attempt]`."""
        return self.at_us != NEVER_US

    def take(self, kept: Array) -> Journeys:
        """Some of them."""
        return Journeys(self.user_keys[kept], self.depth[kept], self.at_us[:, kept])

    @classmethod
    def none(cls, n_steps: int) -> Journeys:
        """Nobody's."""
        return cls(np.empty(0, np.int32), np.empty(0, np.int8), np.empty((n_steps, 0), np.int64))

    @classmethod
    def joined(cls, parts: Sequence[Journeys]) -> Journeys:
        """Those of several parts, one after the other."""
        return cls(
            np.concatenate([part.user_keys for part in parts]),
            np.concatenate([part.depth for part in parts]),
            np.concatenate([part.at_us for part in parts], axis=1),
        )


def in_utc(layout: Layout, number: int, users: Array, at: Array, depth: Array | None = None) -> Journeys:
    """Attempts of a block's local users as journeys; `depth` where it is known already."""
    at_us = layout.times(at)
    at_us += layout.base_us
    at_us[at == ABSENT] = NEVER_US
    depth = _depth(at) if depth is None else depth
    return Journeys((users + (number << layout.block_bits)).astype(np.int32), depth, at_us)


def _depth(at: Array) -> Array:
    steps = np.arange(1, len(at) + 1, dtype=np.int8)[:, None]
    return np.where(at != ABSENT, steps, np.int8(0)).max(axis=0, initial=0).astype(np.int8)


def with_converted(
    counted: Journeys, immature: Journeys, n_steps: int, every_attempt: bool
) -> tuple[Journeys, Journeys]:
    """Quick view: users who have already converted count, although the window is still open.

    With `every_attempt` each attempt stands for itself, else a converted mature attempt of the user comes first.
    """
    done = immature.depth == n_steps
    if not every_attempt:
        done &= ~np.isin(immature.user_keys, counted.user_keys[counted.depth == n_steps])
    early = immature.take(done)
    if not every_attempt:
        counted = counted.take(~np.isin(counted.user_keys, early.user_keys))
    together = Journeys.joined([counted, early])
    return together.take(np.argsort(together.user_keys, kind="stable")), immature.take(~done)
