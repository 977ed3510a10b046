"""Polars over the Parquet files."""

from __future__ import annotations

import polars as pl

from benchmarks.measure import Report, growth
from benchmarks.workload import COHORT_DAYS, FIRST_DAY, RETURN_DAYS, Files


def report(files: Files) -> Report:
    """Answers of lazy queries; two threads are set by the environment of the process."""
    found = Report("polars")
    day = (pl.col("occurred_at").dt.date() - pl.lit(FIRST_DAY)).dt.total_days().alias("day")
    user_days = pl.scan_parquet(files.parquet_glob).select("user_id", day)
    active = user_days.group_by("day").agg(pl.col("user_id").n_unique()).sort("day")
    found.ask("active", lambda: [n for _, n in active.collect().rows()], repeats=3)
    first = pl.col("day").min().over("user_id").alias("first")
    ages = user_days.unique().with_columns(first).with_columns((pl.col("day") - pl.col("first")).alias("age"))
    inside = ages.filter((pl.col("first") < COHORT_DAYS) & (pl.col("age") < RETURN_DAYS))
    retention = inside.group_by("first", "age").len().sort("first", "age")
    found.ask("retention", lambda: [list(row) for row in retention.collect().rows()], repeats=3)
    before = pl.col("day").shift().over("user_id")
    days = user_days.unique().sort("user_id", "day").with_columns(before.alias("before"))
    flows = days.group_by("day").agg(
        new=pl.col("before").is_null().sum(),
        returning=(pl.col("before") == pl.col("day") - 1).sum(),
        resurrected=(pl.col("before") < pl.col("day") - 1).sum(),
    )
    found.ask("growth", lambda: growth(flows.collect().rows()), repeats=3)
    return found
