"""The database behind one URL: SQLite in a file, or PostgreSQL; opened, migrated and written through one small object.

>>> store = Store.open("sqlite://")
>>> with store.read() as connection:
...     connection.exec_driver_sql("select 1").scalar_one()
1
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, pool
from sqlalchemy.exc import ArgumentError, DisconnectionError, NoSuchModuleError

from stemma.core.errors import InvalidInput, NotFound, StoreReadOnly
from stemma.store import failures
from stemma.store.migration import is_empty, migrate

_BUSY_TIMEOUT_MS = 10_000
_RESTED = 20.0  # seconds after which a PostgreSQL connection is asked whether it is still there


class Store:
    """One database. Writes are transactions, and on SQLite one after the other."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @classmethod
    def open(cls, url: str, *, create: bool = True) -> "Store":
        """Connects, and migrates to this version's schema.

        `url` is ``sqlite:///relative/path.db``, ``sqlite:////absolute/path.db``, ``sqlite://`` (in memory) or
        ``postgresql://user@host/database``. A missing SQLite file is created with its folder, and the tables in an empty
        database; unless `create`, that raises NotFound, and nothing is made.

        Raises InvalidInput for another URL, StoreDamaged, StoreNewer, StoreReadOnly or StoreError.
        """
        parsed = _parsed(url)
        if not create and _is_missing(parsed):
            raise NotFound(_no_store(str(Path(parsed.database or "").absolute())))
        if parsed.get_backend_name() == "sqlite":
            engine = _sqlite_engine(parsed)
        else:
            engine = create_engine(parsed.set(drivername="postgresql+psycopg"))
            event.listen(engine, "checkin", _on_checkin)
            event.listen(engine, "checkout", _on_checkout)
        store = cls(engine)
        try:
            with failures.translated(store.name):
                if not create and is_empty(engine):
                    raise NotFound(_no_store(store.name))
                migrate(engine, store.name)
        except BaseException:
            store.close()
            raise
        return store

    def close(self) -> None:
        """Gives the connections back. The store can not be used afterwards."""
        self.engine.dispose()

    @cached_property
    def name(self) -> str:
        """What messages call this database: the file's path, or the URL without its password."""
        url = self.engine.url
        if self.is_sqlite:
            return url.database or "memory"
        return url.set(drivername="postgresql").render_as_string(hide_password=True)

    @cached_property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection for reading. On SQLite all of it sees one state, on PostgreSQL every statement does."""
        with failures.translated(self.name), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction: committed when the block ends, undone when it raises.

        SQLite takes its write lock at once, so a transaction that read first can not be turned away at its commit.
        """
        with failures.translated(self.name), self.engine.connect() as connection:
            writing = connection.execution_options(stemma_begin="BEGIN IMMEDIATE") if self.is_sqlite else connection
            with writing.begin():
                yield writing


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
    except (ArgumentError, NoSuchModuleError) as error:
        raise InvalidInput(_not_a_store(url)) from error
    if backend not in ("sqlite", "postgresql"):
        raise InvalidInput(_not_a_store(url))
    return parsed


def _not_a_store(url: str) -> str:
    return f"store {url!r} is not a database URL; use sqlite:///path/to/file.db or postgresql://user@host/database"


def _is_missing(url: URL) -> bool:
    """Whether a SQLite file is not there, or has nothing in it: to connect to it would make one."""
    if url.get_backend_name() != "sqlite" or url.database in (None, "", ":memory:"):
        return False
    file = Path(url.database)
    return not file.exists() or (file.is_file() and not file.stat().st_size)


def _no_store(name: str) -> str:
    return f"there is no store at {name!r}; set STEMMA_STORE to yours, or make one with: stemma init"


def _sqlite_engine(url: URL) -> Engine:
    options: dict[str, Any] = {}
    if url.database in (None, "", ":memory:"):
        options["poolclass"] = pool.StaticPool
    else:
        folder = Path(url.database).parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreReadOnly(
                f"cannot create the folder {str(folder)!r} for the store: {error.strerror}; "
                "name a writable place with STEMMA_STORE=sqlite:///path/to/file.db"
            ) from error
    engine = create_engine(
        url.set(drivername="sqlite"),
        module=sqlite_module(),
        connect_args={"check_same_thread": False, "timeout": _BUSY_TIMEOUT_MS / 1000},
        **options,
    )
    event.listen(engine, "connect", _on_connect)
    event.listen(engine, "begin", _on_begin)
    return engine


def sqlite_module() -> Any:
    """The SQLite driver: the newest at hand, since systems ship versions with slower and missing features."""
    if find_spec("pysqlite3") is not None:
        from pysqlite3 import dbapi2

        return dbapi2
    import sqlite3

    return sqlite3


def _on_connect(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver would start transactions by its own rules; `_on_begin` does
    cursor = connection.cursor()
    # WAL lets readers go on beside the writer. NORMAL survives a killed process with nothing lost; only a power cut can
    # take back the newest transactions, never half of one.
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = NORMAL")
    cursor.execute(f"PRAGMA busy_timeout = {_BUSY_TIMEOUT_MS}")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA cache_size = -65536")
    # Moving the log into the database costs a sync; 40 MB of log are read back in a blink.
    cursor.execute("PRAGMA wal_autocheckpoint = 10000")
    cursor.close()


def _on_checkin(_connection: Any, record: Any) -> None:
    record.info["stemma_rested_since"] = time.monotonic()


def _on_checkout(connection: Any, record: Any, _proxy: object) -> None:
    # A connection that has rested for long may be cut off by now. Asking every time would cost each transaction a round trip.
    since = record.info.get("stemma_rested_since")
    if since is None or time.monotonic() - since < _RESTED:
        return
    try:
        connection.execute("select 1")
        connection.rollback()
    except connection.Error as error:
        raise DisconnectionError from error


def _on_begin(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("stemma_begin", "BEGIN"))
