"""The frame around every page, as a person meets it."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import expect


def test_a_first_visit_shows_the_demo_and_where_to_drop_an_own_file(tab):
    page = tab.open("/")
    expect(page.get_by_role("button", name="Demo store")).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("Period Last week"))).to_be_visible()
    page.get_by_role("link", name=re.compile("Load your own file")).click()
    tab.settle()
    expect(page.get_by_text("Drop files here")).to_be_visible()


def test_a_deep_link_on_a_fresh_server_opens_inside_the_shell(fresh_app, tab_on: Callable):
    # Streamlit runs a file of pages/ on its own until some session has met st.navigation.
    tab = tab_on(fresh_app)
    page = tab.open("/batches")
    expect(page.get_by_role("button", name="Demo store")).to_be_visible()
    expect(page.get_by_role("heading", name=re.compile("^Batches"))).to_be_visible()
    expect(page.get_by_text("Page not found")).to_have_count(0)
    assert tab.page.url.startswith(f"{fresh_app}/batches")


def test_the_first_page_opens_at_its_own_address_too(tab):
    page = tab.open("/overview")
    expect(page.get_by_role("heading", name=re.compile("^Overview"))).to_be_visible()
    expect(page.get_by_text("Page not found")).to_have_count(0)


def test_a_chinese_browser_reads_chinese(zh_tab):
    page = zh_tab.open("/")
    expect(page.get_by_role("button", name="演示商城")).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("周期"))).to_be_visible()
    expect(page.get_by_role("link", name="导入", exact=True)).to_be_visible()


def test_the_address_holds_the_view_through_language_pages_back_and_reload(tab):
    page = tab.open("/")
    page.get_by_role("button", name=re.compile("^Period")).click()
    page.get_by_text("Last 4 weeks").click()
    tab.settle()
    page.keyboard.press("Escape")
    assert "period=" in tab.query()

    page.get_by_role("radio", name="中文").click()
    tab.settle()
    expect(page.get_by_role("button", name=re.compile("近 4 周"))).to_be_visible()
    assert "lang=zh" in tab.query()
    asked = tab.query()

    page.get_by_role("link", name="批次", exact=True).click()
    tab.settle()
    assert tab.page.url.split("?")[0].endswith("/batches")
    assert {"lang=zh", *asked.split("&")} <= set(tab.query().split("&"))

    page.go_back()
    tab.settle()
    assert tab.query() == asked

    page.reload()
    tab.settle()
    expect(page.get_by_role("button", name=re.compile("近 4 周"))).to_be_visible()

    page.go_back()
    tab.settle()
    expect(page.get_by_role("button", name=re.compile("Period Last 4 weeks"))).to_be_visible()


@pytest.mark.parametrize("pause_ms", [0, 80, 160])
def test_a_period_whose_popover_is_closed_at_once_outlives_the_next_click(tab, pause_ms: int):
    page = tab.open("/")
    page.get_by_role("button", name=re.compile("^Period")).click()
    page.get_by_text("Last 4 weeks").click()
    page.wait_for_timeout(pause_ms)  # around the moment when the browser hears of the days and closes the popover
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name=re.compile("Period Last 4 weeks"))).to_be_visible()
    tab.settle()
    page.get_by_role("radio", name="中文").click()
    tab.settle()
    expect(page.get_by_role("button", name=re.compile("近 4 周"))).to_be_visible()


@pytest.mark.parametrize("pause_ms", [30, 90])
def test_a_period_outlives_a_menu_that_is_not_drawn_anew_yet(tab, pause_ms: int):
    page = tab.open("/")
    page.get_by_role("button", name=re.compile("^Period")).click()
    page.get_by_text("Last 4 weeks").click()
    page.wait_for_timeout(pause_ms)
    page.get_by_role("link", name="Funnel", exact=True).dispatch_event("click")  # at once, not when the page is at rest
    expect(page.get_by_role("heading", name=re.compile("^Funnel"))).to_be_visible()
    tab.settle()
    expect(page.get_by_role("button", name=re.compile("Period Last 4 weeks"))).to_be_visible()
    assert "period=" in tab.query()


def test_a_link_opens_the_same_view_for_someone_else(app, tab_on: Callable):
    reader = tab_on(app, locale="zh-CN")
    page = reader.open("/?lang=en&period=2026-08-03&period=2026-08-20&compare=none")
    expect(page.get_by_role("button", name=re.compile("Period 3–20"))).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("No comparison"))).to_be_visible()


def test_nonsense_in_the_address_is_as_good_as_nothing(tab):
    page = tab.open("/?period=yesterday&compare=%3Cb%3E&lang=xx&segment=nobody")
    expect(page.get_by_role("button", name=re.compile("Period Last week"))).to_be_visible()


def test_an_unknown_workspace_is_one_sentence_with_a_way_out(tab):
    page = tab.open("/?workspace=missing")
    expect(page.get_by_text("There is no workspace named missing")).to_be_visible()
    page.get_by_role("link", name="demo", exact=True).click()
    tab.settle()
    expect(page.get_by_role("button", name="Demo store")).to_be_visible()


def test_on_a_phone_nothing_scrolls_sideways(app, tab_on: Callable):
    tab = tab_on(app, viewport={"width": 390, "height": 844})
    page = tab.open("/")
    widths = page.evaluate(
        "[document.documentElement.scrollWidth, document.querySelector('[data-testid=stMain]').scrollWidth]"
    )
    assert max(widths) <= 390
