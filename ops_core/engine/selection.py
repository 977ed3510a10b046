"""Filters and segments as SQL conditions and as sets of users: the one place where a person's choice meets SQL.

Values are always bound parameters. A property becomes a column only through the workspace's own list of properties.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ops_core.errors import QueryError
from ops_core.model.filters import Filter
from ops_core.model.segment import Segment
from ops_core.model.time import TimeRules
from ops_core.store import Store
from ops_core.store.schema import PROPERTY_TYPES, Column, quote
from ops_core.store.store import utc_datetime

# Event values that are columns of their own, not properties.
VALUE = Column("event", "value", "value", "number")

_COMPARISON = {
    "eq": "{column} = ${name}",
    "ne": "{column} IS DISTINCT FROM ${name}",
    "lt": "{column} < ${name}",
    "lte": "{column} <= ${name}",
    "gt": "{column} > ${name}",
    "gte": "{column} >= ${name}",
    "in": "coalesce(list_contains(${name}::{type}[], {column}), false)",
    "contains": "contains(lower({column}::VARCHAR), lower(${name}))",
}
_USERS_WHERE = "{key} IN (SELECT user_key FROM users WHERE {conditions})"
_TRUE, _FALSE = frozenset({"true", "1", "yes", "是"}), frozenset({"false", "0", "no", "否"})


@dataclass(frozen=True)
class Conditions:
    """A piece of SQL for a WHERE clause (`TRUE` when there is nothing to ask) and the parameters it names."""

    text: str
    parameters: dict[str, object]

    def __bool__(self) -> bool:
        return self.text != "TRUE"


def event_column(store: Store, name: str) -> Column:
    """The column of an event property; `value` is the event's own value unless a property is called so.

    Raises:
        QueryError: no such property, with the nearest names.
    """
    if name == VALUE.name and VALUE.name not in {column.name for column in store.columns("event")}:
        return VALUE
    return store.column("event", name)


def on_events(store: Store, filters: Iterable[Filter], prefix: str = "f", alias: str = "") -> Conditions:
    """Conditions on rows of `events` (under `alias`); filters on users go through their keys.

    `prefix` keeps the parameter names of several such pieces in one statement apart.

    Raises:
        QueryError: an unknown property, or a value that its type cannot be compared with.
    """
    filters = tuple(filters)
    of_event = [one for one in filters if not one.is_user_level]
    found = _all_of(store, of_event, [event_column(store, one.name) for one in of_event], prefix, alias)
    of_user = on_users(store, [one for one in filters if one.is_user_level], prefix + "u")
    if not of_user:
        return found
    key = _qualified("user_key", alias)
    text = _USERS_WHERE.replace("{key}", key).replace("{conditions}", of_user.text)
    parameters = {**found.parameters, **of_user.parameters}
    return Conditions(f"{found.text} AND {text}" if found else text, parameters)


def on_users(store: Store, filters: Iterable[Filter], prefix: str = "u", alias: str = "") -> Conditions:
    """Conditions on rows of `users` (under `alias`).

    Raises:
        QueryError: an unknown property, or a value that its type cannot be compared with.
    """
    filters = tuple(filters)
    return _all_of(store, filters, [store.column("user", one.name) for one in filters], prefix, alias)


def user_keys(store: Store, segment: Segment | None) -> np.ndarray | None:
    """Sorted keys (int32) of a segment's users; `None` for everybody.

    Raises:
        QueryError: a filter on an unknown property.
    """
    if segment is None or (not segment.filters and segment.user_ids is None):
        return None
    conditions = on_users(store, segment.filters)
    statement = "SELECT user_key FROM users WHERE {conditions}"
    parameters = dict(conditions.parameters)
    if segment.user_ids is not None:
        statement += " AND user_id IN (SELECT unnest($user_ids::VARCHAR[]))"
        parameters["user_ids"] = sorted(segment.user_ids)
    statement = statement.replace("{conditions}", conditions.text) + " ORDER BY user_key"
    with store.cursor() as cursor:
        return cursor.execute(statement, parameters).fetchnumpy()["user_key"].astype(np.int32)


def user_ids(store: Store, keys: np.ndarray) -> list[str]:
    """The ids of users given by their keys, in the order of the keys."""
    keys = np.asarray(keys, dtype=np.int32)
    with store.cursor() as cursor:
        found = cursor.execute(
            "SELECT user_key, user_id FROM user_keys WHERE user_key IN (SELECT unnest($keys::INTEGER[]))",
            {"keys": keys.tolist()},
        ).fetchall()
    names = dict(found)
    return [names[key] for key in keys.tolist()]


def _all_of(store: Store, filters: Iterable[Filter], columns: Iterable[Column], prefix: str, alias: str) -> Conditions:
    texts, parameters = [], {}
    for number, (one, column) in enumerate(zip(filters, columns, strict=True)):
        name = f"{prefix}{number}"
        quoted = _qualified(column.column_name, alias)
        if one.op == "is_null":
            texts.append(f"{quoted} IS NULL" if one.value else f"{quoted} IS NOT NULL")
            continue
        text = _COMPARISON[one.op].replace("{column}", quoted).replace("{name}", name)
        texts.append(text.replace("{type}", PROPERTY_TYPES[column.type]))
        parameters[name] = _bound(one, column, store.rules)
    return Conditions(" AND ".join(texts) or "TRUE", parameters)


def _qualified(column: str, alias: str) -> str:
    return f"{quote(alias)}.{quote(column)}" if alias else quote(column)


def _bound(condition: Filter, column: Column, rules: TimeRules) -> object:
    """The value as the column's type takes it; a text compared with a number would silently match nothing."""
    if condition.op == "contains":
        return str(condition.value)
    try:
        if condition.op == "in":
            return [_typed(value, column.type, rules) for value in condition.value if value is not None]
        return _typed(condition.value, column.type, rules)
    except (ValueError, TypeError):
        raise QueryError(
            "filter_wrong_type", prop=condition.prop, type=column.type, value=str(condition.value)
        ) from None


def _typed(value: object, kind: str, rules: TimeRules) -> object:
    if kind == "text":
        return _plain_text(value)
    if kind == "number":
        number = float(value)
        if math.isnan(number):
            raise ValueError(value)
        return number
    if kind == "boolean":
        word = str(value).strip().casefold()
        if word not in _TRUE | _FALSE:
            raise ValueError(value)
        return word in _TRUE
    moment = dt.datetime.fromisoformat(str(value))
    if moment.tzinfo is not None:
        return moment.astimezone(dt.UTC).replace(tzinfo=None)
    local_us = (moment - dt.datetime(1970, 1, 1)) // dt.timedelta(microseconds=1)
    return utc_datetime(int(rules.to_utc_us(np.array([local_us]))[0]))


def _plain_text(value: object) -> str:
    # A number typed for a text property means the text people see: 7, not 7.0.
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
