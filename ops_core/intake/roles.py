"""What a file is (kind) and what its columns mean (roles), guessed from names and values, with reasons.

Kinds: `events` (one row per action), `orders` (order lines or payments), `users` (one row per user), `units` (finished
A/B test: one row per user with a variant and outcomes), `assignments` (who was put into which arm, outcomes elsewhere),
`spend` (what a channel cost on a day).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import pandas as pd

from ops_core.errors import IntakeError, nearest
from ops_core.intake import looks
from ops_core.intake.vocabulary import COUNTED, EXACT, PART, WEAK_EVENT, WEAK_USER, folded

KINDS = ("events", "users", "orders", "units", "assignments", "spend")
ROLES: dict[str, tuple[str, ...]] = {
    "events": ("user_id", "event", "occurred_at", "value", "event_id"),
    "users": ("user_id", "signup_at"),
    "orders": ("user_id", "occurred_at", "order_id", "value", "quantity", "unit_price", "event_id"),
    "units": ("user_id", "variant"),
    "assignments": ("user_id", "variant", "experiment", "occurred_at"),
    "spend": ("occurred_at", "channel", "value"),
}
REQUIRED: dict[str, tuple[str, ...]] = {
    "events": ("user_id", "event", "occurred_at"),
    "users": ("user_id",),
    "orders": ("user_id", "occurred_at"),
    "units": (),
    "assignments": ("user_id", "variant"),
    "spend": ("occurred_at", "value"),
}
# Other names people write in a mapping.
_ALIASES = {
    "time": "occurred_at", "timestamp": "occurred_at", "user": "user_id", "amount": "value", "group": "variant",
    "arm": "variant", "price": "unit_price", "order": "order_id", "assigned_at": "occurred_at", "name": "event",
    "date": "occurred_at", "day": "occurred_at", "spend": "value", "cost": "value",
}  # fmt: skip
_CONSTANT = "="


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
            if rated is not None and looks.fits(role, sample.iloc[:, index]):
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
        return 0.4 - 0.02 * weak.index(name), "weak_name"
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


def _kind(
    candidates: Mapping[str, list[Role]], columns: Sequence[str], sample: pd.DataFrame
) -> tuple[str, float, str, dict[str, object]]:
    """The kind that the columns speak for, with confidence and reason."""

    def sure(role: str, least: float = 0.5) -> Role | None:
        return next((one for one in candidates[role] if one.confidence >= least), None)

    user, event, time = sure("user_id", 0.3), sure("event"), sure("occurred_at")
    variant, order = sure("variant"), sure("order_id", 0.8)
    amount = sure("value") or (sure("quantity") and sure("unit_price"))
    signup, strong_user = sure("signup_at"), sure("user_id")
    if user is None or not strong_user:
        counted = [name for name in columns if folded(name) in COUNTED or folded(name).removeprefix("n") in COUNTED]
        if time is not None and len(counted) >= 2 and event is None:
            raise IntakeError("already_counted", time=time.column, columns=counted[:6])
    if strong_user and event and time:
        return "events", 0.95, "kind_events", {"user": strong_user.column, "event": event.column, "time": time.column}
    if variant and not order and (user or _has_outcome(candidates, columns, sample)):
        if _has_outcome(candidates, columns, sample):
            return "units", 0.9, "kind_units", {"variant": variant.column}
        return "assignments", 0.85, "kind_assignments", {"variant": variant.column}
    if order and not event and (amount or (time and strong_user)):
        return "orders", 0.9, "kind_orders", {"order": order.column}
    if (
        strong_user
        and time
        and amount
        and not event
        and not (signup and looks.repeats(sample, strong_user.index) < 0.02)
    ):
        return "orders", 0.7, "kind_payments", {"user": strong_user.column, "time": time.column}
    if event and time and not (user and signup):
        _refuse("events", "user_id", columns)
    if user and (signup or not time or looks.repeats(sample, user.index) < 0.02):
        return "users", 0.8 if signup or not time else 0.5, "kind_users", {"user": user.column}
    if user and time:
        _refuse("events", "event", columns)
    if event and user:
        _refuse("events", "occurred_at", columns)
    return _refuse_all(columns)


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


def _refuse_all(columns: Sequence[str]) -> tuple[str, float, str, dict[str, object]]:
    raise IntakeError("kind_unclear", columns=[name.strip() for name in columns[:12]], allowed=list(KINDS))
