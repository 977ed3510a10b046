"""Zone arithmetic inside SQL: a handful of constant offsets between two instants, written as integer constants."""

from __future__ import annotations

from ops_core.model.time import DAY_US, TimeRules

_MARGIN_US = 2 * DAY_US


def utc_of_wall(expression: str, rules: TimeRules, first_us: int, last_us: int) -> str:
    """SQL for the UTC timestamp of a wall-clock timestamp between two wall-clock instants (µs).

    Gaps and overlaps give the first possible instant, as `TimeRules.to_utc_us` does.
    """
    ranges = rules.offset_ranges(first_us - _MARGIN_US, last_us + _MARGIN_US)
    if all(offset == 0 for _, _, offset in ranges):
        return expression
    micros = "epoch_us(" + expression + ")"
    shifted = [(f"{end + offset:d}", f"greatest({micros} - ({offset:d}), {start:d})") for start, end, offset in ranges]
    return "CASE WHEN " + expression + " IS NOT NULL THEN make_timestamp(" + _cases(micros, shifted) + ") END"


def local_day(expression: str, rules: TimeRules, first_us: int, last_us: int) -> str:
    """SQL for the local date of a UTC timestamp between two instants (UTC µs)."""
    return "CAST(make_timestamp(" + local_us("epoch_us(" + expression + ")", rules, first_us, last_us) + ") AS DATE)"


def local_us(micros: str, rules: TimeRules, first_us: int, last_us: int) -> str:
    """SQL for the wall-clock microseconds of UTC microseconds between two instants."""
    ranges = rules.offset_ranges(first_us, last_us + 1)
    return "(" + _cases(micros, [(f"{end:d}", f"{micros} + ({offset:d})") for _, end, offset in ranges]) + ")"


def _cases(compared: str, branches: list[tuple[str, str]]) -> str:
    *earlier, (_, last) = branches
    if not earlier:
        return last
    return "CASE " + " ".join(f"WHEN {compared} < {end} THEN {value}" for end, value in earlier) + f" ELSE {last} END"
