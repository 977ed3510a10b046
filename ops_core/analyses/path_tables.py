"""Tables of paths: pure counting on each user's steps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from ops_core.engine.path_steps import ENDED as NOTHING_MORE
from ops_core.engine.path_steps import Paths
from ops_core.model.intervals import wilson

START, EVENT, OTHER, ENDED = "start", "event", "other", "ended"


@dataclass(frozen=True, eq=False)
class LevelNodes:
    """The nodes of one level: their kind, event and number of event names, and each user's node."""

    kinds: tuple[str, ...]
    events: tuple[str, ...]
    n_events: tuple[int, ...]
    node_of: np.ndarray
    ended_here: int


def level_nodes(found: Paths, shown: int) -> list[LevelNodes]:
    """The start and each level: the most frequent events by name, the rest as other, and who has ended before."""
    levels = [LevelNodes((START,), ("",), (0,), np.zeros(len(found), np.int16), 0)]
    ended_before = 0
    for column in found.steps.T:
        level = _level(found.names, column, shown, ended_before)
        ended_before = int((column == NOTHING_MORE).sum())
        levels.append(level)
    return levels


def nodes_table(levels: list[LevelNodes], n_started: int) -> pd.DataFrame:
    """The nodes of all levels; columns as `PathResult.nodes` says."""
    parts = []
    for number, level in enumerate(levels):
        users = np.bincount(level.node_of, minlength=len(level.kinds))
        parts.append(
            pd.DataFrame(
                {
                    "level": number, "node": np.arange(len(users)), "kind": level.kinds, "event": level.events,
                    "n_events": level.n_events, "users": users, "share": _share(users, n_started),
                    "ended_here": [level.ended_here if kind == ENDED else 0 for kind in level.kinds],
                }
            )
        )  # fmt: skip
    table = pd.concat(parts, ignore_index=True)
    low, high = wilson(table["users"], np.full(len(table), n_started))
    low[0] = high[0] = np.nan  # everybody starts by definition, not by measurement
    table.insert(table.columns.get_loc("share") + 1, "share_low", low)
    table.insert(table.columns.get_loc("share_low") + 1, "share_high", high)
    return table


def links_table(levels: list[LevelNodes], nodes: pd.DataFrame) -> pd.DataFrame:
    """Moves between neighbouring levels; columns as `PathResult.links` says."""
    rows = []
    for number in range(1, len(levels)):
        before, now = levels[number - 1], levels[number]
        width = len(now.kinds)
        pairs = np.bincount(before.node_of.astype(np.int64) * width + now.node_of, minlength=len(before.kinds) * width)
        rows += [
            (number, int(pair // width), int(pair % width), before.kinds[pair // width], before.events[pair // width],
             now.kinds[pair % width], now.events[pair % width], int(pairs[pair]))
            for pair in np.flatnonzero(pairs)
        ]  # fmt: skip
    columns = ("level", "source", "target", "source_kind", "source_event", "target_kind", "target_event", "users")
    table = pd.DataFrame(rows, columns=columns).astype({"level": int, "source": int, "target": int, "users": int})
    of_source = nodes.set_index(["level", "node"])["users"]
    sources = [of_source[(level - 1, source)] for level, source in zip(table["level"], table["source"], strict=True)]
    return table.assign(share_of_source=_share(table["users"].to_numpy(), np.array(sources)))


def paths_table(found: Paths, levels: int) -> pd.DataFrame:
    """Different paths by frequency, equally frequent ones by their names; columns as `PathResult.paths` says."""
    different, counts = _different(found.steps, len(found.names) + 1)
    order = np.argsort(-counts, kind="stable")  # they come in order of their steps, hence of their names
    different, counts = different[order], counts[order]
    steps = [_names(found, row) for row in different.tolist()]
    low, high = wilson(counts, np.full(len(counts), len(found)))
    return pd.DataFrame(
        {
            "rank": np.arange(1, len(counts) + 1), "steps": steps, "users": counts,
            "share": _share(counts, len(found)), "share_low": low, "share_high": high,
            "is_over": [len(names) < levels for names in steps],
        }
    )  # fmt: skip


def on_path(found: Paths, steps: tuple[str, ...]) -> np.ndarray:
    """Which users are on exactly this path."""
    place = {name: number for number, name in enumerate(found.names)}
    wanted = np.full(found.steps.shape[1], NOTHING_MORE, np.int16)
    wanted[: len(steps)] = [place[name] for name in steps]
    return (found.steps == wanted).all(axis=1)


def _level(names: tuple[str, ...], column: np.ndarray, shown: int, ended_before: int) -> LevelNodes:
    counts = np.bincount(column[column != NOTHING_MORE], minlength=len(names))
    ranked = sorted(np.flatnonzero(counts).tolist(), key=lambda place: (-counts[place], names[place]))
    # One event more than `shown` keeps its name: "other" for a single event would only hide it.
    kept = ranked[:shown] if len(ranked) > shown + 1 else ranked
    n_folded, n_ended = len(ranked) - len(kept), int((column == NOTHING_MORE).sum())
    node_of_event = np.full(len(names) + 1, len(kept), np.int16)  # the last place, reached by -1, is for the ended
    node_of_event[kept] = np.arange(len(kept))
    node_of_event[NOTHING_MORE] = len(kept) + bool(n_folded)
    kinds = (EVENT,) * len(kept) + (OTHER,) * bool(n_folded) + (ENDED,) * bool(n_ended)
    rest = ("",) * (len(kinds) - len(kept))
    return LevelNodes(
        kinds,
        tuple(names[place] for place in kept) + rest,
        (1,) * len(kept) + (n_folded,) * bool(n_folded) + (0,) * bool(n_ended),
        node_of_event[column],
        n_ended - ended_before,
    )


def _different(steps: np.ndarray, base: int) -> tuple[np.ndarray, np.ndarray]:
    """Different rows in order, and how often each is there; each row as one number where that fits."""
    if base ** steps.shape[1] >= 1 << 63:
        return np.unique(steps, axis=0, return_counts=True)
    numbers = np.zeros(len(steps), np.int64)
    for column in steps.T:
        numbers = numbers * base + column + 1
    _, first, counts = np.unique(numbers, return_index=True, return_counts=True)
    return steps[first], counts


def _names(found: Paths, row: list[int]) -> tuple[str, ...]:
    return tuple(found.names[place] for place in row if place != NOTHING_MORE)


def _share(part: np.ndarray, whole: np.ndarray | int) -> np.ndarray:
    part = np.asarray(part, dtype=float)
    whole = np.broadcast_to(whole, part.shape)
    return np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0)
