"""The journal of a workflow: what it has done, step by step, so that a replay reads it in place of doing it again.

A step, the event of the audit log that belongs to it, and what it takes from the run's bounds are one transaction. It
is only written while the workflow's subject (a message, or a run) is in the writer's hands: a process that was thought
dead and comes back is turned away there, whatever it has computed in the meantime.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Table, bindparam, select, true, update

from stemma.core.errors import StemmaError
from stemma.ledger.scope import Transaction
from stemma.network.alarms.raising import ALARMING, heed
from stemma.network.bounds import Spent
from stemma.network.inbox import SPENT, answer, insert_or_ignore
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

        def work(transaction: Transaction) -> Spent:
            connection = transaction.connection
            charged = self._charged(connection, charge)
            spent = _owned(connection, self.subject, self.run, self.owner)
            if spent is None:
                raise self._superseded()
            row = {"subject": self.subject, "step": step, "body": written, "at": transaction.at}
            if connection.execute(_insert_step(connection.dialect.name), row).first() is None:
                raise _KeptBefore
            _note(transaction, self.subject, self.run, events)
            return charged or spent

        # One that is there was written by this very call, whose commit came through and whose answer did not.
        with suppress(_KeptBefore):
            self.spent = await self.writer.write(work, about=self.run)
        self.done[step] = body

    async def answer(
        self, message: Message, reply: Reply, *, events: Sequence[Event] = (), charge: Charge | None = None
    ) -> None:
        """Ends the turn with its last step: the reply. Raises Superseded."""

        def work(transaction: Transaction) -> Spent:
            charged = self._charged(transaction.connection, charge)
            if not answer(transaction, message, reply, owner=self.owner):
                raise self._superseded()
            _note(transaction, self.subject, self.run, events)
            return charged or self.spent

        self.spent = await self.writer.write(work, about=self.run)

    def _charged(self, connection: Connection, charge: Charge | None) -> Spent | None:
        # Before the message is touched: whoever ends a run locks it first, and then its messages.
        if charge is None:
            return None
        values = {
            "key": self.run,
            "more_calls": charge.calls,
            "more_tokens": charge.tokens,
            "more_microdollars": charge.microdollars,
        }
        return Spent(*connection.execute(_CHARGE, values).one())

    def _superseded(self) -> Superseded:
        return Superseded(f"{self.subject!r} is no longer in the hands of {self.owner!r}")


class _KeptBefore(Exception):
    """The step is there."""


def _note(transaction: Transaction, subject: str, run: str, events: Sequence[Event]) -> None:
    for event in events:
        about = event.subject or subject
        transaction.note(event.kind, subject=about, data=event.data)
        if event.kind in ALARMING:
            heed(transaction, run, event.kind, about, event.data)


def steps_of(connection: Connection, subject: str) -> dict[str, Any]:
    """What is kept of a subject's steps."""
    query = select(steps.c.step, steps.c.body).where(steps.c.subject == subject)
    return {row.step: json.loads(row.body) for row in connection.execute(query)}


def _owned(connection: Connection, subject: str, run: str, owner: str) -> Spent | None:
    """What the run has taken so far, with the subject locked; None when it is not in the owner's hands."""
    table = runs if subject == run else messages
    row = connection.execute(_OWNED[table.name, connection.dialect.name], {"key": subject, "holder": owner}).first()
    return None if row is None else Spent(*row)


def _owning(table: Table, dialect: str) -> Any:
    query = select(*SPENT).where(
        true() if table is runs else messages.c.run == runs.c.id,
        table.c.id == bindparam("key"),
        table.c.owner == bindparam("holder"),
        table.c.status == "running",
    )
    # SQLite's write lock is the whole file's. The key stays free, for rows that refer to it.
    return query.with_for_update(of=table, key_share=True) if dialect == "postgresql" else query


@lru_cache(maxsize=2)
def _insert_step(dialect: str) -> Any:
    return insert_or_ignore(dialect, steps).returning(steps.c.step)


_OWNED = {
    (table.name, dialect): _owning(table, dialect) for table in (messages, runs) for dialect in ("sqlite", "postgresql")
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
