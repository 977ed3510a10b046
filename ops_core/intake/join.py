"""Files that belong together: orders and the users who placed them, test units and their arms.

    orders, users = text_of("orders.csv"), text_of("users.csv")
    propose(orders, users)                    # keys, best first, each with its reasons
    joined(orders, users).frame               # every row of orders once, with the columns of users: load it as usual

A join never multiplies rows: where a key occurs several times on the other side, it is refused with an example.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path

import duckdb
import pandas as pd

from ops_core.errors import IntakeError
from ops_core.intake.source import Source, SourceOptions, open_source
from ops_core.intake.vocabulary import EXACT, folded
from ops_core.locale import Translator

_KEY_ROLES = ("user_id", "order_id", "event_id")
_FEWEST_MATCHED = 0.05
# Columns whose names say nothing must agree in nearly all of many values: small numbers meet by chance.
_SURELY_MATCHED, _MANY_VALUES = 0.9, 50


@dataclass(frozen=True)
class Key:
    """A pair of columns that could tie two tables. `share_matched` (0–1): rows of the left whose key the right has.

    `most_repeated`: how often one matched key occurs on the right; above 1 the join would multiply rows.
    `because`: `same_name`, `same_role` or `same_values`.
    """

    left: str
    right: str
    share_matched: float
    n_matched: int
    most_repeated: int
    because: str

    @property
    def keeps_rows(self) -> bool:
        """Whether each row of the left meets at most one of the right."""
        return self.most_repeated <= 1

    def reasons(self, t: Translator) -> list[str]:
        """Why this key, in the reader's language."""
        names = {"left": self.left, "right": self.right}
        unique = t("join.unique", **names) if self.keeps_rows else t("join.repeated", **names, n=self.most_repeated)
        matched = t("join.matched", **names, share=t.share(self.share_matched), rows=t.number(self.n_matched))
        return [t(f"join.because_{self.because}", **names), matched, unique]


@dataclass(frozen=True)
class Joined:
    """The rows of the left with the columns of the right; `n_unmatched` of them found no partner."""

    frame: pd.DataFrame
    key: Key
    n_unmatched: int


def text_of(path: str | Path, *, options: SourceOptions | None = None) -> pd.DataFrame:
    """A file as a frame of source text (blank cells None), without the rows that intake rejects.

    Raises:
        IntakeError: the file cannot be read as a table.
    """
    with open_source(path, options=options) as source:
        return rows_of(source)


def rows_of(source: Source) -> pd.DataFrame:
    """All rows of an open source as text, see `text_of`."""
    with duckdb.connect() as connection:
        source.stage(connection, "rows_in", lines=source.lines_are_free)
        rows = connection.execute("SELECT COLUMNS(* EXCLUDE line)::VARCHAR FROM rows_in").fetchall()
        return pd.DataFrame(rows, columns=list(source.columns), dtype=object)


def propose(left: pd.DataFrame, right: pd.DataFrame) -> list[Key]:
    """Keys that could tie the right to the left, best first: those that keep rows, then by name, then by matches."""
    keys_of_right = {name: _keys(right[name]) for name in right}
    found = []
    for name in left:
        cells = _keys(left[name])
        for other, cells_of_other in keys_of_right.items():
            because = _because(name, other)
            key = _matched(name, other, cells, cells_of_other, because or "same_values")
            by_values = key.share_matched >= _SURELY_MATCHED and cells.nunique() >= _MANY_VALUES
            if key.share_matched >= _FEWEST_MATCHED if because else by_values and key.keeps_rows:
                found.append(key)
    ranks = ("same_name", "same_role", "same_values")
    return sorted(found, key=lambda key: (not key.keeps_rows, ranks.index(key.because), -key.share_matched))


def joined(left: pd.DataFrame, right: pd.DataFrame, key: tuple[str, str] | None = None) -> Joined:
    """Every row of the left once, in its order, with the columns of the right (blank where there is no partner).

    `key`: the columns of left and right that tie them (default: the best proposal). Columns of the right whose names
    are taken get `_2`.

    Raises:
        IntakeError: no key is found or a named column is not there; a row would become several.
    """
    chosen = _chosen(left, right, key)
    cells, cells_of_right = _keys(left[chosen.left]), _keys(right[chosen.right])
    if not chosen.keeps_rows:
        met = cells.dropna().map(cells_of_right.value_counts())
        after = len(left) + int((met.dropna() - 1).sum())
        repeated = met.idxmax()
        raise IntakeError(
            "join_multiplies",
            column=chosen.right,
            value=cells[repeated],
            times=int(met.max()),
            before=len(left),
            after=after,
        )
    known = cells_of_right.dropna()
    partner = cells.map(pd.Series(known.index, index=known.to_numpy()).groupby(level=0).first())
    taken = right.drop(columns=chosen.right).reindex(partner.to_numpy())
    taken.columns = _free_names(list(left), list(taken))
    frame = pd.concat([left.reset_index(drop=True), taken.reset_index(drop=True)], axis=1)
    _assert_kept(left, frame)
    return Joined(frame, chosen, int(partner.isna().sum()))


def totals(before: pd.DataFrame, after: pd.DataFrame) -> pd.DataFrame:
    """The promise in numbers: column (None for the number of rows), before, after (exact decimals), for every column of
    numbers that both tables have.
    """
    rows: list[tuple[str | None, Decimal, Decimal]] = [(None, Decimal(len(before)), Decimal(len(after)))]
    for name in before:
        sums = _total(before[name]), _total(after[name])
        if sums[0] is not None and sums[1] is not None and before[name].notna().any():
            rows.append((str(name), sums[0], sums[1]))
    return pd.DataFrame(rows, columns=["column", "before", "after"])


def _chosen(left: pd.DataFrame, right: pd.DataFrame, key: tuple[str, str] | None) -> Key:
    if key is None:
        proposals = propose(left, right)
        if not proposals:
            raise IntakeError("join_without_key", left=list(left)[:12], right=list(right)[:12])
        return proposals[0]
    for name, frame in zip(key, (left, right), strict=True):
        if name not in frame:
            raise IntakeError("join_unknown_column", column=name, known=list(frame)[:12])
    return _matched(key[0], key[1], _keys(left[key[0]]), _keys(right[key[1]]), _because(*key) or "same_values")


def _because(left: str, right: str) -> str | None:
    """What the names of two columns say for tying them."""
    names = folded(left), folded(right)
    if names[0] == names[1]:
        return "same_name"
    roles = [role for role in _KEY_ROLES if names[0] in EXACT[role] and names[1] in EXACT[role]]
    return "same_role" if roles else None


def _matched(left: str, right: str, cells: pd.Series, cells_of_right: pd.Series, because: str) -> Key:
    times = cells.map(cells_of_right.value_counts())
    n_matched = int(times.notna().sum())
    share = n_matched / len(cells) if len(cells) else float("nan")
    return Key(left, right, share, n_matched, int(times.max()) if n_matched else 0, because)


def _keys(values: pd.Series) -> pd.Series:
    """Cells as they are compared: text without surrounding blanks; blank ones match nothing."""
    cells = values.reset_index(drop=True).map(lambda cell: str(cell).strip() or None, na_action="ignore")
    return cells.astype(object).where(cells.notna(), None)


def _free_names(taken: Sequence[str], wanted: Sequence[str]) -> list[str]:
    names: list[str] = []
    for name in wanted:
        free, number = name, 2
        while free in (*taken, *names):
            free, number = f"{name}_{number}", number + 1
        names.append(free)
    return names


def _assert_kept(left: pd.DataFrame, frame: pd.DataFrame) -> None:
    """Rows and the sum of every column of numbers are what they were: the promise, checked on the result itself."""
    changed = [name for name in left if _total(left[name]) != _total(frame[name])]
    if len(frame) != len(left) or changed:
        raise IntakeError("join_changed_totals", columns=changed, before=len(left), after=len(frame))


def _total(values: pd.Series) -> Decimal | None:
    try:
        return sum((Decimal(str(cell)) for cell in values.dropna()), Decimal(0))
    except InvalidOperation:
        return None
