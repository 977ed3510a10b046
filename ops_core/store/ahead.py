"""Work done ahead by threads of its own, handed over in order: arrays are counted while the database writes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Done = TypeVar("Done")
_AHEAD = 2


def worked_ahead(work: Callable[[Item], Done], items: Iterable[Item]) -> Iterator[Done]:
    """`work` of each item, in the items' order; never more than two results wait, so that memory does not grow."""
    waiting: deque[Future[Done]] = deque()
    with ThreadPoolExecutor(_AHEAD) as pool:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > _AHEAD:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
