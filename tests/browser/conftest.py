"""A real browser on the real app: servers on free ports, one Chromium, pages that note what went wrong."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
WAIT_MS = 60_000  # a first visit builds the demo
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            # One worker for all of them: two browsers at once would only make both slow.
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.xdist_group("browser"))


@dataclass
class Tab:
    """A browser tab and what it saw: errors on the console, requests that left the machine."""

    page: Page
    base: str
    errors: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)

    def open(self, path: str = "/") -> Page:
        """Go to an address of the app and wait until the script has run."""
        self.page.goto(self.base + path)
        return self.settle()

    def settle(self) -> Page:
        """Wait until the app has answered everything that was asked of it."""
        app = self.page.locator("[data-testid=stApp]")
        self.page.wait_for_timeout(150)  # a click takes a moment to reach the script
        expect(app).to_have_attribute("data-test-script-state", "notRunning", timeout=WAIT_MS)
        return self.page

    def query(self) -> str:
        """The address's parameters."""
        return urlsplit(self.page.url).query

    def note_console(self, message: ConsoleMessage) -> None:
        # Streamlit looks for its server below the page's path first; these two answers tell it to go one up.
        probe = "/_stcore/" in (message.location or {}).get("url", "")
        if message.type == "error" and not probe:
            self.errors.append(message.text)

    def note_request(self, request: Request) -> None:
        if urlsplit(request.url).hostname not in ("127.0.0.1", "localhost", None):
            self.outside.append(request.url)


@contextlib.contextmanager
def serving(home: Path) -> Iterator[str]:
    """The app on a free loopback port with its workspaces in `home`; yields its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", str(ROOT / "app.py"), "--server.port", str(port)]
    log = home / "server.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            [*command, "--server.headless", "true"],
            cwd=ROOT,
            env={**os.environ, "OPSDECK_HOME": str(home)},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            base = f"http://127.0.0.1:{port}"
            _wait_for(base, server, log)
            yield base
        finally:
            server.terminate()
            server.wait(timeout=20)


def _wait_for(base: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if server.poll() is not None:
            pytest.fail(f"the app stopped while starting:\n{log.read_text(errors='replace')}")
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{base}/_stcore/health", timeout=2) as answer:  # noqa: S310
            if answer.status == 200:
                return
        time.sleep(0.1)
    pytest.fail("the app did not answer within a minute")


@pytest.fixture(scope="session")
def chromium(chromium_path: str) -> Iterator[Browser]:
    """The installed Chromium, started once."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=os.environ.get("CHROMIUM", chromium_path), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The app that the tests of a file share, on an empty workspace folder; the first visit builds the demo."""
    with serving(tmp_path_factory.mktemp("home")) as base:
        yield base


@pytest.fixture
def fresh_app(tmp_path: Path) -> Iterator[str]:
    """An app that nobody has visited yet."""
    with serving(tmp_path) as base:
        yield base


@pytest.fixture
def tab_on(chromium: Browser) -> Iterator[Callable[..., Tab]]:
    """Opens tabs: `tab_on(base, locale="zh-CN")`. At the end no tab may have seen an error or left the machine."""
    tabs: list[Tab] = []

    def open_tab(base: str, **context: object) -> Tab:
        settings = {"locale": "en-GB", "timezone_id": "Asia/Shanghai", "viewport": {"width": 1440, "height": 900}}
        page = chromium.new_context(**{**settings, **context}).new_page()
        page.set_default_timeout(20_000)
        tab = Tab(page, base)
        page.on("console", tab.note_console)
        page.on("pageerror", lambda error: tab.errors.append(str(error)))
        page.on("request", tab.note_request)
        tabs.append(tab)
        return tab

    yield open_tab
    for tab in tabs:
        tab.page.context.close()
    assert [error for tab in tabs for error in tab.errors] == []
    assert [url for tab in tabs for url in tab.outside] == []


@pytest.fixture
def tab(app: str, tab_on: Callable[..., Tab]) -> Tab:
    """An English tab on the shared app."""
    return tab_on(app)


@pytest.fixture
def zh_tab(app: str, tab_on: Callable[..., Tab]) -> Tab:
    """A Chinese tab on the shared app."""
    return tab_on(app, locale="zh-CN")
