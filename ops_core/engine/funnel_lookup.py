"""What the store knows about counted attempts: property values of their users and of their steps' events."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from ops_core.engine import selection
from ops_core.engine.cache import cache_of
from ops_core.engine.funnel import NEVER_US, Journeys
from ops_core.engine.funnel_spec import FunnelSpec
from ops_core.store import Store
from ops_core.store.schema import Column, converted, quote


def user_values(store: Store, name: str, keys: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """The value of a user property for users given by sorted keys: places (-1 for none) in a list of texts.

    Raises:
        QueryError: no such property.
    """
    column = store.column("user", name)
    known = cache_of(store).get(store.data_version, ("user values", name), lambda: _user_values(store, column))
    if not len(known.keys):
        return np.full(len(keys), -1), []
    at = np.minimum(np.searchsorted(known.keys, keys), len(known.keys) - 1)
    return np.where(known.keys[at] == keys, known.places[at], -1), known.texts


@dataclass(frozen=True)
class _UserValues:
    """Users who have a property, by key, and the place of each one's value among the texts."""

    keys: np.ndarray
    places: np.ndarray
    texts: list[str]

    @property
    def nbytes(self) -> int:
        return self.keys.nbytes + self.places.nbytes + 100 * len(self.texts)


def _user_values(store: Store, column: Column) -> _UserValues:
    statement = "SELECT user_key, {value} AS value FROM users WHERE {column} IS NOT NULL ORDER BY user_key"
    with store.cursor() as cursor:
        table = cursor.sql(_filled(statement, column)).to_arrow_table()
    encoded = table.column("value").combine_chunks().dictionary_encode()
    return _UserValues(table.column("user_key").to_numpy(), encoded.indices.to_numpy(), encoded.dictionary.to_pylist())


def event_values(store: Store, spec: FunnelSpec, step: int, journeys: Journeys, name: str) -> np.ndarray:
    """The value of an event property at a step (from 0) of each attempt, as text.

    `None` where the attempt does not contain the step or the event has no value. Of several matching events at one
    instant the smallest text counts.

    Raises:
        QueryError: no such property.
    """
    column = selection.event_column(store, name)
    found = np.full(len(journeys), None, object)
    statement = """
        SELECT place, min({value}) AS value
        FROM events AS e JOIN wanted ON e.user_key = wanted.user_key AND epoch_us(e.occurred_at) = wanted.at_us
        WHERE {conditions} AND {column} IS NOT NULL GROUP BY place
    """
    rows = _at_step(store, spec, step, journeys, _filled(statement, column))
    found[rows["place"].to_numpy()] = rows["value"].to_numpy()
    return found


def step_amounts(store: Store, spec: FunnelSpec, step: int, journeys: Journeys) -> np.ndarray:
    """The money of each attempt's event at a step (from 0); nan where there is none.

    Of several matching events at one instant the largest counts: one event serves one step.
    """
    found = np.full(len(journeys), np.nan)
    statement = """
        SELECT place, max(value)::DOUBLE AS value
        FROM events AS e JOIN wanted ON e.user_key = wanted.user_key AND epoch_us(e.occurred_at) = wanted.at_us
        WHERE {conditions} AND value IS NOT NULL GROUP BY place
    """
    rows = _at_step(store, spec, step, journeys, statement)
    found[rows["place"].to_numpy()] = rows["value"].to_numpy()
    return found


def _at_step(store: Store, spec: FunnelSpec, step: int, journeys: Journeys, statement: str) -> pa.Table:
    # In any order, the event of the k-th place is one of whichever step was covered then.
    possible = spec.steps if spec.order == "unordered" else spec.steps[step : step + 1]
    texts, parameters = [], {}
    for number, part in enumerate(possible):
        filters = tuple(one for one in (*spec.filters, *part.filters) if not one.is_user_level)
        conditions = selection.on_events(store, filters, f"f{number}_", "e")
        parameters.update(conditions.parameters)
        texts.append(conditions.text)
        if part.events is not None:
            texts[-1] += f" AND e.event_code IN (SELECT unnest($codes{number}::USMALLINT[]))"
            parameters[f"codes{number}"] = store.event_codes(part.events)
    text = "(" + " OR ".join(f"({one})" for one in texts) + ")"
    there = np.flatnonzero(journeys.at_us[step] != NEVER_US)
    wanted = pa.table({"place": there, "user_key": journeys.user_keys[there], "at_us": journeys.at_us[step][there]})
    with store.cursor() as cursor:
        cursor.register("wanted", wanted)
        return cursor.sql(statement.replace("{conditions}", text), params=parameters).to_arrow_table()


def _filled(statement: str, column: Column) -> str:
    quoted = quote(column.column_name)
    return statement.replace("{value}", converted(quoted, column.type, "text")).replace("{column}", quoted)
