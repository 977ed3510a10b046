"""What each kind needs of its columns: fields with wanted types and what happens where a cell is missing or unread."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import pandas as pd

from ops_core.intake import evidence
from ops_core.intake.meaning import Guess
from ops_core.intake.proof import PROPERTY_PREFIX, Field

_RESERVED = {"value", "event", "user_id", "occurred_at", "event_id"}
# role → (wanted type, code if missing, code if unread)
_RULES: dict[str, dict[str, tuple[str, str | None, str | None]]] = {
    "events": {
        "user_id": ("text", "user_missing", None),
        "event": ("text", "event_missing", None),
        "occurred_at": ("time", "time_missing", "time_unread"),
        "value": ("amount", None, "value_unread"),
        "event_id": ("text", None, None),
    },
    "orders": {
        "user_id": ("text", "user_missing", None),
        "occurred_at": ("time", "time_missing", "time_unread"),
        "order_id": ("text", None, None),
        "value": ("amount", None, "value_unread"),
        "quantity": ("amount", None, "quantity_unread"),
        "unit_price": ("amount", None, "price_unread"),
        "event_id": ("text", None, None),
    },
    "users": {"user_id": ("text", "user_missing", None), "signup_at": ("time", None, None)},
    "assignments": {
        "user_id": ("text", "user_missing", None),
        "variant": ("text", "variant_missing", None),
        "experiment": ("text", None, None),
        "occurred_at": ("time", None, "time_unread"),
    },
    "units": {"user_id": ("text", None, None), "variant": ("text", None, None)},
    "spend": {
        "occurred_at": ("time", "time_missing", "time_unread"),
        "channel": ("text", None, None),
        "value": ("amount", "cost_missing", "value_unread"),
    },
    "feedback": {
        "user_id": ("text", "user_missing", None),
        "occurred_at": ("time", "time_missing", "time_unread"),
    },
}
# What was said is kept as properties of an event, under names of our own, whatever the columns are called.
FEEDBACK_EVENT = "feedback"
_SAID = {"score": "number", "text": "text", "channel": "text"}


def wanted_fields(guess: Guess, sample: pd.DataFrame, decimal: str | None = None) -> list[Field]:
    """All fields of a table; numbers are read with a decimal `point` or `comma` where that was said."""
    found = [*role_fields(guess), *property_fields(guess, sample)]
    if decimal is None:
        return found
    return [
        replace(one, wanted=f"{one.wanted}_{decimal}") if one.wanted in ("amount", "number") else one for one in found
    ]


def role_fields(guess: Guess) -> list[Field]:
    """Fields of the roles."""
    rules = _RULES[guess.kind]
    found = [
        Field(role.role, role.index, role.column, *rules[role.role], constant=role.constant)
        for role in guess.roles
        if role.role in rules
    ]
    if guess.kind != "feedback":
        return found
    said = [role for role in guess.roles if role.role in _SAID and role.index is not None]
    said_fields = [Field(f"{PROPERTY_PREFIX}{role.index}", role.index, role.role, _SAID[role.role]) for role in said]
    return [*found, Field("event", None, "event", "text", constant=FEEDBACK_EVENT), *said_fields]


def property_fields(guess: Guess, sample: pd.DataFrame) -> list[Field]:
    """Fields of the other columns, named f0, f1 …; their types as the sample suggests, to be proven."""
    return [
        Field(
            f"{PROPERTY_PREFIX}{index}", index, guess.columns[index].strip(), evidence.suspected(sample.iloc[:, index])
        )
        for index in guess.properties
    ]


def property_names(others: Sequence[Field], own: Collection[str] = ()) -> list[str]:
    """The names that properties go by: the columns', or with signs behind them where a name is taken.

    `own` are the names of properties that the kind itself makes. A column keeps its name where it can, wherever it
    stands: what `value` is called must not depend on whether `value_` is to its left.
    """
    refused = {*_RESERVED, *own}
    taken = {*refused, *(field.label for field in others)}
    names: list[str] = []
    for field in others:
        name = field.label
        if name in refused:
            while name in taken:
                name += "_"
        refused.add(name)
        taken.add(name)
        names.append(name)
    return names
