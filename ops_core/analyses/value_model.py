"""What each customer will buy in the coming weeks: BG/NBD × gamma-gamma, held against weeks the model has not seen.

Unit: a customer, a user with a purchase (definitions §2) since the data begins. Purchases of one local day are one;
times are weeks. The models are fitted twice: on the purchases before the last `holdout_days`, to be held against what
came in them, and on everything, to predict. A poor fit predicts nothing: `refusals` says why. Predicted amounts are
net of refunds at the share that all purchases so far lost to refunds, times `margin`. Sources: `buy_till_you_die`,
`gamma_gamma`. Known limits: those of both models; customers from before the data begins are taken to start with it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ops_core.analyses import buy_till_you_die, gamma_gamma
from ops_core.analyses.buy_till_you_die import BgNbd
from ops_core.analyses.gamma_gamma import GammaGamma
from ops_core.engine import purchases as engine
from ops_core.engine import selection
from ops_core.engine.arrays import starts_of_runs
from ops_core.engine.purchases import UserDays
from ops_core.engine.trends import rest_names
from ops_core.errors import QueryError
from ops_core.model.segment import Segment
from ops_core.workspace import Workspace, one_state

WEEK_DAYS = 7
WORST_TOTAL_ERROR = 0.25  # of the purchases in the hold-out weeks
WORST_GROUP_ERROR = 0.35  # the same, summed over groups of equal past purchases
WORST_CORRELATION = 0.35  # between how often and how much: beyond it amounts cannot be told from counts
_BINS = 8  # repeat purchases 0, 1, … 6, 7 and more


@dataclass(frozen=True)
class ValueModelQuery:
    """What to predict.

    Attributes:
        horizon_days: how far ahead.
        holdout_days: the last days kept back for the check; `None`: the horizon, at most a third of the data.
        margin: share of the revenue that is earned, 0–1.
        breakdown: `user.<name>`, for predictions by channel and the like.
        segment: customers of a segment alone.

    Raises:
        QueryError: a length below one day, or a margin outside 0–1.
    """

    horizon_days: int = 90
    holdout_days: int | None = None
    margin: float = 1.0
    breakdown: str | None = None
    segment: Segment | None = None

    def __post_init__(self) -> None:
        if self.horizon_days < 1 or (self.holdout_days is not None and self.holdout_days < 1):
            raise QueryError("value_horizon", value=min(self.horizon_days, self.holdout_days or self.horizon_days))
        if not 0 < self.margin <= 1:
            raise QueryError("value_margin", value=self.margin)


@dataclass(frozen=True, eq=False)
class Histories:
    """Customers as the models see them, arrays of one length: user key, repeat purchases, recency and age in weeks,
    mean value of a repeat purchase (nan without one)."""

    users: np.ndarray
    frequency: np.ndarray
    recency: np.ndarray
    age: np.ndarray
    mean_value: np.ndarray


@dataclass(frozen=True)
class HoldOut:
    """How the model fitted on the first part foresaw the rest.

    `total_error`: predicted ÷ actual purchases − 1; `group_error`: Σ |predicted − actual| over groups of equal past
    purchases ÷ actual; `value_error`: as total_error for the amount, nan without amounts.
    """

    days: int
    n_customers: int
    actual: float
    predicted: float
    total_error: float
    group_error: float
    actual_value: float
    predicted_value: float
    value_error: float


@dataclass(frozen=True, eq=False)
class ValueModelResult:
    """The answer, with its query.

    `refusals`: why nothing is predicted, empty when the fit will do: `too_few`, `too_few_amounts`, `not_identified`,
    `amounts`, `holdout_total`, `holdout_groups`, `no_holdout`. With a refusal `customers` and `groups` are empty.

    `customers`, one row per customer: user_key, frequency, recency_weeks, age_weeks, p_alive (0–1), purchases
    (expected within the horizon), value_each (of one purchase), value (net, within the horizon), spent (net so far).
    The margin lowers value_each and value, not what was spent.
    `groups`, one row per value of the breakdown (`""` without one): group, customers, spent (mean net so far),
    predicted (mean value within the horizon), p_alive (mean).
    `holdout_table`: frequency (repeat purchases before the hold-out; 7 means 7 and more), customers, actual, predicted
    (mean purchases in the hold-out days).
    `tracking`: week (from the first purchase of all), actual, expected (repeat purchases of all customers so far, by
    the model fitted before the hold-out), is_holdout.
    """

    query: ValueModelQuery
    purchases: BgNbd | None
    values: GammaGamma | None
    holdout: HoldOut | None
    holdout_table: pd.DataFrame
    tracking: pd.DataFrame
    customers: pd.DataFrame
    groups: pd.DataFrame
    n_customers: int
    n_repeaters: int
    net_share: float
    refusals: tuple[str, ...]

    def user_ids(self, workspace: Workspace, keys: np.ndarray) -> list[str]:
        """Ids of customers given by their keys."""
        return selection.user_ids(workspace.store, keys)


@one_state
def analyze(workspace: Workspace, query: ValueModelQuery = ValueModelQuery()) -> ValueModelResult:
    """Fit, check, predict.

    Raises:
        QueryError: no data, nobody (of the segment) has bought anything, or an unknown property.
    """
    if workspace.as_of_us is None:
        raise QueryError("no_data_yet")
    rows = engine.user_days(workspace.store, workspace.as_of_us, query.segment)
    bought = rows.bought
    if not len(bought.users):
        raise engine.nobody_bought(workspace.store, workspace.as_of_us, query.segment)
    end_day = int(workspace.rules.local_days(np.array([workspace.as_of_us]))[0])
    everything = histories(bought, end_day)
    net_share = max(float(rows.net.sum() / rows.gross.sum()), 0.0)
    length = _holdout_days(query, end_day - int(bought.days.min()))
    fitted, refusals = _fitted(everything)
    holdout, table, tracking, poor = _checked(bought, end_day - length, end_day, net_share)
    refusals = tuple(dict.fromkeys((*refusals, *poor)))
    customers, groups = _no_customers(), _no_groups()
    if fitted and not refusals:
        customers = _predicted(*fitted, everything, rows, net_share, query)
        groups = _by_group(workspace, query, customers)
    model, values = fitted or (None, None)
    return ValueModelResult(
        query, model, values, holdout, table, tracking, customers, groups, len(everything.users),
        int((everything.frequency > 0).sum()), net_share, refusals,
    )  # fmt: skip


def histories(bought: UserDays, end_day: int) -> Histories:
    """Each customer's purchases before a day as frequency, recency and age; the last day before it counts as "now"."""
    kept = bought.only(bought.days < end_day)
    start = starts_of_runs(kept.users)
    n_days = np.diff(start, append=len(kept.users))
    first, last = kept.days[start], kept.days[start + n_days - 1] if len(start) else kept.days[start]
    frequency = n_days - 1
    repeat_value = np.add.reduceat(kept.gross, start) - kept.gross[start] if len(start) else np.empty(0)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean_value = np.where(frequency > 0, repeat_value / frequency, np.nan)
    return Histories(
        kept.users[start], frequency, (last - first) / WEEK_DAYS, (end_day - 1 - first) / WEEK_DAYS, mean_value
    )


def _holdout_days(query: ValueModelQuery, span: int) -> int:
    return query.holdout_days or max(min(query.horizon_days, span // 3), 1)


def _fitted(people: Histories) -> tuple[tuple[BgNbd, GammaGamma] | None, list[str]]:
    """Both models and what is wrong with them."""
    try:
        model = buy_till_you_die.fit(people.frequency, people.recency, people.age)
    except QueryError:
        return None, ["too_few"]
    try:
        values = gamma_gamma.fit(people.frequency, people.mean_value)
    except QueryError:
        return None, ["too_few_amounts"]
    refusals = []
    if not model.converged or {"r", "alpha"} & set(model.at_bound):
        refusals.append("not_identified")
    if not values.converged or values.q <= 1 or abs(values.correlation) > WORST_CORRELATION:
        refusals.append("amounts")
    return (model, values), refusals


def _checked(
    bought: UserDays, split_day: int, end_day: int, net_share: float
) -> tuple[HoldOut | None, pd.DataFrame, pd.DataFrame, list[str]]:
    """The hold-out check: fit before `split_day`, predict the days until `end_day`, compare."""
    before = histories(bought, split_day)
    fitted, _ = _fitted(before)
    if fitted is None:
        return None, _no_holdout(), _no_tracking(), ["no_holdout"]
    model, values = fitted
    ahead = (end_day - split_day) / WEEK_DAYS
    predicted = model.future_purchases(ahead, before.frequency, before.recency, before.age)
    later = bought.only((bought.days >= split_day) & (bought.days < end_day) & np.isin(bought.users, before.users))
    place = np.searchsorted(before.users, later.users)
    actual = np.bincount(place, minlength=len(before.users)).astype(float)
    actual_value = float(later.gross.sum()) * net_share
    predicted_value = float(predicted @ values.expected_value(before.frequency, before.mean_value)) * net_share
    bins = np.minimum(before.frequency, _BINS - 1)
    table = pd.DataFrame({"frequency": bins, "actual": actual, "predicted": predicted}).groupby("frequency")
    table = table.agg(customers=("actual", "size"), actual=("actual", "mean"), predicted=("predicted", "mean"))
    table = table.reset_index()
    came = float(actual.sum())
    group_error = float((table["customers"] * (table["predicted"] - table["actual"]).abs()).sum())
    holdout = HoldOut(
        end_day - split_day, len(before.users), came, float(predicted.sum()),
        _error(float(predicted.sum()), came), group_error / came if came else float("nan"),
        actual_value, predicted_value, _error(predicted_value, actual_value),
    )  # fmt: skip
    return holdout, table, _tracking(model, bought, split_day, end_day), _poor(holdout)


def _error(predicted: float, actual: float) -> float:
    return predicted / actual - 1 if actual else float("nan")


def _poor(holdout: HoldOut) -> list[str]:
    if np.isnan(holdout.total_error):
        return ["no_holdout"]
    found = []
    if abs(holdout.total_error) > WORST_TOTAL_ERROR:
        found.append("holdout_total")
    elif holdout.group_error > WORST_GROUP_ERROR:
        found.append("holdout_groups")
    return found


def _tracking(model: BgNbd, bought: UserDays, split_day: int, end_day: int) -> pd.DataFrame:
    """Repeat purchases so far, week by week: what was bought, and what the model expects of customers of that age."""
    start = starts_of_runs(bought.users)
    origin = int(bought.days.min())
    is_repeat = np.ones(len(bought.users), dtype=bool)
    is_repeat[start] = False
    n_weeks = (end_day - origin) // WEEK_DAYS
    edges = origin + WEEK_DAYS * np.arange(1, n_weeks + 1)
    repeats = np.sort(bought.days[is_repeat])
    actual = np.searchsorted(repeats, edges)
    # Customers who start after the split are in both lines: the model knows their start, not their purchases.
    starts, n_started = np.unique(bought.days[start], return_counts=True)
    grown = model.expected_purchases(np.arange(end_day - origin + 1) / WEEK_DAYS)
    age = np.maximum(edges[:, None] - 1 - starts[None, :], 0)
    expected = grown[age] @ n_started
    return pd.DataFrame(
        {"week": np.arange(1, n_weeks + 1), "actual": actual, "expected": expected, "is_holdout": edges > split_day}
    )


def _predicted(
    model: BgNbd, values: GammaGamma, people: Histories, rows: UserDays, net_share: float, query: ValueModelQuery
) -> pd.DataFrame:
    ahead = query.horizon_days / WEEK_DAYS
    purchases = model.future_purchases(ahead, people.frequency, people.recency, people.age)
    each = values.expected_value(people.frequency, people.mean_value) * net_share * query.margin
    spent = np.bincount(rows.users, rows.net)[people.users]
    return pd.DataFrame(
        {
            "user_key": people.users,
            "frequency": people.frequency,
            "recency_weeks": people.recency,
            "age_weeks": people.age,
            "p_alive": model.p_alive(people.frequency, people.recency, people.age),
            "purchases": purchases,
            "value_each": each,
            "value": purchases * each,
            "spent": spent,
        }
    )


def _by_group(workspace: Workspace, query: ValueModelQuery, customers: pd.DataFrame) -> pd.DataFrame:
    names = np.full(len(customers), "", dtype=object)
    if query.breakdown:
        places, values = engine.user_values(workspace.store, query.breakdown, limit=10)
        labels = np.array([*values, *rest_names(values)], dtype=object)
        names = labels[places[customers["user_key"]]]
    table = customers.assign(group=names).groupby("group", sort=False)
    table = table.agg(
        customers=("value", "size"), spent=("spent", "mean"), predicted=("value", "mean"), p_alive=("p_alive", "mean")
    )
    return table.sort_values("customers", ascending=False).reset_index()


def _no_customers() -> pd.DataFrame:
    return pd.DataFrame(
        columns=[
            "user_key",
            "frequency",
            "recency_weeks",
            "age_weeks",
            "p_alive",
            "purchases",
            "value_each",
            "value",
            "spent",
        ]
    )


def _no_groups() -> pd.DataFrame:
    return pd.DataFrame(columns=["group", "customers", "spent", "predicted", "p_alive"])


def _no_holdout() -> pd.DataFrame:
    return pd.DataFrame(columns=["frequency", "customers", "actual", "predicted"])


def _no_tracking() -> pd.DataFrame:
    return pd.DataFrame(columns=["week", "actual", "expected", "is_holdout"])
