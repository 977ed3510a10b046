"""Paths: what do users do after an event, or before it, or after they were first seen?

Unit: user, one path each. It hangs on the user's first start in the period and holds their next events (or the ones
before, read backwards) within a window of elapsed seconds, end included. All the user's events count as steps except
passive ones and those left out by hand. `collapse` takes a run of one event for one step, the start's own run too.

Order: by time; different events at one instant in order of their names, and events at the start's own instant lie on
the side that is looked at. The share of paths whose order rests on that is reported (`tie_share`).

Maturity: a start counts only when its whole window lies inside the data (ends by as-of; looking back, begins after
the data's first midnight). Users with no such start are apart (`n_immature`).

Every level adds up to the users who started: its events, the rest as `other`, and `ended` for users whose path was
over before it. Shares carry Wilson intervals (1927). Limits: what comes next is no effect of what came before; a user
counts once however often they do the start event.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from numbers import Integral

import numpy as np
import pandas as pd

from ops_core.analyses import path_tables as tables
from ops_core.engine import path_steps as engine
from ops_core.engine import selection
from ops_core.engine.funnel_spec import MICROSECONDS, is_duration
from ops_core.engine.path_steps import LONGEST_US
from ops_core.errors import QueryError
from ops_core.model.filters import Filter, filters_of
from ops_core.model.period import Period
from ops_core.model.segment import Segment
from ops_core.workspace import Workspace, one_state

DIRECTIONS = ("after", "before")
MOST_LEVELS, MOST_SHOWN = 8, 12
START, EVENT, OTHER, ENDED = tables.START, tables.EVENT, tables.OTHER, tables.ENDED


@dataclass(frozen=True)
class PathQuery:
    """Paths to ask for.

    Attributes:
        start: the event that paths hang on: a name, several, or `None` for the instant a user was first seen.
        period: when users start.
        window_seconds: how long a path may take, from its start, end included.
        direction: `after` the start, or `before` it.
        levels: steps away from the start, 1–8.
        collapse: a run of the same event is one step.
        clip: only events inside the period exist.
        hidden: events that are no steps.
        shown: events of a level that keep their name, 1–12; the rest is `other`.
        segment: of these users.
        filters: on the start event (`coupon`) or its user (`user.channel`).

    Raises:
        QueryError: a window of 0, levels out of range, looking back from first seen and the like.
    """

    start: str | tuple[str, ...] | None
    period: Period
    window_seconds: float
    direction: str = "after"
    levels: int = 4
    collapse: bool = True
    clip: bool = False
    hidden: tuple[str, ...] = ()
    shown: int = 5
    segment: Segment | None = None
    filters: tuple[Filter, ...] = ()

    def __post_init__(self) -> None:
        Period.checked(self.period)
        Segment.checked(self.segment)
        if self.start is not None:
            names = (self.start,) if isinstance(self.start, str) else self.start
            names = tuple(dict.fromkeys(names)) if isinstance(names, Iterable) else (names,)
            if not names or not all(isinstance(name, str) for name in names):
                raise QueryError("path_no_start")
            object.__setattr__(self, "start", names[0] if len(names) == 1 else names)
        hidden = (self.hidden,) if isinstance(self.hidden, str) else tuple(self.hidden)
        object.__setattr__(self, "hidden", hidden)
        object.__setattr__(self, "filters", filters_of(self.filters))
        if self.direction not in DIRECTIONS:
            raise QueryError("path_direction", value=self.direction, allowed=list(DIRECTIONS))
        if self.start is None and self.direction == "before":
            raise QueryError("path_before_first_seen")
        if self.start is None and not all(one.is_user_level for one in self.filters):
            raise QueryError("path_first_seen_filter")
        if not is_duration(self.window_seconds):
            raise QueryError("path_window", value=self.window_seconds)
        if not isinstance(self.levels, Integral) or not 1 <= self.levels <= MOST_LEVELS:
            raise QueryError("path_levels", value=self.levels, most=MOST_LEVELS)
        if not isinstance(self.shown, Integral) or not 1 <= self.shown <= MOST_SHOWN:
            raise QueryError("path_shown", value=self.shown, most=MOST_SHOWN)

    @property
    def start_events(self) -> tuple[str, ...] | None:
        """The start's event names; `None` for first seen."""
        return (self.start,) if isinstance(self.start, str) else self.start

    def spec(self, workspace: Workspace) -> engine.PathSpec:
        """The question as the engine takes it.

        Raises:
            QueryError: there is no data yet.
        """
        if workspace.as_of_us is None:
            raise QueryError("no_data_yet")
        start_us, end_us = self.period.bounds(workspace.rules)
        window_us = max(1, min(round(self.window_seconds * MICROSECONDS), LONGEST_US))
        return engine.PathSpec(
            self.start_events, start_us, end_us, window_us, self.direction, self.levels, self.collapse, self.clip,
            self.hidden, self.segment, self.filters, workspace.as_of_us,
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class PathResult:
    """The answer; tables are built when first asked for.

    Attributes:
        query: what was asked.
        found: the path of each counted user (engine's arrays).
    """

    query: PathQuery
    found: engine.Paths
    workspace: Workspace = field(repr=False)

    @property
    def n_started(self) -> int:
        """Users whose path counts: what each level adds up to."""
        return len(self.found)

    @property
    def n_immature(self) -> int:
        """Users with starts in the period, none of whose windows lies inside the data: shown apart."""
        return len(self.found.open_keys)

    @property
    def n_left_censored(self) -> int:
        """Of users who start by being first seen: those who may have been there before the data begins."""
        return self.found.n_left_censored

    @cached_property
    def tie_share(self) -> float:
        """Share (0–1) of the paths in whose order two different events happened at one instant; nan without paths."""
        return float(self.found.is_tied.mean()) if len(self.found) else float("nan")

    @cached_property
    def nodes(self) -> pd.DataFrame:
        """One row per level and node, level 0 being the start, largest event first, then other, then ended.

        Columns: level, node (number within the level), kind (`start`, `event`, `other`, `ended`), event (its name,
        else ""), n_events (event names in it, 0 for start and ended), users, share (of all who started, 0–1, nan
        without any), share_low, share_high (Wilson 95 %; nan for the start), ended_here (of `ended`: users whose path
        was over exactly before this level; else 0). `users` adds up to `n_started` in each level.
        """
        return tables.nodes_table(self._level_nodes, self.n_started)

    @cached_property
    def links(self) -> pd.DataFrame:
        """One row per move between neighbouring levels that somebody made.

        Columns: level (of the target), source and target (node numbers), source_kind, source_event, target_kind,
        target_event, users, share_of_source (0–1). The users of a node are the sum of the links into it and, below
        the last level, of the links out of it.
        """
        return tables.links_table(self._level_nodes, self.nodes)

    @cached_property
    def paths(self) -> pd.DataFrame:
        """Every different path, the most frequent first.

        Columns: rank (from 1), steps (tuple of event names away from the start; empty where nothing followed), users,
        share (of all who started, 0–1), share_low, share_high (Wilson 95 %), is_over (nothing more within the window;
        else the path may go on beyond the last level). `users` adds up to `n_started`.
        """
        return tables.paths_table(self.found, self.query.levels)

    def funnel_steps(self, rank: int) -> tuple[str | tuple[str, ...], ...]:
        """The steps of a path in order of time, start included (unless it is first seen), as a funnel takes them.

        Raises:
            QueryError: there is no path of that rank.
        """
        steps = self._path(rank)
        start = () if self.query.start is None else (self.query.start,)
        return (*start, *steps) if self.query.direction == "after" else (*steps[::-1], *start)

    def users(self, level: int, node: int, source: int | None = None) -> list[str]:
        """The ids of the users in a node; with `source`, of those who came from that node of the level before.

        Raises:
            QueryError: there is no such node.
        """
        known = self.nodes[self.nodes["level"] == level]["node"].tolist()
        if node not in known:
            raise QueryError("path_no_node", level=level, node=node, levels=self.query.levels)
        chosen = self._level_nodes[level].node_of == node
        if source is not None and level > 0:
            chosen &= self._level_nodes[level - 1].node_of == source
        return selection.user_ids(self.workspace.store, self.found.user_keys[chosen])

    def users_of_path(self, rank: int) -> list[str]:
        """The ids of the users on a path.

        Raises:
            QueryError: there is no path of that rank.
        """
        chosen = tables.on_path(self.found, self._path(rank))
        return selection.user_ids(self.workspace.store, self.found.user_keys[chosen])

    @cached_property
    def _level_nodes(self) -> list[tables.LevelNodes]:
        return tables.level_nodes(self.found, self.query.shown)

    def _path(self, rank: int) -> tuple[str, ...]:
        if not 1 <= rank <= len(self.paths):
            raise QueryError("path_no_rank", rank=rank, n_paths=len(self.paths))
        return self.paths["steps"].iloc[rank - 1]


@one_state
def analyze(workspace: Workspace, query: PathQuery) -> PathResult:
    """Find the paths.

    Raises:
        QueryError: an event or property that the workspace does not have (with the nearest names), no data yet.
    """
    found = engine.answer(workspace.store, query.spec(workspace))
    return PathResult(query, found, workspace)


def clear_lead(first: int, second: int) -> bool:
    """Whether the larger of two parts of one whole is more than chance at 95 %: the normal test that two multinomial
    shares are equal, (a − b)² > 1.96² (a + b)."""
    return bool(np.square(first - second) > 1.96**2 * (first + second))
