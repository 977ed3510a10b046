"""OpsDeck itself, through its public names: load the CSV into a workspace file, then ask."""

from __future__ import annotations

import datetime as dt
import tempfile
from pathlib import Path

from benchmarks.measure import Report
from benchmarks.workload import (
    COHORT_DAYS,
    FIRST_DAY,
    FUNNEL_DAYS,
    N_DAYS,
    RETURN_DAYS,
    STEPS,
    WINDOW_SECONDS,
    Files,
)
from ops_core import Period, Workspace
from ops_core.analyses import funnel, lifecycle, retention
from ops_core.engine.activity import ActivitySpec, active_users


def report(files: Files) -> Report:
    """Seconds of the import, from the CSV to a checkpointed and closed file; answers of the reopened workspace."""
    found = Report("opsdeck")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ours.duckdb"
        found.ask("import", lambda: _import(path, files), repeats=0)
        with Workspace.open(path) as workspace:
            _ask(workspace, found)
    return found


def _import(path: Path, files: Files) -> list[int]:
    with Workspace.open(path) as workspace:
        return [workspace.load(files.csv, kind="events", as_of=_day(N_DAYS)).rows_loaded]


def _ask(workspace: Workspace, found: Report) -> None:
    steps = funnel.FunnelQuery(STEPS, Period(FIRST_DAY, _day(FUNNEL_DAYS)), WINDOW_SECONDS)
    found.ask("funnel", lambda: [int(users) for users in funnel.analyze(workspace, steps).steps["users"]])
    cohorts = retention.RetentionQuery(Period(FIRST_DAY, _day(COHORT_DAYS)), "day", RETURN_DAYS)
    found.ask("retention", lambda: _returned(retention.analyze(workspace, cohorts)))
    first = (FIRST_DAY - dt.date(1970, 1, 1)).days
    days = ActivitySpec()
    found.ask("active", lambda: active_users(workspace.store, days, "day", first, first + N_DAYS).tolist())
    flows = lifecycle.LifecycleQuery(Period(FIRST_DAY, _day(N_DAYS)), "day")
    found.ask("growth", lambda: _flows(lifecycle.analyze(workspace, flows)))


def _flows(result: lifecycle.LifecycleResult) -> list[list[int]]:
    """Day, new, returning, resurrected and newly dormant users."""
    columns = result.flow[["new", "returning", "resurrected", "newly_dormant"]].to_numpy().tolist()
    return [[day, *row] for day, row in enumerate(columns)]


def _returned(result: retention.RetentionResult) -> list[list[int]]:
    """Cohort day, age and users who came, where there are any; at age 0 the whole cohort."""
    cells = result.cells
    first = (cells["cohort"].astype("datetime64[s]") - cells["cohort"].astype("datetime64[s]").min()).dt.days
    came = cells["returned"].where(cells["offset"] > 0, cells["users"])
    rows = zip(first, cells["offset"], came, strict=True)
    return [[int(day), int(age), int(users)] for day, age, users in rows if age < RETURN_DAYS and users > 0]


def _day(number: int) -> dt.date:
    return FIRST_DAY + dt.timedelta(days=number)
