"""What a person should know about rows that were loaded: damaged ids, look-alikes, odd hours, the future, strangers."""

from __future__ import annotations

import datetime as dt
import itertools

import duckdb

from ops_core.intake import columns, typed_rows
from ops_core.intake.notes import Note, info, warning
from ops_core.intake.proof import KEYS, Typed
from ops_core.model.time import TimeRules
from ops_core.store.store import utc_datetime

# Further ahead than this a time can only be wrong; clocks and zones explain the hours before.
AHEAD = dt.timedelta(days=2)
_FEW = 0.05
_IDS = "CREATE OR REPLACE TEMP TABLE ids_of_batch AS SELECT DISTINCT user_id FROM typed WHERE reason IS NULL"
# Events know their ids already: a big file is not gone through for them again.
_IDS_OF_ACTIONS = "CREATE OR REPLACE TEMP TABLE ids_of_batch AS SELECT user_id FROM incoming_keys"
_LOOKS = (
    "lower(strip_accents(nfc_normalize("
    "regexp_replace(user_id, '[\\s\\x{200b}-\\x{200f}\\x{feff}\\x{00ad}]', '', 'g'))))"
)


def id_notes(cursor: duckdb.DuckDBPyConnection, typed: Typed, kind: str) -> list[Note]:
    """Ids that a spreadsheet cut, and ids that only look different."""
    field = next((one for one in typed.fields if one.name == "user_id"), None)
    if field is None or field.constant is not None:
        return []
    cursor.execute(_IDS_OF_ACTIONS if kind in ("events", "orders") else _IDS)
    notes = []
    query = "SELECT count(*), min(user_id) FROM ids_of_batch WHERE regexp_matches(user_id, $pattern)"
    n, example = cursor.execute(query, {"pattern": columns.DAMAGED}).fetchone()
    if n:
        notes.append(warning("ids_damaged", column=field.label, n=n, example=example))
    query = """
        SELECT sum(n) OVER (), examples FROM (
            SELECT count(*) AS n, list_sort(list(user_id))[:2] AS examples FROM ids_of_batch GROUP BY {looks}
            HAVING count(*) > 1) ORDER BY examples LIMIT 2
    """
    alike = cursor.execute(query.replace("{looks}", _LOOKS)).fetchall()
    if alike:
        shown = [" = ".join(repr(one) for one in examples) for _, examples in alike]
        notes.append(warning("ids_look_alike", n=int(alike[0][0]), examples=shown))
    return notes


def key_notes(cursor: duckdb.DuckDBPyConnection, typed: Typed) -> list[Note]:
    """Numbers of orders and events that a spreadsheet cut: they count as missing."""
    notes = []
    for field in typed.fields:
        if field.name not in KEYS or field.constant is not None:
            continue
        query = "SELECT 1 FROM typed WHERE {name} IS NULL LIMIT 1".replace("{name}", field.name)
        if cursor.execute(query).fetchone() is None:  # the source is gone through again only where some are missing
            continue
        query = "SELECT count(DISTINCT {c}), min({c}) FROM staged WHERE regexp_matches({c}, $pattern)"
        found = cursor.execute(query.replace("{c}", field.source), {"pattern": columns.DAMAGED}).fetchone()
        if found[0]:
            notes.append(warning("keys_damaged", column=field.label, n=found[0], example=found[1].strip()))
    return notes


def clock_notes(cursor: duckdb.DuckDBPyConnection, typed: Typed, source_rules: TimeRules) -> list[Note]:
    """Times in hours that the source's zone skips or has twice."""
    n = 0
    for field in typed.fields:
        if typed.type(field.name) != "time" or field.is_property:
            continue
        query = "SELECT epoch_us(min({t})), epoch_us(max({t})) FROM typed WHERE reason IS NULL"
        first, last = cursor.execute(query.replace("{t}", field.name + "_wall")).fetchone()
        if first is None:
            continue
        ranges = source_rules.offset_ranges(first - 2 * 86_400_000_000, last + 2 * 86_400_000_000)
        for (_, end, before), (_, _, after) in itertools.pairwise(ranges):
            query = "SELECT count(*) FROM typed WHERE reason IS NULL AND {t} >= $low AND {t} < $high"
            low, high = sorted((end + before, end + after))
            odd = {"low": utc_datetime(low), "high": utc_datetime(high)}
            n += cursor.execute(query.replace("{t}", field.name + "_wall"), odd).fetchone()[0]
    return [warning("times_ambiguous", n=n, zone=source_rules.zone)] if n else []


def mark_future(
    cursor: duckdb.DuckDBPyConnection, typed: Typed, source_rules: TimeRules, declared_us: int | None
) -> list[Note]:
    """Rows that lie in the future are kept out where they are few; where they are many the file is meant so, and it is
    said. What lies before a declared as-of is no future.
    """
    if "occurred_at" not in typed.choices:
        return []
    now = dt.datetime.now(dt.UTC).replace(tzinfo=None) + AHEAD
    if declared_us is not None:
        now = max(now, utc_datetime(declared_us))
    at = typed.instant(cursor, "occurred_at", source_rules)
    query = "SELECT count(*) FILTER ({at} > $now), count(*), max({at}) FROM typed WHERE reason IS NULL"
    ahead, n, latest = cursor.execute(query.replace("{at}", at), {"now": now}).fetchone()
    if not ahead:
        return []
    if ahead <= max(1, _FEW * n) and n > 1:
        rows = "SELECT row_no FROM typed WHERE reason IS NULL AND {at} > $now"
        typed_rows.mark(cursor, rows.replace("{at}", at), "time_in_future", {"now": now})
    return [warning("times_in_future", n=ahead, latest=latest.date().isoformat())]


def stranger_notes(cursor: duckdb.DuckDBPyConnection, kind: str) -> list[Note]:
    """Users of a batch of actions who are in no users file, where there is one."""
    if kind not in ("events", "orders"):
        return []
    query = """
        WITH told AS (SELECT user_key FROM user_records JOIN batches USING (batch_id) WHERE kind = 'users')
        SELECT count(*) FROM incoming_keys JOIN user_keys USING (user_id)
        WHERE EXISTS (FROM told) AND user_key NOT IN (SELECT user_key FROM told)
    """
    n = cursor.execute(query).fetchone()[0]
    return [info("users_unknown", n=n)] if n else []
