"""JSON lines in the encodings and states that people have them in: no line is garbled, none is lost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ops_core import IntakeError
from ops_core.intake.source import Source, open_source
from ops_core.locale import translator

EN = translator("en")
ROWS = [("u1", "a"), ("张三", "付款"), ("李四", "退货")]


def written(path: Path, lines: list[str], encoding: str = "utf-8") -> Path:
    path.write_bytes("".join(line + "\n" for line in lines).encode(encoding))
    return path


def objects(rows: list[tuple[str, str]]) -> list[str]:
    return [json.dumps({"user_id": user, "event": event}, ensure_ascii=False) for user, event in rows]


def cells(source: Source) -> list[tuple]:
    assert source.rows_in_file == source.rows_accepted + len(source.rejects)
    return list(source.sample().iloc[:, 1:].itertuples(index=False, name=None))


@pytest.mark.parametrize("encoding", ["gb18030", "utf-16", "utf-16-le", "utf-8-sig"])
@pytest.mark.parametrize("rows", [ROWS, ROWS[1:] + ROWS[:1]], ids=["plain line first", "Chinese line first"])
def test_lines_in_another_encoding_are_read_as_written(tmp_path: Path, encoding: str, rows: list[tuple[str, str]]):
    with open_source(written(tmp_path / "events.jsonl", objects(rows), encoding)) as source:
        assert cells(source) == rows


def test_a_stray_byte_is_mended_and_said_or_its_line_set_aside(tmp_path: Path):
    good = objects([(f"用户{number}", "看了一眼商品的详情页面") for number in range(40)])
    lines = [line.encode() for line in good]
    lines[4] = lines[4].replace("详".encode(), b"\xe9")  # é in Windows-1252
    lines[7] = lines[7].replace("详".encode(), b"\x81")  # nothing in any
    (tmp_path / "events.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    with open_source(tmp_path / "events.jsonl") as source:
        assert (source.rows_in_file, len(cells(source))) == (40, 39)
        assert [(reject.line, reject.code) for reject in source.rejects] == [(8, "bad_characters")]
        assert source.rejects[0].reason(EN)
        (note,) = (note for note in source.notes if note.code == "stray_bytes")
        assert note.values["lines"] == [5, 8]


def test_a_first_line_that_was_cut_off_is_set_aside_and_the_others_are_read(tmp_path: Path):
    lines = objects([(f"u{number}", "看") for number in range(3)])
    with open_source(written(tmp_path / "events.jsonl", ['{"user_id": "u0", "ev', *lines])) as source:
        assert len(cells(source)) == 3
        assert [(reject.line, reject.code) for reject in source.rejects] == [(1, "bad_json")]


@pytest.mark.parametrize(
    "text",
    [
        '{"data": [\n{"a": 1},\n{"a": 2}\n]}\n',
        '[\n{"a": 1},\n{"a": 2}\n]\n',
        '{\n  "a": 1,\n  "b": {"c": 2}\n}\n',
    ],
)
def test_a_document_of_several_lines_is_no_table(tmp_path: Path, text: str):
    (tmp_path / "document.json").write_text(text, encoding="utf-8")
    with pytest.raises(IntakeError) as refusal:
        open_source(tmp_path / "document.json")
    assert refusal.value.code == "is_json"
