"""A unit of work: a transaction that changes the store and writes the audit log together, or does neither."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection

from stemma.core.clock import Clock, timestamp
from stemma.ledger.log import Ledger
from stemma.store import Store


@dataclass(frozen=True, slots=True)
class Transaction:
    """One open write transaction of one actor."""

    connection: Connection
    actor: str
    at: str
    _ledger: Ledger

    def record(self, kind: str, *, subject: str, data: Mapping[str, Any]) -> int:
        """Appends an event to the audit log in this transaction; returns its sequence number."""
        return self._ledger.append(self.connection, kind, subject=subject, actor=self.actor, data=data)


@dataclass(frozen=True, slots=True)
class Scope:
    """Where rooms read and write, and in whose name."""

    store: Store
    ledger: Ledger
    clock: Clock
    actor: str

    def read(self) -> AbstractContextManager[Connection]:
        """A connection for reading; see `Store.read`."""
        return self.store.read()

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """A transaction with the audit log in it: committed when the block ends, undone when it raises."""
        with self.store.write() as connection:
            yield Transaction(connection, self.actor, timestamp(self.clock.now()), self.ledger)

    def acting_as(self, actor: str) -> "Scope":
        """The same place, in another actor's name."""
        return replace(self, actor=actor)
