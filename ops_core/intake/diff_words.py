"""What an upload says differently from the one before it, as sentences for the screen and the command line."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from ops_core.intake.instead import Replace
from ops_core.locale import Translator
from ops_core.model.period import Period
from ops_core.store.upload_diff import Upload, UploadDiff, column_changes

_SHOWN_DAYS, _SHOWN_COLUMNS = 3, 8
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def sentences(diff: UploadDiff, t: Translator) -> list[str]:
    """The comparison, the most important first; never empty."""
    if diff.previous is None:
        return [t("upload.first"), *_volumes(diff, t)]
    return [*_rows(diff, t), *changed_columns(diff.appeared, diff.vanished, t), *_volumes(diff, t)]


def before_loading(previous: Upload | None, columns: Sequence[str], n_rows: int, t: Translator) -> list[str]:
    """What can be said of a file before it is loaded: the last one of its series, its rows, its columns."""
    if previous is None:
        return [t("upload.first_soon")]
    said = t(
        "upload.before",
        batch=previous.batch_id,
        file=previous.file_name,
        date=t.date(previous.loaded_at.date(), year=True),
        before=t.number(previous.rows_read),
        now=t.number(n_rows),
    )
    return [said, *changed_columns(*column_changes(previous.columns, tuple(columns)), t)]


def changed_columns(appeared: Sequence[str], vanished: Sequence[str], t: Translator) -> list[str]:
    """Columns that came and went."""
    said = []
    for key, names in (("upload.appeared", appeared), ("upload.vanished", vanished)):
        if names:
            shown = [*names[:_SHOWN_COLUMNS], *(["…"] if len(names) > _SHOWN_COLUMNS else [])]
            said.append(t(key, columns=t.join(shown)))
    return said


def would_go_words(going: pd.DataFrame, replace: Replace, t: Translator) -> list[str]:
    """What a replacement takes out, file by file (a frame of `instead.would_go`)."""
    if going.empty:
        return [t("upload.nothing_goes")]
    what = t("upload.goes_all")
    if isinstance(replace, Period):
        what = t("upload.goes_days", days=t.date_range(replace.first_date, replace.last_date, year=True))
    said = [t("upload.goes", what=what, rows=t.number(int(going["rows"].sum())), n=len(going))]
    for row in going.itertuples(index=False):
        key = "upload.goes_whole" if row.whole else "upload.goes_part"
        said.append(t(key, batch=row.batch_id, file=row.file_name, rows=t.number(int(row.rows))))
    return said


def _rows(diff: UploadDiff, t: Translator) -> list[str]:
    previous = diff.previous
    with_what = {"batch": previous.batch_id, "file": previous.file_name}
    if diff.n_new is None:
        return [t("upload.too_large", **with_what)]
    compared = diff.n_new + diff.n_changed + diff.n_missing + diff.n_same
    if not compared:
        return [t("upload.apart", outside=t.number(diff.n_outside), **with_what)]
    counts = {name: t.number(getattr(diff, f"n_{name}")) for name in ("new", "changed", "missing", "same", "outside")}
    said = [t("upload.rows" if diff.key else "upload.rows_keyless", **with_what, **counts)]
    if diff.n_outside:
        said.append(t("upload.outside", outside=counts["outside"]))
    said.append(t(f"upload.key_{diff.upload.kind}" if diff.key else "upload.no_key"))
    if diff.n_changed_kept_out:
        said.append(t("upload.kept_out", rows=t.number(diff.n_changed_kept_out)))
    return said


def _volumes(diff: UploadDiff, t: Translator) -> list[str]:
    volumes = diff.volumes
    if volumes.empty:
        return []
    n_told = int(volumes["share"].notna().sum())
    if not n_told:
        return [t("upload.volume_unknown")]
    odd = volumes[volumes["is_odd"]].sort_values("share")
    if odd.empty:
        return [t("upload.volume_usual", days=t.number(n_told))]
    said = [
        t(
            "upload.volume_odd",
            weekday=t(f"upload.{_WEEKDAYS[row.day.weekday()]}"),
            date=t.date(row.day, year=True),
            share=t.share(row.share, digits=0),
            rows=t.number(row.n_rows),
            usual=t.number(row.usual),
            weeks=t.number(row.n_weeks),
        )
        for row in odd.head(_SHOWN_DAYS).itertuples(index=False)
    ]
    if len(odd) > _SHOWN_DAYS:
        said.append(t("upload.volume_more", days=t.number(len(odd) - _SHOWN_DAYS)))
    return said
