"""The database: engine, transactions, schema, migrations."""

from stemma.store.engine import Store

__all__ = ["Store"]
