"""Controls of the retention page: what is asked, and over which cohorts."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pandas as pd
import streamlit as st

from ops_core.analyses.retention import ROLLING_GRAINS, RetentionQuery, RetentionResult
from ops_core.charts import retention as charts
from ops_core.charts import retention_words as words
from ops_core.model.period import Period
from ops_core.model.time import date_of
from ops_core.workspace import Workspace
from ui import retention_more as ask
from ui.choices import pick, pick_number
from ui.current import View
from ui.layout import chart, head_place, more, note, panel_head
from ui.layout import definition as definition_line
from ui.people import user_list
from ui.session import drawn, remembered
from ui.tables import Column
from ui.text import plain

_ANY, _FIRST_SEEN, _EVENT = "any", "first_seen", "event:"
_MOST = {"hour": 72, "day": 45, "week": 52, "month": 36, "quarter": 20}  # cohorts on one screen
_USUAL = {"hour": 24}
_LEAST_WIDTH = 760


@dataclass(frozen=True)
class Asked:
    """A query and how it reads."""

    query: RetentionQuery
    start: str
    event: str
    breakdown: str
    show: str


def asked(view: View) -> Asked:
    """Ask for start, return, unit and measure; the rest under "more"."""
    t = view.t
    events = {_EVENT + name: name for name in remembered(Workspace.event_names, view.workspace)["event"]}
    starts = {_FIRST_SEEN: t("retention.start_first_seen"), _ANY: t("retention.start_any"), **events}
    start = pick("retention_start", starts, label=t("retention.start"))
    returns = {_ANY: t("retention.return_any"), **events}
    event = pick("retention_return", returns, label=t("retention.return"))
    units = {grain: t(f"retention.grain_{grain}") for grain in _MOST}
    grain = pick("retention_grain", units, label=t("retention.grain"), default=_grain(view))
    measures = {one: t(f"retention.measure_{one}") for one in ("on", "on_or_after", "bracket")}
    if grain in ROLLING_GRAINS:
        measures["rolling"] = t(f"retention.measure_rolling_{grain}")
    measure = pick("retention_measure", measures, label=t("retention.measure"), hint=t("retention.measure_hint"))
    has_event = start != _FIRST_SEEN
    with more(t):
        mode = ask.mode(view, has_event=has_event)
        breakdown = ask.breakdown(view, has_event=has_event)
        n_cohorts = pick_number(
            "retention_cohorts", label=t("retention.cohorts"), default=_USUAL.get(grain, 13), low=3, high=_MOST[grain]
        )
        shows = {one: t(f"retention.show_{one}") for one in charts.SHOWN}
        show = pick("retention_show", shows, label=t("retention.show"), style="segments")
        times = pick_number("retention_times", label=t("retention.occurrences"), default=1, low=1, high=20)
        brackets = ask.brackets(view, grain) if measure == "bracket" else ()
        entering = ask.event_filter(view, "retention_if", t("retention.cohort_filter")) if has_event else ()
        returning = ask.event_filter(view, "retention_back_if", t("retention.return_filter"))
    if brackets is None:
        note(t("retention.brackets_unread"), "warning")
        brackets = ask.read_brackets(ask.BRACKETS[grain])
    query = RetentionQuery(
        period=cohort_period(view, grain, n_cohorts),
        grain=grain,
        periods=max([min(n_cohorts, 26), *(last for _, last in brackets)]),
        cohort_event=start.removeprefix(_EVENT) if start.startswith(_EVENT) else None,
        return_event=event.removeprefix(_EVENT) if event.startswith(_EVENT) else None,
        mode=mode,
        measure=measure,
        min_occurrences=times,
        breakdown=None if breakdown == ask.NONE else breakdown,
        segment=view.segment,
        cohort_filters=entering,
        return_filters=returning,
        brackets=brackets,
        top=4,
    )
    return Asked(query, starts[start], returns[event], breakdown.removeprefix("user."), show)


def cohort_period(view: View, grain: str, n_cohorts: int) -> Period:
    """The last `n_cohorts` whole buckets up to the end of the chosen period, as far as the data reaches back."""
    rules = view.workspace.rules
    first_day, _ = view.workspace.data_period().days(rules)
    _, end_day = view.period.days(rules)
    if grain == "hour":
        end = dt.datetime.combine(date_of(end_day), dt.time())
        return Period(end - dt.timedelta(hours=n_cohorts), end)
    last = int(rules.bucket_index(np.array([end_day - 1]), grain)[0])
    start = int(rules.index_start_day(last - n_cohorts + 1, grain))
    return Period.of_days(max(start, first_day), end_day)


def period_before(view: View, query: RetentionQuery) -> Period | None:
    """As many cohorts right before the query's, or a year earlier where the bar compares with last year; fewer where
    the data begins in between, `None` where it begins later."""
    rules, grain = view.workspace.rules, query.grain
    known = view.workspace.data_period()
    if grain == "hour":
        before = query.period.previous()
        return before if before.start >= known.start else None
    first_day, end_day = query.period.days(rules)
    first, last = (int(one) for one in rules.bucket_index(np.array([first_day, end_day - 1]), grain))
    n_back = last - first + 1
    lengths = {"day": 364, "week": 52, "month": 12, "quarter": 4}
    if view.compare is not None and (view.period.first_date - view.compare.first_date).days == lengths["day"]:
        n_back = max(lengths[grain], n_back)
    data_from = known.days(rules)[0]
    start, end = (int(rules.index_start_day(index, grain)) for index in (first - n_back, last - n_back + 1))
    start = max(start, data_from)
    return Period.of_days(start, end) if start < end else None


def long_enough(view: View, period: Period, silence_days: int) -> Period:
    """A period stretched back, as far as the data reaches, so that silences of that length can be seen in it."""
    first_day, end_day = period.days(view.workspace.rules)
    data_from = view.workspace.data_period().days(view.workspace.rules)[0]
    return Period.of_days(min(first_day, max(end_day - 4 * silence_days, data_from)), end_day)


def heat_map(result: RetentionResult, asked_for: Asked, view: View) -> None:
    """The cohorts. The head stays in view on a phone while the wide map scrolls below it."""
    t, period, show = view.t, asked_for.query.period, asked_for.show
    span = t.date_range(period.first_date, period.last_date)
    subtitle = t(
        f"retention.heat_subtitle_{asked_for.show}", who=words.who(result, t), span=span, event=plain(asked_for.event)
    )
    with st.container(gap=12):
        place = head_place()
        with st.grid(1, wrap=False, min_column_width=max(_LEAST_WIDTH, charts.least_width(result))):
            chart(
                drawn("retention", lambda: charts.draw(result, t, view.palette, show), view, result, show),
                f"{t('retention.heat_title')}. {subtitle}",
                name="retention_heat_map",
            )  # fmt: skip
        frame = charts.table(result, t, asked_for.show)
        panel_head(
            t("retention.heat_title"), subtitle, frame, name="retention_cohorts", columns=_columns(frame), place=place
        )
        for remark in words.row_notes(result, t):
            definition_line(remark)


def _columns(frame: pd.DataFrame) -> list[Column]:
    first, *rest = frame.columns
    return [Column(first, first), *(Column(name, name, "count") for name in rest)]


def lost(result: RetentionResult, view: View) -> None:
    """The users of the newest complete cohort who did not come back, as a list."""
    t = view.t
    offset = result.reached_offsets[0]
    ripe = result.overall[(result.overall["offset"] == offset) & result.overall["ripe"] & (result.overall["users"] > 0)]
    if ripe.empty:
        return
    cell = ripe.sort_values("cohort").iloc[-1]
    cohort = words.cohort_text(result, cell["cohort"], t)
    n = int(cell["users"] - cell["returned"])
    if not n:
        return
    user_list(
        t("retention.lost_users", n=n, cohort=cohort, column=words.column_name(result, offset, t)),
        lambda: result.users(cell["cohort"], offset, returned=False),
        name="retention_lost",
        suggestion=t("retention.lost_segment", cohort=cohort),
    )


def definition(asked_for: Asked, view: View) -> str:
    """The definition in words, with what was chosen in it."""
    t, query = view.t, asked_for.query
    starts = {one: t(f"retention.definition_{one}") for one in ("first_seen", "recurring", "first_ever")}
    event = plain(asked_for.event) + ask.filter_text(query.return_filters, t)
    start = starts.get(query.mode, t("retention.definition_start"))
    if query.mode != "first_seen":
        start = t("retention.definition_event", start=start, event=plain(asked_for.start))
    rule = t(f"retention.rule_{query.measure}", event=event, n=int(query.min_occurrences))
    text = t(
        "retention.definition", start=start + ask.filter_text(query.cohort_filters, t), rule=rule,
        zone=view.workspace.rules.zone,
    )  # fmt: skip
    return text + (t("retention.definition_often") if query.mode == "recurring" else "")


def _grain(view: View) -> str:
    """Months for more than ten months of data, weeks for more than four weeks, else days."""
    first, end = view.workspace.data_period().days(view.workspace.rules)
    return "month" if end - first > 300 else "week" if end - first > 28 else "day"
