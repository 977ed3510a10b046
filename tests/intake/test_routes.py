"""The routes into a source: fast and general agree; archives, workbooks, Parquet, JSON lines, frames."""

from __future__ import annotations

import gzip
import hashlib
import zipfile
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xlsxwriter

from ops_core import IntakeError
from ops_core.intake import routes
from ops_core.intake.fastpath import check, scan
from ops_core.intake.source import Source, SourceOptions, frame_source, open_source
from ops_core.intake.tokenize import Syntax

TEXT = "id,name,at\n" + "".join(f'{n},"Name, {n}",2024-01-{n % 28 + 1:02d}\n' for n in range(500))


def rows_of(source: Source, lines: bool = True) -> list[tuple]:
    with duckdb.connect() as connection:
        source.stage(connection, "rows_in", lines)
        return connection.execute("SELECT * FROM rows_in").fetchall()


def is_clean(path: Path, content: str, width: int = 3, skip: int = 1) -> bool:
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    return check(path, Syntax(), (width, skip), (), '"' in content)[0] is not None


def test_the_fast_route_gives_what_the_general_one_gives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "events.csv"
    path.write_text(TEXT)
    with open_source(path) as source:
        general, kind = rows_of(source), source.backing.kind
        digest = source.file_hash
    monkeypatch.setattr(routes, "_FAST_FROM_BYTES", 0)
    with open_source(path) as source:
        assert (kind, source.backing.kind) == ("parquet", "csv")
        assert sorted(rows_of(source)) == general
        assert {row[0] for row in rows_of(source, lines=False)} == {None}
        assert source.rows_in_file == 500
        assert source.file_hash == digest == hashlib.sha256(path.read_bytes()).hexdigest()
        assert source.sample(2).to_numpy().tolist()[0] == [2, "0", "Name, 0", "2024-01-01"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a,b,c\n1,2,3\n4,5,6\n", True),
        ("a,b,c\r\n1,2,3\r\n4,,\r\n", True),
        ("a,b,c\n1,2,3\n4,5,6", True),
        ('a,b,c\n1,"x, y",""\n', True),
        ("a,b,c\n1,2,3\n4,5\n", False),  # ragged
        ("a,b,c\n1,2,3,\n4,5,6\n", False),  # a surplus delimiter, which DuckDB forgives
        ("a,b,c\n1,,2,\n4,5,6\n", False),  # the same, shifted
        ("a,b,c\n1,2,3\n\n4,5,6\n", False),  # blank line: row numbers would not be line numbers
        ("a,b,c\n,,\n4,5,6\n", False),
        ('a,b,c\n1,"x\ny",3\n', False),
        ("a,b,c\n1,2\0,3\n", False),
        ("a,b,c\n1,2\udce9,3\n", False),  # not UTF-8
        ("a,b,c\r\n1,2,3\n4,5,6\n", False),  # mixed line ends
    ],
)
def test_proof_of_a_clean_file(tmp_path: Path, content: str, expected: bool):
    assert is_clean(tmp_path / "x.csv", content) is expected


def test_a_big_file_that_is_not_clean_takes_the_general_route(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(routes, "_FAST_FROM_BYTES", 0)
    path = tmp_path / "events.csv"
    lines = TEXT.encode().split(b"\n")
    lines[300] += b",surplus"
    lines[350] = lines[350].replace(b"Name", "Núñez".encode())
    lines[400] = lines[400].replace(b"Name", b"Zo\xeb")
    path.write_bytes(b"\n".join(lines))
    with open_source(path) as source:
        assert [(reject.line, reject.code) for reject in source.rejects] == [(301, "too_many_cells")]
        assert "stray_bytes" in {note.code for note in source.notes}
        assert source.rows_in_file == 500


def test_scan_counts_across_blocks(tmp_path: Path):
    path = tmp_path / "x"
    path.write_bytes(b"ab,\r\n" * 150_001)
    found = scan(path, [b",\r\n", b"\r"])
    assert (found.counts[b",\r\n"], found.counts[b"\r"], found.size) == (150_001, 150_001, 750_005)


def test_archives(tmp_path: Path):
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(TEXT.encode()))
    with zipfile.ZipFile(tmp_path / "one.zip", "w") as archive:
        archive.writestr("folder/a.csv", TEXT)
        archive.writestr("readme.md", "hello")
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        archive.writestr("a.csv", TEXT)
        archive.writestr("b.csv", TEXT)
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.csv", "a,b\n" + "0,0\n" * 20_000_000)
    for name in ("a.csv.gz", "one.zip"):
        with open_source(tmp_path / name) as source:
            assert (source.columns, source.rows_in_file) == (("id", "name", "at"), 500)
    with pytest.raises(IntakeError, match=r"several tables: a\.csv, b\.csv"):
        open_source(tmp_path / "two.zip")
    with pytest.raises(IntakeError, match="unpacks to more than"):
        open_source(tmp_path / "bomb.zip")
    (tmp_path / "twice.gz").write_bytes(gzip.compress(gzip.compress(TEXT.encode())))
    with pytest.raises(IntakeError, match="cannot be opened here"):
        open_source(tmp_path / "twice.gz")
    (tmp_path / "cut.gz").write_bytes(gzip.compress(TEXT.encode())[:200])
    with pytest.raises(IntakeError, match="damaged"):
        open_source(tmp_path / "cut.gz")


def test_workbook_lines_are_sheet_rows(tmp_path: Path):
    with xlsxwriter.Workbook(tmp_path / "book.xlsx") as book:
        sheet = book.add_worksheet("Data")
        sheet.write(0, 0, "Stock report")
        dates = book.add_format({"num_format": "yyyy-mm-dd hh:mm"})
        for column, name in enumerate(("id", "at", "amount")):
            sheet.write(2, column, name)
        for row in range(3, 8):
            sheet.write(row, 0, f"00{row}")
            sheet.write_datetime(row, 1, pd.Timestamp("2024-01-31 10:30").to_pydatetime(), dates)
            sheet.write(row, 2, row * 1.5)
        sheet.write_row(8, 0, ["Total", None, 99])
        book.add_worksheet("Other").write(0, 0, "x")
    with open_source(tmp_path / "book.xlsx") as source:
        assert source.columns == ("id", "at", "amount")
        assert rows_of(source)[0] == (4, "003", "2024-01-31 10:30:00", "4.5")
        assert [(reject.line, reject.code) for reject in source.rejects] == [(9, "total_row")]


def test_parquet_keeps_types_and_frames_count_from_two(tmp_path: Path):
    table = pa.table({"id": pa.array([7, 8]), "t": pa.array(["007", None]), "tags": pa.array([["a"], []])})
    pq.write_table(table, tmp_path / "x.parquet")
    with open_source(tmp_path / "x.parquet") as source:
        assert source.types == {"id": "BIGINT", "t": "text", "tags": "text"}
        assert rows_of(source) == [(2, 7, "007", "[a]"), (3, 8, None, "[]")]
    frame = pd.DataFrame({"a": [1.5, None], "b": ["x", 3], "c": pd.to_datetime(["2024-01-01", None])})
    with frame_source(frame) as source:
        assert source.types["a"] == "DOUBLE"
        assert source.types["c"].startswith("TIMESTAMP")
        assert [row[:3] for row in rows_of(source)] == [(2, 1.5, "x"), (3, None, "3")]
    with pytest.raises(IntakeError, match="no rows"):
        frame_source(pd.DataFrame({"a": []}))


def test_json_lines(tmp_path: Path):
    path = tmp_path / "events.jsonl"
    path.write_text('{"id": 12345678901234567890, "u": {"city": "北京"}, "ok": true}\n\n{"id": 2, "tags": [1]}\n{bad\n')
    with open_source(path) as source:
        assert source.columns == ("id", "u.city", "ok", "tags")
        assert rows_of(source) == [
            (1, "12345678901234567890", "北京", "true", None),
            (3, "2", None, None, '["1"]'),
        ]
        assert [(reject.line, reject.code) for reject in source.rejects] == [(4, "bad_json")]


def test_temporary_files_are_removed(tmp_path: Path):
    path = tmp_path / "x.csv"
    path.write_text(TEXT)
    staging = tmp_path / "staging"
    staging.mkdir()
    with open_source(path, options=SourceOptions(staging=staging)):
        assert list(staging.iterdir())
    assert list(staging.iterdir()) == []
    (tmp_path / "bad.csv").write_bytes(b"%PDF-1.7")
    with pytest.raises(IntakeError, match="PDF"):
        open_source(tmp_path / "bad.csv", options=SourceOptions(staging=staging))
    assert list(staging.iterdir()) == []
    with pytest.raises(IntakeError, match="no file"):
        open_source(tmp_path / "absent.csv")


def test_a_cover_sheet_is_not_the_table(tmp_path: Path):
    with xlsxwriter.Workbook(tmp_path / "report.xlsx") as book:
        for name, rows in (
            ("封面", [["九月运营报表"], ["内部使用"]]),
            ("说明", [["负责人", "王芳"], ["口径", "支付"]]),
            ("events", [["user", "event", "time"], *([f"u{n}", "pay", "2026-09-01"] for n in range(60))]),
            ("users", [["user", "city"], *([f"u{n}", "上海"] for n in range(90))]),
        ):
            sheet = book.add_worksheet(name)
            for row, cells in enumerate(rows):
                sheet.write_row(row, 0, cells)
    with open_source(tmp_path / "report.xlsx") as source:
        assert (source.columns, source.rows_in_file) == (("user", "event", "time"), 60)
        said = next(note for note in source.notes if note.code == "several_sheets")
        assert said.values["others"] == ["封面", "说明", "users"]
