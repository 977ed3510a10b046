"""Survival: hand-made silences, statsmodels as the reference, what always holds."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
from statsmodels.duration.survfunc import SurvfuncRight, survdiff

from ops_core import Filter, Period, Segment
from ops_core.analyses import survival
from ops_core.analyses.survival import SurvivalQuery
from ops_core.errors import QueryError
from tests.oracles.random_events import random_events
from tests.support import workspace_of


def sample(seed: int, n: int = 400) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return np.floor(rng.gamma(1.2, 12 + seed, n)), rng.random(n) < 0.7


@pytest.mark.parametrize("seed", range(4))
def test_curves_equal_statsmodels(seed: int):
    times, happened = sample(seed)
    own = survival.kaplan_meier(times, happened)
    own = own[own["events"] > 0]
    theirs = SurvfuncRight(times, happened)
    assert own["time"].tolist() == theirs.surv_times.tolist()
    assert own["survival"].to_numpy() == pytest.approx(theirs.surv_prob)
    assert own["at_risk"].tolist() == theirs.n_risk.tolist()
    # Greenwood: the log-log interval is S^exp(±1.96·se ÷ (S·|ln S|)).
    inner = own[(own["survival"] < 1) & (own["survival"] > 0)]
    se = theirs.surv_prob_se[: len(inner)]
    spread = 1.959964 * se / (inner["survival"] * np.abs(np.log(inner["survival"])))
    assert inner["low"].to_numpy() == pytest.approx((inner["survival"] ** np.exp(spread)).to_numpy(), abs=1e-7)
    assert inner["high"].to_numpy() == pytest.approx((inner["survival"] ** np.exp(-spread)).to_numpy(), abs=1e-7)


@pytest.mark.parametrize("n_groups", [2, 3, 5])
def test_log_rank_equals_statsmodels(n_groups: int):
    samples = [sample(seed, 150) for seed in range(n_groups)]
    times, happened = (np.concatenate(part) for part in zip(*samples, strict=True))
    group = np.repeat(np.arange(n_groups), 150)
    assert survival.log_rank(samples) == pytest.approx(survdiff(times, happened, group)[1], rel=1e-9)


def test_log_rank_of_equal_groups_is_one():
    one = sample(1)
    assert survival.log_rank([one, one]) == pytest.approx(1.0)
    assert np.isnan(survival.log_rank([one]))
    assert np.isnan(survival.log_rank([(np.array([3.0]), np.array([False]))] * 2))


ROWS = [
    # ann: days 0, 1, 2, then silent for good. As-of is day 20, silence is more than 5 days: gone since age 2.
    ("ann", "use", "2026-03-01"), ("ann", "use", "2026-03-02"), ("ann", "use", "2026-03-03"),
    # bob: back on day 7 after 6 silent days: 7 − 0 > 5, gone since age 0, coming back does not undo it.
    ("bob", "use", "2026-03-01"), ("bob", "use", "2026-03-08"), ("bob", "use", "2026-03-20"),
    # cat: day 5 follows day 0 with 4 silent days: 5 − 0 is not > 5. Then every five days: never gone.
    ("cat", "use", "2026-03-01"), ("cat", "use", "2026-03-06"), ("cat", "use", "2026-03-11"),
    ("cat", "use", "2026-03-16"),
    # dan: first seen on day 18, too young for a silence of more than 5 days to show.
    ("dan", "use", "2026-03-19"),
    # what makes the first day of the data 28 February, so that nobody above is left-censored.
    ("old", "use", "2026-02-28"),
]  # fmt: skip


def test_silences_by_hand():
    workspace = workspace_of(ROWS, as_of="2026-03-21")
    result = survival.analyze(workspace, SurvivalQuery(Period("2026-03-01", "2026-03-21"), churn_days=5))
    assert result.n_users == 3
    assert result.n_young == 1
    # Followed to age 20 − 5 − 1 = 14: at age 0 bob of 3 goes, at age 2 ann of 2; cat is censored at 14.
    rows = result.curves[["age_days", "at_risk", "churned", "survival"]].values.tolist()
    assert rows == [[0, 3, 1, pytest.approx(2 / 3)], [2, 2, 1, pytest.approx(1 / 3)], [14, 1, 0, pytest.approx(1 / 3)]]
    assert result.groups["median_days"].tolist() == [2]


def test_half_of_the_users_are_half_though_shares_are_rounded():
    # 24 users are active daily and fall silent one by one, at ages 1 to 24. After the 12th half are left, a product of
    # shares that comes out as 0.5000000000000001; after the 24th nobody is, which day 30 cannot change.
    start = dt.date(2026, 3, 2)
    rows = [("old", "use", "2026-03-01")] + [
        (f"u{last}", "use", (start + dt.timedelta(days=day)).isoformat())
        for last in range(1, 25) for day in range(last + 1)
    ]  # fmt: skip
    workspace = workspace_of(rows, as_of="2026-04-30")
    groups = survival.analyze(workspace, SurvivalQuery(Period("2026-03-02", "2026-04-30"), churn_days=2)).groups
    assert groups[["users", "churned", "median_days"]].values.tolist() == [[24, 24, 12]]
    assert groups["after_7"].tolist() == pytest.approx([17 / 24])
    assert groups["after_30"].tolist() == [0]


def test_only_events_that_pass_the_filters_keep_a_user_alive():
    rows = [("old", "buy", "2026-02-28", 9), ("ann", "buy", "2026-03-01", 9), ("ann", "buy", "2026-03-04", 1),
            ("ann", "buy", "2026-03-07", 9), ("ann", "use", "2026-03-12", 9)]  # fmt: skip
    workspace = workspace_of(rows, as_of="2026-03-21")
    asked = {"period": Period("2026-03-01", "2026-03-21"), "churn_days": 5}
    large = (Filter("value", "gte", 5),)

    def median(**options: object) -> float:
        return survival.analyze(workspace, SurvivalQuery(**asked, **options)).groups["median_days"].item()

    # Gaps of 3, 3 and 5 days: silent from the 12th on. Purchases alone: from the 7th; large ones: 6 > 5, from the 1st.
    assert median() == 11
    assert median(event="buy") == 6
    assert median(event="buy", filters=large) == 0
    assert median(event=("buy", "use"), filters=large) == 0
    with pytest.raises(QueryError):
        SurvivalQuery(**asked, filters="value >= 5")


def by_hand(events, as_of: dt.date, silence: int) -> dict[str, tuple[int, bool]]:
    """Age and churn per user, day by day."""
    found = {}
    for user in sorted(set(events["user_id"])):
        days = sorted({at.date() for at in events.loc[events["user_id"] == user, "occurred_at"]})
        days = [day for day in days if day < as_of]
        first = days[0]
        followed = (as_of - first).days - silence - 1
        if followed < 0:
            continue
        found[user] = (followed, False)
        for day, later in zip(days, [*days[1:], None], strict=True):
            gap = ((later or as_of) - day).days
            if gap > silence and (day - first).days <= followed:
                found[user] = ((day - first).days, True)
                break
    return found


@pytest.mark.parametrize("seed", range(3))
def test_random_events_agree_with_a_walk_through_the_days(seed: int):
    events = random_events(seed, dt.datetime(2026, 3, 1), 40)
    as_of = events["occurred_at"].max().date()
    workspace = workspace_of(events, as_of=str(as_of))
    period = Period(events["occurred_at"].min().date(), as_of)
    result = survival.analyze(workspace, SurvivalQuery(period, churn_days=4))
    censored = events["occurred_at"].min().date()
    expected = {
        user: answer
        for user, answer in by_hand(events, as_of, 4).items()
        if events.loc[events["user_id"] == user, "occurred_at"].min().date() > censored
    }
    ages, churned = (np.array(part) for part in zip(*expected.values(), strict=True))
    own = survival.kaplan_meier(ages, churned)
    assert result.n_users == len(expected)
    assert result.curves["survival"].tolist() == pytest.approx(own["survival"].tolist())
    assert result.curves["at_risk"].tolist() == own["at_risk"].tolist()


def test_segments_that_overlap_are_counted():
    workspace = workspace_of(ROWS, as_of="2026-03-21")
    segments = (Segment("a", user_ids=frozenset({"ann", "cat"})), Segment("b", user_ids=frozenset({"bob", "cat"})))
    query = SurvivalQuery(Period("2026-03-01", "2026-03-21"), churn_days=5, segments=segments)
    result = survival.analyze(workspace, query)
    assert result.groups["group"].tolist() == ["a", "b"]
    assert result.n_overlapping == 1
    assert len(result.pairs) == 1


def test_left_censored_users_alone_are_said_to_be_so():
    workspace = workspace_of([("old", "use", "2026-02-28"), ("too", "use", "2026-02-28")], as_of="2026-03-21")
    with pytest.raises(QueryError, match=r"All 2 users .* already there when the data begins.*sign-up"):
        survival.analyze(workspace, SurvivalQuery(Period("2026-02-01", "2026-03-21"), churn_days=5))


def test_nobody_old_enough_is_said():
    workspace = workspace_of(ROWS, as_of="2026-03-21")
    with pytest.raises(QueryError, match="known for longer than 28 days"):
        survival.analyze(workspace, SurvivalQuery(Period("2026-03-01", "2026-03-21")))
    with pytest.raises(QueryError, match="at least one day of silence"):
        SurvivalQuery(Period("2026-03-01", "2026-03-21"), churn_days=0)
