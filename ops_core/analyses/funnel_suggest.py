"""A first funnel from the data itself, so that nobody starts from an empty page.

The goal is the event that carries money, else one whose name says so, else the one that people reach last. The way to
it are the events that most of those who reach the goal did before it, in the order in which most people do them for the
first time. It is a suggestion from frequent order, not a claim about causes.
"""

from __future__ import annotations

import re

import numpy as np

from ops_core.engine.paths import FirstTimes, first_times
from ops_core.workspace import Workspace, one_state

_NEVER = np.iinfo(np.int64).max
_LEAST_USERS = 0.01  # a goal that fewer than 1 % of the users reach is no goal for a first look
_ON_THE_WAY = 0.6  # of those who reach the goal, the share that did the event before it
_MOST_STEPS = 5
_GOAL_WORDS = (
    "purchase",
    "purchased",
    "pay",
    "paid",
    "buy",
    "order",
    "checkout",
    "subscribe",
    "支付",
    "付款",
    "购买",
    "下单",
)
_UNDONE = re.compile(r"error|bug|fail|cancel|refund|失败|取消|退", re.IGNORECASE)


@one_state
def suggest(workspace: Workspace) -> tuple[str, ...]:
    """Event names of a sensible funnel, 2–5 of them; fewer when the data has no two events in an order."""
    known = first_times(workspace.store)
    if not len(known.at_us) or len(known.names) < 2:
        return tuple(known.names)
    goal = _goal(known)
    reached = known.at_us[known.at_us[:, goal] != _NEVER]
    before = (reached < reached[:, [goal]]).mean(axis=0)
    way = [event for event in range(len(known.names)) if event != goal and before[event] >= _ON_THE_WAY]
    if not way:
        way = [int(np.argmax(np.where(np.arange(len(before)) == goal, -1.0, before)))]
    n_users = (known.at_us != _NEVER).sum(axis=0)
    way = _falling(sorted(way, key=lambda event: _position(known, event, way)), n_users)
    # It starts with the most frequent of the events that nearly everybody does, and ends with the last steps.
    start = max(range(len(way)), key=lambda place: (round(before[way[place]], 1), known.n_events[way[place]]))
    chosen = [way[start], *way[start + 1 :][-(_MOST_STEPS - 2) :]]
    return tuple(known.names[event] for event in [*chosen, goal])


def _goal(known: FirstTimes) -> int:
    users = (known.at_us != _NEVER).mean(axis=0)
    paying = np.flatnonzero(known.has_value & (users >= _LEAST_USERS))
    if len(paying):
        return int(paying[np.argmax(users[paying])])
    named = [event for event in np.flatnonzero(users >= _LEAST_USERS) if _is_goal(known.names[event])]
    if named:
        return int(max(named, key=lambda event: _position(known, event, range(len(known.names)))))
    position = np.array([_position(known, event, range(len(known.names))) for event in range(len(known.names))])
    return int(np.argmax(np.where(users >= _LEAST_USERS, position, -1.0)))


def _position(known: FirstTimes, event: int, among: range | list[int]) -> float:
    """How late an event comes: mean share of the other events that a user did before it."""
    done = known.at_us[known.at_us[:, event] != _NEVER]
    others = [other for other in among if other != event]
    if not others or not len(done):
        return 0.0
    return float((done[:, others] < done[:, [event]]).mean())


def _is_goal(name: str) -> bool:
    words = re.split(r"[^a-z]+", name.casefold())
    has_word = any(goal in words or (not goal.isascii() and goal in name) for goal in _GOAL_WORDS)
    return has_word and not _UNDONE.search(name)


def _falling(way: list[int], n_users: np.ndarray) -> list[int]:
    """The events of a way that have fewer people than the one before."""
    falling: list[int] = []
    for event in way:
        while falling and n_users[falling[-1]] < n_users[event]:
            falling.pop()
        falling.append(event)
    return falling
