"""The names that notebooks and scheduled scripts depend on: they may grow, they may not change."""

import dataclasses
import inspect

import pytest

import ops_core
from ops_core import Filter, Period, Workspace
from ops_core.analyses import experiments, funnel, lifecycle, retention, stickiness
from ops_core.intake.report import IntakeReport
from tests.support import workspace_of

REQUIRED = object()

ROWS = [
    ("a", "view", "2026-01-05 09:00"),
    ("a", "pay", "2026-01-05 09:10", 20.0),
    ("a", "view", "2026-01-12 09:00"),
    ("b", "view", "2026-01-06 09:00"),
    ("b", "view", "2026-01-14 09:00"),
    ("c", "view", "2026-01-13 09:00"),
    ("c", "pay", "2026-01-13 10:00", 5.0),
    ("d", "view", "2026-01-27 10:00"),
]


def defaults(kind: type) -> dict[str, object]:
    """Field → default of a query class, as its signature shows them."""
    parameters = inspect.signature(kind).parameters.values()
    return {p.name: REQUIRED if p.default is p.empty else p.default for p in parameters}


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (Period, {"start": REQUIRED, "end": REQUIRED}),
        (Filter, {"prop": REQUIRED, "op": REQUIRED, "value": None}),
        (funnel.Step, {"event": REQUIRED, "filters": (), "optional": False}),
        (funnel.Exclusion, {"event": REQUIRED, "from_step": REQUIRED, "to_step": REQUIRED, "filters": ()}),
        (
            funnel.FunnelQuery,
            {
                "steps": REQUIRED, "period": REQUIRED, "window_seconds": REQUIRED, "order": "ordered", "clip": False,
                "exclusions": (), "on_exclusion": "cut", "hold_constant": None, "breakdown": None,
                "attribution": "first_touch", "segment": None, "filters": (),
            },
        ),
        (
            retention.RetentionQuery,
            {
                "period": REQUIRED, "grain": REQUIRED, "periods": REQUIRED, "cohort_event": None, "return_event": None,
                "mode": "first_time", "measure": "on", "min_occurrences": 1, "breakdown": None, "segment": None,
            },
        ),
        (lifecycle.LifecycleQuery, {"period": REQUIRED, "grain": REQUIRED, "event": None}),
        (stickiness.StickinessQuery, {"period": REQUIRED, "grain": REQUIRED, "event": None}),
        (experiments.Metric, {"name": REQUIRED, "kind": REQUIRED}),
        (experiments.ExperimentQuery, {"source": REQUIRED, "metrics": REQUIRED, "control": None, "alpha": 0.05}),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)  # fmt: skip
def test_queries_have_the_promised_fields_and_defaults(kind, expected):
    found = defaults(kind)
    assert {name: found.get(name, "missing") for name in expected} == expected
    # What was added since must not be required, or yesterday's script stops.
    assert [name for name, default in found.items() if default is REQUIRED and expected.get(name) is not REQUIRED] == []
    assert dataclasses.is_dataclass(kind)
    assert kind.__dataclass_params__.frozen


def test_a_workspace_has_the_promised_methods():
    for name in ("memory", "open", "load", "as_of", "undo", "backup", "close"):
        assert hasattr(Workspace, name), name
    assert list(inspect.signature(Workspace.load).parameters)[:6] == [
        "self", "path_or_frame", "kind", "mapping", "source_time_zone", "as_of",
    ]  # fmt: skip
    fields = {field.name for field in dataclasses.fields(IntakeReport)}
    promised = {"rows_read", "rows_loaded", "rows_duplicate", "rows_quarantined", "batch_id"}
    assert promised <= fields
    assert set(ops_core.__all__) >= {"Workspace", "Period", "Filter", "OpsError", "QueryError", "IntakeError"}


def test_results_have_the_promised_columns():
    period = Period("2026-01-05", "2026-01-26")
    with workspace_of(ROWS) as ws:
        steps = funnel.analyze(ws, funnel.FunnelQuery(("view", "pay"), period, window_seconds=3600)).steps
        assert set(steps) >= {
            "group", "step", "name", "users", "conversion_from_start", "conversion_from_previous", "share_low",
            "share_high", "median_seconds", "mean_seconds",
        }  # fmt: skip
        kept = retention.analyze(ws, retention.RetentionQuery(period, "week", 2))
        assert set(kept.cells) >= {"group", "cohort", "offset", "users", "returned", "share", "ripe"}
        assert set(kept.mean) >= {"offset", "eligible", "returned", "share"}
        flow = lifecycle.analyze(ws, lifecycle.LifecycleQuery(period, "week")).flow
        assert set(flow) >= {
            "bucket", "new", "returning", "resurrected", "newly_dormant", "dormant_stock", "partial",
        }  # fmt: skip
        assert set(lifecycle.stages(ws).counts) >= {"stage", "users"}
        counts = stickiness.analyze(ws, stickiness.StickinessQuery(period, "week")).counts
        assert set(counts) >= {"buckets_active", "users", "users_at_least"}


def test_an_intake_report_lists_its_quarantine(tmp_path):
    path = tmp_path / "events.csv"
    path.write_text("user_id,event,occurred_at\na,view,2026-01-01 10:00\nb,view,not a time\n")
    with Workspace.memory(time_zone="Asia/Shanghai") as ws:
        report = ws.load(path)
        assert (report.rows_read, report.rows_loaded, report.rows_duplicate, report.rows_quarantined) == (2, 1, 0, 1)
        assert list(report.quarantined)[:5] == ["line", "column", "value", "reason", "remedy"]
        row = report.quarantined.iloc[0]
        assert (row["line"], row["column"], row["value"]) == (3, "occurred_at", "not a time")
        assert ws.as_of is not None
        ws.undo(report.batch_id)
        assert ws.event_names().empty
