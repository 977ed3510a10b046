"""Controls, tables and lists of the life-cycle page."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd

from ops_core.analyses import lifecycle
from ops_core.analyses.lifecycle import STAGES, LifecycleQuery, StageRules, StagesResult
from ops_core.analyses.stickiness import StickinessQuery, StickinessResult
from ops_core.charts import lifecycle as charts
from ops_core.charts.palette import Palette
from ops_core.errors import QueryError
from ops_core.locale import Translator
from ops_core.model.period import Period
from ops_core.workspace import Workspace
from ui.choices import pick, pick_number
from ui.current import View
from ui.layout import definition, more, panel
from ui.people import user_list
from ui.session import cached, remembered
from ui.tables import Column
from ui.text import mark, plain, spaced

_ANY, _EVENT = "any", "event:"
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
    complete_end = int(rules.local_days(np.array([view.workspace.as_of_us]))[0])
    # A period that reaches the last complete week shows the running bucket, too: partial, hatched.
    end_day = data_end if end_day >= complete_end - 7 else end_day
    last = int(rules.bucket_index(np.array([end_day - 1]), grain)[0])
    start = min(int(rules.index_start_day(last - _BUCKETS[grain] + 1, grain)), start_day)
    return Period.of_days(max(start, first_day), end_day)


def rules(view: View) -> StageRules:
    """Ask for the limits of the stages, the workspace's own as they stand."""
    t, own = view.t, StageRules.of(view.workspace)
    with more(t):
        introduction = pick_number(
            "stage_introduction", label=t("lifecycle.limit_introduction"), default=own.introduction_days, low=1, high=60
        )
        active = pick_number(
            "stage_active", label=t("lifecycle.limit_active"), default=own.active_days, low=1, high=180
        )
        churn = pick_number("stage_churn", label=t("lifecycle.limit_churn"), default=own.churn_days, low=2, high=365)
        many = pick_number(
            "stage_mature", label=t("lifecycle.limit_mature", recent=own.recent_days), default=own.mature_active_days,
            low=1, high=own.recent_days,
        )  # fmt: skip
        definition(churn_hint(view))
    return own.with_(introduction_days=introduction, active_days=active, churn_days=churn, mature_active_days=many)


def stages(view: View, limits: StageRules) -> StagesResult:
    """Everybody's stage at as-of."""
    return cached(_stages, view.workspace, (limits, view.segment))


def _stages(workspace: Workspace, asked: tuple) -> StagesResult:
    limits, segment = asked
    return lifecycle.stages(workspace, rules=limits, segment=segment)


def churn_hint(view: View) -> str:
    """What the data says about the churn limit; nothing where it says too little."""
    try:
        found = remembered(lifecycle.suggest_churn_days, view.workspace)
    except QueryError:
        return ""
    return view.t("lifecycle.churn_hint", n=round(found.days), days=view.t.number(found.days),
                        gaps=view.t.number(found.n_gaps))  # fmt: skip


def legend(t: Translator, palette: Palette) -> str:
    """The colours of the flow."""
    colors = charts.colors(palette) | {"returning": palette.comp}
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


def stages_panel(result: StagesResult, view: View, *, name: str) -> None:
    """Everybody by stage, with the table."""
    t = view.t
    table, columns = _stage_table(result, t)
    panel(
        charts.stages_title(result, t), t("lifecycle.stages_subtitle", date=last_day(result, t)),
        charts.draw_stages(result, t, view.palette), table, name=name, columns=columns,
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


def frequency(view: View) -> StickinessQuery:
    """Active days of the last four complete weeks up to the end of the chosen period."""
    rules = view.workspace.rules
    first_day, _ = view.workspace.data_period().days(rules)
    complete_end = int(rules.local_days(np.array([view.workspace.as_of_us]))[0])
    end_day = max(min(view.period.days(rules)[1], complete_end), first_day + 1)
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
    """One stage as a list of users."""
    t = view.t
    counts = result.counts.set_index("stage")["users"]
    stage = pick(
        "lifecycle_stage", {one: t(f"lifecycle.stage_{one}") for one in STAGES}, label=t("lifecycle.stage"),
        default="decline", style="segments",
    )  # fmt: skip
    name = t(f"lifecycle.stage_{stage}")
    user_list(
        t("lifecycle.stage_users", n=int(counts[stage]), stage=name),
        lambda: result.users(stage),
        name="lifecycle_stage_users",
        suggestion=plain_name(t("lifecycle.stage_segment", stage=name, date=t.date(result.at))),
    )


def plain_name(text: str) -> str:
    """A segment's name without the marks that keep words together."""
    return text.replace("\u2060", "").replace("\u00a0", " ")


def last_day(result: StagesResult, t: Translator) -> str:
    """The last day that the stages know."""
    return plain(t.date(result.at - dt.timedelta(days=1)))
