"""One workspace file: opening, cursors, transactions, settings, names."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import re
import shutil
import tempfile
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

import duckdb

from ops_core.errors import QueryError, StoreError, nearest
from ops_core.model.time import TimeRules
from ops_core.store import snapshot
from ops_core.store.schema import MIGRATIONS, SCHEMA_VERSION, Column
from ops_core.store.turns import Turns

MEMORY_PATH = ":memory:"
_PATIENCE_SECONDS = 60.0

# The error names the file, too, and a file may be called clock.duckdb: whole phrases only.
_HELD_ELSEWHERE = re.compile(r"could not set lock|conflicting lock|used by another process", re.IGNORECASE)


class Store:
    """A workspace database. `Store.open(path)` or `Store.memory()`; close it when done.

    Reads go through `cursor()`, a cursor of their own each (one connection object shared by threads returns wrong
    results). Writes go through `write()`: one transaction, one writer at a time, a new data version.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, path: str, staging: Path) -> None:
        self._connection = connection
        self._write_lock = threading.RLock()
        self._cursors = threading.Condition()  # the engine refuses to close, or a second call, while one is under way
        self._n_cursors = 0
        self._is_closing = False
        self._turns = Turns()
        self._n_writes = 0
        self._small: dict[str, tuple[int, list[tuple]]] = {}  # small answers, as read after so many writes
        self.path = path
        self.staging = staging

    # Opening ---------------------------------------------------------------------------------------------------

    @classmethod
    def memory(cls, time_zone: str = "UTC", week_start: str = "monday") -> Store:
        """A scratch workspace that is gone when closed."""
        return cls._connect(MEMORY_PATH, TimeRules(time_zone, week_start))

    @classmethod
    def open(cls, path: str | Path, time_zone: str = "UTC", week_start: str = "monday") -> Store:
        """A workspace file, made if there is none. Zone and week start count only for a new file.

        Raises:
            StoreError: another process or this one holds the file, a newer version wrote it, or it is damaged.
        """
        return cls._connect(str(path), TimeRules(time_zone, week_start))

    @classmethod
    def _connect(cls, path: str, rules: TimeRules) -> Store:
        name = Path(path).name
        if path != MEMORY_PATH:
            try:
                Path(path).parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise StoreError("workspace_folder", path=name, reason=error.strerror or "") from error
        try:
            connection = duckdb.connect(path)
        except duckdb.IOException as error:
            holder = re.search(r"PID (\d+)", str(error))
            if _HELD_ELSEWHERE.search(str(error)):
                raise StoreError("workspace_in_use", path=name, holder=holder[1] if holder else "?") from error
            raise StoreError("workspace_damaged", path=name) from error
        except duckdb.Error as error:
            raise StoreError("workspace_damaged", path=name) from error
        staging = Path(tempfile.mkdtemp(prefix="opsdeck-")).resolve()
        store = cls(connection, path, staging)
        try:
            store._harden()
            store._migrate(name, rules)
        except duckdb.InvalidInputException as error:
            # The engine hands the same locked database to everybody in one program: its settings cannot be set twice.
            store.close()
            raise StoreError("workspace_open_here", path=name) from error
        except BaseException:
            store.close()
            raise
        return store

    def _harden(self) -> None:
        """Lock the engine down; the order matters: paths first, the lock last."""
        # Only the staging folder can be read or written by SQL: intake links or copies a person's file there.
        folders = (
            [str(self.staging)]
            if self.path == MEMORY_PATH
            else [str(self.staging), str(Path(self.path).resolve().parent)]
        )
        run = self._connection.execute
        run("SET allowed_directories = $folders", {"folders": folders})
        run("SET temp_directory = $folder", {"folder": str(self.staging / "spill")})
        run("SET TimeZone = 'UTC'")
        run("SET autoinstall_known_extensions = false")
        run("SET autoload_known_extensions = false")
        run("SET allow_community_extensions = false")
        run("SET allow_persistent_secrets = false")
        run("SET python_enable_replacements = false")
        run("SET threads = $threads", {"threads": os.cpu_count() or 1})
        run("SET memory_limit = $limit", {"limit": f"{_memory_budget_mb()}MB"})
        run("SET enable_external_access = false")
        run("SET lock_configuration = true")

    def _migrate(self, name: str, rules: TimeRules) -> None:
        with self.cursor() as cursor:
            found = cursor.execute("SELECT table_name FROM duckdb_tables() WHERE NOT temporary").fetchall()
            tables = {row[0] for row in found}
            if tables and "meta" not in tables:
                raise StoreError("not_a_workspace", path=name)
            version = cursor.execute("SELECT schema_version FROM meta").fetchone()[0] if tables else 0
        if version > SCHEMA_VERSION:
            raise StoreError("workspace_newer", path=name, found=version, known=SCHEMA_VERSION)
        if version == SCHEMA_VERSION:
            return
        if version and Path(self.path).parent.name != snapshot.FOLDER:  # a backup is not backed up again
            with self.cursor() as cursor:
                snapshot.copy(cursor, self.staging, snapshot.place(self.path, snapshot.AUTOMATIC))
        with self.write() as cursor:
            for script in MIGRATIONS[version:]:
                cursor.execute(script)
            if version == 0:
                cursor.execute(
                    "INSERT INTO meta VALUES ($version, 0, current_timestamp::TIMESTAMP)", {"version": SCHEMA_VERSION}
                )
                self.put_setting(cursor, "time_zone", rules.zone)
                self.put_setting(cursor, "week_start", rules.week_start)
            else:
                cursor.execute("UPDATE meta SET schema_version = $version", {"version": SCHEMA_VERSION})

    def close(self) -> None:
        """Release the file and remove what was staged, as soon as what others are at is done."""
        with self._cursors:
            self._is_closing = True
            self._cursors.wait_for(lambda: self._n_cursors == 0, timeout=_PATIENCE_SECONDS)
            self._connection.close()
        shutil.rmtree(self.staging, ignore_errors=True)

    # Reading and writing ---------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def cursor(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor of one's own for one piece of reading."""
        with self._cursors:
            if self._is_closing:
                raise StoreError("workspace_closed", path=Path(self.path).name)
            cursor = self._connection.cursor()
            self._n_cursors += 1
        try:
            yield cursor
        finally:
            cursor.close()
            with self._cursors:
                self._n_cursors -= 1
                self._cursors.notify_all()

    @contextlib.contextmanager
    def write(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """One transaction: all of it or nothing. Raises the data version, so that cached answers fall away."""
        with self._write_lock, self.cursor() as cursor:
            cursor.execute("BEGIN TRANSACTION")
            try:
                yield cursor
                cursor.execute("UPDATE meta SET data_version = data_version + 1")
                with self._turns.committing():
                    cursor.execute("COMMIT")
                    self._n_writes += 1
            except BaseException:
                with contextlib.suppress(duckdb.Error):
                    cursor.execute("ROLLBACK")
                self._n_writes += 1
                raise

    def reading(self) -> contextlib.AbstractContextManager[None]:
        """A block whose queries all see one state of the data, whatever is imported meanwhile."""
        return self._turns.reading()

    def checkpoint(self) -> None:
        """Fold the write-ahead log into the file."""
        with self._write_lock, self.cursor() as cursor, contextlib.suppress(duckdb.TransactionException):
            cursor.execute("CHECKPOINT")

    @property
    def data_version(self) -> int:
        """Number that changes with every write."""
        return self.small_rows("SELECT data_version FROM meta")[0][0]

    def small_rows(self, query: str) -> list[tuple]:
        """The rows of a constant query with a small answer: one read serves all who ask until the next write."""
        n_writes, rows = self._small.get(query, (-1, []))
        if n_writes != self._n_writes:
            n_writes = self._n_writes
            with self.cursor() as cursor:
                rows = cursor.execute(query).fetchall()
            self._small[query] = (n_writes, rows)
        return rows

    # Settings --------------------------------------------------------------------------------------------------

    def setting(self, key: str, default: object = None) -> object:
        """A setting's value, or `default` when it was never set."""
        settings = dict(self.small_rows("SELECT key, value FROM settings"))
        return default if key not in settings else json.loads(settings[key])

    @staticmethod
    def put_setting(cursor: duckdb.DuckDBPyConnection, key: str, value: object) -> None:
        """Set a setting inside a running `write()`."""
        text = json.dumps(value, ensure_ascii=False)
        cursor.execute("INSERT OR REPLACE INTO settings VALUES ($key, $value)", {"key": key, "value": text})

    @property
    def rules(self) -> TimeRules:
        """The reporting zone and week start."""
        return TimeRules(str(self.setting("time_zone", "UTC")), str(self.setting("week_start", "monday")))

    @property
    def as_of_us(self) -> int | None:
        """Instant up to which the data is declared complete (UTC µs); `None` while there is no data."""
        value = self.setting("as_of_us")
        return None if value is None else int(value)

    # Names -----------------------------------------------------------------------------------------------------

    def columns(self, scope: str) -> list[Column]:
        """The properties of a scope (`user`, `event`, `unit:<batch_id>`) in the order they appeared."""
        rows = self.small_rows(
            "SELECT scope, name, column_name, type FROM properties ORDER BY length(column_name), column_name"
        )
        return [Column(*row) for row in rows if row[0] == scope]

    def column(self, scope: str, name: str) -> Column:
        """The property of a name.

        Raises:
            QueryError: no such property, with the nearest names.
        """
        known = {column.name: column for column in self.columns(scope)}
        if name not in known:
            near = self._spelled_like(scope, name)
            raise QueryError("unknown_property", name=name, nearest=near)
        return known[name]

    def _spelled_like(self, scope: str, name: str) -> list[str]:
        """Properties to offer instead of an unknown one, written as a query writes them (`user.channel`, `value`)."""
        if scope not in ("user", "event"):
            names = [column.name for column in self.columns(scope)]
            return nearest(name, names) or names[:3]
        of_users = {column.name: f"user.{column.name}" for column in self.columns("user")}
        of_events = {column.name: column.name for column in self.columns("event")} | {"value": "value"}
        # The same word in the other scope is the usual slip, so both are offered; the asked scope wins.
        written = of_events | of_users if scope == "user" else of_users | of_events
        return [written[near] for near in nearest(name, written) or list(written)[:3]]

    def event_codes(self, names: Iterable[str]) -> list[int]:
        """Codes of event names, in their order.

        Raises:
            QueryError: a name that no event has, with the nearest names; or there is no event at all.
        """
        known = dict(self.small_rows("SELECT name, event_code FROM event_names"))
        names = list(names)
        if names and not known:
            raise QueryError("no_data_yet")
        codes = []
        for name in names:
            if name not in known:
                raise QueryError("unknown_event", name=name, nearest=nearest(name, known) or list(known)[:3])
            codes.append(known[name])
        return codes


def _memory_budget_mb() -> int:
    """Half of the machine's memory, at least 1 GB: the rest is for arrays and the app."""
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        total = 8 << 30
    return max(1024, total // 2 >> 20)


def utc_datetime(utc_us: int) -> dt.datetime:
    """UTC microseconds as the naive datetime that TIMESTAMP parameters take."""
    return dt.datetime(1970, 1, 1) + dt.timedelta(microseconds=int(utc_us))
