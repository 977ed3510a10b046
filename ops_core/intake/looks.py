"""What sampled values look like: enough to tell a time from a name; nothing is decided for good here."""

from __future__ import annotations

import re

import pandas as pd

MISSING = ("", "null", "none", "nan", "n/a", "#n/a", "<na>", "nat", "\\n", "-", "--", "—")
_TIME = re.compile(
    r"""\s*(?:
        # 2026-11-16 10:20, 2026年11月, 2026/11/16 下午 3:20
        \d{4}[-/.年]\d{1,2}([-/.月]\d{1,2}日?)?([T\s]+([上下]午\s*)?\d{1,2}([:时点]\d{1,2}.*)?)?
      | \d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}([T\s,]+\d{1,2}:\d{2}.*)?                      # 16/11/2026 10:20
      | (19|20)\d{6}(\d{6})?                                                         # 20261116
      | \d{9,10}(\.\d+)? | \d{13} | \d{16}                                           # epoch s, ms, µs
      | [2-6]\d{4}(\.\d+)?                                                           # Excel serial
      | ([A-Za-z]{3,9},?\s+)?\d{1,2}[\s\-][A-Za-z]{3,9}\.?[\s\-,]+\d{2,4}.*              # 16 Nov 2026
      | ([A-Za-z]{3,9},?\s+)?[A-Za-z]{3,9}\.?\s\d{1,2},?\s+\d{4}.*                       # Nov 16, 2026
    )\s*""",
    re.VERBOSE,
)
_NUMBER = re.compile(r"\s*[-+−(]?[$€£¥￥]?\s*\d[\d\s,.'\u00a0]*([eE][-+]?\d+)?\s*[%万亿元)]?\s*")
_FLAGS = {"true", "false", "yes", "no", "是", "否", "y", "n", "t", "f", "0", "1", "有", "无"}
ENOUGH = 0.6
_A_FEW = 0.1
MAX_VARIANTS = 20
SAMPLE_ROWS = 2_000  # of a file, its first: what is looked at
FEW_REPEATS = 0.02  # up to this share of repeated users, rows are still one per user


def present(values: pd.Series) -> list[str]:
    """Sampled cells that are not missing, trimmed."""
    cells = (str(value).strip() for value in values.dropna())
    return [cell for cell in cells if cell.casefold() not in MISSING]


def fits(role: str, values: pd.Series, named: bool = False) -> bool:
    """Whether sampled values may play a role at all; an empty sample may play any.

    A column that is `named` for the role needs a tenth of fitting values only: the others are its bad
    cells, not another role.
    """
    cells = present(values)
    if not cells:
        return role != "variant"
    if role in ("occurred_at", "signup_at"):
        fit = _share(_TIME, cells) >= (_A_FEW if named else ENOUGH)
    elif role in ("value", "quantity", "unit_price", "cost", "score"):
        fit = _share(_NUMBER, cells) >= (_A_FEW if named else ENOUGH) and not is_time(values)
    elif role == "variant":
        # A file sorted by arm begins with one arm; of its other rows the sample knows nothing.
        least = 1 if named and len(values) >= SAMPLE_ROWS else 2
        fit = least <= len(set(cells)) <= MAX_VARIANTS
    elif role == "event":
        few = len(cells) < 40 or len(set(cells)) <= max(20, len(cells) // 2)
        fit = few and not is_time(values)
    else:
        fit = not (_share(_TIME, cells) >= ENOUGH and any(mark in cells[0] for mark in ":/年"))
    return fit


def is_time(values: pd.Series) -> bool:
    """Whether sampled values are written as dates with separators (bare numbers do not count)."""
    cells = present(values)
    written = [cell for cell in cells if not cell.replace(".", "", 1).isdigit()]
    return bool(written) and len(written) >= ENOUGH * len(cells) and _share(_TIME, written) >= ENOUGH


def has_clock(values: pd.Series) -> bool:
    """Whether most sampled values carry a time of day."""
    cells = present(values)
    return sum(any(mark in cell for mark in ":时点") for cell in cells) > len(cells) / 2


def is_number(values: pd.Series) -> bool:
    """Whether nearly all sampled values are numbers."""
    cells = present(values)
    return bool(cells) and _share(_NUMBER, cells) >= 0.95


def has_codes(values: pd.Series) -> bool:
    """Whether some whole number would not come back from a number as it stands: 007, more than 15 digits."""
    whole = (cell for cell in present(values) if cell.isdigit())
    return any(len(cell) > 15 or (cell[0] == "0" and len(cell) > 1) for cell in whole)


def is_flag(values: pd.Series) -> bool:
    """Whether sampled values are yes/no words."""
    cells = present(values)
    return bool(cells) and {cell.casefold() for cell in cells} <= _FLAGS


def is_outcome(values: pd.Series) -> bool:
    """Whether a column can be the outcome of a test: yes/no or a number."""
    return is_flag(values) or (is_number(values) and not is_time(values))


def repeats(sample: pd.DataFrame, index: int | None) -> float:
    """Share of sampled rows whose value in a column stood in an earlier row."""
    if index is None or sample.empty:
        return 0.0
    return float(sample.iloc[:, index].duplicated().mean())


def _share(pattern: re.Pattern[str], cells: list[str]) -> float:
    return sum(pattern.fullmatch(cell) is not None for cell in cells) / len(cells)
