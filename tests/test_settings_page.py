"""The settings page: what was kept is told, and so is that there was nothing to keep."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from ops_core import Workspace
from tests.support_pages import opened, prepared


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    monkeypatch.setenv("OPSDECK_HOME", str(tmp_path))
    Workspace.open(tmp_path / "shop.duckdb").close()
    return opened(prepared("settings", "zh", workspace="shop"))


def save(page: AppTest) -> list[str]:
    """Press save; what the page says of it."""
    next(button for button in page.button if button.form_id == "settings").click().run()
    assert not page.exception
    return [toast.value for toast in page.toast]


def test_saving_says_what_became_of_it(page: AppTest):
    assert save(page) == ["没有改动，无需保存。"]
    next(box for box in page.selectbox if box.label == "每周第一天").select("sunday")
    assert "已保存，所有页面都按新设置统计。" in save(page)
    assert page.session_state["screen"].workspace.reporting.week_start == "sunday"
