"""The general route: every record of a file is accepted, rejected with a reason, or named as no data."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ops_core.intake.layout import Layout
from ops_core.intake.notes import Note, Reject, info, warning
from ops_core.intake.pieces import PieceWriter
from ops_core.intake.shapes import is_blank, is_total
from ops_core.intake.tokenize import Record

_OTHER_DELIMITERS = (" ", ";", "\t", "|", ",")
_REPAIRS = frozenset({"stray_quote_kept", "open_quote_kept", "zero_bytes_removed"})
_SHOWN_LINES = 20
_LONG_ROW = 1_000_000
_TOTAL_INITIALS = frozenset("TtSsGgИи合总小汇總総합총")
_COMMENT = "#"
_TELLING = _TOTAL_INITIALS | {_COMMENT}


@dataclass
class Account:
    """What became of every record: `rows` = accepted + rejected; blank and comment lines are no rows."""

    rows: int = 0
    accepted: int = 0
    rejects: list[Reject] = field(default_factory=list)
    repairs: dict[str, list[int]] = field(default_factory=dict)
    blank: int = 0
    comments: list[Record] = field(default_factory=list)
    second_table: int | None = None


@dataclass(frozen=True)
class _Ragged:
    """A row of another width, with what is needed to recognise a second table afterwards."""

    index: int
    n_cells: int
    accepted_before: int
    after_gap: bool


class TableReader:
    """Reads records below the heading into a `PieceWriter`, with an account of each."""

    def __init__(self, layout: Layout, writer: PieceWriter, cut_line: int | None = None) -> None:
        self._layout = layout
        self._writer = writer
        self._cut_line = cut_line
        self._ragged: list[_Ragged] = []
        self._gap = False
        self._has_marked_rows = False
        self._heading = [cell.strip() for cell in layout.header_cells]
        self._optional = len(layout.original) - _trailing_blank(layout.original)
        self._first_name = layout.header_cells[0] if layout.header_cells else None
        self._check = _checked_columns(layout)
        self.account = Account()

    def read(self, records: Iterable[Record]) -> Account:
        """Take every record; returns the account."""
        first, width, account = self._layout.first_line, self._layout.width, self.account
        add, looks_odd = self._writer.add, self._looks_odd
        for record in records:
            line, cells, raw, code = record
            if line < first:
                continue
            # The short way, for nearly every row of nearly every file.
            plain = cells is not None and code is None and len(cells) == width and not cells[0].isspace()
            plain = plain and cells[0] and len(raw) < _LONG_ROW
            if plain and not self._gap and account.second_table is None and not looks_odd(cells):
                account.rows += 1
                account.accepted += 1
                add(line, cells)
            else:
                self._take(record)
        self._name_second_table()
        if self._has_marked_rows:
            self._take_comments()
        return account

    def _take(self, record: Record) -> None:
        cells = record.cells
        if record.code == "blank" or (cells is not None and is_blank(cells)):
            self.account.blank += 1
            self._gap = True
            return
        if record.raw.startswith(_COMMENT) and (cells is None or len(cells) != self._layout.width):
            self.account.comments.append(record)
            return
        self._place(record)
        self._gap = False

    def _take_comments(self) -> None:
        """Where rows of the table begin with the mark of a comment, those of another width are rows too."""
        comments, self.account.comments = self.account.comments, []
        for record in comments:
            self._place(record)
        self.account.rejects.sort(key=lambda reject: reject.line)

    def _place(self, record: Record) -> None:
        cells = record.cells
        self.account.rows += 1
        if cells is None:
            self._reject(record, record.code or "unclosed_quote")
        elif len(cells) != self._layout.width:
            self._other_width(record, cells)
        else:
            self._full(record, cells)

    def _full(self, record: Record, cells: list[str]) -> None:
        doubtful = self._gap or self.account.second_table is not None or self._looks_odd(cells)
        code = self._oddity(record, cells) if doubtful else None
        if code:
            self._reject(record, code)
        else:
            self._accept(record, cells)

    def _looks_odd(self, cells: Sequence[str]) -> bool:
        """Cheap: a cell of a telling column begins like a word, or the row like a total or a comment."""
        if cells[0][:1] in _TELLING or cells[0] == self._first_name:
            return True
        # A loop, because a generator costs more than the test itself.
        for index in self._check:  # noqa: SIM110
            if cells[index][:1].isalpha():
                return True
        return False

    def _oddity(self, record: Record, cells: Sequence[str]) -> str | None:
        if self._heading and [cell.strip() for cell in cells] == self._heading:
            return "repeated_header"
        shapes = self._layout.profile
        if is_total(cells):
            blank = sum(not cell.strip() for cell in cells)
            if shapes.contradictions(cells) or 2 * blank >= len(cells):
                return "total_row"
        if self._gap and self._begins_table(cells):
            self.account.second_table = record.line
            return "second_table"
        if self.account.second_table is not None and (not shapes.fits(cells) or shapes.is_unknown(cells)):
            return "second_table"
        return None

    def _begins_table(self, cells: Sequence[str]) -> bool:
        """Whether a row below a gap is the heading of another table."""
        shapes = self._layout.profile
        if shapes.is_foreign(cells):
            return shapes.agreements(cells) == 0
        names = [cell.strip() for cell in cells]
        is_full = all(names) and len(set(names)) == len(names)
        return is_full and shapes.contradictions(cells) == shapes.typed and shapes.is_unknown(cells)

    def _other_width(self, record: Record, cells: list[str]) -> None:
        width = self._layout.width
        if self._optional <= len(cells) < width:
            self._accept(record, [*cells, *[""] * (width - len(cells))])
            return
        if is_total(cells):
            self._reject(record, "total_row")
            return
        other = self._by_other_delimiter(record.raw)
        if other is not None:
            self._accept(Record(record.line, other, record.raw, "other_delimiter_kept"), other)
            return
        if record.line == self._cut_line and len(cells) < width:
            self._reject(record, "cut_off", found=len(cells), width=width)
            return
        ragged = _Ragged(len(self.account.rejects), len(cells), self.account.accepted, self._gap)
        self._ragged.append(ragged)
        self._reject(record, "too_few_cells" if len(cells) < width else "too_many_cells", found=len(cells), width=width)

    def _by_other_delimiter(self, raw: str) -> list[str] | None:
        """A row written with another delimiter: believed only if the width is exact and the telling cells agree."""
        shapes = self._layout.profile
        for delimiter in _OTHER_DELIMITERS:
            cells = raw.split(delimiter)
            if len(cells) == self._layout.width and '"' not in raw and shapes.typed > 1:
                agree = shapes.agreements(cells)
                if shapes.contradictions(cells) == 0 and 2 * agree >= shapes.typed:
                    return cells
        return None

    def _accept(self, record: Record, cells: Sequence[str]) -> None:
        if record.code:
            lines = self.account.repairs.setdefault(record.code, [])
            lines.append(record.line)
        if len(record.raw) >= _LONG_ROW:
            self.account.repairs.setdefault("long_row", []).append(record.line)
        self._has_marked_rows = self._has_marked_rows or record.raw.startswith(_COMMENT)
        self.account.accepted += 1
        self._writer.add(record.line, cells)

    def _reject(self, record: Record, code: str, **values: object) -> None:
        column = values.pop("column", None)
        if code == "second_table":
            values = {}
        self.account.rejects.append(Reject(record.line, code, record.raw, column, values))

    def _name_second_table(self) -> None:
        """Neighbouring rows of one other width below a gap are a table of their own."""
        rejects, run = self.account.rejects, []
        for ragged in [*self._ragged, None]:
            joins = run and ragged and ragged.n_cells == run[-1].n_cells and ragged.index == run[-1].index + 1
            if joins and ragged.accepted_before == run[-1].accepted_before:
                run.append(ragged)
                continue
            if len(run) > 1 and run[0].n_cells > 1 and run[0].after_gap:
                for item in run:
                    old = rejects[item.index]
                    rejects[item.index] = Reject(old.line, "second_table", old.raw)
                self.account.second_table = self.account.second_table or rejects[run[0].index].line
            run = [ragged] if ragged else []


def account_notes(account: Account) -> tuple[Note, ...]:
    """What a person should know about the rows of a file."""
    notes: list[Note] = []
    for code, lines in account.repairs.items():
        notes.append(warning(code, n=len(lines), lines=lines[:_SHOWN_LINES]))
    if account.second_table is not None:
        count = sum(reject.code == "second_table" for reject in account.rejects)
        notes.append(warning("second_table", line=account.second_table, rows=count))
    totals = [reject.line for reject in account.rejects if reject.code == "total_row"]
    if totals:
        notes.append(warning("total_rows", n=len(totals), lines=totals[:_SHOWN_LINES]))
    if account.comments:
        notes.append(info("comments", n=len(account.comments)))
    others = sum(reject.code not in ("second_table", "total_row") for reject in account.rejects)
    if others:
        notes.append(warning("rows_set_aside", n=others))
    return tuple(notes)


def _trailing_blank(names: Sequence[str]) -> int:
    count = 0
    for name in reversed(names):
        if name.strip():
            break
        count += 1
    return count if count < len(names) else 0


def _checked_columns(layout: Layout) -> tuple[int, ...]:
    """Columns whose cells never begin with a letter."""
    starts = {"integer", "decimal", "time"}
    return tuple(index for index, found in enumerate(layout.profile.shapes) if found in starts)[:3]
