"""Polluted CSV files, one defect each, and the published measure of how well such a file was loaded.

Every file comes with the table that a perfect loader would find. The measure (out of ten) adds: loaded at all, and
precision, recall and F1 of header names, of whole records and of cells.
"""

from __future__ import annotations

import csv
import io
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

HEADER = ("DATE", "TIME", "Qty", "PRODUCTID", "Price", "ProductType", "ProductDescription", "URL", "Comments")
N_ROWS = 83
_WORDS = ("cable", "laptop", "mouse", "stand", "hub", "case", "adapter", "sleeve", "lamp", "filter", "paper", "ink")


@dataclass(frozen=True)
class Polluted:
    """A file with one defect: its bytes, and header and records as they should be read."""

    name: str
    kind: str
    content: bytes
    header: tuple[str, ...]
    records: tuple[tuple[str, ...], ...]


def clean_table(seed: int = 7) -> list[tuple[str, ...]]:
    """A shop's stock movements: dates, codes, prices, text with delimiters and quotes, some blanks."""
    chance = random.Random(seed)
    rows = []
    for number in range(N_ROWS):
        word, other = chance.choice(_WORDS), chance.choice(_WORDS)
        description = chance.choice(
            [f"{word} for {other}", f'{chance.randint(5, 30)}" {word}, black', f"{word}, {other} set"]
        )
        comment = chance.choice(["", "", f"Customer's {word}", f"says {word}", "n/a", f'the "{other}" one'])
        rows.append(
            (
                f"{chance.randint(1, 28):02d}/{chance.randint(1, 12):02d}/2021",
                f"{chance.randint(0, 23):02d}:{chance.randint(0, 59):02d}:{chance.randint(0, 59):02d}",
                str(chance.randint(1, 40)),
                f"{chance.choice('ABC')}{chance.randint(1000, 9999)}-{number}",
                f"{chance.randint(1, 900)}.{chance.randint(0, 99):02d}",
                chance.choice(["Accessory", "Computer", "Office", "Network"]),
                description,
                f"https://shop.example/{word}/{number}",
                comment,
            )
        )
    return rows


def write(rows: Sequence[Sequence[str]], delimiter: str = ",", quote: str = '"', end: str = "\r\n") -> str:
    """RFC 4180 text, with other marks on request."""
    return "".join(line(row, delimiter, quote) + end for row in rows)


def line(cells: Sequence[str], delimiter: str = ",", quote: str = '"', escape: str | None = None) -> str:
    """One row of text; cells are quoted where they must be."""
    escape = quote if escape is None else escape
    texts = []
    for cell in cells:
        must = any(mark in cell for mark in (delimiter.strip() or delimiter, quote, "\r", "\n"))
        texts.append(quote + cell.replace(quote, escape + quote) + quote if must else cell)
    return delimiter.join(texts)


def polluted_files(share: float = 1.0) -> Iterator[Polluted]:
    """All defects; of the row and cell defects only a share of the positions, spread evenly."""
    rows = clean_table()
    yield from _file_defects(rows)
    yield from _dialects(rows)
    lines = [line(row) for row in [HEADER, *rows]]
    number = 0
    for at in range(len(lines)):
        cells = (HEADER, *rows)[at]
        for column in range(len(HEADER)):
            number += 1
            if int(number * share) > int((number - 1) * share):
                yield from _cell_defects(rows, lines, at, column)
        if int((at + 1) * share) > int(at * share):
            yield _changed(rows, lines, at, line(cells, " "), f"row_space_{at}", "row_delimiter")


def _file_defects(rows: list[tuple[str, ...]]) -> Iterator[Polluted]:
    text = write([HEADER, *rows])
    records = tuple(rows)

    def made(name: str, content: str, found: Sequence[Sequence[str]] = records, header: Sequence[str] = HEADER):
        return Polluted(name, "file", content.encode(), tuple(header), tuple(tuple(row) for row in found))

    yield made("source", text)
    yield made("no_payload", "", (), ())
    yield made("no_trailing_newline", text.rstrip("\r\n"))
    yield made("double_trailing_newline", text + "\r\n")
    yield made("no_header", write(rows), header=())
    yield made("header_only", write([HEADER]), ())
    yield made("one_data_row", write([HEADER, rows[0]]), rows[:1])
    yield made("multirow_2", write([["Sold", "", "", "Goods", "", "", "", "More", ""], HEADER, *rows]))
    upper = ["A", "", "", "", "B", "", "", "", ""]
    yield made("multirow_3", write([upper, ["Sold", "", "", "Goods", "", "", "", "More", ""], HEADER, *rows]))
    yield made("preamble", "Stock movements\r\nprinted on paper\r\n\r\n" + text)
    yield made("preamble_padded", "Stock movements,,,,,,,,\r\nprinted on paper,,,,,,,,\r\n,,,,,,,,\r\n" + text)
    less = [["id", "note"], *([str(n), f"note {n}"] for n in range(20))]
    same = [[f"n{c}" for c in range(9)], *([f"w{n}{c}" for c in range(9)] for n in range(20))]
    more = [[f"m{c}" for c in range(11)], *([f"w{n}{c}" for c in range(11)] for n in range(20))]
    for name, other in (("less", less), ("same", same), ("more", more)):
        yield made(f"multitable_{name}", text + "\r\n" + write(other))


def _dialects(rows: list[tuple[str, ...]]) -> Iterator[Polluted]:
    table, records = [HEADER, *rows], tuple(rows)
    variants = {f"delimiter_{ord(mark[0]):x}_{len(mark)}": write(table, mark) for mark in (" ", ", ", ";", "\t", "|")}
    variants |= {f"end_{name}": write(table, end=end) for name, end in (("lf", "\n"), ("cr", "\r"))}
    variants["quote_27"] = write(table, quote="'")
    variants["escape_5c"] = "".join(line(row, escape="\\") + "\r\n" for row in table)
    variants["escape_none"] = "".join(line(row, escape="") + "\r\n" for row in table)
    for name, text in variants.items():
        yield Polluted(name, "file", text.encode(), HEADER, records)


def _cell_defects(rows: list[tuple[str, ...]], lines: list[str], at: int, column: int) -> Iterator[Polluted]:
    cells = [line([cell]) for cell in (HEADER, *rows)[at]]
    where = f"{at}_{column}"
    extra = [*cells[:column], "", *cells[column:]]
    yield _changed(rows, lines, at, ",".join(extra), f"more_{where}", "more")
    if column:
        merged = [*cells[: column - 1], cells[column - 1] + cells[column], *cells[column + 1 :]]
        yield _changed(rows, lines, at, ",".join(merged), f"less_{where}", "less")
    yield from _stray_quotes(rows, lines, at, column)


def _stray_quotes(rows: list[tuple[str, ...]], lines: list[str], at: int, column: int) -> Iterator[Polluted]:
    """A cell with one more quotation mark that nobody escaped; it is expected to be kept as text."""
    row = (HEADER, *rows)[at]
    cell = row[column]
    quoted = line([cell]) != cell
    for name, place in (("start", 0), ("middle", len(cell) // 2), ("end", len(cell))):
        front, back = (
            (cell[:place].replace('"', '""'), cell[place:].replace('"', '""'))
            if quoted
            else (
                cell[:place],
                cell[place:],
            )
        )
        edge = '"' if quoted else ""
        raw = [line([each]) for each in row]
        raw[column] = f'{edge}{front}"{back}{edge}'
        kept = (*row[:column], f'{cell[:place]}"{cell[place:]}', *row[column + 1 :])
        header = kept if at == 0 else HEADER
        records = [kept if index == at - 1 else each for index, each in enumerate(rows)]
        file = _changed(records, lines, at, ",".join(raw), f"quote_{name}_{at}_{column}", f"quote_{name}")
        yield Polluted(file.name, file.kind, file.content, header, file.records)


def _changed(rows: list[tuple[str, ...]], lines: list[str], at: int, text: str, name: str, kind: str) -> Polluted:
    content = "".join(each + "\r\n" for each in [*lines[:at], text, *lines[at + 1 :]])
    return Polluted(name, kind, content.encode(), HEADER, tuple(rows))


def score(file: Polluted, converted: str | None) -> tuple[float, int]:
    """The measure of one loaded file (0 to 10), and how many of its rows are wrong (not in the clean table)."""
    if converted is None:
        return 0.0, 0
    table = list(csv.reader(io.StringIO(converted, newline="")))
    header, records = (table[0], table[1:]) if table else ([], [])
    wanted, found = Counter(file.records), Counter(tuple(row) for row in records)
    total = 1.0
    total += _three(Counter(file.header), Counter(header))
    total += _three(wanted, found)
    total += _three(Counter(c for row in file.records for c in row), Counter(c for row in records for c in row))
    return total, (found - wanted).total()


def _three(wanted: Counter, found: Counter) -> float:
    """Precision + recall + F1 of two multisets; nothing wanted is fully met."""
    if not wanted:
        return 3.0
    common = (wanted & found).total()
    if not common:
        return 0.0
    precision, recall = common / found.total(), common / wanted.total()
    return precision + recall + 2 * precision * recall / (precision + recall)
