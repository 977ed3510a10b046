"""Controls of the funnel page: from widgets to a funnel query and to what it is compared with."""

from __future__ import annotations

from dataclasses import dataclass, replace

import streamlit as st

from ops_core.analyses import funnel
from ops_core.analyses.funnel import FunnelComparison, FunnelQuery, FunnelResult, Step
from ops_core.charts.funnel_words import window_text
from ops_core.errors import QueryError
from ops_core.locale import Translator
from ops_core.model.segment import Segment
from ops_core.workspace import Workspace
from ui import address, funnel_address, funnel_saved, funnel_steps
from ui.choices import pick, pick_many, pick_number, switch
from ui.current import View
from ui.funnel_address import DEFAULT_WINDOW, NOTHING
from ui.layout import more
from ui.properties import groupings, properties
from ui.session import cached, remembered

_WINDOWS = ("900", "3600", "86400", "259200", "604800", "1209600", "2592000", "7776000", funnel.NATURAL_DAY)
_CUSTOM = "custom"
_UNITS = {"1": "seconds", "60": "minutes", "3600": "hours", "86400": "days"}
_MOST_VALUES = 200  # a property with more values than that is no breakdown
_USUAL_WORDS = ("platform", "client", "device", "os", "平台", "端", "设备", "channel", "渠道")


@dataclass(frozen=True)
class Asked:
    """What the page is to show: the funnel, the funnel it is compared with, that one's name; what was asked in vain."""

    query: FunnelQuery
    reference: FunnelQuery | None
    against: str
    by: str = ""
    wrong: QueryError | None = None


def ask(view: View) -> Asked | None:
    """Draw the controls and read them; `None` while there are fewer than two steps."""
    t = view.t
    events = remembered(Workspace.event_names, view.workspace)["event"].tolist()
    wrong = funnel_address.complaint(view, events)
    steps, conditions = funnel_steps.steps(view, events, _types(view))
    window = _window(t)
    orders = {code: t(f"funnel.order_{code}") for code in ("ordered", "strict", "unordered")}
    order = pick("funnel_order", orders, label=t("funnel.order"))
    properties = _properties(view)
    options = {NOTHING: t("funnel.breakdown_none")} | properties
    by = pick("funnel_by", options, label=t("funnel.breakdown"), default=_usual_breakdown(properties))
    against = _against_segment(view)
    with more(t):
        options = _more(view, len(steps), order, by)
        left_out, way = funnel_steps.exclusions(view, events, len(steps), order, conditions)
    asked = None
    if len(steps) >= 2:
        optional = options.pop("optional")
        query = FunnelQuery(
            tuple(
                Step(names, conditions.get(str(number), ()), number in optional)
                for number, names in enumerate(steps, 1)
            ),
            view.period, window, order=order, breakdown=None if by == NOTHING else by, segment=view.segment,
            exclusions=left_out, on_exclusion=way, filters=conditions.get(funnel_address.ALL_STEPS, ()), **options,
        )  # fmt: skip
        asked = _asked(view, query, against, by.removeprefix("user."), wrong)
        funnel_saved.shelf(view, query)
    funnel_address.remember_complaint(wrong)
    return asked


def answer(view: View, query: FunnelQuery) -> FunnelResult:
    """The funnel's result, from the cache where nothing changed."""
    return cached(funnel.analyze, view.workspace, query)


def compared(view: View, asked: Asked, result: FunnelResult) -> FunnelComparison | None:
    """The result against its reference, from the cache; `None` when there is none or nobody entered it."""
    reference = answer(view, asked.reference) if asked.reference else None
    if reference is None or not reference.n_entered:
        return None
    told = repr((asked.query, asked.reference))
    return remembered(lambda _: funnel.compare(result, reference), view.workspace, detail=told)


def _asked(view: View, query: FunnelQuery, against: Segment | str | None, by: str, wrong: QueryError | None) -> Asked:
    t = view.t
    if isinstance(against, Segment):
        return Asked(query, replace(query, segment=against), against.name, by, wrong)
    if against is not None and query.segment is not None:
        return Asked(query, replace(query, segment=None), t("funnel.everybody"), by, wrong)
    reference = replace(query, period=view.compare) if view.compare else None
    return Asked(query, reference, _in_sentence(view.compare_name, t), by, wrong)


def _in_sentence(period_name: str, t: Translator) -> str:
    """ "Week before" as it stands in a sentence: the week before."""
    return t("funnel.the_period", name=period_name[:1].lower() + period_name[1:])


def _usual_breakdown(properties: dict[str, str]) -> str:
    """A property that shops usually look at first, else the one with the fewest values; nothing without properties."""
    usual = [code for word in _USUAL_WORDS for code in properties if word in code.casefold()]
    return next(iter([*usual, *properties]), NOTHING)


def _window(t: Translator) -> float | str:
    """One of the usual windows, one from the address, or any number of seconds, minutes, hours or days."""
    (asked,) = address.peek("funnel_window", (DEFAULT_WINDOW,))[:1]
    codes = _WINDOWS if asked in _WINDOWS or not funnel_address.is_window(asked) else (*_WINDOWS, asked)
    windows = {code: window_text(funnel_address.window(code), t) for code in codes}
    windows[_CUSTOM] = t("funnel.window_custom")
    chosen = pick("funnel_window", windows, label=t("funnel.window"), default=DEFAULT_WINDOW)
    if chosen != _CUSTOM:
        return funnel_address.window(chosen)
    count, unit = address.peek("funnel_window_n", ("36",))[0], address.peek("funnel_window_unit", ("3600",))[0]
    known = count.isdigit() and int(count) > 0 and unit in _UNITS
    told = window_text(int(count) * int(unit), t) if known else t("funnel.window_choose")
    with st.popover(told, key="funnel_window_own"), st.container(horizontal=True, gap="xsmall"):
        number = pick_number("funnel_window_n", label=t("funnel.window_length"), default=36, low=1, high=100_000)
        units = {code: t(f"funnel.unit_{name}") for code, name in _UNITS.items()}
        size = pick("funnel_window_unit", units, label=t("funnel.window_unit"), default="3600", style="select")
    return number * int(size)


def _types(view: View) -> dict[str, str]:
    """All properties that a condition may be on, with their types; `value` is the event's own."""
    # What people look for first: properties, then the money.
    return {one.code: one.type for one in properties(view, "event", "user")} | {"value": "number"}


def _properties(view: View) -> dict[str, str]:
    """Properties with a readable number of values: code → label."""
    return {
        one.code: view.t(f"funnel.of_{one.scope}", name=one.name)
        for one in groupings(view, "user", "event", most=_MOST_VALUES)
    }


def _against_segment(view: View) -> Segment | str | None:
    """Ask for segments instead of periods, where there are any; `None` compares periods."""
    t = view.t
    saved = {segment.name: segment for segment in remembered(Workspace.segments, view.workspace)}
    if not saved:
        return None
    kinds = {"periods": t("funnel.compare_periods"), "segments": t("funnel.compare_segments")}
    if pick("funnel_compare", kinds, label=t("funnel.compare"), style="segments") == "periods":
        return None
    others = {name: name for name in saved if name != view.segment_name}
    options = ({NOTHING: t("funnel.everybody")} if view.segment else {}) | others
    if not options:
        return None
    chosen = pick("funnel_against", options, label=t("funnel.against"))
    return saved.get(chosen, chosen)


def _more(view: View, n_steps: int, order: str, by: str) -> dict[str, object]:
    t = view.t
    found: dict[str, object] = {"optional": ()}
    if order != "unordered" and n_steps > 2:
        numbers = {str(number): t("funnel.step_n", n=number) for number in range(2, n_steps + 1)}
        picked = pick_many(
            "funnel_optional", numbers, label=t("funnel.optional_steps"), placeholder=t("funnel.optional_none")
        )
        found["optional"] = tuple(int(number) for number in picked)
    held = [one.name for one in properties(view, "event")]
    held_options = {NOTHING: t("funnel.hold_none")} | {name: name for name in held}
    held_by = pick("funnel_hold", held_options, label=t("funnel.hold"), style="select", hint=t("funnel.hold_hint"))
    found["hold_constant"] = None if held_by == NOTHING else held_by
    if by != NOTHING:
        found["top"] = pick_number("funnel_top", label=t("funnel.top"), default=5, low=1, high=20)
    if by != NOTHING and not by.startswith("user."):
        touches = {code: t(f"funnel.attribution_{code}") for code in ("first_touch", "last_touch")}
        touches |= {str(number): t("funnel.attribution_step", n=number) for number in range(1, n_steps + 1)}
        found["attribution"] = pick("funnel_attribution", touches, label=t("funnel.attribution"), style="select")
    entries = {code: t(f"funnel.reentry_{code}") for code in ("deepest", "first_entry", "every_attempt")}
    found["reentry"] = pick("funnel_reentry", entries, label=t("funnel.reentry"), style="select")
    ways = {code: t(f"funnel.open_{code}") for code in funnel_address.OPEN_WINDOWS}
    way = pick("funnel_open", ways, label=t("funnel.open"), style="select", hint=t("funnel.open_hint"))
    found |= {"quick_view": way == "quick", "count_open": way == "count"}
    found["clip"] = switch("funnel_clip", label=t("funnel.clip"), hint=t("funnel.clip_hint"))
    return found
