"""A workspace that is made for a first file speaks of money as the reader does."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.support_pages import living_in


def page() -> None:
    import streamlit as st

    from ui import session

    made = session.new_workspace("mine", "Asia/Tokyo").reporting
    st.text(f"{made.currency} {made.time_zone}")


@pytest.mark.parametrize(("locale", "currency"), [("en-GB", "GBP"), ("zh-CN", "CNY"), (None, "CNY")])
def test_its_currency_is_that_of_the_readers_region(locale: str | None, currency: str, tmp_path: Path):
    with living_in(tmp_path):
        test = AppTest.from_function(page)
        test.context = {"locale": locale, "timezone": "UTC", "theme": "light"}
        run = test.run()
        assert not run.exception
        assert [text.value for text in run.text] == [f"{currency} Asia/Tokyo"]
