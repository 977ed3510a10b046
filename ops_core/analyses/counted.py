"""Which arm did better, when all there is is a table that is counted already: date, arm, clicks, enrolments?

Unit: `per="count"`: each of the denominator (a click) is one independent trial, so the rate is a share; this is how
such tests are usually read, and too sure of itself where one user clicks many times. `per="row"`: each row (a day) is
one observation and the rate a ratio of sums (delta method, definitions §9); it needs many rows and trusts no
independence within a day. Intervals: `experiments.compare`. `uneven_days` says how
much wider the second reading is: well above 1 means that days differ by more than chance, and the first is too sure.
Known limit: who is behind the counts cannot be seen, so neither double exposure nor a user's own variance can be
checked.

    table = join.text_of("daily.csv")
    counted.analyze(table, counted.CountedQuery(numerator="enrolments", denominator="clicks")).metrics
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from fractions import Fraction

import pandas as pd

from ops_core.analyses.experiment_sources import default_control
from ops_core.analyses.experiments import compare
from ops_core.analyses.inference import SRM_BLOCKS, srm
from ops_core.errors import QueryError, nearest
from ops_core.intake.looks import MISSING
from ops_core.intake.vocabulary import EXACT, folded
from ops_core.model.aggregates import Aggregates
from ops_core.model.multiplicity import holm

UNITS = ("count", "row")
_UNEVEN, _ENOUGH_ROWS = 1.5, 10
_TRIALS = ("click", "visit", "session", "uv", "user", "点击", "访客", "访问", "人数")
_OUTCOMES = ("enrol", "conver", "order", "purchase", "pay", "signup", "报名", "转化", "订单", "下单", "支付", "购买")


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
    against an equal split, by the unit of the query (counts: chi-square; rows: Welch on a row's denominator, over the
    arms that have two rows). `uneven_days`: width of the interval by rows ÷ by counts, the largest over the arms; nan
    where a reading is not possible. `n_rows_left_out`: rows without a numerator or denominator, such as days still
    open.
    """

    query: CountedQuery
    arms: pd.DataFrame
    metrics: pd.DataFrame
    srm_p_value: float
    n_rows_left_out: int
    uneven_days: float = float("nan")

    @property
    def verdict(self) -> tuple[str, pd.Series]:
        """What the table says, and the row of `metrics` that says it most clearly: `srm` (the split is off, nothing can
        be read), `better`, `worse`, or `open` (not told apart from chance).
        """
        row = self.metrics.sort_values("p_adjusted", na_position="last").iloc[0]
        if self.srm_p_value < SRM_BLOCKS:
            return "srm", row
        if not row["p_adjusted"] < self.query.alpha:
            return "open", row
        return ("better" if row["difference"] > 0 else "worse"), row


def analyze(table: pd.DataFrame, query: CountedQuery) -> CountedResult:
    """Compare the arms of a counted table (cells as text or numbers).

    Raises:
        QueryError: a column is not there or holds no numbers or negative ones, fewer than two arms, no such control, or
            (by counts) more successes than trials or parts of one.
    """
    arm_column = query.arm or _arm_column(table)
    for name in (arm_column, query.numerator, query.denominator):
        if name not in table:
            raise QueryError("counted_no_column", name=name, nearest=nearest(name, list(table)) or list(table)[:12])
    cells = table[[arm_column, query.numerator, query.denominator]].set_axis(["arm", "y", "d"], axis=1)
    cells = cells.map(lambda cell: str(cell).strip() or None, na_action="ignore")
    counts = cells[["y", "d"]].map(lambda cell: None if cell.casefold() in MISSING else cell, na_action="ignore")
    kept = cells.assign(y=counts["y"], d=counts["d"]).dropna()
    numbers = kept.assign(y=kept["y"].map(_number), d=kept["d"].map(_number))
    names = list(dict.fromkeys(numbers["arm"]))
    control = _control(query, names)
    order = [control, *(name for name in names if name != control)]
    sums = {name: _sums(numbers[numbers["arm"] == name], query.per) for name in order}
    arms = pd.DataFrame([_arm_row(name, numbers[numbers["arm"] == name], name == control) for name in order])
    metrics = pd.DataFrame([_metric_row(name, sums[control], sums[name], query.alpha) for name in order[1:]])
    groups = {name: numbers[numbers["arm"] == name] for name in order}
    return CountedResult(
        query,
        arms,
        metrics.assign(p_adjusted=holm(metrics["p_value"])),
        _split(groups, query),
        len(table) - len(kept),
        _uneven(groups, query),
    )


def suggested(table: pd.DataFrame, counts: Sequence[str], arm: str) -> CountedQuery:
    """What is usually asked of a table whose columns of counts are given, the larger first: later ÷ earlier step.

    By rows where there are enough of them and days differ by more than chance, else by counts.

    Raises:
        QueryError: as `analyze`.
    """
    trials = next((name for name in counts if any(word in folded(name) for word in _TRIALS)), counts[0])
    later = [name for name in counts if name != trials]
    later = later[max(0, list(counts).index(trials) - 1) :] if list(counts).index(trials) else later
    outcome = next((name for name in later if any(word in folded(name) for word in _OUTCOMES)), later[0])
    query = CountedQuery(outcome, trials, arm=arm)
    try:
        found = analyze(table, query)
    except QueryError as refusal:
        if refusal.code in ("counted_no_arm", "counted_one_arm"):
            raise
        return replace(query, per="row")
    is_uneven = found.uneven_days > _UNEVEN and found.arms["n_rows"].min() >= _ENOUGH_ROWS
    return replace(query, per="row") if is_uneven else query


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
        number = Decimal(cell.replace(",", ""))
    except InvalidOperation:
        raise QueryError("counted_no_number", value=cell) from None
    if not number.is_finite():
        raise QueryError("counted_no_number", value=cell)
    if number < 0:
        raise QueryError("counted_negative", value=cell)
    return number


def _split(groups: Mapping[str, pd.DataFrame], query: CountedQuery) -> float:
    """The p-value of the denominators against an equal split; by rows, of the arms that have at least two."""
    totals = [int(rows["d"].sum()) for rows in groups.values()]
    if query.per == "count":
        return srm(totals, [1.0] * len(totals))
    control, *others = (Aggregates.of_values([Fraction(d) for d in rows["d"]]) for rows in groups.values())
    return _known(min, holm([compare(control, other).p_value for other in others]))


def _uneven(groups: Mapping[str, pd.DataFrame], query: CountedQuery) -> float:
    """How much wider the interval by rows is than that by counts; nan where no arm has both."""
    widths = []
    for per in UNITS:
        try:
            control, *others = (_sums(rows, per) for rows in groups.values())
        except QueryError:
            return float("nan")
        found = [compare(control, other, query.alpha) for other in others]
        widths.append([one.high - one.low for one in found])
    ratios = [by_row / by_count for by_count, by_row in zip(*widths, strict=True) if by_count > 0]
    return _known(max, ratios)


def _known(choose: Callable[..., float], values: Iterable[float]) -> float:
    """The smallest or largest of the values that are known; nan where none is."""
    return float(choose((value for value in values if not math.isnan(value)), default=math.nan))


def _sums(rows: pd.DataFrame, per: str) -> Aggregates:
    numerators, denominators = ([Fraction(cell) for cell in rows[name]] for name in ("y", "d"))
    total, trials = sum(numerators), sum(denominators)
    if per == "count":
        for cell in (*numerators, *denominators):
            if cell.denominator != 1:
                raise QueryError("counted_fraction", value=f"{float(cell):g}")
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
