"""Did the campaign or the tested version work: arms compared on metrics, with a verdict in words.

Unit: a user of one arm, intention-to-treat from the first exposure; or a row of a unit table. Statistics: `inference`
(Welch, exact, ratio, CUPED, Fieller), `sequential` (always-valid, Bayesian), `verdicts` (the rules). Known limits:
guardrail p-values are not adjusted; P(best) takes posteriors as normal.
"""

from __future__ import annotations

import datetime as dt
import functools
import math
import operator
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ops_core.analyses.experiment_plan import KINDS, ROLES, ExperimentQuery, Metric
from ops_core.analyses.experiment_sources import (
    DAY_SECONDS,
    arm_names,
    default_control,
    event_metrics,
    goal_event,
    harm_events,
    outcome_columns,
    sources,
    unit_metrics,
    window_days,
)
from ops_core.analyses.inference import Effect, Estimate, effect, p_of_harm, smallest_visible, srm, users_needed
from ops_core.analyses.readings import Reading, exposed_users, read
from ops_core.analyses.sequential import always_valid, bets
from ops_core.analyses.verdicts import Verdict, decide
from ops_core.engine.selection import user_ids
from ops_core.errors import QueryError, nearest
from ops_core.model.aggregates import Aggregates
from ops_core.model.multiplicity import benjamini_hochberg, holm
from ops_core.workspace import Workspace, one_state

__all__ = [
    "KINDS", "ROLES", "Aggregates", "Effect", "ExperimentQuery", "ExperimentResult", "Metric", "Verdict", "analyze",
    "arm_names", "arm_users", "compare", "default_control", "event_metrics", "goal_event", "harm_events",
    "outcome_columns", "sources", "unit_metrics", "window_days",
]  # fmt: skip

_ADJUST = {"decision": holm, "reference": benjamini_hochberg, "guardrail": np.asarray}


@dataclass(frozen=True, eq=False)
class ExperimentResult:
    """The answer, with its query.

    `arms`: arm, is_control, n (users exposed), share and planned_share (0–1), n_immature (a decision window, or any
    window where none decides, is still open).

    `metrics`, one row per metric and arm, control first: metric, kind, role, higher_is_better, arm, is_control, n
    (users whose window has ended), mean and control_mean (as measured), difference (to control), low, high, relative,
    relative_low, relative_high, p_value (two-sided; guardrails one-sided for harm), p_adjusted, is_clear (p_adjusted
    below alpha), always_low, always_high, smallest_visible, users_for_tenth (treated users needed to see a tenth of the
    control's mean), p_best (0–1), expected_loss, method, variance_kept (0–1, after CUPED), n_missing, cap, largest
    (amount of a user), worthwhile. Under CUPED every comparison is of the adjusted means (one coefficient for all
    arms), so that difference is not mean − control_mean. Comparisons are nan in the control's row and where an arm is
    empty or nothing varies; relative_* also where the control's mean cannot be told from 0.

    `ages`, the effect by time since exposure, of deciding proportions on events over all ripe users: metric, arm, day
    (1 = within 24 hours; the last ends with the window), mean, control_mean, difference, low, high. Other metrics are
    not in it.

    `daily`, what each reading day would have shown: metric, arm, day, n (both arms), difference, low, high, always_low,
    always_high; empty for unit tables.

    `srm_p_value`: of the users per arm against the planned shares. Left out and counted: `n_several_arms` users seen in
    several arms, `n_without_arm` rows without arm or time of exposure. Not left out: `n_repeated` users with several
    rows in a unit table, each of which counts as a user of its own, so that intervals are too narrow.
    """

    query: ExperimentQuery
    source_kind: str
    control: str
    arms: pd.DataFrame
    metrics: pd.DataFrame
    daily: pd.DataFrame
    ages: pd.DataFrame
    srm_p_value: float
    n_several_arms: int
    n_without_arm: int
    n_repeated: int
    verdict: Verdict

    def by_arm(self) -> pd.DataFrame:
        """One row per arm, the columns of `arms` followed by one column per metric with its mean (`mean_columns`)."""
        means = self.metrics.pivot_table(index="arm", columns="metric", values="mean", sort=False, dropna=False)
        columns = self.mean_columns()
        return self.arms.join(means[list(columns)].rename(columns=columns), on="arm")

    def mean_columns(self) -> dict[str, str]:
        """Metric → its column in `by_arm`: its name, with `_mean` behind it where another column is called so."""
        found: dict[str, str] = {}
        taken = {*self.arms, *(metric.name for metric in self.query.metrics)}
        for metric in self.query.metrics:
            column = metric.name
            while column in self.arms or (column != metric.name and column in taken):
                column += "_mean"
            found[metric.name] = column
        return found


@one_state
def analyze(workspace: Workspace, query: ExperimentQuery) -> ExperimentResult:
    """Compare the arms of an experiment.

    Raises:
        QueryError: an unknown source, arm, column or event, a metric that the source cannot answer, or nobody in any
            arm.
    """
    reading = read(workspace, query)
    if not sum(reading.counts):
        raise QueryError("experiment_nobody", several=reading.n_several_arms, without=reading.n_without_arm)
    control = _control(query, reading.arms)
    order = [control, *(arm for arm in reading.arms if arm != control)]
    arms = _arm_table(query, reading, order)
    rows = [row for metric in query.metrics for row in _metric_rows(query, metric, reading, order)]
    metrics = _adjusted(pd.DataFrame(rows), query.alpha)
    srm_p_value = srm(arms["n"].tolist(), arms["planned_share"].tolist())
    return ExperimentResult(
        query=query,
        source_kind=reading.source_kind,
        control=control,
        arms=arms,
        metrics=metrics,
        daily=_daily(query, reading, order),
        ages=_ages(query, reading, order),
        srm_p_value=srm_p_value,
        n_several_arms=reading.n_several_arms,
        n_without_arm=reading.n_without_arm,
        n_repeated=reading.n_repeated,
        verdict=decide(query, metrics, arms, srm_p_value),
    )


def compare(control: Aggregates, treatment: Aggregates, alpha: float = 0.05) -> Effect:
    """Difference and lift of two arms whose sums are known from elsewhere (a dashboard, another database).

    A share: `compare(Aggregates.of_share(143, 2400), Aggregates.of_share(171, 2380))`.

    Raises:
        QueryError: a level outside (0, 0.5).
    """
    if not 0 < alpha < 0.5:
        raise QueryError("experiment_alpha", alpha=alpha)
    return effect(control, treatment, 1 - alpha)


@one_state
def arm_users(workspace: Workspace, query: ExperimentQuery, arm: str) -> list[str]:
    """Ids of the users exposed to one arm of an experiment with assignments, those with open windows too.

    Raises:
        QueryError: an unknown source or arm.
    """
    exposed = exposed_users(workspace, query)
    if arm not in exposed.arms:
        raise QueryError("experiment_unknown_arm", name=arm, nearest=nearest(arm, exposed.arms) or exposed.arms)
    return user_ids(workspace.store, exposed.user_key[exposed.arm == exposed.arms.index(arm)])


def _control(query: ExperimentQuery, arms: tuple[str, ...]) -> str:
    if query.control is None:
        return default_control(arms)
    if query.control not in arms:
        raise QueryError("experiment_unknown_arm", name=query.control, nearest=nearest(query.control, arms) or arms)
    return query.control


def _arm_table(query: ExperimentQuery, reading: Reading, order: list[str]) -> pd.DataFrame:
    planned = dict(query.planned) if query.planned else dict.fromkeys(order, 1.0)
    if set(planned) != set(order) or min(planned.values()) <= 0:
        raise QueryError("experiment_planned_arms", found=sorted(planned), arms=order)
    n = [reading.counts[reading.arms.index(arm)] for arm in order]
    deciding = [metric.name for metric in query.metrics if metric.role == "decision"] or list(reading.immature)
    immature = [max(reading.immature[name][reading.arms.index(arm)] for name in deciding) for arm in order]
    return pd.DataFrame(
        {
            "arm": order,
            "is_control": [place == 0 for place in range(len(order))],
            "n": n,
            "share": [size / sum(n) for size in n],
            "planned_share": [planned[arm] / sum(planned.values()) for arm in order],
            "n_immature": immature,
        }
    )


def _metric_rows(query: ExperimentQuery, metric: Metric, reading: Reading, order: list[str]) -> list[dict]:
    sums = [reading.total(metric.name, arm) for arm in order]
    pooled = _together(sums)
    effects = [effect(sums[0], other, 1 - query.alpha, pooled) for other in sums[1:]]
    control = effects[0].control if effects else Estimate(sums[0].n, sums[0].mean, math.nan)
    bet = bets([control, *(found.treatment for found in effects)], metric.higher_is_better)
    compared = [{"n": sums[0].n, "mean": sums[0].mean, "control_mean": math.nan}]
    compared += [
        _compared(query, metric, found) | {"mean": other.mean, "control_mean": sums[0].mean}
        for found, other in zip(effects, sums[1:], strict=True)
    ]
    return [
        _row(metric, reading, arm)
        | numbers
        | {"p_best": one.p_best, "expected_loss": one.expected_loss, "is_control": arm == order[0]}
        for arm, numbers, one in zip(order, compared, bet, strict=True)
    ]


def _together(arms: Iterable[Aggregates]) -> Aggregates | None:
    """The sums of all arms; one without users would take the covariate from the others."""
    known = [arm for arm in arms if arm.n]
    return functools.reduce(operator.add, known) if known else None


def _row(metric: Metric, reading: Reading, arm: str) -> dict:
    unknown = dict.fromkeys(
        ("difference", "low", "high", "relative", "relative_low", "relative_high", "p_value", "always_low",
         "always_high", "smallest_visible", "users_for_tenth", "variance_kept"), math.nan,
    )  # fmt: skip
    cap = reading.caps.get(metric.name)
    return {
        "metric": metric.name, "kind": metric.kind, "role": metric.role, "higher_is_better": metric.higher_is_better,
        "arm": arm, "n_missing": reading.missing[metric.name][reading.arms.index(arm)],
        "cap": math.nan if cap is None else cap, "largest": reading.largest[metric.name], "method": "",
        "worthwhile": math.nan if metric.worthwhile is None else metric.worthwhile, **unknown,
    }  # fmt: skip


def _compared(query: ExperimentQuery, metric: Metric, found: Effect) -> dict:
    always_low, always_high = always_valid(found, query.tuning_n, query.alpha)
    is_guardrail = metric.role == "guardrail"
    return {
        "n": found.treatment.n, "difference": found.difference, "low": found.low, "high": found.high,
        "relative": found.relative, "relative_low": found.relative_low, "relative_high": found.relative_high,
        "p_value": p_of_harm(found, metric.higher_is_better) if is_guardrail else found.p_value,
        "always_low": always_low, "always_high": always_high,
        "smallest_visible": smallest_visible(found, query.alpha, query.power),
        "users_for_tenth": users_needed(found, 0.1 * abs(found.control.mean), query.alpha, query.power),
        "method": found.method, "variance_kept": found.variance_kept,
    }  # fmt: skip


def _adjusted(metrics: pd.DataFrame, alpha: float) -> pd.DataFrame:
    adjusted = pd.Series(np.nan, index=metrics.index)
    for role, adjust in _ADJUST.items():
        rows = metrics["role"] == role
        adjusted[rows] = adjust(metrics.loc[rows, "p_value"].to_numpy(dtype=float))
    metrics = metrics.assign(p_adjusted=adjusted, is_clear=adjusted < alpha)
    first = [
        "metric", "kind", "role", "higher_is_better", "arm", "is_control", "n", "mean", "control_mean", "difference",
        "low", "high", "relative", "relative_low", "relative_high", "p_value", "p_adjusted", "is_clear",
    ]  # fmt: skip
    return metrics[first + [column for column in metrics if column not in first]]


def _daily(query: ExperimentQuery, reading: Reading, order: list[str]) -> pd.DataFrame:
    rows = []
    for metric in query.metrics:
        running = {arm: dict(reading.running(metric.name, arm)) for arm in order}
        days = sorted({day for by_day in running.values() for day in by_day})
        latest: dict[str, Aggregates] = {}
        for day in days:
            latest |= {arm: by_day[day] for arm, by_day in running.items() if day in by_day}
            if order[0] not in latest:
                continue
            pooled = _together(latest.values())
            rows += [
                _daily_row(query, metric, day, arm, effect(latest[order[0]], latest[arm], 1 - query.alpha, pooled))
                for arm in order[1:]
                if arm in latest
            ]
    names = ["metric", "arm", "day", "n", "difference", "low", "high", "always_low", "always_high"]
    return pd.DataFrame(rows, columns=names)


def _daily_row(query: ExperimentQuery, metric: Metric, day: dt.date, arm: str, found: Effect) -> tuple:
    low, high = always_valid(found, query.tuning_n, query.alpha)
    n = found.control.n + found.treatment.n
    return (metric.name, arm, day, n, found.difference, found.low, found.high, low, high)


def _ages(query: ExperimentQuery, reading: Reading, order: list[str]) -> pd.DataFrame:
    rows = []
    for name, reached in reading.ages.groupby("metric", sort=False):
        metric = next(one for one in query.metrics if one.name == name)
        n_days = math.ceil(metric.window_seconds / DAY_SECONDS)
        sizes = {arm: reading.total(name, arm).n for arm in order}
        # An event at the very end of the window is whole days away and belongs to the last day.
        days = reached["elapsed_days"].clip(upper=n_days - 1).astype(int)
        counts = reached.groupby(["arm", days])["n"].sum()
        for arm in order[1:]:
            for day in range(n_days):
                by_arm = [int(counts.get(one, pd.Series(dtype=int)).loc[:day].sum()) for one in (order[0], arm)]
                control, treated = (
                    Aggregates.of_share(successes, sizes[one])
                    for successes, one in zip(by_arm, (order[0], arm), strict=True)
                )
                found = effect(control, treated, 1 - query.alpha)
                rows.append((name, arm, day + 1, treated.mean, control.mean, found.difference, found.low, found.high))
    return pd.DataFrame(rows, columns=["metric", "arm", "day", "mean", "control_mean", "difference", "low", "high"])
