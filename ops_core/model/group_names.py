"""Names that the product gives to groups of its own, beside those that come from the data."""

from __future__ import annotations

from collections.abc import Iterable


def names_apart(values: Iterable[str], *ours: str) -> tuple[str, ...]:
    """Our names (other, no value), told from the data's: a value that is called so keeps its name, ours gives way.

    Ours then carries as many asterisks as it takes.
    """
    taken, found = set(values), []
    for name in ours:
        while name in taken:
            name = f"{name}*"  # noqa: PLW2901
        taken.add(name)
        found.append(name)
    return tuple(found)
