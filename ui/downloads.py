"""Tables and pictures as files, made when asked for. Texts that a spreadsheet would run as a formula are quoted."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping

import pandas as pd
import streamlit as st

from ops_core.locale import Translator

_PICTURES = ("png", "svg")
_PICTURE_STATE = "picture"
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_NBSP = "\u00a0"
# What keeps our dates on one line, and makes a spreadsheet take them for words.
_JOINS = re.compile(rf"\u2060|(?<=\d){_NBSP}(?=[A-Z][a-z][a-z])|(?<=[a-z]){_NBSP}(?=\d{{4}})")
_XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


def buttons(frame: Callable[[], pd.DataFrame], name: str, t: Translator) -> None:
    """Download buttons for CSV and Excel. `name` is the file's name without ending and the buttons' key."""
    with st.container(horizontal=True, gap="xsmall"):
        st.download_button(
            t("shell.download_csv"),
            data=lambda: csv_bytes(frame()),
            file_name=f"{name}.csv",
            mime="text/csv",
            key=f"{name}.csv",
            on_click="ignore",
            icon=":material/download:",
        )
        st.download_button(
            t("shell.download_xlsx"),
            data=lambda: xlsx_bytes(frame(), name),
            file_name=f"{name}.xlsx",
            mime=_XLSX,
            key=f"{name}.xlsx",
            on_click="ignore",
            icon=":material/download:",
        )


def picture_choice(name: str, t: Translator) -> None:
    """Ask whether the camera at the charts takes PNG or SVG; one choice for all charts. `name`: unique in the app."""
    key = f"{name}.picture"
    st.session_state[key] = _picture()
    st.segmented_control(
        t("shell.picture"), _PICTURES, format_func=str.upper, required=True, key=key, help=t("shell.picture_hint"),
        on_change=_take_picture, args=(key,),
    )  # fmt: skip


def with_picture(config: Mapping[str, object], name: str, t: Translator) -> dict[str, object]:
    """A chart's settings with its camera button: the browser itself makes the picture, twice as sharp as the screen."""
    told = t("shell.picture_save", format=_picture().upper())
    words = {
        "Download plot as a PNG": told, "Download plot": told,
        "Preparing image - this may take a few seconds": t("shell.picture_taking"),
        "Image download succeeded": t("shell.picture_taken"),
        "Sorry, there was a problem downloading your image!": t("shell.picture_failed"),
    }  # fmt: skip
    return {
        **config,
        "toImageButtonOptions": {"format": _picture(), "filename": name, "scale": 2},
        "locale": t.language,
        "locales": {t.language: {"dictionary": words}},
    }


def _picture() -> str:
    return st.session_state.get(_PICTURE_STATE, _PICTURES[0])


def _take_picture(key: str) -> None:
    if st.session_state[key] in _PICTURES:
        st.session_state[_PICTURE_STATE] = st.session_state[key]


def csv_bytes(frame: pd.DataFrame) -> bytes:
    """UTF-8 with a byte-order mark (Excel reads Chinese then), numbers in full precision, texts harmless."""
    return harmless(frame).to_csv(index=False, lineterminator="\r\n").encode("utf-8-sig")


def xlsx_bytes(frame: pd.DataFrame, sheet: str) -> bytes:
    """One sheet with a fixed header row; numbers stay numbers, texts stay texts."""
    buffer = io.BytesIO()
    options = {"strings_to_formulas": False, "strings_to_urls": False, "nan_inf_to_errors": False}
    with pd.ExcelWriter(buffer, engine="xlsxwriter", engine_kwargs={"options": options}) as writer:
        table = _without_zone(harmless(frame))
        table.to_excel(writer, sheet_name=_sheet_name(sheet), index=False, freeze_panes=(1, 0))
        page = writer.sheets[_sheet_name(sheet)]
        for position, column in enumerate(table.columns):
            longest = max([len(str(column)), *(len(str(value)) for value in table[column].head(200))])
            page.set_column(position, position, min(max(10, longest * 1.4), 60))
    return buffer.getvalue()


def harmless(frame: pd.DataFrame) -> pd.DataFrame:
    """A copy whose text cells and headers start no formula: a quote is put before `= + - @`, tab and return."""
    safe = frame.copy()
    for column in safe.columns:
        if not (pd.api.types.is_numeric_dtype(safe[column]) or pd.api.types.is_datetime64_any_dtype(safe[column])):
            safe[column] = safe[column].map(_harmless_cell)
    return safe.rename(columns=_harmless_cell)


def _harmless_cell(value: object) -> object:
    if not isinstance(value, str):
        return value
    text = _JOINS.sub(lambda found: " " if found[0] == _NBSP else "", value)
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def _without_zone(frame: pd.DataFrame) -> pd.DataFrame:
    # Excel knows no time zones; the wall-clock time is what a person expects to see.
    zoned = frame.select_dtypes(include=["datetimetz"]).columns
    return frame.assign(**{column: frame[column].dt.tz_localize(None) for column in zoned}) if len(zoned) else frame


def _sheet_name(name: str) -> str:
    return "".join(char for char in name if char not in r"[]:*?/\\")[:31] or "Sheet1"
