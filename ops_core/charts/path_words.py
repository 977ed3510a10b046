"""What paths say in words: names of nodes and paths, the answer and its paragraph."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from ops_core.analyses.paths import ENDED, EVENT, OTHER, START, PathQuery, PathResult, clear_lead
from ops_core.charts.funnel_words import window_text
from ops_core.locale import Translator

_TIES_WORTH_SAYING = 0.01
_ARROW = " → "


def start_name(query: PathQuery, t: Translator) -> str:
    """The start: its event, several joined, or "First seen"."""
    return t("paths.first_seen") if query.start_events is None else " / ".join(query.start_events)


def node_name(row: Mapping[str, object], result: PathResult, t: Translator) -> str:
    """A node as people read it."""
    return kind_name(row["kind"], row["event"], result, t, int(row["n_events"]))


def kind_name(kind: str, event: str, result: PathResult, t: Translator, n_events: int = 0) -> str:
    """A node by its kind and event; the rest says how many events it holds where that is known."""
    if kind == EVENT:
        return event
    if kind == START:
        return start_name(result.query, t)
    if kind == OTHER:
        return t("paths.other", n=n_events) if n_events else t("paths.other_one")
    # Where runs are one step, whoever only goes on with the event before is at an end, too.
    which = "nothing_else" if result.query.collapse else "nothing_more"
    return t(f"paths.{which}_{result.query.direction}")


def level_name(level: int, query: PathQuery, t: Translator) -> str:
    """The heading of a level."""
    return t("paths.level_start") if level == 0 else t(f"paths.level_{query.direction}", n=level)


def path_text(steps: tuple[str, ...], is_over: bool, result: PathResult, t: Translator) -> str:
    """A whole path in order of time, its start included; "…" where it may go on."""
    start = start_name(result.query, t)
    more = kind_name(ENDED, "", result, t) if is_over and not steps else "" if is_over else t("paths.goes_on")
    away = [*steps, *([more] if more else [])]
    return _ARROW.join([start, *away] if result.query.direction == "after" else [*away[::-1], start])


def readable_paths(result: PathResult, t: Translator, most: int) -> pd.DataFrame:
    """The most frequent paths with their text: rank, path, users, share, share_low, share_high."""
    top = result.paths.head(most)
    texts = [path_text(row.steps, row.is_over, result, t) for row in top.itertuples()]
    return top.assign(path=texts)[["rank", "path", "users", "share", "share_low", "share_high"]]


def readable_nodes(result: PathResult, t: Translator) -> pd.DataFrame:
    """All nodes with their names: level, name, users, n (who started), share, share_low, share_high."""
    names = [node_name(row, result, t) for _, row in result.nodes.iterrows()]
    columns = ["level", "name", "users", "n", "share", "share_low", "share_high"]
    return result.nodes.assign(name=names, n=result.n_started)[columns]


def headline(result: PathResult, t: Translator) -> str:
    """What most users do next (or did before), with n; two that chance could swap are told as equal."""
    if not result.n_started:
        return t("paths.headline_open", n=result.n_immature) if result.n_immature else t(
            "paths.headline_nobody"
        )  # fmt: skip
    rows = _ranked(result)
    first = rows.iloc[0]
    told = {"lead": _lead(result.query, t), "total": t.number(result.n_started)}
    if len(rows) > 1 and not clear_lead(int(first["users"]), int(rows["users"].iloc[1])):
        second = rows.iloc[1]
        return t(
            "paths.headline_even", first=node_name(first, result, t), first_share=t.share(first["share"]),
            second=node_name(second, result, t), second_share=t.share(second["share"]), **told,
        )  # fmt: skip
    told |= {"share": t.share(first["share"]), "users": t.number(int(first["users"]))}
    direction = result.query.direction
    if first["kind"] == EVENT:
        return t(f"paths.headline_{direction}", event=first["event"], **told)
    told |= {"window": window_text(result.query.window_seconds, t), "start": start_name(result.query, t)}
    # The start's own repeats are no steps where runs are one; "first seen" is no event and has none.
    else_ = "_else" if result.query.collapse and result.query.start is not None else ""
    return t(f"paths.headline_ended{else_}_{direction}", **told)


def paragraph(result: PathResult, t: Translator, period_name: str) -> str:
    """The numbers behind the answer, and who is not in them."""
    if not result.n_started:
        return ""
    query = result.query
    window = window_text(query.window_seconds, t)
    told = [t("paths.paragraph", n=query.levels, period=period_name, users=t.number(result.n_started), window=window)]
    others = [
        t(f"paths.paragraph_{row['kind']}", name=node_name(row, result, t), share=t.share(row["share"]))
        for _, row in _ranked(result).iloc[1:4].iterrows()
    ]
    if others:
        told.append(t("paths.paragraph_next", parts=t.join(others)))
    long = result.paths[result.paths["steps"].str.len() >= 2]
    if len(long):
        top = long.iloc[0]
        told.append(
            t("paths.paragraph_top", path=path_text(top["steps"], top["is_over"], result, t),
              users=t.number(int(top["users"])), share=t.share(top["share"]))
        )  # fmt: skip
    return t.sentences([*told, *_remarks(result, t)])


def flow_title(query: PathQuery, t: Translator) -> str:
    """The flow's title."""
    key = "first_seen" if query.start is None else query.direction
    return t(f"paths.flow_title_{key}", n=query.levels, start=start_name(query, t))


def definition(query: PathQuery, t: Translator) -> str:
    """How paths are counted, in one line."""
    runs = t("paths.runs_collapsed") if query.collapse else t("paths.runs_kept")
    window = window_text(query.window_seconds, t)
    if query.start is None:
        return t("paths.definition_first_seen", window=window, runs=runs)
    return t("paths.definition", start=start_name(query, t), window=window, runs=runs)


def _ranked(result: PathResult) -> pd.DataFrame:
    """Events and the ended of the first level, largest first; a rest of many events is no answer."""
    first = result.nodes[(result.nodes["level"] == 1) & result.nodes["kind"].isin((EVENT, ENDED))]
    return first.sort_values("users", ascending=False, kind="stable")


def _lead(query: PathQuery, t: Translator) -> str:
    if query.start is None:
        return t("paths.lead_first_seen")
    return t(f"paths.lead_{query.direction}", start=start_name(query, t))


def _remarks(result: PathResult, t: Translator) -> list[str]:
    told = []
    if result.n_immature:
        told.append(t("paths.paragraph_immature", n=result.n_immature))
    if result.n_left_censored:
        told.append(t("paths.paragraph_censored", n=result.n_left_censored))
    if result.tie_share > _TIES_WORTH_SAYING:
        told.append(t("paths.paragraph_ties", share=t.share(result.tie_share)))
    return told
