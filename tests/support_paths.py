"""What tests of paths share: a result as the steps of each user, and what must always hold of its tables."""

from __future__ import annotations

from ops_core.analyses import paths
from ops_core.analyses.paths import ENDED
from ops_core.engine import selection


def steps_by_user(result: paths.PathResult) -> dict[str, tuple[str, ...]]:
    found = result.found
    ids = selection.user_ids(result.workspace.store, found.user_keys)
    names = [tuple(found.names[place] for place in row if place >= 0) for row in found.steps.tolist()]
    return dict(zip(ids, names, strict=True))


def check_invariants(result: paths.PathResult) -> None:
    """Levels add up to the start, nodes to the links on both sides, paths to the start; the ended only grow."""
    nodes, links, n = result.nodes, result.links, result.n_started
    by_level = nodes.groupby("level")["users"].sum()
    assert by_level.eq(n).all()
    assert result.paths["users"].sum() == n
    assert result.paths["users"].is_monotonic_decreasing
    assert nodes["ended_here"].ge(0).all()
    into = links.groupby(["level", "target"])["users"].sum()
    out_of = links.groupby([links["level"] - 1, "source"])["users"].sum()
    for row in nodes.itertuples():
        assert row.level == 0 or into[(row.level, row.node)] == row.users
        assert row.level == result.query.levels or not n or out_of[(row.level, row.node)] == row.users
    ended = nodes[nodes["kind"] == ENDED].set_index("level")
    assert (ended["ended_here"].cumsum() == ended["users"]).all()
