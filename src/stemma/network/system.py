"""The system database: where the durable engine keeps workflows and steps, beside the store or within it."""

from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event

from stemma.core.errors import InvalidInput
from stemma.store import Store
from stemma.store.engine import sqlite_module

SCHEMA = "dbos"
"""On PostgreSQL it is a schema of the store's own database."""


def system_file(store: Store) -> Path:
    """The file it is kept in when the store is a SQLite file. Raises InvalidInput for a store in memory."""
    file = store.engine.url.database
    if not file or file == ":memory:":
        raise InvalidInput("agents need a store that outlives the process; use sqlite:///path/to/file.db")
    path = Path(file)
    return path.with_name(f"{path.stem}.dbos.db")


def sqlite_engine(file: Path) -> Engine:
    """An engine for DBOS on SQLite, set up as DBOS expects it and faster."""
    engine = create_engine(
        f"sqlite:///{file}",
        module=sqlite_module(),
        connect_args={"check_same_thread": False},
        pool_size=20,
    )
    event.listen(engine, "connect", _on_connect)
    return engine


def postgresql_url(store: Store) -> str:
    """The store's URL, password included, as DBOS takes it."""
    return store.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)


def _on_connect(connection: Any, _record: object) -> None:
    # DBOS lets the driver open a write transaction at the first write, and leaves the journal as SQLite ships it: without
    # WAL a step takes 2.6 to 28 ms instead of 1.2.
    connection.isolation_level = "IMMEDIATE"
    for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "busy_timeout = 30000", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")
