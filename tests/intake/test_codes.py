"""Codes made of digits are no numbers: what a number would not give back as it stands stays text."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from ops_core import Workspace

HEAD = "user_id,event,occurred_at,code\n"


def values(workspace: Workspace) -> tuple[str, set[str]]:
    """The type of the property and its values."""
    (kind,) = workspace.properties("event").query("name == 'code'")["type"]
    return kind, set(workspace.property_values("code")["value"])


def load(workspace: Workspace, folder: Path, name: str, codes: list[str]) -> None:
    lines = [
        f'u{number % 3},pay,2026-01-0{number % 9 + 1} 10:00:0{number % 7},"{code}"' for number, code in enumerate(codes)
    ]
    (folder / name).write_text(HEAD + "\n".join(lines) + "\n", encoding="utf-8")
    workspace.load(folder / name, kind="events")


@pytest.mark.parametrize(
    ("codes", "kind"),
    [
        (["202601021234560001", "202601021234560002"], "text"),  # order numbers of more digits than a number holds
        (["007", "7"], "text"),
        (["1"] * 300 + ["0010"], "text"),  # found behind the rows that are looked at first
        (["1,234", "0012"], "text"),
        (["13812345678", "0", "-3"], "number"),
        (["0.5", "0.123456789012345678", "1e3"], "number"),
        (["1,234.5", "0.75"], "number"),
        (["50%", "0%"], "number"),
    ],
)
def test_a_column_is_numbers_only_where_they_come_back_as_they_stand(tmp_path: Path, codes: list[str], kind: str):
    with Workspace.memory() as workspace:
        load(workspace, tmp_path, "one.csv", codes)
        found, texts = values(workspace)
    assert found == kind
    assert kind == "number" or texts == set(codes)


@pytest.mark.parametrize("order", [("numbers.csv", "texts.csv"), ("texts.csv", "numbers.csv")])
def test_numbers_that_join_a_text_column_stand_as_people_write_them(tmp_path: Path, order: tuple[str, str]):
    codes = {"numbers.csv": ["101", "102", "2.5"], "texts.csv": ["101", "X102"]}
    with Workspace.memory() as workspace:
        for name in order:
            load(workspace, tmp_path, name, codes[name])
        assert values(workspace) == ("text", {"101", "102", "2.5", "X102"})


@pytest.mark.parametrize("written", ["Infinity", "-inf", "1e999"])
def test_what_is_no_finite_number_is_no_number(written: str):
    table = pd.DataFrame({"user_id": [f"u{n}" for n in range(42)], "code": ["1.5", "2.5"] * 20 + ["NaN", written]})
    table = table.assign(event="view", occurred_at="2026-01-05 10:00:00")
    with Workspace.memory() as workspace:
        report = workspace.load(table)
        assert [note.values["examples"] for note in report.notes if note.code == "column_stays_text"] == [[written]]
        assert values(workspace) == ("text", {"1.5", "2.5", written})
    with Workspace.memory() as workspace:
        workspace.load(table.head(41))
        assert workspace.properties("event")["type"].tolist() == ["number"]
        with workspace.store.cursor() as cursor:
            assert cursor.execute("SELECT sum(p1), count(p1) FROM events").fetchall() == [(80.0, 40)]
