"""Controls and tables of the campaigns page: from widgets to an experiment query, from a result to tables."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from ops_core.analyses import experiments
from ops_core.analyses.experiment_sources import ASSIGNMENTS, UNIT_TABLE
from ops_core.analyses.experiments import ExperimentQuery, ExperimentResult, Metric
from ops_core.charts import experiment_words as words
from ops_core.charts import experiments as charts
from ops_core.locale import Translator
from ops_core.workspace import Workspace
from ui.choices import pick, pick_many, pick_number, switch
from ui.current import Screen, View
from ui.layout import more, panel, panel_head
from ui.people import user_list
from ui.session import cached, remembered
from ui.tables import Column, table
from ui.text import plain

_CUTS = {"none": None, "99": 0.99, "999": 0.999}
_LONGEST_WINDOW = 90


def ask(screen: Screen, known: pd.DataFrame) -> tuple[ExperimentQuery, bool]:
    """Draw the controls and read them: the experiment as it is asked for, and whether changes are shown relative."""
    workspace, t = screen.workspace, screen.t
    by_code = {str(row["source"]): row for row in known.to_dict("records")}
    counted = {ASSIGNMENTS: "experiments.source_name", UNIT_TABLE: "experiments.source_rows"}
    labels = {code: t(counted[row["kind"]], name=row["name"], n=row["n_users"]) for code, row in by_code.items()}
    code = pick("campaign", labels, label=t("experiments.source"))
    source = by_code[code]["source"]
    is_unit_table = by_code[code]["kind"] == UNIT_TABLE
    goal = "" if is_unit_table else _goal(workspace, t)
    arms = cached(experiments.arm_names, workspace, source)
    control = _control(arms, t)
    measures = {measure: t(f"experiments.{measure}") for measure in ("relative", "absolute")}
    is_relative = pick("campaign_measure", measures, label=t("experiments.relative"), style="segments") == "relative"
    with more(t):
        metrics = _of_columns(workspace, t, source) if is_unit_table else _of_events(workspace, t, source, goal)
    segment = screen.segment if isinstance(screen, View) and not is_unit_table else None
    return ExperimentQuery(source, metrics, control=control, segment=segment), is_relative


def _control(arms: Sequence[str], t: Translator) -> str | None:
    if not arms:
        return None
    usual = experiments.default_control(arms)
    return pick("campaign_control", {arm: arm for arm in arms}, label=t("experiments.control"), default=usual)


def _goal(workspace: Workspace, t: Translator) -> str:
    names = {name: name for name in remembered(Workspace.event_names, workspace)["event"]}
    usual = remembered(experiments.goal_event, workspace)
    return pick("campaign_goal", names, label=t("experiments.goal"), default=usual)


def _of_columns(workspace: Workspace, t: Translator, batch_id: int) -> tuple[Metric, ...]:
    columns = {name: name for name in cached(experiments.outcome_columns, workspace, batch_id)["name"]}
    suggested = experiments.unit_metrics(workspace, batch_id)
    decisions = pick_many(
        "campaign_decision", columns, label=t("experiments.decision"),
        default=[metric.name for metric in suggested if metric.role == "decision"],
        placeholder=t("experiments.pick_columns"),
    )  # fmt: skip
    guardrails = pick_many(
        "campaign_guardrail", columns, label=t("experiments.guardrail"), placeholder=t("experiments.pick_columns")
    )
    return experiments.unit_metrics(workspace, batch_id, decisions, guardrails, _cut(t))


def _of_events(workspace: Workspace, t: Translator, source: str, goal: str) -> tuple[Metric, ...]:
    usual = cached(experiments.window_days, workspace, source)
    days = pick_number("campaign_days", label=t("experiments.window"), default=usual, low=1, high=_LONGEST_WINDOW)
    names = {name: name for name in remembered(Workspace.event_names, workspace)["event"]}
    usual_harm = remembered(experiments.harm_events, workspace)
    guardrails = pick_many(
        "campaign_harm", names, label=t("experiments.guardrail"), default=usual_harm,
        placeholder=t("experiments.pick_events"), most=4,
    )  # fmt: skip
    cut = _cut(t)
    cuped = switch("campaign_cuped", label=t("experiments.cuped"), default=True)
    return experiments.event_metrics(t, goal, days, guardrails, cut, cuped)


def _cut(t: Translator) -> float | None:
    options = {code: t(f"experiments.winsorize_{code}") for code in _CUTS}
    return _CUTS[pick("campaign_cut", options, label=t("experiments.winsorize"), style="select")]


def time_panel(result: ExperimentResult, screen: Screen) -> None:
    """The effect over time: as each reading day would have shown it, else by days since exposure."""
    t = screen.t
    if charts.has_days(result):
        days, title, figure = charts.daily_rows(result), words.daily_title(result, t), charts.draw_daily
        subtitle, numbers = "experiments.daily_subtitle", ("difference", "low", "high", "always_low", "always_high")
    else:
        days, title, figure = charts.age_rows(result), words.ages_title(result, t), charts.draw_ages
        subtitle, numbers = "experiments.ages_subtitle", ("difference", "low", "high")
    kind = "date" if charts.has_days(result) else "count"
    columns = [Column("day", t("experiments.col_day"), kind)]
    columns += [Column(name, t(f"experiments.col_{name}"), "number") for name in numbers]
    name = days["metric"].iloc[0]
    is_share = any(metric.is_share for metric in result.query.metrics if metric.name == name)
    panel(
        title,
        t(subtitle, metric=plain(name)) + (t("experiments.in_points") if is_share else ""),
        figure(result, t, screen.palette),
        days,
        name="campaign_time",
        columns=columns,
    )


def arms_table(result: ExperimentResult, t: Translator) -> None:
    """The table of the arms with every metric's mean."""
    frame = result.by_arm()
    subtitle = t(f"experiments.arms_subtitle_{result.source_kind}")
    panel_head(t("experiments.arms_title"), subtitle, name="campaign_arms_head")
    kinds = {metric.name: "share" if metric.is_share else "money" for metric in result.query.metrics}
    kinds |= {metric.name: "number" for metric in result.query.metrics if metric.kind in ("mean", "ratio")}
    names = result.mean_columns()
    columns = [
        Column("arm", t("experiments.col_arm")),
        Column("planned_share", t("experiments.col_planned"), "share"),
        Column("share", t("experiments.col_share"), "share"),
        Column("n", t("experiments.col_n"), "count"),
        Column("n_immature", t("experiments.col_immature"), "count"),
        *(Column(names[name], name, kind) for name, kind in kinds.items()),
    ]
    table(frame, columns, name="campaign_arms", files=True)


def arm_users(result: ExperimentResult, screen: Screen) -> None:
    """The users of the arm that the verdict speaks of, to list or to save; unit tables have no known users."""
    arm = result.verdict.arm
    if result.source_kind == "unit_table" or arm not in set(result.arms["arm"]):
        return
    t, query = screen.t, result.query
    n = int(result.arms.set_index("arm").loc[arm, "n"])
    user_list(
        t("experiments.users_sentence", n=n, arm=plain(arm)),
        lambda: experiments.arm_users(screen.workspace, query, arm),
        name="campaign_users",
        suggestion=t("experiments.users_segment", experiment=query.source, arm=arm),
    )


def metric_columns(t: Translator) -> list[Column]:
    """How the table of metrics reads."""
    texts = [("metric", ""), ("role", ""), ("arm", ""), ("n", "count")]
    numbers = [(name, "figure") for name in ("mean", "control_mean", "difference", "low", "high")]
    shares = [(name, "signed_share") for name in ("relative", "relative_low", "relative_high")]
    rest = [("p", "p"), ("p_adjusted", "p"), ("p_best", "share"), ("loss", "figure")]
    frame_names = {"p": "p_value", "loss": "expected_loss"}
    return [
        Column(frame_names.get(name, name), t(f"experiments.col_{name}"), kind or "text")
        for name, kind in (*texts, *numbers, *shares, *rest)
    ]
