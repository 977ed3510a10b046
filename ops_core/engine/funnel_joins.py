"""The portable route for funnels of every kind: chains of events by joins, in SQL that any engine of rank has.

Each attempt is followed through the steps, every event that can serve a step making a chain of its own: one event
serves one step, ties count in either order, excluded events and strictness are looked up between the chain's own
events. It is as slow as it is plain (the chains of a user multiply), so it is for few events per user: to check the
array kernel, and for engines that have no kernel.
"""

from __future__ import annotations

import numpy as np

from ops_core.engine import selection
from ops_core.engine.funnel_spec import Exclusion, FunnelSpec, Step
from ops_core.engine.selection import Conditions
from ops_core.errors import EngineError
from ops_core.model.segment import Segment
from ops_core.store import Store
from ops_core.store.schema import quote

# Rows that are equal in all columns are interchangeable, so it does not matter which of them gets which number.
_NUMBERED = """numbered AS (
    SELECT row_number() OVER (ORDER BY user_key, occurred_at, event_code, event_id, value {columns}) AS row_no,
           user_key, epoch_us(occurred_at) AS at_us, {held} AS held {marks}
    FROM events WHERE {conditions}
)"""
_STARTS = """starts AS (
    SELECT user_key, row_no AS start_no, at_us AS start_us, held, {limit} AS limit_us {absent}
    FROM numbered {days} WHERE ({starts}) AND at_us >= $start_us AND at_us < $end_us {held_known}
)"""
_LONGER = """
    SELECT chain.* REPLACE (e.row_no AS r{step}, e.at_us AS t{step})
    FROM ({shorter}) AS chain JOIN numbered AS e ON e.user_key = chain.user_key AND e.is_{step}
         AND e.at_us >= {after} AND e.at_us <= chain.limit_us {further}
"""
_CHAINS = "SELECT * FROM {chain}"
_DEPTH = "SELECT *, {depth} AS depth FROM {chain} AS chain"
_BETWEEN = """(SELECT count(*) FROM numbered AS x WHERE x.user_key = chain.user_key {excluded}
               AND x.at_us > {low} AND x.at_us < {high})"""


def depths(store: Store, spec: FunnelSpec) -> tuple[np.ndarray, np.ndarray]:
    """Users (sorted keys) who are counted, and the last step of their deepest attempt.

    Raises:
        EngineError: every attempt is asked for, not every user.
        QueryError: an event or a property that does not exist.
    """
    if spec.reentry == "every_attempt":
        raise EngineError("funnel_portable_users_only")
    users, mature, level = _attempts(store, spec, spec.exclusions)
    drop = spec.on_exclusion == "drop" and bool(spec.exclusions)
    # Attempts come sorted by user and start, with and without exclusions: the same ones in the same order.
    raw = _attempts(store, spec, ())[2] if drop else level
    allowed = _allowed(store, spec)
    best: dict[int, int] = {}
    for ripe in (False, True):
        kept = mature == ripe
        if allowed is not None:
            kept &= np.isin(users, allowed)
        found = _deepest(users[kept], level[kept], raw[kept])
        if not ripe:
            found = {user: depth for user, depth in found.items() if spec.quick and depth == len(spec.steps)}
        best |= {user: max(depth, best.get(user, 0)) for user, depth in found.items()}
    keys = sorted(best)
    return np.array(keys, np.int32), np.array([best[key] for key in keys], np.int8)


def _deepest(users: np.ndarray, level: np.ndarray, raw: np.ndarray) -> dict[int, int]:
    """The depth of each user; nobody whose deepest attempts, exclusions ignored, are all excluded."""
    found: dict[int, int] = {}
    for user in np.unique(users).tolist():
        own = users == user
        deepest = raw[own].max()
        clean = level[own][raw[own] == deepest].max()
        if raw is level or clean == deepest:
            found[user] = int(clean)
    return found


def _attempts(store: Store, spec: FunnelSpec, exclusions: tuple[Exclusion, ...]) -> tuple[np.ndarray, ...]:
    """Per attempt its user's key, whether its window has ended by as-of, and its depth."""
    parameters: dict[str, object] = {"start_us": spec.start_us, "end_us": spec.end_us}
    parts = [_numbered(store, spec, exclusions, parameters), _starts(spec)]
    if spec.window_us is None:
        parts.insert(0, "days AS (SELECT unnest($edges::BIGINT[]) AS from_us, unnest($ends::BIGINT[]) AS before_us)")
        edges = _day_edges(store, spec)
        parameters |= {"edges": edges[:-1], "ends": edges[1:]}
    else:
        parameters["window_us"] = spec.window_us
    longer = _any_order if spec.order == "unordered" else _in_order
    parts += [f"chain_{step} AS ({longer(spec, exclusions, step)})" for step in range(len(spec.steps))]
    statement = "WITH {parts} SELECT user_key, start_no, start_us, limit_us, max(depth) AS depth FROM ({chains})"
    statement += " GROUP BY user_key, start_no, start_us, limit_us ORDER BY user_key, start_no"
    statement = statement.replace("{parts}", ", ".join(parts)).replace("{chains}", _with_depth(spec, exclusions))
    with store.cursor() as cursor:
        found = cursor.execute(statement, parameters).fetchnumpy()
    users, starts = found["user_key"].astype(np.int64), found["start_us"].astype(np.int64)
    ends = found["limit_us"].astype(np.int64) + (spec.window_us is None)  # a local day is over at midnight
    ends = np.minimum(ends, spec.end_us) if spec.clip else ends
    mature = np.ones(len(ends), bool) if spec.as_of_us is None else ends <= spec.as_of_us
    kept = slice(None)
    if spec.reentry == "first_entry" and len(users):
        first = np.full(int(users.max()) + 1, np.iinfo(np.int64).max)
        np.minimum.at(first, users, starts)
        kept = starts == first[users]
    return users[kept], mature[kept], found["depth"].astype(np.int64)[kept]


def _numbered(store: Store, spec: FunnelSpec, exclusions: tuple[Exclusion, ...], parameters: dict[str, object]) -> str:
    """All events that the query's filters leave, each marked with the steps it matches and the exclusions it is."""
    marks = []
    for name, parts in (("is", spec.steps), ("excludes", exclusions)):
        for number, part in enumerate(parts):
            found = _matching(store, part, f"{name}{number}_")
            parameters.update(found.parameters)
            marks.append(f", ({found.text}) AS {name}_{number}")
    filters = [one for one in spec.filters if not one.is_user_level]
    asked = selection.on_events(store, filters, "q_")
    parameters.update(asked.parameters)
    conditions = asked.text + (" AND epoch_us(occurred_at) < $end_us" if spec.clip else "")
    held = quote(selection.event_column(store, spec.hold_constant).column_name) if spec.hold_constant else "NULL"
    columns = "".join(f", {quote(column.column_name)}" for column in store.columns("event"))
    text = _NUMBERED.replace("{columns}", columns).replace("{held}", held).replace("{marks}", "".join(marks))
    return text.replace("{conditions}", conditions)


def _matching(store: Store, part: Step | Exclusion, prefix: str) -> Conditions:
    found = selection.on_events(store, part.filters, prefix)
    if part.events is None:
        return found
    codes = ", ".join(str(int(code)) for code in store.event_codes(part.events))
    return Conditions(f"coalesce({found.text}, FALSE) AND event_code IN ({codes})", found.parameters)


def _starts(spec: FunnelSpec) -> str:
    n_steps, is_day = len(spec.steps), spec.window_us is None
    absent = "".join(f", NULL::BIGINT AS r{step}, NULL::BIGINT AS t{step}" for step in range(n_steps))
    first_steps = range(n_steps) if spec.order == "unordered" else range(1)
    text = _STARTS.replace("{absent}", absent).replace("{starts}", " OR ".join(f"is_{step}" for step in first_steps))
    text = text.replace("{limit}", "before_us - 1" if is_day else "at_us + $window_us")
    text = text.replace("{days}", "JOIN days ON at_us >= from_us AND at_us < before_us" if is_day else "")
    return text.replace("{held_known}", "AND held IS NOT NULL" if spec.hold_constant else "")


def _in_order(spec: FunnelSpec, exclusions: tuple[Exclusion, ...], step: int) -> str:
    """Chains whose last step is this one."""
    if not step:
        return "SELECT * REPLACE (start_no AS r0, start_us AS t0) FROM starts"
    before = [step - 1]
    while spec.steps[before[-1]].optional:
        before.append(before[-1] - 1)
    after = "coalesce(" + ", ".join(f"chain.t{one}" for one in range(step - 1, -1, -1)) + ", chain.start_us)"
    further = _other_rows(spec, step)
    for number, one in enumerate(exclusions):
        if one.to_step - 1 == step:
            low = f"chain.t{one.from_step - 1}"
            n_between = _between(f"AND x.excludes_{number}", low, "e.at_us")
            further += f" AND ({low} IS NULL OR {n_between} = 0)"
    if spec.order == "strict":
        own = " + ".join(
            f"CASE WHEN chain.t{one} > chain.t0 AND chain.t{one} < e.at_us THEN 1 ELSE 0 END" for one in range(step)
        )
        further += f" AND {_between('', 'chain.t0', 'e.at_us')} = {own}"
    return _longer(step, [f"chain_{one}" for one in before], after, further)


def _any_order(spec: FunnelSpec, exclusions: tuple[Exclusion, ...], step: int) -> str:
    """Chains that cover this step by an event of its own, or leave it out."""
    del exclusions  # they only count once everything is covered
    shorter = f"chain_{step - 1}" if step else "starts"
    covered = _longer(step, [shorter], "chain.start_us", _other_rows(spec, step))
    return _CHAINS.replace("{chain}", shorter) + " UNION ALL " + covered


def _longer(step: int, shorter: list[str], after: str, further: str) -> str:
    chains = " UNION ALL ".join(_CHAINS.replace("{chain}", name) for name in shorter)
    text = _LONGER.replace("{step}", str(step)).replace("{shorter}", chains)
    return text.replace("{after}", after).replace("{further}", further)


def _other_rows(spec: FunnelSpec, step: int) -> str:
    """One event serves one step, and carries the held value."""
    held = " AND e.held = chain.held" if spec.hold_constant else ""
    return held + "".join(f" AND e.row_no IS DISTINCT FROM chain.r{one}" for one in range(step))


def _between(excluded: str, low: str, high: str) -> str:
    return _BETWEEN.replace("{excluded}", excluded).replace("{low}", low).replace("{high}", high)


def _with_depth(spec: FunnelSpec, exclusions: tuple[Exclusion, ...]) -> str:
    n_steps = len(spec.steps)
    if spec.order != "unordered":
        return " UNION ALL ".join(_depth_of(f"chain_{step}", str(step + 1)) for step in range(n_steps))
    covered = " + ".join(f"CASE WHEN t{step} IS NULL THEN 0 ELSE 1 END" for step in range(n_steps))
    latest = "greatest(" + ", ".join(f"chain.t{step}" for step in range(n_steps)) + ")"
    dirty = [
        f"{_between(f'AND x.excludes_{number}', 'chain.start_us', latest)} > 0" for number in range(len(exclusions))
    ]
    cut = f"CASE WHEN {covered} = {n_steps} AND ({' OR '.join(dirty) or 'FALSE'}) THEN 1 ELSE 0 END"
    return _depth_of(f"chain_{n_steps - 1}", f"{covered} - {cut}")


def _depth_of(chain: str, depth: str) -> str:
    return _DEPTH.replace("{depth}", depth).replace("{chain}", chain)


def _day_edges(store: Store, spec: FunnelSpec) -> list[int]:
    """Local midnights from the day on which the first attempt can start to the end of the last one's."""
    first, last = (int(day) for day in store.rules.local_days([spec.start_us, spec.end_us - 1]))
    return [store.rules.day_start_us(day) for day in range(first, last + 2)]


def _allowed(store: Store, spec: FunnelSpec) -> np.ndarray | None:
    of_user = tuple(one for one in spec.filters if one.is_user_level)
    found = None
    for segment in (spec.segment, Segment("", of_user) if of_user else None):
        keys = selection.user_keys(store, segment)
        if keys is not None:
            found = keys if found is None else np.intersect1d(found, keys)
    return found
