"""Controls, tables and lists of the life-cycle page."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from ops_core.analyses import lifecycle, stickiness
from ops_core.analyses.lifecycle import NOT_YET, STAGES, LifecycleQuery, StageRules, StagesResult
from ops_core.analyses.stickiness import StickinessQuery, StickinessResult
from ops_core.charts import lifecycle as charts
from ops_core.charts import stickiness as sticky
from ops_core.charts.palette import Palette
from ops_core.errors import QueryError
from ops_core.locale import Translator
from ops_core.model.period import Period
from ops_core.workspace import Workspace
from ui import address
from ui.choices import pick, pick_number
from ui.current import View
from ui.layout import definition, panel, panel_head
from ui.people import user_list
from ui.session import cached, remembered
from ui.tables import Column, table
from ui.text import mark, plain, small, spaced

_ANY, _EVENT, _NOTHING = "any", "event:", "-"
_BUCKETS = {"day": 42, "week": 26, "month": 18, "quarter": 12}


def query(view: View) -> LifecycleQuery:
    """Ask for the unit and what counts as active; enough buckets for a history, up to the running one."""
    t = view.t
    units = {grain: t(f"retention.grain_{grain}") for grain in ("day", "week", "month")}
    grain = pick("lifecycle_grain", units, label=t("lifecycle.grain"), default="week", style="segments")
    events = {_EVENT + name: name for name in remembered(Workspace.event_names, view.workspace)["event"]}
    event = pick("lifecycle_event", {_ANY: t("lifecycle.event_any"), **events}, label=t("lifecycle.event"))
    named = event.removeprefix(_EVENT) if event.startswith(_EVENT) else None
    return LifecycleQuery(history(view, grain), grain, named, view.segment)


def history(view: View, grain: str) -> Period:
    """The period, stretched back so that there are enough buckets to see a course; to the data's end for the latest."""
    rules = view.workspace.rules
    first_day, data_end = view.workspace.data_period().days(rules)
    start_day, end_day = view.period.days(rules)
    # A period that reaches the last complete week shows the running bucket, too: partial, hatched.
    end_day = data_end if _is_latest(view) else end_day
    last = int(rules.bucket_index(np.array([end_day - 1]), grain)[0])
    begins, ends = (int(day) for day in rules.index_start_day(np.array([last, last + 1]), grain))
    if max(start_day, first_day) < begins and end_day < ends <= _complete_end(view):
        # What reaches beyond the period must not answer for it, as long as a bucket before it can.
        last, end_day = last - 1, begins
    start = min(int(rules.index_start_day(last - _BUCKETS[grain] + 1, grain)), start_day)
    return Period.of_days(max(start, first_day), end_day)


def _is_latest(view: View) -> bool:
    """Whether the period reaches the last complete week."""
    return view.period.days(view.workspace.rules)[1] >= _complete_end(view) - 7


def _complete_end(view: View) -> int:
    """The local day that as-of lies in: those before it are complete."""
    return int(view.workspace.rules.local_days(np.array([view.workspace.as_of_us]))[0])


def rules(view: View) -> tuple[StageRules, DeltaGenerator]:
    """Ask for the limits of the stages, the workspace's own as they stand; and a spot for the counts they give."""
    t, own = view.t, StageRules.of(view.workspace)
    with st.popover(t("lifecycle.limits"), key="stage_rules_chip"):
        counts = st.empty()
        days = {"low": 1}
        introduction = pick_number(
            "stage_introduction",
            label=t("lifecycle.limit_introduction"),
            default=own.introduction_days,
            high=60,
            **days,
        )
        active = pick_number(
            "stage_active", label=t("lifecycle.limit_active"), default=own.active_days, high=180, **days
        )
        churn = pick_number("stage_churn", label=t("lifecycle.limit_churn"), default=own.churn_days, low=2, high=365)
        recent = pick_number(
            "stage_recent", label=t("lifecycle.limit_recent"), default=own.recent_days, high=365, **days
        )
        many = pick_number(
            "stage_mature", label=t("lifecycle.limit_mature", recent=recent), high=365,
            default=own.mature_active_days, **days,
        )  # fmt: skip
        activation = pick("stage_activation", _activations(view), label=t("lifecycle.activation"), style="select",
                          default=own.activation_event or _NOTHING)  # fmt: skip
        limits = own.with_(
            introduction_days=introduction, active_days=active, churn_days=churn, recent_days=recent,
            mature_active_days=many, activation_event=None if activation == _NOTHING else activation,
        )  # fmt: skip
        _suggestion(view, limits)
        _keep_or_reset(view, limits, own)
    return limits, counts


def live_counts(now: StagesResult, spot: DeltaGenerator, view: View) -> None:
    """The users of each stage, beside the limits that make them."""
    t = view.t
    parts = [f"{t('lifecycle.stage_' + row.stage)} **{t.number(row.users)}**" for row in now.counts.itertuples()]
    spot.markdown(small(spaced(t.language, *parts)))


def _activations(view: View) -> dict[str, str]:
    names = remembered(Workspace.event_names, view.workspace)["event"]
    return {_NOTHING: view.t("lifecycle.activation_second_day")} | {name: name for name in names}


def _suggestion(view: View, limits: StageRules) -> None:
    """What the data says about the churn limit, to take over with one click; nothing where it says too little."""
    t = view.t
    try:
        found = remembered(lifecycle.suggest_churn_days, view.workspace)
    except QueryError as error:
        definition(plain(error.sentence(t)))
        return
    definition(t("lifecycle.churn_hint", n=round(found.days), days=t.number(found.days), gaps=t.number(found.n_gaps)))
    wanted = limits.churned_after(found.days)
    if wanted != limits and st.button(t("lifecycle.churn_take", n=wanted.churn_days), key="stage_take"):
        address.change("stage_churn", str(wanted.churn_days))
        address.change("stage_active", str(wanted.active_days))
        st.rerun()


def _keep_or_reset(view: View, limits: StageRules, own: StageRules) -> None:
    t, workspace = view.t, view.workspace
    with st.container(horizontal=True, gap="xsmall"):
        if limits != own and st.button(t("lifecycle.rules_keep"), icon=":material/save:", key="stage_keep"):
            limits.keep(workspace)
            st.toast(t("lifecycle.rules_kept"), icon=":material/check:")
            st.rerun()
        usual = StageRules(activation_event=workspace.store.setting("activation_event"))
        label = t("lifecycle.rules_reset")
        if own != usual or limits != usual:
            st.button(label, icon=":material/restart_alt:", key="stage_reset", on_click=_reset, args=(workspace,))


def _reset(workspace: Workspace) -> None:
    """Forget the workspace's rules and what the address asks of them. Called before the page is drawn anew."""
    StageRules.reset(workspace)
    for name in [name for name in st.query_params if name.startswith("stage_")]:
        address.ask(name)


def stages(view: View, limits: StageRules) -> StagesResult:
    """Everybody's stage at as-of."""
    return cached(_stages, view.workspace, (limits, view.segment))


def _stages(workspace: Workspace, asked: tuple) -> StagesResult:
    limits, segment = asked
    return lifecycle.stages(workspace, rules=limits, segment=segment)


def legend(t: Translator, palette: Palette) -> str:
    """The colours of the flow."""
    colors = charts.colors(palette)
    parts = ("new", "resurrected", "returning", "newly_dormant")
    return spaced(t.language, *(mark(colors[part], t(f"lifecycle.{part}")) for part in parts))


def flow_columns(t: Translator) -> list[Column]:
    """How the flow's table is shown."""
    counts = ("active", "new", "returning", "resurrected", "newly_dormant", "dormant_stock")
    return [
        Column("bucket", t("lifecycle.bucket"), "date"),
        *(Column(name, t(f"lifecycle.{name}"), "count") for name in counts),
        Column("quick_ratio", t("lifecycle.quick_ratio"), "number"),
    ]


def moves_table(result: StagesResult, t: Translator) -> tuple[pd.DataFrame, list[Column]]:
    """The moves in words, and their columns."""
    named = result.transitions.assign(
        from_stage=[t(f"lifecycle.stage_{stage}") for stage in result.transitions["from_stage"]],
        to_stage=[t(f"lifecycle.stage_{stage}") for stage in result.transitions["to_stage"]],
    )
    columns = [
        Column("from_stage", t("lifecycle.stage_before")),
        Column("to_stage", t("lifecycle.stage_now")),
        Column("users", t("lifecycle.users"), "count"),
    ]
    return named, columns


def matrix(result: StagesResult, view: View) -> None:
    """The moves as a square whose margins are the stages a week ago and now."""
    t = view.t
    names = {"all": t("lifecycle.matrix_sum")}
    frame = result.matrix
    frame["from_stage"] = [names.get(stage) or t(f"lifecycle.stage_{stage}") for stage in frame["from_stage"]]
    columns = [Column("from_stage", t("lifecycle.stage_before"))]
    columns += [Column(stage, t(f"lifecycle.stage_{stage}"), "count") for stage in STAGES]
    columns += [Column("users", t("lifecycle.matrix_sum"), "count")]
    with st.container(gap=12):
        panel_head(
            t("lifecycle.matrix_title"), t("lifecycle.matrix_subtitle"), frame, name="lifecycle_matrix", columns=columns
        )
        table(frame, columns, name="lifecycle_matrix_table")


def stages_panel(result: StagesResult, view: View, *, name: str) -> None:
    """Everybody by stage, with the table."""
    t = view.t
    counts, columns = _stage_table(result, t)
    panel(
        charts.stages_title(result, t), t("lifecycle.stages_subtitle", date=plain(t.date(_last_day(result)))),
        charts.draw_stages(result, t, view.palette), counts, name=name, columns=columns,
    )  # fmt: skip


def _stage_table(result: StagesResult, t: Translator) -> tuple[pd.DataFrame, list[Column]]:
    named = result.counts.assign(stage=[t(f"lifecycle.stage_{stage}") for stage in result.counts["stage"]])
    columns = [
        Column("stage", t("lifecycle.stage")),
        Column("users", t("lifecycle.users"), "count"),
        Column("share", t("lifecycle.share"), "share"),
        Column("users_before", t("lifecycle.users_before"), "count"),
    ]
    return named, columns


def comparison_note(view: View) -> str:
    """That the bar's comparison does not apply here, where one is chosen."""
    return view.t("lifecycle.no_compare") if view.compare else ""


def stages_note(view: View) -> str:
    """That stages do not follow the period, where it ends before the last complete week."""
    return "" if _is_latest(view) else view.t("lifecycle.stages_no_period")


def often(view: View) -> None:
    """On how many days users are active."""
    t = view.t
    found = cached(stickiness.analyze, view.workspace, frequency(view))
    panel(
        sticky.title(found, t), t("lifecycle.sticky_subtitle", n=found.n_active, days=days_text(found, t)),
        sticky.draw(found, t, view.palette), found.counts, name="lifecycle_stickiness", columns=sticky_columns(t),
    )  # fmt: skip


def frequency(view: View) -> StickinessQuery:
    """Active days of the last four complete weeks up to the end of the chosen period."""
    rules = view.workspace.rules
    first_day, _ = view.workspace.data_period().days(rules)
    end_day = max(min(view.period.days(rules)[1], _complete_end(view)), first_day + 1)
    return StickinessQuery(Period.of_days(max(end_day - 28, first_day), end_day), "day", segment=view.segment)


def days_text(result: StickinessResult, t: Translator) -> str:
    """The days of the frequency histogram."""
    return t.date_range(result.query.period.first_date, result.query.period.last_date)


def sticky_columns(t: Translator) -> list[Column]:
    """How the table of active days is shown."""
    return [
        Column("buckets_active", t("lifecycle.buckets_active"), "count"),
        Column("users", t("lifecycle.users"), "count"),
        Column("share", t("lifecycle.share"), "share"),
        Column("users_at_least", t("lifecycle.users_at_least"), "count"),
    ]


def members(result: StagesResult, view: View) -> None:
    """One stage as a list of users, all or only those who came from a certain stage."""
    t = view.t
    stages_now = {one: t(f"lifecycle.stage_{one}") for one in STAGES}
    with st.container(gap="xsmall"):  # one under the other: in a row five stages would be cut off on a phone
        stage = pick("lifecycle_stage", stages_now, label=t("lifecycle.stage"), default="decline", style="segments")
        befores = {_ANY: t("lifecycle.before_any"), **stages_now, NOT_YET: t("lifecycle.stage_not_yet")}
        before = pick("lifecycle_before", befores, label=t("lifecycle.stage_before"))
    name, came_from = t(f"lifecycle.stage_{stage}"), None if before == _ANY else before
    n = result.count(stage, came_from)
    sentence = t("lifecycle.stage_users", n=n, stage=name)
    day = _last_day(result)
    suggestion = t("lifecycle.stage_segment", stage=name, date=t.date(day))
    if came_from:
        sentence = t("lifecycle.moved_users", n=n, stage=name, before=befores[before])
        suggestion = t("lifecycle.moved_segment", stage=name, before=befores[before], date=t.date(day))
    user_list(
        sentence, lambda: result.users(stage, came_from), name="lifecycle_stage_users",
        suggestion=suggestion, empty=n == 0,
    )  # fmt: skip


def _last_day(result: StagesResult) -> dt.date:
    """The last day that the stages know."""
    return result.at - dt.timedelta(days=1)
