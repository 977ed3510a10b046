"""Controls of the funnel page: from widgets to a funnel query and to what it is compared with."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pandas as pd
import streamlit as st

from ops_core.analyses import funnel, funnel_suggest
from ops_core.analyses.funnel import Exclusion, FunnelComparison, FunnelQuery, FunnelResult, Step
from ops_core.charts.funnel_words import window_text
from ops_core.locale import Translator
from ops_core.model.segment import Segment
from ops_core.workspace import Workspace
from ui import address
from ui.choices import pick, pick_many, pick_number, switch
from ui.current import View
from ui.layout import more
from ui.session import cached, remembered
from ui.text import chip, plain

MOST_STEPS = 10
_HOUR, _DAY = 3_600, 86_400
_WINDOWS = ("900", "3600", "86400", "259200", "604800", "1209600", "2592000", "7776000", funnel.NATURAL_DAY)
_DEFAULT_WINDOW = "604800"
_MOST_VALUES = 200  # a property with more values than that is no breakdown
_NOTHING = "-"  # an empty text could not stand in the address
_USUAL_WORDS = ("platform", "client", "device", "os", "平台", "端", "设备", "channel", "渠道")


@dataclass(frozen=True)
class Asked:
    """What the page is to show: the funnel, the funnel it is compared with, and that one's name."""

    query: FunnelQuery
    reference: FunnelQuery | None
    against: str
    by: str = ""


def ask(view: View) -> Asked | None:
    """Draw the controls and read them; `None` while there are fewer than two steps."""
    t = view.t
    events = remembered(Workspace.event_names, view.workspace)["event"].tolist()
    steps = _steps(view, events)
    windows = {code: window_text(_window(code), t) for code in _WINDOWS}
    window = pick("funnel_window", windows, label=t("funnel.window"), default=_DEFAULT_WINDOW)
    orders = {code: t(f"funnel.order_{code}") for code in ("ordered", "strict", "unordered")}
    order = pick("funnel_order", orders, label=t("funnel.order"))
    properties = _properties(view)
    options = {_NOTHING: t("funnel.breakdown_none")} | properties
    by = pick("funnel_by", options, label=t("funnel.breakdown"), default=_usual_breakdown(properties))
    against = _against_segment(view)
    with more(t):
        options = _more(view, events, len(steps), order, by)
    if len(steps) < 2:
        return None
    optional = options.pop("optional")
    breakdown = None if by == _NOTHING else by
    query = FunnelQuery(
        tuple(Step(names, optional=number in optional) for number, names in enumerate(steps, 1)),
        view.period, _window(window), order=order, breakdown=breakdown, segment=view.segment, **options,
    )  # fmt: skip
    return _asked(view, query, against, by.removeprefix("user."))


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


def _asked(view: View, query: FunnelQuery, against: Segment | str | None, by: str) -> Asked:
    t = view.t
    if isinstance(against, Segment):
        return Asked(query, replace(query, segment=against), against.name, by)
    if against is not None and query.segment is not None:
        return Asked(query, replace(query, segment=None), t("funnel.everybody"), by)
    reference = replace(query, period=view.compare) if view.compare else None
    return Asked(query, reference, _in_sentence(view.compare_name, t), by)


def _in_sentence(period_name: str, t: Translator) -> str:
    """ "Week before" as it stands in a sentence: the week before."""
    return t("funnel.the_period", name=period_name[:1].lower() + period_name[1:])


def _usual_breakdown(properties: dict[str, str]) -> str:
    """A property that shops usually look at first, else the one with the fewest values; nothing without properties."""
    usual = [code for word in _USUAL_WORDS for code in properties if word in code.casefold()]
    return next(iter([*usual, *properties]), _NOTHING)


def _steps(view: View, events: list[str]) -> list[tuple[str, ...]]:
    """The steps, each one or several events, in a popover that names the first and the last."""
    t = view.t
    suggested = list(remembered(funnel_suggest.suggest, view.workspace))
    n_steps = max(2, len(suggested))
    with st.popover(_steps_label(suggested, t), key="funnel_steps_chip", width="content"):
        count = pick_number("funnel_steps", label=t("funnel.n_steps"), default=n_steps, low=2, high=MOST_STEPS)
        picked = [
            pick_many(
                f"step{number}", {name: name for name in events}, label=t("funnel.step_n", n=number),
                default=suggested[number - 1 : number], placeholder=t("funnel.step_choose"),
                hint=t("funnel.step_hint") if number == 1 else "",
            )
            for number in range(1, count + 1)
        ]  # fmt: skip
        st.caption(t("funnel.suggested"))
    return [names for names in picked if names]


def _steps_label(suggested: list[str], t: Translator) -> str:
    (count,) = address.peek("funnel_steps", (str(max(2, len(suggested))),))[:1]
    count = int(count) if count.isdigit() else max(2, len(suggested))
    steps = [address.peek(f"step{number}", suggested[number - 1 : number]) for number in range(1, count + 1)]
    known = [" / ".join(names) for names in steps if names]
    if not known:
        return chip(t("funnel.steps"), t("funnel.step_choose"))
    return chip(t("funnel.steps"), t("funnel.steps_chip", first=plain(known[0]), last=plain(known[-1]), n=len(known)))


def _properties(view: View) -> dict[str, str]:
    """Properties with a readable number of values: code → label."""
    found = {}
    for scope, prefix in (("user", "user."), ("event", "")):
        known = _known(view, scope)
        fits = known[(known["n_distinct"] > 1) & (known["n_distinct"] <= _MOST_VALUES)]
        found |= {prefix + name: view.t(f"funnel.of_{scope}", name=name) for name in fits["name"]}
    return found


def _known(view: View, scope: str) -> pd.DataFrame:
    return remembered(lambda workspace: workspace.properties(scope), view.workspace, detail=scope)


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
    options = ({_NOTHING: t("funnel.everybody")} if view.segment else {}) | others
    if not options:
        return None
    chosen = pick("funnel_against", options, label=t("funnel.against"))
    return saved.get(chosen, chosen)


def _more(view: View, events: list[str], n_steps: int, order: str, by: str) -> dict[str, object]:
    t = view.t
    names = {_NOTHING: t("funnel.exclude_none")} | {name: name for name in events}
    excluded = pick("funnel_exclude", names, label=t("funnel.exclude"), style="select")
    found: dict[str, object] = {"optional": ()}
    if excluded != _NOTHING and n_steps >= 2:
        found |= _exclusion(t, excluded, n_steps, order)
    if order != "unordered" and n_steps > 2:
        numbers = {str(number): t("funnel.step_n", n=number) for number in range(2, n_steps + 1)}
        picked = pick_many(
            "funnel_optional", numbers, label=t("funnel.optional_steps"), placeholder=t("funnel.optional_none")
        )
        found["optional"] = tuple(int(number) for number in picked)
    held = _known(view, "event")["name"].tolist()
    held_options = {_NOTHING: t("funnel.hold_none")} | {name: name for name in held}
    held_by = pick("funnel_hold", held_options, label=t("funnel.hold"), style="select")
    found["hold_constant"] = None if held_by == _NOTHING else held_by
    if by != _NOTHING and not by.startswith("user."):
        touches = {code: t(f"funnel.attribution_{code}") for code in ("first_touch", "last_touch")}
        touches |= {str(number): t("funnel.attribution_step", n=number) for number in range(1, n_steps + 1)}
        found["attribution"] = pick("funnel_attribution", touches, label=t("funnel.attribution"), style="select")
    entries = {code: t(f"funnel.reentry_{code}") for code in ("deepest", "first_entry", "every_attempt")}
    found["reentry"] = pick("funnel_reentry", entries, label=t("funnel.reentry"), style="select")
    found["clip"] = switch("funnel_clip", label=t("funnel.clip"), hint=t("funnel.clip_hint"))
    found["quick_view"] = switch("funnel_quick", label=t("funnel.quick"), hint=t("funnel.quick_hint"))
    return found


def _exclusion(t: Translator, event: str, n_steps: int, order: str) -> dict[str, object]:
    first, last = 1, n_steps
    if order != "unordered" and n_steps > 2:
        first = pick_number("funnel_from", label=t("funnel.exclude_from"), default=1, low=1, high=n_steps - 1)
        last = pick_number("funnel_to", label=t("funnel.exclude_to"), default=n_steps, low=first + 1, high=n_steps)
    ways = {code: t(f"funnel.on_exclusion_{code}") for code in ("cut", "drop")}
    way = pick("funnel_on_exclusion", ways, label=t("funnel.on_exclusion"), style="select")
    return {"exclusions": (Exclusion(event, first, max(last, first + 1)),), "on_exclusion": way}


def _window(code: str) -> int | str:
    return code if code == funnel.NATURAL_DAY else int(code)
