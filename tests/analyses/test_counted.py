"""A/B tests from tables that are counted already."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ops_core import QueryError
from ops_core.analyses.counted import CountedQuery, analyze, suggested

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


def test_an_arm_of_one_row_leaves_the_split_of_the_others():
    rows = [("a", "A", 100, 9, 0), ("b", "A", 120, 10, 0), ("a", "B", 160, 10, 0), ("b", "B", 150, 11, 0)]
    query = CountedQuery("enrolments", "clicks", per="row", control="A")
    both = analyze(table(*rows), query)
    for place in (0, 2, 4):  # wherever the single row stands
        found = analyze(table(*rows[:place], ("a", "C", 80, 9, 0), *rows[place:]), query)
        # Welch on 100, 120 against 160, 150; the arm of one row is no comparison for Holm to count.
        assert found.srm_p_value == pytest.approx(stats.ttest_ind([100, 120], [160, 150], equal_var=False).pvalue)
        assert found.srm_p_value == both.srm_p_value
        assert found.uneven_days == pytest.approx(both.uneven_days)
    singles = table(("a", "A", 100, 9, 0), ("a", "B", 160, 10, 0))
    alone = analyze(singles, query)
    assert np.isnan([alone.srm_p_value, alone.uneven_days]).all()


@pytest.mark.parametrize("blank", ["NaN", "nan", "n/a", "-", "null", "None"])
def test_words_for_nothing_are_blanks(blank: str):
    found = analyze(table(("a", "A", "100", "9", ""), ("b", "A", "50", blank, ""), ("a", "B", "90", "12", "")), ENROL)
    assert found.n_rows_left_out == 1
    assert found.arms["denominator"].tolist() == [100, 90]


@pytest.mark.parametrize(
    ("clicks", "enrolments", "per", "message"),
    [
        ("100.9", "10", "count", r"'100\.9' is no whole number.*per=row"),
        ("100", "10.9", "count", r"'10\.9' is no whole number.*round"),
        ("100", "-1", "count", "'-1' is negative"),
        ("-100", "1", "row", "'-100' is negative"),
        ("inf", "1", "count", "'inf' is no count"),
        ("100", "-Infinity", "row", "'-Infinity' is no count"),
        ("100", "sNaN", "row", "'sNaN' is no count"),
    ],
)
def test_cells_that_count_nothing_are_refused(clicks: str, enrolments: str, per: str, message: str):
    rows = table(("a", "A", clicks, enrolments, "0"), ("a", "B", "90", "12", "0"), ("b", "B", "80", "12", "0"))
    with pytest.raises(QueryError, match=message):
        analyze(rows, CountedQuery("enrolments", "clicks", per=per))


def test_parts_of_a_trial_are_read_by_rows():
    rows = table(*((day, arm, 100.9, 10.9 + day % 3, 0) for day in range(12) for arm in "AB"))
    assert suggested(rows, ("clicks", "enrolments"), "group").per == "row"
    found = analyze(rows, CountedQuery("enrolments", "clicks", per="row"))
    assert found.arms["denominator"].tolist() == pytest.approx([12 * 100.9] * 2)


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
