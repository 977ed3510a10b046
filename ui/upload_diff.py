"""An upload beside the one before it, and how a file takes its place among earlier ones."""

from __future__ import annotations

import dataclasses
import datetime as dt

import pandas as pd
import streamlit as st

from ops_core.errors import OpsError
from ops_core.intake import diff_words, instead
from ops_core.intake.load import LoadOptions, would_go_for
from ops_core.model.period import Period
from ops_core.model.time import TimeRules
from ops_core.store.upload_diff import UploadDiff, previous_upload, same_file
from ops_core.workspace import Workspace
from ui import layout, session
from ui.current import screen
from ui.import_one import Ready
from ui.tables import Column, table
from ui.text import plain

_ADD, _DAYS, _ALL = "add", "days", "all"


def how_to_load(ready: Ready) -> Ready | None:
    """Say what the last file like this was, and ask whether this one adds to earlier ones or takes their place.

    Returns the file with that choice in its options; `None` while a replacement waits for the person's yes, and for a
    file that is in the workspace already.
    """
    if ready.target.is_new:
        return ready
    t = screen().t
    workspace = session.open_workspace(ready.target.name, t)
    kind, columns = ready.options.kind, ready.look.columns
    known = same_file(workspace.store, ready.look.source.file_hash)
    if known is not None:
        layout.note(t("upload.same_file", batch=known), "info")
    previous = previous_upload(workspace.store, kind, columns, ready.upload.name)
    layout.panel_head(t("upload.before_title"), name="upload_before")
    for sentence in diff_words.before_loading(previous, columns, ready.look.n_rows, t):
        st.markdown(f"- {plain(sentence)}")
    if previous is None:
        return ready
    wanted = _choice(ready, kind, workspace.rules)
    if wanted is None:
        return ready if known is None else None  # the same file once more changes nothing: no button for that
    options = dataclasses.replace(ready.options, replace=wanted)
    try:
        going = _going(workspace, ready, options)
    except OpsError as refusal:
        layout.note(plain(refusal.sentence(t)), "warning")
        return None
    for sentence in diff_words.would_go_words(going, wanted, t):
        st.markdown(f"- {plain(sentence)}")
    rows = int(going["rows"].sum())
    sure = not rows or st.checkbox(t("upload.sure", rows=t.number(rows)), key=f"sure.{wanted}.{ready.upload.mark}")
    return dataclasses.replace(ready, options=options) if sure else None


def show(workspace: Workspace, batch_id: int, name: str) -> None:
    """An upload beside the one before it: in words, the rows that differ, volume per day. `name`: unique in the app."""
    t = screen().t
    with st.spinner(t("upload.comparing")):
        diff = session.remembered(lambda known: known.upload_diff(batch_id), workspace, detail=f"diff {batch_id}")
    layout.panel_head(t("upload.title"), t("upload.text"), name=f"{name}_diff")
    for sentence in diff_words.sentences(diff, t):
        st.markdown(f"- {plain(sentence)}")
    _differing(diff, name)
    _volumes(diff, name)


def _choice(ready: Ready, kind: str, rules: TimeRules) -> instead.Replace:
    t, mark = screen().t, ready.upload.mark
    ways = [_ADD, _DAYS, _ALL] if kind in ("events", "orders", "spend") else [_ADD, _ALL]
    way = st.segmented_control(
        t("upload.way"), ways, format_func=lambda code: t(f"upload.way_{code}"), default=_ADD, required=True,
        key=f"way.{mark}", help=t("upload.way_help"),
    )  # fmt: skip
    if way == _ALL:
        return instead.ALL
    if way != _DAYS:
        return None
    days = st.date_input(t("upload.days"), _own_days(ready, rules), key=f"days.{mark}", width=260)
    if not isinstance(days, tuple) or len(days) != 2:
        return None
    return Period(days[0], days[1] + dt.timedelta(days=1))


def _own_days(ready: Ready, rules: TimeRules) -> tuple[dt.date, dt.date]:
    """The first and the last day of the file, else of today."""
    found = ready.checkup
    if found is None or found.first_us is None:
        today = dt.datetime.now(dt.UTC).date()
        return today, today
    return rules.moment(found.first_us).date(), rules.moment(found.last_us).date()


def _going(workspace: Workspace, ready: Ready, options: LoadOptions) -> pd.DataFrame:
    guess = ready.look.guess(options.kind, options.mapping)
    if options.kind == "assignments" or isinstance(guess, OpsError):
        return would_go_for(workspace.store, ready.upload.path, options)
    bounds = instead.bounds_of(options.replace, guess, workspace.rules)
    return instead.would_go(workspace.store, options.kind, ready.look.columns, ready.upload.name, bounds)


def _differing(diff: UploadDiff, name: str) -> None:
    t = screen().t
    if diff.rows.empty:
        return
    frame = diff.rows.assign(status=[t(f"upload.status_{status}") for status in diff.rows["status"]])
    kinds = {"at": "datetime"}
    columns = [Column(key, t(f"upload.c_{key}"), kinds.get(key, "text")) for key in frame]
    if frame["at"].isna().all():
        columns = [column for column in columns if column.name != "at"]
    with st.expander(t("upload.differing", n=len(frame)), on_change="rerun", key=f"{name}.differing") as shown:
        if shown.open:
            table(frame, columns, name=f"{name}_differing", files=True, height=min(420, 38 + 32 * len(frame)))


def _volumes(diff: UploadDiff, name: str) -> None:
    t, told = screen().t, diff.volumes
    if told.empty or not told["share"].notna().any():
        return
    frame = told.assign(
        day=pd.to_datetime(told["day"]), is_odd=[t("upload.odd") if odd else "" for odd in told["is_odd"]]
    ).sort_values("day", ascending=False)
    kinds = {"day": "date", "n_rows": "count", "usual": "count", "n_weeks": "count", "share": "share"}
    columns = [Column(key, t(f"upload.v_{key}"), kinds.get(key, "text")) for key in frame]
    with st.expander(t("upload.per_day", n=len(frame)), on_change="rerun", key=f"{name}.volumes") as shown:
        if shown.open:
            table(frame, columns, name=f"{name}_volumes", files=True, height=min(420, 38 + 32 * len(frame)))
