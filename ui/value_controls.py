"""Controls and panels of the value page."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st

from ops_core.analyses.survival import SurvivalQuery, SurvivalResult
from ops_core.analyses.value import ValueQuery, ValueResult
from ops_core.analyses.value_model import ValueModelQuery, ValueModelResult
from ops_core.charts import survival as survival_charts
from ops_core.charts import value as charts
from ops_core.charts import value_words as words
from ops_core.charts.trends_words import group_name
from ops_core.locale import Translator
from ops_core.model.period import Period
from ops_core.workspace import Workspace
from ui.choices import pick, pick_number
from ui.current import View
from ui.empty import sample_button
from ui.layout import controls, more, note, panel, panel_head
from ui.links import link
from ui.people import user_list
from ui.properties import groupings
from ui.session import remembered
from ui.tables import Column, table
from ui.text import mark, spaced

_NONE = "none"
_AGES = (7, 14, 30, 60, 90, 180, 365)
_CHANNEL_NAMES = ("channel", "渠道", "source", "来源", "acquisition", "media")


@dataclass(frozen=True)
class Asked:
    """The three questions of the page."""

    value: ValueQuery
    model: ValueModelQuery
    survival: SurvivalQuery


def asked(view: View) -> Asked:
    """Ask for grouping and cohorts; margin, horizon and churn under "more"."""
    t = view.t
    properties = _properties(view)
    by = pick("value_by", properties, label=t("value.by"), default=_channel(properties))
    grain = pick("value_grain", {one: t(f"value.grain_{one}") for one in ("week", "month")}, label=t("value.grain"),
                 default=_grain(view))  # fmt: skip
    most = {"week": 52, "month": 36}[grain]
    with more(t):
        n = pick_number("value_cohorts", label=t("value.cohorts"), default=26 if grain == "week" else 12, low=2,
                        high=most)  # fmt: skip
        margin = pick_number("value_margin", label=t("value.margin"), default=100, low=1, high=100)
        horizon = pick_number("value_horizon", label=t("value.horizon"), default=90, low=7, high=730)
        silence = pick_number("value_silence", label=t("value.silence"), default=28, low=3, high=365)
    period, breakdown = _period(view, grain, n), None if by == _NONE else by
    return Asked(
        ValueQuery(period, grain, _AGES, breakdown, margin=margin / 100, segment=view.segment),
        ValueModelQuery(horizon, margin=margin / 100, breakdown=breakdown, segment=view.segment),
        SurvivalQuery(period, silence, breakdown=breakdown, top=6, segment=view.segment),
    )


def ages(result: ValueResult, view: View) -> None:
    """LTV by age, and at one age by group."""
    t, palette = view.t, view.palette
    age = result.curve_age_days
    if not age:
        return
    span = t.date_range(*result.curve_days)
    users = int(words.at_age(result)["users"].sum())
    panel(
        t("value.curve_title", age=age),
        t("value.curve_subtitle", n=users, span=span) + (t("value.curve_payback") if result.has_spend else ""),
        charts.draw_curves(result, t, palette), result.curve, name="value_curve",
    )  # fmt: skip
    legend = spaced(t.language, mark(palette.accent, "LTV"), mark(palette.comp, "CAC")) if result.has_spend else ""
    panel(
        t("value.groups_title", age=age), spaced(t.language, legend, t("value.groups_subtitle")),
        charts.draw_groups(result, t, palette), _named(result.ltv, t), name="value_groups", columns=_ltv_columns(t),
    )  # fmt: skip


def costs(result: ValueResult, view: View) -> None:
    """What new users cost, with what is missing; why it is not known, or the file that would fill it."""
    t = view.t
    if not result.has_spend and "spend" in set(remembered(_kinds_in_use, view.workspace)):
        reason = "other" if result.query.segment is None else "segment"
        panel_head(t(f"value.spend_{reason}"), t(f"value.spend_{reason}_text"), name="value_costs")
        return
    if not result.has_spend:
        panel_head(t("value.no_spend"), t("value.no_spend_text"), name="value_costs")
        with controls():
            sample_button("spend", place="value")
            link("import", t("shell.load_file"), ":material/upload_file:")
        return
    columns = _cost_columns(t, result.curve_age_days)
    subtitle = "value.channels_subtitle" if result.query.breakdown else "value.total_subtitle"
    panel_head(
        words.channels_title(result, t), t(subtitle, margin=t.share(result.query.margin, 0)),
        _named(result.channels, t), name="value_costs", columns=columns,
    )  # fmt: skip
    table(_named(result.channels, t), columns, name="value_costs_table")
    missing = words.spend_notes(result, t)
    if missing:
        note(t.sentences(missing), "warning")


def buying_again(result: ValueResult, view: View) -> None:
    """Repeat purchase and buy-again rate, and the days between purchases."""
    t, palette = view.t, view.palette
    panel(
        words.repeat_title(result, t), t(f"value.repeat_subtitle_{result.query.grain}"),
        charts.draw_repeat(result, t, palette), result.buckets, name="value_repeat", columns=_bucket_columns(t),
    )  # fmt: skip
    panel(
        words.interval_title(result, t), t("value.interval_subtitle", n=int(result.interval_days["n"])),
        charts.draw_intervals(result, t, palette), result.intervals, name="value_intervals",
    )  # fmt: skip


def prediction(result: ValueModelResult, view: View) -> None:
    """What customers will bring, and how far such a forecast was off before; or why there is none."""
    t, palette = view.t, view.palette
    if result.refusals:
        panel_head(words.prediction_title(result, t), t("value.prediction_refused_text"), name="value_prediction")
        for text in words.refusal_texts(result, t):
            note(text, "warning")
    else:
        panel(
            words.prediction_title(result, t),
            t("value.prediction_subtitle", days=result.query.horizon_days, margin=t.share(result.query.margin, 0)),
            charts.draw_prediction(result, t, palette), _named(result.groups, t), name="value_prediction",
            columns=_group_columns(t),
        )  # fmt: skip
    if result.holdout:
        legend = spaced(
            t.language, mark(palette.accent, t("value.predicted")), mark(palette.comp_soft, t("value.actual"))
        )
        text = t("value.holdout_subtitle", days=result.holdout.days, n=result.holdout.n_customers)
        panel(
            words.holdout_title(result, t), spaced(t.language, legend, text), charts.draw_holdout(result, t, palette),
            result.holdout_table, name="value_holdout",
        )  # fmt: skip


def staying(result: SurvivalResult, view: View) -> None:
    """How long users stay."""
    t = view.t
    panel(
        survival_charts.title(result, t), survival_charts.subtitle(result, t),
        survival_charts.draw(result, t, view.palette), _named(result.groups, t), name="value_survival",
        columns=_survival_columns(t),
    )  # fmt: skip


def cohorts(result: ValueResult, view: View) -> None:
    """LTV cohort by cohort at each age."""
    t = view.t
    wide = result.cohorts.pivot_table(index="cohort", columns="age_days", values="ltv", dropna=False)
    kept = [age for age in wide.columns if wide[age].notna().any()]
    frame = wide[kept].reset_index()
    frame.insert(1, "users", result.cohorts.groupby("cohort")["users"].first().to_numpy())
    frame = frame[frame["users"] > 0].sort_values("cohort", ascending=False)
    frame.columns = [str(column) for column in frame.columns]
    columns = [
        Column("cohort", t("value.column_cohort"), "date"), Column("users", t("value.column_users"), "count"),
        *(Column(str(age), t("value.column_at_age", age=age), "money") for age in kept),
    ]  # fmt: skip
    with st.container(gap=12):
        panel_head(t("value.cohorts_title"), t("value.cohorts_subtitle"), frame, name="value_cohorts", columns=columns)
        table(frame, columns, name="value_cohorts_table", height=320)


def leaving(result: ValueModelResult, view: View) -> None:
    """Good customers who have probably gone, as a list."""
    if result.refusals or result.customers.empty:
        return
    t, people = view.t, result.customers
    gone = people[(people["p_alive"] < 0.5) & (people["spent"] >= people["spent"].quantile(0.75))]
    if gone.empty:
        return
    keys = gone.sort_values("spent", ascending=False)["user_key"].to_numpy()
    user_list(
        t("value.leaving", n=len(keys)), lambda: result.user_ids(view.workspace, keys), name="value_leaving",
        suggestion=t("value.leaving_segment"),
    )  # fmt: skip


def _period(view: View, grain: str, n: int) -> Period:
    """The last n cohorts up to the end of the chosen period, as far as the data reach back."""
    rules = view.workspace.rules
    first_day, _ = view.workspace.data_period().days(rules)
    _, end_day = view.period.days(rules)
    last = int(rules.bucket_index(np.array([end_day - 1]), grain)[0])
    return Period.of_days(max(int(rules.index_start_day(last - n + 1, grain)), first_day), end_day)


def _grain(view: View) -> str:
    first, end = view.workspace.data_period().days(view.workspace.rules)
    return "month" if end - first > 300 else "week"


def _properties(view: View) -> dict[str, str]:
    return {_NONE: view.t("value.by_none")} | {one.code: one.name for one in groupings(view, "user")}


def _channel(properties: dict[str, str]) -> str:
    """The property that sounds like a channel, else none."""
    for word in _CHANNEL_NAMES:
        for code, name in properties.items():
            if word in name.casefold():
                return code
    return _NONE


def _named(frame: pd.DataFrame, t: Translator) -> pd.DataFrame:
    return frame.assign(group=[group_name(name, t) for name in frame["group"]])


def _kinds_in_use(workspace: Workspace) -> list[str]:
    return workspace.batches()["kind"].tolist()


def _ltv_columns(t: Translator) -> list[Column]:
    return [
        Column("group", t("value.column_group")), Column("age_days", t("value.column_age"), "count"),
        Column("users", t("value.column_users"), "count"), Column("value", t("value.column_value"), "money"),
        Column("ltv", "LTV", "money"), Column("low", t("value.column_low"), "money"),
        Column("high", t("value.column_high"), "money"),
    ]  # fmt: skip


def _cost_columns(t: Translator, age: int) -> list[Column]:
    return [
        Column("group", t("value.column_group")), Column("users", t("value.column_users"), "count"),
        Column("spend", t("value.column_spend"), "money"), Column("cac", "CAC", "money", t("value.help_cac")),
        Column("ltv", t("value.column_ltv", age=age), "money"),
        Column("ltv_to_cac", "LTV/CAC", "number", t("value.help_ltv_to_cac")),
        Column("roi", "ROI", "signed_share", t("value.help_roi")),
        Column("payback_days", t("value.column_payback"), "count", t("value.help_payback")),
        Column("missing_days", t("value.column_missing"), "count", t("value.help_missing")),
    ]  # fmt: skip


def _bucket_columns(t: Translator) -> list[Column]:
    kinds = {
        "bucket": "date", "active": "count", "revenue": "money", "paying": "count", "arpu": "money", "arppu": "money",
        "buyers": "count", "orders": "count", "repeat_buyers": "count", "repeat_rate": "share",
        "buyers_next": "count", "buy_again_rate": "share",
    }  # fmt: skip
    return [Column(name, t(f"value.column_{name}"), kind) for name, kind in kinds.items()]


def _group_columns(t: Translator) -> list[Column]:
    return [
        Column("group", t("value.column_group")), Column("customers", t("value.column_customers"), "count"),
        Column("spent", t("value.spent"), "money"), Column("predicted", t("value.predicted"), "money"),
        Column("p_alive", t("value.column_p_alive"), "share"),
    ]  # fmt: skip


def _survival_columns(t: Translator) -> list[Column]:
    return [
        Column("group", t("value.column_group")), Column("users", t("value.column_users"), "count"),
        Column("churned", t("survival.column_churned"), "count"),
        Column("median_days", t("survival.column_median"), "count"),
        *(Column(f"after_{day}", t("survival.column_after", day=day), "share") for day in (7, 30, 90)),
    ]  # fmt: skip
