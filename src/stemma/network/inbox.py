"""Inboxes: where messages wait for their recipients.

A message is written down, counted against the run's bounds, and waiting (or taken on at once, by the process that sent
it) in one transaction, so none is lost and none is there twice. Whether it is taken is up to `admission`, and who
takes on what waits to `claiming`.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Table, bindparam, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from stemma.core.digests import digest
from stemma.ledger.scope import Transaction
from stemma.network.admission import Address, Turned, has_replica, refusal, there_of
from stemma.network.bounds import Bounds, Spent
from stemma.network.message import Message, MessageStatus
from stemma.network.turn import Reply
from stemma.network.wire import from_json, to_json
from stemma.store.schema import messages, offers, runs

_WAITING, _RUNNING = MessageStatus.WAITING.value, MessageStatus.RUNNING.value
PUT_UP = "/*"
"""How the inbox of what is put up for several agents of a network ends."""


@dataclass(frozen=True, slots=True)
class Posted:
    """Where a message stands: `mine` when the sender is to work on it at once; the reply, or the reason why there is none."""

    status: MessageStatus
    mine: bool = False
    reply: Reply | None = None
    reason: str | None = None
    recipient: str = ""
    deadline: str | None = None
    spent: Spent = field(default_factory=Spent)


def send(
    transaction: Transaction,
    message: Message,
    address: Address,
    *,
    bounds: Bounds,
    by: str,
    at_once: bool = False,
    instead: Sequence[tuple[Message, Address]] = (),
    deadline: str | None = None,
    asker: str | None = None,
) -> Posted | Turned:
    """Puts `message` in its inbox; or, where the inbox allows it, into the hands of the sender, who can work on it `at_once`.

    `by` is the executor that has the run, or the asker's turn, in its hands; for any other the run has ended. With `instead`
    it is put up: the first of all these recipients with a free hand gets it. `asker` is the message in whose turn it is sent,
    for one that no flow sends. A message that is there already stays as it is.
    """
    connection = transaction.connection
    there = there_of(connection, message, address)
    if there.known is not None:
        return _posted(connection.execute(_STANDING, {"key": message.id}).one())
    turned = refusal(connection, there, message, address, bounds, by, asker)
    if turned is not None:
        return turned
    mine = at_once and not instead and not there.waiting and has_replica(connection, address)
    post(
        transaction,
        message,
        status=MessageStatus.RUNNING if mine else MessageStatus.WAITING,
        inbox=_put_up(address) if instead else address.inbox,
        replicas=address.replicas,
        owner=by if mine else None,
        deadline=deadline,
    )
    if instead:
        rows = [
            {
                "message": message.id,
                "inbox": to.inbox,
                "rank": rank,
                "replicas": to.replicas,
                "body": _body(one),
            }
            for rank, (one, to) in enumerate([(message, address), *instead])
        ]
        connection.execute(insert(offers), rows)
    spent = connection.execute(_COUNT_MESSAGE, {"key": message.run}).one()
    status = MessageStatus.RUNNING if mine else MessageStatus.WAITING
    return Posted(status, mine, recipient=message.recipient, deadline=deadline, spent=Spent(*spent))


def return_to_sender(transaction: Transaction, message: Message, address: Address, reason: str) -> Posted:
    """Writes a message down that no inbox took, as a dead letter; one that is there already stays as it is."""
    status = MessageStatus.WAITING
    if post(transaction, message, status=status, inbox=address.inbox, replicas=address.replicas):
        bury(transaction, message.id, reason)
        transaction.connection.execute(_COUNT_MESSAGE, {"key": message.run})
    return _posted(transaction.connection.execute(_STANDING, {"key": message.id}).one())


def post(
    transaction: Transaction,
    message: Message,
    *,
    status: MessageStatus,
    inbox: str = "",
    replicas: int | None = None,
    owner: str | None = None,
    deadline: str | None = None,
) -> bool:
    """Writes a message down with its event, unless it is there; whether it was not."""
    row = {
        "id": message.id,
        "run": message.run,
        "sender": message.sender,
        "recipient": message.recipient,
        "inbox": inbox or message.recipient,
        "replicas": replicas,
        "body": _body(message),
        "status": status.value,
        "owner": owner,
        "deliveries": int(owner is not None),
        "deadline": deadline,
        "sent_at": transaction.at,
    }
    connection = transaction.connection
    # What was inserted is asked for: an insert's row count means nothing on PostgreSQL.
    if connection.execute(_insert_message(connection.dialect.name), row).first() is None:
        return False
    data = {"from": message.sender, "to": message.recipient, "digest": digest(message.to_json())}
    transaction.note("message.sent", subject=message.id, data=data)
    return True


def answer(transaction: Transaction, message: Message, reply: Reply, *, owner: str) -> bool:
    """Writes the reply down and takes the message out of its owner's hands; False when it is no longer in them.

    A message whose reply can not be used is a dead letter, with the problem as its reason.
    """
    status = MessageStatus.ANSWERED if reply.problem is None else MessageStatus.DEAD
    values = {
        "key": message.id,
        "holder": owner,
        "now": status.value,
        "at": transaction.at,
        "reply": json.dumps(to_json(reply), ensure_ascii=False),
        "problem": reply.problem,
    }
    return transaction.connection.execute(_ANSWER, values).first() is not None


def bury(transaction: Transaction, id: str, reason: str) -> None:
    """Makes a message that nobody has answered a dead letter."""
    buried = transaction.connection.execute(
        update(messages)
        .where(messages.c.id == id, messages.c.status.in_((_WAITING, _RUNNING)))
        .values(status=MessageStatus.DEAD.value, reason=reason, answered_at=transaction.at)
        .returning(messages.c.id)
    ).first()
    if buried is not None:
        transaction.note("message.buried", subject=id, data={"reason": digest(reason)})


def standing(connection: Connection, ids: Iterable[str]) -> dict[str, Posted]:
    """How those of these messages that have ended ended."""
    query = _STANDING_COLUMNS.where(messages.c.id.in_(list(ids)), messages.c.status.not_in((_WAITING, _RUNNING)))
    return {row.id: _posted(row) for row in connection.execute(query)}


def without_answer(connection: Connection, run: str) -> bool:
    """Whether a message of the run is a dead letter without a reply: nobody took it on, or came to an end of it, in time."""
    return connection.execute(_WITHOUT_ANSWER, {"key": run}).first() is not None


@lru_cache(maxsize=16)
def insert_or_ignore(dialect: str, table: Table) -> "sqlite.Insert | postgresql.Insert":
    """An insert that leaves a row with the same key as it is. Kept: to build a statement takes longer than to carry it out."""
    if dialect == "sqlite":
        return sqlite.insert(table).on_conflict_do_nothing()
    return postgresql.insert(table).on_conflict_do_nothing()


@lru_cache(maxsize=2)
def _insert_message(dialect: str) -> Any:
    return insert_or_ignore(dialect, messages).returning(messages.c.seq)


def _posted(row: Any) -> Posted:
    reply = None if row.answer is None else from_json(Reply, json.loads(row.answer))
    return Posted(
        MessageStatus(row.status), reply=reply, reason=row.reason, recipient=row.recipient, deadline=row.deadline
    )


def _put_up(address: Address) -> str:
    return address.inbox.rpartition("/")[0] + PUT_UP


def _body(message: Message) -> str:
    # In the order in which it was composed: whoever takes it on later must read what one would that takes it on at once.
    return json.dumps(message.to_json(), ensure_ascii=False)


SPENT = (runs.c.messages, runs.c.calls, runs.c.tokens, runs.c.microdollars)
_STANDING_COLUMNS = select(
    *(messages.c[name] for name in ("id", "status", "answer", "reason", "recipient", "deadline"))
)
_STANDING = _STANDING_COLUMNS.where(messages.c.id == bindparam("key"))
_WITHOUT_ANSWER = (
    select(messages.c.id)
    .where(
        messages.c.run == bindparam("key"), messages.c.status == MessageStatus.DEAD.value, messages.c.answer.is_(None)
    )
    .limit(1)
)
_COUNT_MESSAGE = (
    update(runs).where(runs.c.id == bindparam("key")).values(messages=runs.c.messages + 1).returning(*SPENT)
)
_ANSWER = (
    update(messages)
    .where(messages.c.id == bindparam("key"), messages.c.owner == bindparam("holder"), messages.c.status == _RUNNING)
    .values(
        status=bindparam("now"), answered_at=bindparam("at"), answer=bindparam("reply"), reason=bindparam("problem")
    )
    .returning(messages.c.id)
)
