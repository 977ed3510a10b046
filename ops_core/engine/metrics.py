"""Sums of an outcome over exposed users, per arm and day: what a test needs, and nothing per user leaves the database.

Amounts are decimals with six places (a user's amount stays below 10¹³), so sums and sums of squares are exact and equal
on every engine.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import duckdb
import numpy as np
import pandas as pd

from ops_core.engine.exposures import Exposures
from ops_core.engine.selection import on_events
from ops_core.model.filters import Filter
from ops_core.model.time import DAY_US, date_of
from ops_core.store import Store

SECOND_US = 1_000_000
KINDS = ("did", "count", "value", "active", "reached")


@dataclass(frozen=True)
class Outcome:
    """One amount per user, from events between `from_us` and `to_us` after the exposure, both ends included.

    Kinds: `did` (1 when any of the events happened), `count` (their number), `value` (sum of their values),
    `active` (1 when active on local day `from_day` … `to_day` after the day of exposure), `reached` (1 when the events
    happened one after the other, in their order). Without event codes `did` and `count` look at all activity events,
    `value` at those that count as revenue. Filters apply to the events of `did`, `count` and `value`.
    """

    kind: str
    event_codes: tuple[int, ...] = ()
    from_us: int = 0
    to_us: int = 0
    from_day: int = 0
    to_day: int = 0
    filters: tuple[Filter, ...] = ()

    def before(self, lookback_us: int) -> Outcome:
        """The same amount over a stretch that ends just before the exposure."""
        if self.kind == "active":
            days = max(1, lookback_us // DAY_US)
            return replace(self, from_day=-days, to_day=-1)
        return replace(self, from_us=-lookback_us, to_us=-1)


@dataclass(frozen=True)
class SumsSpec:
    """An outcome, optionally divided by another (ratio), cut at a quantile, beside its value from before."""

    outcome: Outcome
    denominator: Outcome | None = None
    covariate: Outcome | None = None
    cap_quantile: float | None = None


@dataclass(frozen=True, eq=False)
class Sums:
    """Exact sums per arm and local day on which the users' windows ended.

    `table`: arm, ready_day, n, total, total_squares and, where asked for, denominator, denominator_squares,
    denominator_product, covariate, covariate_squares, covariate_product (decimals).
    `n_immature`: per arm, users whose window ends after as-of: they are in no sum. `cap`: the amount above which the
    outcome was cut, `None` when it was not. `largest`: the largest amount of a user (after the cut), 0 without users.
    """

    table: pd.DataFrame
    n_immature: tuple[int, ...]
    cap: float | None
    largest: float


def event_values(store: Store) -> pd.DataFrame:
    """Activity events with what they are worth together: event, n_events, total (0 where they carry no value)."""
    with store.cursor() as cursor:
        return cursor.execute(
            """
            SELECT name AS event, count(*) AS n_events, coalesce(sum(value), 0)::DOUBLE AS total
            FROM events JOIN event_names USING (event_code) WHERE NOT is_passive GROUP BY name ORDER BY name
            """
        ).df()


def ready_us(store: Store, exposed: Exposures, outcome: Outcome) -> np.ndarray:
    """Instant from which each user's outcome is complete, UTC µs."""
    if outcome.kind != "active":
        return exposed.exposed_us + outcome.to_us
    rules = store.rules
    days, place = np.unique(rules.local_days(exposed.exposed_us), return_inverse=True)
    ends = rules.to_utc_us((days.astype(np.int64) + outcome.to_day + 1) * DAY_US)
    return ends[place]


def sums(store: Store, exposed: Exposures, spec: SumsSpec) -> Sums:
    """The sums of an outcome over the users whose window has ended."""
    ready = ready_us(store, exposed, spec.outcome)
    if spec.denominator:
        ready = np.maximum(ready, ready_us(store, exposed, spec.denominator))
    is_mature = ready <= (store.as_of_us or 0)
    immature = np.bincount(exposed.arm[~is_mature], minlength=len(exposed.arms))
    rules = store.rules
    frame = exposed_frame(exposed, is_mature).assign(
        exposed_day=rules.local_days(exposed.exposed_us[is_mature]), ready_day=rules.local_days(ready[is_mature] - 1)
    )
    with store.cursor() as cursor:
        cursor.register("exposed_users", frame)
        cursor.execute("CREATE TEMP TABLE exposed AS SELECT * FROM exposed_users")
        parts = {"y": spec.outcome, "d": spec.denominator, "x": spec.covariate}
        for name, part in parts.items():
            _AMOUNTS[part.kind if part else "none"](store, cursor, name, part)
        cap = _cut(cursor, spec.cap_quantile)
        table = _totals(cursor)
        largest = cursor.execute("SELECT coalesce(max(amount), 0)::DOUBLE FROM amount_y").fetchone()[0]
    for family, part in (("denominator", spec.denominator), ("covariate", spec.covariate)):
        if part is None:
            table = table.drop(columns=[family, family + "_squares", family + "_product"])
    return Sums(table, tuple(immature.tolist()), cap, largest)


def reached_by_day(store: Store, exposed: Exposures, outcome: Outcome) -> pd.DataFrame:
    """For a `did` outcome: arm, elapsed_days (whole days from exposure to the first such event), n users.

    Only users whose window has ended; those who never did it are in no row.
    """
    is_mature = ready_us(store, exposed, outcome) <= (store.as_of_us or 0)
    conditions = on_events(store, outcome.filters, alias="events")
    statement = """
        SELECT arm, elapsed_us // 86400000000 AS elapsed_days, count(*) AS n
        FROM (SELECT arm, min(epoch_us(occurred_at) - exposed_us) AS elapsed_us
              FROM events JOIN exposed_users USING (user_key)
              WHERE event_code IN (SELECT unnest($codes::USMALLINT[]))
                AND epoch_us(occurred_at) - exposed_us BETWEEN $from_us AND $to_us AND {conditions}
              GROUP BY user_key, arm)
        GROUP BY ALL ORDER BY ALL
    """
    with store.cursor() as cursor:
        cursor.register("exposed_users", exposed_frame(exposed, is_mature))
        return cursor.execute(
            statement.replace("{conditions}", conditions.text),
            {
                "codes": _codes(cursor, outcome), "from_us": outcome.from_us, "to_us": outcome.to_us,
                **conditions.parameters,
            },
        ).df()  # fmt: skip


def exposed_frame(exposed: Exposures, chosen: np.ndarray) -> pd.DataFrame:
    """The chosen users as a frame that a cursor can register: user_key, arm, exposed_us."""
    columns = {"user_key": exposed.user_key, "arm": exposed.arm, "exposed_us": exposed.exposed_us}
    return pd.DataFrame({name: values[chosen] for name, values in columns.items()})


def _totals(cursor: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    rows = cursor.execute(
        """
        SELECT arm, ready_day, count(*), sum(y), sum(y * y), sum(d), sum(d * d), sum(y * d), sum(x), sum(x * x),
               sum(y * x)
        FROM (SELECT arm, ready_day, coalesce(y.amount, 0)::DECIMAL(19, 6) AS y,
                     coalesce(d.amount, 0)::DECIMAL(19, 6) AS d, coalesce(x.amount, 0)::DECIMAL(19, 6) AS x
              FROM exposed LEFT JOIN amount_y AS y USING (user_key) LEFT JOIN amount_d AS d USING (user_key)
              LEFT JOIN amount_x AS x USING (user_key))
        GROUP BY arm, ready_day ORDER BY arm, ready_day
        """
    ).fetchall()
    names = ["arm", "ready_day", "n", "total", "total_squares"]
    names += [family + part for family in ("denominator", "covariate") for part in ("", "_squares", "_product")]
    table = pd.DataFrame(rows, columns=names)
    return table.assign(ready_day=[date_of(day) for day in table["ready_day"]])


def _cut(cursor: duckdb.DuckDBPyConnection, quantile: float | None) -> float | None:
    """Cut the outcome (and its value from before) at a quantile over all arms together."""
    if quantile is None:
        return None
    caps = []
    for name in ("y", "x"):
        statement = """
            SELECT quantile_disc(coalesce(amount, 0)::DECIMAL(19, 6), $quantile)
            FROM exposed LEFT JOIN {amounts} USING (user_key)
        """
        amounts = f"amount_{name}"
        caps.append(cursor.execute(statement.replace("{amounts}", amounts), {"quantile": quantile}).fetchone()[0])
        update = "UPDATE {amounts} SET amount = least(amount, $cap)"
        cursor.execute(update.replace("{amounts}", amounts), {"cap": caps[-1]})
    return None if caps[0] is None else float(caps[0])


# One table `amount_<name>` (user_key, amount) per part; users without a row have the amount 0. -------------------


def _none(_: Store, cursor: duckdb.DuckDBPyConnection, name: str, __: Outcome | None) -> None:
    statement = "CREATE TEMP TABLE {amounts} (user_key INTEGER, amount DECIMAL(19, 6))"
    cursor.execute(statement.replace("{amounts}", f"amount_{name}"))


def _of_events(store: Store, cursor: duckdb.DuckDBPyConnection, name: str, outcome: Outcome) -> None:
    statement = """
        CREATE TEMP TABLE {amounts} AS
        SELECT user_key, {amount}::DECIMAL(19, 6) AS amount
        FROM events JOIN exposed USING (user_key)
        WHERE event_code IN (SELECT unnest($codes::USMALLINT[]))
          AND epoch_us(occurred_at) - exposed_us BETWEEN $from_us AND $to_us
          AND {conditions}
        GROUP BY user_key
    """
    conditions = on_events(store, outcome.filters, alias="events")
    if outcome.kind == "value":
        statement = statement.replace("{conditions}", "value IS NOT NULL AND {conditions}")
    amount = {"did": "1", "count": "count(*)", "value": "coalesce(sum(value), 0)"}[outcome.kind]
    cursor.execute(
        statement.replace("{amounts}", f"amount_{name}")
        .replace("{amount}", amount)
        .replace("{conditions}", conditions.text),
        {
            "codes": _codes(cursor, outcome),
            "from_us": outcome.from_us,
            "to_us": outcome.to_us,
            **conditions.parameters,
        },
    )


def _codes(cursor: duckdb.DuckDBPyConnection, outcome: Outcome) -> list[int]:
    if outcome.event_codes:
        return list(outcome.event_codes)
    rows = cursor.execute(
        "SELECT event_code FROM event_names WHERE CASE WHEN $is_value THEN counts_revenue ELSE NOT is_passive END",
        {"is_value": outcome.kind == "value"},
    ).fetchall()
    return [row[0] for row in rows]


def _of_days(_: Store, cursor: duckdb.DuckDBPyConnection, name: str, outcome: Outcome) -> None:
    statement = """
        CREATE TEMP TABLE {amounts} AS
        SELECT DISTINCT user_key, 1::DECIMAL(19, 6) AS amount
        FROM user_days JOIN exposed USING (user_key)
        WHERE local_day - DATE '1970-01-01' - exposed_day BETWEEN $from_day AND $to_day
    """
    cursor.execute(
        statement.replace("{amounts}", f"amount_{name}"), {"from_day": outcome.from_day, "to_day": outcome.to_day}
    )


def _of_chain(_: Store, cursor: duckdb.DuckDBPyConnection, name: str, outcome: Outcome) -> None:
    # The start is fixed by the exposure, so taking each next step as early as possible is the best a user can do.
    cursor.execute(
        """
        CREATE OR REPLACE TEMP TABLE chain AS
        SELECT user_key, exposed_us, exposed_us + $from_us AS reached_us, []::BIGINT[] AS used FROM exposed
        """,
        {"from_us": outcome.from_us},
    )
    for step, code in enumerate(outcome.event_codes):
        # A step that repeats needs another row than before: `used` holds the row number each step took of its event.
        earlier = max((place + 1 for place in range(step) if outcome.event_codes[place] == code), default=0)
        cursor.execute(
            """
            CREATE OR REPLACE TEMP TABLE chain AS
            SELECT user_key, exposed_us, min_by(at_us, row_no) AS reached_us,
                   list_append(any_value(used), min(row_no)) AS used
            FROM (SELECT user_key, exposed_us, reached_us, used, epoch_us(occurred_at) AS at_us,
                         row_number() OVER (PARTITION BY user_key ORDER BY occurred_at) AS row_no
                  FROM chain JOIN events USING (user_key)
                  WHERE event_code = $code AND epoch_us(occurred_at) - exposed_us BETWEEN $from_us AND $to_us)
            WHERE at_us >= reached_us AND row_no > coalesce(used[$earlier], 0)
            GROUP BY user_key, exposed_us
            """,
            {"code": code, "earlier": earlier, "from_us": outcome.from_us, "to_us": outcome.to_us},
        )
    statement = "CREATE TEMP TABLE {amounts} AS SELECT user_key, 1::DECIMAL(19, 6) AS amount FROM chain"
    cursor.execute(statement.replace("{amounts}", f"amount_{name}"))


_AMOUNTS = {
    "none": _none, "did": _of_events, "count": _of_events, "value": _of_events, "active": _of_days,
    "reached": _of_chain,
}  # fmt: skip
