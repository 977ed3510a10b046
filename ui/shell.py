"""The frame around every page: language, workspace, period, comparison and segment, all in the address."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import streamlit as st

from ops_core.charts.palette import DARK, LIGHT, Palette
from ops_core.errors import StoreError, nearest
from ops_core.locale import LANGUAGES, Translator, translator
from ops_core.model.segment import Segment
from ops_core.workspace import Workspace
from ui import address, links, periods, rescue, saved_segments, session, views
from ui.current import Screen, View
from ui.text import chip, plain, small

_ICON = Path(__file__).resolve().parent / "icon.png"
_LANGUAGE_NAMES = {"zh": "中文", "en": "English"}
_SIDEBAR_WIDTH = 208
_COMPARISONS = ("previous", "year", "none")
_ALL_USERS = ""


def configure() -> None:
    """Tab title, icon and layout; before anything else is drawn."""
    st.set_page_config(page_title="OpsDeck", page_icon=str(_ICON), layout="wide", initial_sidebar_state=_SIDEBAR_WIDTH)
    session.warm_up()


def language() -> Translator:
    """The reader's language: as chosen, else the browser's."""
    default = "zh" if (st.context.locale or "").lower().startswith("zh") else "en"
    key = address.recall("lang", default, _one_of(LANGUAGES))
    return translator(address.keep("lang", st.session_state[key] or default, default, _single))


def bar(t: Translator) -> Screen:
    """Draw the shared bar; returns the view, or a plain screen for a workspace without events.

    Raises:
        StoreError: the address names a workspace that is not there, or its file cannot be opened.
    """
    row = st.container(horizontal=True, gap="xsmall", vertical_alignment="center", key="bar")
    try:
        # Opened below the row, where the first visit reads for some seconds that the demo is being built.
        workspace = session.open_workspace(_workspace_name(t), t)
        t = t.with_currency(session.remembered(_currency, workspace))
        with row:
            _workspace_control(t)
            shown = Screen(workspace=workspace, t=t, palette=_palette())
            if session.remembered(_has_events, workspace):
                shown = _view(workspace, t, shown.palette)
            views.control(shown)
    finally:
        with row:
            st.space("stretch")
            _language_control()
    rescue.told(t)
    _health(workspace, t)
    return shown


def _view(workspace: Workspace, t: Translator, colors: Palette) -> View:
    known = session.remembered(periods.calendar, workspace)
    days = _period_control(known, t)
    compare_code = _compare_control(days, known, t)
    segment = _segment_control(workspace, t)
    compare = periods.comparison(days, compare_code, known)
    preset = known.name_of(days)
    return View(
        workspace=workspace,
        t=t,
        palette=colors,
        period=periods.period_of(days),
        period_name=t(f"shell.period_{preset}") if preset else periods.days_text(days, t),
        compare=compare,
        compare_name=_compare_name(compare_code, preset, t) if compare else "",
        segment=segment,
        segment_name=segment.name if segment else t("shell.all_users"),
        grain=periods.grain_of(days),
    )


def _language_control() -> None:
    st.segmented_control(
        "中文 / English",
        LANGUAGES,
        format_func=_LANGUAGE_NAMES.get,
        required=True,
        key=address.control_key("lang"),
        label_visibility="collapsed",
    )


def _workspace_name(t: Translator) -> str:
    names = session.workspace_names(t.language)
    asked = st.query_params.get("workspace")
    if asked is not None and asked not in names:
        raise StoreError("unknown_workspace", name=asked, known=nearest(asked, names) or names)
    key = address.recall("workspace", names[0], _one_of(names))
    if st.session_state[key] not in names:
        st.session_state[key] = names[0]
    return address.keep("workspace", st.session_state[key], names[0], _single)


def _workspace_control(t: Translator) -> None:
    names = session.workspace_names(t.language)
    key = address.control_key("workspace")
    with st.popover(_workspace_title(st.session_state[key], t), key="workspace_chip"):
        st.radio(
            t("shell.workspace"),
            names,
            format_func=lambda name: _workspace_title(name, t),
            key=key,
            captions=[t("shell.demo_caption") if session.is_demo(name) else "" for name in names],
        )
        st.markdown(small(t("shell.own_data_hint")))
        links.link("import", t("shell.load_file"), icon=":material/upload_file:")


def _period_control(known: periods.Calendar, t: Translator) -> periods.Days:
    first, last = known.span
    key = address.recall("period", known.default, lambda texts: _days(texts, known))
    # While only the first of two days is picked, the period before it stays.
    current = _whole(st.session_state[key]) or st.session_state.get("period_before", known.default)
    labels = {code: periods.preset_text(code, days, t) for code, days in known.presets.items()}
    preset = known.name_of(current)
    label = labels[preset] if preset else periods.days_text(current, t)
    with st.popover(chip(t("shell.period"), label), key="period_chip"):
        preset_key = address.put("period_preset", preset)
        st.radio(
            t("shell.period_presets"),
            list(labels),
            index=None,
            format_func=labels.get,
            key=preset_key,
            on_change=_take_preset,
            args=(known.presets, preset_key),
        )
        st.date_input(t("shell.period_days"), min_value=first, max_value=last, key=key, format="YYYY-MM-DD")
        st.markdown(small(t("shell.period_hint", days=periods.days_text(known.span, t))))
    st.session_state["period_before"] = current
    return address.keep("period", current, known.default, _iso)


def _take_preset(presets: Mapping[str, periods.Days], key: str) -> None:
    chosen = st.session_state.get(key)
    if chosen in presets:
        address.change("period", *_iso(presets[chosen]))


def _iso(days: periods.Days) -> list[str]:
    return [day.isoformat() for day in days]


def _days(texts: Sequence[str], known: periods.Calendar) -> periods.Days | None:
    """Two days of the address, cut to the days there are; `None` when they are none or lie outside."""
    try:
        first, last = (dt.date.fromisoformat(text) for text in texts)
    except ValueError:
        return None
    first, last = max(first, known.span[0]), min(last, known.span[1])
    return (first, last) if first <= last else None


def _whole(picked: object) -> periods.Days | None:
    whole = isinstance(picked, (tuple, list)) and len(picked) == 2 and None not in picked
    return (picked[0], picked[1]) if whole else None


def _compare_control(days: periods.Days, known: periods.Calendar, t: Translator) -> str:
    codes = [code for code in _COMPARISONS if code != "year" or periods.comparison(days, code, known)]
    key = address.recall("compare", codes[0], _one_of(codes))
    if st.session_state[key] not in codes:
        st.session_state[key] = codes[0]
    code = st.session_state[key]
    missing = code != "none" and periods.comparison(days, code, known) is None
    preset = known.name_of(days)
    shown = t("shell.compare_no_data") if missing else _compare_name(code, preset, t)
    with st.popover(chip(t("shell.compare"), shown), key="compare_chip"):
        st.radio(t("shell.compare_with"), codes, format_func=lambda one: _compare_name(one, preset, t), key=key)
        if missing:
            st.markdown(small(t("shell.compare_missing")))
    return address.keep("compare", code, codes[0], _single)


def _compare_name(code: str, preset: str | None, t: Translator) -> str:
    if code == "previous" and preset in ("last_week", "last_month"):
        return t(f"shell.compare_before_{preset}")
    return t(f"shell.compare_{code}")


def _segment_control(workspace: Workspace, t: Translator) -> Segment | None:
    saved = {segment.name: segment for segment in session.remembered(Workspace.segments, workspace)}
    names = [_ALL_USERS, *saved]
    key = address.recall("segment", _ALL_USERS, _one_of(names))
    if st.session_state[key] not in names:
        st.session_state[key] = _ALL_USERS
    name = st.session_state[key]
    with st.popover(chip(t("shell.segment"), plain(name) if name else t("shell.all_users")), key="segment_chip"):
        st.radio(t("shell.segment_choose"), names, format_func=lambda one: one or t("shell.all_users"), key=key)
        if name:
            saved_segments.forget(workspace, name, t)
        if not saved:
            st.markdown(small(t("shell.segment_hint")))
    address.keep("segment", name, _ALL_USERS, _single)
    return saved.get(name)


def _health(workspace: Workspace, t: Translator) -> None:
    """One line on how far the data reaches, and the way to one's own file while the demo is shown."""
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        if workspace.as_of is None:
            empty = session.remembered(Workspace.batches, workspace).empty
            st.markdown(small(t("shell.no_data_yet" if empty else "shell.no_events_yet")), width="content")
        else:
            zone = plain(workspace.rules.zone)
            st.markdown(small(t("shell.as_of", moment=t.datetime(workspace.as_of), zone=zone)), width="content")
        if session.is_demo(Path(workspace.path).stem) and address.page() != "import":
            links.link("import", t("shell.drop_own_file"), icon=":material/upload_file:")


def _currency(workspace: Workspace) -> str:
    return workspace.reporting.currency


def _has_events(workspace: Workspace) -> bool:
    return workspace.as_of_us is not None and not workspace.event_names().empty


def _palette() -> Palette:
    return DARK if st.context.theme.type == "dark" else LIGHT


def _workspace_title(name: str, t: Translator) -> str:
    return t(f"shell.{name.replace('-', '_')}_name") if session.is_demo(name) else plain(name)


def _one_of(codes: Sequence[str]) -> Callable[[Sequence[str]], str | None]:
    return lambda texts: texts[0] if texts[0] in codes else None


def _single(code: str) -> tuple[str]:
    return (code,)
