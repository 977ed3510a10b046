"""What a funnel tells beyond its rates: time and money in depth, AARRR of the new users; computed when opened."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import streamlit as st

from ops_core.analyses import funnel, funnel_aarrr, funnel_times
from ops_core.analyses.funnel import FunnelQuery, FunnelResult
from ops_core.analyses.funnel_aarrr import AarrrQuery, Mapping
from ops_core.charts import funnel_extras as charts
from ops_core.charts import funnel_words as words
from ops_core.locale import Translator
from ops_core.workspace import Workspace
from ui import funnel_address, links
from ui.choices import pick, pick_many
from ui.current import View
from ui.funnel_panels import longer
from ui.layout import definition, panel, panel_head, panels
from ui.properties import groupings
from ui.session import cached, remembered
from ui.tables import Column, table
from ui.text import plain

_MOST_CHANNELS = 50
_NOTHING = "-"
_CHANNEL_WORDS = ("channel", "source", "utm", "渠道", "来源")


def depth(view: View, result: FunnelResult) -> None:
    """Time to convert over time and by group, and the money at each step."""
    t = view.t
    shown = st.expander(t("funnel.depth_title"), key="funnel_depth", on_change="rerun")
    if not shown.open:
        return
    with shown, panels():
        if result.n_converted:
            _times_over_time(view, result)
            if result.query.breakdown:
                _times_by_group(view, result)
        _money(view, result)


def aarrr(view: View) -> None:
    """Acquisition, activation, retention, revenue, referral of new users, by a mapping that can be changed."""
    t = view.t
    shown = st.expander(t("funnel.aarrr_title"), key="funnel_aarrr", on_change="rerun")
    if not shown.open:
        return
    with shown:
        query = _aarrr_query(view)
        found = cached(funnel_aarrr.analyze, view.workspace, query)
        period = t.date_range(query.period.first_date, query.period.last_date)
        frame = _aarrr_rows(found.total, t)
        panel(
            plain(charts.aarrr_title(found, t)), t("funnel.aarrr_subtitle", n=found.n_new, period=period),
            charts.draw_aarrr(found, t, view.palette), frame, name="funnel_aarrr_stages", columns=_aarrr_columns(t),
        )  # fmt: skip
        _as_funnel(query, t)
        if query.channel:
            panel_head(plain(t("funnel.aarrr_channels", by=query.channel)), name="funnel_aarrr_by")
            wide, columns = _by_channel(found.stages, t)
            table(wide, columns, name="funnel_aarrr_channels", files=True)
        left_out = t("funnel.aarrr_left_out", n=found.n_left_out) if found.n_left_out else ""
        definition(t("funnel.aarrr_definition") + left_out)


def _times_over_time(view: View, result: FunnelResult) -> None:
    t, period = view.t, longer(view)
    grain = "week" if view.grain == "day" else view.grain
    whole = cached(funnel.analyze, view.workspace, replace(result.query, period=period))
    frame = funnel_times.by_bucket(whole, grain)
    panel(
        t("funnel.times_trend_title", grain=t(f"funnel.grain_{grain}")),
        t("funnel.times_trend_subtitle", period=t.date_range(period.first_date, period.last_date)),
        charts.draw_times_trend(frame, t, view.palette), frame, name="funnel_times_trend",
        columns=[Column("bucket", t("funnel.col_bucket"), "date"), *_quartile_columns(t)],
    )  # fmt: skip


def _times_by_group(view: View, result: FunnelResult) -> None:
    t = view.t
    found = funnel_times.by_group(result)
    frame = found.assign(group=[words.group_name(group, t) for group in found["group"]])
    columns = [Column("group", t("funnel.col_group")), *_quartile_columns(t)]
    with st.container(gap=12):
        panel_head(t("funnel.times_groups_title"), t("funnel.times_groups_subtitle"), name="funnel_times_by")
        table(frame, columns, name="funnel_times_groups", files=True)


def _money(view: View, result: FunnelResult) -> None:
    t = view.t
    names = words.step_names(result.query, t)
    with st.container(gap=12):
        if result.query.order == "unordered":
            panel_head(t("funnel.money_title"), t("funnel.money_unordered"), name="funnel_money_head")
            return
        money = remembered(lambda _: result.revenue(), view.workspace, detail=repr(result.query))
        if not money["users_with_value"].sum():
            panel_head(t("funnel.money_title"), t("funnel.money_none"), name="funnel_money_head")
            return
        reached = result.total["users"].to_numpy()
        frame = money.assign(
            step_name=[f"{step}  {names[step - 1]}" for step in money["step"]], users=reached,
            total=money["total"].where(money["users_with_value"] > 0),
            per_entrant=(money["total"] / max(result.n_entered, 1)).where(money["users_with_value"] > 0),
        )  # fmt: skip
        panel_head(t("funnel.money_title"), t("funnel.money_subtitle"), name="funnel_money_head")
        columns = [
            Column("step_name", t("funnel.col_step")),
            Column("users", t("funnel.col_users"), "count"),
            Column("users_with_value", t("funnel.col_with_value"), "count"),
            Column("total", t("funnel.col_total"), "money"),
            Column("mean", t("funnel.col_mean"), "money"),
            Column("per_entrant", t("funnel.col_per_entrant"), "money"),
        ]
        table(frame, columns, name="funnel_money", files=True)


def _aarrr_query(view: View) -> AarrrQuery:
    t, workspace = view.t, view.workspace
    events = {name: name for name in remembered(Workspace.event_names, workspace)["event"]}
    guessed = remembered(funnel_aarrr.guess, workspace)
    mature = remembered(funnel_aarrr.mature_period, workspace)
    mapped = {}
    with st.container(horizontal=True, gap="small"):
        for stage in ("activation", "revenue", "referral"):
            nothing = t("funnel.aarrr_second_day" if stage == "activation" else "funnel.aarrr_nothing")
            names = pick_many(
                f"aarrr_{stage}", {_NOTHING: nothing} | events, label=t(f"funnel.aarrr_{stage}"),
                default=getattr(guessed, stage) or (_NOTHING,), placeholder=nothing,
            )  # fmt: skip
            mapped[stage] = tuple(name for name in names if name != _NOTHING)
        channels = {_NOTHING: t("funnel.breakdown_none")} | {name: name for name in _channels(view)}
        usual = next((name for name in channels if any(word in name.casefold() for word in _CHANNEL_WORDS)), _NOTHING)
        channel = pick("aarrr_by", channels, label=t("funnel.breakdown"), default=usual, style="select")
    period = view.period if view.period.end <= mature.end else mature
    return AarrrQuery(period, Mapping(**mapped), view.segment, None if channel == _NOTHING else channel)


def _as_funnel(query: AarrrQuery, t: Translator) -> None:
    """The same stages as a funnel, one after the other: from any event to those that stand for a stage."""
    stages = [one for one in (query.mapping.activation, query.mapping.revenue, query.mapping.referral) if one]
    if stages:
        steps = tuple(funnel.Step(events) for events in (None, *stages))
        asked = funnel_address.parameters(FunnelQuery(steps, query.period, funnel_aarrr.LONGEST_DAYS * 86_400))
        links.question("funnel", t("funnel.aarrr_as_funnel"), asked, icon=":material/filter_alt:")


def _channels(view: View) -> list[str]:
    return [one.name for one in groupings(view, "user", most=_MOST_CHANNELS)]


def _aarrr_rows(stages: pd.DataFrame, t: Translator) -> pd.DataFrame:
    return stages.assign(
        stage=[t(f"funnel.aarrr_{stage}") for stage in stages["stage"]],
        rule=[t(f"funnel.aarrr_rule_{stage}") for stage in stages["stage"]],
    )


def _aarrr_columns(t: Translator) -> list[Column]:
    return [
        Column("stage", t("funnel.aarrr_stage")),
        Column("rule", t("funnel.aarrr_rule")),
        Column("users", t("funnel.col_users"), "count"),
        Column("n", t("funnel.col_of"), "count"),
        Column("share", t("funnel.col_share"), "share"),
        Column("share_low", t("funnel.col_low"), "share"),
        Column("share_high", t("funnel.col_high"), "share"),
        Column("n_open", t("funnel.col_days_open"), "count"),
    ]


def _by_channel(stages: pd.DataFrame, t: Translator) -> tuple[pd.DataFrame, list[Column]]:
    """One row per channel: new users, then the share of each later stage."""
    shares = stages.pivot_table(index="group", columns="stage", values="share", sort=False, dropna=False)
    came = stages[stages["stage"] == "acquisition"].set_index("group")["n"]
    frame = shares.reindex(came.index).assign(new=came).reset_index()
    frame["group"] = [words.group_name(str(group), t) for group in frame["group"]]
    later = [stage for stage in funnel_aarrr.STAGES if stage != "acquisition" and stage in frame]
    columns = [Column("group", t("funnel.col_group")), Column("new", t("funnel.aarrr_acquisition"), "count")]
    return frame, [*columns, *(Column(stage, t(f"funnel.aarrr_{stage}"), "share") for stage in later)]


def _quartile_columns(t: Translator) -> list[Column]:
    return [
        Column("users", t("funnel.col_converted"), "count"),
        Column("median_seconds", t("funnel.col_median"), "duration"),
        Column("q1_seconds", t("funnel.col_q1"), "duration"),
        Column("q3_seconds", t("funnel.col_q3"), "duration"),
    ]
