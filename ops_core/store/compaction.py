"""Many small imports leave many sorted runs; compaction merges them into one, so that a question reads one stretch."""

from __future__ import annotations

from ops_core.store.store import Store


def compact(store: Store) -> bool:
    """Lay all events down anew as one run sorted by (event_code, user_key, occurred_at).

    No row and no number changes; readers see the old order until the new one is whole. Returns False, and leaves the
    file alone, where there is one run at most.
    """
    if n_runs(store) < 2:
        return False
    with store.write() as cursor:
        cursor.execute("CREATE TEMP TABLE merged AS SELECT * FROM events ORDER BY event_code, user_key, occurred_at")
        cursor.execute("DELETE FROM events")
        cursor.execute("INSERT INTO events SELECT * FROM merged ORDER BY event_code, user_key, occurred_at")
        cursor.execute("DROP TABLE merged")
    store.checkpoint()
    return True


def n_runs(store: Store) -> int:
    """How many sorted runs the stored events lie in: places where the order begins anew, and the first."""
    with store.cursor() as cursor:
        # A window without an order walks the rows as they lie.
        n_events, n_breaks = cursor.execute(
            """
            SELECT count(*), count(*) FILTER (place < place_before) FROM (
                SELECT place, lag(place) OVER () AS place_before
                FROM (SELECT row(event_code, user_key, occurred_at) AS place FROM events))
            """
        ).fetchone()
    return n_breaks + 1 if n_events else 0
