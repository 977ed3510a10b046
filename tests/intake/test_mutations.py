"""Damaged files at random: no crash, no hang, every row accounted for.

`OPSDECK_MUTATIONS=10000` chooses another number of files than the usual few hundred.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ops_core import IntakeError
from ops_core.intake.source import open_source
from tests.intake.mutations import mutated

MUTATIONS = int(os.environ.get("OPSDECK_MUTATIONS", "200"))


def account(path: Path) -> str:
    """Opens a file and checks its account; returns what became of it."""
    began = time.process_time()
    try:
        with open_source(path) as source, duckdb.connect() as connection:
            source.stage(connection, "rows_in")
            found = [row[0] for row in connection.execute("SELECT line FROM rows_in").fetchall()]
            lines = found + [reject.line for reject in source.rejects] + [record.line for record in source.skipped]
            assert len(found) + len(source.rejects) == source.rows_in_file
            assert len(set(lines)) == len(lines), "one line, one fate"
            assert len(set(source.columns)) == len(source.columns)
            assert all(name.strip() for name in source.columns)
            return "loaded"
    except IntakeError as refusal:
        return refusal.code if str(refusal) else "silent"
    finally:
        assert time.process_time() - began < 5


def test_mutated_files_are_loaded_or_refused(tmp_path: Path):
    fates = []
    for seed in range(MUTATIONS):
        path = tmp_path / "upload.csv"
        path.write_bytes(mutated(seed))
        fates.append(account(path))
    assert fates.count("loaded") > 0.6 * MUTATIONS
    assert "silent" not in fates


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("random")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    rows=st.lists(st.lists(st.text('ab1,;"\n\r\t\\ 李', max_size=6), min_size=1, max_size=4), min_size=1, max_size=12)
)
def test_any_text_is_accounted_for(folder: Path, rows: list[list[str]]):
    path = folder / "text.csv"
    path.write_text("\n".join(",".join(row) for row in rows), encoding="utf-8", newline="")
    account(path)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(content=st.binary(max_size=300))
def test_any_bytes_are_accounted_for(folder: Path, content: bytes):
    path = folder / "bytes.csv"
    path.write_bytes(content)
    account(path)


def test_a_title_with_no_row_of_its_width_below_ends_the_search(folder: Path):
    # The only row of three cells looks like a report's title; looking for the table below it once never ended.
    path = folder / "title.csv"
    path.write_text("x,,\na,b\n", encoding="utf-8")
    account(path)
