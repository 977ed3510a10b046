"""Polluted files, one defect each: the published measure, rows in wrong columns, rows lost without a trace.

`OPSDECK_POLLUTION=all` runs every position (about 4,000 files); otherwise 55 % of them.
"""

from __future__ import annotations

import csv
import os
from collections import defaultdict
from pathlib import Path

import pytest

from ops_core.intake.convert import convert
from tests.intake.pollution import HEADER, Polluted, clean_table, polluted_files, score

SHARE = 1.0 if os.environ.get("OPSDECK_POLLUTION") == "all" else 0.55


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Polluted, float, int, int]]:
    """Each file with its score, its number of wrong rows and of rows that are in neither output."""
    folder = tmp_path_factory.mktemp("polluted")
    found = {}
    for file in polluted_files(SHARE):
        source = folder / f"{file.name}.csv"
        source.write_bytes(file.content)
        report = convert(source, folder / "out")
        points, wrong = score(file, report.converted.read_bytes().decode())
        traced = report.rows_converted + report.rows_rejected
        missing = max(0, len(file.records) - traced)
        found[file.name] = (file, points, wrong, missing)
    return found


def test_the_measure_is_met(results: dict[str, tuple[Polluted, float, int, int]]):
    assert len(results) >= 2_000
    points = [result[1] for result in results.values()]
    assert sum(points) / len(points) >= 9.96
    by_kind = defaultdict(list)
    for file, value, _, _ in results.values():
        by_kind[file.kind].append(value)
    assert {kind: sum(found) / len(found) for kind, found in by_kind.items() if sum(found) / len(found) < 9.95} == {}


def test_no_row_lands_in_wrong_columns_and_none_is_lost(results: dict[str, tuple[Polluted, float, int, int]]):
    rows = sum(len(result[0].records) for result in results.values())
    assert sum(result[2] for result in results.values()) <= 0.0005 * rows
    assert {name: result[3] for name, result in results.items() if result[3]} == {}


def test_the_measure_itself():
    table = clean_table()
    file = next(polluted_files(0.0))
    perfect = "\r\n".join(",".join(f'"{c.replace(chr(34), chr(34) * 2)}"' for c in row) for row in [HEADER, *table])
    assert score(file, perfect) == (10.0, 0)
    assert score(file, None) == (0.0, 0)
    # One of 83 records missing: precision 1, recall 82/83, F1 their harmonic mean; nearly the same for cells.
    without_last = "\r\n".join(perfect.split("\r\n")[:-1])
    points, wrong = score(file, without_last)
    assert wrong == 0
    assert points == pytest.approx(1 + 3 + 2 * (1 + 82 / 83 + 2 * (82 / 83) / (1 + 82 / 83)), abs=0.01)


def test_converted_and_rejected_files_say_everything(tmp_path: Path):
    source = tmp_path / "users.csv"
    source.write_bytes('Report\n\nid,name,day\n007,Zoë,2024-01-01\n008,x\n009,"a, ""b""",2024-01-03\n'.encode())
    report = convert(source, tmp_path / "out")
    assert (
        report.converted.read_bytes() == 'id,name,day\r\n007,Zoë,2024-01-01\r\n009,"a, ""b""",2024-01-03\r\n'.encode()
    )
    with report.rejects.open(encoding="utf-8", newline="") as file:
        rejects = list(csv.reader(file))
    assert [row[0] for row in rejects] == ["line", "1", "5"]
    assert rejects[2][1:] == ["The row has 2 cells instead of 3.", "008,x"]
    assert (report.rows_in_file, report.rows_converted, report.rows_rejected) == (3, 2, 1)


def test_files_without_rows_convert_to_what_they_have(tmp_path: Path):
    heading = tmp_path / "heading.csv"
    heading.write_text("a,b\n")
    empty = tmp_path / "empty.csv"
    empty.write_text("")
    assert convert(heading, tmp_path).converted.read_text() == "a,b\n"
    report = convert(empty, tmp_path)
    assert (report.converted.read_text(), report.refusal.code) == ("", "empty")
