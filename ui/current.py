"""What is being looked at: the workspace, the reader's language and theme, and the bar's choices."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from ops_core.charts.palette import Palette
from ops_core.locale import Translator
from ops_core.model.period import Period
from ops_core.model.segment import Segment
from ops_core.workspace import Workspace

_SCREEN, _VIEW, _CHARTS = "screen", "view", "has_charts"


@dataclass(frozen=True, kw_only=True)
class Screen:
    """Workspace, language and theme: all that a page needs that shows no analysis."""

    workspace: Workspace
    t: Translator
    palette: Palette


@dataclass(frozen=True, kw_only=True)
class View(Screen):
    """A screen over data. Periods are whole local days; `compare` and `segment` are `None` when not chosen.

    Attributes:
        period_name: the period as a person says it ("Last week, 7-13 Sep").
        compare_name: the same of the comparison, "" without one.
        segment_name: the segment's name, or "All users".
        grain: day, week or month, whichever cuts the period into a readable number of points.
    """

    period: Period
    period_name: str
    compare: Period | None
    compare_name: str
    segment: Segment | None
    segment_name: str
    grain: str


def show(screen: Screen) -> None:
    """Make a screen the one of this run; app.py's business."""
    st.session_state[_SCREEN] = screen
    st.session_state[_VIEW] = screen if isinstance(screen, View) else None
    st.session_state[_CHARTS] = False


def screen() -> Screen:
    """The workspace, language and theme of this run."""
    return st.session_state[_SCREEN]


def view() -> View:
    """The view of this run; only pages that are registered as needing data have one."""
    return st.session_state[_VIEW]


def first_chart() -> bool:
    """Whether no chart was drawn in this run yet; it counts as drawn from now on."""
    seen = st.session_state.get(_CHARTS, True)
    st.session_state[_CHARTS] = True
    return not seen
