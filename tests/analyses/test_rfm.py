"""RFM: scores with ties, the eight classes, a plain-Python oracle on random purchases."""

from __future__ import annotations

import datetime as dt
import random
from statistics import mean

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops_core import QueryError, Workspace
from ops_core.analyses import rfm
from ops_core.analyses.rfm import CLASS_ORDER, NAMES, RfmQuery
from tests.support import workspace_of


def test_scores_of_ten_and_of_ties():
    assert rfm.scores(np.arange(10)).tolist() == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    # Seven of ten bought once: the marks at 20, 40 and 60 % are all 1, so the next value stands above three of them.
    assert rfm.scores(np.array([1] * 7 + [2, 2, 3])).tolist() == [1] * 7 + [4, 4, 5]
    assert rfm.scores(np.array([4, 4, 4])).tolist() == [1, 1, 1]


@given(st.lists(st.integers(0, 30), min_size=1, max_size=60))
def test_equal_values_share_a_score_and_order_is_kept(values: list[int]):
    scores = rfm.scores(np.array(values)).tolist()
    by_value = dict(zip(values, scores, strict=True))
    assert [by_value[value] for value in values] == scores
    assert sorted(by_value.values()) == [by_value[value] for value in sorted(by_value)]
    assert set(scores) <= {1, 2, 3, 4, 5}
    assert min(scores) == 1


def test_days_orders_and_net_value():
    # As-of 10 March: the last purchase of `a` is 2 days ago; 1 March counts once; the refund lowers the value alone.
    workspace = workspace_of(
        [
            ("a", "pay", "2026-03-01 09:00:00", 10), ("a", "pay", "2026-03-01 21:00:00", 5),
            ("a", "pay", "2026-03-08 12:00:00", 7), ("a", "refund", "2026-03-09 12:00:00", -7),
            ("b", "pay", "2026-03-09 23:59:59", 3), ("c", "open", "2026-03-09 00:00:00"),
            ("d", "pay", "2026-03-10 00:00:00", 50),
        ],
        as_of="2026-03-10",
    )  # fmt: skip
    found = rfm.analyze(workspace).users
    assert found[["recency_days", "frequency", "monetary"]].to_numpy().tolist() == [[2, 2, 15], [1, 1, 3]]


def test_purchase_days_are_local():
    rows = [("a", "pay", "2026-03-01 15:00:00", 1), ("a", "pay", "2026-03-01 17:00:00", 1)]
    # 23:00 and 01:00 of the next day in Shanghai; as-of is 3 March 0:00 there.
    shanghai = workspace_of(rows, time_zone="Asia/Shanghai", as_of="2026-03-02 16:00:00")
    assert rfm.analyze(shanghai).users[["recency_days", "frequency"]].to_numpy().tolist() == [[1, 2]]
    utc = workspace_of(rows, as_of="2026-03-02 16:00:00")
    assert rfm.analyze(utc).users[["recency_days", "frequency"]].to_numpy().tolist() == [[1, 1]]


def shop(seed: int) -> tuple[list[tuple], Workspace]:
    source = random.Random(seed)
    start = dt.datetime(2026, 1, 1)
    rows = [
        (f"u{int(source.paretovariate(0.7)) % 80}", "pay", start + dt.timedelta(hours=source.randrange(24 * 59)),
         round(source.lognormvariate(3, 1)) + 1)
        for _ in range(600)
    ]  # fmt: skip
    return rows, workspace_of(rows, as_of="2026-03-01")


@pytest.mark.parametrize("seed", [1, 2])
def test_scores_and_classes_equal_the_oracle(seed: int):
    rows, workspace = shop(seed)
    people = sorted({row[0] for row in rows})
    facts = {}
    for person in people:
        mine = [row for row in rows if row[0] == person]
        days = {row[2].date() for row in mine}
        facts[person] = ((dt.date(2026, 3, 1) - max(days)).days, len(days), sum(row[3] for row in mine))

    def score(part: int, person: str, sign: int) -> int:
        below = sum(sign * facts[other][part] < sign * facts[person][part] for other in people)
        return 1 + 5 * below // len(people)

    scored = {person: (score(0, person, -1), score(1, person, 1), score(2, person, 1)) for person in people}
    means = [mean(scored[person][part] for person in people) for part in range(3)]
    words = {
        (True, True): "value", (True, False): "develop", (False, True): "keep", (False, False): "win_back",
    }  # fmt: skip
    expected = {
        person: f"{'important' if m > means[2] else 'general'}_{words[r > means[0], f > means[1]]}"
        for person, (r, f, m) in scored.items()
    }
    found = rfm.analyze(workspace)
    ids = dict(enumerate(people))  # keys are given in the order of the ids
    assert {ids[row.user_key]: row.rfm_class for row in found.users.itertuples()} == expected
    assert found.mean_scores == pytest.approx(means)
    assert found.classes["rfm_class"].tolist() == list(CLASS_ORDER)
    assert found.classes["users"].sum() == len(people)
    assert found.classes["revenue"].sum() == pytest.approx(sum(fact[2] for fact in facts.values()))
    best = found.segment(workspace, "important_value", "best")
    assert best.user_ids == {person for person, name in expected.items() if name == "important_value"}


def test_ten_names_cover_every_score_once():
    _, workspace = shop(3)
    found = rfm.analyze(workspace, RfmQuery("names"))
    assert found.classes["rfm_class"].tolist() == list(NAMES)
    assert found.classes["users"].sum() == len(found.users)
    corners = {(5, 5): "champions", (1, 1): "lost", (5, 1): "new", (1, 5): "cannot_lose", (3, 3): "need_attention"}
    for (r, f), name in corners.items():
        assert rfm._ten(np.array([r]), np.array([f])).tolist() == [name]
    assert {rfm._ten(np.array([r]), np.array([f]))[0] for r in range(1, 6) for f in range(1, 6)} == set(NAMES)


def test_what_cannot_be_scored_is_said():
    with pytest.raises(QueryError, match=r"'deciles'.*classes, names"):
        RfmQuery("deciles")
    with pytest.raises(QueryError, match="Nobody has bought anything"):
        rfm.analyze(workspace_of([("a", "open", "2026-03-01")], as_of="2026-03-05"))
