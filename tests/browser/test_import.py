"""A file of one's own: dropped, checked, loaded, accounted for, taken back."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

FIVE = """用户ID,行为,时间
u1,浏览,2026-01-05 10:00:00
u1,浏览,2026-01-05 10:00:00
u2,支付,昨天
u2,浏览,2026-01-06 09:00:00
u3,支付,2026-01-14 09:30:00
"""


def load(tab, file: Path) -> Page:
    page = tab.open("/import?workspace=demo")
    page.locator("input[type=file]").set_input_files(str(file))
    button = page.get_by_role("button", name=re.compile(r"^(Load|导入) [\d,]+"))
    expect(button).to_be_enabled(timeout=30_000)
    tab.settle()
    button.click()
    expect(page.get_by_role("heading", name=re.compile("Every row, accounted for|每一行的去向"))).to_be_visible(
        timeout=60_000
    )
    return tab.settle()


def test_a_gbk_file_with_defects_is_loaded_and_every_row_accounted_for(app, tab_on: Callable, tmp_path: Path):
    file = tmp_path / "五行.csv"
    file.write_bytes(FIVE.encode("gb18030"))
    tab = tab_on(app, locale="zh-CN")
    page = load(tab, file)
    expect(page.get_by_role("heading", name="已导入 3 行，1 行重复只计一次，1 行被搁置")).to_be_visible()
    # The rows that were set aside are there to download.
    expect(page.get_by_role("button", name=re.compile("CSV 文件"))).to_be_visible()
    # The new workspace is the one being looked at, and its last week is not the demo's.
    expect(page.get_by_role("button", name=re.compile("五行"))).to_be_visible()

    page.get_by_role("link", name="批次", exact=True).first.click()
    tab.settle()
    page.get_by_role("button", name=re.compile("撤销该批次")).click()
    expect(page.get_by_text(re.compile("将从工作区移除"))).to_be_visible()
    page.get_by_role("button", name="撤销", exact=True).click()
    expect(page.get_by_text(re.compile("已撤销 五行"))).to_be_visible(timeout=20_000)
    expect(page.get_by_text("目前没有有效的数据：下列批次都已撤销")).to_be_visible()


def test_a_web_page_named_csv_is_one_sentence_and_changes_nothing(tab, tmp_path: Path):
    file = tmp_path / "export.csv"
    file.write_text("<!DOCTYPE html><html><body><table><tr><td>1</td></tr></table></body></html>")
    page = tab.open("/import?workspace=demo")
    page.locator("input[type=file]").set_input_files(str(file))
    expect(page.get_by_test_id("stAlert")).to_contain_text("is a web page, not a table")
    page.get_by_role("button", name="Another file").click()
    tab.settle()
    expect(page.get_by_test_id("stAlert")).to_have_count(0)
    expect(page.get_by_role("button", name=re.compile("^export"))).to_have_count(0)


def test_a_guess_can_be_corrected(tab, tmp_path: Path):
    file = tmp_path / "corrected.csv"
    file.write_text("a,b,c\nu1,view,2026-01-05 10:00\nu2,view,2026-01-06 10:00\n")
    page = tab.open("/import?workspace=demo")
    page.locator("input[type=file]").set_input_files(str(file))
    # Headings that say nothing are taken for a list of users; a person knows better.
    for label, choice in (("What the file holds", "Events"), ("User", "a"), ("Event name", "b"), ("Time", "c")):
        box = page.get_by_role("combobox", name=re.compile(rf"{label}\s*\*?$"))
        # While a run is under way, the box of the run before may stand beside the new one for a moment.
        expect(box.first).to_be_visible(timeout=20_000)
        tab.settle()  # an answer that arrives while the list is open would close it
        box.click()
        box.fill(choice)
        page.get_by_role("option", name=choice, exact=True).click()
        tab.settle()
    page.get_by_role("button", name="Load 2 rows").click()
    expect(page.get_by_role("heading", name="All 2 rows are loaded")).to_be_visible(timeout=30_000)


@pytest.mark.parametrize("name", ["ecom.csv", "cookie_cats.csv"])
def test_a_real_file_is_understood_without_help(tab, shared_data: Path, name: str):
    page = load(tab, shared_data / name)
    expect(page.get_by_role("heading", name=re.compile(r"rows are loaded"))).to_be_visible()
    expect(page.get_by_role("button", name=re.compile(name.partition(".")[0])).first).to_be_visible()
