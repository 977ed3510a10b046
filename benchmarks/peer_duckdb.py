"""DuckDB as one would use it bare: the import that ours is held against, and plain SQL on the table it makes."""

from __future__ import annotations

import tempfile
from pathlib import Path

import duckdb

from benchmarks.measure import Report, growth
from benchmarks.workload import COHORT_DAYS, RETURN_DAYS, Files

RETENTION = """
SELECT first, day - first AS age, count(*) FROM (
    SELECT day, min(day) OVER (PARTITION BY user_id) AS first
    FROM (SELECT DISTINCT user_id, (occurred_at::DATE - DATE '2026-01-01') AS day FROM events))
WHERE first < $cohorts AND day - first < $ages GROUP BY 1, 2 ORDER BY 1, 2
"""
GROWTH = """
SELECT day, count(*) FILTER (before IS NULL), count(*) FILTER (before = day - 1), count(*) FILTER (before < day - 1)
FROM (SELECT day, lag(day) OVER (PARTITION BY user_id ORDER BY day) AS before
      FROM (SELECT DISTINCT user_id, (occurred_at::DATE - DATE '2026-01-01') AS day FROM events))
GROUP BY day ORDER BY day
"""
ACTIVE = "SELECT count(DISTINCT user_id) FROM events GROUP BY occurred_at::DATE ORDER BY occurred_at::DATE"


def report(files: Files) -> Report:
    """Seconds of the bare load into a file, checkpoint included; answers on that table."""
    found = Report("duckdb")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bare.duckdb"
        found.ask("import", lambda: _import(path, files), repeats=0)
        database = duckdb.connect(str(path), config={"threads": 2})
        ages = {"cohorts": COHORT_DAYS, "ages": RETURN_DAYS}
        found.ask("retention", lambda: [list(row) for row in database.execute(RETENTION, ages).fetchall()], repeats=3)
        found.ask("active", lambda: [n for (n,) in database.execute(ACTIVE).fetchall()], repeats=3)
        found.ask("growth", lambda: growth(database.execute(GROWTH).fetchall()), repeats=3)
        database.close()
    return found


def _import(path: Path, files: Files) -> list[int]:
    with duckdb.connect(str(path), config={"threads": 2}) as database:
        database.execute("CREATE TABLE events AS SELECT * FROM read_csv($file)", {"file": str(files.csv)})
        database.execute("CHECKPOINT")
        return list(database.execute("SELECT count(*) FROM events").fetchone())
