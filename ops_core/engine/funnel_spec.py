"""What a funnel asks, as data: steps, exclusions and the rules of an attempt, checked when built.

The definitions are those of the product's funnel (docs: definitions, "Funnel"). Instants are UTC microseconds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from numbers import Real

from ops_core.errors import QueryError
from ops_core.model.filters import Filter, filters_of
from ops_core.model.segment import Segment

ORDERS = ("ordered", "strict", "unordered")
ON_EXCLUSION = ("cut", "drop")
REENTRIES = ("deepest", "first_entry", "every_attempt")
NATURAL_DAY = "natural_day"
MIN_STEPS, MAX_STEPS = 2, 10
MICROSECONDS = 1_000_000

Events = str | tuple[str, ...] | None


@dataclass(frozen=True)
class Step:
    """One step: an event name, several names, or `None` for any event, narrowed by filters.

    An optional step may be left out on the way to later steps.
    """

    event: Events
    filters: tuple[Filter, ...] = ()
    optional: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "event", _events(self.event))
        object.__setattr__(self, "filters", filters_of(self.filters))

    @property
    def events(self) -> tuple[str, ...] | None:
        """The names, `None` for any event."""
        return (self.event,) if isinstance(self.event, str) else self.event

    @property
    def name(self) -> str:
        """The step in one word: its events, joined by `+`; `*` for any event."""
        return "*" if self.events is None else "+".join(self.events)


@dataclass(frozen=True)
class Exclusion:
    """An event that must not lie strictly between two steps (counted from 1)."""

    event: Events
    from_step: int
    to_step: int
    filters: tuple[Filter, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "event", _events(self.event))
        object.__setattr__(self, "filters", filters_of(self.filters))

    @property
    def events(self) -> tuple[str, ...] | None:
        """The names, `None` for any event."""
        return (self.event,) if isinstance(self.event, str) else self.event


@dataclass(frozen=True)
class FunnelSpec:
    """A funnel as the engine takes it.

    Attempts start in `[start_us, end_us)`; `window_us` is `None` for the natural day. `as_of_us` parts mature attempts
    (whose window ends by then) from immature ones; `None` takes all for mature. `quick` counts an immature attempt
    that has already converted.
    """

    steps: tuple[Step, ...]
    start_us: int
    end_us: int
    window_us: int | None
    order: str = "ordered"
    clip: bool = False
    exclusions: tuple[Exclusion, ...] = ()
    on_exclusion: str = "cut"
    hold_constant: str | None = None
    segment: Segment | None = None
    filters: tuple[Filter, ...] = ()
    reentry: str = "deepest"
    as_of_us: int | None = None
    quick: bool = False


def as_steps(steps: Iterable[Step | Events]) -> tuple[Step, ...]:
    """Steps from steps, names or tuples of names.

    Raises:
        QueryError: a step without an event, or something that is no list of steps.
    """
    if isinstance(steps, (str, Step)):
        steps = (steps,)
    if not isinstance(steps, Iterable):
        raise QueryError("funnel_steps", found=0, least=MIN_STEPS, most=MAX_STEPS)
    return tuple(step if isinstance(step, Step) else Step(step) for step in steps)


def as_exclusions(exclusions: Iterable[Exclusion] | Exclusion) -> tuple[Exclusion, ...]:
    """Exclusions as a tuple; a single one is taken as given alone.

    Raises:
        QueryError: something that is no exclusion.
    """
    found = tuple(exclusions) if isinstance(exclusions, Iterable) else (exclusions,)
    for one in found:
        if not isinstance(one, Exclusion):
            raise QueryError("funnel_exclusion_kind", value=one)
    return found


def is_duration(seconds: object) -> bool:
    """Whether something is a number of seconds that a window can last."""
    return isinstance(seconds, Real) and not isinstance(seconds, bool) and 0 < seconds < math.inf


def window_us(window_seconds: float | str) -> int | None:
    """The window in microseconds, `None` for `natural_day`.

    Raises:
        QueryError: not a positive number of seconds, nor `natural_day`.
    """
    if window_seconds == NATURAL_DAY:
        return None
    if not is_duration(window_seconds):
        raise QueryError("funnel_window", value=window_seconds)
    return max(1, min(round(window_seconds * MICROSECONDS), 1 << 61))


def check_steps(steps: tuple[Step, ...], order: str) -> None:
    """Refuse step lists that are no funnel.

    Raises:
        QueryError: fewer than 2 or more than 10 steps, an optional first step, optional steps without an order.
    """
    if not MIN_STEPS <= len(steps) <= MAX_STEPS:
        raise QueryError("funnel_steps", found=len(steps), least=MIN_STEPS, most=MAX_STEPS)
    _one_of("order", order, ORDERS)
    if steps[0].optional:
        raise QueryError("funnel_first_optional", name=steps[0].name)
    if order == "unordered" and any(step.optional for step in steps):
        raise QueryError("funnel_optional_unordered")


def check_exclusions(exclusions: tuple[Exclusion, ...], n_steps: int, order: str, on_exclusion: str) -> None:
    """Refuse exclusions that lie outside the steps.

    Raises:
        QueryError: steps that do not exist or are not in order, or a part of a funnel that has no order.
    """
    _one_of("on_exclusion", on_exclusion, ON_EXCLUSION)
    for one in exclusions:
        are_numbers = isinstance(one.from_step, int) and isinstance(one.to_step, int)
        if not are_numbers or not 1 <= one.from_step < one.to_step <= n_steps:
            raise QueryError("funnel_exclusion", from_step=one.from_step, to_step=one.to_step, n_steps=n_steps)
        if order == "unordered" and (one.from_step, one.to_step) != (1, n_steps):
            raise QueryError("funnel_exclusion_unordered", n_steps=n_steps)


def check_reentry(reentry: str) -> None:
    """Refuse an unknown way of counting attempts.

    Raises:
        QueryError: none of the known ways.
    """
    _one_of("reentry", reentry, REENTRIES)


def _one_of(option: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise QueryError("funnel_option", option=option, value=value, allowed=list(allowed))


def _events(event: object) -> Events:
    if event is None or isinstance(event, str):
        return event
    names = tuple(str(name) for name in event) if isinstance(event, Iterable) else ()
    if not names:
        raise QueryError("funnel_empty_step")
    return names[0] if len(names) == 1 else names
