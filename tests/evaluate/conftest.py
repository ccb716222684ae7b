"""What the tests of evaluation share: a place to write to, and a way to ask."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from stemma.evaluate.budget import Budget
from stemma.evaluate.calls import Calls
from stemma.evaluate.memo import Journal, Memo
from stemma.ledger import Ledger
from stemma.ledger.scope import Scope
from stemma.registry.sessions import Generator, NewSession, Session, Sessions
from stemma.store import Store
from stemma.testing.clock import VirtualClock

MakeCalls: TypeAlias = Callable[..., Calls]


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database file, to be copied."""
    path = tmp_path_factory.mktemp("migrated") / "stemma.db"
    Store.open(f"sqlite:///{path}").close()
    return path


@pytest.fixture
def scope(migrated: Path, tmp_path: Path) -> Iterator[Scope]:
    """An empty SQLite store, on a clock that never waits."""
    store = Store.open(f"sqlite:///{shutil.copy(migrated, tmp_path)}")
    yield _scope_on(store)
    store.close()


@pytest.fixture
def either_scope(store: Store) -> Scope:
    """An empty store, once on SQLite and once on PostgreSQL."""
    return _scope_on(store)


def _scope_on(store: Store) -> Scope:
    clock = VirtualClock()
    return Scope(store, Ledger(store, clock), clock, "user:test")


@pytest.fixture
def new_session() -> Callable[[Scope], Session]:
    """Opens a session."""
    return lambda scope: Sessions(scope).open(NewSession(Generator("test", {})))


@pytest.fixture
def calls_on() -> MakeCalls:
    """A door to models as a fresh process would open it: with a memo and a journal read from the store."""

    def make(scope: Scope, *, limit: int | None = None, session: Session | None = None, **options: Any) -> Calls:
        memo = Memo(scope)
        journal = Journal(scope, memo, session=None if session is None else session.number)
        return Calls(memo, journal, Budget(calls=limit), scope.clock, **options)

    return make
