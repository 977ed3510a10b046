"""How spend is laid down: one row per channel and day, as written."""

from __future__ import annotations

import duckdb

from ops_core.intake.meaning import Guess
from ops_core.intake.notes import Note, info, warning
from ops_core.intake.proof import Typed
from ops_core.model.time import TimeRules


class SpendLayer:
    """What a channel cost on a day. Rows of one file add up; a later file replaces the days of the channels in it."""

    def __init__(
        self, cursor: duckdb.DuckDBPyConnection, typed: Typed, _guess: Guess, source_rules: TimeRules, _name: str
    ) -> None:
        # A day is a day wherever it was written: only a time with its own offset has to be brought to a zone.
        statement = """
            CREATE OR REPLACE TEMP TABLE incoming_spend AS
            SELECT coalesce(occurred_at_wall, {at})::DATE AS local_day, trim(coalesce({channel}, '')) AS channel, value
            FROM typed WHERE reason IS NULL
        """
        statement = statement.replace("{at}", typed.instant(cursor, "occurred_at", source_rules))
        cursor.execute(statement.replace("{channel}", typed.value("channel") + "::VARCHAR"))

    def store(self, cursor: duckdb.DuckDBPyConnection, batch_id: int) -> tuple[int, None, tuple[Note, ...]]:
        """Append the days."""
        cursor.execute(
            "INSERT INTO spend SELECT $batch_id, local_day, channel, value::DECIMAL(18, 6) FROM incoming_spend",
            {"batch_id": batch_id},
        )
        n, replaced, without = cursor.execute(
            """
            SELECT count(*), count(*) FILTER (EXISTS (
                       SELECT 1 FROM spend AS old WHERE old.batch_id <> $batch_id
                       AND old.local_day = new.local_day AND old.channel = new.channel)),
                   count(*) FILTER (channel = '')
            FROM incoming_spend AS new
            """,
            {"batch_id": batch_id},
        ).fetchone()
        notes = [info("spend_replaced", n=replaced)] if replaced else []
        return n, None, (*notes, *([warning("spend_without_channel", n=without)] if without else []))
