"""Properties of events that describe the user are kept for the users, too."""

import pandas as pd

from ops_core import Filter, Segment, Workspace
from ops_core.engine.selection import user_keys

EVENTS = pd.DataFrame(
    [
        ("a", "view", "2026-01-01 10:00", "ads", "ios", "s1"),
        ("a", "pay", "2026-01-02 10:00", "ads", "web", "s2"),
        ("b", "view", "2026-01-01 11:00", "ads", "ios", "s3"),
        ("b", "view", "2026-01-03 11:00", "ads", "ios", "s4"),
        ("c", "view", "2026-01-01 12:00", "mail", "web", "s5"),
        ("c", "pay", "2026-01-01 12:30", "mail", "web", "s6"),
        ("d", "view", "2026-01-02 12:00", "mail", "web", "s7"),
        ("d", "view", "2026-01-02 13:00", "mail", "web", "s8"),
    ],
    columns=["user_id", "event", "occurred_at", "channel", "platform", "session"],
)


def test_one_value_per_user_is_a_user_property_and_stays_with_the_events():
    with Workspace.memory() as ws:
        report = ws.load(EVENTS)
        # platform differs for user a, session for everybody: only channel is the user's.
        assert ws.properties("user")["name"].tolist() == ["channel"]
        assert set(ws.properties("event")["name"]) == {"channel", "platform", "session"}
        assert ws.property_values("user.channel").to_dict("list") == {"value": ["ads", "mail"], "n": [2, 2]}
        assert "traits_kept" in [note.code for note in report.notes]
        keys = user_keys(ws.store, Segment("ads", (Filter("user.channel", "eq", "ads"),)))
        assert len(keys) == 2


def test_undo_takes_them_back():
    with Workspace.memory() as ws:
        report = ws.load(EVENTS)
        ws.undo(report.batch_id)
        assert ws.properties("user").empty


def test_a_users_file_is_believed_before_an_export_of_events():
    users = pd.DataFrame({"user_id": ["a", "b", "c", "d"], "channel": ["shop", "shop", "shop", "ads"]})
    with Workspace.memory() as ws:
        ws.load(users, kind="users")
        ws.load(EVENTS)
        assert ws.property_values("user.channel").to_dict("list") == {"value": ["shop", "ads"], "n": [3, 1]}


def test_one_event_per_user_proves_nothing():
    with Workspace.memory() as ws:
        ws.load(EVENTS.drop_duplicates("user_id"))
        assert ws.properties("user").empty
