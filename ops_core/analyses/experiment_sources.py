"""Which experiments a workspace holds, and the metrics that suit each. Part of `analyses.experiments`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from ops_core.analyses.experiment_plan import Metric
from ops_core.engine import exposures, metrics, units
from ops_core.locale import Translator
from ops_core.workspace import Workspace

ASSIGNMENTS, UNIT_TABLE = "assignments", "unit_table"
DAY_SECONDS = 86_400
LONGEST_WINDOW = 14
CONTROL_NAMES = ("control", "对照", "对照组", "holdout", "baseline", "off", "a", "0", "false")


def sources(workspace: Workspace) -> pd.DataFrame:
    """What can be read as an experiment: source (name, or batch id of a unit table), kind, name, n_users (a unit
    table's rows)."""
    store = workspace.store
    running, finished = exposures.experiments(store), units.unit_tables(store)
    finished = finished[finished["variant_column"].notna()]
    return pd.DataFrame(
        {
            "source": [*running["experiment"].astype(object), *(int(batch) for batch in finished["batch_id"])],
            "kind": [ASSIGNMENTS] * len(running) + [UNIT_TABLE] * len(finished),
            "name": [*running["experiment"], *finished["name"]],
            "n_users": [*running["n_users"], *finished["n_rows"]],
        }
    )


def arm_names(workspace: Workspace, source: str | int) -> tuple[str, ...]:
    """The arms of an experiment or unit table, sorted.

    Raises:
        QueryError: no such source, or a unit table without an arm column.
    """
    if isinstance(source, int):
        return units.arms(workspace.store, source).arms
    return exposures.exposures(workspace.store, source).arms


def default_control(arms: Sequence[str]) -> str:
    """The arm that is called like a control group, else the first; empty without arms."""
    ranks = {name: place for place, name in enumerate(CONTROL_NAMES)}
    return min(arms, key=lambda arm: ranks.get(arm.strip().casefold(), len(ranks)), default="")


def outcome_columns(workspace: Workspace, batch_id: int) -> pd.DataFrame:
    """Columns of a unit table that can be a metric: name, type, is_share (only 0 and 1), mean."""
    return units.column_kinds(workspace.store, batch_id)


def goal_event(workspace: Workspace) -> str | None:
    """The event that brings in the most money, else the rarest one; `None` without events."""
    by_value = metrics.event_values(workspace.store)
    if by_value.empty:
        return None
    best = by_value.sort_values(["total", "n_events"], ascending=[False, True])
    return str(best["event"].iloc[0])


def window_days(workspace: Workspace, source: str) -> int:
    """Days that half of an experiment's users have been exposed for, 1 to 14: a window that most of the data fills."""
    exposed = exposures.exposures(workspace.store, source).exposed_us
    if not len(exposed) or workspace.as_of_us is None:
        return LONGEST_WINDOW
    passed = (workspace.as_of_us - float(np.median(exposed))) / (DAY_SECONDS * 1e6)
    return int(min(max(passed, 1), LONGEST_WINDOW))


def unit_metrics(
    workspace: Workspace,
    batch_id: int,
    decisions: Sequence[str] = (),
    guardrails: Sequence[str] = (),
    winsorize: float | None = None,
) -> tuple[Metric, ...]:
    """A metric per outcome column: shares of 0/1 columns, means of the others.

    Without a choice the last share decides (later outcomes tend to stand further right), or the last column where there
    is no share. A guardrail is harmed when it rises.
    """
    known = outcome_columns(workspace, batch_id)
    shares = known.loc[known["is_share"], "name"].tolist()
    deciding = [name for name in decisions if name not in guardrails] or (shares or known["name"].tolist())[-1:]
    found = []
    for row in known.itertuples():
        role = "guardrail" if row.name in guardrails else "decision" if row.name in deciding else "reference"
        found.append(
            Metric(
                row.name,
                "proportion" if row.is_share else "mean",
                role=role,
                higher_is_better=role != "guardrail",
                winsorize=None if row.is_share else winsorize,
            )
        )
    return tuple(sorted(found, key=lambda metric: ("decision", "reference", "guardrail").index(metric.role)))


def harm_events(workspace: Workspace) -> list[str]:
    """Events that take money away, such as refunds: what a campaign should not bring about."""
    by_value = metrics.event_values(workspace.store)
    return by_value.loc[by_value["total"] < 0, "event"].tolist()


def event_metrics(
    t: Translator,
    goal: str,
    window_days: int,
    guardrails: Sequence[str] = (),
    winsorize: float | None = None,
    cuped: bool = True,
) -> tuple[Metric, ...]:
    """The usual metrics of an experiment on events: who reached the goal decides; how often, money and return tell why.

    `guardrails` are events that more users should not do. Names are in the reader's language. Amounts are adjusted by
    the same stretch before the exposure (`cuped`).
    """
    window = window_days * DAY_SECONDS
    lookback = window if cuped else None
    reached = t("experiments.metric_goal", event=goal, n=window_days)
    return (
        Metric(reached, "proportion", event=goal, window_seconds=window),
        Metric(
            t("experiments.metric_times", event=goal), "mean", event=goal, window_seconds=window, role="reference",
            lookback_seconds=lookback,
        ),
        Metric(
            t("experiments.metric_revenue"), "revenue", window_seconds=window, role="reference", winsorize=winsorize,
            lookback_seconds=lookback,
        ),
        Metric(
            t("experiments.metric_back", n=window_days), "retention", first_day=1, last_day=window_days,
            role="reference",
        ),
        *(
            Metric(
                t("experiments.metric_goal", event=event, n=window_days), "proportion", event=event,
                window_seconds=window, role="guardrail", higher_is_better=False,
            )
            for event in guardrails if event != goal
        ),
    )  # fmt: skip
