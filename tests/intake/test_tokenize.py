"""Rows and cells: quotes by the rules, quotes against the rules, and the line where each row begins."""

from __future__ import annotations

import io

import pytest

from ops_core import IntakeError
from ops_core.intake import tokenize
from ops_core.intake.shapes import profile
from ops_core.intake.tokenize import Lines, Record, Syntax, Tokenizer

CSV = Syntax()


def records(text: str, syntax: Syntax = CSV, width: int | None = None, **options) -> list[Record]:
    lines = Lines(io.StringIO(text, newline="" if syntax.line_end == "any" else syntax.line_end).readline)
    return list(Tokenizer(syntax, width, **options).records(lines))


def cells(text: str, syntax: Syntax = CSV, width: int | None = None, **options) -> list[list[str] | None]:
    return [record.cells for record in records(text, syntax, width, **options) if record.code != "blank"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a,b\n", ["a", "b"]),
        ('"a","b, c"\r\n', ["a", "b, c"]),
        ('"say ""hi""",""\n', ['say "hi"', ""]),
        ('a"b,c\n', ['a"b', "c"]),  # a quote inside an unquoted cell is text
        (",\n", ["", ""]),
        ('"","x"', ["", "x"]),
        (' "x",y\n', [' "x"', "y"]),
    ],
)
def test_one_line_by_the_rules(text: str, expected: list[str]):
    assert cells(text, width=2 if len(expected) == 2 else None) == [expected]


@pytest.mark.parametrize(
    ("syntax", "text", "expected"),
    [
        (Syntax("||"), 'a||"b||c"||d\n', ["a", "b||c", "d"]),
        (Syntax(", "), 'a, "b, c", d\n', ["a", "b, c", "d"]),
        (Syntax("\x01"), "a\x01b\n", ["a", "b"]),
        (Syntax(",", "'"), "'a, b','it''s'\n", ["a, b", "it's"]),
        (Syntax(",", '"', "\\"), '"say \\"hi\\", ok","back\\\\slash"\n', ['say "hi", ok', "back\\slash"]),
        (Syntax("whitespace"), "  a   b\tc\n", ["a", "b", "c"]),
        (Syntax(",", wrapped=True), '"a,""b, c"",d"\n', ["a", "b, c", "d"]),
    ],
)
def test_other_syntaxes(syntax: Syntax, text: str, expected: list[str]):
    assert cells(text, syntax, len(expected)) == [expected]


def test_cells_run_over_lines_and_lines_are_counted():
    found = records('a,b\n1,"x\r\ny"\n\n2,z\n', width=2)
    assert [(record.line, record.cells) for record in found if record.cells] == [
        (1, ["a", "b"]),
        (2, ["1", "x\r\ny"]),
        (5, ["2", "z"]),
    ]


def test_a_stray_quote_costs_its_own_line_only():
    rows = [["1", "x", "2"], ["2", "y", "3"]]
    fits = profile(rows, 3).fits
    found = records('1,"x,2\n2,y,3\n3,"z",4\n', width=3, fits=fits)
    assert [(record.line, record.code) for record in found] == [(1, "unclosed_quote"), (2, None), (3, None)]


def test_two_stray_quotes_do_not_hide_the_rows_between():
    # By the rules this is ONE row of three cells: 1 | x,2 ⏎ 2,y,3 ⏎ 3,z | 4
    found = records('1,"x,2\n2,y,3\n3,z",4\n', width=3)
    assert [record.cells for record in found][1] == ["2", "y", "3"]
    assert len(found) == 3


def test_quotes_nobody_escaped_are_text_when_only_one_reading_has_the_right_width():
    assert cells('1,"say "hi" now",2\n', width=3) == [["1", 'say "hi" now', "2"]]
    assert cells('1,"a"b",2\n', width=3) == [["1", 'a"b', "2"]]
    assert cells('1,"say "hi", ok",2\n', width=3) == [["1", 'say "hi", ok', "2"]]


def test_a_cut_up_quoted_cell_is_not_loaded_shifted():
    # `Office` glued to `"lamp, set"`: three cells by the rules, but the wrong ones.
    assert records('1,Office"lamp, set"\n', width=3)[0].code == "unclear_quotes"


def test_an_open_quote_is_kept_on_request_only():
    text = '1,"x,2\n'
    assert records(text, width=3)[0].code == "unclosed_quote"
    mended = records(text, width=3, keep_open_quotes=True)[0]
    assert (mended.code, mended.cells) == ("open_quote_kept", ["1", '"x', "2"])


def test_zero_bytes_and_unreadable_characters():
    found = records("a\0b,c\nd\ufffd,e\nf\0\n", width=2)
    assert [(record.code, record.cells) for record in found] == [
        ("zero_bytes_removed", ["ab", "c"]),
        ("bad_characters", None),
        ("zero_bytes", None),
    ]


def test_carriage_returns():
    assert cells("a,b\rc,d\r", Syntax(line_end="\r"), 2) == [["a", "b"], ["c", "d"]]
    assert cells("a,b\rc,d\ne,f", Syntax(line_end="any"), 2) == [["a", "b"], ["c", "d"], ["e", "f"]]


def test_a_line_without_end_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(tokenize, "LONGEST_LINE", 50)
    with pytest.raises(IntakeError, match="longer than 50 characters"):
        records("x" * 60)


def test_hopeless_quotes_are_given_up_soon():
    # Every quote could close a cell: the number of readings grows without bound, the time must not.
    text = '"' + 'a","' * 60 + "b" + '"c' * 60 + "\n"
    assert records(text, width=9)[0].cells is None
