"""A funnel as parameters of the address, and what is wrong with an address that asks for something impossible.

funnel_steps, step1 …           how many steps, their events (`*` any event)
where_n, where1_step …          conditions: `0` all steps, `2` step 2, `x1` the first exclusion; property, op, values
funnel_exclude, funnel_from …   exclusions; the second and third end with their number
"""

from __future__ import annotations

import streamlit as st

from ops_core.analyses import funnel, funnel_suggest
from ops_core.analyses.funnel import MAX_STEPS, MIN_STEPS, FunnelQuery
from ops_core.errors import QueryError
from ops_core.model.filters import Filter
from ui import address
from ui.current import View
from ui.session import remembered

ANY, NOTHING = "*", "-"  # an empty text could not stand in the address
ALL_STEPS = "0"
MOST_EXCLUSIONS, MOST_CONDITIONS = 3, 8
DEFAULT_WINDOW = "604800"
OPEN_WINDOWS = ("apart", "quick", "count")
_COMPLAINT = "funnel_complaint"
_OWN = ("funnel_", "step", "where")
_LISTS = ("funnel_lost", "funnel_reached", "funnel_people", "funnel_compare", "funnel_against")  # not asked


def numbered(name: str, number: int) -> str:
    """The name of a parameter of the first, second … exclusion."""
    return name if number == 1 else f"{name}{number}"


def parameters(query: FunnelQuery) -> dict[str, list[str]]:
    """All parameters of a funnel, so that a link or a saved funnel shows the same question."""
    found = {"funnel_steps": [str(len(query.steps))], "funnel_order": [query.order]}
    for number, step in enumerate(query.steps, 1):
        found[f"step{number}"] = [ANY] if step.events is None else list(step.events)
    window = query.window_seconds
    found["funnel_window"] = [str(window if window == funnel.NATURAL_DAY or window % 1 else int(window))]
    found["funnel_by"] = [query.breakdown or NOTHING]
    found["funnel_attribution"] = [str(query.attribution_step or query.attribution)]
    found["funnel_optional"] = [str(number) for number, step in enumerate(query.steps, 1) if step.optional]
    found["funnel_hold"] = [query.hold_constant or NOTHING]
    found["funnel_reentry"] = [query.reentry]
    found["funnel_clip"] = ["1" if query.clip else "0"]
    found["funnel_open"] = ["count" if query.count_open else "quick" if query.quick_view else "apart"]
    found["funnel_top"] = [str(query.top)]
    found["funnel_on_exclusion"] = [query.on_exclusion]
    conditions = [(ALL_STEPS, one) for one in query.filters]
    conditions += [(str(number), one) for number, step in enumerate(query.steps, 1) for one in step.filters]
    for number, one in enumerate(query.exclusions, 1):
        found[numbered("funnel_exclude", number)] = [ANY] if one.events is None else list(one.events)
        found[numbered("funnel_from", number)] = [str(one.from_step)]
        found[numbered("funnel_to", number)] = [str(one.to_step)]
        conditions += [(f"x{number}", condition) for condition in one.filters]
    found["where_n"] = [str(len(conditions))]
    for number, (place, one) in enumerate(conditions, 1):
        found |= {f"where{number}_{name}": texts for name, texts in _condition(place, one).items()}
    return {name: texts for name, texts in found.items() if texts}


def show(query: FunnelQuery) -> None:
    """Put a funnel into the address and draw the page anew; what the address asked before is gone."""
    wanted = parameters(query)
    for name in list(st.query_params):
        if name.startswith(_OWN) and name not in wanted and name not in _LISTS:
            address.ask(name)
    for name, texts in wanted.items():
        address.ask(name, texts)
    st.rerun()


def complaint(view: View, events: list[str]) -> QueryError | None:
    """What the address asks for that there is none of; stays until the question changes. Call before the controls."""
    found = _wrong(view, events)
    stored = st.session_state.get(_COMPLAINT)
    if found is None and stored and stored[0] == _asked():
        return stored[1]
    st.session_state[_COMPLAINT] = None
    return found


def remember_complaint(found: QueryError | None) -> None:
    """Keep what was wrong, now that the controls have put the address right. Call after the controls."""
    if found is not None:
        st.session_state[_COMPLAINT] = (_asked(), found)


def window(code: str) -> float | str:
    """The window of a parameter's text: seconds, or the natural day."""
    if code == funnel.NATURAL_DAY:
        return code
    return int(code) if code.isdigit() else float(code)


def is_window(code: str) -> bool:
    """Whether a text is a window."""
    try:
        return code == funnel.NATURAL_DAY or 0 < float(code) < float("inf")
    except ValueError:
        return False


def _wrong(view: View, events: list[str]) -> QueryError | None:
    try:
        _check(view, events)
    except QueryError as error:
        return error
    return None


def _check(view: View, events: list[str]) -> None:
    store = view.workspace.store
    n_steps = _number("funnel_steps")
    if n_steps is not None and not MIN_STEPS <= n_steps <= MAX_STEPS:
        raise QueryError("funnel_steps", found=n_steps, least=MIN_STEPS, most=MAX_STEPS)
    window_asked = _texts("funnel_window")
    if window_asked and window_asked[0] != "custom" and not is_window(window_asked[0]):
        raise QueryError("funnel_window", value=window_asked[0])
    n_steps = n_steps or max(MIN_STEPS, len(remembered(funnel_suggest.suggest, view.workspace)))
    names = [name for number in range(1, MAX_STEPS + 1) for name in _texts(f"step{number}")]
    for number in range(1, MOST_EXCLUSIONS + 1):
        asked = _texts(numbered("funnel_exclude", number))
        names += [name for name in asked if name != NOTHING]
        first = _number(numbered("funnel_from", number)) or 1
        last = _number(numbered("funnel_to", number)) or n_steps
        if asked and not 1 <= first < last <= n_steps:
            raise QueryError("funnel_exclusion", from_step=first, to_step=last, n_steps=n_steps)
    store.event_codes([name for name in names if name not in events and name != ANY])
    props = [*_texts("funnel_hold"), *_texts("funnel_by")]
    props += [name for number in range(1, MOST_CONDITIONS + 1) for name in _texts(f"where{number}_prop")]
    for name in props:
        if name not in (NOTHING, "value"):
            store.column("user" if name.startswith("user.") else "event", name.removeprefix("user."))


def _condition(place: str, one: Filter) -> dict[str, list[str]]:
    values = [str(value) for value in one.value] if isinstance(one.value, tuple) else [str(one.value)]
    op = {"eq": "in", "ne": "not_in"}.get(one.op, one.op)
    if one.op == "is_null":
        op, values = ("empty" if one.value else "filled"), []
    name = {"contains": "text"}.get(op, "amount" if op in ("gt", "gte", "lt", "lte") else "values")
    return {"step": [place], "prop": [one.prop], "op": [op], name: values}


def _asked() -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple(sorted((name, _texts(name)) for name in st.query_params if name.startswith(_OWN)))


def _texts(name: str) -> tuple[str, ...]:
    return tuple(st.query_params.get_all(name))


def _number(name: str) -> int | None:
    texts = _texts(name)
    return int(texts[0]) if texts and texts[0].isdigit() else None
