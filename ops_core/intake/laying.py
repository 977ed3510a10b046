"""How each kind's rows are laid down: events, order lines, users, units, assignments, spend.

A layer finds the rows that are there already when it is made (they get the reason `duplicate` in `typed`) and stores
the rest with `store(cursor, batch_id)`, which returns stored rows, first and last instant (UTC µs), and notes.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import PurePath

import duckdb

from ops_core.intake import accounts, fields, typed_rows
from ops_core.intake.meaning import Guess
from ops_core.intake.notes import Note, info
from ops_core.intake.proof import Field, Typed
from ops_core.intake.spend import SpendLayer
from ops_core.intake.traits import keep_traits
from ops_core.model.time import TimeRules
from ops_core.store import layout, repeats
from ops_core.store.schema import PROPERTY_TYPES, Column, converted, quote, quoted_list

Stored = tuple[int, tuple[int, int] | None, tuple[Note, ...]]
_LINES_OF_ORDER = """
    (SELECT count(*) FROM order_lines AS l
     WHERE l.user_id = incoming_events.user_id AND l.order_key = incoming_events.order_key)
"""


class EventLayer:
    """One event per row."""

    def __init__(
        self, cursor: duckdb.DuckDBPyConnection, typed: Typed, guess: Guess, source_rules: TimeRules, _name: str
    ) -> None:
        self._event_ids = guess.role("event_id") is not None
        accounts.mark_repeated(cursor, typed, self._event_ids)
        self._columns, values = event_properties(cursor, typed, source_rules)
        statement = """
            CREATE OR REPLACE TEMP VIEW incoming_events AS
            SELECT row_no AS line, user_id, event, {at} AS occurred_at, {value}::DECIMAL(18, 6) AS value,
                   {event_id}::VARCHAR AS event_id {values}
            FROM typed WHERE reason IS NULL
        """
        statement = statement.replace("{at}", typed.instant(cursor, "occurred_at", source_rules))
        statement = statement.replace("{value}", typed.value("value")).replace("{event_id}", typed.value("event_id"))
        cursor.execute(statement.replace("{values}", values))
        self._repeats = layout.known_events(cursor, self._columns) > 0
        if self._repeats:
            accounts.set_repeats_apart(cursor, "incoming_events", "1")
            typed_rows.mark(cursor, "SELECT line AS row_no FROM known_incoming", "duplicate")

    def store(self, cursor: duckdb.DuckDBPyConnection, batch_id: int) -> Stored:
        """Append the rows as one sorted run."""
        bounds = event_bounds(cursor)
        n = layout.append_events(cursor, batch_id, self._columns, self._event_ids)
        cursor.execute("DROP VIEW incoming_events")
        if self._repeats:
            repeats.hold_back(cursor, batch_id, "events", self._columns)
        return n, bounds, keep_traits(cursor, batch_id, self._columns)


class OrderLayer:
    """Order lines: one purchase per order id and user; without an order id, one per row."""

    def __init__(
        self, cursor: duckdb.DuckDBPyConnection, typed: Typed, guess: Guess, source_rules: TimeRules, _name: str
    ) -> None:
        self._notes: list[Note] = []
        self._has_order = guess.role("order_id") is not None
        if self._has_order:
            self._notes += _equal_lines(cursor)
        else:
            accounts.mark_repeated(cursor, typed, has_event_id=guess.role("event_id") is not None)
        amount = typed.value("value")
        if guess.role("value") is None and guess.role("quantity") and guess.role("unit_price"):
            amount = "quantity * unit_price"
        order = "coalesce(order_id, 'line ' || line)" if self._has_order else "'line ' || line"
        statement = """
            CREATE OR REPLACE TEMP TABLE order_lines AS
            SELECT line, user_id, {order} AS order_key, {at} AS occurred_at, ({amount})::DECIMAL(18, 6) AS amount,
                   {quantity}::DOUBLE AS quantity, {order_id}::VARCHAR AS order_id {others}
            FROM typed WHERE reason IS NULL
        """
        statement = statement.replace("{order}", order).replace("{amount}", amount)
        statement = statement.replace("{at}", typed.instant(cursor, "occurred_at", source_rules))
        statement = statement.replace("{quantity}", typed.value("quantity")).replace(
            "{order_id}", typed.value("order_id")
        )
        others = [field for field in typed.fields if field.is_property]
        cursor.execute(statement.replace("{others}", quoted_values(cursor, typed, others, source_rules)))
        kept = [field for field in others if self._is_of_order(cursor, field)]
        self._columns = self._lay_orders(cursor, typed, kept)
        self._repeats = layout.known_events(cursor, self._columns) > 0
        if self._repeats:
            accounts.set_repeats_apart(cursor, "incoming_events", _LINES_OF_ORDER)
            rows = """
                SELECT row_no FROM typed WHERE reason IS NULL AND line IN (
                    SELECT order_lines.line FROM order_lines
                    JOIN (SELECT user_id, order_key FROM incoming_events SEMI JOIN known_incoming USING (line))
                    USING (user_id, order_key))
            """
            typed_rows.mark(cursor, rows, "duplicate")
            cursor.execute("DELETE FROM incoming_events WHERE line IN (SELECT line FROM known_incoming)")

    def _is_of_order(self, cursor: duckdb.DuckDBPyConnection, field: Field) -> bool:
        """Whether a column never differs within an order: then it describes the order, not the line."""
        if not self._has_order:
            return True
        query = """
            SELECT count(*) FROM (
                SELECT 1 FROM order_lines GROUP BY user_id, order_key HAVING count(DISTINCT {f}) > 1 LIMIT 1)
        """
        return cursor.execute(query.replace("{f}", quote(field.name))).fetchone()[0] == 0

    def _lay_orders(self, cursor: duckdb.DuckDBPyConnection, typed: Typed, kept: Sequence[Field]) -> list[Column]:
        own = {"order_id": "text", "n_lines": "number"} if self._has_order else {}
        if "quantity" in typed.choices:
            own["quantity"] = "number"
        wanted = _types(typed, kept, own)
        columns = layout.add_columns(cursor, "event", own | wanted)
        expressions = {"order_id": "any_value(order_id)", "n_lines": "count(*)", "quantity": "sum(quantity)"}
        sources = [expressions[name] for name in own] + [f"any_value({field.name})" for field in kept]
        values = "".join(
            f", {converted(source, kind, column.type)} AS {quote(column.column_name)}"
            for source, kind, column in zip(sources, (own | wanted).values(), columns, strict=True)
        )
        statement = """
            CREATE OR REPLACE TEMP TABLE incoming_events AS
            SELECT min(line) AS line, user_id, order_key, 'purchase' AS event, min(occurred_at) AS occurred_at,
                   sum(amount)::DECIMAL(18, 6) AS value, NULL::VARCHAR AS event_id {values}
            FROM order_lines GROUP BY user_id, order_key
        """
        cursor.execute(statement.replace("{values}", values))
        return columns

    def store(self, cursor: duckdb.DuckDBPyConnection, batch_id: int) -> Stored:
        """Append the purchases as one sorted run."""
        bounds = event_bounds(cursor)
        n = layout.append_events(cursor, batch_id, self._columns, event_ids=False)
        if self._repeats:
            repeats.hold_back(cursor, batch_id, "events", self._columns)
        if self._has_order:
            self._notes.append(info("orders_made", n=n))
        traits = keep_traits(cursor, batch_id, [column for column in self._columns if column.name != "order_id"])
        return n, bounds, (*self._notes, *traits)


class UserLayer:
    """One row per user: where a user stands in several rows, later cells win."""

    def __init__(
        self, cursor: duckdb.DuckDBPyConnection, typed: Typed, guess: Guess, source_rules: TimeRules, _name: str
    ) -> None:
        if guess.role("signup_at") is not None:
            accounts.mark_repeated(cursor, typed, has_event_id=False)
        others = [field for field in typed.fields if field.is_property]
        self._columns = layout.add_columns(cursor, "user", _types(typed, others))
        statement = """
            CREATE OR REPLACE TEMP TABLE incoming_records AS
            SELECT user_id, arg_max(signup_at, line) AS signup_at, count(*) AS n_rows {latest}
            FROM (SELECT line, user_id, {signup} AS signup_at {values} FROM typed WHERE reason IS NULL)
            GROUP BY user_id
        """
        latest = "".join(
            f", {converted(f'arg_max({field.name}, line)', typed.type(field.name), column.type)}"
            f" AS {quote(column.column_name)}"
            for field, column in zip(others, self._columns, strict=True)
        )
        values = quoted_values(cursor, typed, others, source_rules)
        signup = typed.instant(cursor, "signup_at", source_rules)
        statement = statement.replace("{latest}", latest).replace("{signup}", signup)
        cursor.execute(statement.replace("{values}", values))

    def store(self, cursor: duckdb.DuckDBPyConnection, batch_id: int) -> Stored:
        """Append the users' records."""
        layout.add_user_keys(cursor, "incoming_records")
        names = quoted_list(column.column_name for column in self._columns)
        statement = """
            INSERT INTO user_records (batch_id, user_key, signup_at {columns})
            SELECT $batch_id, user_key, signup_at {columns} FROM incoming_records JOIN user_keys USING (user_id)
            ORDER BY user_key
        """
        cursor.execute(statement.replace("{columns}", names), {"batch_id": batch_id})
        n, repeated = cursor.execute("SELECT count(*), count(*) FILTER (n_rows > 1) FROM incoming_records").fetchone()
        return n, None, (info("users_repeated", n=repeated),) if repeated else ()


class AssignmentLayer:
    """Who was put into which arm of which experiment, and when."""

    def __init__(
        self, cursor: duckdb.DuckDBPyConnection, typed: Typed, guess: Guess, source_rules: TimeRules, name: str
    ) -> None:
        if guess.role("occurred_at") is not None:
            accounts.mark_repeated(cursor, typed, has_event_id=False)
        statement = """
            CREATE OR REPLACE TEMP TABLE incoming_assignments AS
            SELECT line, user_id, variant, coalesce({experiment}, $name) AS experiment, {at} AS assigned_at
            FROM typed WHERE reason IS NULL
        """
        statement = statement.replace("{experiment}", typed.value("experiment") + "::VARCHAR")
        statement = statement.replace("{at}", typed.instant(cursor, "occurred_at", source_rules))
        cursor.execute(statement, {"name": PurePath(name).stem})
        cursor.execute(
            """
            CREATE OR REPLACE TEMP TABLE known_incoming AS
            SELECT line FROM incoming_assignments AS new JOIN user_keys USING (user_id)
            SEMI JOIN assignments AS old ON old.user_key = user_keys.user_key AND old.variant = new.variant
                AND old.experiment = new.experiment AND old.assigned_at IS NOT DISTINCT FROM new.assigned_at
            """
        )
        accounts.set_repeats_apart(cursor, "incoming_assignments", "1")
        rows = "SELECT row_no FROM typed WHERE reason IS NULL AND line IN (SELECT line FROM known_incoming)"
        typed_rows.mark(cursor, rows, "duplicate")
        cursor.execute("DELETE FROM incoming_assignments WHERE line IN (SELECT line FROM known_incoming)")

    def store(self, cursor: duckdb.DuckDBPyConnection, batch_id: int) -> Stored:
        """Append the assignments."""
        layout.add_user_keys(cursor, "incoming_assignments")
        cursor.execute(
            """
            INSERT INTO assignments
            SELECT $batch_id, experiment, user_key, variant, assigned_at
            FROM incoming_assignments JOIN user_keys USING (user_id) ORDER BY experiment, user_key
            """,
            {"batch_id": batch_id},
        )
        repeats.hold_back(cursor, batch_id, "assignments", ())
        names = cursor.execute("SELECT DISTINCT experiment FROM incoming_assignments ORDER BY 1 LIMIT 5").fetchall()
        n = cursor.execute("SELECT count(*) FROM incoming_assignments").fetchone()[0]
        return n, None, (info("experiments_found", names=[row[0] for row in names]),)


class UnitLayer:
    """A finished test: one row per unit with its arm and outcomes, kept as a table of its own."""

    def __init__(
        self, cursor: duckdb.DuckDBPyConnection, typed: Typed, guess: Guess, source_rules: TimeRules, name: str
    ) -> None:
        self._typed, self._guess, self._name = typed, guess, PurePath(name).stem
        self._others = [field for field in typed.fields if field.is_property]
        has_time = any(typed.type(field.name) == "time" for field in self._others)
        if guess.role("user_id") is not None and has_time:
            accounts.mark_repeated(cursor, typed, has_event_id=False)
        self._values = quoted_values(cursor, typed, self._others, source_rules)

    def store(self, cursor: duckdb.DuckDBPyConnection, batch_id: int) -> Stored:
        """Make the unit table of the batch."""
        columns = [
            Column(f"unit:{batch_id}", name, f"c{number}", kind)
            for number, (name, kind) in enumerate(_types(self._typed, self._others).items(), 1)
        ]
        renamed = "".join(
            f", CAST({field.name} AS {PROPERTY_TYPES[column.type]}) AS {column.column_name}"
            for field, column in zip(self._others, columns, strict=True)
        )
        statement = """
            CREATE TABLE {table} AS
            SELECT row_number() OVER (ORDER BY line) AS unit_no, user_id, variant {renamed}
            FROM (SELECT line, {user}::VARCHAR AS user_id, {variant}::VARCHAR AS variant {values}
                  FROM typed WHERE reason IS NULL)
        """
        statement = statement.replace("{table}", quote(f"unit_rows_{batch_id}")).replace("{renamed}", renamed)
        statement = statement.replace("{user}", self._typed.value("user_id"))
        statement = statement.replace("{variant}", self._typed.value("variant"))
        cursor.execute(statement.replace("{values}", self._values))
        for column in columns:
            cursor.execute(
                "INSERT INTO properties VALUES ($scope, $name, $column_name, $type)",
                {"scope": column.scope, "name": column.name, "column_name": column.column_name, "type": column.type},
            )
        statement = "SELECT count(*) FROM {table}"
        n = cursor.execute(statement.replace("{table}", quote(f"unit_rows_{batch_id}"))).fetchone()[0]
        user, variant = self._guess.role("user_id"), self._guess.role("variant")
        cursor.execute(
            "INSERT INTO unit_tables VALUES ($batch_id, $name, $n_rows, $user_column, $variant_column)",
            {
                "batch_id": batch_id,
                "name": self._name,
                "n_rows": n,
                "user_column": user and user.column,
                "variant_column": variant and variant.column,
            },
        )
        return n, None, ()


LAYERS = {
    "events": EventLayer,
    "orders": OrderLayer,
    "users": UserLayer,
    "assignments": AssignmentLayer,
    "units": UnitLayer,
    "spend": SpendLayer,
    "feedback": EventLayer,
}


def _equal_lines(cursor: duckdb.DuckDBPyConnection) -> list[Note]:
    """Order lines that equal another in every cell stay: the same article twice in one order is two lines."""
    query = (
        "SELECT coalesce(sum(n - 1), 0) FROM (SELECT count(*) AS n FROM typed WHERE reason IS NULL GROUP BY row_hash)"
    )
    n = int(cursor.execute(query).fetchone()[0])
    return [info("equal_lines_kept", n=n)] if n else []


def _types(typed: Typed, others: Sequence[Field], own: Collection[str] = ()) -> dict[str, str]:
    """Name → type of properties, one for each field and in their order."""
    names = fields.property_names(others, own)
    return {name: typed.type(field.name) for name, field in zip(names, others, strict=True)}


def event_properties(
    cursor: duckdb.DuckDBPyConnection, typed: Typed, source_rules: TimeRules
) -> tuple[list[Column], str]:
    """Columns of the properties of events (made where new) and the SQL that fills them from `typed`."""
    others = [field for field in typed.fields if field.is_property]
    columns = layout.add_columns(cursor, "event", _types(typed, others))
    values = "".join(
        f", {converted(_value(cursor, typed, field, source_rules), typed.type(field.name), column.type)}"
        f" AS {quote(column.column_name)}"
        for field, column in zip(others, columns, strict=True)
    )
    return columns, values


def quoted_values(
    cursor: duckdb.DuckDBPyConnection, typed: Typed, others: Sequence[Field], source_rules: TimeRules
) -> str:
    """`, value AS f0, …` for the fields of properties."""
    return "".join(f", {_value(cursor, typed, field, source_rules)} AS {field.name}" for field in others)


def event_bounds(cursor: duckdb.DuckDBPyConnection) -> tuple[int, int] | None:
    """First and last instant of `incoming_events`, UTC µs."""
    query = "SELECT epoch_us(min(occurred_at)), epoch_us(max(occurred_at)) FROM incoming_events"
    first, last = cursor.execute(query).fetchone()
    return None if first is None else (first, last)


def _value(cursor: duckdb.DuckDBPyConnection, typed: Typed, field: Field, source_rules: TimeRules) -> str:
    return typed.instant(cursor, field.name, source_rules) if typed.type(field.name) == "time" else field.name
