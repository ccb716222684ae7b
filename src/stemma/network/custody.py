"""Custody: what is in whose hands, and how it comes back from those who are dead, or could not do it."""

from collections.abc import Collection

from sqlalchemy import Connection, exists, select, update

from stemma.ledger.scope import Transaction
from stemma.network.admission import share_alone
from stemma.network.message import MessageStatus
from stemma.network.records import end_run
from stemma.network.run import Outcome, RunStatus
from stemma.store.schema import messages, questions, runs

MOST_BREAKS = 5
"""A run that broke so often, whoever played it, has failed."""

_WAITING, _RUNNING = MessageStatus.WAITING.value, MessageStatus.RUNNING.value


def owners(connection: Connection) -> set[str]:
    """Who works on something."""
    return {
        row.owner
        for table in (messages, runs)
        for row in connection.execute(select(table.c.owner).where(table.c.status == _RUNNING).distinct())
        if row.owner is not None
    }


def in_hands_of(connection: Connection, owner: str) -> set[str]:
    """The ids of all messages and runs that `owner` works on, going by the store."""
    return {
        id
        for table in (messages, runs)
        for id in connection.scalars(select(table.c.id).where(table.c.status == _RUNNING, table.c.owner == owner))
    }


def holder_of(connection: Connection, id: str) -> str | None:
    """Who works on the message, or run, of this id; empty while it waits, None when it has ended."""
    for table in (messages, runs):
        row = connection.execute(select(table.c.status, table.c.owner).where(table.c.id == id)).one_or_none()
        if row is not None:
            return (row.owner or "") if row.status in (_WAITING, _RUNNING) else None
    return None


def give_back(transaction: Transaction, owner: str) -> int:
    """Puts what a dead process was working on back where it was; returns how many messages and runs.

    A message that waited for a person did not kill it.
    """
    connection = transaction.connection
    share_alone(connection)
    asks = exists().where(
        questions.c.run == messages.c.run,
        questions.c.decided_at.is_(None),
        questions.c.id.startswith(messages.c.id + "."),
    )
    left = (messages.c.owner == owner, messages.c.status == _RUNNING)
    connection.execute(update(messages).where(*left, asks).values(deliveries=messages.c.deliveries - 1))
    back = [
        row.id
        for table in (messages, runs)
        for row in connection.execute(
            update(table)
            .where(table.c.owner == owner, table.c.status == _RUNNING)
            .values(status=_WAITING, owner=None)
            .returning(table.c.id)
        )
    ]
    if back:
        transaction.note("work.adopted", subject=owner, data={"number": len(back)})
    return len(back)


def give_back_unbroken(transaction: Transaction, ids: Collection[str], owner: str) -> None:
    """Puts back what `owner` has, and is not to blame for not having been ended: the delivery does not count."""
    share_alone(transaction.connection)
    mine = (messages.c.id.in_(list(ids)), messages.c.owner == owner, messages.c.status == _RUNNING)
    uncounted = {"status": _WAITING, "owner": None, "deliveries": messages.c.deliveries - 1}
    transaction.connection.execute(update(messages).where(*mine).values(**uncounted))
    runs_of_mine = (runs.c.id.in_(list(ids)), runs.c.owner == owner, runs.c.status == _RUNNING)
    transaction.connection.execute(update(runs).where(*runs_of_mine).values(status=_WAITING, owner=None))


def give_back_broken(transaction: Transaction, id: str, owner: str, reason: str) -> bool:
    """Puts the message, or run, back that broke in `owner`'s hands; whether it is to be tried again.

    A run that does so again and again has failed with the reason; a message becomes a dead letter when it is next claimed.
    """
    connection = transaction.connection
    share_alone(connection)
    back = {"status": _WAITING, "owner": None}
    broken = update(messages).where(messages.c.id == id, messages.c.owner == owner, messages.c.status == _RUNNING)
    if connection.execute(broken.values(**back, reason=reason).returning(messages.c.id)).first() is not None:
        return True
    mine = update(runs).where(runs.c.id == id, runs.c.owner == owner, runs.c.status == _RUNNING)
    times = connection.execute(mine.values(breaks=runs.c.breaks + 1).returning(runs.c.breaks)).scalar()
    if times is None:
        return False
    if times >= MOST_BREAKS:
        end_run(transaction, id, Outcome(RunStatus.FAILED, reason=f"it broke {times} times: {reason}"), owner=owner)
        return False
    connection.execute(mine.values(**back))
    return True


def uncount(transaction: Transaction, owner: str) -> None:
    """Says that `owner` leaves what it has in hand of its own free will: no delivery of it counts as one that broke."""
    mine = (messages.c.owner == owner, messages.c.status == _RUNNING, messages.c.deliveries > 0)
    transaction.connection.execute(update(messages).where(*mine).values(deliveries=messages.c.deliveries - 1))
