"""The view stands in the address, as codes and data, never as labels: a link opens in either language.

The address is the truth. When it changes under us (a pasted link, Back, a click in the menu) the controls follow it;
when a control changes, the address follows. Links between pages carry the shared choices and what the target page was
last asked, so each click is one step back.

A browser sends its address with each click, and a quick second click leaves before it has heard what the first one
wrote there; so do the links of a menu that was not drawn anew yet. Such an address is an old one of ours: it is not
taken for Back while a person works the controls, after a run that was cut short, and at another page right after a run
(Back from a choice just made stays on its page).

It also sends what each control holds, and of one that was set by us, in a popover that was closed before it heard of
that, it holds the old value. So a control that is set from outside becomes a new one, of which there is no old value.

Streamlit can bind a widget to the address itself, but only while the widget is on the screen, and writes labels; the
bar's controls live in closed popovers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

T = TypeVar("T")
Texts = tuple[str, ...]

_STATE = "address"
_OF_READER = ("workspace", "lang")
_ON_ITS_WAY = 1.5  # seconds until a busy browser shows the links of the last run
SHARED = ("workspace", "period", "compare", "segment", "lang")


@dataclass
class _Memory:
    """What this session knows of the address."""

    page: str = ""
    arrived: bool = False  # in this run, at another page
    place: str = ""  # the page as Streamlit knows it before any is drawn
    drawn_at: float | None = None  # when the last run was over; None for one that was cut short
    seen: dict[str, Texts] = field(default_factory=dict)  # each parameter as last met or written
    defaults: dict[str, object] = field(default_factory=dict)
    values: dict[str, object] = field(default_factory=dict)
    asked: dict[str, dict[str, Texts]] = field(default_factory=dict)  # page → its own parameters
    worked: dict[str, object] = field(default_factory=dict)  # what each widget held when it was last drawn
    before: dict[str, list[Texts]] = field(default_factory=dict)  # what we overwrote, while a browser may not know it
    moves: dict[str, Texts] = field(default_factory=dict)  # asked for by a click on a chart, not met yet
    turns: dict[str, int] = field(default_factory=dict)  # how often each control was set from outside


def begin() -> None:
    """Look at the address that this run came with; app.py calls it once per run, before anything reads it."""
    memory, run = _memory(), get_script_run_ctx()
    place = run.page_script_hash if run else ""
    is_cut = memory.drawn_at is None
    is_old = is_cut or (place != memory.place and time.monotonic() < memory.drawn_at + _ON_ITS_WAY)
    memory.place, memory.arrived, memory.drawn_at = place, False, None
    for name in [name for name in memory.before if _asked(name) == memory.seen[name]]:
        del memory.before[name]  # the browser has heard
    worked = {name: st.session_state.get(control_key(name), value) for name, value in memory.worked.items()}
    if is_old or memory.moves or worked != memory.worked:
        for name in [name for name, texts in memory.before.items() if _asked(name) in texts]:
            _write(name, memory.seen[name])


def enter(page: str) -> bool:
    """Tell which page is shown, app.py calls it once per run; whether it is another one than in the run before."""
    memory = _memory()
    memory.page, memory.arrived = page, page != memory.page
    return memory.arrived


def drawn() -> None:
    """All that this run draws is on its way; app.py calls it at the end of each run."""
    _memory().drawn_at = time.monotonic()


def page() -> str:
    """The page that is shown."""
    return _memory().page


def recall(name: str, default: T, read: Callable[[Sequence[str]], T | None]) -> str:
    """Make the widget state of a parameter follow the address; returns the widget's key. Call before the widget.

    `read` turns the parameter's texts into a value, or `None` where they mean nothing.
    """
    memory, raw = _memory(), _texts(name)
    # On arrival nobody has worked a control yet: what the browser holds of one in a closed popover may be an old value.
    moved = memory.arrived or name in memory.moves or raw != memory.seen.get(name, ())
    if moved and raw:
        value = read(raw)
        put(name, default if value is None else value)
    elif moved or (not raw and memory.defaults.get(name, default) != default):
        put(name, default)
    key = control_key(name)
    if key not in st.session_state:
        st.session_state[key] = memory.values.get(name, default)
    return key


def put(name: str, value: object) -> str:
    """Set a control from outside, before it is drawn; returns its widget's key, a new one if it held another value."""
    turns, key = _memory().turns, control_key(name)
    if st.session_state.get(key, value) != value:
        turns[name] = turns.get(name, 0) + 1
    st.session_state[control_key(name)] = value
    return control_key(name)


def keep(name: str, value: T, default: T, write: Callable[[T], Sequence[str]]) -> T:
    """Write a widget's value into the address (nothing for the default). Call after the widget; returns the value."""
    # Only here is the address done with: a run that a second click cut short after `recall` has shown nothing yet.
    memory, raw = _memory(), _texts(name)
    memory.moves.pop(name, None)
    wanted = tuple(write(value))
    if value == default and wanted != raw:  # said in so many words by a link, it may stay: each change
        wanted = ()  # of the address is a step that Back has to take
    memory.values[name], memory.defaults[name] = value, default
    memory.worked[name] = st.session_state.get(control_key(name))
    if name not in SHARED:
        memory.asked.setdefault(memory.page, {})[name] = wanted
    stood = _asked(name)
    if wanted != stood:
        memory.before.setdefault(name, []).append(stood)
        _write(name, wanted)
    memory.seen[name] = wanted
    return value


def change(name: str, *texts: str) -> None:
    """Ask for a parameter from outside, by a click on a chart for instance: control and address follow in this run."""
    _memory().moves[name] = texts


def ask(name: str, texts: Sequence[str] = ()) -> None:
    """Write a parameter into the address, as a link would; no texts take it out. Its control follows when drawn."""
    _memory().before.pop(name, None)
    _write(name, tuple(texts))


def link_to(page: str, **shared: str) -> list[tuple[str, str]]:
    """The parameters of a link to a page: the shared choices (`shared` overrides them) and its own last ones."""
    memory = _memory()
    kept = {name: _asked(name) for name in SHARED}  # on arrival the controls have not followed the address yet
    kept.update({name: (text,) for name, text in shared.items()})
    kept.update(memory.asked.get(page, {}))
    return [(name, text) for name, texts in kept.items() for text in texts]


def parameters() -> tuple[tuple[str, str], ...]:
    """What the address says of this page, without workspace and language."""
    return tuple(
        (name, text) for name in st.query_params if name not in _OF_READER for text in st.query_params.get_all(name)
    )


def link_of(parameters: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """The parameters of a link that shows exactly these, in the present workspace and language."""
    kept = [(name, text) for name in _OF_READER for text in _memory().seen.get(name, ())]
    return [*kept, *parameters]


def control_key(name: str) -> str:
    """The session-state key of the widget behind a parameter."""
    turn = _memory().turns.get(name, 0)
    return f"control.{name}.{turn}" if turn else f"control.{name}"


def _texts(name: str) -> Texts:
    """What is asked of a parameter: by a click on a chart, else by the address."""
    return _memory().moves.get(name) or _asked(name)


def _write(name: str, texts: Texts) -> None:
    if texts:
        st.query_params[name] = list(texts)
    elif name in st.query_params:
        del st.query_params[name]


def _asked(name: str) -> Texts:
    return tuple(st.query_params.get_all(name))


def _memory() -> _Memory:
    return st.session_state.setdefault(_STATE, _Memory())


def peek(name: str, default: Sequence[str]) -> tuple[str, ...]:
    """A parameter's texts as its control will take them, for a label that is drawn before the control."""
    raw, known = _texts(name), st.session_state.get(control_key(name))
    if raw != _memory().seen.get(name, ()) or known is None:
        return raw or tuple(default)
    return tuple(str(part) for part in known) if isinstance(known, (list, tuple)) else (str(known),)
