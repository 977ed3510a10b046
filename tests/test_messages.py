"""The catalogues: the same keys and placeholders in both languages, and every key that the code names."""

from __future__ import annotations

import ast
import functools
import re
import string
from pathlib import Path

import pytest
from babel.messages.catalog import Message
from babel.messages.pofile import read_po

from ops_core.locale import LANGUAGES

ROOT = Path(__file__).resolve().parent.parent
LOCALE = ROOT / "ops_core" / "locale"
ROOMS = sorted({path.name for language in LANGUAGES for path in (LOCALE / language).glob("*.po")})
ERRORS = {"OpsError", "IntakeError", "QueryError", "StoreError", "EngineError"}
SPEAKERS = {"t", "has"}
CHINESE = re.compile(r"[\u4e00-\u9fff]")
ENGLISH_WORD = re.compile(r"(?<![{\w])[a-z]{4,}(?![\w}])")


@functools.cache
def room(language: str, file_name: str) -> dict[str, Message]:
    with (LOCALE / language / file_name).open("rb") as po:
        return {_key(message): message for message in read_po(po) if message.id}


def _key(message: Message) -> str:
    return message.id[0] if isinstance(message.id, tuple) else message.id


def _texts(message: Message) -> tuple[str, ...]:
    return message.string if isinstance(message.string, tuple) else (message.string,)


def _placeholders(message: Message) -> set[str]:
    return {field for text in _texts(message) for _, field, _, _ in string.Formatter().parse(text) if field}


@functools.cache
def all_keys() -> frozenset[str]:
    return frozenset(key for file_name in ROOMS for key in room("en", file_name))


@pytest.mark.parametrize("file_name", ROOMS)
def test_both_languages_say_the_same_things(file_name: str):
    english, chinese = room("en", file_name), room("zh", file_name)
    assert set(english) ^ set(chinese) == set()
    # A plural's {n} may be left out where the language says "one" or needs no number.
    differing = {key for key in english if (_placeholders(english[key]) ^ _placeholders(chinese[key])) - {"n"}}
    assert differing == set()
    unnamed = {key for key in english for field in _placeholders(english[key]) if not field.isidentifier()}
    assert unnamed == set()


@pytest.mark.parametrize("file_name", ROOMS)
def test_chinese_is_chinese(file_name: str):
    left_in_english = {
        key: text
        for key, message in room("zh", file_name).items()
        for text in _texts(message)
        if ENGLISH_WORD.search(text) and not CHINESE.search(text)
    }
    left_in_chinese = {
        key: text for key, message in room("en", file_name).items() for text in _texts(message) if CHINESE.search(text)
    }
    # Formats, and the name of a language in itself, are not sentences.
    assert {key for key in left_in_english if not key.startswith("format.")} == set()
    assert {key for key in left_in_chinese if "language" not in key} == set()


def test_no_text_is_missing_or_unsure():
    broken = [
        f"{language}/{file_name}: {key}"
        for language in LANGUAGES
        for file_name in ROOMS
        for key, message in room(language, file_name).items()
        if message.fuzzy or not all(text and text.strip() for text in _texts(message))
    ]
    assert broken == []


def test_every_key_the_code_names_exists():
    used = {}
    for path in _product_files():
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(call, ast.Call) or not call.args or not isinstance(call.args[0], ast.Constant):
                continue
            first, speaker = call.args[0].value, _name(call.func)
            where = f"{path.relative_to(ROOT).as_posix()}:{call.lineno}"
            if speaker in SPEAKERS and isinstance(first, str) and "." in first:
                used[where] = first
            elif speaker in ERRORS and isinstance(first, str):
                used[where] = f"error.{first}"
    assert {where: key for where, key in used.items() if key not in all_keys()} == {}


def _product_files() -> list[Path]:
    return [path for top in ("ops_core", "ui", "pages") for path in (ROOT / top).rglob("*.py")] + [
        path for path in (ROOT / "app.py",) if path.is_file()
    ]


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
