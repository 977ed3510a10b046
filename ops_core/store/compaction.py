"""Many small imports leave many sorted runs; compaction merges them into one, so that a question reads one stretch."""

from __future__ import annotations

from ops_core.store.store import Store

MANY_RUNS = 20
_LAST = "compacted_batch"


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
        last = cursor.execute("SELECT max(batch_id) FROM batches").fetchone()[0]
        store.put_setting(cursor, _LAST, last or 0)
    store.checkpoint()
    return True


def compact_when_due(store: Store) -> bool:
    """Compact after enough imports since the last time; whether it was done."""
    query = """
        SELECT count(*) FROM batches
        WHERE batch_id > $last AND kind IN ('events', 'orders') AND rows_loaded > 0 AND undone_at IS NULL
    """
    with store.cursor() as cursor:
        n_imports = cursor.execute(query, {"last": int(store.setting(_LAST, 0))}).fetchone()[0]
    return n_imports > MANY_RUNS and compact(store)


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
