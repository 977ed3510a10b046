"""From a real file to its answer, as a newcomer goes: drop it, load it, open the page."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
from playwright.sync_api import expect

from tests.browser.test_import import load

LONG = 90_000


def test_ecom_from_the_file_to_the_payment_incident(tab, shared_data: Path):
    page = load(tab, shared_data / "ecom.csv")
    page.get_by_role("link", name="Funnel", exact=True).first.click()
    expect(page).to_have_url(re.compile("/funnel"))
    tab.settle()
    # 117 users entered payment during the incident and 28 paid within 7 days; before it 143 of 248 did.
    for period, entered, paid in (
        ("period=2024-01-04&period=2024-05-18", "248", "143"),
        ("period=2024-05-19&period=2024-06-07", "117", "28"),
        ("period=2024-06-08&period=2024-06-21", "95", "51"),
    ):
        tab.open(f"/funnel?workspace=ecom&funnel_steps=2&step1=payment_details&step2=purchase&compare=none&{period}")
        answer = page.get_by_test_id("stMain")
        expect(answer).to_contain_text(re.compile(rf"\b{entered}\b"), timeout=LONG)
        expect(answer).to_contain_text(re.compile(rf"\b{paid}\b"))


def test_cookie_cats_from_the_file_to_the_verdict(tab, shared_data: Path):
    page = load(tab, shared_data / "cookie_cats.csv")
    page.get_by_role("link", name="Campaigns", exact=True).first.click()
    expect(page).to_have_url(re.compile("/campaigns"))
    tab.settle()
    main = page.get_by_test_id("stMain")
    expect(main).to_contain_text("retention_7", timeout=LONG)
    expect(main).to_contain_text("0.82 pp")
    expect(main).to_contain_text("−1.33 to −0.31")
    expect(main).to_contain_text("44,700")
    expect(main).to_contain_text("45,489")
    expect(main).to_contain_text("0.009")  # the uneven split is a warning: p = 0.0086


def test_online_retail_from_the_file_to_monthly_cohorts(tab_on, app: str, shared_data: Path, tmp_path: Path):
    file = tmp_path / "online_retail.csv"
    pd.read_parquet(shared_data / "online_retail.parquet").to_csv(file, index=False)
    tab = tab_on(app, locale="zh-CN")
    page = load(tab, file)
    expect(page.get_by_test_id("stMain")).to_contain_text("135,080")  # lines that name no customer
    tab.open("/retention?workspace=online_retail&retention_grain=month&period=2010-12-01&period=2011-12-08")
    main = page.get_by_test_id("stMain")
    expect(main).to_contain_text("948", timeout=LONG)
    expect(main).to_contain_text("38.2")  # 362 of 948 came back the month after
    expect(main).to_contain_text("33.4")  # 317 of 948 in the second month
