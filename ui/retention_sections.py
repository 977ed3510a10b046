"""What else the retention page can tell. A section is computed when it is opened, so that a click on the heat map's
controls pays for the heat map alone; which one is open stands in the address."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import streamlit as st

from ops_core.analyses import resurrection, retention, retention_compare, retention_value, stickiness, streaks, survival
from ops_core.analyses.cohort_change import changes
from ops_core.analyses.retention import RetentionQuery, RetentionResult
from ops_core.charts import resurrection as back_charts
from ops_core.charts import retention_compare as compare_charts
from ops_core.charts import retention_curves as curves
from ops_core.charts import retention_value as value_charts
from ops_core.charts import retention_words as words
from ops_core.charts import stickiness as sticky_charts
from ops_core.charts import streaks as streak_charts
from ops_core.charts import survival as survival_charts
from ops_core.charts.trends_words import group_name
from ops_core.errors import QueryError
from ops_core.model.segment import Segment
from ops_core.workspace import Workspace
from ui import address
from ui import retention_columns as columns
from ui.choices import pick
from ui.current import View
from ui.layout import controls, definition, note, panel, panel_head, panels
from ui.retention_controls import Asked, long_enough, period_before
from ui.session import cached, remembered
from ui.tables import table
from ui.text import mark, plain, small, spaced

_PERIOD, _REST, _NOTHING = "period", "rest", "none"
_SILENCES = (7, 14, 21, 28, 45, 60, 90)


@dataclass(frozen=True)
class Shown:
    """What a section is told."""

    result: RetentionResult
    asked: Asked
    view: View


def sections(result: RetentionResult, asked: Asked, view: View) -> None:
    """A row of further readings, none of them open at first, and the chosen one."""
    t = view.t
    known: dict[str, Callable[[Shown], None]] = {
        "curves": _curves, "cohorts": _cohorts, "compare": _compare, "value": _value, "frequency": _frequency,
        "back": _back, "survival": _survival,
    }  # fmt: skip
    usual = "curves" if result.query.breakdown else None  # groups are told apart there, not on the map
    key = address.recall("retention_section", usual, lambda texts: texts[0] if texts[0] in (*known, _NOTHING) else None)
    if st.session_state[key] == _NOTHING:
        st.session_state[key] = None
    with st.container(gap="xxsmall"):
        st.markdown(small(t("retention.sections")))
        chosen = st.segmented_control(
            t("retention.sections"), list(known), key=key, format_func=lambda one: t(f"retention.section_{one}"),
            label_visibility="collapsed", persist_state="session",
        )  # fmt: skip
    chosen = address.keep("retention_section", chosen, usual, lambda one: (one or _NOTHING,))
    if chosen is None:
        return
    try:
        known[chosen](Shown(result, asked, view))
    except QueryError as error:  # the heat map above stays: the section alone has nothing to show
        note(plain(error.sentence(t)), "warning")


def _curves(shown: Shown) -> None:
    view, result, t = shown.view, shown.result, shown.view.t
    ways = {one: t(f"retention.curves_{one}") for one in ("group", "cohort")}
    by = pick("retention_curves", ways, label=t("retention.curves_of"))
    prop = result.query.breakdown
    named = t("retention.curves_by_subtitle", by=plain(shown.asked.breakdown)) if prop else None
    panel(
        plain(curves.curves_title(result, t)) if by == "group" else t("retention.curves_title"),
        t("retention.curves_cohort_subtitle") if by == "cohort" else named or t("retention.curves_subtitle"),
        curves.draw_curves(result, t, view.palette, by), columns.means(result, t), name="retention_curves",
        columns=columns.mean_columns(t),
    )  # fmt: skip


def _cohorts(shown: Shown) -> None:
    view, result, t = shown.view, shown.result, shown.view.t
    offsets = result.reached_offsets
    labels = dict(zip(map(str, offsets), words.column_labels(result, offsets, t), strict=True))
    offset = int(pick("retention_k", labels, label=t("retention.column")))
    frame = changes(result, offset)
    frame = frame.assign(block=[curves.block_text(result, block, t) for block in frame["block"]])
    panel(
        curves.change_sentence(result, t, offset), words.cohorts_subtitle(result, t),
        curves.draw_cohorts(result, t, view.palette, offset), columns.cohorts(result, offset, t),
        name="retention_by_cohort", columns=columns.cohort_columns(t),
    )  # fmt: skip
    if len(frame) > 1:
        panel_head(t("retention.change_title"), t("retention.change_subtitle"), name="retention_changes_head")
        table(frame, columns.change_columns(t), name="retention_changes", files=True)


def _compare(shown: Shown) -> None:
    view, result, t = shown.view, shown.result, shown.view.t
    query = result.query
    saved = {one.name: one for one in remembered(Workspace.segments, view.workspace) if one.name != view.segment_name}
    options = ({_REST: t("retention_compare.rest")} if view.segment else {}) | {_PERIOD: t("retention_compare.period")}
    options |= {f"segment:{name}": name for name in saved}
    against = pick("retention_against", options, label=t("retention_compare.against"))
    if against == _PERIOD:
        other, names = _other_period(view, query)
    else:
        segment = saved.get(against.removeprefix("segment:"))
        other, names = replace(query, segment=segment), _segment_names(view, segment)
    if other is None:
        note(t("retention_compare.no_period", date=t.date(query.period.first_date, year=True)), "warning")
        return
    reference = cached(retention.analyze, view.workspace, other)
    told = repr((query, other))
    found = remembered(lambda _: retention_compare.compare(result, reference), view.workspace, detail=told)
    legend = (mark(view.palette.accent, plain(names[0])), mark(view.palette.comp, plain(names[1])))
    frame = compare_charts.table(found, t)
    panel(
        plain(compare_charts.title(found, t, names)), spaced(t.language, *legend, t("retention_compare.subtitle")),
        compare_charts.draw(found, t, names, view.palette), frame, name="retention_compare",
        columns=columns.comparison_columns(t),
    )  # fmt: skip
    if found.n_shared:
        definition(t("retention_compare.shared", n=found.n_shared))
    table(frame, columns.comparison_columns(t), name="retention_compare_table", height=min(36 + 32 * len(frame), 900))


def _other_period(view: View, query: RetentionQuery) -> tuple[RetentionQuery | None, tuple[str, str]]:
    t = view.t
    period = period_before(view, query)
    if period is None:
        return None, ("", "")
    spans = (t.date_range(one.first_date, one.last_date, year=True) for one in (query.period, period))
    names = tuple(t("retention_compare.cohorts_of", span=span) for span in spans)
    return replace(query, period=period), names


def _segment_names(view: View, segment: Segment | None) -> tuple[str, str]:
    t = view.t
    everybody = t("retention_compare.everybody_else") if view.segment else t("retention_compare.everybody")
    return (view.segment_name if view.segment else everybody, segment.name if segment else everybody)


def _value(shown: Shown) -> None:
    view, t, query = shown.view, shown.view.t, shown.result.query
    ways = {"revenue": t("retention_value.of_revenue"), "event": t("retention_value.of_event", name=shown.asked.event)}
    own = query.return_event is not None and pick("retention_value", ways, label=t("retention_value.of")) == "event"
    asked = replace(
        query, measure="on" if query.measure == "on_or_after" else query.measure, min_occurrences=1,
        return_event=query.return_event if own else None, return_filters=query.return_filters if own else (),
    )  # fmt: skip
    result = cached(retention_value.analyze, view.workspace, asked)
    frame, remark = value_charts.table(result, t), value_charts.remark(result, t)
    if remark:
        note(remark, "warning" if result.remarks else "info")
    with panels():
        panel(
            value_charts.title(result, t), t("retention_value.subtitle"),
            value_charts.draw(result, t, view.palette), frame, name="retention_value",
            columns=columns.value_columns(t),
        )  # fmt: skip
        panel(
            t("retention_value.each_title"), t("retention_value.each_subtitle"),
            value_charts.draw(result, t, view.palette, "each"), columns.value_cells(result, t),
            name="retention_value_cells", columns=columns.value_cell_columns(t),
        )  # fmt: skip


def _frequency(shown: Shown) -> None:
    view, t, query = shown.view, shown.view.t, shown.result.query
    grain = "day" if query.grain == "hour" else query.grain
    asked = streaks.StreakQuery(query.period, grain, query.return_event, query.segment, query.return_filters)
    found = cached(streaks.analyze, view.workspace, asked)
    often = cached(
        stickiness.analyze, view.workspace,
        stickiness.StickinessQuery(query.period, grain, query.return_event, query.segment, query.return_filters),
    )  # fmt: skip
    legend = (mark(view.palette.accent, t("streaks.longest")), mark(view.palette.comp, t("streaks.current")))
    span = t.date_range(query.period.first_date, query.period.last_date)
    with panels():
        panel(
            streak_charts.title(found, t), spaced(t.language, *legend, streak_charts.subtitle(found, t)),
            streak_charts.draw(found, t, view.palette), found.counts, name="retention_streaks",
            columns=columns.streak_columns(t),
        )  # fmt: skip
        panel(
            sticky_charts.title(often, t), t("streaks.often_subtitle", n=int(often.n_active), span=span),
            sticky_charts.draw(often, t, view.palette), often.counts, name="retention_frequency",
            columns=columns.frequency_columns(t),
        )  # fmt: skip


def _back(shown: Shown) -> None:
    view, t, query = shown.view, shown.view.t, shown.result.query
    grain = "day" if query.grain == "hour" else query.grain
    asked = resurrection.ResurrectionQuery(query.period, grain, query.return_event, query.segment, query.return_filters)
    found = cached(resurrection.analyze, view.workspace, asked)
    with panels():
        panel(
            back_charts.title(found, t), t("resurrection.subtitle", unit=t(f"streaks.unit_{grain}")),
            back_charts.draw(found, t, view.palette), found.by_silence, name="retention_back",
            columns=columns.silence_columns(t),
        )  # fmt: skip
        panel(
            t("resurrection.bucket_title"), t("resurrection.bucket_subtitle"),
            back_charts.draw_by_bucket(found, t, view.palette), found.by_bucket, name="retention_back_by_bucket",
            columns=columns.resurrected_columns(t),
        )  # fmt: skip


def _survival(shown: Shown) -> None:
    view, t, query = shown.view, shown.view.t, shown.result.query
    saved = remembered(Workspace.segments, view.workspace)
    options = {"by": t("retention.survival_by", by=shown.asked.breakdown)} if _by_user(query) else {}
    options |= {"all": t("retention.survival_all")}
    options |= {"segments": t("retention.survival_segments")} if len(saved) > 1 else {}
    lengths = {str(days): t("retention.survival_silence", days=days) for days in _SILENCES}
    with controls():
        way = pick("retention_survival", options, label=t("retention.survival_groups"))
        silence = int(pick("retention_silence", lengths, label=t("retention.survival_days"), default="28"))
    period = long_enough(view, query.period, silence)
    result = cached(
        survival.analyze, view.workspace,
        survival.SurvivalQuery(
            period, silence, query.return_event, query.breakdown if way == "by" else None,
            segment=query.segment, segments=tuple(saved) if way == "segments" else (), filters=query.return_filters,
        ),
    )  # fmt: skip
    frame = result.groups.assign(group=[group_name(name, t) for name in result.groups["group"]])
    panel(
        plain(survival_charts.title(result, t)),
        t("retention.survival_subtitle", text=survival_charts.subtitle(result, t),
          span=t.date_range(period.first_date, period.last_date)),
        survival_charts.draw(result, t, view.palette), frame, name="retention_survival",
        columns=columns.survival_columns(t),
    )  # fmt: skip
    if result.n_overlapping:
        note(t("retention.survival_overlap", n=int(result.n_overlapping)), "warning")
    if len(result.pairs):
        pairs = result.pairs.assign(
            group=[group_name(name, t) for name in result.pairs["group"]],
            other=[group_name(name, t) for name in result.pairs["other"]],
        )
        table(pairs, columns.pair_columns(t), name="retention_survival_pairs", files=True)


def _by_user(query: RetentionQuery) -> bool:
    return query.breakdown is not None and query.breakdown.startswith("user.")
