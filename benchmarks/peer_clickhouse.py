"""ClickHouse's engine in this process (chdb), on MergeTree tables in both useful orders; the better one counts.

It gets what it likes best: integer user ids, an Enum for the event, microseconds as UInt64, only the needed rows.
"""

from __future__ import annotations

import tempfile

from chdb.session import Session

from benchmarks.measure import Report, growth
from benchmarks.workload import COHORT_DAYS, EVENTS, FUNNEL_DAYS, RETURN_DAYS, STEPS, WINDOW_SECONDS, Files

ORDERS = {"by_user": "user_id, occurred_at", "by_event": "event, user_id, occurred_at"}
DAY_US = 86_400_000_000

CREATE = """
CREATE TABLE bench.{table} (user_id UInt32, event Enum8({events}), occurred_at UInt64, value Nullable(Decimal(18, 2)))
ENGINE = MergeTree ORDER BY ({order})
"""
INSERT = """
INSERT INTO bench.{table} SELECT user_id, event, toUnixTimestamp64Micro(occurred_at) - {origin}, value
FROM file('{files}', Parquet)
"""
FUNNEL = """
SELECT level, count() FROM (
    SELECT user_id, windowFunnel({window_us})(occurred_at, event = '{a}' AND occurred_at < {entry_end}, event = '{b}',
                                              event = '{c}', event = '{d}') AS level
    FROM bench.{table} WHERE event IN ('{a}', '{b}', '{c}', '{d}') GROUP BY user_id)
GROUP BY level ORDER BY level FORMAT CSV
"""
RETENTION = {
    "arrays of days": """
SELECT first, day - first AS age, count() FROM (
    SELECT arrayMin(days) AS first, arrayJoin(days) AS day
    FROM (SELECT groupUniqArray(toUInt8(intDiv(occurred_at, 86400000000))) AS days FROM bench.{table} GROUP BY user_id))
WHERE first < {cohorts} AND age < {ages} GROUP BY 1, 2 ORDER BY 1, 2 FORMAT CSV
""",
    "distinct user-days": """
SELECT first, day - first AS age, count() FROM (
    SELECT day, min(day) OVER (PARTITION BY user_id) AS first
    FROM (SELECT DISTINCT user_id, toUInt8(intDiv(occurred_at, 86400000000)) AS day FROM bench.{table}))
WHERE first < {cohorts} AND age < {ages} GROUP BY 1, 2 ORDER BY 1, 2 FORMAT CSV
""",
}
ACTIVE = {
    "uniqExact": """
SELECT intDiv(occurred_at, 86400000000) AS day, uniqExact(user_id) FROM bench.{table}
GROUP BY day ORDER BY day FORMAT CSV
""",
    "groupBitmap": """
SELECT intDiv(occurred_at, 86400000000) AS day, groupBitmap(user_id) FROM bench.{table}
GROUP BY day ORDER BY day FORMAT CSV
""",
}

# A user's days in order, each with the one before it (255: none).
GROWTH = {
    "arrays of days": """
SELECT pair.1 AS day, countIf(pair.2 = 255), countIf(pair.2 + 1 = day), countIf(pair.2 != 255 AND pair.2 + 1 != day)
FROM (SELECT arrayJoin(arrayZip(days, arrayPushFront(arrayPopBack(days), 255))) AS pair
      FROM (SELECT arraySort(groupUniqArray(toUInt8(intDiv(occurred_at, 86400000000)))) AS days
            FROM bench.{table} GROUP BY user_id))
GROUP BY day ORDER BY day FORMAT CSV
""",
    "distinct user-days": """
SELECT day, countIf(before = 255), countIf(before + 1 = day), countIf(before != 255 AND before + 1 != day)
FROM (SELECT day, lagInFrame(day, 1, 255) OVER (
          PARTITION BY user_id ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS before
      FROM (SELECT DISTINCT user_id, toUInt8(intDiv(occurred_at, 86400000000)) AS day FROM bench.{table}))
GROUP BY day ORDER BY day FORMAT CSV
""",
}


def report(files: Files) -> Report:
    """Answers of the better of the two tables and, where there are several, of the best way to ask."""
    found = Report("clickhouse")
    with tempfile.TemporaryDirectory() as folder:
        session = Session(folder)
        session.query("SET max_threads = 2")
        session.query("CREATE DATABASE bench ENGINE = Atomic")
        for table, order in ORDERS.items():
            _load(session, table, order, files)
            _ask(session, table, found)
            session.query(f"DROP TABLE bench.{table} SYNC")
        session.close()
    return found


def _load(session: Session, table: str, order: str, files: Files) -> None:
    events = ", ".join(f"'{event}' = {code}" for code, event in enumerate(EVENTS))
    session.query(CREATE.format(table=table, events=events, order=order))
    origin = "toUnixTimestamp64Micro(toDateTime64('2026-01-01 00:00:00', 6, 'UTC'))"
    session.query(INSERT.format(table=table, files=files.parquet_glob, origin=origin))
    session.query(f"OPTIMIZE TABLE bench.{table} FINAL")


def _ask(session: Session, table: str, found: Report) -> None:
    a, b, c, d = STEPS
    window_us, entry_end = WINDOW_SECONDS * 1_000_000, FUNNEL_DAYS * DAY_US
    funnel = FUNNEL.format(table=table, a=a, b=b, c=c, d=d, window_us=window_us, entry_end=entry_end)
    found.ask("funnel", lambda: _reached(_rows(session, funnel)), note=f"windowFunnel, {table}")
    for way, text in RETENTION.items():
        retention = text.format(table=table, cohorts=COHORT_DAYS, ages=RETURN_DAYS)
        found.ask("retention", lambda query=retention: _rows(session, query), repeats=3, note=f"{way}, {table}")
    for way, text in ACTIVE.items():
        active = text.format(table=table)
        found.ask("active", lambda query=active: [n for _, n in _rows(session, query)], note=f"{way}, {table}")
    for way, text in GROWTH.items():
        flows = text.format(table=table)
        found.ask("growth", lambda query=flows: growth(_rows(session, query)), repeats=3, note=f"{way}, {table}")


def _rows(session: Session, query: str) -> list[list[int]]:
    return [[int(cell) for cell in line.split(",")] for line in str(session.query(query)).split()]


def _reached(levels: list[list[int]]) -> list[int]:
    """Users at least as deep as each step, from users by deepest level."""
    return [sum(n for level, n in levels if level >= step) for step in range(1, len(STEPS) + 1)]
