"""Conditions on properties, as data: comparable, storable, never pasted into SQL."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ops_core.errors import QueryError

OPS = ("eq", "ne", "in", "contains", "lt", "lte", "gt", "gte", "is_null")
_USER_PREFIX = "user."


@dataclass(frozen=True)
class Filter:
    """One condition. `prop` is an event property, or `user.<name>` for a user property.

    A missing value passes only `is_null` and `ne`. `is_null` takes `True` (default) or `False`; `in` takes several
    values; `contains` looks for a piece of text, case ignored.

    Raises:
        QueryError: an unknown operator, or a value that does not go with it.
    """

    prop: str
    op: str
    value: object = None

    def __post_init__(self) -> None:
        if not isinstance(self.prop, str):
            raise QueryError("not_a_filter", value=str(self.prop))
        if self.op not in OPS:
            raise QueryError("unknown_filter_op", op=self.op, allowed=list(OPS))
        if self.op == "in":
            if isinstance(self.value, (str, bytes)) or not hasattr(self.value, "__iter__"):
                raise QueryError("filter_needs_list", prop=self.prop)
            object.__setattr__(self, "value", tuple(self.value))
        elif self.op == "is_null":
            object.__setattr__(self, "value", True if self.value is None else bool(self.value))
        elif self.value is None:
            raise QueryError("filter_needs_value", prop=self.prop, op=self.op)

    @property
    def is_user_level(self) -> bool:
        """Whether the condition is on the user, not on the event."""
        return self.prop.startswith(_USER_PREFIX)

    @property
    def name(self) -> str:
        """The property's own name, without the `user.` prefix."""
        return self.prop.removeprefix(_USER_PREFIX)


def filters_of(value: object) -> tuple[Filter, ...]:
    """Conditions as a tuple; a single one is taken as given alone.

    Raises:
        QueryError: something that is no condition.
    """
    if isinstance(value, Filter):
        return (value,)
    found = tuple(value) if isinstance(value, Iterable) else (value,)
    for condition in found:
        if not isinstance(condition, Filter):
            raise QueryError("not_a_filter", value=str(condition))
    return found
