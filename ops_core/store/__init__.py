"""The workspace file: a DuckDB database, its physical layout, batches, backup."""

from ops_core.store.store import Store

__all__ = ["Store"]
