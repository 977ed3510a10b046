"""The README keeps its promises: its example prints what it says, its commands and files exist."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import pytest

import app
from ops_core import cli
from ops_core.locale import translator

ROOT = Path(__file__).resolve().parent.parent
READMES = ("README.md", "README.zh.md")


def text_of(readme: str) -> str:
    return (ROOT / readme).read_text(encoding="utf-8")


def blocks(readme: str, kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", text_of(readme), flags=re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("readme", READMES)
def test_the_example_prints_what_is_shown(readme: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(ROOT)
    (example,), (shown,) = blocks(readme, "python"), blocks(readme, "text")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(example, readme, "exec"), {"__name__": "readme"})  # noqa: S102 - our own text
    assert [line.rstrip() for line in printed.getvalue().splitlines()] == shown.splitlines()


@pytest.mark.parametrize(("readme", "language"), [("README.md", "en"), ("README.zh.md", "zh")])
def test_every_page_is_explained(readme: str, language: str):
    t = translator(language)
    titles = {t(f"shell.page_{room.address}") for group in app.CONTENTS.values() for room in group}
    first_cells = re.findall(r"^\| ([^|]+) \|", text_of(readme), flags=re.MULTILINE)
    explained = {name for cell in first_cells for name in re.split("[,、] ?", cell)}
    assert titles - explained == set()


@pytest.mark.parametrize("readme", READMES)
def test_links_lead_somewhere(readme: str):
    targets = re.findall(r"\]\((?!https?:)([^)#]+)\)", text_of(readme))
    assert len(targets) > 5
    assert [target for target in targets if not (ROOT / target).exists()] == []


@pytest.mark.parametrize("readme", READMES)
def test_commands_exist(readme: str):
    known = set(cli.commands(translator("en")).commands)
    used = {
        line.split()[1] for block in blocks(readme, "sh") for line in block.splitlines() if line.startswith("opsdeck")
    }
    used |= set(re.findall(r"`opsdeck (\w+)", text_of(readme)))
    assert used
    assert used <= known
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    assert set(re.findall(r"^make (\w+)", "\n".join(blocks(readme, "sh")), flags=re.MULTILINE)) <= targets
