"""Number tables: one line per column says how it reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import streamlit as st

from ops_core.locale.translator import UNDEFINED
from ui import downloads
from ui.current import screen
from ui.text import small

_ROW_HEIGHT = 32
_MOST_ROWS = 5_000  # on screen; the file has them all


@dataclass(frozen=True)
class Column:
    """How a column of a frame is shown.

    Attributes:
        name: the frame's column.
        label: its heading in the reader's language.
        kind: `text`, `count`, `number` (2 decimals), `share` (0–1 as %), `points` (difference of shares, signed),
            `signed_share` (relative change), `money`, `p`, `figure` (a text that stands where numbers do), `date`,
            `datetime`, `duration` (seconds) or `bar` (0–1).
        help: the definition, shown at the heading.
    """

    name: str
    label: str
    kind: str = "text"
    help: str = ""


def table(
    frame: pd.DataFrame,
    columns: Sequence[Column] = (),
    *,
    name: str,
    files: bool = False,
    height: int | None = None,
    alt: str | None = None,
) -> None:
    """A table with house formats; `files` adds the download buttons below it."""
    columns = columns or [Column(str(column), str(column), _kind(frame[column])) for column in frame.columns]
    shown = frame[[column.name for column in columns]].head(_MOST_ROWS)
    shown = shown.assign(**{column.name: _scaled(shown[column.name], column.kind) for column in columns})
    st.dataframe(
        shown,
        hide_index=True,
        row_height=_ROW_HEIGHT,
        height=height or "auto",
        placeholder=UNDEFINED,
        key=f"{name}.grid",
        alt=alt,
        column_config={column.name: _config(column) for column in columns},
    )
    t = screen().t
    if len(frame) > _MOST_ROWS:
        st.markdown(small(t("shell.first_rows", shown=t.number(_MOST_ROWS), total=t.number(len(frame)))))
    if files:
        labels = {column.name: column.label for column in columns}
        downloads.buttons(lambda: frame[list(labels)].rename(columns=labels), name, t)


def _config(column: Column) -> object:
    number = st.column_config.NumberColumn
    # Cells with thousands separators cannot carry a currency of one's own, so the heading does.
    unit = f" ({screen().t.currency_symbol})" if column.kind == "money" else ""
    settings = {"label": column.label + unit, "help": column.help or None}
    formats = {
        "count": "localized", "share": "%.1f%%", "points": "%+.1f", "signed_share": "%+.1f%%"
    }  # fmt: skip
    if column.kind in formats:
        return number(format=formats[column.kind], **settings)
    if column.kind in ("number", "money"):
        return number(format="localized", step=0.01, **settings)  # the step says how many decimals every cell has
    if column.kind == "bar":
        return st.column_config.ProgressColumn(format="%.1f%%", min_value=0, max_value=100, **settings)
    if column.kind == "date":
        return st.column_config.DateColumn(format="YYYY-MM-DD", **settings)
    if column.kind == "datetime":
        return st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm", **settings)
    # A p-value is a text, as no number format writes <0.001; it stands where numbers do.
    return st.column_config.TextColumn(alignment="right" if column.kind in ("p", "figure") else None, **settings)


def _scaled(values: pd.Series, kind: str) -> pd.Series:
    if kind in ("share", "points", "signed_share", "bar"):
        return values * 100
    if kind in ("money", "number"):
        return values.round(2) + 0.0  # the grid cuts decimals off; -0.0 would stand there as -0.00
    if kind == "p":
        return values.map(screen().t.p_value)
    if kind == "duration":
        return values.map(screen().t.duration)
    return values


def _kind(values: pd.Series) -> str:
    if pd.api.types.is_bool_dtype(values):
        return "text"
    if pd.api.types.is_integer_dtype(values):
        return "count"
    if pd.api.types.is_float_dtype(values):
        return "number"
    return "datetime" if pd.api.types.is_datetime64_any_dtype(values) else "text"
