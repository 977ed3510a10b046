"""A person names the sheet and the range of cells to read, as a workbook writes them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from ops_core import IntakeError
from ops_core.intake.source import SourceOptions, open_source


@pytest.fixture(scope="module")
def workbook(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cover sheet, and a table of 3 rows that begins in B4 with remarks beside and below it."""
    path = tmp_path_factory.mktemp("book") / "report.xlsx"
    with pd.ExcelWriter(path, engine="xlsxwriter") as writer:
        pd.DataFrame({"Report": ["September"]}).to_excel(writer, sheet_name="Cover", index=False)
        rows = pd.DataFrame({"user_id": ["a", "b", "c"], "city": ["x", "y", "z"]})
        rows.to_excel(writer, sheet_name="Data!1", index=False, startrow=3, startcol=1)
        sheet = writer.sheets["Data!1"]
        sheet.write("E5", "a remark")
        sheet.write("B9", "printed by the system")
    return path


@pytest.mark.parametrize("written", ["Data!1!B4:C7", "Data!1!$c$7:$b$4"])
def test_a_range_is_read_and_nothing_beside_it(workbook: Path, written: str):
    with open_source(workbook, options=SourceOptions(sheet=written)) as source:
        assert source.columns == ("user_id", "city")
        rows = source.sample()
        assert rows.to_numpy().tolist() == [[5, "a", "x"], [6, "b", "y"], [7, "c", "z"]]  # line = row of the sheet


def test_a_range_alone_is_of_the_sheet_that_is_taken_anyway(workbook: Path):
    with open_source(workbook) as usual, open_source(workbook, options=SourceOptions(sheet="!A1:C7")) as part:
        assert set(part.columns) <= set(usual.columns)


def test_what_is_no_range_is_the_name_of_a_sheet(workbook: Path):
    with open_source(workbook, options=SourceOptions(sheet="Data!1")) as source:
        assert "user_id" in source.columns
    with pytest.raises(IntakeError, match="Data!2"):
        open_source(workbook, options=SourceOptions(sheet="Data!2"))
    with pytest.raises(IntakeError, match="empty"):
        open_source(workbook, options=SourceOptions(sheet="Data!1!X50:Z60"))
