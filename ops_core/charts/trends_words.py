"""Names, values and sentences for trends: what happened, compared with what, and whether that is usual."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence

import pandas as pd

from ops_core.analyses.outlook import Outlook
from ops_core.analyses.trend_query import Series, TrendsQuery
from ops_core.analyses.trends import EVERYTHING, MISSING, OTHER, TrendsResult
from ops_core.charts.annotations import marked_buckets, text
from ops_core.locale import Translator
from ops_core.model.annotations import Annotation

_MOST_NAMED = 3
_CHANCES = ((0.95, "very_likely"), (0.7, "likely"), (0.3, "open"), (0.05, "unlikely"), (-1.0, "very_unlikely"))


def headline(result: TrendsResult, t: Translator, compare_name: str = "") -> str:
    """An unusual newest complete point first, else the period against its comparison."""
    query = result.query
    name, whole = line_name(query, query.line_names[0], t), _complete_points(result)
    if len(whole) and whole["unusual"].iloc[-1]:
        last = whole.iloc[-1]
        side = "high" if last["unusual"] > 0 else "low"
        return t(
            f"trends.headline_unusual_{side}", name=name, value=value_text(result, last["value"], t),
            bucket=bucket_text(query, last["bucket"], t),
            range=t.interval(value_text(result, last["normal_low"], t), value_text(result, last["normal_high"], t)),
        )  # fmt: skip
    total = main_total(result)
    if total is None:
        return _groups_headline(result, name, t)
    values = {"name": name, "value": value_text(result, total["value"], t)}
    relative = total["relative"]
    if relative != relative:
        return t("trends.headline", **values)
    if abs(relative) < 0.0005:
        return t("trends.headline_same", **values)
    size = t.share(abs(relative))
    if is_share(result):
        size = t("trends.points", value=t.number(abs(total["difference"]) * 100, 1))
    values |= {"change": size, "compare": compare_name or t("trends.compared")}
    return t("trends.headline_up" if relative > 0 else "trends.headline_down", **values)


def _groups_headline(result: TrendsResult, name: str, t: Translator) -> str:
    """The lowest and the highest group, where groups do not add up to a figure of all."""
    rows = result.totals[result.totals["line"] == result.query.line_names[0]].dropna(subset=["value"])
    if rows.empty:
        return t("trends.headline_unripe", name=name)
    low, high = rows.loc[rows["value"].idxmin()], rows.loc[rows["value"].idxmax()]
    return t(
        "trends.headline_groups", name=name,
        low=value_text(result, low["value"], t), low_group=group_name(low["group"], t),
        high=value_text(result, high["value"], t), high_group=group_name(high["group"], t),
    )  # fmt: skip


def paragraph(
    result: TrendsResult,
    t: Translator,
    compare_name: str = "",
    annotations: Sequence[Annotation] = (),
    escaped: Callable[[str], str] = str,
) -> str:
    """The numbers behind the headline, the unusual points, what the calendar says of them, and what is left out.

    Markdown; `escaped` makes a person's words safe in it.
    """
    query, total = result.query, main_total(result)
    parts = []
    if total is not None and total["compare_value"] == total["compare_value"]:
        parts.append(
            t("trends.paragraph_compared", value=value_text(result, total["value"], t, exact=True),
              other=value_text(result, total["compare_value"], t, exact=True),
              difference=signed_text(result, total["difference"], t), compare=compare_name or t("trends.compared"))
        )  # fmt: skip
    elif total is not None and query.compare is not None:
        parts.append(t("trends.paragraph_no_comparison"))
    whole = _complete_points(result)
    unusual = whole[whole["unusual"] != 0]
    if len(unusual):
        named = [bucket_text(query, bucket, t) for bucket in unusual["bucket"].iloc[-_MOST_NAMED:]]
        key = "paragraph_unusual" if len(unusual) <= _MOST_NAMED else "paragraph_unusual_many"
        parts.append(t(f"trends.{key}", n=len(unusual), buckets=t.join(named)))
        parts += _coincidences(result, unusual["bucket"].tolist(), annotations, t, escaped)
    elif len(whole) and whole["normal_low"].notna().all():
        parts.append(t("trends.paragraph_usual"))
    parts += _other_lines(result, t, escaped)
    if bool(result.points["partial"].iloc[-1]):
        told = t("trends.paragraph_partial", bucket=bucket_text(query, result.points["bucket"].iloc[-1], t))
        parts.append(told[:1].upper() + told[1:])
    return t.sentences(parts)


def _other_lines(result: TrendsResult, t: Translator, escaped: Callable[[str], str]) -> list[str]:
    """What the lines behind the first one came to."""
    query, told = result.query, []
    if query.breakdown is not None:
        return told
    for row in result.totals[result.totals["line"] != query.line_names[0]].itertuples():
        series = query.series[int(row.line) - 1]
        digits = 0 if series.is_count else 2
        value, other = (
            t.money_exact(number, digits) if series.amount == "value" else t.number(number, digits)
            for number in (row.value, row.compare_value)
        )
        values = {"name": escaped(line_name(query, row.line, t)), "value": value, "other": other}
        if row.relative == row.relative:
            told.append(t("trends.paragraph_line_compared", difference=t.signed_share(row.relative), **values))
        else:
            told.append(t("trends.paragraph_line", **values))
    return told


def _coincidences(
    result: TrendsResult,
    unusual: Sequence[pd.Timestamp],
    annotations: Sequence[Annotation],
    t: Translator,
    escaped: Callable[[str], str],
) -> list[str]:
    marked = marked_buckets(result.points["bucket"].drop_duplicates().tolist(), annotations)
    hit = [bucket for bucket in unusual if bucket in marked]
    told = dict.fromkeys(escaped(text(one, t)) for bucket in hit for one in marked[bucket])
    return [t("trends.paragraph_calendar", n=len(hit), names=t.join(list(told)[-3:]))] if hit else []


def outlook_title(outlook: Outlook, result: TrendsResult, t: Translator) -> str:
    """Will the target be reached, in words."""
    target = value_text(result, outlook.target, t)
    if len(result.query.line_names) > 1:
        target = t("trends.target_of", name=line_name(result.query, result.query.line_names[0], t), target=target)
    last_day = t.date(result.query.target.period.last_date)
    if outlook.reason == "period_over":
        reached = "over_reached" if outlook.expected >= outlook.target else "over_missed"
        return t(f"trends.outlook_{reached}", target=target, value=value_text(result, outlook.expected, t))
    if outlook.reason:
        return t("trends.outlook_short_past", target=target, last_day=last_day)
    if outlook.adds_up and outlook.known >= outlook.target:
        return t("trends.outlook_done", target=target)
    word = next(name for least, name in _CHANCES if outlook.chance >= least)
    return t(
        f"trends.outlook_{word}", target=target, last_day=last_day, chance=chance_text(outlook.chance, t),
        expected=value_text(result, outlook.expected, t),
        range=t.interval(value_text(result, outlook.low, t), value_text(result, outlook.high, t)),
    )  # fmt: skip


def outlook_subtitle(outlook: Outlook, t: Translator) -> str:
    """How the forecast is made and how it did before."""
    tested = outlook.back_test
    if outlook.reason:
        return t("trends.outlook_method_none")
    text = t("trends.outlook_method_day" if outlook.grain == "day" else "trends.outlook_method")
    if tested.n:
        text += t(
            "trends.outlook_tested", n=tested.n, caught=t.number(tested.n_caught), error=t.share(tested.median_error)
        )
    return text


def chance_text(chance: float, t: Translator) -> str:
    """A chance as people say it: never 0 or 100 %."""
    if chance < 0.01:
        return "<" + t.share(0.01, 0)
    return ">" + t.share(0.99, 0) if chance > 0.99 else t.share(chance, 0)


# Names and values --------------------------------------------------------------------------------------------------


def series_name(series: Series, t: Translator) -> str:
    """What a series counts."""
    events = t("trends.any_activity") if not series.events else t.join(series.events)
    prop = t("trends.amount") if series.prop == "value" else series.prop
    if series.measure == "users" and not series.events:
        return t("trends.active_users")
    if not series.events and series.amount:
        return t(f"trends.name_all_{series.measure}", prop=prop, percentile=t.number(series.percentile))
    name = t(f"trends.name_{series.measure}", event=events, prop=prop, percentile=t.number(series.percentile))
    return name if series.events else name[:1].upper() + name[1:]


def line_name(query: TrendsQuery, line: str, t: Translator) -> str:
    """What a line shows: a series, or the formula of two."""
    if line != "formula":
        return series_name(query.series[int(line) - 1], t)
    first, second = (series_name(series, t) for series in query.series)
    return t(f"trends.formula_{query.formula}", first=first, second=second)


def group_name(group: str, t: Translator) -> str:
    """A value of the breakdown, or what stands for the rest."""
    return {OTHER: t("trends.other"), MISSING: t("trends.missing"), EVERYTHING: t("trends.all")}.get(group, group)


def is_share(result: TrendsResult) -> bool:
    """Whether values read as percentages: one count divided by another."""
    series = result.query.series
    return result.query.formula == "ratio" and all(one.is_count for one in series)


def is_money(result: TrendsResult) -> bool:
    """Whether values are amounts in the workspace's currency."""
    money = [one.amount == "value" for one in result.query.series]
    return money[0] and (result.query.formula != "ratio" or not money[-1])


def is_count(result: TrendsResult) -> bool:
    """Whether values are users or events, or sums and differences of them."""
    return result.query.formula != "ratio" and all(one.is_count for one in result.query.series)


def value_text(result: TrendsResult, value: float, t: Translator, exact: bool = False) -> str:
    """A value of the first line (or the formula) as people read it."""
    if is_share(result):
        return t.share(value)
    if is_money(result):
        return t.money_exact(value, 0 if abs(value) >= 1000 else 2) if exact else t.money(value)
    if exact or abs(value) < 10_000:
        query = result.query
        whole = is_count(result) or (query.formula is None and query.series[0].is_count)
        return t.number(value, 0 if whole or abs(value) >= 1000 else 2)
    return t.compact(value)


def signed_text(result: TrendsResult, value: float, t: Translator) -> str:
    """A difference with its sign."""
    if is_share(result):
        return t("trends.points", value=t.points(value))
    return ("+" if value > 0 else "") + value_text(result, value, t, exact=True)


def bucket_text(query: TrendsQuery, bucket: dt.datetime, t: Translator, year: bool = False) -> str:
    """A bucket as people name it: a day, the week of, a month; with its year when asked."""
    day = t.date(bucket.date(), year)
    if query.grain == "hour":
        return f"{day} {bucket:%H}:00"
    if query.grain == "month":
        return t.month(bucket.date())
    if query.grain == "quarter":
        return t("trends.quarter", year=bucket.year, quarter=(bucket.month + 2) // 3)
    return t("trends.week_of", day=day) if query.grain == "week" else day


def tick_text(query: TrendsQuery, bucket: dt.datetime, t: Translator) -> str:
    """A bucket as an axis names it: short."""
    return t.date(bucket.date()) if query.grain == "week" else bucket_text(query, bucket, t)


def starts_at_zero(result: TrendsResult) -> bool:
    """Whether the value axis can start at 0 and still show the movement."""
    values = result.points["value"].dropna()
    return values.empty or values.min() < 0.5 * values.max()


def _complete_points(result: TrendsResult) -> pd.DataFrame:
    """Of the first line, of all users together or else of the first group, the period's complete points."""
    line, group = result.points["line"], result.points["group"]
    rows = result.points.iloc[: int(((line == line.iloc[0]) & (group == group.iloc[0])).sum())]  # they come first
    return rows[rows["in_period"] & ~rows["partial"] & rows["value"].notna()]


def main_total(result: TrendsResult) -> pd.Series | None:
    """The period's figure of the first line; `None` before its first complete day, or when it is broken down."""
    rows = result.totals[result.totals["line"] == result.query.line_names[0]]
    if rows.empty:
        return None
    if result.query.breakdown is None:
        return rows.iloc[0]
    if not rows["share"].notna().all():
        return None
    summed = rows[["value", "compare_value"]].sum(min_count=1)
    difference = summed["value"] - summed["compare_value"]
    return pd.Series({**summed, "difference": difference, "relative": difference / abs(summed["compare_value"])})
