"""The rows that every peer gets: the same at every call, without equal times within a user.

What decides such a race is the shape of the rows: 100 events per user on average, heavily skewed, in visits of eight
events within half an hour; ten event names of which the four funnel steps are 37 % of the rows; 60 days in UTC; in
order of time, as events arrive (beyond 20 M rows: several such exports one after the other).
"""

from __future__ import annotations

import argparse
import datetime as dt
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

FOLDER = Path(__file__).resolve().parent / ".data"
SIZES = {"1m": 1_000_000, "10m": 10_000_000, "20m": 20_000_000, "100m": 100_000_000}
EVENTS = ("view", "cart", "checkout", "pay", "open", "search", "like", "share", "push", "rate")
EVENT_SHARE = (0.22, 0.09, 0.04, 0.02, 0.25, 0.14, 0.10, 0.05, 0.05, 0.04)
STEPS = EVENTS[:4]
FIRST_DAY = dt.date(2026, 1, 1)
N_DAYS = 60
WINDOW_SECONDS = 7 * 86_400
FUNNEL_DAYS = N_DAYS - 7  # every attempt has its whole window inside the data
COHORT_DAYS = RETURN_DAYS = 30
ROWS_PER_USER = 100
ROWS_PER_VISIT = 8
_VISIT_US = 1_800_000_000
_PART_ROWS = 20_000_000
_DAY_US = 86_400_000_000


@dataclass(frozen=True)
class Files:
    """The rows as one CSV and as Parquet parts."""

    csv: Path
    parquet: Path  # a folder

    @property
    def parquet_glob(self) -> str:
        return str(self.parquet / "*.parquet")


def files(size: str) -> Files:
    """The files of a size, written at the first call."""
    folder = FOLDER / size
    found = Files(folder / "events.csv", folder / "parquet")
    if not found.csv.exists():
        _write(SIZES[size], found)
    return found


def _write(n_rows: int, into: Files) -> None:
    into.parquet.mkdir(parents=True, exist_ok=True)
    unfinished = into.csv.with_suffix(".part")
    rng = np.random.default_rng(20_260_101)
    n_parts = -(-n_rows // _PART_ROWS)
    with unfinished.open("wb") as csv:
        for part in range(n_parts):
            rows = _part(part, n_rows // n_parts, rng)
            rows.write_parquet(into.parquet / f"{part:03}.parquet")
            rows.write_csv(csv, include_header=part == 0, datetime_format="%Y-%m-%d %H:%M:%S%.6f")
    unfinished.rename(into.csv)


def _part(part: int, n_rows: int, rng: np.random.Generator) -> pl.DataFrame:
    """The rows of one block of users in order of time."""
    n_users, n_visits = n_rows // ROWS_PER_USER, n_rows // ROWS_PER_VISIT
    weight = np.cumsum(rng.lognormal(0, 1, n_users))
    visitor = np.searchsorted(weight / weight[-1], rng.random(n_visits)).clip(max=n_users - 1)
    last_us = N_DAYS * _DAY_US - _VISIT_US
    start_us = (last_us * rng.random(n_users) ** 2).astype(np.int64)
    visit_at = start_us[visitor] + (rng.random(n_visits) * (last_us - start_us[visitor])).astype(np.int64)
    # Each event of a visit has a stretch of its own, so that no two events of a user share an instant.
    stretch = _VISIT_US // ROWS_PER_VISIT
    place = np.tile(np.arange(ROWS_PER_VISIT), n_visits)
    user = np.repeat(visitor, ROWS_PER_VISIT)
    at = np.repeat(visit_at, ROWS_PER_VISIT) + place * stretch + rng.integers(0, stretch, n_rows)
    code = rng.choice(len(EVENTS), size=n_rows, p=EVENT_SHARE)
    cents = (1_000 + rng.exponential(9_000, n_rows)).astype(np.int64)
    in_time = np.argsort(at, kind="stable")
    user, at, code, cents = user[in_time], at[in_time], code[in_time], cents[in_time]
    return pl.DataFrame(
        {
            "user_id": pl.Series(user + part * n_users, dtype=pl.UInt32),
            "event": pl.Series(EVENTS)[pl.Series(code)],
            "occurred_at": pl.Series(np.datetime64(FIRST_DAY, "us") + at.astype("timedelta64[us]")),
            "value": pl.Series(np.where(code == EVENTS.index("pay"), cents / 100, np.nan)).fill_nan(None),
        }
    )


def main() -> None:
    """Write the files of a size and say where they are."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--events", choices=SIZES, default="20m")
    print(files(parser.parse_args().events).csv)


if __name__ == "__main__":
    main()
