"""Fetch what an experiment's metrics need as sums per arm, whatever the source. Part of `analyses.experiments`."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pandas as pd

from ops_core.analyses.experiment_plan import ExperimentQuery, Metric
from ops_core.analyses.experiment_sources import ASSIGNMENTS, UNIT_TABLE, sources
from ops_core.engine import exposures as assigned
from ops_core.engine import metrics, selection, units
from ops_core.errors import QueryError, nearest
from ops_core.model.aggregates import Aggregates
from ops_core.workspace import Workspace

SECOND_US = 1_000_000
_SUMS = ("total", "total_squares", "denominator", "denominator_squares", "denominator_product", "covariate",
         "covariate_squares", "covariate_product")  # fmt: skip


@dataclass(frozen=True, eq=False)
class Reading:
    """Sums of every metric per arm (and reading day, with assignments); arms sorted by name.

    `ages`: metric, arm, elapsed_days, n users who first reached a deciding share so many days after their exposure.
    """

    source_kind: str
    arms: tuple[str, ...]
    counts: tuple[int, ...]
    n_several_arms: int
    n_without_arm: int
    n_repeated: int
    tables: dict[str, pd.DataFrame]
    immature: dict[str, tuple[int, ...]]
    missing: dict[str, tuple[int, ...]]
    caps: dict[str, float | None]
    largest: dict[str, float]
    ages: pd.DataFrame

    def total(self, metric: str, arm: str) -> Aggregates:
        """The sums of one arm over all days."""
        found = Aggregates(0, 0, 0)
        for number, part in enumerate(self._parts(metric, arm)):
            found = part[1] if number == 0 else found + part[1]
        return found

    def running(self, metric: str, arm: str) -> Iterator[tuple[dt.date, Aggregates]]:
        """The sums of one arm as they stood at the end of each reading day; none for unit tables."""
        if "ready_day" not in self.tables[metric]:
            return
        found: Aggregates | None = None
        for day, part in self._parts(metric, arm):
            found = part if found is None else found + part
            yield day, found

    def _parts(self, metric: str, arm: str) -> Iterator[tuple[dt.date | None, Aggregates]]:
        table = self.tables[metric]
        for row in table[table["arm"] == arm].to_dict("records"):
            sums = {name: Fraction(row[name]) for name in _SUMS if name in row}
            yield row.get("ready_day"), Aggregates(n=int(row["n"]), **sums)


def read(workspace: Workspace, query: ExperimentQuery) -> Reading:
    """The sums behind a query.

    Raises:
        QueryError: an unknown source, column or event, or a metric that the source cannot answer.
    """
    known = sources(workspace)
    if (known["source"].astype(str) == str(query.source))[known["kind"] == ASSIGNMENTS].any():
        return _from_assignments(workspace, query)
    batch_id = units.find_table(workspace.store, query.source)
    if batch_id is None:
        names = known["name"].astype(str).tolist()
        close = nearest(str(query.source), names) or names[:3]
        raise QueryError("unknown_experiment", name=str(query.source), nearest=close)
    return _from_unit_table(workspace, query, batch_id)


def _from_unit_table(workspace: Workspace, query: ExperimentQuery, batch_id: int) -> Reading:
    store = workspace.store
    if query.period is not None or query.segment is not None:
        raise QueryError("experiment_unit_table_whole")
    for metric in query.metrics:
        metric.check_for_unit_table()
    found = units.arms(store, batch_id)
    sums = {
        metric.name: units.sums(
            store,
            batch_id,
            units.UnitSpec(metric.column or metric.name, metric.denominator, metric.covariate, metric.winsorize),
        )
        for metric in query.metrics
    }
    for metric in query.metrics:
        _check_share(metric, sums[metric.name].table)
    return Reading(
        source_kind=UNIT_TABLE,
        arms=found.arms,
        counts=found.counts,
        n_several_arms=found.n_several_arms,
        n_without_arm=found.n_without_arm,
        n_repeated=found.n_repeated,
        tables={name: one.table for name, one in sums.items()},
        immature={name: (0,) * len(found.arms) for name in sums},
        missing={name: one.n_missing for name, one in sums.items()},
        caps={name: one.cap for name, one in sums.items()},
        largest={name: one.largest for name, one in sums.items()},
        ages=pd.DataFrame(columns=["metric", "arm", "elapsed_days", "n"]),
    )


def _check_share(metric: Metric, table: pd.DataFrame) -> None:
    if metric.is_share and (table["total"] != table["total_squares"]).any():
        raise QueryError("metric_not_share", name=metric.column or metric.name)


def exposed_users(workspace: Workspace, query: ExperimentQuery) -> assigned.Exposures:
    """The users of an experiment with assignments, in the query's period and segment.

    Raises:
        QueryError: no such experiment.
    """
    bounds = query.period.bounds(workspace.rules) if query.period else None
    exposed = assigned.exposures(workspace.store, str(query.source), bounds)
    keys = selection.user_keys(workspace.store, query.segment)
    return exposed if keys is None else exposed.only(keys)


def _from_assignments(workspace: Workspace, query: ExperimentQuery) -> Reading:
    store = workspace.store
    for metric in query.metrics:
        metric.check_for_assignments()
    exposed = exposed_users(workspace, query)
    found = {}
    for metric in query.metrics:
        sums = metrics.sums(store, exposed, _spec(workspace, metric))
        names = np.array([*exposed.arms, ""], dtype=object)
        found[metric.name] = (sums.table.assign(arm=names[sums.table["arm"].astype(int)]), sums)
    return Reading(
        source_kind=ASSIGNMENTS,
        arms=exposed.arms,
        counts=tuple(exposed.counts),
        n_several_arms=exposed.n_several_arms,
        n_without_arm=exposed.n_without_time,
        n_repeated=0,
        tables={name: table for name, (table, _) in found.items()},
        immature={name: sums.n_immature for name, (_, sums) in found.items()},
        missing={name: (0,) * len(exposed.arms) for name in found},
        caps={name: sums.cap for name, (_, sums) in found.items()},
        largest={name: sums.largest for name, (_, sums) in found.items()},
        ages=_ages(workspace, query, exposed),
    )


def _ages(workspace: Workspace, query: ExperimentQuery, exposed: assigned.Exposures) -> pd.DataFrame:
    """How long after exposure the deciding shares were reached: metric, arm, elapsed_days, n."""
    parts = [pd.DataFrame(columns=["metric", "arm", "elapsed_days", "n"])]
    names = np.array([*exposed.arms, ""], dtype=object)
    for metric in query.metrics:
        if metric.kind == "proportion" and metric.role == "decision":
            outcome = _outcome(workspace, metric, metric.events)
            found = metrics.reached_by_day(workspace.store, exposed, outcome)
            parts.append(found.assign(metric=metric.name, arm=names[found["arm"].astype(int)]))
    return pd.concat(parts, ignore_index=True) if len(parts) > 1 else parts[0]


def _spec(workspace: Workspace, metric: Metric) -> metrics.SumsSpec:
    outcome = _outcome(workspace, metric, metric.events)
    denominator = _outcome(workspace, metric, (metric.denominator,)) if metric.kind == "ratio" else None
    covariate = outcome.before(metric.lookback_seconds * SECOND_US) if metric.lookback_seconds else None
    return metrics.SumsSpec(outcome, denominator, covariate, metric.winsorize)


def _outcome(workspace: Workspace, metric: Metric, events: tuple[str, ...]) -> metrics.Outcome:
    if metric.kind == "retention":
        return metrics.Outcome("active", from_day=metric.first_day, to_day=metric.last_day or metric.first_day)
    kind = {"proportion": "did", "revenue": "value", "funnel": "reached"}.get(metric.kind, metric.measure)
    codes = tuple(workspace.store.event_codes(events))
    return metrics.Outcome(kind, codes, to_us=metric.window_seconds * SECOND_US, filters=metric.filters)
