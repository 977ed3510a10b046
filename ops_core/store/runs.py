"""The rows of an import laid down as one run sorted by (event_code, user_key, occurred_at), in pieces.

A piece is a range of the order: some event codes, or of a frequent event the rows of some users. Piece by piece in
order they make one run, and only a piece is ever sorted in memory.

Every function works on the cursor of a running `Store.write()`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import duckdb
import numpy as np

from ops_core.store.schema import quoted_list

_ROWS_AT_ONCE = 30_000_000
_NARROW = 2  # so many further columns take as much memory as the key and value do
_CODES = "SELECT event_code, count(*) FROM incoming_events JOIN incoming_codes ON written = event GROUP BY 1 ORDER BY 1"
_USERS = """
    SELECT user_key, count(*) AS n FROM incoming_events
    JOIN incoming_codes AS codes ON codes.written = event JOIN incoming_user_keys AS keys ON keys.written = user_id
    WHERE event_code = $code GROUP BY 1 ORDER BY 1
"""
_INSERT = """
    INSERT INTO events (event_code, user_key, occurred_at, value, batch_id {given})
    SELECT event_code, user_key, occurred_at, value, $batch_id {given} FROM (
        SELECT codes.event_code, keys.user_key, occurred_at, value {given}
        FROM incoming_events
        JOIN {keys} AS keys ON keys.written = incoming_events.user_id
        JOIN {codes} AS codes ON codes.written = incoming_events.event
        ORDER BY {order})
"""
_SOME_KEYS = "(FROM incoming_user_keys WHERE user_key BETWEEN $first_user AND $last_user)"
_SOME_CODES = "(FROM incoming_codes WHERE event_code BETWEEN $first_code AND $last_code)"


@dataclass(frozen=True)
class _Piece:
    """Rows of these events and users, both ends inclusive; None: all users."""

    codes: tuple[int, int]
    users: tuple[int, int] | None = None


def insert_sorted(cursor: duckdb.DuckDBPyConnection, batch_id: int, given: Sequence[str]) -> int:
    """Append the rows of `incoming_events` with the columns `given` besides key and value; how many they are.

    `incoming_user_keys` and `incoming_codes` say which key and code an id and a name as written stand for.
    """
    # What is the same in every row is added after the sorting, and a row that is all key is sorted without a detour.
    statement = _INSERT.replace("{given}", quoted_list(given)).replace("{order}", "1, 2, 3" if given else "1, 2, 3, 4")
    at_once = _ROWS_AT_ONCE * _NARROW // (_NARROW + len(given))
    if cursor.execute("SELECT count(*) FROM incoming_events").fetchone()[0] <= at_once:
        whole = statement.replace("{keys}", "incoming_user_keys").replace("{codes}", "incoming_codes")
        return cursor.execute(whole, {"batch_id": batch_id}).fetchone()[0]
    n = 0
    for piece in _pieces(cursor, at_once):
        limits = {"first_code": piece.codes[0], "last_code": piece.codes[1]}
        keys = "incoming_user_keys"
        if piece.users is not None:
            keys = _SOME_KEYS
            limits |= {"first_user": piece.users[0], "last_user": piece.users[1]}
        of_piece = statement.replace("{keys}", keys).replace("{codes}", _SOME_CODES)
        n += cursor.execute(of_piece, {"batch_id": batch_id, **limits}).fetchone()[0]
    return n


def _pieces(cursor: duckdb.DuckDBPyConnection, at_once: int) -> Iterator[_Piece]:
    """The pieces in order, none of them without rows, since DuckDB 2.0.0 loses what is inserted after nothing was.

    Each has about `at_once` rows at most, unless one user has more of one event.
    """
    together: list[int] = []
    room = at_once
    for code, n in cursor.execute(_CODES).fetchall():
        if n > room and together:
            yield _Piece((together[0], together[-1]))
            together, room = [], at_once
        if n > at_once:
            for users in _ranges(cursor, code, at_once):
                yield _Piece((code, code), users)
        else:
            together.append(code)
            room -= n
    if together:
        yield _Piece((together[0], together[-1]))


def _ranges(cursor: duckdb.DuckDBPyConnection, code: int, at_once: int) -> list[tuple[int, int]]:
    """First and last user of stretches of users who together have about `at_once` rows of an event."""
    counted = cursor.execute(_USERS, {"code": code}).fetchnumpy()
    users, n = np.asarray(counted["user_key"]), np.asarray(counted["n"])
    stretch = (np.cumsum(n) - n) // at_once
    edges = [0, *(np.flatnonzero(np.diff(stretch)) + 1).tolist(), len(users)]
    return [(int(users[first]), int(users[end - 1])) for first, end in itertools.pairwise(edges)]
