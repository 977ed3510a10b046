"""The seldom changed controls of the retention page: how users enter, brackets, filters on both events."""

from __future__ import annotations

import re

import streamlit as st

from ops_core.errors import QueryError
from ops_core.locale import Translator
from ops_core.model.filters import Filter
from ui import address
from ui.choices import pick
from ui.current import View
from ui.properties import groupings, properties
from ui.text import plain

NONE = "none"
BRACKETS = {"hour": "1-3, 4-12, 13-24", "day": "1-3, 4-7, 8-13", "week": "1-2, 3-4, 5-8, 9-12",
            "month": "1-3, 4-6, 7-12", "quarter": "1-2, 3-4"}  # fmt: skip
_OPS = {
    "number": ("eq", "ne", "gt", "gte", "lt", "lte", "is_null"),
    "time": ("gt", "gte", "lt", "lte", "is_null"),
    "boolean": ("eq", "is_null"),
    "text": ("eq", "ne", "in", "contains", "is_null"),
}
_PAIR = re.compile(r"(\d{1,3})\s*(?:[-–—~]|至|to)\s*(\d{1,3})|(\d{1,3})")


def mode(view: View, *, has_event: bool) -> str:
    """Which of a user's events starts a cohort; only asked where an event does."""
    if not has_event:
        return "first_seen"
    modes = {one: view.t(f"retention.mode_{one}") for one in ("first_time", "first_ever", "recurring")}
    return pick("retention_mode", modes, label=view.t("retention.mode"), style="select")


def breakdown(view: View, *, has_event: bool) -> str:
    """A property to tell users apart by at entry, or `NONE`; the starting event's own where there is one."""
    t = view.t
    options = {NONE: t("retention.breakdown_none")} | {one.code: one.name for one in groupings(view, "user")}
    if has_event:
        options |= {one.code: t("retention.of_event", name=one.name) for one in groupings(view, "event")}
    return pick("retention_by", options, label=t("retention.breakdown"), style="select")


def brackets(view: View, grain: str) -> tuple[tuple[int, int], ...] | None:
    """Ranges of periods as a person writes them: 1-3, 4-7; `None` where they cannot be read."""
    t = view.t
    return read_brackets(
        _text("retention_brackets", t("retention.brackets"), BRACKETS[grain], t("retention.brackets_hint"))
    )


def read_brackets(text: str) -> tuple[tuple[int, int], ...] | None:
    """`1-3, 4-7` as ((1, 3), (4, 7)); a single number is a range of one. `None` unless ascending and apart."""
    parts = [_PAIR.fullmatch(part.strip()) for part in re.split(r"[,，、;；]", text) if part.strip()]
    if not parts or not all(parts):
        return None
    found = tuple((int(m[1] or m[3]), int(m[2] or m[3])) for m in parts)
    edges = [-1, *(edge for pair in found for edge in pair)]
    apart = all(edges[i] < edges[i + 1] for i in range(0, len(edges) - 1, 2))
    return found if apart and all(first <= last for first, last in found) else None


def event_filter(view: View, name: str, label: str) -> tuple[Filter, ...]:
    """One condition on an event or its user: property, comparison, value; () without one."""
    t, types = view.t, _types(view)
    options = {NONE: t("retention.filter_none")}
    options |= {prop: t("retention.of_user" if prop.startswith("user.") else "retention.of_event",
                        name=prop.removeprefix("user.")) for prop in types}  # fmt: skip
    prop = pick(name, options, label=label, style="select")
    if prop == NONE:
        return ()
    ops = {op: t(f"retention.op_{op}") for op in _OPS[types[prop]]}
    op = pick(f"{name}_op", ops, label=t("retention.filter_op"), style="select")
    if op == "is_null":
        return (Filter(prop, op, True),)
    value = _text(f"{name}_value", t("retention.filter_value"), "", "")
    if not value:
        return ()
    several = tuple(part.strip() for part in re.split(r"[,，、]", value) if part.strip())
    return (Filter(prop, op, several if op == "in" else _number(value) if types[prop] == "number" else value),)


def filter_text(filters: tuple[Filter, ...], t: Translator) -> str:
    """Conditions in brackets, as a definition says them; "" without any."""
    texts = [
        plain(f"{one.name} {t(f'retention.said_{one.op}')} {t.join(one.value) if one.op == 'in' else one.value}")
        for one in filters
    ]
    return t("retention.filter_said", conditions=t.join(texts)) if texts else ""


def _number(value: str) -> float:
    try:
        return float(value.replace(",", ""))
    except ValueError:
        raise QueryError("retention_filter_number", value=value) from None


def _text(name: str, label: str, default: str, hint: str) -> str:
    key = address.recall(name, default, lambda texts: texts[0])
    value = st.text_input(label, key=key, help=hint or None, persist_state="session", max_chars=200)
    return address.keep(name, (value or "").strip() or default, default, lambda text: (text,))


def _types(view: View) -> dict[str, str]:
    """Properties that can be filtered on, with their types: the event's own first."""
    return {"value": "number"} | {one.code: one.type for one in properties(view, "event", "user")}
