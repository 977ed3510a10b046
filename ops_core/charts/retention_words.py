"""Sentences and names for retention: what the interval supports, in the reader's language."""

from __future__ import annotations

import datetime as dt

import pandas as pd

from ops_core.analyses.cohort_axes import ALL, NO_VALUE, OTHER_VALUES
from ops_core.analyses.cohort_change import newest_change
from ops_core.analyses.retention import RetentionQuery, RetentionResult
from ops_core.locale import Translator
from ops_core.model.intervals import FEW


def headline(result: RetentionResult, t: Translator) -> str:
    """The newest cohort against the earlier ones, as far as the interval goes."""
    offset = result.reached_offsets[0]
    found = newest_change(result, offset)
    named = {"column": column_name(result, offset, t), "who": who(result, t)}
    if found is None:
        mean = result.mean[result.mean["offset"] == offset].iloc[0]
        if not mean["eligible"]:
            is_unseen = first_ripe(result, offset) is pd.NaT
            return t("retention.headline_unseen" if is_unseen else "retention.headline_unripe", **named)
        key = "headline_open" if result.query.measure == "on_or_after" else "headline_mean"
        return t(f"retention.{key}", share=t.share(mean["share"]), **named)
    numbers = {
        "share": t.share(found.share), "earlier": t.share(found.earlier_share),
        "cohorts": t.number(found.earlier_cohorts),
    }  # fmt: skip
    if found.users < FEW:
        return t("retention.headline_few", n=found.users, **named, **numbers)
    if not found.is_clear:
        return t("retention.headline_same", **named, **numbers)
    return t("retention.headline_higher" if found.difference > 0 else "retention.headline_lower", **named, **numbers)


def paragraph(result: RetentionResult, t: Translator) -> str:
    """The numbers behind the headline, and what is not yet known."""
    offset = result.reached_offsets[0]
    found = newest_change(result, offset)
    if found is None:
        mean = result.mean[result.mean["offset"] == offset].iloc[0]
        if not mean["eligible"]:
            first = first_ripe(result, offset)
            if first is pd.NaT:
                return t("retention.paragraph_unseen")
            return t("retention.paragraph_unripe", date=_date(result, first, t))
        return t(
            "retention.paragraph_mean", users=t.number(mean["eligible"]), returned=t.number(mean["returned"]),
            interval=t.interval(t.share(mean["low"]), t.share(mean["high"])), share=t.share(mean["share"]),
        ) + (t("retention.paragraph_open") if result.query.measure == "on_or_after" else "")  # fmt: skip
    text = t(
        "retention.paragraph",
        cohort=cohort_text(result, found.cohort, t), users=t.number(found.users), returned=t.number(found.returned),
        column=column_name(result, offset, t), share=t.share(found.share),
        interval=t.interval(t.share(found.low), t.share(found.high)), difference=t.points(found.difference),
        range=t.interval(t.points(found.difference_low), t.points(found.difference_high)),
        cohorts=t.number(found.earlier_cohorts), earlier=t.share(found.earlier_share),
    )  # fmt: skip
    later = result.overall[result.overall["offset"] > offset]
    newest = later[(later["cohort"] == found.cohort) & ~later["ripe"]]
    if newest.empty:
        return text
    later = newest.sort_values("offset").iloc[min(2, len(newest) - 1)]
    return text + t(
        "retention.paragraph_next", column=column_name(result, int(later["offset"]), t),
        date=_date(result, later["ripe_on"], t),
    )  # fmt: skip


def first_ripe(result: RetentionResult, offset: int) -> pd.Timestamp:
    """The first day on which a cell with users in a column counts; NaT where all of them begin before the data."""
    column = result.cells[result.cells["offset"] == offset]
    filled = column[column["users"] > 0]
    return (filled if len(filled) else column)["ripe_on"].min()


def remarks(result: RetentionResult, t: Translator) -> list[str]:
    """What the data cannot tell, and what can still be answered; one sentence each."""
    return [t(f"retention.remark_{code}") for code in result.remarks if code != "nothing_ripe"]


def cohort_text(result: RetentionResult, cohort: pd.Timestamp, t: Translator, year: bool = False) -> str:
    """A cohort's name: the first day of its bucket, the month, the quarter, the hour; with its year when asked."""
    grain = result.query.grain
    moment = pd.Timestamp(cohort)
    if grain == "month":
        return t.month(moment.date())
    if grain == "quarter":
        return t("retention.quarter", quarter=(moment.month - 1) // 3 + 1, year=moment.year)
    if grain == "hour":
        return f"{t.date(moment.date(), year)} {moment:%H:%M}"
    return t.date(moment.date(), year)


def column_labels(result: RetentionResult, columns: list[int], t: Translator) -> list[str]:
    """Headings of the columns."""
    return offset_labels(result.query, columns, t)


def offset_labels(query: RetentionQuery, columns: list[int], t: Translator) -> list[str]:
    """Headings of the columns that start at some offsets."""
    if query.measure != "bracket":
        return [t(f"retention.col_{query.grain}", k=offset) for offset in columns]
    ends = dict(query.brackets)
    return [t(f"retention.col_bracket_{query.grain}", first=offset, last=ends[offset]) for offset in columns]


def at_column(result: RetentionResult, offset: int, t: Translator) -> str:
    """A column as an age: at week 4, in periods 1–3."""
    query = result.query
    if query.measure == "bracket":
        return t("retention.at_bracket", first=offset, last=dict(query.brackets)[offset])
    return t(f"retention.at_{query.grain}", k=offset)


def column_name(result: RetentionResult, offset: int, t: Translator) -> str:
    """A column in a sentence: next-week retention, retention in week 4, …"""
    query = result.query
    if query.measure == "bracket":
        last = int(result.mean.set_index("offset")["offset_end"][offset])
        return t(f"retention.in_bracket_{query.grain}", first=offset, last=last)
    if query.measure == "on_or_after":
        return t(f"retention.from_{query.grain}", k=offset)
    if query.measure == "on" and offset == 1:
        return t(f"retention.next_{query.grain}")
    return t(f"retention.in_{query.grain}", k=offset)


def who(result: RetentionResult, t: Translator) -> str:
    """Who the cohorts are, in a headline."""
    query = result.query
    if query.mode == "recurring":
        return t("retention.who_recurring")
    return t("retention.who_new") if query.cohort_event is None else t("retention.who_first")


def group_text(group: str, t: Translator) -> str:
    """A group's name; a property's values stand as they are."""
    named = {ALL: "retention.mean", NO_VALUE: "retention.no_value", OTHER_VALUES: "retention.other"}
    return t(named[group]) if group in named else group


def _date(result: RetentionResult, day: pd.Timestamp, t: Translator) -> str:
    moment: dt.date = pd.Timestamp(day).date()
    return t.date(moment, year=result.query.grain in ("month", "quarter"))


def cohorts_subtitle(result: RetentionResult, t: Translator) -> str:
    """What the cohort-by-cohort chart shows, and what it cannot."""
    is_open = result.query.measure == "on_or_after"
    return t("retention.cohorts_open_subtitle") if is_open else t("retention.cohorts_subtitle")


def row_notes(result: RetentionResult, t: Translator) -> list[str]:
    """What to know about single rows: those of the data's first day, and those that are only part of a period."""
    filled = result.cohorts[result.cohorts["users"] > 0]
    censored = filled["is_left_censored"].any() and result.query.mode != "recurring"
    by_hour = result.query.grain == "hour"
    notes = [t("retention.censored_hours_note" if by_hour else "retention.censored_note")] if censored else []
    cut = sorted(filled.loc[filled["is_partial"], "cohort"].unique())
    if cut:
        names = t.join([cohort_text(result, cohort, t) for cohort in cut])
        notes.append(t("retention.partial_note", n=len(cut), cohorts=names))
    return notes
