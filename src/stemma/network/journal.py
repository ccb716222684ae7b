"""The journal of a workflow: what it has done, step by step, so that a replay reads it in place of doing it again.

A step, the event of the audit log that belongs to it, and what it takes from the run's bounds are one transaction. It
is only written while the workflow's subject (a message, or a run) is in the writer's hands: a process that was thought
dead and comes back is turned away there, whatever it has computed in the meantime.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Table, bindparam, select, update

from stemma.core.errors import StemmaError
from stemma.ledger.scope import Transaction
from stemma.network.bounds import Spent
from stemma.network.inbox import answer, insert_or_ignore
from stemma.network.message import Message
from stemma.network.turn import Reply
from stemma.network.writer import Writer
from stemma.store.schema import messages, runs, steps


class Superseded(StemmaError):
    """What a workflow works on is no longer in its process's hands: cancelled, ended, or taken over by another."""


@dataclass(frozen=True, slots=True)
class Event:
    """An event of the audit log, to be recorded with a step."""

    kind: str
    data: Mapping[str, Any]
    subject: str | None = None


@dataclass(frozen=True, slots=True)
class Charge:
    """What a step takes from the run's bounds."""

    calls: int = 0
    tokens: int = 0
    microdollars: int = 0


@dataclass
class Journal:
    """The steps of one subject. `done` holds those of before; `spent` what the run has taken, as of the last step."""

    writer: Writer
    subject: str
    run: str
    owner: str
    done: dict[str, Any] = field(default_factory=dict)
    spent: Spent = field(default_factory=Spent)

    async def keep(self, step: str, body: Any, *, events: Sequence[Event] = (), charge: Charge | None = None) -> None:
        """Writes a step down. Raises Superseded, with nothing written, when the subject is in other hands."""
        written = json.dumps(body, ensure_ascii=False)

        def work(transaction: Transaction) -> Spent | None:
            if not _is_owner(transaction.connection, self.subject, self.run, self.owner):
                return None
            row = {"subject": self.subject, "step": step, "body": written, "at": transaction.at}
            transaction.connection.execute(insert_or_ignore(transaction.connection, steps), row)
            return self._charged(transaction, events, charge)

        self._after(await self.writer.write(work))
        self.done[step] = body

    async def answer(
        self, message: Message, reply: Reply, *, events: Sequence[Event] = (), charge: Charge | None = None
    ) -> None:
        """Ends the turn with its last step: the reply. Raises Superseded."""

        def work(transaction: Transaction) -> Spent | None:
            if not answer(transaction, message, reply, owner=self.owner):
                return None
            return self._charged(transaction, events, charge)

        self._after(await self.writer.write(work))

    def _charged(self, transaction: Transaction, events: Sequence[Event], charge: Charge | None) -> Spent:
        for event in events:
            transaction.note(event.kind, subject=event.subject or self.subject, data=event.data)
        if charge is None:
            return self.spent
        values = {
            "key": self.run,
            "more_calls": charge.calls,
            "more_tokens": charge.tokens,
            "more_microdollars": charge.microdollars,
        }
        return Spent(*transaction.connection.execute(_CHARGE, values).one())

    def _after(self, spent: Spent | None) -> None:
        if spent is None:
            raise Superseded(f"{self.subject!r} is no longer in the hands of {self.owner!r}")
        self.spent = spent


def steps_of(connection: Connection, subject: str) -> dict[str, Any]:
    """What is kept of a subject's steps."""
    query = select(steps.c.step, steps.c.body).where(steps.c.subject == subject)
    return {row.step: json.loads(row.body) for row in connection.execute(query)}


def _is_owner(connection: Connection, subject: str, run: str, owner: str) -> bool:
    table = runs if subject == run else messages
    query = _OWNED[table.name, connection.dialect.name]
    return connection.execute(query, {"key": subject, "holder": owner}).first() is not None


def _owned(table: Table, dialect: str) -> Any:
    query = select(table.c.id).where(
        table.c.id == bindparam("key"), table.c.owner == bindparam("holder"), table.c.status == "running"
    )
    return query.with_for_update() if dialect == "postgresql" else query  # SQLite's write lock is the whole file's


_OWNED = {
    (table.name, dialect): _owned(table, dialect) for table in (messages, runs) for dialect in ("sqlite", "postgresql")
}
_CHARGE = (
    update(runs)
    .where(runs.c.id == bindparam("key"))
    .values(
        calls=runs.c.calls + bindparam("more_calls"),
        tokens=runs.c.tokens + bindparam("more_tokens"),
        microdollars=runs.c.microdollars + bindparam("more_microdollars"),
    )
    .returning(runs.c.messages, runs.c.calls, runs.c.tokens, runs.c.microdollars)
)
