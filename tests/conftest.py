"""What every test may ask for: the data beside the repository, a browser, the demo workspace."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from ops_core import Workspace, demo

ROOT = Path(__file__).resolve().parent.parent
IN_CI = os.environ.get("CI", "").lower() == "true"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with the real data sets; tests that need it are skipped where it is absent."""
    folder = Path(os.environ.get("OPSDECK_SHARED", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no data sets at {folder}: set OPSDECK_SHARED to their folder")
    return folder


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """The installed Chromium. Where it is missing the test is skipped, but under CI=true it fails."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found:
        return found
    reason = "no Chromium on the PATH: install the package chromium"
    if IN_CI:
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def demo_workspace() -> Iterator[Workspace]:
    """The English demo, loaded once for all tests of a process: read it, do not write to it."""
    with Workspace.memory(demo.TRUTHS.zone) as workspace:
        demo.load(workspace, "en")
        yield workspace
