"""Value of cohorts counted by hand: loops over users and rows, exact decimals."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal

from tests.oracles import retention as by_hand
from tests.oracles.retention import UNIT, Question, bucket_start, later


def answer(rows, question: Question) -> dict:
    """Users' sums per (cohort, window number) of ripe cells: two lists, inside the window and from the start on.

    `question.is_return` says whose value counts; a row without a value counts as nothing.
    """
    per_user = defaultdict(list)
    for row in rows:
        per_user[row.user].append(row)
    found = defaultdict(lambda: ([], []))
    for user in {*per_user, *question.signup}:
        theirs = sorted(per_user[user], key=lambda row: row.at)
        for at, _ in by_hand.starts(user, theirs, question):
            cohort = bucket_start(at, question.zone, question.grain, question.week_start)
            for number, window in enumerate(question.windows):
                if by_hand.is_ripe(cohort, window, question):
                    inside, so_far = found[cohort, number]
                    inside.append(_sum(at, cohort, theirs, window, question))
                    so_far.append(_sum(at, cohort, theirs, (0, window[1]), question))
    return dict(found)


def _sum(at, cohort, theirs, window, q) -> Decimal:
    first, last = window
    total = Decimal(0)
    for row in theirs:
        value = row.values.get("value")
        if value is None or not q.is_return(row):
            continue
        if q.rolling:
            inside = row.at >= at and first <= (row.at - at) // UNIT[q.grain] <= last
        else:
            begins = bucket_start(row.at, q.zone, q.grain, q.week_start)
            inside = later(cohort, first, q.grain) <= begins <= later(cohort, last, q.grain)
        total += value if inside else 0
    return total
