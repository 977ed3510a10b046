"""Which kind a file is of, by what its columns speak for: each kind has its rule, the surest rule comes first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from ops_core.errors import IntakeError
from ops_core.intake import looks
from ops_core.intake.meaning import KINDS, Role, refuse
from ops_core.intake.vocabulary import COUNTED, folded

_SURE, _WEAK = 0.5, 0.3
_Kind = tuple[str, float, str, dict[str, object]]


def _spend(candidates: Mapping[str, list[Role]]) -> _Kind | None:
    """A table of what channels cost on days: it names a channel and a cost, and nobody."""
    best = {name: next(iter(found), None) for name, found in candidates.items()}
    if any(best[role] is not None for role in ("user_id", "event", "order_id", "variant")):
        return None
    channel, cost, time = best["channel"], best["cost"], best["occurred_at"]
    if channel is None or cost is None or time is None:
        return None
    return "spend", 0.9, "kind_spend", {"channel": channel.column, "cost": cost.column, "time": time.column}


@dataclass(frozen=True)
class _Signs:
    """What the columns speak for: the surest column of each role, if one is sure enough."""

    user: Role | None
    event: Role | None
    time: Role | None
    variant: Role | None
    order: Role | None
    amount: Role | None
    signup: Role | None
    said: Role | None
    has_outcome: bool
    one_row_per_user: bool

    @property
    def strong_user(self) -> Role | None:
        """The user column, unless its name could mean anything."""
        return self.user if self.user is not None and self.user.confidence >= _SURE else None


def kind_of(candidates: Mapping[str, list[Role]], columns: Sequence[str], sample: pd.DataFrame) -> _Kind:
    """The kind that the columns speak for, with confidence (0–1), the code of the reason and its values.

    `candidates`: for each role the columns that may have it, surest first; a plain list's first column is added.

    Raises:
        IntakeError: a table that is counted already, or a kind that cannot be told.
    """
    return _spend(candidates) or _told_by(_signs(candidates, columns, sample), candidates, columns, sample)


def _signs(candidates: Mapping[str, list[Role]], columns: Sequence[str], sample: pd.DataFrame) -> _Signs:
    def sure(role: str, least: float = _SURE) -> Role | None:
        return next((one for one in candidates[role] if one.confidence >= least), None)

    user = sure("user_id", _WEAK)
    return _Signs(
        user=user,
        event=sure("event"),
        time=sure("occurred_at"),
        variant=sure("variant"),
        order=sure("order_id", 0.8),
        amount=sure("value") or (sure("quantity") and sure("unit_price")),
        signup=sure("signup_at"),
        said=sure("score") or sure("text"),
        has_outcome=_has_outcome(candidates, columns, sample),
        one_row_per_user=user is not None and looks.repeats(sample, user.index) < looks.FEW_REPEATS,
    )


def _told_by(
    signs: _Signs, candidates: Mapping[str, list[Role]], columns: Sequence[str], sample: pd.DataFrame
) -> _Kind:
    _refuse_counted(signs, columns)
    found = (
        _actions(signs)
        or _test(signs)
        or _voice(signs)
        or _payments(signs)
        or _people(signs)
        or _list(signs, candidates, sample)
    )
    if found is None:
        _refuse_missing(signs, columns)
    return found


def _actions(signs: _Signs) -> _Kind | None:
    user, event, time = signs.strong_user, signs.event, signs.time
    if user is None or event is None or time is None:
        return None
    return "events", 0.95, "kind_events", {"user": user.column, "event": event.column, "time": time.column}


def _test(signs: _Signs) -> _Kind | None:
    if signs.variant is None or signs.order is not None or not (signs.user or signs.has_outcome):
        return None
    if signs.has_outcome:
        return "units", 0.9, "kind_units", {"variant": signs.variant.column}
    return "assignments", 0.85, "kind_assignments", {"variant": signs.variant.column}


def _voice(signs: _Signs) -> _Kind | None:
    """What users said: a score or a text of a person at a time, and no money in it."""
    if signs.said is None or signs.user is None or signs.time is None or signs.event or signs.amount:
        return None
    return "feedback", 0.85, "kind_feedback", {"said": signs.said.column, "user": signs.user.column}


def _payments(signs: _Signs) -> _Kind | None:
    user, time = signs.strong_user, signs.time
    if signs.event is not None:
        return None
    if signs.order is not None and (signs.amount or (time and user)):
        return "orders", 0.9, "kind_orders", {"order": signs.order.column}
    if user and time and signs.amount and not (signs.signup and signs.one_row_per_user):
        return "orders", 0.7, "kind_payments", {"user": user.column, "time": time.column}
    return None


def _people(signs: _Signs) -> _Kind | None:
    if signs.user is None or (signs.event and signs.time and not signs.signup):
        return None
    if signs.event and signs.event.reason == "name" and not signs.signup:
        return None  # actions without a time, not people
    if signs.signup or not signs.time or signs.one_row_per_user:
        sure = 0.8 if signs.signup or not signs.time else 0.5
        return "users", sure, "kind_users", {"user": signs.user.column}
    return None


def _list(signs: _Signs, candidates: Mapping[str, list[Role]], sample: pd.DataFrame) -> _Kind | None:
    """A plain list: names say nothing, but the first column tells its rows apart."""
    told_apart = not sample.empty and looks.repeats(sample, 0) == 0 and len(looks.present(sample.iloc[:, 0]))
    if signs.time or signs.event or signs.amount or signs.user or signs.order or not told_apart:
        return None  # order lines without a customer are no list of people, even where an index column counts them
    name = str(sample.columns[0])
    candidates["user_id"].append(Role("user_id", name, 0, 0.3, "tells_apart", {"name": name}))
    return "users", 0.3, "kind_list", {"user": name}


def _refuse_counted(signs: _Signs, columns: Sequence[str]) -> None:
    if signs.strong_user is not None or signs.time is None or signs.event is not None:
        return
    counted = counted_columns(columns)
    if len(counted) >= 2:
        raise IntakeError("already_counted", time=signs.time.column, columns=counted[:6])


def counted_columns(columns: Sequence[str]) -> list[str]:
    """Columns whose names say that they count: clicks, visits, n_orders."""
    return [name for name in columns if _counts(folded(name))]


def _counts(name: str) -> bool:
    shorter = name.removeprefix("n").removeprefix("of").removeprefix("website").removesuffix("数").removesuffix("量")
    return name in COUNTED or shorter in COUNTED or shorter + "s" in COUNTED


def _refuse_missing(signs: _Signs, columns: Sequence[str]) -> None:
    if signs.user is None and signs.time is not None:
        refuse("events", "user_id", columns)
    if signs.user is not None and signs.time is not None:
        refuse("events", "event", columns)
    if signs.user is not None and signs.event is not None:
        refuse("events", "occurred_at", columns)
    raise IntakeError("kind_unclear", columns=[name.strip() for name in columns[:12]], allowed=list(KINDS))


def _has_outcome(candidates: Mapping[str, list[Role]], columns: Sequence[str], sample: pd.DataFrame) -> bool:
    used = {
        one.index
        for role in ("user_id", "variant", "occurred_at", "experiment")
        for one in candidates[role][:1]
        if one.confidence >= 0.3
    }
    return any(index not in used and looks.is_outcome(sample.iloc[:, index]) for index in range(len(columns)))
