"""Controls of the retention page: what is asked, and over which cohorts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st

from ops_core.analyses.retention import RetentionQuery, RetentionResult
from ops_core.charts import retention as charts
from ops_core.charts import retention_words as words
from ops_core.model.period import Period
from ops_core.workspace import Workspace
from ui.choices import pick, pick_number
from ui.current import View
from ui.layout import chart, more, panel_head, wide
from ui.layout import definition as definition_line
from ui.people import user_list
from ui.session import remembered
from ui.tables import Column
from ui.text import plain

_ANY, _FIRST_SEEN, _NONE = "any", "first_seen", "none"
_GRAINS = ("day", "week", "month", "quarter")
_EVENT = "event:"
_MOST_VALUES = 60  # a property with more values than that is no grouping


@dataclass(frozen=True)
class Asked:
    """A query and how it reads."""

    query: RetentionQuery
    start: str
    event: str
    breakdown: str


def asked(view: View) -> Asked:
    """Ask for start, return, unit and measure; the rest under "more"."""
    t = view.t
    events = {_EVENT + name: name for name in remembered(Workspace.event_names, view.workspace)["event"]}
    starts = {_FIRST_SEEN: t("retention.start_first_seen"), _ANY: t("retention.start_any"), **events}
    start = pick("retention_start", starts, label=t("retention.start"))
    returns = {_ANY: t("retention.return_any"), **events}
    event = pick("retention_return", returns, label=t("retention.return"))
    units = {grain: t(f"retention.grain_{grain}") for grain in _GRAINS}
    grain = pick("retention_grain", units, label=t("retention.grain"), default=_grain(view))
    measures = {one: t(f"retention.measure_{one}") for one in ("on", "on_or_after")}
    measure = pick(
        "retention_measure", measures, label=t("retention.measure"), style="segments", hint=t("retention.measure_hint")
    )
    with more(t):
        modes = {one: t(f"retention.mode_{one}") for one in ("first_time", "recurring")}
        mode = pick("retention_mode", modes, label=t("retention.mode"), style="select")
        breakdown = pick("retention_by", _properties(view), label=t("retention.breakdown"), style="select")
        most = {"day": 45, "week": 52, "month": 36, "quarter": 20}[grain]
        n_cohorts = pick_number("retention_cohorts", label=t("retention.cohorts"), default=13, low=3, high=most)
        times = pick_number("retention_times", label=t("retention.occurrences"), default=1, low=1, high=20)
    if start == _FIRST_SEEN and mode == "first_time":
        mode = "first_seen"
    query = RetentionQuery(
        period=cohort_period(view, grain, n_cohorts),
        grain=grain,
        periods=min(n_cohorts, 26),
        cohort_event=start.removeprefix(_EVENT) if start.startswith(_EVENT) else None,
        return_event=event.removeprefix(_EVENT) if event.startswith(_EVENT) else None,
        mode=mode,
        measure=measure,
        min_occurrences=times,
        breakdown=None if breakdown == _NONE else breakdown,
        segment=view.segment,
        top=4,
    )
    return Asked(query, starts[start], returns[event], breakdown.removeprefix("user."))


def cohort_period(view: View, grain: str, n_cohorts: int) -> Period:
    """The last `n_cohorts` whole buckets up to the end of the chosen period, as far as the data reaches back."""
    rules = view.workspace.rules
    first_day, _ = view.workspace.data_period().days(rules)
    _, end_day = view.period.days(rules)
    last = int(rules.bucket_index(np.array([end_day - 1]), grain)[0])
    start = int(rules.index_start_day(last - n_cohorts + 1, grain))
    return Period.of_days(max(start, first_day), end_day)


def heat_map(result: RetentionResult, asked_for: Asked, view: View) -> None:
    """The cohorts. The head stays in view on a phone while the wide map scrolls below it."""
    t, period = view.t, asked_for.query.period
    span = t.date_range(period.first_date, period.last_date)
    subtitle = t("retention.heat_subtitle", who=words.who(result, t), span=span, event=plain(asked_for.event))
    frame = charts.table(result, t)
    with st.container(gap=12):
        panel_head(
            t("retention.heat_title"), subtitle, frame, name="retention_cohorts", columns=_columns(frame),
        )  # fmt: skip
        with wide():
            chart(
                charts.draw(result, t, view.palette), f"{t('retention.heat_title')}. {subtitle}",
                name="retention_heat_map",
            )  # fmt: skip
        if words.has_censored(result):
            definition_line(t("retention.censored_note"))


def _columns(frame: pd.DataFrame) -> list[Column]:
    names = list(frame.columns)
    return [
        Column(names[0], names[0]),
        Column(names[1], names[1], "count"),
        *(Column(n, n, "share") for n in names[2:]),
    ]


def lost(result: RetentionResult, view: View) -> None:
    """The users of the newest complete cohort who did not come back, as a list."""
    t = view.t
    offset = words.first_offset(result)
    ripe = result.overall[(result.overall["offset"] == offset) & result.overall["ripe"] & (result.overall["users"] > 0)]
    if ripe.empty:
        return
    cell = ripe.sort_values("cohort").iloc[-1]
    cohort = words.cohort_text(result, cell["cohort"], t)
    n = int(cell["users"] - cell["returned"])
    user_list(
        t("retention.lost_users", n=n, cohort=cohort, column=words.column_name(result, offset, t)),
        lambda: result.users(cell["cohort"], offset, returned=False),
        name="retention_lost",
        suggestion=t("retention.lost_segment", cohort=cohort),
    )


def definition(asked_for: Asked, view: View) -> str:
    """The definition in words, with what was chosen in it."""
    t = view.t
    starts = {"first_seen": t("retention.definition_first_seen"), "recurring": t("retention.definition_recurring")}
    return t(
        "retention.definition",
        start=starts.get(asked_for.query.mode, t("retention.definition_start")),
        event=plain(asked_for.event),
        zone=view.workspace.rules.zone,
    )


def _grain(view: View) -> str:
    """Months for more than ten months of data, weeks for more than four weeks, else days."""
    first, end = view.workspace.data_period().days(view.workspace.rules)
    return "month" if end - first > 300 else "week" if end - first > 28 else "day"


def _properties(view: View) -> dict[str, str]:
    found = remembered(Workspace.properties, view.workspace)
    names = found.loc[found["n_distinct"].between(2, _MOST_VALUES), "name"]
    return {_NONE: view.t("retention.breakdown_none")} | {f"user.{name}": name for name in names}
