"""A file becomes a batch: staged as text, understood, typed, checked, laid down. One transaction, all or nothing.

source (text rows) → roles.guess → proof.lay_out (table `typed`) → accounts (duplicates, quarantine) → kind's layer
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb
import pandas as pd

from ops_core.errors import IntakeError, Phrase
from ops_core.intake import accounts, batch, checks, fields, instead, laying, proof, roles
from ops_core.intake.batch import Counts
from ops_core.intake.looks import SAMPLE_ROWS
from ops_core.intake.meaning import Guess
from ops_core.intake.notes import Note, info
from ops_core.intake.proof import Typed
from ops_core.intake.report import IntakeReport, no_problems
from ops_core.intake.source import PresumptionError, Source, SourceOptions, frame_source, open_source
from ops_core.intake.watch import Watch
from ops_core.model.time import TimeRules
from ops_core.store import Store, batches, compaction, derived

MAX_QUARANTINED_SHARE = 0.5
MAX_PROPERTIES = 400
FEW_ROWS = 20  # in a file of fewer rows a share says little: the good ones are loaded, the others listed
DATE_ORDERS = ("day_first", "month_first")
DECIMALS = ("point", "comma")


@dataclass(frozen=True)
class LoadOptions:
    """What a person says about a table; the defaults are guessed or follow the definitions.

    `as_of`: ISO text, date or datetime in the reporting zone. `date_order`: `day_first` or `month_first` where the
    file cannot tell. `max_quarantined_share`: above it nothing is loaded. `name`: what the batch is called. `decimal`:
    `point` or `comma` where numbers like 1.234 could be either. `replace`: `all`, or the period (in the reporting
    zone) whose rows of earlier files of the same series go; `None` adds to them.
    """

    kind: str = "auto"
    mapping: Mapping[str, str | None] | None = None
    source_time_zone: str | None = None
    as_of: object = None
    date_order: str | None = None
    max_quarantined_share: float = MAX_QUARANTINED_SHARE
    name: str | None = None
    source: SourceOptions = field(default_factory=SourceOptions)
    replace: instead.Replace = None
    decimal: str | None = None


def load(store: Store, given: str | Path | pd.DataFrame, options: LoadOptions, watch: Watch) -> IntakeReport:
    """Load a file or frame as one batch; the report accounts for every row.

    Raises:
        IntakeError: the file cannot be taken, a column is missing, too many rows are wrong, or it was cancelled; the
            workspace is as it was.
    """
    if options.date_order not in (None, *DATE_ORDERS):
        raise IntakeError("unknown_date_order", value=options.date_order, allowed=list(DATE_ORDERS))
    try:
        return _loaded(store, given, replace(options, source=replace(options.source, presume=True)), watch)
    except PresumptionError:
        return _loaded(store, given, options, watch)


def _loaded(store: Store, given: str | Path | pd.DataFrame, options: LoadOptions, watch: Watch) -> IntakeReport:
    if options.decimal not in (None, *DECIMALS):
        raise IntakeError("unknown_decimal", value=options.decimal, allowed=list(DECIMALS))
    watch.step("reading", 0.0)
    with opened(store, given, options, lambda: watch.step("reading", 0.0)) as source:
        sample = sampled(source)
        guess, notes = understood(store, source, sample, options)
        if len(guess.properties) > MAX_PROPERTIES:
            raise IntakeError("too_many_columns", columns=len(source.columns), limit=MAX_PROPERTIES)
        rules = store.rules
        bounds = instead.bounds_of(options.replace, guess, rules)
        same = batch.loaded_before(store, source, guess)
        if same is not None and (bounds is None or instead.is_there(store, same, guess, source.name, bounds)):
            return _known(source, guess, same)
        source_rules = TimeRules(options.source_time_zone or rules.zone)
        return _Import(store, source, sample, guess, options, watch, source_rules, notes, bounds).run()


def sampled(source: Source) -> pd.DataFrame:
    """The first rows of a source as text.

    Raises:
        PresumptionError: they cannot be parsed.
    """
    try:
        return source.sample(SAMPLE_ROWS).iloc[:, 1:]
    except duckdb.Error:
        if source.is_presumed:
            raise PresumptionError from None
        raise


def understood(
    store: Store, source: Source, sample: pd.DataFrame, options: LoadOptions
) -> tuple[Guess, tuple[Note, ...]]:
    """Kind and roles: as said, else as the last file with the same columns was read, else guessed.

    Raises:
        IntakeError: they cannot be told.
    """
    template = None if options.kind != "auto" or options.mapping else batch.remembered(store, source.columns)
    if template is None:
        return roles.guess(source.columns, sample, options.kind, options.mapping), ()
    batch_id, kind, mapping = template
    return roles.guess(source.columns, sample, kind, mapping), (info("mapping_remembered", batch=batch_id),)


def opened(
    store: Store, given: str | Path | pd.DataFrame, options: LoadOptions, pulse: Callable[[], None] | None = None
) -> Source:
    """The source behind a path or a frame, readable by the store; see `open_source` for `pulse`."""
    of_source = replace(options.source, staging=store.staging)
    if isinstance(given, pd.DataFrame):
        return frame_source(given, options.name or "table", options=of_source)
    return open_source(given, options=of_source, pulse=pulse)


def would_go_for(store: Store, given: str | Path | pd.DataFrame, options: LoadOptions) -> pd.DataFrame:
    """What loading a file in the place of earlier ones would take out: see `instead.would_go`.

    Raises:
        IntakeError: the file cannot be taken.
    """
    with opened(store, given, options) as source:
        guess, _ = understood(store, source, source.sample(SAMPLE_ROWS).iloc[:, 1:], options)
        bounds = instead.bounds_of(options.replace, guess, store.rules)
        with store.cursor() as cursor:
            experiments = instead.experiments_of(cursor, source, guess)
        return instead.would_go(store, guess.kind, source.columns, source.name, bounds, experiments)


@dataclass(frozen=True)
class _Import:
    store: Store
    source: Source
    sample: pd.DataFrame
    guess: Guess
    options: LoadOptions
    watch: Watch
    source_rules: TimeRules
    notes: tuple[Note, ...]
    replaced: tuple[int, int] | None

    def run(self) -> IntakeReport:
        with self.store.write() as cursor, self.watch.over(cursor):
            done = self._inside(cursor)
        self.store.checkpoint()
        compaction.compact_when_due(self.store)
        if self.watch.progress is not None:
            self.watch.progress("done", 1.0)
        return done

    def _inside(self, cursor: duckdb.DuckDBPyConnection) -> IntakeReport:
        typed = self._type(cursor)
        self.watch.step("checking", 0.4)
        declared = batch.as_of_of(self.options.as_of, None, False, self.store.rules, self.source_rules)
        notes = list(checks.mark_future(cursor, typed, self.source_rules, declared))
        batch_id = batch.next_batch_id(cursor)
        room = instead.make_room(cursor, batch_id, self.source, self.guess, self.replaced)
        layer = laying.LAYERS[self.guess.kind](cursor, typed, self.guess, self.source_rules, self.source.name)
        duplicates = accounts.duplicates(cursor, typed)
        accounts.take_out_duplicates(cursor)
        found = accounts.problems(cursor, self.source, typed)
        counts = self._counted(len(duplicates), found)
        self.watch.step("storing", 0.5)
        n_stored, bounds, of_layer = layer.store(cursor, batch_id)
        counts = replace(counts, stored=n_stored)
        self.watch.step("summarising", 0.7)
        notes += checks.id_notes(cursor, typed, self.guess.kind)
        notes += checks.key_notes(cursor, typed)
        notes += checks.clock_notes(cursor, typed, self.source_rules)
        notes += checks.stranger_notes(cursor, self.guess.kind)
        together = (*self.source.notes, *self.notes, *typed.notes, *room.notes, *notes, *of_layer)
        previous = self.store.as_of_us
        as_of = batch.as_of_of(
            self.options.as_of, bounds, typed.dates_only(cursor), self.store.rules, self.source_rules
        )
        accounts.store_problems(cursor, batch_id, found)
        batch.record(cursor, batch_id, self.source, self.guess, counts, together, bounds, (as_of, previous))
        if room.gone:
            batches.forget_names(cursor)
            derived.rebuild(cursor, self.store.rules)
        else:
            derived.add_batch(cursor, self.store.rules, batch_id)
        report = self._report(counts, batch_id, together, found, duplicates, as_of)
        return replace(report, rows_replaced=room.n_rows)

    def _type(self, cursor: duckdb.DuckDBPyConnection) -> Typed:
        self.watch.step("typing", 0.1)
        wanted = fields.wanted_fields(self.guess, self.sample, self.options.decimal)
        return proof.lay_out(cursor, self.source, wanted, self.sample, self.options.date_order)

    def _counted(self, n_duplicate: int, found: pd.DataFrame) -> Counts:
        read, n_quarantined = self.source.rows_in_file, len(found)
        too_many = n_quarantined > self.options.max_quarantined_share * read and read >= FEW_ROWS
        if too_many or n_quarantined == read:
            usual = found["reason"].mode().iloc[0]
            first = found[found["reason"] == usual].iloc[0]
            raise IntakeError(
                "too_many_quarantined",
                n=n_quarantined,
                rows=read,
                limit=round(self.options.max_quarantined_share * 100),
                reason=Phrase(f"intake.reject.{usual}", json.loads(first["detail"])),
                line=first["line"],
                value=first["value"] or "",
            )
        return Counts(read, read - n_duplicate - n_quarantined, n_duplicate, n_quarantined, 0)

    def _report(
        self,
        counts: Counts,
        batch_id: int,
        notes: tuple[Note, ...],
        found: pd.DataFrame,
        duplicates: pd.DataFrame,
        as_of: int | None,
    ) -> IntakeReport:
        return IntakeReport(
            kind=self.guess.kind,
            file_name=self.source.name,
            rows_read=counts.read,
            rows_loaded=counts.loaded,
            rows_duplicate=counts.duplicate,
            rows_quarantined=counts.quarantined,
            batch_id=batch_id,
            n_stored=counts.stored,
            guess=self.guess,
            notes=notes,
            problems=found,
            duplicates=duplicates,
            as_of_us=as_of,
        )


def _known(source: Source, guess: Guess, same: int) -> IntakeReport:
    """The report of a file that is there already: nothing is stored, every row counts as a duplicate or rejected."""
    rejected = accounts.rejected(source)
    return IntakeReport(
        kind=guess.kind,
        file_name=source.name,
        rows_read=source.rows_in_file,
        rows_loaded=0,
        rows_duplicate=source.rows_in_file - len(rejected),
        rows_quarantined=len(rejected),
        batch_id=None,
        n_stored=0,
        guess=guess,
        notes=(info("same_file", batch=same),),
        problems=rejected if len(rejected) else no_problems(),
        duplicates=pd.DataFrame({"line": pd.Series(dtype="int64")}),
        same_as_batch=same,
    )
