"""A named group of users, as a rule or as a frozen list."""

from __future__ import annotations

from dataclasses import dataclass

from ops_core.errors import QueryError
from ops_core.model.filters import Filter, filters_of


@dataclass(frozen=True)
class Segment:
    """Users that pass every filter and, when `user_ids` is given, are in that list.

    A rule is dynamic: it is evaluated anew with the data. A list is frozen: users who are not known stay out.

    Raises:
        QueryError: a filter that is not on a user property.
    """

    name: str
    filters: tuple[Filter, ...] = ()
    user_ids: frozenset[str] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "filters", filters_of(self.filters))
        if self.user_ids is not None:
            object.__setattr__(self, "user_ids", frozenset(self.user_ids))
        for condition in self.filters:
            if not condition.is_user_level:
                raise QueryError("segment_needs_user_property", prop=condition.prop)

    @staticmethod
    def checked(value: object) -> Segment | None:
        """The value itself, where it is a segment or `None`.

        Raises:
            QueryError: it is something else, for example a segment's name.
        """
        if value is not None and not isinstance(value, Segment):
            raise QueryError("not_a_segment", value=str(value))
        return value
