"""The portable route: a plain ordered funnel as running-maximum windows, in SQL that any engine of rank has.

Each row of a step carries the latest start from which it can be reached inside the window; the running maximum hands
it on to the next step. It answers the depth of each user and must agree with the array kernel. Funnels with exclusions,
a held property, optional steps, steps that share events or another order go by joins (`funnel_joins`).
"""

from __future__ import annotations

import numpy as np

from ops_core.engine import funnel_joins, selection
from ops_core.engine.funnel_spec import FunnelSpec
from ops_core.store import Store
from ops_core.store.store import utc_datetime

_ROWS = "SELECT user_key, occurred_at, {number} AS step FROM events WHERE event_code = {code} AND {conditions}"
_CHAIN = """
    reached_{k} AS (
        SELECT user_key, occurred_at, step, CASE WHEN step = {k}
               AND epoch_us(occurred_at) - epoch_us(running) <= $window_us THEN running ELSE origin END AS origin
        FROM (
            SELECT *, max(CASE WHEN step = {before} THEN origin END) OVER (
                PARTITION BY user_key ORDER BY occurred_at RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
            ) AS running FROM reached_{before}
        )
    )"""


def depths(store: Store, spec: FunnelSpec) -> tuple[np.ndarray, np.ndarray]:
    """Users (sorted keys) who are counted, and the last step of their deepest attempt.

    Raises:
        EngineError: every attempt is asked for, not every user.
        QueryError: an event or a property that does not exist.
    """
    if not _is_plain(spec):
        return funnel_joins.depths(store, spec)
    parts, parameters = [], {"start": utc_datetime(spec.start_us), "end": utc_datetime(spec.end_us)}
    parameters["window_us"] = spec.window_us
    for number, step in enumerate(spec.steps):
        filters = tuple(one for one in spec.filters + step.filters if not one.is_user_level)
        conditions = selection.on_events(store, filters, f"s{number}_")
        parameters.update(conditions.parameters)
        for code in store.event_codes(step.events):
            text = _ROWS.replace("{number}", str(number)).replace("{code}", str(int(code)))
            parts.append(text.replace("{conditions}", conditions.text))
    chain = [_CHAIN.replace("{k}", str(k)).replace("{before}", str(k - 1)) for k in range(1, len(spec.steps))]
    statement = """
        WITH rows AS ({rows}),
        reached_0 AS (
            SELECT *, CASE WHEN step = 0 AND occurred_at >= $start AND occurred_at < $end THEN occurred_at END AS origin
            FROM rows
        ), {chain}
        SELECT user_key, max(step) + 1 AS depth FROM {last} WHERE origin IS NOT NULL GROUP BY user_key ORDER BY user_key
    """
    statement = statement.replace("{rows}", " UNION ALL ".join(parts)).replace("{chain}", ",".join(chain))
    with store.cursor() as cursor:
        found = cursor.execute(statement.replace("{last}", f"reached_{len(chain)}"), parameters).fetchnumpy()
    keys, reached = found["user_key"].astype(np.int32), found["depth"].astype(np.int8)
    allowed = selection.user_keys(store, spec.segment)
    kept = slice(None) if allowed is None else np.isin(keys, allowed)
    return keys[kept], reached[kept]


def _is_plain(spec: FunnelSpec) -> bool:
    names = [name for step in spec.steps for name in step.events or ("*", "*")]
    if spec.order != "ordered" or spec.window_us is None or spec.exclusions or spec.clip or spec.hold_constant:
        return False
    if spec.reentry != "deepest" or spec.as_of_us is not None or len(set(names)) < len(names):
        return False
    return not any(step.optional for step in spec.steps) and not any(one.is_user_level for one in spec.filters)
