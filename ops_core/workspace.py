"""A workspace: what a page, a notebook and the command line hold in their hands."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Concatenate, ParamSpec, Self, TypeVar

import pandas as pd

from ops_core.errors import QueryError
from ops_core.intake.load import LoadOptions, Watch, load
from ops_core.intake.report import IntakeReport
from ops_core.model.annotations import Annotation
from ops_core.model.period import Period
from ops_core.model.segment import Segment
from ops_core.model.time import TimeRules
from ops_core.store import Store, backup, batches, catalog, saved
from ops_core.store import annotations as calendar
from ops_core.store.reporting import Reporting, reporting, set_reporting
from ops_core.store.upload_diff import UploadDiff, compare

P = ParamSpec("P")
R = TypeVar("R")


class Workspace:
    """Files in, questions answered. `Workspace.open(path)`, or `Workspace.memory()` for scratch; close it when done.

    One process holds a workspace file at a time; threads may share a workspace.
    """

    def __init__(self, store: Store) -> None:
        self.store = store

    @classmethod
    def memory(cls, time_zone: str = "UTC", week_start: str = "monday") -> Workspace:
        """A scratch workspace that is gone when closed."""
        return cls(Store.memory(time_zone, week_start))

    @classmethod
    def open(cls, path: str | Path, time_zone: str = "UTC", week_start: str = "monday") -> Workspace:
        """The workspace of a file, made if there is none; zone and week start count only for a new file.

        Raises:
            StoreError: another process holds the file, a newer version wrote it, or it is damaged.
        """
        return cls(Store.open(path, time_zone, week_start))

    def close(self) -> None:
        """Release the file."""
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Files in --------------------------------------------------------------------------------------------------

    def load(
        self,
        path_or_frame: str | Path | pd.DataFrame,
        kind: str = "auto",
        mapping: Mapping[str, str | None] | None = None,
        source_time_zone: str | None = None,
        as_of: dt.datetime | dt.date | str | None = None,
        *,
        date_order: str | None = None,
        replace: str | Period | None = None,
        options: LoadOptions | None = None,
        watch: Watch | None = None,
    ) -> IntakeReport:
        """Load a file or frame as one batch; the report accounts for every row and says what was decided.

        `kind`: events, orders, users, units, assignments, or `auto`. `mapping`: role → column, e.g. `{"user_id":
        "uid"}`; `"=text"` sets a constant, `None` leaves a role empty; roles not named are guessed.
        `source_time_zone`: where times without an offset were written (default: the reporting zone). `as_of`: the
        instant up to which the data is complete, in the reporting zone. `date_order`: `day_first` or `month_first`
        where the file cannot tell. `replace`: `"all"`, or the period whose rows go, to load the file in the place of
        earlier files of its series (same kind, columns largely the same); undo brings them back. Further wishes stand
        in `options` (then all of these are taken from there); `watch` hears of the progress and can stop the import.

        Raises:
            IntakeError: the file cannot be taken; the workspace is as it was.
        """
        if options is None:
            options = LoadOptions(kind, mapping, source_time_zone, as_of, date_order, replace=replace)
        return load(self.store, path_or_frame, options, watch or Watch())

    def batches(self, undone: bool = False) -> pd.DataFrame:
        """Uploads, newest first: batch_id, kind, file_name, file_hash, loaded_at (UTC), loaded_by, rows_read,
        rows_loaded, rows_duplicate, rows_quarantined, first_at, last_at, as_of (UTC), undone_at, replaced_by,
        rows_replaced. With `undone`, those taken back or replaced altogether, too.
        """
        return batches.batches(self.store, undone)

    def upload_diff(self, batch_id: int) -> UploadDiff:
        """An upload beside the previous one of its series: rows new, changed and missing, columns that came or went,
        and volume per day beside the usual.

        Raises:
            StoreError: there is no such batch, or it was undone.
        """
        return compare(self.store, batch_id)

    def undo(self, batch_id: int) -> None:
        """Take a batch back: the workspace is as if it had never been loaded; only the history still names it.

        What it had replaced comes back. A backup is made first; the last few of those are kept.

        Raises:
            StoreError: there is no such batch, it was taken back already, or another batch has replaced all of it.
        """
        backup.automatic(self.store)
        batches.undo(self.store, batch_id)

    def backup(self, path: str | Path | None = None) -> Path:
        """Copy the workspace as it is at this instant, while others read and write; returns the file.

        Without a path the copy goes to the folder `backups` beside the workspace file.

        Raises:
            StoreError: the file exists already, or cannot be written.
        """
        return backup.backup(self.store, path)

    # What is in it ---------------------------------------------------------------------------------------------

    @property
    def path(self) -> str:
        """The file, or `:memory:`."""
        return self.store.path

    @property
    def name(self) -> str:
        """The workspace's name: as set, else its file's name."""
        return str(self.store.setting("name") or Path(self.path).stem)

    @property
    def rules(self) -> TimeRules:
        """Reporting zone and week start."""
        return self.store.rules

    @property
    def data_version(self) -> int:
        """Number that changes with every write."""
        return self.store.data_version

    @property
    def as_of_us(self) -> int | None:
        """Instant up to which the data is declared complete, UTC µs; `None` without data."""
        return self.store.as_of_us

    @property
    def as_of(self) -> dt.datetime | None:
        """The same instant in the reporting zone."""
        return None if self.as_of_us is None else self.rules.moment(self.as_of_us)

    def data_period(self) -> Period:
        """From the local day of the first event to the local day that as-of ends.

        Raises:
            QueryError: there are no events yet.
        """
        first_us = catalog.first_event_us(self.store)
        if first_us is None:
            raise QueryError("no_data_yet")
        rules = self.rules
        first, last = rules.local_days([first_us, max(self.as_of_us - 1, first_us)])
        return Period.of_days(int(first), int(last) + 1)

    def event_names(self) -> pd.DataFrame:
        """Events by volume: event, n_events, n_users, first_at, last_at (UTC), is_passive, counts_revenue."""
        return catalog.event_names(self.store)

    def properties(self, scope: str = "user") -> pd.DataFrame:
        """Properties of `user`, `event` or `unit:<batch_id>`: name, type, n_distinct."""
        return catalog.properties(self.store, scope)

    def property_values(self, prop: str, limit: int = 20) -> pd.DataFrame:
        """The most frequent values of a property (`user.channel`, `coupon`): value (text), n.

        Raises:
            QueryError: no such property.
        """
        return catalog.property_values(self.store, prop, limit)

    # How it reports --------------------------------------------------------------------------------------------

    @property
    def reporting(self) -> Reporting:
        """Zone, first day of the week, currency and passive events."""
        return reporting(self.store)

    def set_reporting(self, wanted: Reporting) -> None:
        """Report like this from now on.

        Raises:
            QueryError: a passive event that no event is called.
        """
        set_reporting(self.store, wanted)

    def annotations(self) -> tuple[Annotation, ...]:
        """What happened when (campaigns, releases, holidays …), by first day; charts over time mark it."""
        return calendar.annotations(self.store)

    def set_annotations(self, wanted: Iterable[Annotation]) -> None:
        """From now on exactly these annotations."""
        calendar.set_annotations(self.store, wanted)

    # Segments --------------------------------------------------------------------------------------------------

    def save_segment(self, segment: Segment) -> None:
        """Keep a segment under its name; an older one of that name is replaced."""
        saved.save(self.store, "segment", segment.name, saved.segment_body(segment))

    def segments(self) -> list[Segment]:
        """The saved segments, by name."""
        return [saved.segment_of(name, body) for name, body in saved.load_all(self.store, "segment").items()]

    def delete_segment(self, name: str) -> None:
        """Forget a saved segment.

        Raises:
            StoreError: there is none of that name.
        """
        saved.delete(self.store, "segment", name)


def one_state(analysis: Callable[Concatenate[Workspace, P], R]) -> Callable[Concatenate[Workspace, P], R]:
    """An analysis whose queries all see one state of the data: what is imported meanwhile shows in the next answer."""

    @functools.wraps(analysis)
    def analysis_of_one_state(workspace: Workspace, *args: P.args, **kwargs: P.kwargs) -> R:
        with workspace.store.reading():
            return analysis(workspace, *args, **kwargs)

    return analysis_of_one_state
