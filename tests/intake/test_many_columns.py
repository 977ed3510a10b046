"""Wide files: each cell of each column of numbers is looked at, in time that grows with the columns, not faster."""

from __future__ import annotations

import time
from pathlib import Path

from ops_core import Workspace

N_COLUMNS = 100
N_ROWS = 2100  # the sample sees the first 2,000


def test_late_cells_of_many_columns_of_numbers(tmp_path: Path):
    path = tmp_path / "wide.csv"
    rows = [[f"u{row}", "open", f"2026-03-{row % 27 + 1:02}"] + [str(row % 9)] * N_COLUMNS for row in range(N_ROWS)]
    rows[2050][3 + 7] = "x"  # not a number: the property stays text
    rows[2060][3 + 9] = "n/a"  # no value: it stays a number
    names = ["user_id", "event", "occurred_at", *(f"metric_{number}" for number in range(N_COLUMNS))]
    path.write_text("\n".join(",".join(row) for row in [names, *rows]) + "\n")
    with Workspace.memory() as workspace:
        began = time.process_time()
        report = workspace.load(path, kind="events")
        # Cubic, these columns took a multiple of this for the plan of one statement alone.
        assert time.process_time() - began < 15
        assert report.rows_loaded == N_ROWS
        types = workspace.properties("event").set_index("name")["type"]
        assert types[types == "text"].index.tolist() == ["metric_7"]
        assert (types.drop("metric_7") == "number").all()
        filled = workspace.property_values("metric_9", limit=20)["n"].sum()
        assert filled == N_ROWS - 1
