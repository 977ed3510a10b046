"""Which arm did better, when all there is is a table that is counted already: date, arm, clicks, enrolments?

Unit: `per="count"`: each of the denominator (a click) is one independent trial, so the rate is a share; this is how
such tests are usually read, and too sure of itself where one user clicks many times. `per="row"`: each row (a day) is
one observation and the rate a ratio of sums (delta method, definitions §9); it needs many rows and trusts no
independence within a day. Intervals: `experiments.compare`. Known limit: who is behind the counts cannot be seen, so
neither double exposure nor a user's own variance can be checked.

    table = join.text_of("daily.csv")
    counted.analyze(table, counted.CountedQuery(numerator="enrolments", denominator="clicks")).metrics
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fractions import Fraction

import pandas as pd

from ops_core.analyses.experiment_sources import default_control
from ops_core.analyses.experiments import compare
from ops_core.analyses.inference import srm
from ops_core.errors import QueryError, nearest
from ops_core.intake.vocabulary import EXACT, folded
from ops_core.model.aggregates import Aggregates
from ops_core.model.multiplicity import holm

UNITS = ("count", "row")


@dataclass(frozen=True)
class CountedQuery:
    """Numerator ÷ denominator per arm. `arm`: the column that names it (default: found by its name).

    Raises:
        QueryError: an unknown unit.
    """

    numerator: str
    denominator: str
    per: str = "count"
    arm: str | None = None
    control: str | None = None
    alpha: float = 0.05

    def __post_init__(self) -> None:
        if self.per not in UNITS:
            raise QueryError("counted_unit", value=self.per, allowed=list(UNITS))


@dataclass(frozen=True)
class CountedResult:
    """`arms`: arm, is_control, n_rows, numerator, denominator, rate (nan for an empty denominator). `metrics`, one row
    per other arm: arm, difference, low, high (in the rate's unit), relative, relative_low, relative_high (share of the
    control's rate, nan where that cannot be told from 0), p_value, p_adjusted (Holm). `srm_p_value`: the denominators
    against an equal split. `n_rows_left_out`: rows without a numerator or denominator, such as days still open.
    """

    query: CountedQuery
    arms: pd.DataFrame
    metrics: pd.DataFrame
    srm_p_value: float
    n_rows_left_out: int


def analyze(table: pd.DataFrame, query: CountedQuery) -> CountedResult:
    """Compare the arms of a counted table (cells as text or numbers).

    Raises:
        QueryError: a column is not there or holds no numbers, fewer than two arms, no such control, or more successes
            than trials.
    """
    arm_column = query.arm or _arm_column(table)
    for name in (arm_column, query.numerator, query.denominator):
        if name not in table:
            raise QueryError("counted_no_column", name=name, nearest=nearest(name, list(table)) or list(table)[:12])
    cells = table[[arm_column, query.numerator, query.denominator]].set_axis(["arm", "y", "d"], axis=1)
    cells = cells.map(lambda cell: str(cell).strip() or None, na_action="ignore")
    kept = cells.dropna()
    numbers = kept.assign(y=kept["y"].map(_number), d=kept["d"].map(_number))
    names = list(dict.fromkeys(numbers["arm"]))
    control = _control(query, names)
    order = [control, *(name for name in names if name != control)]
    sums = {name: _sums(numbers[numbers["arm"] == name], query.per) for name in order}
    arms = pd.DataFrame([_arm_row(name, numbers[numbers["arm"] == name], name == control) for name in order])
    metrics = pd.DataFrame([_metric_row(name, sums[control], sums[name], query.alpha) for name in order[1:]])
    totals = [int(total) for total in arms["denominator"]]
    return CountedResult(
        query,
        arms,
        metrics.assign(p_adjusted=holm(metrics["p_value"])),
        srm(totals, [1.0] * len(totals)),
        len(table) - len(kept),
    )


def _arm_column(table: pd.DataFrame) -> str:
    found = [name for name in table if folded(str(name)) in EXACT["variant"]]
    if not found:
        raise QueryError("counted_no_arm", columns=list(table)[:12])
    return found[0]


def _control(query: CountedQuery, names: list[str]) -> str:
    if len(names) < 2:
        raise QueryError("counted_one_arm", arms=names or "—")
    if query.control is None:
        return default_control(names)
    if query.control not in names:
        raise QueryError("experiment_unknown_arm", name=query.control, nearest=nearest(query.control, names) or names)
    return query.control


def _number(cell: str) -> Decimal:
    try:
        return Decimal(cell.replace(",", ""))
    except InvalidOperation:
        raise QueryError("counted_no_number", value=cell) from None


def _sums(rows: pd.DataFrame, per: str) -> Aggregates:
    numerators, denominators = ([Fraction(cell) for cell in rows[name]] for name in ("y", "d"))
    total, trials = sum(numerators), sum(denominators)
    if per == "count":
        return Aggregates.of_share(int(total), int(trials))
    pairs = list(zip(numerators, denominators, strict=True))
    squares, of_denominator = sum(y * y for y in numerators), sum(d * d for d in denominators)
    return Aggregates(len(pairs), total, squares, trials, of_denominator, sum(y * d for y, d in pairs))


def _arm_row(name: str, rows: pd.DataFrame, is_control: bool) -> dict[str, object]:
    total, trials = sum(rows["y"], Decimal(0)), sum(rows["d"], Decimal(0))
    return {
        "arm": name,
        "is_control": is_control,
        "n_rows": len(rows),
        "numerator": float(total),
        "denominator": float(trials),
        "rate": float(total / trials) if trials else float("nan"),
    }


def _metric_row(name: str, control: Aggregates, treatment: Aggregates, alpha: float) -> dict[str, object]:
    found = compare(control, treatment, alpha)
    fields = ("difference", "low", "high", "relative", "relative_low", "relative_high", "p_value")
    return {"arm": name, **{field: getattr(found, field) for field in fields}}
