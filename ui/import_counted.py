"""A table that is counted already, on the import page: what it counts is said, and its arms are compared there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd
import streamlit as st

from ops_core.analyses import counted
from ops_core.analyses.counted import CountedQuery, CountedResult
from ops_core.analyses.experiment_sources import default_control
from ops_core.charts import counted as charts
from ops_core.errors import OpsError
from ops_core.intake import aggregated, join
from ops_core.intake.aggregated import Aggregated
from ui import layout
from ui.current import screen
from ui.import_look import Look
from ui.tables import Column, table
from ui.text import plain
from ui.uploads import Upload


def panel(files: Sequence[tuple[Upload, Look]], found: Aggregated) -> None:
    """Say what the table counts and compare its arms; several files with the same columns are arms of one test."""
    t = screen().t
    label = t("counted.said_with_arm" if found.arm else "counted.said", time=plain(found.time), arm=plain(found.arm))
    st.info(f"{label} {plain(t.join(list(found.counts)))}", icon=":material/functions:")
    try:
        together = _together(files)
        arm = _arm_control(files, together, found)
        if arm is None:
            layout.note(t("counted.no_arm"), "warning")
            return
        _answer(_query(files, together, found, arm), together)
    except OpsError as refusal:
        layout.note(plain(refusal.sentence(t)), "warning")


def _together(files: Sequence[tuple[Upload, Look]]) -> tuple[pd.DataFrame, str]:
    """The whole table as text and the column that names the file of a row; kept while the files wait."""
    key = f"counted.{files[0][0].mark}"
    marks = tuple((upload.mark, id(look)) for upload, look in files)
    known = st.session_state.get(key)
    if known is None or known[0] != marks:
        tables = {upload.path.stem: join.rows_of(look.source) for upload, look in files}
        known = (marks, aggregated.together(tables))
        st.session_state[key] = known
    return known[1]


def _arm_control(
    files: Sequence[tuple[Upload, Look]], together: tuple[pd.DataFrame, str], found: Aggregated
) -> str | None:
    """The column that names the arm, as guessed, or another one."""
    rows, file_column = together
    usual = found.arm if found.arm and len(rows[found.arm].dropna().unique()) > 1 else None
    named = [name for name in rows if name not in (file_column, found.time, *found.counts)]
    options = [name for name in named if 2 <= rows[name].nunique() <= aggregated.MOST_ARMS]
    if len(files) > 1:
        options, usual = [file_column, *options], usual or file_column
    if not options:
        return None
    t = screen().t
    return st.selectbox(
        t("counted.arm_column"),
        options,
        index=options.index(usual) if usual in options else None,
        format_func=lambda name: t("counted.file") if name == file_column else name,
        placeholder=t("counted.choose"),
        key=f"counted_arm.{files[0][0].mark}",
        width=260,
        persist_state="session",
    )


def _query(
    files: Sequence[tuple[Upload, Look]], together: tuple[pd.DataFrame, str], found: Aggregated, arm: str
) -> CountedQuery:
    t, mark = screen().t, files[0][0].mark
    rows = together[0]
    usual = counted.suggested(rows, found.counts, arm)
    arms = [str(name).strip() for name in rows[arm].dropna().unique()]
    with layout.controls():
        numerator = _select("numerator", found.counts, usual.numerator, mark)
        denominator = _select("denominator", found.counts, usual.denominator, mark)
        control = _select("control", arms, usual.control or default_control(arms), mark)
        per = st.segmented_control(
            t("counted.per"),
            counted.UNITS,
            format_func=lambda code: t(f"counted.per_{code}"),
            default=usual.per,
            required=True,
            key=f"counted_per.{mark}",
            help=t("counted.per_help"),
            persist_state="session",
        )
    return replace(usual, numerator=numerator, denominator=denominator, control=control, per=per)


def _select(name: str, options: Sequence[str], usual: str, mark: str) -> str:
    t = screen().t
    return st.selectbox(
        t(f"counted.{name}"),
        list(options),
        index=list(options).index(usual),
        key=f"counted_{name}.{mark}",
        width=190,
        persist_state="session",
    )


def _answer(query: CountedQuery, together: tuple[pd.DataFrame, str]) -> None:
    t, palette = screen().t, screen().palette
    result = counted.analyze(together[0], query)
    layout.answer(plain(charts.headline(result, t)), charts.paragraph(result, t, plain))
    layout.badges(plain(charts.split_fact(result, t)))
    for warning in charts.warnings(result, t):
        layout.note(plain(warning), "warning")
    with layout.panels():
        layout.panel(
            plain(charts.rate_name(result, t)),
            t("counted.forest_subtitle"),
            charts.draw(result, t, palette),
            result.metrics,
            name="counted_forest",
            columns=_metric_columns(result),
        )
        with st.container(gap=12):
            layout.panel_head(t("counted.arms"), t("counted.arms_text"), name="counted_arms_head")
            _arms(result)
    layout.definition(t("counted.definition"))


def _arms(result: CountedResult) -> None:
    t = screen().t
    rate = "share" if charts.kind_of(result) == "proportion" else "number"
    columns = [
        Column("arm", t("experiments.col_arm")),
        Column("n_rows", t("counted.rows"), "count"),
        Column("numerator", result.query.numerator, "count"),
        Column("denominator", result.query.denominator, "count"),
        Column("rate", t("counted.rate"), rate),
    ]
    table(result.arms, columns, name="counted_arms", files=True)


def _metric_columns(result: CountedResult) -> list[Column]:
    t = screen().t
    kind = "points" if charts.kind_of(result) == "proportion" else "number"
    numbers = [Column(name, t(f"experiments.col_{name}"), kind) for name in ("difference", "low", "high")]
    relative = ("relative", "relative_low", "relative_high")
    shares = [Column(name, t(f"experiments.col_{name}"), "signed_share") for name in relative]
    tests = [Column("p_value", t("experiments.col_p"), "p"), Column("p_adjusted", t("experiments.col_p_adjusted"), "p")]
    return [Column("arm", t("experiments.col_arm")), *numbers, *shares, *tests]
