"""Zip files as programs on Chinese systems write them: names in GBK, very long ones, and every kind of table."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pandas as pd
import pytest

from ops_core import IntakeError
from ops_core.intake.archive import unpacked
from ops_core.intake.container import TABLE_ENDINGS
from ops_core.intake.folder import table_files
from ops_core.intake.source import open_source
from ops_core.locale import translator

TABLE = b"user_id,event,time\nu1,view,2026-03-01\nu2,view,2026-03-02\n"


def zipped(path: Path, names: list[str], encoding: str) -> Path:
    """A zip whose names are written in an encoding, without the mark that says UTF-8."""
    wanted = [name.encode(encoding) for name in names]
    with zipfile.ZipFile(path, "w") as archive:
        for letter, name in zip("XY", wanted, strict=True):
            archive.writestr(letter * len(name), TABLE)
    content = path.read_bytes()
    for letter, name in zip(b"XY", wanted, strict=True):
        content = content.replace(bytes([letter]) * len(name), name)
    path.write_bytes(content)
    return path


def folders(parent: Path):
    def new() -> Path:
        folder = parent / str(len(list(parent.iterdir())))
        folder.mkdir()
        return folder

    parent.mkdir()
    return new


@pytest.mark.parametrize(
    ("encoding", "names"),
    [
        ("gb18030", ["订单.csv", "说明.md"]),
        ("utf-8", ["订单.csv", "用户反馈.md"]),
        ("cp437", ["Müller.csv", "Köln.md"]),
    ],
)
def test_names_in_a_zip_are_read_as_written(tmp_path: Path, encoding: str, names: list[str]):
    with open_source(zipped(tmp_path / "one.zip", names, encoding)) as source:
        (note,) = (note for note in source.notes if note.code == "unpacked_one_of")
        assert (note.values["file"], source.rows_in_file) == (names[0], 2)
    tables = [name.replace(".md", ".csv") for name in names]
    found = unpacked(zipped(tmp_path / "two.zip", tables, encoding), folders(tmp_path / "parts"), 10)
    assert [path.name for path in found] == tables
    with pytest.raises(IntakeError) as refusal:
        open_source(tmp_path / "two.zip")
    assert tables[0] in refusal.value.sentence(translator("zh"))


def test_a_very_long_name_in_a_zip_is_cut(tmp_path: Path):
    long = "订" * 84 + ".csv"
    with zipfile.ZipFile(tmp_path / "one.zip", "w") as archive:
        archive.writestr(long, TABLE)
    with open_source(tmp_path / "one.zip") as source:
        assert source.rows_in_file == 2
    with zipfile.ZipFile(tmp_path / "two.zip", "w") as archive:
        archive.writestr(long, TABLE)
        archive.writestr("x" * 300 + ".csv", TABLE)
    found = unpacked(tmp_path / "two.zip", folders(tmp_path / "parts"), 10)
    assert [path.read_bytes() for path in found] == [TABLE, TABLE]
    assert [path.suffix for path in found] == [".csv", ".csv"]


@pytest.mark.parametrize("ending", [".xlsm", ".pq"])
def test_every_table_that_loads_alone_loads_from_a_zip_and_from_a_folder(tmp_path: Path, ending: str):
    table = pd.DataFrame({"user_id": ["u1", "u2"], "city": ["x", "y"]})
    folder = tmp_path / "folder"
    folder.mkdir()
    path = folder / f"users{ending}"
    if ending == ".pq":
        table.to_parquet(path)
    else:
        table.to_excel(folder / "users.xlsx", index=False)
        (folder / "users.xlsx").rename(path)
    assert table_files([folder]) == [path]
    with zipfile.ZipFile(tmp_path / "one.zip", "w") as archive:
        archive.write(path, path.name)
    with open_source(tmp_path / "one.zip") as source:
        assert source.rows_in_file == 2


def test_workbooks_of_every_kind_are_looked_for():
    assert {".xlsx", ".xlsm", ".xls", ".xlsb", ".ods"} <= set(TABLE_ENDINGS)
