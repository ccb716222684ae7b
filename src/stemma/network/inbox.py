"""Inboxes: where messages wait for their recipients.

A message is written down, counted against the run's bounds, and waiting (or taken on at once, by the process that sent
it) in one transaction, so none is lost and none is there twice. Who takes on what waits is up to `claiming`.

An inbox holds a certain number; who sends it more is turned away, and offers the message again until there is room, or until
the time is up in which it has to be answered: then it is a dead letter. As many more as processes send at the same moment may
be let in.
"""

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

from sqlalchemy import Connection, Table, bindparam, func, insert, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from stemma.core.digests import digest
from stemma.ledger.scope import Transaction
from stemma.network.bounds import Bounds, Spent
from stemma.network.message import Message, MessageStatus
from stemma.network.network import Network
from stemma.network.turn import Reply
from stemma.network.wire import from_json, to_json
from stemma.store.schema import messages, offers, runs

_WAITING, _RUNNING = MessageStatus.WAITING.value, MessageStatus.RUNNING.value
_CLAIMING = 0x5_7E_3A
"""Key of the lock under which messages are shared out on PostgreSQL."""
PUT_UP = "/*"
"""How the inbox of what is put up for several agents of a network ends."""


@dataclass(frozen=True, slots=True)
class Address:
    """An inbox with its rules: how many of its messages are worked on at once, and how many may wait."""

    inbox: str
    replicas: int | None
    capacity: int

    @classmethod
    def of(cls, network: Network, agent: str) -> "Address":
        """Where messages for `agent` go."""
        return cls(network.inbox_of(agent), network.role(agent).agent.replicas, network.inbox)


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


@dataclass(frozen=True, slots=True)
class Turned:
    """A message was not accepted: its inbox is `full`, a `bound` of the run is met, or the run has `ended`."""

    why: Literal["full", "bound", "ended"]
    reason: str


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
    there = _there(connection, message, address)
    if there.known is not None:
        return _posted(connection.execute(_STANDING, {"key": message.id}).one())
    turned = _turned_away(connection, there, message, address, bounds, by, asker)
    if turned is not None:
        return turned
    mine = at_once and not instead and not there.waiting and _has_replica(connection, address)
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


@lru_cache(maxsize=16)
def insert_or_ignore(dialect: str, table: Table) -> "sqlite.Insert | postgresql.Insert":
    """An insert that leaves a row with the same key as it is. Kept: to build a statement takes longer than to carry it out."""
    if dialect == "sqlite":
        return sqlite.insert(table).on_conflict_do_nothing()
    return postgresql.insert(table).on_conflict_do_nothing()


@lru_cache(maxsize=2)
def _insert_message(dialect: str) -> Any:
    return insert_or_ignore(dialect, messages).returning(messages.c.seq)


def running_in(connection: Connection, inboxes: Collection[str]) -> dict[str, int]:
    if not inboxes:
        return {}
    query = select(messages.c.inbox, func.count().label("number")).group_by(messages.c.inbox)
    query = query.where(messages.c.status == _RUNNING, messages.c.inbox.in_(inboxes))
    return {row.inbox: row.number for row in connection.execute(query)}


def share_alone(connection: Connection) -> None:
    """Waits until nobody else shares messages out, and keeps it so until the commit. On SQLite every writer is alone.

    Whoever looks at what waits, and then at what is worked on, must not see a message in neither.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": _CLAIMING})


def hold(connection: Connection, addresses: Iterable[Address]) -> None:
    """Keeps all others from sending to these inboxes until the commit, where the order of the messages counts.

    Else a message that is not committed yet could be overtaken by one that was sent after it. For inboxes without a limit
    of replicas, and on SQLite, where every writer is alone, there is nothing to keep.
    """
    inboxes = {address.inbox for address in addresses if address.replicas is not None}
    if inboxes and connection.dialect.name == "postgresql":
        connection.execute(_HOLD, {"inboxes": sorted(inboxes)})


def _has_replica(connection: Connection, address: Address) -> bool:
    """Whether one more message of this inbox may be worked on at once."""
    if address.replicas is None:
        return True
    if connection.dialect.name == "postgresql":
        # Whoever shares messages out now does not wait for us while we wait for them: the message can wait in its inbox.
        alone = connection.execute(text("select pg_try_advisory_xact_lock(:key)"), {"key": _CLAIMING}).scalar()
        # What a dead process had may have been put back since it was counted, and goes first.
        if not alone or connection.execute(_WAITS, {"to_inbox": address.inbox}).first() is not None:
            return False
    return running_in(connection, [address.inbox]).get(address.inbox, 0) < address.replicas


def turned_away(
    connection: Connection, message: Message, address: Address, *, bounds: Bounds, by: str, asker: str, beside: int
) -> Turned | None:
    """Why `send` would not accept the message, sent behind `beside` others of the same turn; None when it would."""
    there = _there(connection, message, address)
    if there.known is not None:
        return None
    return _turned_away(connection, there, message, address, bounds, by, asker, beside)


def _there(connection: Connection, message: Message, address: Address) -> Any:
    # Locked, or a run that ends at this very moment would leave a message behind.
    query = _SENDING_LOCKED if connection.dialect.name == "postgresql" else _SENDING
    return connection.execute(query, {"key": message.id, "of_run": message.run, "to_inbox": address.inbox}).one()


def _turned_away(
    connection: Connection,
    there: Any,
    message: Message,
    address: Address,
    bounds: Bounds,
    by: str,
    asker: str | None,
    beside: int = 0,
) -> Turned | None:
    # A turn may go on when its run is complete: what was posted to a topic outlives the flow.
    holder = there if asker is None else connection.execute(_HOLDER, {"key": asker}).one()
    if (holder.status, holder.owner) != (_RUNNING, by):
        return Turned("ended", f"run {message.run!r} is {there.status}")
    if asker is not None and _sent_in_turn(connection, message, asker) + beside >= bounds.fan_out:
        return Turned("bound", f"the task's bound of {bounds.fan_out:,} messages sent in one turn is met")
    if there.messages + beside >= bounds.messages:
        return Turned("bound", f"the task's bound of {bounds.messages:,} messages is met")
    if message.depth > bounds.depth:
        return Turned("bound", f"the task's bound of {bounds.depth:,} messages below each other is met")
    if there.waiting >= address.capacity:
        return Turned(
            "full", f"the inbox of {address.inbox!r} holds {there.waiting:,} waiting messages and takes no more"
        )
    return None


def _sent_in_turn(connection: Connection, message: Message, asker: str) -> int:
    """How many messages were sent in the turn that answers the message `asker`."""
    query = select(messages.c.id).where(messages.c.run == message.run, messages.c.sender == message.sender)
    below = [id.removeprefix(f"{asker}.") for id in connection.scalars(query) if id.startswith(f"{asker}.")]
    return sum("." not in rest for rest in below)


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
# One after the other, and everywhere in the same order, so that no two wait for each other.
_HOLD = text(
    "select pg_advisory_xact_lock(hashtextextended(name, :space)) from"
    " (select name from unnest(cast(:inboxes as text[])) as name order by hashtextextended(name, :space) offset 0) held"
).bindparams(space=_CLAIMING)
_HOLDER = select(messages.c.status, messages.c.owner).where(messages.c.id == bindparam("key"))
_STANDING = _STANDING_COLUMNS.where(messages.c.id == bindparam("key"))
_WAITS = select(messages.c.id).where(messages.c.status == _WAITING, messages.c.inbox == bindparam("to_inbox")).limit(1)
_SENDING = select(
    select(messages.c.status).where(messages.c.id == bindparam("key")).scalar_subquery().label("known"),
    runs.c.status,
    runs.c.owner,
    runs.c.messages,
    select(func.count())
    .where(messages.c.status == _WAITING, messages.c.inbox == bindparam("to_inbox"))
    .scalar_subquery()
    .label("waiting"),
).where(runs.c.id == bindparam("of_run"))
_SENDING_LOCKED = _SENDING.with_for_update(of=runs, key_share=True)
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
