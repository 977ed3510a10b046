"""A/B tests from tables that are counted already."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ops_core import QueryError
from ops_core.analyses.counted import CountedQuery, analyze

ENROL = CountedQuery(numerator="enrolments", denominator="clicks")


def table(*rows: tuple) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["date", "group", "clicks", "enrolments", "payments"])


# Udacity's free-trial screener: sums over the 23 days that have enrolments; published are −0.0206 [−0.0291, −0.0120]
# for gross conversion and −0.0049 [−0.0116, 0.0019] for net conversion.
SCREENER = table(
    ("a", "control", "17,000", "3700", "2000"), ("b", "control", "293", "85", "33"),
    ("a", "experiment", "17260", "3423", "1945"),
    ("c", "control", "9000", "", None), ("c", "experiment", "9000", None, " "),  # days whose enrolments are not in yet
)  # fmt: skip


def test_published_results_are_reproduced():
    gross = analyze(SCREENER, ENROL)
    row = gross.metrics.iloc[0]
    assert (row["arm"], gross.n_rows_left_out) == ("experiment", 2)
    assert gross.arms[["numerator", "denominator"]].to_numpy().tolist() == [[3785, 17293], [3423, 17260]]
    assert [row["difference"], row["low"], row["high"]] == pytest.approx([-0.0206, -0.0291, -0.0120], abs=6e-5)
    net = analyze(SCREENER, CountedQuery("payments", "clicks")).metrics.iloc[0]
    assert [net["difference"], net["low"], net["high"]] == pytest.approx([-0.0049, -0.0116, 0.0019], abs=6e-5)
    assert gross.srm_p_value == pytest.approx(0.859, abs=5e-4)  # χ² = 33² ÷ 34 553 = 0.0315


def test_a_day_as_the_observation_is_the_delta_method():
    rng = np.random.default_rng(5)
    rows = []
    for day in range(40):
        for arm, rate in (("A", 0.2), ("B", 0.3)):
            clicks = int(rng.integers(50, 400))
            rows.append((day, arm, clicks, int(rng.binomial(clicks, rng.beta(20 * rate, 20 * (1 - rate)))), 0))
    frame = table(*rows)
    found = analyze(frame, CountedQuery("enrolments", "clicks", per="row"))
    variances, rates = [], []
    for arm in "AB":
        y = frame.loc[frame["group"] == arm, "enrolments"].to_numpy(float)
        d = frame.loc[frame["group"] == arm, "clicks"].to_numpy(float)
        rates.append(y.sum() / d.sum())
        variances.append(((y - rates[-1] * d) ** 2).sum() / (len(y) - 1) / d.mean() ** 2 / len(y))
    row, error = found.metrics.iloc[0], np.sqrt(sum(variances))
    assert row["difference"] == pytest.approx(rates[1] - rates[0])
    assert (row["high"] - row["low"]) / 2 == pytest.approx(1.9917 * error, rel=0.01)  # t at about 75 degrees
    # Days differ by more than chance, and only this reading knows.
    by_count = analyze(frame, ENROL).metrics.iloc[0]
    assert row["high"] - row["low"] > 1.5 * (by_count["high"] - by_count["low"])


def test_refusals_say_what_was_found():
    with pytest.raises(QueryError, match="signups"):
        analyze(SCREENER, CountedQuery("signups", "clicks"))
    with pytest.raises(QueryError, match="No column names the arm"):
        analyze(SCREENER.drop(columns="group"), ENROL)
    with pytest.raises(QueryError, match="two arms"):
        analyze(SCREENER[SCREENER["group"] == "control"], ENROL)
    with pytest.raises(QueryError, match="'many'"):
        analyze(table(("a", "A", "many", "1", "1"), ("a", "B", "5", "1", "1")), ENROL)
    with pytest.raises(QueryError, match="17293"):
        analyze(SCREENER, CountedQuery("clicks", "enrolments"))
    with pytest.raises(QueryError, match="per user"):
        CountedQuery("a", "b", per="per user")
    with pytest.raises(QueryError, match="no arm 'C'"):
        analyze(SCREENER, CountedQuery("enrolments", "clicks", control="C"))
