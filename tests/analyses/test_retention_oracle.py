"""Retention and its value agree, user for user, with counting by hand: every mode × measure × grain × zone, and in
weeks every week start."""

from __future__ import annotations

import datetime as dt
import itertools
import statistics
from decimal import Decimal

import numpy as np
import pytest

from ops_core import Filter, Period, Workspace
from ops_core.analyses import retention, retention_value
from ops_core.engine import retention as engine
from ops_core.store import layout
from tests.oracles import retention as oracle
from tests.oracles import retention_value as value_oracle
from tests.oracles.random_events import random_events
from tests.support import workspace_of

# New York puts its clocks forward on 8 March 2026 and back on 1 November.
ZONES = {
    "utc": ("UTC", dt.datetime(2026, 2, 20)),
    "shanghai": ("Asia/Shanghai", dt.datetime(2025, 12, 20)),
    "new_york_spring": ("America/New_York", dt.datetime(2026, 2, 25)),
    "new_york_autumn": ("America/New_York", dt.datetime(2026, 10, 22)),
    "kathmandu": ("Asia/Kathmandu", dt.datetime(2026, 1, 1)),
}
DAYS = {"hour": 3, "day": 24, "week": 60, "month": 200, "quarter": 600}
PERIODS = {"hour": 20, "day": 9, "week": 5, "month": 4, "quarter": 4}
MODES = ("first_time", "first_ever", "recurring", "first_seen")
MEASURES = ("on", "on_or_after", "bracket", "rolling")
CASES = [
    (zone, grain, week_start, mode)
    for zone, grain, mode in itertools.product(ZONES, DAYS, MODES)
    for week_start in (("monday", "sunday", "saturday") if grain == "week" else ("monday",))
]


@pytest.fixture(scope="module")
def worlds():
    """Rows and a workspace per zone, grain and week start, built when first asked for."""
    built: dict[tuple[str, str, str], tuple[list[oracle.Row], Workspace]] = {}

    def get(zone: str, grain: str, week_start: str) -> tuple[list[oracle.Row], Workspace]:
        if (zone, grain, week_start) not in built:
            name, start = ZONES[zone]
            frame = random_events(
                seed=len(zone) * 7 + len(grain), start=start, days=DAYS[grain], n_users=26, n_events=190
            )
            as_of = start + dt.timedelta(days=DAYS[grain] * 0.9, minutes=7)
            workspace = workspace_of(frame, time_zone=name, week_start=week_start, as_of=as_of.isoformat())
            with workspace.store.write() as cursor:
                cursor.execute("UPDATE event_names SET is_passive = true, counts_revenue = false WHERE name = 'push'")
                layout.rebuild_rollups(cursor, workspace.rules)
            rows = [
                oracle.Row(
                    row.user_id, row.event, row.occurred_at.to_pydatetime(),
                    {"coupon": row.coupon, "value": None if row.value != row.value else Decimal(str(row.value))},
                )
                for row in frame.itertuples()
            ]  # fmt: skip
            built[zone, grain, week_start] = rows, workspace
        return built[zone, grain, week_start]

    yield get
    for _, workspace in built.values():
        workspace.close()


@pytest.mark.parametrize(("zone", "grain", "week_start", "mode"), CASES)
def test_every_measure_agrees_with_counting_by_hand(worlds, zone: str, grain: str, week_start: str, mode: str):
    rows, workspace = worlds(zone, grain, week_start)
    measures = MEASURES if grain in retention.ROLLING_GRAINS else MEASURES[:3]
    turn = CASES.index((zone, grain, week_start, mode))
    for number, measure in enumerate(measures):
        # Any activity is answered from the rollup, named and filtered events from the rows: each meets each measure.
        named = (turn // len(MODES) + MODES.index(mode) + number) % 2 == 0
        query, question = _asked(workspace, zone, grain, week_start, mode, measure, named)
        _assert_same_users(workspace, query, oracle.answer(rows, question))
        if measure != "on_or_after":
            _assert_same_value(workspace, query, question, rows)


def _asked(
    workspace, zone, grain, week_start, mode, measure, named
) -> tuple[retention.RetentionQuery, oracle.Question]:
    name, start = ZONES[zone]
    low, high = start + dt.timedelta(days=DAYS[grain] * 0.1), start + dt.timedelta(days=DAYS[grain] * 0.8)
    period = Period(low.replace(tzinfo=dt.UTC), high.replace(tzinfo=dt.UTC)) if named else _whole_days(low, high, name)
    starts_named = named and mode != "first_seen"
    query = retention.RetentionQuery(
        period=period,
        grain=grain,
        periods=PERIODS[grain],
        cohort_event="view" if starts_named else None,
        cohort_filters=(Filter("coupon", "ne", "A"),) if starts_named else (),
        return_event=("buy", "view") if named else None,
        return_filters=(Filter("coupon", "in", ("A", "B")),) if named else (),
        mode=mode,
        measure=measure,
        min_occurrences=2 if named else 1,
        brackets=((0, 1), (2, PERIODS[grain])) if measure == "bracket" else (),
    )
    bounds = [_utc(us) for us in period.bounds(workspace.rules)]
    return query, oracle.Question(
        start=bounds[0],
        end=bounds[1],
        as_of=_utc(workspace.as_of_us),
        zone=name,
        week_start=week_start,
        grain=grain,
        windows=query.windows,
        mode=mode,
        is_named=(lambda row: row.event == "view") if starts_named else (lambda row: row.event != "push"),
        passes=(lambda row: row.values["coupon"] != "A") if starts_named else (lambda row: True),
        is_return=(
            (lambda row: row.event in ("buy", "view") and row.values["coupon"] in ("A", "B"))
            if named
            else (lambda row: row.event != "push")
        ),
        rolling=measure == "rolling",
        min_occurrences=query.min_occurrences,
    )


def _assert_same_users(workspace: Workspace, query: retention.RetentionQuery, expected: tuple[dict, dict]) -> None:
    members, returned = expected
    result = retention.analyze(workspace, query)
    found = {cohort.to_pydatetime(): int(n) for cohort, n in result.cohorts.set_index("cohort")["users"].items() if n}
    assert found == members
    ripe = result.cells[result.cells["ripe"] & (result.cells["users"] > 0)]
    starts = [first for first, _ in query.windows]
    cells = {(row.cohort.to_pydatetime(), starts.index(row.offset)): int(row.returned) for row in ripe.itertuples()}
    assert cells == {cell: int(n) for cell, n in returned.items()}
    # Entry by entry the same users return: the lists behind the cells.
    spec = retention.retention_spec(workspace, query)
    entries, came_back = engine.returned_entries(workspace.store, spec)
    counted = [np.bincount(entries.cohort, weights=came_back[:, w], minlength=len(entries.cohorts))
               for w in range(len(starts))]  # fmt: skip
    ripe_cells = result.cells["ripe"].to_numpy().reshape(-1, len(starts))
    returned_cells = result.cells["returned"].to_numpy().reshape(-1, len(starts))
    assert (np.array(counted).T[ripe_cells] == returned_cells[ripe_cells]).all()
    unripe = result.cells[~result.cells["ripe"]]
    assert unripe["returned"].isna().all()
    assert unripe["share"].isna().all()


def _assert_same_value(workspace: Workspace, query: retention.RetentionQuery, question, rows) -> None:
    expected = value_oracle.answer(rows, question)
    asked = retention.RetentionQuery(**{name: getattr(query, name) for name in FIELDS} | {"min_occurrences": 1})
    result = retention_value.analyze(workspace, asked)
    ripe = result.cells[result.cells["ripe"] & (result.cells["users"] > 0)]
    starts = [first for first, _ in query.windows]
    cells = {(row.cohort.to_pydatetime(), starts.index(row.offset)): row for row in ripe.itertuples()}
    assert set(cells) == set(expected)
    for place, (inside, so_far) in expected.items():
        row = cells[place]
        assert row.value == pytest.approx(float(sum(inside)), abs=1e-9)
        assert row.cumulative == pytest.approx(float(sum(so_far)), abs=1e-9)
        assert row.payers == sum(amount > 0 for amount in inside)
        assert row.users == len(inside)
        if len(inside) > 1:
            # The t interval is symmetric; its half is t(n − 1) · s ÷ √n, so s comes back from it.
            spread = statistics.stdev(map(float, so_far))
            assert (row.cumulative_high - row.cumulative_low) / 2 == pytest.approx(
                student(len(inside)) * spread / len(inside) ** 0.5, abs=1e-6
            )
    assert result.cells.loc[~result.cells["ripe"], "value"].isna().all()


def student(n: int) -> float:
    """97.5 % point of t with n − 1 degrees of freedom."""
    from scipy.stats import t

    return float(t.ppf(0.975, n - 1))


FIELDS = tuple(retention.RetentionQuery.__dataclass_fields__)


def _utc(utc_us: int) -> dt.datetime:
    return dt.datetime(1970, 1, 1) + dt.timedelta(microseconds=utc_us)


def _whole_days(low: dt.datetime, high: dt.datetime, zone: str) -> Period:
    days = [oracle.bucket_start(at, zone, "day", "monday").date() for at in (low, high)]
    return Period(days[0], days[1] + dt.timedelta(days=1))
