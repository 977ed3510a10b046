"""Delimiters, headings and tables, decided by evidence."""

from __future__ import annotations

from pathlib import Path

import pytest

from ops_core import IntakeError
from ops_core.intake.dialect import read_all, sniff
from ops_core.intake.encoding import detect
from ops_core.intake.layout import find_layout, unique_names
from ops_core.intake.shapes import is_total, profile, shape
from ops_core.intake.source import open_source
from ops_core.locale import translator

ROWS = "".join(f"{n},name {n},2024-01-{n:02d},{n}.5\n" for n in range(1, 13))


def layout_of(text: str, **options):
    dialect = sniff(text, "utf-8")
    width = find_layout(read_all(text, dialect.syntax)).width
    return find_layout(read_all(text, dialect.syntax, width=width), **options)


@pytest.mark.parametrize(
    ("cell", "found"),
    [
        ("", "empty"), ("N/A", "empty"), ("12", "integer"), ("-1.234,56", "decimal"), ("¥1,234.50", "decimal"),
        ("45%", "decimal"), ("3.2万", "decimal"), ("2024-01-31", "time"), ("2026年11月16日", "time"),
        ("31/01/2024 10:00", "time"),
        ("2024-01-31T00:00:00+08:00", "time"), ("a@b.co", "email"), ("https://x.y/z", "url"), ("TRUE", "boolean"),
        ("user_id", "word"), ("A-17", "code"), ("two words", "text"),
    ],
)  # fmt: skip
def test_shapes(cell: str, found: str):
    assert shape(cell) == found


@pytest.mark.parametrize(
    ("text", "delimiter", "quote"),
    [
        ("id;amount;day\n1;1.234,56;01.02.2024\n2;0,5;13.02.2024\n", ";", '"'),
        ("id,at\n1,2024-01-01 10:00:00\n2,2024-01-02 11:00:00\n", ",", '"'),
        ("a, b, c\n1, x, y\n2, z, w\n", ", ", '"'),
        ("a b c\n1 x y\n2 z w\n", " ", '"'),
        (" 001 19970101  1   11.77\n 002 19970112 12   12.00\n 003 19970115  1  112.00\n", "whitespace", '"'),
        ("id,name\n'1','Pat, A'\n'2','Lee, B'\n", ",", "'"),
        ("id\tname\n1\tLee, B\n2\tPat, A\n", "\t", '"'),
        ("email\na@x.io\nb@x.io\n", ",", '"'),
    ],
)
def test_delimiter_and_quote_by_consistency(text: str, delimiter: str, quote: str):
    syntax = sniff(text, "utf-8").syntax
    assert (syntax.delimiter, syntax.quote) == (delimiter, quote)


@pytest.mark.parametrize("cell", ['"vi"ew', '"view', '"2"x4'])
def test_a_mark_that_never_closes_a_cell_is_text(cell: str):
    text = "user,event,day\n" + "".join(f"u{n},{cell},2024-01-{n:02d}\n" for n in range(1, 29))
    syntax = sniff(text, "utf-8").syntax
    assert (syntax.delimiter, syntax.quote) == (",", "")
    assert [record.cells[1] for record in read_all(text, syntax)][1:] == [cell] * 28


def test_quoted_cells_over_two_lines_keep_their_quote():
    text = "user,event,note\n" + "".join(f'u{n},view,"a\nb {n}"\n' for n in range(1, 29))
    syntax = sniff(text, "utf-8").syntax
    assert syntax.quote == '"'
    assert [record.cells[2] for record in read_all(text, syntax)][1:] == [f"a\nb {n}" for n in range(1, 29)]


def test_choices_carry_their_evidence():
    dialect = sniff("sep=;\nid;x\n1;2\n", "utf-8")
    choices = {choice.name: choice for choice in dialect.choices}
    assert (dialect.skip_lines, choices["delimiter"].value, choices["delimiter"].code) == (1, ";", "sep_line")
    for language in ("en", "zh"):
        assert all(choice.evidence(translator(language)) for choice in dialect.choices)
    assert sniff("a|b;c\n1|2;3\n", "utf-8", delimiter=";").syntax.delimiter == ";"


@pytest.mark.parametrize(
    ("text", "header_lines", "first_line"),
    [
        ("id,name,day,v\n" + ROWS, (1,), 2),
        (ROWS, (), 1),
        ("Who,,When,\nid,name,day,v\n" + ROWS, (1, 2), 3),
        ("Report\nmade today\n\nid,name,day,v\n" + ROWS, (4,), 5),
        ("Report,,,\n,,,\nid,name,day,v\n" + ROWS, (3,), 4),
        ("# note\nid,name,day,v\n" + ROWS, (2,), 3),
        ("id,name,day,v\n\n" + ROWS, (1,), 2),
        ("country,2019,2020,2021\nES,1,2,3\nPT,4,5,6\n", (1,), 2),
        ("plan,city\nfree,Paris\npro,Rome\nfree,Oslo\n", (1,), 2),
        ("free,Paris\npro,Rome\nfree,Oslo\n", (), 1),
    ],
)
def test_heading_by_contrast(text: str, header_lines: tuple[int, ...], first_line: int):
    found = layout_of(text)
    assert (found.header_lines, found.first_line) == (header_lines, first_line)


def test_headings_with_a_slip_are_mended_and_said():
    def codes(heading: str) -> tuple[tuple[str, ...], set[str]]:
        found = layout_of(heading + "\n" + ROWS)
        return found.columns, {note.code for note in found.notes}

    assert codes("id,,name,day,v") == (("id", "name", "day", "v"), {"header_extra_delimiter"})
    assert codes("id name day v") == (("id", "name", "day", "v"), {"header_other_delimiter"})
    columns, notes = codes("id,nameday,v")
    assert columns == ("id", "nameday", "v", "column_4")
    assert "header_short" in notes
    assert codes('id,"name,day,v') == (("id", '"name', "day", "v"), {"header_quote"})


def test_names_of_merged_headings():
    found = layout_of("Users,,Money,\nid,name,day,day\n" + ROWS)
    assert found.columns == ("id", "name", "Money day", "Money day_2")
    assert unique_names(("a", "a", "a_2", "", " b\n c "))[0] == ("a", "a_2_", "a_2", "column_4", "b c")


def test_a_bill_begins_below_all_the_lines_about_the_account():
    about = [
        "微信支付账单明细",
        "微信昵称：[张三]",
        "起始时间：[2026-03-01] 终止时间：[2026-03-31]",
        "导出类型：[全部]",
    ]
    about += ["导出时间：[2026-04-01 10:00:00]", "", "共8笔记录", "收入：0笔 0.00元", "支出：8笔 33.00元", "注："]
    about += [f"{n}. 充值、提现等交易计入中性交易" for n in range(1, 13)] + ["", "----微信支付账单明细列表----"]
    lines = [line + "," * 4 for line in about] + ["交易时间,交易类型,交易对方,金额(元),交易单号"]
    lines += [f"2026-03-{n:02d} 10:00:00,商户消费,店{n % 3},¥{n}.50,42000{n}" for n in range(1, 9)]
    found = layout_of("\n".join(lines) + "\n")
    assert found.columns == ("交易时间", "交易类型", "交易对方", "金额(元)", "交易单号")
    assert (found.first_line, len(found.skipped)) == (len(about) + 2, len(about) - 2)


@pytest.mark.parametrize("short_first", [False, True])
def test_rows_that_begin_like_comments_are_accounted_for(tmp_path: Path, short_first: bool):
    rows = [f"#{1000 + n},pay,2026-03-{n:02d},{n}" for n in range(1, 9)]
    rows.insert(0 if short_first else len(rows), "#1009,pay,2026-03-09")
    (tmp_path / "rows.csv").write_text("\n".join(["user_id,event,time,n", *rows]) + "\n", encoding="utf-8")
    with open_source(tmp_path / "rows.csv") as source:
        assert (source.rows_in_file, source.rows_accepted) == (9, 8)
        assert [reject.raw for reject in source.rejects] == ["#1009,pay,2026-03-09"]
        assert "comments" not in {note.code for note in source.notes}


def test_totals_are_recognised_in_many_languages():
    assert all(is_total([word, "12"]) for word in ("Total", "合计", "总计:", "Grand total", "Summe", "小 计"))
    assert not any(is_total([word, "12"]) for word in ("Totally", "Sumatra", "合计划", "Tom"))


def test_profile_tells_rows_from_headings():
    table = profile([["1", "2024-01-01", "x"], ["2", "2024-01-02", "y"]], 3)
    assert table.shapes == ("integer", "time", None)
    assert table.fits(["3", "", "z"])
    assert table.is_foreign(["id", "day", "name"])


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("日期,组别,曝光,点击,报名人数\n" + "2026-01-01,对照组,1,2,3\n2026-01-02,实验组,1,2,3\n" * 30, "gb18030"),
        ("序号,昵称\n1,小鹿\n2,阿萨\n3,豆豆\n", "gb18030"),
        ("user_id,channel\nu0,微信\nu1,淘宝\nu2,微信\n", "gb18030"),
        ("門市,暱稱\n1,阿鹿\n2,豆豆\n", "big5"),
        ("회원,매체\n" + "1,틱톡\n2,쇼핑몰\n3,브랜드\n" * 4, "euc_kr"),
        ("会員番号,チャネル\n1,ウェブ\n2,アプリ\n", "shift_jis"),
        ("ФИО;СУММА\nИВАНОВ;10\nЩУКИН;20\n", "cp1251"),
        ("Місто,Подія\nКиїв,їжа\nЛьвів,ґанок\nЄва,так\n", "cp1251"),
        ("Дата,Цена\n1,жёлтый\n2,хороший\n", "cp1251"),
        ("nom,prénom\nJosé,Élodie\nFrançois,Noël\n", "cp1252"),
    ],
)
def test_short_tables_of_rare_words_keep_their_writing(text: str, encoding: str):
    assert detect(text.encode(encoding)).name == encoding


def test_stray_bytes_are_no_new_encoding():
    text = ("id,名称\n" + "".join(f"{n},苹果\n" for n in range(200))).encode()
    assert detect(text).evidence == "strict"
    broken = text.replace(b"100,", b"100,\xe9")
    assert (detect(broken).name, detect(broken).evidence) == ("utf-8", "stray")
    with pytest.raises(IntakeError, match="not a table"):
        detect(bytes(range(256)) * 20)
