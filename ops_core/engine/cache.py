"""Arrays kept between questions: per workspace, only for the present data version, within a memory budget."""

from __future__ import annotations

import os
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from ops_core.engine.arrays import fetch_columns
from ops_core.store import Store

_GIB = 1 << 30
Value = TypeVar("Value")


class ArrayCache:
    """The least recently used values are dropped when the budget (bytes) is passed.

    Values have a size in bytes, `nbytes`. A value larger than the budget is handed out and not kept.
    """

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self._lock = threading.Lock()
        self._kept: OrderedDict[Hashable, object] = OrderedDict()
        self._version: int | None = None

    @property
    def nbytes(self) -> int:
        """Bytes held now."""
        with self._lock:
            return sum(value.nbytes for value in self._kept.values())

    def get(self, version: int, key: Hashable, build: Callable[[], Value]) -> Value:
        """The value of a key, built if it is not there; a new data version empties the cache first."""
        value = self.known(version, key)
        if value is None:
            value = build()
            self.keep(version, key, value)
        return value

    def known(self, version: int, key: Hashable) -> Value | None:
        """The value of a key if it is there; a new data version empties the cache first."""
        with self._lock:
            if version != self._version:
                self._kept.clear()
                self._version = version
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def keep(self, version: int, key: Hashable, value: Value) -> None:
        """Keep a value that was built for a data version, unless there is another by now."""
        with self._lock:
            if version == self._version and value.nbytes <= self.budget:
                self._kept[key] = value
                self._shrink()

    def clear(self) -> None:
        """Let go of everything."""
        with self._lock:
            self._kept.clear()

    def _shrink(self) -> None:
        held = sum(value.nbytes for value in self._kept.values())
        while held > self.budget:
            _, dropped = self._kept.popitem(last=False)
            held -= dropped.nbytes


@dataclass(frozen=True, eq=False)
class KeptColumns:
    """The columns of a query; they are shared and cannot be written to."""

    columns: dict[str, np.ndarray]

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return sum(column.nbytes for column in self.columns.values())


_caches: weakref.WeakKeyDictionary[Store, ArrayCache] = weakref.WeakKeyDictionary()
_caches_lock = threading.Lock()


def cache_of(store: Store) -> ArrayCache:
    """The cache of a workspace: an eighth of the machine's memory, between 256 MB and 1 GB.

    With what a question holds meanwhile, ordered, unordered and strict funnels over 100 M events take less than 2 GB.
    """
    with _caches_lock:
        if store not in _caches:
            _caches[store] = ArrayCache(min(_GIB, max(_GIB // 4, _machine_memory() // 8)))
        return _caches[store]


def kept_columns(store: Store, statement: str, parameters: dict[str, object]) -> dict[str, np.ndarray]:
    """The columns of a query, numbers only, read once per data version; the arrays cannot be written to."""

    def read() -> KeptColumns:
        with store.cursor() as cursor:
            columns = fetch_columns(cursor, statement, parameters)
        for column in columns.values():
            column.setflags(write=False)
        return KeptColumns(columns)

    key = ("columns", statement, tuple(map(repr, sorted(parameters.items()))))
    return cache_of(store).get(store.data_version, key, read).columns


def _machine_memory() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 8 * _GIB
