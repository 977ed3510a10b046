"""A bar of the funnel is clicked: the people behind it, kept as a segment; a funnel is saved, opened, deleted."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect


def bar(page: Page, trace: int, place: int) -> Locator:
    return page.locator(".st-key-funnel_bars .barlayer .trace").nth(trace).locator(".point path").nth(place)


def click(page: Page, bar: Locator) -> None:
    expect(bar).to_be_visible(timeout=60_000)
    # Plotly hears the click on a layer above the bars.
    box = bar.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)


def test_the_same_bar_can_be_clicked_again_and_only_a_click_opens_its_people(tab):
    page = tab.open("/funnel?workspace=demo&lang=en")
    dialog = page.get_by_role("dialog")
    for _ in range(2):
        click(page, bar(page, 1, 1))
        expect(dialog).to_contain_text("people who did", timeout=30_000)
        page.keyboard.press("Escape")
        expect(dialog).to_have_count(0, timeout=30_000)
        tab.settle()
    page.get_by_role("button", name="Window").first.click()
    page.get_by_role("radio", name="1 day").locator("xpath=ancestor-or-self::label").click()
    tab.settle()
    assert "funnel_window=86400" in tab.query()
    expect(dialog.filter(has_text="people who did")).to_have_count(0)  # only the popover of the window


def test_a_clicked_bar_shows_its_people_and_keeps_them_as_a_segment(tab):
    page = tab.open("/funnel?workspace=demo&lang=en")
    click(page, bar(page, 1, 1))
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("people who did", timeout=30_000)
    dialog.get_by_role("button", name="Save as segment").click()
    expect(dialog).to_have_count(0, timeout=30_000)
    tab.settle()
    page.get_by_role("button", name="Segment All users").click()
    expect(page.get_by_text("view_item, not add_to_cart").first).to_be_visible()
    assert tab.errors == []


def test_a_funnel_is_saved_opened_and_deleted(tab):
    page = tab.open("/funnel?workspace=demo&lang=en&funnel_window=3600")
    chip = page.locator(".st-key-funnel_saved_chip button").first
    chip.click()
    page.get_by_label("Name", exact=True).fill("Within the hour")
    page.keyboard.press("Enter")
    tab.settle()
    page.get_by_role("button", name="Save this funnel").click()
    expect(chip).to_contain_text("Within the hour", timeout=30_000)
    tab.open("/funnel?workspace=demo&lang=en")
    chip.click()
    page.locator(".st-key-funnel_saved_open button").click()
    expect(chip).to_contain_text("Within the hour", timeout=30_000)
    assert "funnel_window=3600" in tab.query()
    tab.settle()
    page.locator(".st-key-funnel_saved_delete button").click()
    page.locator(".st-key-funnel_delete_confirm button").click()
    expect(chip).not_to_contain_text("Within the hour", timeout=30_000)
    assert tab.errors == []
