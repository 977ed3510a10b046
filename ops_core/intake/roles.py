"""What a file is (kind) and what its columns mean (roles), guessed from names and values, with reasons.

Kinds: `events` (one row per action), `orders` (order lines or payments), `users` (one row per user), `units` (finished
A/B test: one row per user with a variant and outcomes), `assignments` (who was put into which arm, outcomes elsewhere),
`spend` (what a channel cost on a day), `feedback` (what users said: a score, a text).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import pandas as pd

from ops_core.errors import IntakeError, nearest
from ops_core.intake import looks
from ops_core.intake.vocabulary import COUNTED, EXACT, PART, WEAK_EVENT, WEAK_USER, folded

KINDS = ("events", "users", "orders", "units", "assignments", "spend", "feedback")
ROLES: dict[str, tuple[str, ...]] = {
    "events": ("user_id", "event", "occurred_at", "value", "event_id"),
    "users": ("user_id", "signup_at"),
    "orders": ("user_id", "occurred_at", "order_id", "value", "quantity", "unit_price", "event_id"),
    "units": ("user_id", "variant"),
    "assignments": ("user_id", "variant", "experiment", "occurred_at"),
    "spend": ("occurred_at", "channel", "value"),
    "feedback": ("user_id", "occurred_at", "score", "text", "channel"),
}
REQUIRED: dict[str, tuple[str, ...]] = {
    "events": ("user_id", "event", "occurred_at"),
    "users": ("user_id",),
    "orders": ("user_id", "occurred_at"),
    "units": (),
    "assignments": ("user_id", "variant"),
    "spend": ("occurred_at", "value"),
    "feedback": ("user_id", "occurred_at"),
}
# Other names people write in a mapping.
_ALIASES = {
    "time": "occurred_at", "timestamp": "occurred_at", "user": "user_id", "amount": "value", "group": "variant",
    "arm": "variant", "price": "unit_price", "order": "order_id", "assigned_at": "occurred_at", "name": "event",
    "date": "occurred_at", "day": "occurred_at", "spend": "value", "cost": "value",
}  # fmt: skip
_CONSTANT = "="
_SURE, _WEAK = 0.5, 0.3


@dataclass(frozen=True)
class Role:
    """One column's meaning. `reason` is a code with values: `load.because_<code>`; confidence is a share 0–1.

    `index` is the column's position; `None` with a `constant` when the mapping gave a fixed text (`"=purchase"`).
    """

    role: str
    column: str
    index: int | None
    confidence: float
    reason: str
    values: Mapping[str, object] = field(default_factory=dict)
    constant: str | None = None


@dataclass(frozen=True)
class Guess:
    """Kind and roles of a table; columns without a role become properties."""

    kind: str
    roles: tuple[Role, ...]
    columns: tuple[str, ...]
    confidence: float
    reason: str
    values: Mapping[str, object] = field(default_factory=dict)

    def role(self, name: str) -> Role | None:
        """The column of a role, or `None`."""
        return next((role for role in self.roles if role.role == name), None)

    @property
    def mapping(self) -> dict[str, str]:
        """Role → column, as `Workspace.load(mapping=…)` takes it."""
        return {role.role: role.column if role.constant is None else _CONSTANT + role.constant for role in self.roles}

    @property
    def properties(self) -> tuple[int, ...]:
        """Positions of the columns without a role."""
        taken = {role.index for role in self.roles}
        return tuple(index for index in range(len(self.columns)) if index not in taken)


def guess(
    columns: Sequence[str], sample: pd.DataFrame, kind: str = "auto", mapping: Mapping[str, str | None] | None = None
) -> Guess:
    """Kind and roles of a table from its column names and a sample of its rows (text cells).

    What the mapping says (role → column; `"=text"` for a constant; `None` for "no column") is taken as said.

    Raises:
        IntakeError: an unknown kind, role or column; a table that is counted already; a kind that cannot be told; a
            role that the kind needs and no column can take.
    """
    if kind not in (*KINDS, "auto"):
        raise IntakeError("unknown_kind", kind=kind, allowed=list(KINDS))
    said = _said(columns, mapping or {})
    candidates = _candidates(columns, sample, said)
    chosen, confidence, reason, values = (
        (kind, 1.0, "told", {}) if kind != "auto" else _spend(candidates) or _kind(candidates, columns, sample)
    )
    if chosen == "spend" and "value" not in said:
        # What a cost is called would be no amount of an event: such names count in a spend file only.
        candidates["value"] = [replace(one, role="value") for one in candidates["cost"]] + candidates["value"]
    roles = _assign(chosen, candidates, said)
    for needed in REQUIRED[chosen]:
        if not any(role.role == needed for role in roles):
            _refuse(chosen, needed, columns)
    return Guess(chosen, tuple(roles), tuple(columns), confidence, reason, values)


def _said(columns: Sequence[str], mapping: Mapping[str, str | None]) -> dict[str, Role | None]:
    known = {role for roles in ROLES.values() for role in roles}
    by_name = {name.strip(): index for index, name in reversed(list(enumerate(columns)))}
    said: dict[str, Role | None] = {}
    for given, column in mapping.items():
        role = _ALIASES.get(given, given)
        if role not in known:
            raise IntakeError("unknown_role", role=given, allowed=sorted(known))
        if column is None:
            said[role] = None
        elif column.startswith(_CONSTANT) and column not in by_name:
            said[role] = Role(role, column, None, 1.0, "told", {}, column.removeprefix(_CONSTANT))
        elif column.strip() in by_name:
            said[role] = Role(role, column.strip(), by_name[column.strip()], 1.0, "told")
        else:
            names = list(by_name)
            raise IntakeError("unknown_column", column=column, role=given, nearest=nearest(column, names) or names[:12])
    return said


def _candidates(columns: Sequence[str], sample: pd.DataFrame, said: Mapping[str, Role | None]) -> dict[str, list[Role]]:
    """For each role the columns that could take it, best first; what was said stands alone."""
    taken = {role.index for role in said.values() if role is not None}
    found: dict[str, list[Role]] = {}
    for role in EXACT:
        if role in said:
            found[role] = [said[role]] if said[role] is not None else []
            continue
        ranked = []
        for index, name in enumerate(columns):
            if index in taken:
                continue
            rated = _rated(role, folded(name))
            if rated is not None and looks.fits(role, sample.iloc[:, index], named=rated[1] == "name"):
                ranked.append((rated[0], index, Role(role, name, index, rated[0], rated[1], {"name": name})))
        found[role] = [role for _, _, role in sorted(ranked, key=lambda one: (-one[0], one[1]))]
    return found


def _rated(role: str, name: str) -> tuple[float, str] | None:
    """How sure a folded name is of a role, and why."""
    if name in EXACT[role]:
        # Earlier words are the more usual ones: 实付 goes before 总金额 for what was paid.
        return 0.97 - 0.1 * EXACT[role].index(name) / len(EXACT[role]), "name"
    for position, part in enumerate(PART.get(role, ())):
        if part in name:
            return 0.7 - 0.02 * position, "part_of_name"
    weak = {"user_id": WEAK_USER, "event": WEAK_EVENT}.get(role, ())
    if name in weak:
        return 0.4 - 0.004 * weak.index(name), "weak_name"
    return None


def _spend(candidates: Mapping[str, list[Role]]) -> tuple[str, float, str, dict[str, object]] | None:
    """A table of what channels cost on days: it names a channel and a cost, and nobody."""
    best = {name: next(iter(found), None) for name, found in candidates.items()}
    if any(best[role] is not None for role in ("user_id", "event", "order_id", "variant")):
        return None
    channel, cost, time = best["channel"], best["cost"], best["occurred_at"]
    if channel is None or cost is None or time is None:
        return None
    return "spend", 0.9, "kind_spend", {"channel": channel.column, "cost": cost.column, "time": time.column}


_Kind = tuple[str, float, str, dict[str, object]]


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


def _kind(candidates: Mapping[str, list[Role]], columns: Sequence[str], sample: pd.DataFrame) -> _Kind:
    """The kind that the columns speak for, with confidence and reason."""

    def sure(role: str, least: float = _SURE) -> Role | None:
        return next((one for one in candidates[role] if one.confidence >= least), None)

    user = sure("user_id", _WEAK)
    signs = _Signs(
        user=user,
        event=sure("event"),
        time=sure("occurred_at"),
        variant=sure("variant"),
        order=sure("order_id", 0.8),
        amount=sure("value") or (sure("quantity") and sure("unit_price")),
        signup=sure("signup_at"),
        said=sure("score") or sure("text"),
        has_outcome=_has_outcome(candidates, columns, sample),
        one_row_per_user=user is not None and looks.repeats(sample, user.index) < 0.02,
    )
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
        _refuse("events", "user_id", columns)
    if signs.user is not None and signs.time is not None:
        _refuse("events", "event", columns)
    if signs.user is not None and signs.event is not None:
        _refuse("events", "occurred_at", columns)
    raise IntakeError("kind_unclear", columns=[name.strip() for name in columns[:12]], allowed=list(KINDS))


def _has_outcome(candidates: Mapping[str, list[Role]], columns: Sequence[str], sample: pd.DataFrame) -> bool:
    used = {
        one.index
        for role in ("user_id", "variant", "occurred_at", "experiment")
        for one in candidates[role][:1]
        if one.confidence >= 0.3
    }
    return any(index not in used and looks.is_outcome(sample.iloc[:, index]) for index in range(len(columns)))


def _assign(kind: str, candidates: Mapping[str, list[Role]], said: Mapping[str, Role | None]) -> list[Role]:
    """Roles of the kind, each column once: what was said first, then the surest."""
    wanted = ROLES[kind]
    roles = [role for name, role in said.items() if role is not None and name in wanted]
    open_roles = [name for name in wanted if name not in said]
    ranked = sorted((one for name in open_roles for one in candidates[name]), key=lambda one: -one.confidence)
    # In a users file the sign-up time is the time; a weak name is taken for the user only.
    for one in ranked:
        free = all(one.index != role.index and one.role != role.role for role in roles)
        if free and (one.confidence >= 0.5 or one.role == "user_id"):
            roles.append(one)
    if kind == "orders" and _has(roles, "quantity") and _has(roles, "unit_price"):
        weaker = next((role for role in roles if role.role == "value"), None)
        if weaker is not None and "value" not in said:
            roles.remove(weaker)
    elif kind == "orders" and not _has(roles, "value") and _has(roles, "unit_price") and "value" not in said:
        price = next(role for role in roles if role.role == "unit_price")
        roles.remove(price)
        roles.append(Role("value", price.column, price.index, price.confidence, price.reason, price.values))
    return sorted(roles, key=lambda role: wanted.index(role.role))


def _has(roles: Sequence[Role], name: str) -> bool:
    return any(role.role == name for role in roles)


def _refuse(kind: str, role: str, columns: Sequence[str]) -> None:
    code = {
        "user_id": "no_user_column",
        "occurred_at": "no_time_column",
        "event": "no_event_column",
        "value": "no_cost_column",
    }.get(role, "no_arm_column")
    raise IntakeError(code, kind=kind, columns=[name.strip() for name in columns[:12]])
