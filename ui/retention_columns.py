"""How the tables of the retention page read: one line per column."""

from __future__ import annotations

import pandas as pd

from ops_core.analyses.retention import RetentionResult
from ops_core.analyses.retention_value import ValueRetentionResult
from ops_core.charts import retention_words as words
from ops_core.locale import Translator
from ui.tables import Column


def means(result: RetentionResult, t: Translator) -> pd.DataFrame:
    """The weighted means of the columns on screen, by group."""
    rows = result.means[result.means["offset"].isin(result.reached_offsets) & (result.means["eligible"] > 0)]
    labels = words.column_labels(result, [int(k) for k in rows["offset"]], t)
    return rows.assign(column=labels, group=[words.group_text(group, t) for group in rows["group"]])


def cohorts(result: RetentionResult, offset: int, t: Translator) -> pd.DataFrame:
    """One column, cohort by cohort, as the chart shows it."""
    rows = result.overall
    rows = rows[(rows["offset"] == offset) & rows["ripe"] & (rows["users"] > 0)].sort_values("cohort")
    return rows.assign(cohort=[words.cohort_text(result, cohort, t) for cohort in rows["cohort"]])


def value_cells(result: ValueRetentionResult, t: Translator) -> pd.DataFrame:
    """Value per cohort and column, ripe cells with users only."""
    cells = result.cells[result.cells["ripe"] & (result.cells["users"] > 0)]
    labels = words.offset_labels(result.query, [int(k) for k in cells["offset"]], t)
    return cells.assign(column=labels, group=[words.group_text(group, t) for group in cells["group"]])


def mean_columns(t: Translator) -> list[Column]:
    """Of `means`."""
    return [Column("group", t("retention.col_group")), Column("column", t("retention.column")), *_share(t, "eligible")]


def cohort_columns(t: Translator) -> list[Column]:
    """Of `cohorts`."""
    return [Column("cohort", t("retention.cohort")), *_share(t, "users")]


def change_columns(t: Translator) -> list[Column]:
    """Of the changes from block to block."""
    return [
        Column("block", t("retention.cohort")), Column("cohorts", t("retention.col_cohorts"), "count"),
        *_share(t, "users"), Column("previous_share", t("retention.col_previous"), "share"), *_difference(t),
    ]  # fmt: skip


def comparison_columns(t: Translator) -> list[Column]:
    """Of a comparison."""
    return [
        Column("column", t("retention.column")), *_share(t, "eligible", bounds=False),
        Column("reference_eligible", t("retention_compare.col_eligible"), "count"),
        Column("reference_share", t("retention_compare.col_share"), "share"), *_difference(t),
        Column("note", t("retention_compare.col_note")),
    ]  # fmt: skip


def value_columns(t: Translator) -> list[Column]:
    """Of the weighted means of value."""
    return [
        Column("group", t("retention.col_group")), Column("column", t("retention.column")),
        Column("eligible", t("retention.eligible"), "count"), *_value(t),
    ]  # fmt: skip


def value_cell_columns(t: Translator) -> list[Column]:
    """Of `value_cells`."""
    return [
        Column("group", t("retention.col_group")), Column("cohort", t("retention.cohort"), "date"),
        Column("column", t("retention.column")), Column("users", t("retention.users"), "count"), *_value(t),
    ]  # fmt: skip


def streak_columns(t: Translator) -> list[Column]:
    """Of streaks by length."""
    kinds = {"users": "count", "share": "share"}
    names = [f"{kind}_{run}{least}" for run in ("longest", "current") for least in ("", "_at_least") for kind in kinds]
    return [
        Column("length", t("streaks.col_length"), "count"),
        *(Column(name, t(f"streaks.col_{name}"), kinds[name.partition("_")[0]]) for name in names),
    ]


def frequency_columns(t: Translator) -> list[Column]:
    """Of users by active buckets."""
    return [
        Column("buckets_active", t("streaks.col_buckets"), "count"), Column("users", t("retention.users"), "count"),
        Column("share", t("retention.col_share"), "share"),
        Column("users_at_least", t("streaks.col_at_least"), "count"),
        Column("share_at_least", t("streaks.col_share_at_least"), "share"),
    ]  # fmt: skip


def silence_columns(t: Translator) -> list[Column]:
    """Of silences by how long they have lasted."""
    return [
        Column("silent_buckets", t("resurrection.col_silent_buckets"), "count"),
        Column("silent", t("resurrection.col_silent"), "count"),
        Column("returned", t("resurrection.col_returned"), "count"), *_share(t),
        Column("back_by_then", t("resurrection.col_back_by_then"), "share"),
    ]  # fmt: skip


def resurrected_columns(t: Translator) -> list[Column]:
    """Of the resurrected by bucket."""
    return [
        Column("bucket", t("resurrection.col_bucket"), "date"),
        Column("dormant", t("resurrection.col_dormant"), "count"),
        Column("resurrected", t("resurrection.col_resurrected"), "count"), *_share(t),
        Column("partial", t("resurrection.col_partial")),
    ]  # fmt: skip


def survival_columns(t: Translator) -> list[Column]:
    """Of survival by group."""
    return [
        Column("group", t("retention.col_group")), Column("users", t("retention.users"), "count"),
        Column("churned", t("survival.column_churned"), "count"),
        Column("median_days", t("survival.column_median"), "count"),
        *(Column(f"after_{day}", t("survival.column_after", day=day), "share") for day in (7, 30, 90)),
    ]  # fmt: skip


def pair_columns(t: Translator) -> list[Column]:
    """Of the log-rank tests between groups."""
    return [
        Column("group", t("retention.col_group")), Column("other", t("retention.col_other")),
        Column("p_value", t("retention.col_log_rank"), "p"), Column("p_adjusted", t("retention.col_p"), "p"),
    ]  # fmt: skip


def _share(t: Translator, users: str = "", *, bounds: bool = True) -> list[Column]:
    """A share with its interval; with `users` (the denominator's column) both counts go before it."""
    share = [Column("share", t("retention.col_share"), "share")]
    if bounds:
        share += [Column("low", t("retention.col_low"), "share"), Column("high", t("retention.col_high"), "share")]
    if not users:
        return share
    counts = [Column(users, t(f"retention.{users}"), "count"), Column("returned", t("retention.col_returned"), "count")]
    return [*counts, *share]


def _difference(t: Translator) -> list[Column]:
    return [
        Column("difference", t("retention.col_difference"), "points"),
        Column("difference_low", t("retention.col_low"), "points"),
        Column("difference_high", t("retention.col_high"), "points"),
        Column("p_adjusted", t("retention.col_p"), "p"),
    ]


def _value(t: Translator) -> list[Column]:
    kinds = {
        "value": "money", "payers": "count", "per_user": "money", "low": "money", "high": "money",
        "cumulative_per_user": "money", "cumulative_low": "money", "cumulative_high": "money",
        "share_of_start": "share",
    }  # fmt: skip
    return [Column(name, t(f"retention_value.col_{name}"), kind) for name, kind in kinds.items()]
