"""Two waiting files that belong together: the key that ties them, whether rows would multiply, totals before and after.

The joined table then waits as a file of its own, in the place of the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import streamlit as st

from ops_core.errors import OpsError
from ops_core.intake import join
from ops_core.intake.join import Key
from ui import layout, uploads
from ui.current import screen
from ui.import_look import Look
from ui.import_work import waited_for
from ui.tables import Column, table
from ui.text import plain, small
from ui.uploads import Upload

Files = Sequence[tuple[Upload, Look]]
_SHOWN_KEYS = 5


def panel(files: Files) -> None:
    """Offer to join two of the files; opened where their columns say that they belong together."""
    t = screen().t
    by_mark = {upload.mark: (upload, look) for upload, look in files}
    found = _suggested(files)
    said = t("import.join_found", left=plain(found[0].name), right=plain(found[1].name)) if found else t("import.join")
    with st.expander(said, icon=":material/join_inner:", on_change="rerun", key="join.panel") as opened:
        if not opened.open:
            return
        st.markdown(small(t("import.join_text")))
        marks = list(by_mark)
        usual = [upload.mark for upload in found] if found else marks[:2]
        with layout.controls():
            left = _file("left", marks, usual[0], by_mark)
            right = _file(
                "right", [mark for mark in marks if mark != left], usual[1 if left == usual[0] else 0], by_mark
            )
        try:
            _keys(by_mark[left], by_mark[right])
        except OpsError as refusal:
            layout.note(plain(refusal.sentence(t)), "warning")


def _suggested(files: Files) -> tuple[Upload, Upload] | None:
    """The first two files that share a named key which keeps the rows of the one; the larger comes first."""
    marks = tuple((upload.mark, id(look)) for upload, look in files)
    known = st.session_state.get("join.suggested")
    if known is None or known[0] != marks:
        ordered = sorted(files, key=lambda file: -file[1].n_rows)[:6]
        pairs = ((one, other) for one in ordered for other in ordered if one is not other)
        same = {look.columns for _, look in files}
        tied = (
            (one[0], other[0])
            for one, other in pairs
            if one[1].columns != other[1].columns and _is_tied(one[1].sample, other[1].sample)
        )
        known = (marks, next(tied, None) if len(same) > 1 else None)
        st.session_state["join.suggested"] = known
    return known[1]


def _is_tied(left: pd.DataFrame, right: pd.DataFrame) -> bool:
    return any(key.keeps_rows and key.because != "same_values" for key in join.propose(left, right))


def _file(side: str, marks: list[str], usual: str, by_mark: dict[str, tuple[Upload, Look]]) -> str:
    return st.selectbox(
        screen().t(f"import.join_{side}"),
        marks,
        index=marks.index(usual) if usual in marks else 0,
        format_func=lambda mark: by_mark[mark][0].name,
        key=f"join.{side}.{len(marks)}",
        width=300,
    )


def _keys(left: tuple[Upload, Look], right: tuple[Upload, Look]) -> None:
    t = screen().t
    tables, keys = _tables(left, right)
    if not keys:
        join.joined(*tables)  # says what was found in both
    shown = keys[:_SHOWN_KEYS]
    chosen = st.radio(
        t("import.join_key"),
        range(len(shown)),
        format_func=lambda index: f"{plain(shown[index].left)} = {plain(shown[index].right)}",
        captions=[plain(_reasons(key)) for key in shown],
        key=f"join.key.{left[0].mark}.{right[0].mark}",
    )
    key = shown[chosen]
    result = join.joined(*tables, key=(key.left, key.right))
    _promise(tables[0], result.frame)
    st.markdown(t("import.join_unmatched", n=result.n_unmatched, rows=t.number(len(result.frame))))
    # Done before the page is drawn anew: a run that another click cuts short would lose it.
    files = left[0], right[0]
    st.button(t("import.join_do"), icon=":material/join_inner:", on_click=_take, args=(result.frame, *files))


def _take(joined: pd.DataFrame, left: Upload, right: Upload) -> None:
    """The joined table waits in the place of the two files."""
    name = f"{Path(left.name).stem} + {Path(right.name).stem}.csv"
    uploads.queue(name, lambda path: joined.to_csv(path, index=False))
    for upload in (left, right):
        uploads.forget(upload.mark)


def _tables(
    left: tuple[Upload, Look], right: tuple[Upload, Look]
) -> tuple[tuple[pd.DataFrame, pd.DataFrame], list[Key]]:
    """Both tables as text and the keys that could tie them; kept while this pair is looked at."""
    marks = (left[0].mark, id(left[1]), right[0].mark, id(right[1]))
    known = st.session_state.get("join.tables")
    if known is None or known[0] != marks:

        def read(_: object) -> tuple[tuple[pd.DataFrame, pd.DataFrame], list[Key]]:
            tables = join.rows_of(left[1].source), join.rows_of(right[1].source)
            return tables, join.propose(*tables)

        found = waited_for(read, lambda _: screen().t("import.join_reading"), lambda: None, "join")
        known = (marks, found)
        st.session_state["join.tables"] = known
    return known[1]


def _reasons(key: Key) -> str:
    t = screen().t
    return t.sentences(key.reasons(t))


def _promise(before: pd.DataFrame, after: pd.DataFrame) -> None:
    """Rows and sums before and after: the same, or the join would not have been made."""
    t = screen().t
    frame = join.totals(before, after)
    shown = pd.DataFrame(
        {
            "column": [name or t("import.join_rows") for name in frame["column"]],
            "before": [t.number(float(value), 2 if value % 1 else 0) for value in frame["before"]],
            "after": [t.number(float(value), 2 if value % 1 else 0) for value in frame["after"]],
        }
    )
    st.markdown(f":material/check_circle: {t('import.join_kept')}")
    columns = [Column(name, t(f"import.join_{name}")) for name in shown]
    table(shown, columns, name="join_totals", height=min(260, 38 + 32 * len(shown)))
