"""Words from files stay words."""

from __future__ import annotations

import pytest

from ui.text import amounts, chip, mark, plain, small, spaced


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("plain words", "plain words"),
        ("**bold**", r"\*\*bold\*\*"),
        ("[x](http://a.b)", r"\[x\]\(http\://a\.b\)"),
        (":red[no]", r"\:red\[no\]"),
        ("a\nb", "a b"),
        ("5 < 6 & $7$", r"5 \< 6 \& \$7\$"),
    ],
)
def test_markup_of_a_file_is_shown_not_obeyed(given: str, shown: str):
    assert plain(given) == shown


def test_small_pieces():
    assert chip("周期", "上周") == ":gray[周期] 上周"
    assert mark("#2457A6", "n = 9") == ':color[■]{foreground="#2457A6"}\u00a0n = 9'
    assert spaced("zh", "a", "", "b") == "a\u3000b"


def test_two_amounts_in_dollars_are_no_formula():
    assert amounts("**$1,234** against $1,100") == "**\\$1,234** against \\$1,100"
    assert small(plain("$5 and $6")) == ":small[:gray[\\$5 and \\$6]]"
