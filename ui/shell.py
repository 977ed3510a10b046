"""The frame around every page: language, workspace, period, comparison and segment, all in the address."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path

import streamlit as st

from ops_core.charts.palette import DARK, LIGHT, Palette
from ops_core.errors import StoreError, nearest
from ops_core.locale import LANGUAGES, Translator, translator
from ops_core.model.segment import Segment
from ops_core.workspace import Workspace
from ui import links, periods, session
from ui.text import chip, plain
from ui.view import Screen, View

_ICON = Path(__file__).resolve().parent / "icon.png"
_LANGUAGE_NAMES = {"zh": "中文", "en": "English"}
_ALL_USERS = ""


def configure() -> None:
    """Tab title, icon and layout; before anything else is drawn."""
    st.set_page_config(page_title="OpsDeck", page_icon=str(_ICON), layout="wide", initial_sidebar_state="auto")
    session.warm_up()


def language() -> str:
    """The reader's language before its control is drawn: chosen, in the address, or the browser's."""
    chosen = st.session_state.get("lang")
    if chosen in LANGUAGES:
        return chosen
    asked = st.query_params.get("lang", "")
    named = {name: code for code, name in _LANGUAGE_NAMES.items()}
    return named.get(asked) or _browser_language()


def palette() -> Palette:
    """The colours of the theme that the reader's browser shows."""
    return DARK if st.context.theme.type == "dark" else LIGHT


def bar(needs_data: bool) -> Screen:
    """Draw the shared bar; returns the view, or a plain screen for a page or a workspace without data.

    Raises:
        StoreError: the address names a workspace that is not there, or its file cannot be opened.
    """
    row = st.container(horizontal=True, gap="xsmall", vertical_alignment="center", key="bar")
    left = row.container(horizontal=True, gap="xsmall", vertical_alignment="center", width="content")
    with row:
        st.space("stretch")
        t = translator(_language_control())
    with left:
        name = _workspace_control(t)
    workspace = session.open_workspace(name, t)
    colors = palette()
    has_data = workspace.as_of_us is not None
    if not (needs_data and has_data):
        _health(workspace, t)
        return Screen(workspace=workspace, t=t, palette=colors)
    with left:
        view = _view(workspace, t, colors)
    _health(workspace, t)
    return view


def _view(workspace: Workspace, t: Translator, colors: Palette) -> View:
    known = session.remembered(periods.calendar, workspace)
    days = _period_control(known, t)
    compare_code = _compare_control(days, known, t)
    segment = _segment_control(workspace, t)
    compare = periods.comparison(days, compare_code, known)
    code = known.name_of(days)
    return View(
        workspace=workspace,
        t=t,
        palette=colors,
        period=periods.period_of(days),
        period_name=t(f"shell.period_{code}") if code else periods.days_text(days, t),
        compare=compare,
        compare_name=_compare_name(compare_code, code, t) if compare else "",
        segment=segment,
        segment_name=segment.name if segment else t("shell.all_users"),
        grain=periods.grain_of(days),
    )


def _language_control() -> str:
    return st.segmented_control(
        "中文 / English",
        LANGUAGES,
        format_func=_LANGUAGE_NAMES.get,
        default=_browser_language(),
        required=True,
        key="lang",
        bind="query-params",
        label_visibility="collapsed",
    )


def _workspace_control(t: Translator) -> str:
    names = session.workspace_names(t.language)
    asked = st.query_params.get("workspace")
    if asked is not None and asked not in names:
        raise StoreError("unknown_workspace", name=asked, known=nearest(asked, names) or names)
    st.session_state.setdefault("workspace", asked or names[0])
    current = st.session_state["workspace"]
    if current not in names:
        current = st.session_state["workspace"] = names[0]
    with st.popover(plain(_workspace_title(current, t)), key="workspace_chip"):
        # No default, so that the name always stands in the address: a link must not open someone's other workspace.
        chosen = st.radio(
            t("shell.workspace"),
            names,
            index=None,
            format_func=str,
            key="workspace",
            bind="query-params",
            captions=[t("shell.demo_caption") if session.is_demo(name) else "" for name in names],
        )
        st.caption(t("shell.own_data_hint"))
        st.page_link(links.page("import"), label=t("shell.load_file"), icon=":material/upload_file:")
    return chosen or names[0]


def _period_control(known: periods.Calendar, t: Translator) -> periods.Days:
    # A preset follows the data: after an import "last week" is another week, unless other days were picked.
    if st.session_state.get("period_default") != known.default:
        if st.session_state.get("period") == st.session_state.get("period_default"):
            st.session_state.pop("period", None)
        st.session_state["period_default"] = known.default
    slot = st.container(width="content")
    first, last = known.span
    current = _whole(st.session_state.get("period"), known.default)
    labels = {code: periods.preset_text(code, days, t) for code, days in known.presets.items()}
    code = known.name_of(current)
    label = labels[code] if code else periods.days_text(current, t)
    with slot.popover(chip(t("shell.period"), label), key="period_chip"):
        st.session_state["period_preset"] = code
        st.radio(
            t("shell.period_presets"),
            list(labels),
            index=None,
            format_func=labels.get,
            key="period_preset",
            on_change=_take_preset,
            args=(known.presets,),
        )
        picked = st.date_input(
            t("shell.period_days"),
            known.default,
            min_value=first,
            max_value=last,
            key="period",
            bind="query-params",
            format="YYYY-MM-DD",
        )
        st.caption(t("shell.period_hint", days=periods.days_text(known.span, t)))
    return _whole(picked, current)


def _take_preset(presets: Mapping[str, periods.Days]) -> None:
    chosen = st.session_state.get("period_preset")
    if chosen in presets:
        st.session_state["period"] = presets[chosen]


def _whole(picked: object, otherwise: periods.Days) -> periods.Days:
    """Two days; while only the first one is picked, what was there before."""
    if isinstance(picked, (tuple, list)) and len(picked) == 2 and all(isinstance(day, dt.date) for day in picked):
        return picked[0], picked[1]
    return otherwise


def _compare_control(days: periods.Days, known: periods.Calendar, t: Translator) -> str:
    codes = [code for code in periods.COMPARISONS if periods.comparison_fits(days, code, known)]
    names = {code: _compare_name(code, known.name_of(days), t) for code in codes}
    _read_any_language("compare", {code: f"shell.compare_{code}" for code in codes})
    current = st.session_state.get("compare", codes[0])
    current = current if current in codes else codes[0]
    missing = current != "none" and periods.comparison(days, current, known) is None
    shown = t("shell.compare_no_data") if missing else names[current]
    with st.popover(chip(t("shell.compare"), shown), key="compare_chip"):
        chosen = st.radio(
            t("shell.compare_with"),
            codes,
            format_func=lambda code: t(f"shell.compare_{code}"),
            key="compare",
            bind="query-params",
        )
        if missing:
            st.caption(t("shell.compare_missing"))
    return chosen if chosen in codes else codes[0]


def _compare_name(code: str, preset: str | None, t: Translator) -> str:
    if code == "previous" and preset in ("last_week", "last_month"):
        return t(f"shell.compare_before_{preset}")
    return t(f"shell.compare_{code}")


def _segment_control(workspace: Workspace, t: Translator) -> Segment | None:
    saved = {segment.name: segment for segment in session.remembered(Workspace.segments, workspace)}
    names = [_ALL_USERS, *saved]
    current = st.session_state.get("segment", _ALL_USERS)
    if current not in names:
        st.session_state.pop("segment", None)
        current = _ALL_USERS
    shown = plain(current) if current else t("shell.all_users")
    with st.popover(chip(t("shell.segment"), shown), key="segment_chip"):
        chosen = st.radio(
            t("shell.segment_choose"),
            names,
            format_func=lambda name: name or t("shell.all_users"),
            key="segment",
            bind="query-params",
        )
        if not saved:
            st.caption(t("shell.segment_hint"))
    return saved.get(chosen)


def _read_any_language(key: str, labels: Mapping[str, str]) -> None:
    """Take a label that another language wrote into the address."""
    asked = st.query_params.get(key)
    if asked is None or key in st.session_state:
        return
    for code, label in labels.items():
        if asked in {translator(other)(label) for other in LANGUAGES}:
            st.session_state[key] = code


def _health(workspace: Workspace, t: Translator) -> None:
    """One line on how far the data reaches, and the way to one's own file while the demo is shown."""
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        if workspace.as_of is None:
            st.caption(t("shell.no_data_yet"), width="content")
        else:
            zone = workspace.rules.zone
            st.caption(t("shell.as_of", moment=t.datetime(workspace.as_of), zone=plain(zone)), width="content")
        if session.is_demo(Path(workspace.path).stem):
            st.page_link(links.page("import"), label=t("shell.drop_own_file"), icon=":material/upload_file:")


def _workspace_title(name: str, t: Translator) -> str:
    return t("shell.demo_name") if session.is_demo(name) else name


def _browser_language() -> str:
    return "zh" if (st.context.locale or "").lower().startswith("zh") else "en"
