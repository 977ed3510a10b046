"""The import page finds words for every kind, role and step that intake knows."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from ops_core.intake import load
from ops_core.intake.meaning import KINDS, ROLES
from ops_core.locale import LANGUAGES, translator


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_kind_and_role_has_a_name_and_an_explanation(language: str):
    t = translator(language)
    roles = {role for kind in KINDS for role in ROLES[kind]}
    wanted = {f"shell.kind_{kind}" for kind in KINDS} | {f"shell.kind_{kind}_columns" for kind in KINDS}
    wanted |= {f"import.role_{role}" for role in roles} | {f"import.role_{role}_help" for role in roles}
    assert {key for key in wanted if not t.has(key)} == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_step_of_an_import_has_words(language: str):
    calls = ast.walk(ast.parse(Path(load.__file__).read_text(encoding="utf-8")))
    steps = {
        call.args[0].value
        for call in calls
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "step"
    }
    assert "reading" in steps
    assert {step for step in steps if not translator(language).has(f"import.step_{step}")} == set()
