"""How a file is read: each choice stands as a chip with its value; opened, it tells its evidence and can be changed.

The choices lie in the session's state before the file is looked into, so the controls are drawn after the look.
"""

from __future__ import annotations

import streamlit as st

from ops_core.intake.checkup import Checkup, Told, both_orders
from ops_core.intake.source import Source, SourceOptions
from ui.current import screen
from ui.import_look import Look
from ui.layout import controls
from ui.text import chip, plain, small
from ui.uploads import Upload

_ENCODINGS = (
    "", "utf-8", "gb18030", "big5", "utf-16", "cp1252", "shift_jis", "euc_kr", "cp1251", "iso8859-15", "mac_roman",
)  # fmt: skip
_DELIMITERS = ("", ",", ";", "\t", "|", " ", "~", "^")
_NAMED_DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar", " ": "space", "whitespace": "space"}
_HEADERS = ("", "none", "line")
_SHEET_NOTES = ("sheet", "several_sheets")


def options_of(upload: Upload) -> SourceOptions:
    """How the file is to be read: what a person chose, the evidence for the rest."""
    header = _chosen(upload, "header")
    line = int(_chosen(upload, "header_line") or 1) if header == "line" else None
    sheets = st.session_state.get(_key(upload, "sheets"), [""])
    sheet, cells = _chosen(upload, "sheet"), str(_chosen(upload, "cells") or "").strip()
    if sheet == sheets[0]:
        sheet = None  # the one that is taken without being asked for
    return SourceOptions(
        encoding=_chosen(upload, "encoding") or None,
        delimiter=_chosen(upload, "delimiter") or None,
        header_rows=0 if header == "none" else None,
        header_line=line,
        sheet=f"{sheet or ''}!{cells}" if cells else sheet or None,
    )


def chips(upload: Upload, look: Look | None) -> None:
    """The row of choices. Without a look (it was refused) all choices of text files are offered."""
    source = look.source if look else None
    sheets = _sheets(upload, source)
    with controls():
        if sheets:
            _sheet_chip(upload, sheets)
        elif source is None or source.dialect is not None:
            _encoding_chip(upload, source)
            _delimiter_chip(upload, source)
        if source is None or source.dialect is not None or sheets:
            _header_chip(upload, source)


def told(upload: Upload, before: Told) -> Told:
    """What a person chose of the order of day and month and of the decimal sign, else what was said `before`."""
    return _chosen(upload, "dates") or before[0], _chosen(upload, "decimal") or before[1]


def ask_date_order(upload: Upload, look: Look, found: Checkup) -> None:
    """Ask for the order of day and month, with the file's own dates read either way."""
    t, question = screen().t, found.question
    column = str(question.values["column"])
    cells = [str(question.values[name]) for name in ("one", "other", "example") if name in question.values]
    read = both_orders([*cells, *look.sample[column].dropna().unique()[:200]])
    differ = read[read["day_first"] != read["month_first"]]
    read = (differ if len(differ) else read).head(2)
    st.warning(t(f"import.{question.code}", column=plain(column)), icon=":material/help:")
    captions = [
        t.join([f"{plain(row.written)} → {_day(row, order)}" for row in read.itertuples()])
        for order in ("day_first", "month_first")
    ]
    st.radio(
        t("import.date_order"),
        ("day_first", "month_first"),
        index=None,
        captions=captions,
        format_func=lambda code: t(f"import.{code}"),
        key=_key(upload, "dates"),
        horizontal=True,
        persist_state="session",
    )


def readings(upload: Upload, found: Checkup) -> None:
    """How the values of the columns with a role are read, in the file's own examples; the order of dates can change."""
    t = screen().t
    shown_columns = [one for one in found.readings if one.role and one.examples]
    if not shown_columns:
        return
    unsure = [one.column for one in shown_columns if one.unsure]
    if unsure:
        st.warning(t("import.decimal_unsure", columns=plain(t.join(unsure))), icon=":material/help:")
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        st.markdown(small(t("import.read_as")), width="content")
        for one in shown_columns:
            # The longest cell tells most about how it is read.
            written, value = max(one.examples, key=lambda pair: len(pair[0]))
            shown = _shown_value(value, one.type)
            ways = t.join([t(f"import.reads_{code}") for code in one.codes])
            words = t("import.reading_of", column=plain(one.column), written=plain(written), value=shown, ways=ways)
            st.markdown(words, width="content")
        if any(code in ("time_day_first", "time_month_first") for one in shown_columns for code in one.codes):
            with st.popover(t("import.date_order"), key=_key(upload, "dates_again")):
                st.radio(
                    t("import.date_order"),
                    ("", "day_first", "month_first"),
                    format_func=lambda code: t(f"import.{code or 'automatic'}"),
                    key=_key(upload, "dates"),
                    persist_state="session",
                )

        if any(one.type == "number" for one in shown_columns):
            _decimal_chip(upload)


def _decimal_chip(upload: Upload) -> None:
    t = screen().t
    with st.popover(t("import.decimal"), key=_key(upload, "decimal_chip")):
        st.radio(
            t("import.decimal"),
            ("", "point", "comma"),
            format_func=lambda code: t(f"import.decimal_{code}" if code else "import.automatic"),
            captions=["", "1,234.56", "1.234,56"],
            key=_key(upload, "decimal"),
            persist_state="session",
        )


def _encoding_chip(upload: Upload, source: Source | None) -> None:
    t = screen().t
    used = source.dialect.encoding if source else _chosen(upload, "encoding") or t("import.automatic")
    with st.popover(
        chip(t("import.encoding"), plain(used.upper() if source else used)), key=_key(upload, "encoding_chip")
    ):
        if source:
            st.markdown(small(_encoding_evidence(upload, source)))
        st.selectbox(
            t("import.encoding"),
            _ENCODINGS,
            format_func=lambda code: code.upper() if code else t("import.automatic"),
            key=_key(upload, "encoding"),
            persist_state="session",
        )
        st.markdown(small(t("import.encoding_hint")))


def _encoding_evidence(upload: Upload, source: Source) -> str:
    t = screen().t
    if _chosen(upload, "encoding"):
        return t("intake.evidence.chosen")
    said = [note.sentence(t) for note in source.notes if note.code in ("encoding", "encoding_unsure", "stray_bytes")]
    return plain(said[0]) if said else t("import.evidence_utf8")


def _delimiter_chip(upload: Upload, source: Source | None) -> None:
    t = screen().t
    used = _delimiter_name(source.dialect.syntax.delimiter) if source else t("import.automatic")
    with st.popover(chip(t("import.delimiter"), used), key=_key(upload, "delimiter_chip")):
        _evidence(source, "delimiter")
        st.selectbox(
            t("import.delimiter"),
            _DELIMITERS,
            format_func=lambda mark: _delimiter_name(mark) if mark else t("import.automatic"),
            key=_key(upload, "delimiter"),
            persist_state="session",
        )


def _header_chip(upload: Upload, source: Source | None) -> None:
    t = screen().t
    choice = _choice(source, "header")
    rows = {None: t("import.automatic"), "0": t("import.header_none")}
    used = rows.get(choice and choice.value) or t("import.header_rows", n=int(choice.value))
    with st.popover(chip(t("import.header"), used), key=_key(upload, "header_chip")):
        _evidence(source, "header")
        how = st.radio(
            t("import.header"),
            _HEADERS,
            format_func=lambda code: t(f"import.header_{code}" if code else "import.automatic"),
            key=_key(upload, "header"),
            persist_state="session",
        )
        if how == "line":
            st.number_input(
                t("import.header_line_number"), 1, 1000, 1, key=_key(upload, "header_line"), persist_state="session"
            )


def _sheet_chip(upload: Upload, sheets: list[str]) -> None:
    t = screen().t
    used = _chosen(upload, "sheet") or sheets[0]
    with st.popover(chip(t("import.sheet"), plain(used)), key=_key(upload, "sheet_chip")):
        st.markdown(small(t("import.sheet_evidence")))
        st.radio(t("import.sheet"), sheets, key=_key(upload, "sheet"), persist_state="session")
        st.text_input(
            t("import.cells"), key=_key(upload, "cells"), placeholder="B4:F200", help=t("import.cells_help"),
            persist_state="session",
        )  # fmt: skip


def _sheets(upload: Upload, source: Source | None) -> list[str]:
    """The worksheets of a workbook, the one that was read first; remembered, since a chosen sheet names no others."""
    key = _key(upload, "sheets")
    if source is not None and key not in st.session_state:
        note = next((note for note in source.notes if note.code in _SHEET_NOTES), None)
        if note is not None:
            hidden = [name for one in source.notes if one.code == "hidden_sheets" for name in one.values["sheets"]]
            st.session_state[key] = [note.values["sheet"], *note.values.get("others", []), *hidden]
    return st.session_state.get(key, [])


def _evidence(source: Source | None, name: str) -> None:
    choice = _choice(source, name)
    if choice is not None:
        st.markdown(small(plain(choice.evidence(screen().t))))


def _choice(source: Source | None, name: str) -> object:
    choices = source.dialect.choices if source is not None and source.dialect is not None else ()
    return next((choice for choice in choices if choice.name == name), None)


def _delimiter_name(mark: str) -> str:
    t = screen().t
    return t(f"import.delimiter_{_NAMED_DELIMITERS[mark]}") if mark in _NAMED_DELIMITERS else plain(repr(mark)[1:-1])


def _day(row: object, order: str) -> str:
    moment = getattr(row, order)
    return screen().t.date(moment.date()) if moment == moment and moment is not None else "—"


def _shown_value(value: str | None, kind: str) -> str:
    if value is None:
        return "—"
    if kind == "number":
        value = value.rstrip("0").rstrip(".") if "." in value else value
    return plain(value.removesuffix(" 00:00:00"))


def _chosen(upload: Upload, name: str) -> object:
    return st.session_state.get(_key(upload, name))


def _key(upload: Upload, name: str) -> str:
    return f"{name}.{upload.mark}"
