"""The editor of a funnel's steps: their events, conditions on properties with values from the data, exclusions."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from ops_core.analyses import funnel_suggest
from ops_core.analyses.funnel import MAX_STEPS, Exclusion
from ops_core.locale import Translator
from ops_core.model.filters import Filter
from ui import address
from ui.choices import pick, pick_many, pick_number
from ui.current import View
from ui.funnel_address import ALL_STEPS, ANY, MOST_CONDITIONS, MOST_EXCLUSIONS, numbered
from ui.session import remembered
from ui.text import chip, plain

_MOST_VALUES = 200
_OPS = {
    "text": ("in", "not_in", "contains", "empty", "filled"),
    "boolean": ("in", "not_in", "empty", "filled"),
    "number": ("gte", "lte", "gt", "lt", "in", "not_in", "empty", "filled"),
    "time": ("empty", "filled"),
}
_COMPARED = ("gt", "gte", "lt", "lte")

Conditions = dict[str, tuple[Filter, ...]]


def steps(
    view: View, events: list[str], properties: Mapping[str, str]
) -> tuple[list[tuple[str, ...] | None], Conditions]:
    """The steps, each one or several events (`None` for any), and their conditions, in a popover that names them."""
    t = view.t
    suggested = list(remembered(funnel_suggest.suggest, view.workspace))
    if len(events) == 1:
        suggested = events * 2  # who does it again?
    n_steps = max(2, len(suggested))
    options = {ANY: t("funnel.any_event")} | {name: name for name in events}
    with st.popover(_label(suggested, t), key="funnel_steps_chip", width="content"):
        count = pick_number("funnel_steps", label=t("funnel.n_steps"), default=n_steps, low=2, high=MAX_STEPS)
        picked = [
            pick_many(
                f"step{number}", options, label=t("funnel.step_n", n=number),
                default=suggested[number - 1 : number], placeholder=t("funnel.step_choose"),
                hint=t("funnel.step_hint") if number == 1 else "",
            )
            for number in range(1, count + 1)
        ]  # fmt: skip
        st.caption(t("funnel.suggested"))
        conditions = _conditions(view, count, properties)
    chosen = [None if ANY in names else names for names in picked if names]
    return chosen, conditions


def exclusions(
    view: View, events: list[str], n_steps: int, order: str, conditions: Conditions
) -> tuple[tuple[Exclusion, ...], str]:
    """Events that must not lie between two steps, up to three times, and what happens when they do."""
    t, found = view.t, []
    options = {ANY: t("funnel.any_event")} | {name: name for name in events}
    for number in range(1, MOST_EXCLUSIONS + 1):
        names = pick_many(
            numbered("funnel_exclude", number), options, placeholder=t("funnel.exclude_none"),
            label=t("funnel.exclude") if number == 1 else t("funnel.exclude_also"),
        )  # fmt: skip
        if not names:
            break
        first, last = 1, n_steps
        if order != "unordered" and n_steps > 2:
            with st.container(horizontal=True, gap="xsmall"):
                first = pick_number(
                    numbered("funnel_from", number), label=t("funnel.exclude_from"), default=1, low=1, high=n_steps - 1
                )
                last = pick_number(
                    numbered("funnel_to", number), label=t("funnel.exclude_to"), default=n_steps, low=2, high=n_steps
                )
        if last <= first:
            continue  # the page says so
        events_of = None if ANY in names else names
        found.append(Exclusion(events_of, first, last, conditions.get(f"x{number}", ())))
    way = "cut"
    if found:
        ways = {code: t(f"funnel.on_exclusion_{code}") for code in ("cut", "drop")}
        way = pick("funnel_on_exclusion", ways, label=t("funnel.on_exclusion"), style="select")
    return tuple(found), way


def _label(suggested: list[str], t: Translator) -> str:
    (count,) = address.peek("funnel_steps", (str(max(2, len(suggested))),))[:1]
    count = int(count) if count.isdigit() else max(2, len(suggested))
    asked = [address.peek(f"step{number}", suggested[number - 1 : number]) for number in range(1, count + 1)]
    known = [" / ".join(t("funnel.any_event") if name == ANY else name for name in names) for names in asked if names]
    if not known:
        return chip(t("funnel.steps"), t("funnel.step_choose"))
    return chip(t("funnel.steps"), t("funnel.steps_chip", first=plain(known[0]), last=plain(known[-1]), n=len(known)))


def _conditions(view: View, n_steps: int, properties: Mapping[str, str]) -> Conditions:
    """Conditions by place: `0` all steps, a step's number, `x1` an exclusion."""
    t = view.t
    if not properties:
        return {}
    count = pick_number(
        "where_n",
        label=t("funnel.conditions"),
        default=0,
        low=0,
        high=MOST_CONDITIONS,
        hint=t("funnel.conditions_hint"),
    )
    places = {ALL_STEPS: t("funnel.all_steps")}
    places |= {str(number): t("funnel.step_n", n=number) for number in range(1, n_steps + 1)}
    places |= {f"x{number}": t("funnel.exclusion_n", n=number) for number in range(1, MOST_EXCLUSIONS + 1)}
    found: Conditions = {}
    for number in range(1, count + 1):
        place, filters = _condition(view, f"where{number}", places, properties)
        found[place] = (*found.get(place, ()), *filters)
    return found


def _condition(
    view: View, name: str, places: Mapping[str, str], properties: Mapping[str, str]
) -> tuple[str, tuple[Filter, ...]]:
    t = view.t
    with st.container(border=True, gap="xsmall"):
        with st.container(horizontal=True, gap="xsmall"):
            place = pick(f"{name}_step", places, label=t("funnel.where_step"), style="select")
            labels = {prop: _property_label(prop, t) for prop in properties}
            prop = pick(f"{name}_prop", labels, label=t("funnel.where_prop"), style="select")
            ops = {op: t(f"funnel.op_{op}") for op in _OPS[properties[prop]] if prop != "value" or "in" not in op}
            op = pick(f"{name}_op", ops, label=t("funnel.where_op"), style="select")
        return place, _filters(view, name, prop, op)


def _filters(view: View, name: str, prop: str, op: str) -> tuple[Filter, ...]:
    t = view.t
    if op in ("empty", "filled"):
        return (Filter(prop, "is_null", op == "empty"),)
    if op in _COMPARED:
        amount = _amount(f"{name}_amount", t("funnel.where_value"))
        return () if amount is None else (Filter(prop, op, amount),)
    if op == "contains":
        text = _text(f"{name}_text", t("funnel.where_value"))
        return (Filter(prop, "contains", text),) if text else ()
    known = remembered(
        lambda workspace: workspace.property_values(prop, _MOST_VALUES)["value"].tolist(), view.workspace, detail=prop
    )
    # A rare value that a link asks for is not among the most frequent ones.
    same_property = st.query_params.get(f"{name}_prop", prop) == prop
    asked = st.query_params.get_all(f"{name}_values") if same_property else []
    options = {value: value.removesuffix(".0") for value in [*known, *asked]}
    values = pick_many(f"{name}_values", options, label=t("funnel.where_value"), placeholder=t("funnel.where_choose"))
    if not values:
        return ()
    if op == "not_in":
        return tuple(Filter(prop, "ne", value) for value in values)
    return (Filter(prop, "in", values) if len(values) > 1 else Filter(prop, "eq", values[0]),)


def _amount(name: str, label: str) -> float | None:
    def read(texts: list[str]) -> float | None:
        try:
            return float(texts[0])
        except ValueError:
            return None

    key = address.recall(name, None, read)
    value = st.number_input(label, key=key, persist_state="session")
    return address.keep(name, value, None, lambda number: (f"{number:g}",))


def _text(name: str, label: str) -> str:
    key = address.recall(name, "", lambda texts: texts[0])
    value = st.text_input(label, key=key, max_chars=100, persist_state="session")
    return address.keep(name, value, "", lambda text: (text,))


def _property_label(prop: str, t: Translator) -> str:
    if prop == "value":
        return t("funnel.value_of_event")
    if prop.startswith("user."):
        return t("funnel.of_user", name=prop.removeprefix("user."))
    return t("funnel.of_event", name=prop)
