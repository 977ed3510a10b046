"""Sign-ups for the users of a small workspace."""

from __future__ import annotations

from ops_core import Workspace
from ops_core.store import layout


def sign_up(workspace: Workspace, times: dict[str, str]) -> None:
    """Give users who have events a sign-up time (UTC)."""
    with workspace.store.write() as cursor:
        for user, at in times.items():
            cursor.execute(
                "INSERT INTO user_records (batch_id, user_key, signup_at)"
                " SELECT 2, user_key, $at::TIMESTAMP FROM user_keys WHERE user_id = $user",
                {"user": user, "at": at},
            )
        layout.rebuild_users(cursor, workspace.rules)
