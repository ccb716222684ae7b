"""A unit of work: a transaction that changes the store and writes the audit log together, or does neither."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import Connection

from stemma.core.clock import Clock, timestamp
from stemma.ledger.authority import Action, Authority, Ungoverned
from stemma.ledger.entry import Event
from stemma.ledger.log import Ledger
from stemma.store import Store


@dataclass(frozen=True, slots=True)
class Transaction:
    """One open write transaction of one actor."""

    connection: Connection
    actor: str
    at: str
    _ledger: Ledger
    _noted: list[Event] = field(default_factory=list)
    authority: Authority = field(default_factory=Ungoverned, kw_only=True)

    def require(self, action: Action, resource: str) -> None:
        """Nothing, if the actor may do that; asked in the transaction that does it. Raises Unauthorized."""
        self.authority.require(self.connection, self.actor, action, resource)

    def record(self, kind: str, *, subject: str, data: Mapping[str, Any]) -> int:
        """Appends an event to the audit log in this transaction; returns its sequence number."""
        return self._ledger.append(self.connection, kind, subject=subject, actor=self.actor, data=data)

    def note(self, kind: str, *, subject: str, data: Mapping[str, Any]) -> None:
        """Appends an event when the transaction ends, in one go with all others that were noted.

        Where many events share a transaction this takes the log's lock once, and for as short as can be.
        """
        self._noted.append(Event(kind, subject, self.actor, data))

    def close(self) -> None:
        """Appends what was noted; called where the transaction ends."""
        if self._noted:
            self._ledger.append_many(self.connection, self._noted)


@dataclass(frozen=True, slots=True)
class Scope:
    """Where rooms read and write, in whose name, and by whose leave."""

    store: Store
    ledger: Ledger
    clock: Clock
    actor: str
    authority: Authority = field(default_factory=Ungoverned, kw_only=True)
    on_behalf_of: str | None = field(default=None, kw_only=True)
    """Whose credentials the actor acts with, where they are another's: those of the process that an agent runs in."""

    def read(self) -> AbstractContextManager[Connection]:
        """A connection for reading; see `Store.read`."""
        return self.store.read()

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """A transaction with the audit log in it: committed when the block ends, undone when it raises."""
        with self.store.write() as connection:
            at = timestamp(self.clock.now())
            transaction = Transaction(connection, self.actor, at, self.ledger, authority=self.authority)
            yield transaction
            transaction.close()

    def require(self, action: Action, resource: str, connection: Connection | None = None) -> None:
        """Nothing, if the actor may do that; for what reads, and for what is asked before it costs something.

        Raises Unauthorized.
        """
        if connection is not None:
            self.authority.require(connection, self.actor, action, resource)
            return
        with self.read() as reading:
            self.authority.require(reading, self.actor, action, resource)

    def acting_as(self, actor: str) -> "Scope":
        """The same place, in another actor's name, and with no more power than before; see `Authority`."""
        if actor == self.actor:
            return self
        return replace(self, actor=actor, on_behalf_of=self.on_behalf_of or self.actor)
