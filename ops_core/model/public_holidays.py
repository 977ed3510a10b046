"""China's public holidays as annotations, with the weekend days that are worked in exchange (调休).

The days are those of the State Council's yearly notices, as the `chinesecalendar` library carries them (from 2004 to
the last year announced when it was released).
"""

from __future__ import annotations

import datetime as dt
import functools
from itertools import groupby

from ops_core.errors import QueryError
from ops_core.model.annotations import Annotation, in_order

_DAY = dt.timedelta(days=1)


@functools.cache
def announced_years() -> tuple[int, int]:
    """First and last year whose days are known."""
    holidays, _ = _days()
    return min(holidays).year, max(holidays).year


def public_holidays(first_year: int, last_year: int, language: str, working_day: str) -> tuple[Annotation, ...]:
    """Each run of days off as one `holiday`, each exchanged working day as a `workday` with the text `working_day`.

    Names are in `language` (`zh` or `en`). Years that are not announced are left out.

    Raises:
        QueryError: none of the years is announced.
    """
    known = announced_years()
    if last_year < known[0] or first_year > known[1]:
        raise QueryError(
            "holidays_unknown", first=first_year, last=last_year, known_first=known[0], known_last=known[1]
        )
    holidays, workdays = _days()
    within = sorted((day, name) for day, name in holidays.items() if first_year <= day.year <= last_year)
    # Neighbouring days of one name share the difference between their date and their place in the row.
    runs = groupby(enumerate(within), key=lambda item: (item[1][0] - item[0] * _DAY, item[1][1]))
    found = []
    for (_, name), members in runs:
        days = [day for _, (day, _) in members]
        found.append(Annotation(days[0], days[-1], "holiday", _name(name, language)))
    worked = [day for day in workdays if first_year <= day.year <= last_year]
    found += [Annotation(day, day, "workday", working_day) for day in worked]
    return in_order(found)


def _days() -> tuple[dict[dt.date, str], dict[dt.date, str]]:
    # Only those who fill their calendar pay for the import.
    from chinese_calendar import constants  # noqa: PLC0415

    return constants.holidays, constants.workdays


def _name(name: str, language: str) -> str:
    from chinese_calendar import Holiday  # noqa: PLC0415

    return Holiday(name).chinese if language == "zh" else name
