"""An upload in the place of earlier ones: which rows go, and what undo brings back.

Uploads of the same kind whose columns largely agree are one series (last week's export and this week's). Replacing
works within a series: what came from elsewhere stays.

Every function works on the cursor of a running `Store.write()`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath

import duckdb

from ops_core.store import parking, repeats
from ops_core.store.parking import Parked
from ops_core.store.store import utc_datetime

TABLES = {
    "events": "events",
    "orders": "events",
    "feedback": "events",
    "users": "user_records",
    "assignments": "assignments",
    "spend": "spend",
    "units": "unit_tables",
}
# The SQL for the instant that decides whether a row lies in a replaced stretch; kinds without one go as a whole.
TIMES = {
    "events": "occurred_at",
    "orders": "occurred_at",
    "feedback": "occurred_at",
    "assignments": "assigned_at",
    "spend": "local_day::TIMESTAMP",
}
ALWAYS = (-62_135_596_800_000_000, 253_402_300_799_000_000)  # years 1 to 9999, UTC µs
_ALIKE = 0.5


@dataclass(frozen=True)
class Series:
    """What an upload is one more of: its kind, its columns, and the name of its unit table or experiment."""

    kind: str
    columns: tuple[str, ...]
    name: str

    def holds(self, other: Series) -> bool:
        """Whether two uploads are of one series."""
        if self.kind != other.kind or (self.kind == "units" and self.name != other.name):
            return False
        mine, its = set(self.columns), set(other.columns)
        return mine <= its or its <= mine or len(mine & its) >= _ALIKE * len(mine | its)


@dataclass(frozen=True)
class Going:
    """Rows that a replacement takes out of a batch; `whole` when none of it stays."""

    batch_id: int
    n_rows: int
    whole: bool


def series_of(kind: str, columns: Sequence[str], file_name: str) -> Series:
    """The series of an upload."""
    return Series(kind, tuple(columns), PurePath(file_name).stem)


def earlier(cursor: duckdb.DuckDBPyConnection, series: Series, before: int | None = None) -> list[tuple[int, bool]]:
    """Batches of a series, oldest first, and whether each is live; those that were undone are not among them."""
    rows = cursor.execute(
        """
        SELECT batch_id, kind, file_name, mapping, undone_at IS NULL FROM batches
        WHERE (undone_at IS NULL OR replaced_by IS NOT NULL) AND batch_id < coalesce($before, 2147483647)
        ORDER BY batch_id
        """,
        {"before": before},
    ).fetchall()
    return [
        (number, live)
        for number, kind, name, mapping, live in rows
        if series.holds(series_of(kind, json.loads(mapping).get("columns", ()), name))
    ]


def going(
    cursor: duckdb.DuckDBPyConnection, series: Series, bounds: tuple[int, int], experiments: Sequence[str] | None
) -> list[Going]:
    """What replacing a series between two instants (UTC µs, half-open) would take, batch by batch."""
    given = _given([number for number, live in earlier(cursor, series) if live], bounds, experiments)
    query = """
        SELECT batch_id, count(*) FILTER ({which}), count(*) FROM {table}
        WHERE list_contains($olds, batch_id) GROUP BY 1 ORDER BY 1
    """
    if series.kind == "units":
        query = "SELECT batch_id, n_rows, n_rows FROM {table} WHERE {which} ORDER BY 1"
    query = query.replace("{which}", _which(series.kind, experiments)).replace("{table}", TABLES[series.kind])
    found = cursor.execute(query, given).fetchall()
    return [Going(number, n, n == total) for number, n, total in found if n]


def take_out(
    cursor: duckdb.DuckDBPyConnection,
    by_batch: int,
    series: Series,
    bounds: tuple[int, int],
    experiments: Sequence[str] | None = None,
) -> list[Going]:
    """Take the rows of a series between two instants out, to make place for a batch; what went."""
    gone = going(cursor, series, bounds, experiments)
    known = earlier(cursor, series, by_batch)
    live = [number for number, is_live in known if is_live]
    parking.park(
        cursor,
        "replaced",
        by_batch,
        TABLES[series.kind],
        _which(series.kind, experiments),
        _given(live, bounds, experiments),
    )
    # A batch whose rows are all gone stays live while others of its rows wait outside the stretch.
    waiting = {lot.by_batch for lot in parking.parked(cursor, "held")}
    whole = [one.batch_id for one in gone if one.whole and one.batch_id not in waiting]
    if bounds == ALWAYS and experiments is None:
        whole = live
    if series.kind in ("events", "orders", "feedback"):
        _park_traits(cursor, by_batch, [one.batch_id for one in gone])
    for number in whole:
        given = {"batch": number, "scope": f"unit:{number}"}
        parking.park(cursor, "replaced", by_batch, "quarantine", "batch_id = $batch AND $scope <> ''", given)
        parking.park(cursor, "replaced", by_batch, "properties", "scope = $scope AND $batch > 0", given)
    cursor.execute(
        """
        UPDATE batches SET undone_at = current_timestamp::TIMESTAMP, replaced_by = $by
        WHERE list_contains($whole, batch_id)
        """,
        {"by": by_batch, "whole": whole},
    )
    rows_of = {one.batch_id: one.n_rows for one in gone}
    for number, _ in known:
        cursor.execute(
            "INSERT INTO replacements VALUES ($by, $old, $begin, $stop, $experiments, $n)",
            {
                "by": by_batch,
                "old": number,
                "begin": utc_datetime(bounds[0]),
                "stop": utc_datetime(bounds[1]),
                "experiments": None if experiments is None else list(experiments),
                "n": rows_of.get(number, 0),
            },
        )
    return gone


def bring_back(cursor: duckdb.DuckDBPyConnection, by_batch: int) -> None:
    """What a batch had replaced comes back; where a later replacement covers it, it belongs to that one."""
    cursor.execute("DELETE FROM replacements WHERE by_batch = $by", {"by": by_batch})
    for lot in parking.parked(cursor, "replaced", by_batch):
        for later, which, given in _covering(cursor, lot):
            parking.move(cursor, lot, later, which, given)
        repeats.hold_known(cursor, lot)
        parking.put_back(cursor, lot)
    old = "SELECT batch_id FROM batches WHERE replaced_by = $by ORDER BY 1"
    for (number,) in cursor.execute(old, {"by": by_batch}).fetchall():
        _revive(cursor, number)


def forget(cursor: duckdb.DuckDBPyConnection, batch_id: int) -> None:
    """Rows of a batch that are parked go with it: its waiting repeats, and what later batches replaced of it."""
    for lot in parking.parked(cursor, "held", batch_id):
        parking.drop(cursor, lot)
    for lot in parking.parked(cursor, "replaced"):
        if lot.by_batch != batch_id and lot.source != "properties":
            parking.delete(cursor, lot, "batch_id = $batch", {"batch": batch_id})
    cursor.execute("DELETE FROM replacements WHERE old_batch = $batch", {"batch": batch_id})


def _park_traits(cursor: duckdb.DuckDBPyConnection, by_batch: int, olds: Sequence[int]) -> None:
    """What exports of actions said about users none of whose rows stays."""
    which = """
        list_contains($olds, batch_id) AND NOT EXISTS (
            SELECT 1 FROM events WHERE events.batch_id = user_records.batch_id
            AND events.user_key = user_records.user_key)
    """
    parking.park(cursor, "replaced", by_batch, "user_records", which, {"olds": list(olds)})


def _which(kind: str, experiments: Sequence[str] | None) -> str:
    which = "list_contains($olds, batch_id) AND $begin < $stop"
    if kind in TIMES:
        # A row without a time goes only when everything goes.
        inside = "coalesce({time} >= $begin AND {time} < $stop, $begin < TIMESTAMP '1000-01-01')"
        which = "list_contains($olds, batch_id) AND " + inside.replace("{time}", TIMES[kind])
    if experiments is not None:
        which += " AND list_contains($experiments, experiment)"
    return which


def _given(olds: Sequence[int], bounds: tuple[int, int], experiments: Sequence[str] | None) -> dict[str, object]:
    given = {"olds": list(olds), "begin": utc_datetime(bounds[0]), "stop": utc_datetime(bounds[1])}
    return given if experiments is None else given | {"experiments": list(experiments)}


def _covering(cursor: duckdb.DuckDBPyConnection, lot: Parked) -> list[tuple[int, str, dict[str, object]]]:
    """Replacements in force that rows of a parking are subject to: by which batch, which rows."""
    if lot.source not in TABLES.values():
        return []
    query = """
        SELECT by_batch, old_batch, from_at, to_at, experiments, kind
        FROM replacements JOIN batches ON batch_id = old_batch
        WHERE old_batch IN (SELECT batch_id FROM {table}) ORDER BY by_batch, old_batch
    """
    found = []
    for later, old, begin, stop, experiments, kind in cursor.execute(query.replace("{table}", lot.table)).fetchall():
        is_whole = begin.year == 1
        if kind not in TIMES or TABLES[kind] != lot.source:  # users, units, and what exports of actions said of users
            if is_whole:
                found.append((later, "list_contains($olds, batch_id)", {"olds": [old]}))
            continue
        given = {"olds": [old], "begin": begin, "stop": stop}
        given |= {} if experiments is None else {"experiments": experiments}
        found.append((later, _which(kind, experiments), given))
    return found


def _revive(cursor: duckdb.DuckDBPyConnection, batch_id: int) -> None:
    """A replaced batch is live again, unless all of it belongs to a later replacement now."""
    later = [
        lot.by_batch
        for lot in parking.parked(cursor, "replaced")
        if lot.source in TABLES.values()
        and cursor.execute(
            "SELECT count(*) FROM {table} WHERE batch_id = $batch".replace("{table}", lot.table), {"batch": batch_id}
        ).fetchone()[0]
    ]
    kind = cursor.execute("SELECT kind FROM batches WHERE batch_id = $batch", {"batch": batch_id}).fetchone()[0]
    query = "SELECT count(*) FROM {table} WHERE batch_id = $batch".replace("{table}", TABLES[kind])
    stays = cursor.execute(query, {"batch": batch_id}).fetchone()[0] or not later
    cursor.execute(
        """
        UPDATE batches SET undone_at = CASE WHEN $stays THEN NULL ELSE undone_at END,
               replaced_by = CASE WHEN $stays THEN NULL ELSE $later END
        WHERE batch_id = $batch
        """,
        {"stays": bool(stays), "later": max(later, default=0), "batch": batch_id},
    )
