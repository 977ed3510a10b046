"""Periods a person picks, counted back from the data's own as-of, never from today's date."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np

from ops_core.locale import Translator
from ops_core.model.period import Period
from ops_core.model.time import date_of, day_number
from ops_core.workspace import Workspace

Days = tuple[dt.date, dt.date]  # first and last day, both included

_YEAR_DAYS = 364  # 52 whole weeks, so that weekdays meet weekdays


@dataclass(frozen=True)
class Calendar:
    """Which days a workspace has and up to which day they are complete (day numbers, ends exclusive)."""

    first_day: int
    end_day: int
    complete_end_day: int
    presets: dict[str, Days]

    @property
    def span(self) -> Days:
        """First and last day with data."""
        return date_of(self.first_day), date_of(self.end_day - 1)

    @property
    def default(self) -> Days:
        """The last complete week, else all there is."""
        return next(iter(self.presets.values()))

    def name_of(self, days: Days) -> str | None:
        """The preset that these days are, if any."""
        return next((code for code, preset in self.presets.items() if preset == days), None)


def calendar(workspace: Workspace) -> Calendar:
    """The calendar of a workspace with data.

    Raises:
        QueryError: there are no events yet.
    """
    rules = workspace.rules
    first, end = workspace.data_period().days(rules)
    complete_end = max(int(rules.local_days(np.array([workspace.as_of_us]))[0]), first + 1)
    complete_end = min(complete_end, end)
    week = rules.bucket_starts(np.array([complete_end]), "week")[0]
    month = rules.bucket_starts(np.array([complete_end]), "month")[0]
    last_month = rules.bucket_starts(np.array([month - 1]), "month")[0]
    candidates = {
        "last_week": (week - 7, week),
        "last_4_weeks": (week - 28, week),
        "last_12_weeks": (week - 84, week),
        "this_week": (week, end),
        "last_month": (last_month, month),
        "last_28_days": (complete_end - 28, complete_end),
    }
    presets = {
        code: (date_of(start), date_of(stop - 1))
        for code, (start, stop) in candidates.items()
        if start >= first and start < stop <= end
    }
    presets["all"] = (date_of(first), date_of(end - 1))
    return Calendar(first, end, complete_end, presets)


def period_of(days: Days) -> Period:
    """The half-open period of two inclusive days."""
    return Period(days[0], days[1] + dt.timedelta(days=1))


def comparison(days: Days, code: str, known: Calendar) -> Period | None:
    """The period to compare with, or `None` when none is wanted or the data does not reach back that far."""
    if code not in ("previous", "year"):
        return None
    start, end = days[0], days[1] + dt.timedelta(days=1)
    if start.day == end.day == 1:  # before March comes February, not the 31 days up to it
        months = 12 if code == "year" else 12 * (end.year - start.year) + end.month - start.month
        start, end = _months_before(start, months), _months_before(end, months)
    else:
        back = dt.timedelta(days=_YEAR_DAYS) if code == "year" else end - start
        start, end = start - back, end - back
    return Period(start, end) if day_number(start) >= known.first_day else None


def _months_before(day: dt.date, months: int) -> dt.date:
    year, month = divmod(12 * day.year + day.month - 1 - months, 12)
    return dt.date(year, month + 1, 1)


def grain_of(days: Days) -> str:
    """The grain that cuts days into a readable number of points."""
    length = (days[1] - days[0]).days + 1
    return "day" if length <= 35 else "week" if length <= 400 else "month"


def days_text(days: Days, t: Translator) -> str:
    """Two inclusive days as a person writes them, with the year when it is not plain."""
    return t.date_range(*days, year=days[0].year != days[1].year)


def preset_text(code: str, days: Days, t: Translator) -> str:
    """A preset's name and its days."""
    return t("shell.period_with_days", name=t(f"shell.period_{code}"), days=days_text(days, t))
