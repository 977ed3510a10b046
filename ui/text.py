"""Small pieces of markdown: words from files stay text, numbers keep together, legends are coloured squares."""

from __future__ import annotations

import re

from ops_core.charts.palette import Palette

EM_SPACE = "\u2003"
IDEOGRAPHIC_SPACE = "\u3000"
_DOLLAR = re.compile(r"(?<!\\)\$")
_MARKUP = re.compile(r"([\\`*_{}\[\]()<>#+\-.!|~:$^=&])")


def plain(text: object) -> str:
    """A text from a file, with everything that markdown would read escaped."""
    return _MARKUP.sub(r"\\\1", str(text).replace("\n", " "))


def amounts(text: str) -> str:
    """Markdown in which dollars are money: what stands between two of them would be set as a formula."""
    return _DOLLAR.sub(r"\\$", text)


def typed(text: str) -> str:
    """A text as a person would type it: without the characters that keep dates on one line."""
    return text.replace("\u2060", "").replace("\u00a0", " ")


def mark(color: str, text: str) -> str:
    """A legend entry for a subtitle: a square in a hex colour and its text."""
    return f':color[■]{{foreground="{color}"}}\u00a0{text}'


def small(text: str) -> str:
    """Small grey text: subtitles, notes, definitions."""
    return f":small[:gray[{amounts(text)}]]"


def chip(label: str, value: str) -> str:
    """The label of a control that tells its state: the name in grey, the value in ink."""
    return f":gray[{label}] {value}" if label else value


def spaced(language: str, *parts: str) -> str:
    """Parts of one line with a wide gap between them that markdown does not swallow."""
    return (IDEOGRAPHIC_SPACE if language == "zh" else EM_SPACE).join(part for part in parts if part)


def on_primary(palette: Palette, text: str) -> str:
    """The label of a primary button: Streamlit writes it white, too pale on the dark theme's bright blue."""
    return f':color[{text}]{{foreground="#0D1218"}}' if palette.is_dark else text


def good_bad(palette: Palette, text: str, value: float, good_when: str = "up") -> str:
    """A text in the colour of its change."""
    return f':color[{text}]{{foreground="{palette.change(value, good_when)}"}}'
