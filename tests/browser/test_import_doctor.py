"""The import page as a doctor: what it found, what a load would do, and three clicks from the file to its account."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Page, expect

SLOW = 60_000  # a machine that runs other tests beside this one
LOAD = re.compile(r"^(Load|导入) [\d,]+")


def drop(tab, *files: Path, workspace: str = "demo") -> Page:
    page = tab.open(f"/import?workspace={workspace}")
    page.locator("input[type=file]").first.set_input_files([str(file) for file in files])
    expect(page.get_by_role("button", name=re.compile("Add files|添加文件"))).to_be_visible(timeout=SLOW)
    return tab.settle()


def export(tmp_path: Path, name: str, first_day: int) -> Path:
    """A GBK export of 30 rows with a repeated row, a date that is none and a total below."""
    rows = [f"u{i},支付,2026-09-{first_day + i % 7:02d} 10:{i:02d}:00,{i}.50" for i in range(30)]
    rows[4] = "u4,支付,昨天,4.50"
    rows.insert(10, rows[9])
    file = tmp_path / name
    file.write_bytes("\r\n".join(["用户ID,行为,时间,金额", *rows, "合计,,,465.00"]).encode("gb18030"))
    return file


def test_three_clicks_from_a_gbk_export_to_its_account_and_one_for_next_week(zh_tab, tmp_path: Path):
    # Click one opens the page from the demo, the drop is two, the load three.
    page = zh_tab.open("/?workspace=demo-zh")
    page.get_by_role("link", name="导入", exact=True).first.click(timeout=SLOW)
    zh_tab.settle()
    page.locator("input[type=file]").first.set_input_files(str(export(tmp_path, "九月第一周.csv", 1)))
    # Before anything is stored: 32 rows = 29 loaded + 1 repeated (line 12) + 2 set aside (lines 6 and 33).
    expect(page.get_by_text("共 32 行：将导入 29 行，重复 1 行只计一次，搁置 2 行。")).to_be_visible(timeout=SLOW)
    expect(page.get_by_text("第 12 行")).to_be_visible(timeout=SLOW)
    expect(page.get_by_text("编码 GB18030")).to_be_visible(timeout=SLOW)
    expect(page.get_by_text(re.compile("最新一行是 2026.*10:27"))).to_be_visible(timeout=SLOW)
    page.get_by_role("button", name="导入 29 行").click(timeout=SLOW)
    expect(page.get_by_role("heading", name="已导入 29 行，1 行重复只计一次，2 行被搁置")).to_be_visible(timeout=SLOW)
    expect(page.get_by_text(re.compile("数据完整到 2026.*00:00"))).to_be_visible(timeout=SLOW)
    zh_tab.settle()
    expect(page.get_by_role("button", name=re.compile("CSV 文件"))).to_be_visible(timeout=SLOW)

    # Next week's file has the same columns: it is known where it goes and how it is read.
    page.locator("input[type=file]").first.set_input_files(str(export(tmp_path, "九月第二周.csv", 8)))
    expect(page.get_by_text("与上次同样列名的文件一致：工作区 九月第一周 的批次 1。")).to_be_visible(timeout=SLOW)
    page.get_by_role("button", name="导入 29 行").click(timeout=SLOW)
    expect(page.get_by_role("heading", name="已导入 29 行，1 行重复只计一次，2 行被搁置")).to_be_visible(timeout=SLOW)
    expect(page.get_by_text("九月第二周.csv 已导入工作区 九月第一周")).to_be_visible(timeout=SLOW)
    zh_tab.settle()

    # The same file once more: that is said, and no button offers to load what would change nothing.
    page.locator("input[type=file]").first.set_input_files(str(tmp_path / "九月第二周.csv"))
    expect(page.get_by_text(re.compile("再次导入不会有任何改变"))).to_be_visible(timeout=SLOW)
    zh_tab.settle()
    expect(page.get_by_role("button", name=LOAD)).to_have_count(0)


def test_dates_that_can_be_read_both_ways_are_asked_and_the_answer_is_shown(tab, tmp_path: Path):
    file = tmp_path / "both_ways.csv"
    rows = [f"u{i},pay,0{i % 9 + 1}/0{i % 7 + 2}/2026,5" for i in range(20)]
    file.write_text("\n".join(["user_id,event,time,amount", *rows]) + "\n")
    page = drop(tab, file)
    expect(page.get_by_text("can be read in two ways")).to_be_visible(timeout=SLOW)
    expect(page.get_by_role("button", name=LOAD)).to_have_count(0)
    page.get_by_text("Day first").first.click(timeout=SLOW)
    expect(page.get_by_text("All 20 rows will be loaded.")).to_be_visible(timeout=SLOW)
    page.get_by_role("button", name=LOAD).click(timeout=SLOW)
    expect(page.get_by_role("heading", name="All 20 rows are loaded")).to_be_visible(timeout=SLOW)


def test_a_counted_table_is_said_and_compared_right_there(tab, tmp_path: Path):
    file = tmp_path / "daily.csv"
    rows = [f"2026-09-{day:02d},{arm},700,{orders}" for day in range(1, 29) for arm, orders in (("A", 140), ("B", 168))]
    file.write_text("\n".join(["date,group,clicks,orders", *rows]) + "\n")
    page = drop(tab, file)
    expect(page.get_by_text("This is already aggregated")).to_be_visible(timeout=SLOW)
    # 28 × 140 ÷ 19,600 = 20 % against 28 × 168 ÷ 19,600 = 24 %.
    expect(page.get_by_role("heading", name="B does better than A: orders ÷ clicks rises by 4.0 pp")).to_be_visible(
        timeout=SLOW
    )
    expect(page.get_by_text("Split of clicks: 19,600 : 19,600")).to_be_visible(timeout=SLOW)


def test_files_that_belong_together_are_joined_and_several_are_loaded_at_once(tab, tmp_path: Path):
    orders, people = tmp_path / "orders.csv", tmp_path / "people.csv"
    lines = [f"o{i},c{i % 9},2026-09-{i % 20 + 1:02d} 12:00:00,{i}" for i in range(60)]
    orders.write_text("\n".join(["order_id,customer_id,order_time,amount", *lines]) + "\n")
    people.write_text("customer_id,city\n" + "".join(f"c{i},Paris\n" for i in range(8)))
    page = drop(tab, orders, people)
    expect(page.get_by_role("button", name="Load 2 files")).to_be_enabled(timeout=SLOW)
    page.get_by_text("orders.csv and people.csv belong together: join them").click(timeout=SLOW)
    tab.settle()
    # Customer c8 is in no row of people.csv: 6 of 60 orders.
    expect(page.get_by_text("6 of 60 rows find no partner")).to_be_visible(timeout=SLOW)
    expect(page.get_by_text("Nothing is counted twice")).to_be_visible(timeout=SLOW)
    page.get_by_role("button", name="Join, then check and load").click(timeout=SLOW)
    expect(page.get_by_text("All 60 rows will be loaded.")).to_be_visible(timeout=SLOW)

    page = drop(tab, orders, people)
    page.get_by_role("button", name="Load 2 files").click(timeout=SLOW)
    expect(page.get_by_role("heading", name="2 of 2 files loaded: 68 rows")).to_be_visible(timeout=SLOW)


def test_the_first_look_at_a_large_file_is_cancelled_and_another_person_reads_on(app, tab_on, tmp_path: Path):
    file = tmp_path / "slow.csv"
    # Quotes that close nowhere keep the careful reader busy for a while.
    rows = "".join(f'u{i},"view {i},2026-01-{i % 28 + 1:02d} 10:00:00,"a ""b"", c"\n' for i in range(250_000))
    file.write_text("user_id,event,time,page\n" + rows)
    tab, other = tab_on(app), tab_on(app)
    elsewhere = other.open("/settings?workspace=demo")
    page = tab.open("/import?workspace=demo")
    page.locator("input[type=file]").first.set_input_files(str(file))
    page.get_by_role("button", name="Cancel", exact=True).click(timeout=SLOW)
    # The file is gone and the page is free for the next one; the other page answers as ever.
    expect(page.get_by_text("No file at hand?")).to_be_visible(timeout=SLOW)
    expect(page.get_by_text("Looking into")).to_have_count(0)
    elsewhere.get_by_role("link", name="Batches", exact=True).first.click(timeout=SLOW)
    expect(elsewhere.get_by_role("heading", name=re.compile("Batches"))).to_be_visible(timeout=SLOW)
