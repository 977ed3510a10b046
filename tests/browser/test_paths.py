"""The flow of paths under a real mouse: blocks and bands lead to their users, a path becomes a funnel."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

LONG = 90_000
WEEK = "workspace=demo&lang=en&period=2026-09-07&period=2026-09-13&paths_start=view_item"
FLOW = "[data-testid=stPlotlyChart]"


def flow(page: Page) -> dict[str, float]:
    """Where the chart lies, once it is drawn."""
    expect(page.locator(f"{FLOW} .annotation").first).to_be_visible(timeout=LONG)
    return page.locator(FLOW).bounding_box()


def label(page: Page, text: str) -> dict[str, float]:
    """Where a label of the chart lies."""
    return page.locator(f"{FLOW} .annotation").filter(has_text=text).first.bounding_box()


def press(page: Page, place: dict[str, float], left: float, told: str) -> None:
    """A click so far left of a label as a hand makes it: the chart has said what is under the pointer before."""
    x, y = place["x"] - left, place["y"] + place["height"] / 2
    page.mouse.move(x, y)
    hover = page.locator(f"{FLOW} .hoverlayer .hovertext").filter(has_text=told)
    expect(hover.first).to_be_visible(timeout=LONG)
    page.mouse.click(x, y)


def test_a_click_on_a_block_shows_its_users(tab):
    page = tab.open(f"/paths?{WEEK}")
    flow(page)
    main = page.get_by_test_id("stMain")
    expect(main).to_contain_text("1,218 users: add_to_cart, 30.9% of all who started")
    # A block's label stands to its right; the band into it ends at its left.
    press(page, label(page, "1,773"), 10, "no other event")
    tab.settle()
    expect(main).to_contain_text("1,773 users: no other event, 45.0% of all who started", timeout=LONG)
    expect(page).to_have_url(re.compile(r"paths_group=1\.4"))


def test_a_click_on_a_band_shows_its_users(tab):
    page = tab.open(f"/paths?{WEEK}")
    flow(page)
    press(page, label(page, "915, 23.2%"), 40, "view_item → open_app")
    tab.settle()
    main = page.get_by_test_id("stMain")
    expect(main).to_contain_text("915 users: view_item → open_app, 23.2% of all who started", timeout=LONG)
    page.get_by_role("button", name="See the list").first.click()
    expect(page.get_by_role("dialog")).to_contain_text("915", timeout=LONG)


def test_a_second_click_soon_after_the_first_counts(tab):
    page = tab.open(f"/paths?{WEEK}")
    flow(page)
    gone, opened = label(page, "1,773"), label(page, "915, 23.2%")
    main = page.get_by_test_id("stMain")
    for _ in range(2):
        press(page, gone, 10, "no other event")
        page.wait_for_timeout(250)  # no hand is quicker at another place
        press(page, opened, 40, "view_item → open_app")
        page.wait_for_timeout(300)
        tab.settle()
        expect(main).to_contain_text("915 users: view_item → open_app, 23.2% of all who started", timeout=LONG)
        expect(page).to_have_url(re.compile(r"paths_group=1\.0\.1"))


def test_the_menu_that_opens_a_table_does_not_cover_it(tab):
    page = tab.open(f"/paths?{WEEK}")
    flow(page)
    for label, button in (("Actions", "Show the table"), ("Views", "Save this view")):
        page.get_by_role("button", name=label).first.click()
        page.get_by_role("button", name=button).click()
        dialog = page.get_by_role("dialog").filter(has_not=page.get_by_role("button", name=button))
        expect(dialog).to_be_visible(timeout=LONG)
        expect(page.get_by_test_id("stPopoverBody")).to_have_count(0, timeout=LONG)
        tab.settle()
        page.keyboard.press("Escape")  # the mouse hovers over a table there, whose own buttons may lie over the cross
        expect(dialog).to_have_count(0, timeout=LONG)
    page.get_by_role("button", name="Actions").first.click()  # it opens again
    expect(page.get_by_role("button", name="Show the table")).to_be_visible(timeout=LONG)


def test_a_path_becomes_a_funnel_and_back_leads_to_the_paths(tab):
    page = tab.open(f"/paths?{WEEK}&paths_window=604800&paths_levels=2")
    flow(page)
    page.get_by_role("link", name="Use as funnel").click()
    expect(page).to_have_url(re.compile("/funnel"), timeout=LONG)
    tab.settle()
    main = page.get_by_test_id("stMain")
    expect(main).to_contain_text("view_item", timeout=LONG)
    expect(main).to_contain_text("3 steps")
    page.go_back()
    expect(page).to_have_url(re.compile("/paths"), timeout=LONG)
    tab.settle()
    expect(main).to_contain_text("2 steps after view_item", timeout=LONG)


def test_labels_are_whole_and_a_phone_scrolls_only_the_flow(tab_on, app: str):
    tab = tab_on(app, locale="zh-CN", viewport={"width": 390, "height": 844})
    page = tab.open("/paths?workspace=demo&lang=zh&paths_levels=8&paths_direction=before&paths_start=pay")
    chart = flow(page)
    for note in page.locator(f"{FLOW} .annotation").all():
        box = note.bounding_box()
        assert chart["x"] - 1 <= box["x"]
        assert box["x"] + box["width"] <= chart["x"] + chart["width"] + 1
    wide = page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth")
    assert wide <= 390
