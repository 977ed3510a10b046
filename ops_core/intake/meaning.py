"""The words of a table's meaning: the kinds of files, the roles of their columns, and a guess of both.

Kinds: `events` (one row per action), `orders` (order lines or payments), `users` (one row per user), `units` (finished
A/B test: one row per user with a variant and outcomes), `assignments` (who was put into which arm, outcomes elsewhere),
`spend` (what a channel cost on a day), `feedback` (what users said: a score, a text).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ops_core.errors import IntakeError

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
CONSTANT = "="


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
        return {role.role: role.column if role.constant is None else CONSTANT + role.constant for role in self.roles}

    @property
    def properties(self) -> tuple[int, ...]:
        """Positions of the columns without a role."""
        taken = {role.index for role in self.roles}
        return tuple(index for index in range(len(self.columns)) if index not in taken)


def refuse(kind: str, role: str, columns: Sequence[str]) -> None:
    """Say which column a kind lacks.

    Raises:
        IntakeError: always.
    """
    code = {
        "user_id": "no_user_column",
        "occurred_at": "no_time_column",
        "event": "no_event_column",
        "value": "no_cost_column",
    }.get(role, "no_arm_column")
    raise IntakeError(code, kind=kind, columns=[name.strip() for name in columns[:12]])
