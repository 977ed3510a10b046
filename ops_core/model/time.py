"""The one place that knows calendars: zones, days, weeks, months.

Instants are UTC microseconds since 1970-01-01 (int64). A local day is its number since 1970-01-01 (int32). The
machine's own zone never matters.
"""

from __future__ import annotations

import datetime as dt
import functools
import re
import zoneinfo
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ops_core.errors import QueryError, nearest

GRAINS = ("hour", "day", "week", "month", "quarter")
WEEK_STARTS = ("monday", "sunday", "saturday")

DAY_US = 86_400_000_000
HOUR_US = 3_600_000_000
_EPOCH = dt.datetime(1970, 1, 1)
_OFFSET = re.compile(r"\s*(UTC|GMT)?\s*[+-]\s*\d.*", re.IGNORECASE)
# 1970-01-01 was a Thursday: what must be added to a day number so that whole weeks count from the week's first day.
_WEEK_SHIFT = {"monday": 3, "sunday": 4, "saturday": 5}


@dataclass(frozen=True)
class TimeRules:
    """How a workspace cuts time: an IANA zone and the first day of the week.

    Raises:
        QueryError: unknown zone or week start.
    """

    zone: str = "UTC"
    week_start: str = "monday"

    def __post_init__(self) -> None:
        if self.week_start not in WEEK_STARTS:
            raise QueryError("unknown_week_start", value=self.week_start, allowed=list(WEEK_STARTS))
        zone_info(self.zone)

    # Zones -----------------------------------------------------------------------------------------------------

    def local_us(self, utc_us: np.ndarray) -> np.ndarray:
        """Wall-clock microseconds of UTC instants."""
        utc_us = np.asarray(utc_us, dtype=np.int64)
        starts, offsets = _transitions(self.zone)
        return utc_us + offsets[np.searchsorted(starts, utc_us, side="right") - 1]

    def local_days(self, utc_us: np.ndarray) -> np.ndarray:
        """Local day number of each UTC instant (int32)."""
        return np.floor_divide(self.local_us(utc_us), DAY_US).astype(np.int32)

    def to_utc_us(self, local_us: np.ndarray) -> np.ndarray:
        """UTC microseconds of wall-clock microseconds.

        In a gap (clocks put forward) and in an overlap (put back) the first possible instant is taken.
        """
        local_us = np.asarray(local_us, dtype=np.int64)
        starts, offsets = _transitions(self.zone)
        # A wall-clock time belongs to the first range whose last wall-clock instant is not before it; in a gap
        # that is the range after it, whose first instant is then the answer.
        wall_ends = np.append(starts[1:] + offsets[:-1], np.iinfo(np.int64).max)
        position = np.searchsorted(wall_ends, local_us, side="right")
        return np.maximum(local_us - offsets[position], starts[position])

    def is_ambiguous(self, local_us: np.ndarray) -> np.ndarray:
        """Whether a wall-clock time lies in a gap or an overlap of the zone (bool)."""
        local_us = np.asarray(local_us, dtype=np.int64)
        starts, offsets = _transitions(self.zone)
        before, after = starts[1:] + offsets[:-1], starts[1:] + offsets[1:]
        low, high = np.minimum(before, after), np.maximum(before, after)
        if not len(low):
            return np.zeros(local_us.shape, dtype=bool)
        position = np.searchsorted(low, local_us, side="right") - 1
        return (position >= 0) & (local_us < high[position])

    def day_start_us(self, day: int) -> int:
        """UTC microseconds at which a local day begins."""
        return int(self.to_utc_us(np.array([int(day) * DAY_US]))[0])

    def offset_ranges(self, from_us: int, to_us: int) -> list[tuple[int, int, int]]:
        """The stretches `[from, to)` of constant offset between two instants, with the offset in microseconds."""
        starts, offsets = _transitions(self.zone)
        first = int(np.searchsorted(starts, from_us, side="right")) - 1
        last = max(first, int(np.searchsorted(starts, to_us, side="left")) - 1)
        edges = [from_us, *(int(start) for start in starts[first + 1 : last + 1]), to_us]
        return [(edges[i], edges[i + 1], int(offsets[first + i])) for i in range(len(edges) - 1)]

    def moment(self, utc_us: int) -> dt.datetime:
        """An instant as an aware datetime in the reporting zone."""
        return (_EPOCH.replace(tzinfo=dt.UTC) + dt.timedelta(microseconds=int(utc_us))).astimezone(zone_info(self.zone))

    # Buckets ---------------------------------------------------------------------------------------------------

    def bucket_index(self, days: np.ndarray, grain: str) -> np.ndarray:
        """Running number of the bucket each local day falls in (int32); neighbours differ by one.

        Raises:
            QueryError: the grain is none of day, week, month, quarter.
        """
        days = np.asarray(days, dtype=np.int64)
        if grain == "day":
            index = days
        elif grain == "week":
            index = np.floor_divide(days + _WEEK_SHIFT[self.week_start], 7)
        elif grain in ("month", "quarter"):
            months = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
            index = months if grain == "month" else np.floor_divide(months, 3)
        else:
            raise QueryError("unknown_grain", value=grain, allowed=list(GRAINS[1:]))
        return index.astype(np.int32)

    def index_start_day(self, index: np.ndarray | int, grain: str) -> np.ndarray:
        """First local day of buckets given by their running number (int32)."""
        index = np.asarray(index, dtype=np.int64)
        if grain == "day":
            days = index
        elif grain == "week":
            days = index * 7 - _WEEK_SHIFT[self.week_start]
        elif grain in ("month", "quarter"):
            months = index if grain == "month" else index * 3
            days = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
        else:
            raise QueryError("unknown_grain", value=grain, allowed=list(GRAINS[1:]))
        return days.astype(np.int32)

    def bucket_starts(self, days: np.ndarray, grain: str) -> np.ndarray:
        """First local day of the bucket each local day falls in (int32)."""
        return self.index_start_day(self.bucket_index(days, grain), grain)


def day_number(day: dt.date | str) -> int:
    """The day number of a date, or of its ISO text.

    Raises:
        QueryError: it is no date.
    """
    try:
        date = dt.datetime.fromisoformat(day.strip()) if isinstance(day, str) else day
        return date.toordinal() - _EPOCH.toordinal()
    except (AttributeError, ValueError):
        raise QueryError("not_a_date", value=str(day)) from None


def date_of(day: int) -> dt.date:
    """The date of a day number."""
    return dt.date.fromordinal(int(day) + _EPOCH.toordinal())


def dates_of(days: Sequence[int] | np.ndarray) -> np.ndarray:
    """Dates of day numbers as `datetime64[s]`, the form tables and charts carry."""
    return np.asarray(days, dtype="datetime64[D]").astype("datetime64[s]")


@functools.cache
def zone_info(zone: str) -> zoneinfo.ZoneInfo:
    """The IANA zone of a name.

    Raises:
        QueryError: no such zone, with the nearest names.
    """
    try:
        return zoneinfo.ZoneInfo(zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        # Etc/GMT+8 is eight hours WEST of Greenwich: never offered to somebody who wrote UTC+8.
        known = [name for name in zoneinfo.available_timezones() if not name.startswith("Etc/")]
        close = [] if _OFFSET.fullmatch(str(zone)) else nearest(zone, known)
        raise QueryError("unknown_zone", value=zone, nearest=close or ["Asia/Shanghai"]) from None


@functools.cache
def _transitions(zone: str) -> tuple[np.ndarray, np.ndarray]:
    """Instants at which the zone's offset changes (first: far past) and the offset from then on, in µs, 1900–2100."""
    info = zone_info(zone)

    def offset_at(hour: int) -> int:
        moment = dt.datetime(1900, 1, 1, tzinfo=dt.UTC) + dt.timedelta(hours=hour)
        return int(moment.astimezone(info).utcoffset() / dt.timedelta(microseconds=1))

    start_us = (dt.datetime(1900, 1, 1) - _EPOCH) // dt.timedelta(microseconds=1)
    step = 24 * 7
    hours = range(0, 24 * 366 * 200, step)
    starts, offsets = [np.iinfo(np.int64).min // 2], [offset_at(0)]
    for hour in hours:
        if offset_at(hour + step) == offsets[-1]:
            continue
        low, high = hour, hour + step  # one change a week at most: bisect to the second
        low_s, high_s = low * 3600, high * 3600
        while high_s - low_s > 1:
            middle = (low_s + high_s) // 2
            moment = dt.datetime(1900, 1, 1, tzinfo=dt.UTC) + dt.timedelta(seconds=middle)
            if int(moment.astimezone(info).utcoffset() / dt.timedelta(microseconds=1)) == offsets[-1]:
                low_s = middle
            else:
                high_s = middle
        starts.append(start_us + high_s * 1_000_000)
        offsets.append(offset_at(hour + step))
    return np.array(starts, dtype=np.int64), np.array(offsets, dtype=np.int64)
