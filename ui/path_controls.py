"""Controls of the paths page: from widgets to a path query."""

from __future__ import annotations

from ops_core.analyses import funnel_suggest
from ops_core.analyses.paths import DIRECTIONS, MOST_LEVELS, MOST_SHOWN, PathQuery
from ops_core.charts.funnel_words import window_text
from ops_core.workspace import Workspace
from ui.choices import pick, pick_many, pick_number, switch
from ui.current import View
from ui.layout import more
from ui.session import remembered

WINDOWS = ("900", "3600", "86400", "259200", "604800", "1209600", "2592000")
_DEFAULT_WINDOW = "86400"
_FIRST_SEEN = "-"  # an empty text could not stand in the address


def ask(view: View) -> PathQuery:
    """Draw the controls and read them."""
    t = view.t
    known = remembered(Workspace.event_names, view.workspace)
    events = {name: name for name in known["event"]}
    suggested = remembered(funnel_suggest.suggest, view.workspace)
    start = pick(
        "paths_start", events | {_FIRST_SEEN: t("paths.first_seen")}, label=t("paths.start"),
        default=suggested[0] if suggested else None,
    )  # fmt: skip
    ways = {code: t(f"paths.direction_{code}") for code in DIRECTIONS if start != _FIRST_SEEN or code == "after"}
    direction = pick("paths_direction", ways, label=t("paths.direction"), style="segments")
    windows = {code: window_text(int(code), t) for code in WINDOWS}
    window = pick("paths_window", windows, label=t("paths.window"), default=_DEFAULT_WINDOW)
    counts = {str(n): t.number(n) for n in range(1, MOST_LEVELS + 1)}
    levels = pick("paths_levels", counts, label=t("paths.levels"), default="4")
    with more(t):
        active = known.loc[~known["is_passive"], "event"]
        # With one event alone a path of merged runs would say of everybody who bought again that nothing followed.
        collapse = switch(
            "paths_collapse", label=t("paths.collapse"), default=len(active) > 1, hint=t("paths.collapse_hint")
        )
        hidden = pick_many(
            "paths_hidden", {name: name for name in active}, label=t("paths.hidden"),
            placeholder=t("paths.hidden_none"),
        )  # fmt: skip
        shown = pick_number("paths_shown", label=t("paths.shown"), default=5, low=1, high=MOST_SHOWN)
        clip = switch("paths_clip", label=t("paths.clip"), hint=t("paths.clip_hint"))
    return PathQuery(
        None if start == _FIRST_SEEN else start, view.period, int(window), direction=direction, levels=int(levels),
        collapse=collapse, clip=clip, hidden=hidden, shown=shown, segment=view.segment,
    )  # fmt: skip
