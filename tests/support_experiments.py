"""Assignments and unit tables laid straight into a scratch workspace."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from ops_core import Workspace
from ops_core.analyses.experiments import ExperimentResult


def add_assignments(
    workspace: Workspace, rows: Iterable[tuple[str, str, str | None]], experiment: str = "tour"
) -> None:
    """Rows of (user_id, variant, assigned_at UTC or None) for users that have events."""
    frame = pd.DataFrame(rows, columns=["user_id", "variant", "assigned_at"])
    frame["assigned_at"] = pd.to_datetime(frame["assigned_at"], format="ISO8601").astype("datetime64[us]")
    with workspace.store.write() as cursor:
        cursor.register("assigned_rows", frame)
        cursor.execute(
            """
            INSERT INTO assignments (batch_id, experiment, user_key, variant, assigned_at)
            SELECT 1, $experiment, user_key, variant, assigned_at FROM assigned_rows JOIN user_keys USING (user_id)
            """,
            {"experiment": experiment},
        )


def add_unit_table(workspace: Workspace, frame: pd.DataFrame, name: str = "test", batch_id: int = 1) -> None:
    """A frame with `user_id`, `variant` and outcome columns (boolean, number or text)."""
    outcomes = [column for column in frame if column not in ("user_id", "variant")]
    rows = frame.rename(columns={column: f"c{place}" for place, column in enumerate(outcomes, 1)})
    rows.insert(0, "unit_no", range(len(rows)))
    with workspace.store.write() as cursor:
        cursor.execute(
            "INSERT INTO unit_tables VALUES ($batch_id, $name, $n, 'user_id', 'variant')",
            {"batch_id": batch_id, "name": name, "n": len(frame)},
        )
        cursor.register("unit_rows_in", rows)
        cursor.execute(
            "CREATE TABLE unit_rows_N AS SELECT * REPLACE (user_id::VARCHAR AS user_id) FROM unit_rows_in".replace(
                "N", str(batch_id), 1
            )
        )
        for place, column in enumerate(outcomes, 1):
            kind = "boolean" if frame[column].dtype == bool else "number"
            kind = kind if pd.api.types.is_numeric_dtype(frame[column]) or kind == "boolean" else "text"
            cursor.execute(
                "INSERT INTO properties VALUES ($scope, $name, $column, $kind)",
                {"scope": f"unit:{batch_id}", "name": column, "column": f"c{place}", "kind": kind},
            )


def metric_row(result: ExperimentResult, metric: str, arm: str) -> pd.Series:
    """The one row of a metric and an arm."""
    found = result.metrics[(result.metrics["metric"] == metric) & (result.metrics["arm"] == arm)]
    assert len(found) == 1
    return found.iloc[0]
