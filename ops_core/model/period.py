"""A half-open stretch of time in the reporting zone."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np

from ops_core.errors import QueryError
from ops_core.model.time import TimeRules, date_of

Moment = str | dt.date | dt.datetime


@dataclass(frozen=True)
class Period:
    """`[start, end)`: ISO texts, dates or datetimes, read in the reporting zone unless they carry an offset.

    `Period("2026-01-01", "2026-02-01")` is January, whole.

    Raises:
        QueryError: a text that is no ISO date, or an end that is not after the start.
    """

    start: Moment
    end: Moment

    def __post_init__(self) -> None:
        object.__setattr__(self, "start", _moment(self.start))
        object.__setattr__(self, "end", _moment(self.end))
        if (self.start.tzinfo is None) == (self.end.tzinfo is None) and self.end <= self.start:
            raise QueryError("empty_period", start=_text(self.start), end=_text(self.end))

    @staticmethod
    def checked(value: object) -> Period:
        """The value itself, where it is a period.

        Raises:
            QueryError: it is something else, for example a text or a pair.
        """
        if not isinstance(value, Period):
            raise QueryError("not_a_period", value=str(value))
        return value

    @classmethod
    def of_days(cls, first_day: int, end_day: int) -> Period:
        """The period of local day numbers, the end exclusive."""
        return cls(date_of(first_day), date_of(end_day))

    def bounds(self, rules: TimeRules) -> tuple[int, int]:
        """Start and end as UTC microseconds.

        Raises:
            QueryError: the end, in the zone, is not after the start.
        """
        start_us, end_us = _utc_us(self.start, rules), _utc_us(self.end, rules)
        if end_us <= start_us:
            raise QueryError("empty_period", start=_text(self.start), end=_text(self.end))
        return start_us, end_us

    def days(self, rules: TimeRules) -> tuple[int, int]:
        """First local day and the day after the last one that the period touches."""
        start_us, end_us = self.bounds(rules)
        days = rules.local_days(np.array([start_us, end_us - 1]))
        return int(days[0]), int(days[1]) + 1

    def previous(self) -> Period:
        """The period of equal length that ends where this one starts."""
        return Period(self.start - (self.end - self.start), self.start)

    @property
    def first_date(self) -> dt.date:
        """The first day."""
        return self.start.date()

    @property
    def last_date(self) -> dt.date:
        """The last day that the period touches."""
        return (self.end - dt.timedelta(microseconds=1)).date()

    def __str__(self) -> str:
        return f"[{_text(self.start)}, {_text(self.end)})"


def _moment(value: Moment) -> dt.datetime:
    if isinstance(value, np.datetime64):
        value = value.astype("datetime64[us]").item()
    if isinstance(value, str):
        try:
            value = dt.datetime.fromisoformat(value.strip())
        except ValueError:
            raise QueryError("not_a_date", value=value) from None
    # A missing time of a table calls itself a datetime, but has no day.
    if isinstance(value, dt.datetime) and value == value:
        return value
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return dt.datetime(value.year, value.month, value.day)
    raise QueryError("not_a_date", value=str(value))


def _utc_us(moment: dt.datetime, rules: TimeRules) -> int:
    if moment.tzinfo is not None:
        moment = moment.astimezone(dt.UTC).replace(tzinfo=None)
        return (moment - dt.datetime(1970, 1, 1)) // dt.timedelta(microseconds=1)
    local_us = (moment - dt.datetime(1970, 1, 1)) // dt.timedelta(microseconds=1)
    return int(rules.to_utc_us(np.array([local_us]))[0])


def _text(moment: dt.datetime) -> str:
    return moment.date().isoformat() if moment.time() == dt.time() and not moment.tzinfo else moment.isoformat(" ")
