"""Retention agrees, user for user, with counting by hand: every mode, measure, grain, zone and week start."""

from __future__ import annotations

import datetime as dt
import itertools

import pytest

from ops_core import Filter, Period, Workspace
from ops_core.analyses import retention
from tests.oracles import retention as oracle
from tests.oracles.random_events import random_events
from tests.support import workspace_of

# New York puts its clocks forward on 8 March 2026 and back on 1 November.
WORLDS = {
    "utc": ("UTC", "monday", dt.datetime(2026, 2, 20)),
    "shanghai": ("Asia/Shanghai", "sunday", dt.datetime(2025, 12, 20)),
    "new_york_spring": ("America/New_York", "saturday", dt.datetime(2026, 2, 25)),
    "new_york_autumn": ("America/New_York", "sunday", dt.datetime(2026, 10, 22)),
    "kathmandu": ("Asia/Kathmandu", "monday", dt.datetime(2026, 1, 1)),
}
DAYS = {"hour": 3, "day": 24, "week": 60, "month": 200, "quarter": 600}
PERIODS = {"hour": 20, "day": 9, "week": 5, "month": 4, "quarter": 4}
MODES = ("first_time", "first_ever", "recurring", "first_seen")
MEASURES = ("on", "on_or_after", "bracket", "rolling")
VARIANTS = ("any_activity", "named_and_filtered")


def _cases() -> list[tuple[str, str, str, str, str]]:
    """Every world × grain × mode × variant; the measures take turns, so that each meets each of the others."""
    cases = []
    for number, (world, grain, mode) in enumerate(itertools.product(WORLDS, DAYS, MODES)):
        allowed = MEASURES if grain in retention.ROLLING_GRAINS else MEASURES[:3]
        turn = number + number // len(MODES)
        cases += [(world, grain, mode, allowed[(turn + i) % len(allowed)], VARIANTS[i]) for i in range(2)]
    return cases


@pytest.fixture(scope="module")
def worlds():
    """Rows and a workspace per world and grain, built when first asked for."""
    built: dict[tuple[str, str], tuple[list[oracle.Row], Workspace]] = {}

    def get(world: str, grain: str) -> tuple[list[oracle.Row], Workspace]:
        if (world, grain) not in built:
            zone, week_start, start = WORLDS[world]
            frame = random_events(seed=len(world) * 7 + len(grain), start=start, days=DAYS[grain], n_events=420)
            as_of = start + dt.timedelta(days=DAYS[grain] * 0.9, minutes=7)
            workspace = workspace_of(frame, time_zone=zone, week_start=week_start, as_of=as_of.isoformat())
            with workspace.store.write() as cursor:
                cursor.execute("UPDATE event_names SET is_passive = true WHERE name = 'push'")
                from ops_core.store import layout

                layout.rebuild_rollups(cursor, workspace.rules)
            rows = [
                oracle.Row(row.user_id, row.event, row.occurred_at.to_pydatetime(), {"coupon": row.coupon})
                for row in frame.itertuples()
            ]
            built[world, grain] = rows, workspace
        return built[world, grain]

    yield get
    for _, workspace in built.values():
        workspace.close()


@pytest.mark.parametrize(("world", "grain", "mode", "measure", "variant"), _cases())
def test_agrees_with_counting_by_hand(worlds, world: str, grain: str, mode: str, measure: str, variant: str):
    rows, workspace = worlds(world, grain)
    zone, week_start, start = WORLDS[world]
    named = variant == "named_and_filtered"
    low, high = start + dt.timedelta(days=DAYS[grain] * 0.1), start + dt.timedelta(days=DAYS[grain] * 0.8)
    period = Period(low.replace(tzinfo=dt.UTC), high.replace(tzinfo=dt.UTC)) if named else _whole_days(low, high, zone)
    first_seen = mode == "first_seen"
    query = retention.RetentionQuery(
        period=period,
        grain=grain,
        periods=PERIODS[grain],
        cohort_event="view" if named and not first_seen else None,
        cohort_filters=(Filter("coupon", "ne", "A"),) if named and not first_seen else (),
        return_event=("buy", "view") if named else None,
        return_filters=(Filter("coupon", "in", ("A", "B")),) if named else (),
        mode=mode,
        measure=measure,
        min_occurrences=2 if named else 1,
        brackets=((0, 1), (2, PERIODS[grain])) if measure == "bracket" else (),
    )
    bounds = [_utc(us) for us in period.bounds(workspace.rules)]
    question = oracle.Question(
        start=bounds[0],
        end=bounds[1],
        as_of=_utc(workspace.as_of_us),
        zone=zone,
        week_start=week_start,
        grain=grain,
        windows=query.windows,
        mode=mode,
        is_named=(lambda row: row.event == "view") if named else (lambda row: row.event != "push"),
        passes=(lambda row: row.values["coupon"] != "A") if named else (lambda row: True),
        is_return=(
            (lambda row: row.event in ("buy", "view") and row.values["coupon"] in ("A", "B"))
            if named
            else (lambda row: row.event != "push")
        ),
        rolling=measure == "rolling",
        min_occurrences=query.min_occurrences,
    )
    members, returned = oracle.answer(rows, question)
    result = retention.analyze(workspace, query)
    found = {cohort.to_pydatetime(): int(n) for cohort, n in result.cohorts.set_index("cohort")["users"].items() if n}
    assert found == members
    ripe = result.cells[result.cells["ripe"] & (result.cells["users"] > 0)]
    starts = [first for first, _ in query.windows]
    cells = {(row.cohort.to_pydatetime(), starts.index(row.offset)): int(row.returned) for row in ripe.itertuples()}
    assert cells == {cell: int(n) for cell, n in returned.items()}
    unripe = result.cells[~result.cells["ripe"]]
    assert unripe["returned"].isna().all()
    assert unripe["share"].isna().all()


def _utc(utc_us: int) -> dt.datetime:
    return dt.datetime(1970, 1, 1) + dt.timedelta(microseconds=utc_us)


def _whole_days(low: dt.datetime, high: dt.datetime, zone: str) -> Period:
    days = [oracle.bucket_start(at, zone, "day", "monday").date() for at in (low, high)]
    return Period(days[0], days[1] + dt.timedelta(days=1))
