"""Why does the other tool say 31 %? The same steps and period under the default rules of other products.

Defaults as their public documentation gives them: window, what bounds the period, which entry counts, what an exclusion
does. Those products also count entrants whose window is still open as not converted. Steps, order, filters and which
events exclude stay as asked. Not recomputed: how far apart two events may lie and still count as simultaneous (here the
same instant), and what differs by sampling, identity merging or late data.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import pandas as pd

from ops_core.analyses import funnel
from ops_core.analyses.funnel import FunnelQuery
from ops_core.workspace import Workspace, one_state

_DAY = 86_400
OURS = "ours"
# What no product lets the question decide by default …
_USUAL = {
    "count_open": True, "quick_view": False, "clip": False, "reentry": "deepest", "on_exclusion": "cut",
}  # fmt: skip
# … and the changes of a query that make it count as the product does by default.
PRESETS: dict[str, dict[str, object]] = {
    "sensors": {"window_seconds": 30 * _DAY},
    "mixpanel": {"window_seconds": 7 * _DAY, "reentry": "first_entry"},
    "amplitude": {"window_seconds": 1 * _DAY},
    "posthog": {"window_seconds": 14 * _DAY, "clip": True, "on_exclusion": "drop"},
}
# One rule changed at a time, so that its weight can be seen by itself.
SENSITIVITY: dict[str, dict[str, object]] = {
    "window_1": {"window_seconds": 1 * _DAY},
    "window_7": {"window_seconds": 7 * _DAY},
    "window_14": {"window_seconds": 14 * _DAY},
    "window_30": {"window_seconds": 30 * _DAY},
    "first_entry": {"reentry": "first_entry"},
    "clip": {"clip": True},
    "open": {"count_open": True},
}


@dataclass(frozen=True)
class PresetResult:
    """`presets` and `sensitivity`: name, users, converted, share, share_low, share_high (Wilson), difference to ours.

    The first row of `presets` is the funnel as asked (`ours`). Shares 0–1, nan when nobody entered.
    """

    query: FunnelQuery
    presets: pd.DataFrame
    sensitivity: pd.DataFrame


@one_state
def analyze(workspace: Workspace, query: FunnelQuery) -> PresetResult:
    """The funnel under the rules of other products, and with one rule changed at a time.

    Raises:
        QueryError: an event or property that the workspace does not have.
    """
    query = replace(query, breakdown=None)
    ours = _row(workspace, OURS, query, None)
    presets = [_row(workspace, name, preset(query, name), ours) for name in PRESETS]
    sensitivity = [_row(workspace, name, replace(query, **change), ours) for name, change in SENSITIVITY.items()]
    return PresetResult(query, pd.DataFrame([ours, *presets]), pd.DataFrame(sensitivity))


def preset(query: FunnelQuery, name: str) -> FunnelQuery:
    """The query as a product would count it by default: one of `PRESETS`."""
    return replace(query, **_USUAL | PRESETS[name])


def _row(workspace: Workspace, name: str, query: FunnelQuery, ours: dict | None) -> dict[str, object]:
    last = funnel.analyze(workspace, query).total.iloc[-1]
    share = last["conversion_from_start"]
    return {
        "name": name, "users": int(last["of_start"]), "converted": int(last["users"]), "share": share,
        "share_low": last["share_low"], "share_high": last["share_high"],
        "difference": float("nan") if ours is None else share - ours["share"],
    }  # fmt: skip
