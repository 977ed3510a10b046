"""Small workspaces for tests, from rows written as literals."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from ops_core import Workspace
from ops_core.store import layout


def workspace_of(
    rows: Iterable[tuple] | pd.DataFrame, time_zone: str = "UTC", week_start: str = "monday", as_of: str | None = None
) -> Workspace:
    """A scratch workspace from `(user_id, event, occurred_at, value?)` rows with UTC times, or such a frame.

    Further columns of a frame become event properties (text or number); columns named `user.x` user properties.
    """
    frame = (
        rows
        if isinstance(rows, pd.DataFrame)
        else pd.DataFrame([(*row, None)[:4] for row in rows], columns=["user_id", "event", "occurred_at", "value"])
    )
    frame = frame.assign(occurred_at=pd.to_datetime(frame["occurred_at"]).astype("datetime64[us]"))
    for column in ("value", "event_id"):
        if column not in frame:
            frame[column] = None
    extra = [name for name in frame if name not in ("user_id", "event", "occurred_at", "value", "event_id")]
    kinds = {name: "number" if pd.api.types.is_numeric_dtype(frame[name]) else "text" for name in extra}
    workspace = Workspace.memory(time_zone, week_start)
    with workspace.store.write() as cursor:
        of_event = layout.add_columns(cursor, "event", {n: k for n, k in kinds.items() if not n.startswith("user.")})
        of_user = layout.add_columns(
            cursor, "user", {n.removeprefix("user."): k for n, k in kinds.items() if n.startswith("user.")}
        )
        renamed = frame.rename(columns={c.name: c.column_name for c in of_event})
        cursor.register("frame_in", renamed)
        cursor.execute(
            "CREATE TEMP TABLE incoming_events AS SELECT * REPLACE (user_id::VARCHAR AS user_id,"
            " occurred_at::TIMESTAMP AS occurred_at, value::DECIMAL(18, 6) AS value, event_id::VARCHAR AS event_id)"
            " FROM frame_in"
        )
        layout.append_events(cursor, 1, of_event)
        if of_user:
            users = frame.groupby("user_id", as_index=False).first()
            users = users[["user_id", *("user." + c.name for c in of_user)]]
            users.columns = ["user_id", *(c.column_name for c in of_user)]
            cursor.register("users_in", users)
            names = ", ".join(c.column_name for c in of_user)
            statement = (
                "INSERT INTO user_records (batch_id, user_key, NAMES)"
                " SELECT 1, user_key, NAMES"
                " FROM users_in JOIN user_keys ON user_keys.user_id = users_in.user_id::VARCHAR"
            )
            cursor.execute(statement.replace("NAMES", names))
        layout.rebuild_users(cursor, workspace.rules)
        layout.rebuild_rollups(cursor, workspace.rules)
        if as_of is None:
            newest = int(frame["occurred_at"].max().value // 1000) if len(frame) else 0
            day = int(workspace.rules.local_days([newest])[0])
            as_of_us = workspace.rules.day_start_us(day)
        else:
            as_of_us = int(pd.Timestamp(as_of).value // 1000)
        workspace.store.put_setting(cursor, "as_of_us", as_of_us)
    return workspace


def rows(workspace: Workspace, query: str) -> list[tuple]:
    """What the store holds, by a query of its own."""
    with workspace.store.cursor() as cursor:
        return cursor.execute(query).fetchall()
