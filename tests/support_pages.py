"""A page through the whole shell, as a browser would show it, without a browser."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

LOCALES = {"en": "en-GB", "zh": "zh-CN"}


@contextmanager
def living_in(folder: Path) -> Iterator[Path]:
    """The app finds its workspaces in a folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPSDECK_HOME", str(folder))
        yield folder


def prepared(address: str, language: str = "en", time_zone: str = "UTC", **query: str | list[str]) -> AppTest:
    """The app with one page in front and an address, before its first run."""
    test = AppTest.from_string(f"import app\napp.main(start={address!r})\n", default_timeout=60)
    test.context = {"locale": LOCALES[language], "timezone": time_zone, "theme": "light"}
    for name, value in query.items():
        test.query_params[name] = value
    return test


def opened(test: AppTest) -> AppTest:
    """The same after its first run, which complains of nothing."""
    test.run()
    assert not test.exception
    assert [error.value for error in test.error] == []
    return test
