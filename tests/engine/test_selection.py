"""Filters and segments meet SQL: types, missing values, names that look like SQL."""

from __future__ import annotations

import pandas as pd
import pytest

from ops_core.engine import selection
from ops_core.errors import QueryError
from ops_core.model import Filter, Segment
from ops_core.workspace import Workspace
from tests.support import workspace_of

ROWS = pd.DataFrame(
    [
        ("a", "view", "2026-01-01 10:00", 5.0, 1.0, "ios", "vip"),
        ("a", "view", "2026-01-01 11:00", 7.0, None, "Android", "vip"),
        ("b", "view", "2026-01-01 12:00", None, 3.0, None, 'x" OR 1=1 --'),
        ("007", "pay", "2026-01-02 12:00", 9.0, 4.0, "ios", None),
    ],
    columns=["user_id", "event", "occurred_at", "value", "items", "client", "user.tier"],
)


@pytest.fixture(scope="module")
def store():
    with workspace_of(ROWS) as workspace:
        yield workspace.store


@pytest.mark.parametrize(
    ("condition", "n"),
    [
        (Filter("client", "eq", "ios"), 2),
        (Filter("client", "ne", "ios"), 2),  # a missing value is not "ios"
        (Filter("client", "contains", "OID"), 1),
        (Filter("client", "in", ["ios", "Android"]), 3),
        (Filter("client", "in", []), 0),
        (Filter("client", "is_null"), 1),
        (Filter("client", "is_null", False), 3),
        (Filter("items", "gte", 3), 2),
        (Filter("items", "lt", "3"), 1),
        (Filter("items", "in", [1, 4]), 2),
        (Filter("value", "gt", 5), 2),
        (Filter("value", "in", [5, 7]), 2),
        (Filter("user.tier", "eq", "vip"), 2),
        (Filter("user.tier", "eq", 'x" OR 1=1 --'), 1),
        (Filter("user.tier", "is_null"), 1),
    ],
)
def test_conditions_count_the_rows_that_pass(store, condition: Filter, n: int):
    found = selection.on_events(store, [condition], alias="e")
    statement = "SELECT count(*) FROM events AS e WHERE {conditions}".replace("{conditions}", found.text)
    with store.cursor() as cursor:
        assert cursor.execute(statement, found.parameters).fetchone()[0] == n


def test_several_conditions_hold_together(store):
    found = selection.on_events(store, [Filter("client", "eq", "ios"), Filter("user.tier", "eq", "vip")])
    statement = "SELECT user_key, value FROM events WHERE {conditions}".replace("{conditions}", found.text)
    with store.cursor() as cursor:
        assert [float(row[1]) for row in cursor.execute(statement, found.parameters).fetchall()] == [5.0]


@pytest.mark.parametrize(
    ("segment", "ids"),
    [
        (Segment("vip", (Filter("user.tier", "eq", "vip"),)), ["a"]),
        (Segment("list", user_ids=frozenset({"007", "b", "nobody"})), ["007", "b"]),
        (Segment("both", (Filter("user.tier", "is_null", False),), frozenset({"007", "b"})), ["b"]),
        (Segment("none", user_ids=frozenset()), []),
    ],
)
def test_segments_become_sorted_keys(store, segment: Segment, ids: list[str]):
    keys = selection.user_keys(store, segment)
    assert keys.tolist() == sorted(keys.tolist())
    assert sorted(selection.user_ids(store, keys)) == ids


def test_everybody_needs_no_keys(store):
    assert selection.user_keys(store, None) is None
    assert selection.user_keys(store, Segment("all")) is None


def test_a_value_of_the_wrong_type_is_refused(store):
    with pytest.raises(QueryError, match="'items' is of type number and cannot be compared with 'many'"):
        selection.on_events(store, [Filter("items", "gt", "many")])


def test_an_unknown_property_names_the_nearest(store):
    with pytest.raises(QueryError, match=r"no property 'clients' .* Nearest: client"):
        selection.on_events(store, [Filter("clients", "eq", "ios")])


def test_a_user_property_asked_as_an_event_property_is_offered_with_its_prefix():
    with Workspace.memory() as workspace:
        workspace.load(pd.DataFrame({"user_id": ["a", "b"], "channel": ["ads", "seo"]}), kind="users")
        workspace.load(
            pd.DataFrame({"user_id": ["a"], "event": ["open"], "occurred_at": ["2026-01-05"], "value": [3]}),
            kind="events",
        )
        with pytest.raises(QueryError, match=r"no property 'channel' .* Nearest: user\.channel"):
            selection.on_events(workspace.store, [Filter("channel", "eq", "ads")])
        with pytest.raises(QueryError, match=r"no property 'valu' .* Nearest: value"):
            selection.on_events(workspace.store, [Filter("valu", "gt", 1)])
        # Nothing is spelled like it: what there is, is named all the same.
        with pytest.raises(QueryError, match=r"no property 'zzzzzz' .* Nearest: .*channel"):
            selection.on_events(workspace.store, [Filter("zzzzzz", "gt", 1)])
