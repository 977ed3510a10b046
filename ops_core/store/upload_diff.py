"""What an upload says differently from the one before it of the same series: rows, columns, and volume per day.

Rows are told apart by their key (event id; order id and user; user; experiment and user; day and channel). Without a
key a row is itself: it can be new or missing, never changed. Rows are compared where both uploads cover the time.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field

import duckdb
import numpy as np
import pandas as pd

from ops_core.model.time import DAY_US, TimeRules, date_of
from ops_core.store import replacing, zones
from ops_core.store.replacing import Series
from ops_core.store.store import Store
from ops_core.store.upload_contents import Upload, lay_out, read_upload, shared_properties

MOST_ROWS = 4_000_000
_SHOWN = 1_000
_WEEKS, _LEAST_WEEKS, _LEAST_ROWS = 8, 3, 20
_LOW, _HIGH = 0.6, 1.6
_CHANCE = 3  # standard deviations of a Poisson count: what a few rows differ by anyway
_EVER = (dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31))
_KEYS = {
    "orders": ("order_id", "user_id"),
    "users": ("user_id",),
    "assignments": ("experiment", "user_id"),
    "spend": ("local_day", "channel"),
    "units": ("user_id",),
    "feedback": ("user_id", "occurred_at"),
}
_AT = {"events": "occurred_at", "orders": "occurred_at", "feedback": "occurred_at"}
_OWN = {
    "events": ("user_id", "event", "occurred_at", "value"),
    "orders": ("user_id", "event", "occurred_at", "value"),
    "users": ("user_id", "signup_at"),
    "feedback": ("user_id", "occurred_at"),
    "assignments": ("experiment", "user_id", "variant", "assigned_at"),
    "spend": ("local_day", "channel", "amount"),
    "units": ("user_id", "variant"),
}


@dataclass(frozen=True)
class UploadDiff:
    """An upload beside the previous one of its series; `previous` is `None` where it is the first.

    `key`: what tells rows apart, `None` where nothing does. `n_new`, `n_changed`, `n_missing`, `n_same`: stored rows
    (purchases where order lines became one) where both uploads cover the time; `n_outside`: rows of this upload before
    or after that. All are `None` where the uploads are too large to compare row by row. `n_changed_kept_out` of the
    changed rows were not stored, because their key was stored already.
    `rows`: up to 1,000 rows that differ (status new | changed | missing, key, at, row_before, row_now).
    `volumes`: per complete local day of this upload day, n_rows (in the whole series), usual (median of the same
    weekday in up to 8 weeks before), n_weeks, share (n_rows ÷ usual, nan below 3 weeks), is_odd.
    """

    upload: Upload
    previous: Upload | None
    key: tuple[str, ...] | None = None
    n_new: int | None = None
    n_changed: int | None = None
    n_missing: int | None = None
    n_same: int | None = None
    n_outside: int | None = None
    n_changed_kept_out: int = 0
    appeared: tuple[str, ...] = ()
    vanished: tuple[str, ...] = ()
    rows: pd.DataFrame = field(default_factory=pd.DataFrame, repr=False, compare=False)
    volumes: pd.DataFrame = field(default_factory=pd.DataFrame, repr=False, compare=False)


def compare(store: Store, batch_id: int) -> UploadDiff:
    """An upload beside the previous one of the same kind whose columns largely agree: the latest that covers some of
    the same time, else the latest.

    Raises:
        StoreError: there is no such batch, or it was undone.
    """
    with store.reading(), store.cursor() as cursor:
        upload, previous = read_upload(cursor, batch_id), None
        series = _series(upload)
        known = replacing.earlier(cursor, series, batch_id)
        live = [number for number, is_live in replacing.earlier(cursor, series) if is_live]
        volumes = _volumes(cursor, store.rules, upload, live)
        before = [number for number, _ in known if _about_the_same(cursor, upload, number)]
        if not before:
            return UploadDiff(upload, None, volumes=volumes)
        previous = _latest_beside(upload, [read_upload(cursor, number) for number in before])
        appeared, vanished = column_changes(previous.columns, upload.columns)
        found = UploadDiff(upload, previous, appeared=appeared, vanished=vanished, volumes=volumes)
        return _with_rows(cursor, store.rules, found)


def previous_upload(store: Store, kind: str, columns: tuple[str, ...], file_name: str) -> Upload | None:
    """The latest upload of the series that a file about to be loaded belongs to."""
    with store.cursor() as cursor:
        known = replacing.earlier(cursor, replacing.series_of(kind, columns, file_name))
        return read_upload(cursor, known[-1][0]) if known else None


def column_changes(before: tuple[str, ...], now: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Columns that appeared and those that vanished."""
    return tuple(name for name in now if name not in before), tuple(name for name in before if name not in now)


def same_file(store: Store, file_hash: str) -> int | None:
    """The live batch that holds a file of these bytes."""
    with store.cursor() as cursor:
        query = "SELECT max(batch_id) FROM batches WHERE file_hash = $hash AND undone_at IS NULL"
        return cursor.execute(query, {"hash": file_hash}).fetchone()[0]


def _latest_beside(upload: Upload, before: list[Upload]) -> Upload:
    """The latest upload before this one that covers some of its time; where none does, the latest."""
    if upload.first_at is not None:
        for other in reversed(before):
            if other.first_at is not None and other.first_at <= upload.last_at and other.last_at >= upload.first_at:
                return other
    return before[-1]


def _series(upload: Upload) -> Series:
    return replacing.series_of(upload.kind, upload.columns, upload.file_name)


def _about_the_same(cursor: duckdb.DuckDBPyConnection, upload: Upload, other: int) -> bool:
    """Files of assignments are compared where they share an experiment; other kinds always."""
    if upload.kind != "assignments":
        return True
    lay_out(cursor, upload, "this_side", ())
    lay_out(cursor, read_upload(cursor, other), "other_side", ())
    query = "SELECT count(*) FROM this_side WHERE experiment IN (SELECT experiment FROM other_side)"
    return cursor.execute(query).fetchone()[0] > 0


def _with_rows(cursor: duckdb.DuckDBPyConnection, rules: TimeRules, found: UploadDiff) -> UploadDiff:
    upload, previous = found.upload, found.previous
    if upload.rows_read + previous.rows_read > MOST_ROWS:
        return found
    names = shared_properties(cursor, upload, previous)
    lay_out(cursor, previous, "rows_before", names)
    lay_out(cursor, upload, "rows_now", names)
    key = _key(cursor, upload, previous)
    for table in ("rows_before", "rows_now"):
        _keyed(cursor, table, upload.kind, key, names)
    span = _span(cursor, upload.kind)
    cursor.execute(
        """
        CREATE OR REPLACE TEMP TABLE compared AS
        WITH a AS (SELECT k, count(*) AS n, sum(h) AS h, min(moment) AS moment FROM rows_before GROUP BY k),
             b AS (SELECT k, count(*) AS n, sum(h) AS h, min(moment) AS moment, bool_or(stored) AS stored
                   FROM rows_now GROUP BY k)
        SELECT coalesce(a.k, b.k) AS k, a.k IS NOT NULL AS was, b.k IS NOT NULL AS is_now, coalesce(a.n, 0) AS n_before,
               coalesce(b.n, 0) AS n_now, coalesce(a.h = b.h, false) AS same, coalesce(b.moment, a.moment) AS moment,
               coalesce(b.moment, a.moment) IS NULL OR coalesce(b.moment, a.moment) BETWEEN $begin AND $stop AS inside,
               coalesce(NOT b.stored, false) AS kept_out
        FROM a FULL JOIN b USING (k)
        """,
        {"begin": span[0], "stop": span[1]},
    )
    keyed = key is not None
    new, outside, missing, changed, kept_out, same = cursor.execute(
        """
        SELECT coalesce(sum(CASE WHEN inside AND NOT ($keyed AND was) THEN greatest(n_now - n_before, 0) END), 0),
               coalesce(sum(n_now) FILTER (NOT inside AND NOT was), 0),
               coalesce(sum(CASE WHEN inside AND NOT ($keyed AND is_now) THEN greatest(n_before - n_now, 0) END), 0),
               count(*) FILTER ($keyed AND was AND is_now AND NOT same),
               count(*) FILTER ($keyed AND was AND is_now AND NOT same AND kept_out),
               coalesce(sum(CASE WHEN was AND is_now AND (same OR NOT $keyed) THEN least(n_before, n_now) END), 0)
        FROM compared
        """,
        {"keyed": keyed},
    ).fetchone()
    return UploadDiff(
        upload, previous, key, int(new), int(changed), int(missing), int(same), int(outside), int(kept_out),
        found.appeared, found.vanished, _examples(cursor, rules, upload.kind, key, names), found.volumes,
    )  # fmt: skip


def _examples(
    cursor: duckdb.DuckDBPyConnection, rules: TimeRules, kind: str, key: tuple[str, ...] | None, names: tuple[str, ...]
) -> pd.DataFrame:
    query = """
        WITH picked AS (
            SELECT k, moment,
                   CASE WHEN NOT was THEN 'new' WHEN NOT is_now THEN 'missing' WHEN $keyed THEN 'changed'
                        WHEN n_now > n_before THEN 'new' ELSE 'missing' END AS status
            FROM compared
            WHERE inside AND NOT (was AND is_now AND same) AND NOT (NOT $keyed AND n_now = n_before)
            ORDER BY status, moment, k LIMIT $most),
        a AS (SELECT k, any_value({label_before}) AS label, any_value({before}) AS shown
              FROM rows_before SEMI JOIN picked USING (k) GROUP BY k),
        b AS (SELECT k, any_value({label_now}) AS label, any_value({now}) AS shown
              FROM rows_now SEMI JOIN picked USING (k) GROUP BY k)
        SELECT status, coalesce(b.label, a.label) AS key, epoch_us(moment) AS moment, a.shown AS row_before,
               b.shown AS row_now
        FROM picked LEFT JOIN a USING (k) LEFT JOIN b USING (k) ORDER BY status, moment, key
    """
    for side in ("before", "now"):
        label, shown = _texts(cursor, rules, f"rows_{side}", kind, key, names)
        query = query.replace("{label_" + side + "}", label).replace("{" + side + "}", shown)
    frame = cursor.execute(query, {"keyed": key is not None, "most": _SHOWN}).df()
    known = frame["moment"].notna()
    local = pd.Series(pd.NaT, index=frame.index, dtype="datetime64[us]")
    if known.any():
        local[known] = rules.local_us(frame.loc[known, "moment"].to_numpy(np.int64)).astype("datetime64[us]")
    return frame.assign(moment=local).rename(columns={"moment": "at"})


def _texts(
    cursor: duckdb.DuckDBPyConnection,
    rules: TimeRules,
    table: str,
    kind: str,
    key: tuple[str, ...] | None,
    names: tuple[str, ...],
) -> tuple[str, str]:
    """SQL for what names a row, and for all of it, times in the reporting zone."""
    cells, keys = _cells(kind, key, names)
    local = {"occurred_at": _local(cursor, rules, table)} if kind in _AT else {}
    texts = {cell: f"coalesce(({local.get(cell, cell)})::VARCHAR, '')" for cell in {*cells, *keys}}
    named = keys if key else cells[:2]
    return " || ' · ' || ".join(texts[cell] for cell in named), " || ' · ' || ".join(texts[cell] for cell in cells)


def _cells(kind: str, key: tuple[str, ...] | None, names: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """Columns of the laid out rows: all that make up a row, and those of its key."""
    places = {name: f"q{number}" for number, name in enumerate(names)}
    cells = [*_OWN[kind], *places.values()]
    return cells, [places.get(name, name) for name in key] if key else cells


def _key(cursor: duckdb.DuckDBPyConnection, upload: Upload, previous: Upload) -> tuple[str, ...] | None:
    query = "SELECT count(*) FILTER ({column} IS NULL) = 0 AND count(*) > 0 FROM {table}"
    tables = ("rows_before", "rows_now")
    if upload.kind == "events":
        query = query.replace("{column}", "event_id")
        has_ids = all(cursor.execute(query.replace("{table}", table)).fetchone()[0] for table in tables)
        return ("event_id",) if has_ids else None
    if upload.kind == "units":
        query = "SELECT count(user_id) = count(*) AND count(DISTINCT user_id) = count(*) FROM {table}"
        named = all(cursor.execute(query.replace("{table}", table)).fetchone()[0] for table in tables)
        return _KEYS["units"] if named else None
    if upload.kind == "orders":
        order = shared_properties(cursor, upload, previous)
        column = f"q{order.index('order_id')}" if "order_id" in order else ""
        query = query.replace("{column}", column)
        if not column or not all(cursor.execute(query.replace("{table}", table)).fetchone()[0] for table in tables):
            return None
    return _KEYS[upload.kind]


def _keyed(
    cursor: duckdb.DuckDBPyConnection, table: str, kind: str, key: tuple[str, ...] | None, names: tuple[str, ...]
) -> None:
    """The rows with the hash of their key `k`, that of their content `h`, and their time."""
    cells, keys = _cells(kind, key, names)
    statement = """
        CREATE OR REPLACE TEMP TABLE {table} AS
        SELECT *, hash({keys}) AS k, hash({cells})::HUGEINT AS h, {at} AS moment FROM {table}
    """
    statement = statement.replace("{keys}", ", ".join(keys)).replace("{cells}", ", ".join(cells))
    cursor.execute(statement.replace("{at}", _AT.get(kind, "NULL::TIMESTAMP")).replace("{table}", table))


def _local(cursor: duckdb.DuckDBPyConnection, rules: TimeRules, table: str) -> str:
    """SQL for the time of a row in the reporting zone."""
    query = "SELECT epoch_us(min(occurred_at)), epoch_us(max(occurred_at)) FROM {table}"
    first, last = cursor.execute(query.replace("{table}", table)).fetchone()
    if first is None:
        return "occurred_at"
    return "make_timestamp(" + zones.local_us("epoch_us(occurred_at)", rules, first, last) + ")"


def _span(cursor: duckdb.DuckDBPyConnection, kind: str) -> tuple[dt.datetime, dt.datetime]:
    """First and last instant that both uploads cover."""
    if kind not in _AT:
        return _EVER
    query = """
        SELECT greatest((SELECT min(moment) FROM rows_before), (SELECT min(moment) FROM rows_now)),
               least((SELECT max(moment) FROM rows_before), (SELECT max(moment) FROM rows_now))
    """
    first, last = cursor.execute(query).fetchone()
    return first or _EVER[0], last or _EVER[1]


def _volumes(cursor: duckdb.DuckDBPyConnection, rules: TimeRules, upload: Upload, live: list[int]) -> pd.DataFrame:
    """Rows per complete local day of the upload beside the usual for that weekday."""
    columns = ["day", "n_rows", "usual", "n_weeks", "share", "is_odd"]
    if upload.kind not in _AT or upload.first_at is None or upload.as_of is None:
        return pd.DataFrame(columns=columns)
    first_us, last_us = (int(pd.Timestamp(at).value // 1000) for at in (upload.first_at, upload.last_at))
    first = int(rules.local_days(np.array([first_us]))[0])
    end = int(rules.local_days(np.array([int(pd.Timestamp(upload.as_of).value // 1000)]))[0])
    since = first - 7 * _WEEKS
    since_us, stop_us = rules.day_start_us(since), rules.day_start_us(end)
    day = zones.local_day("occurred_at", rules, since_us - DAY_US, max(last_us, stop_us))
    query = """
        SELECT ({day} - DATE '1970-01-01')::INTEGER AS day, count(*) AS n FROM events
        WHERE list_contains($batches, batch_id) AND occurred_at >= make_timestamp($since)
            AND occurred_at < make_timestamp($stop)
        GROUP BY 1
    """
    given = {"batches": live, "since": since_us, "stop": stop_us}
    counted = dict(cursor.execute(query.replace("{day}", day), given).fetchall())
    if not counted:
        return pd.DataFrame(columns=columns)
    oldest, rows = min(counted), []
    for one in range(max(first, oldest), end):
        before = [counted.get(one - 7 * week, 0) for week in range(1, _WEEKS + 1) if one - 7 * week >= oldest]
        usual = float(np.median(before)) if before else float("nan")
        says = len(before) >= _LEAST_WEEKS and usual > 0
        n = counted.get(one, 0)
        share = n / usual if says else float("nan")
        # Far from the usual and beyond each of the weeks before: a lone holiday among them is no reason to complain.
        odd = (
            says
            and max(usual, n) >= _LEAST_ROWS
            and abs(n - usual) > _CHANCE * usual**0.5
            and ((share < _LOW and n < min(before)) or (share > _HIGH and n > max(before)))
        )
        rows.append((date_of(one), n, usual, len(before), share, odd))
    return pd.DataFrame(rows, columns=columns).astype({"is_odd": bool})
