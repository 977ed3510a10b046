"""Which bucket of the year before a bucket is compared with."""

from __future__ import annotations

import datetime as dt

from ops_core.errors import QueryError
from ops_core.model.time import GRAINS, TimeRules, date_of, day_number

_SAME_WEEKDAY_DAYS = 364  # 52 whole weeks back: a Monday meets a Monday


def year_before(rules: TimeRules, index: int, grain: str) -> int:
    """The running number of the bucket that answers "the same time last year" for a bucket's running number.

    Days and hours meet the same weekday 52 weeks earlier. Weeks meet the ISO week of the same number (week 53 meets
    the last week of a year without one); weeks that start on Sunday or Saturday go by the ISO week of their middle
    day. Months and quarters meet their own name.

    Raises:
        QueryError: an unknown grain.
    """
    if grain == "hour":
        return index - _SAME_WEEKDAY_DAYS * 24
    if grain == "day":
        return index - _SAME_WEEKDAY_DAYS
    if grain == "week":
        middle = date_of(int(rules.index_start_day(index, "week")) + 3)
        year, week, _ = middle.isocalendar()
        week = min(week, dt.date(year - 1, 12, 28).isocalendar().week)
        thursday = dt.date.fromisocalendar(year - 1, week, 4)
        return int(rules.bucket_index([day_number(thursday)], "week")[0])
    if grain in ("month", "quarter"):
        return index - (12 if grain == "month" else 4)
    raise QueryError("unknown_grain", value=grain, allowed=list(GRAINS))
