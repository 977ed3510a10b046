"""The retention page as a person uses it: a reading opens on a click and survives a reload, blank cells explain."""

from __future__ import annotations

import re

from playwright.sync_api import expect

LONG = 60_000


def test_readings_open_on_a_click_and_blank_cells_say_when_they_are_ripe(tab):
    page = tab.open("/retention")
    main = page.get_by_test_id("stMain")
    expect(main).to_contain_text("What share of each cohort comes back", timeout=LONG)
    expect(page.locator(".js-plotly-plot")).to_have_count(1, timeout=LONG)

    readings = page.get_by_test_id("stButtonGroup").filter(has_text="Cohort by cohort")
    box = page.locator(".js-plotly-plot").first.bounding_box()
    page.mouse.move(box["x"] + 0.9 * box["width"], box["y"] + 0.6 * box["height"])
    expect(page.locator(".hoverlayer")).to_contain_text("Not over yet: ripe on")

    readings.get_by_text("Revenue", exact=True).click()
    tab.settle()
    expect(main).to_contain_text(re.compile(r"A user has brought ¥[\d.,]+ by the end of Week 12"), timeout=LONG)
    assert "retention_section=value" in tab.query()
    page.reload()
    tab.settle()
    expect(main).to_contain_text("Value per user, period by period", timeout=LONG)

    readings.get_by_text("Compare", exact=True).click()
    tab.settle()
    expect(main).to_contain_text("the cohorts of", timeout=LONG)
    readings.get_by_text("Compare", exact=True).click()
    tab.settle()
    expect(page.locator(".js-plotly-plot")).to_have_count(1, timeout=LONG)
    assert "retention_section" not in tab.query()
