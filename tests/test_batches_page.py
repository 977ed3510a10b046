"""The batches page: who loaded which file when, an upload beside the one before it, undo and what it returns."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from ops_core import Period, Workspace
from tests.test_pages import run

OLD = pd.DataFrame(
    [("e1", "a", "view", "2026-01-01 08:00"), ("e2", "b", "pay", "2026-01-02 08:00")],
    columns=["event_id", "user_id", "event", "time"],
)
NEW = OLD.assign(event=["view", "view"], page="p")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OPSDECK_HOME", str(tmp_path))
    with Workspace.open(tmp_path / "shop.duckdb") as workspace:
        workspace.load(OLD)
        workspace.load(NEW, replace=Period("2026-01-02", "2026-01-03"))
    assert os.environ["OPSDECK_HOME"]
    return tmp_path


def words(page: AppTest) -> str:
    return " ".join(one.value for one in page.markdown).replace("\\", "")


@pytest.mark.parametrize(
    ("language", "said", "state"),
    [
        ("en", "0 new, 1 changed, 0 missing, 1 the same", "in use, rows replaced later: 1"),
        ("zh", "新增 0 行，变更 1 行，缺失 0 行，相同 1 行", "有效，其中 1 行后来被替换"),
    ],
)
def test_the_history_and_the_comparison(home: Path, language: str, said: str, state: str):
    page = run("batches", language, workspace="shop", batch="2")
    assert [error.value for error in page.error] == []
    assert said in words(page)
    assert "SHA-256" in words(page)
    history = page.dataframe[0].value
    assert state in history["state"].tolist()
    assert history["loaded_by"].notna().all()


def test_undo_says_what_comes_back(home: Path):
    page = run("batches", "en", workspace="shop", batch="2")
    next(button for button in page.button if "Undo" in button.label).click().run()
    assert "What it had replaced comes back: batch 1" in words(page)
    assert [error.value for error in page.error] == []


def test_what_was_taken_back_stays_in_the_history(home: Path):
    with Workspace.open(home / "shop.duckdb") as workspace:
        workspace.undo(2)
    page = run("batches", "en", workspace="shop")
    assert page.dataframe[0].value["state"].tolist() == ["taken back", "in use"]


@pytest.mark.parametrize(
    ("language", "said"),
    [("en", "No data is in use now: every batch below was taken back"), ("zh", "目前没有有效的数据：下列批次都已撤销")],
)
def test_a_workspace_whose_batches_were_all_taken_back_is_not_called_new(home: Path, language: str, said: str):
    with Workspace.open(home / "shop.duckdb") as workspace:
        workspace.undo(2)
        workspace.undo(1)
    page = run("batches", language, workspace="shop")
    assert [one.value for one in page.header] == [said]
    assert len(page.dataframe[0].value) == 2
    assert [link for link in page.get("page_link") if link.proto.icon == ":material/upload_file:"]


def test_a_damaged_workspace_is_restored_with_one_click(home: Path):
    with Workspace.open(home / "shop.duckdb") as workspace:
        workspace.backup()
    (home / "shop.duckdb").write_bytes(b"no database" * 1000)
    page = run("batches", "en", workspace="shop")
    assert "cannot be read" in page.error[0].value.replace("\\", "")
    assert "last good backup of shop" in words(page)
    next(button for button in page.button if button.key == "restore_backup").click().run()
    assert [error.value for error in page.error] == []
    assert "The damaged file is kept as" in page.success[0].value.replace("\\", "")
    assert len(page.dataframe[0].value) == 2
    assert [one.name for one in home.glob("shop 2*.duckdb")]
