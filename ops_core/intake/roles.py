"""What a file is (kind) and what its columns mean (roles), guessed from names and values, with reasons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd

from ops_core.errors import IntakeError, nearest
from ops_core.intake import looks
from ops_core.intake.kinds import kind_of
from ops_core.intake.meaning import CONSTANT, KINDS, REQUIRED, ROLES, Guess, Role, refuse
from ops_core.intake.vocabulary import EXACT, PART, WEAK_EVENT, WEAK_USER, folded

# Other names people write in a mapping.
_ALIASES = {
    "time": "occurred_at", "timestamp": "occurred_at", "user": "user_id", "amount": "value", "group": "variant",
    "arm": "variant", "price": "unit_price", "order": "order_id", "assigned_at": "occurred_at", "name": "event",
    "date": "occurred_at", "day": "occurred_at", "spend": "value", "cost": "value",
}  # fmt: skip


def roles_of(kind: str, columns: Sequence[str], sample: pd.DataFrame) -> tuple[Role, ...]:
    """The roles of a kind as far as columns of a table can take them, needed ones may be missing."""
    return tuple(_assign(kind, _of_kind(kind, _candidates(columns, sample, {}), {}), {}))


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
        (kind, 1.0, "told", {}) if kind != "auto" else kind_of(candidates, columns, sample)
    )
    roles = _assign(chosen, _of_kind(chosen, candidates, said), said)
    for needed in REQUIRED[chosen]:
        if not any(role.role == needed for role in roles):
            refuse(chosen, needed, columns)
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
        elif column.startswith(CONSTANT) and column not in by_name:
            said[role] = Role(role, column, None, 1.0, "told", {}, column.removeprefix(CONSTANT))
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
    if "occurred_at" not in said and not found["occurred_at"]:
        found["occurred_at"] = _times_by_look(columns, sample, found)
    return found


def _of_kind(
    kind: str, candidates: Mapping[str, list[Role]], said: Mapping[str, Role | None]
) -> Mapping[str, list[Role]]:
    """Candidates in a file of this kind: what a cost is called is an amount in a spend file, and nowhere else."""
    if kind != "spend" or "value" in said:
        return candidates
    costs = [replace(one, role="value") for one in candidates["cost"]]
    return {**candidates, "value": costs + candidates["value"]}


def _times_by_look(columns: Sequence[str], sample: pd.DataFrame, candidates: Mapping[str, list[Role]]) -> list[Role]:
    """Columns of dates whose names say nothing, where users repeat: a list of people would have a birthday there."""
    user = next(iter(candidates["user_id"]), None)
    if user is None or looks.repeats(sample, user.index) < looks.FEW_REPEATS:
        return []
    taken = {one.index for one in candidates["signup_at"]}
    found = [index for index in range(len(columns)) if index not in taken and looks.is_time(sample.iloc[:, index])]
    found.sort(key=lambda index: not looks.has_clock(sample.iloc[:, index]))
    return [Role("occurred_at", columns[index], index, 0.5, "looks_like_time") for index in found]


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
