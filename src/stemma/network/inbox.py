"""Inboxes: where messages wait for their recipients, and how those that can take them on share them out.

A message is written down, counted against the run's bounds, and waiting (or taken on at once, by the process that sent
it) in one transaction, so none is lost and none is there twice. An inbox is taken from in the order of sending; with
`replicas` no more than so many of its messages are worked on at once, by all processes together: with one, they are
answered in that order too.
"""

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal

from sqlalchemy import Connection, Table, bindparam, func, insert, or_, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from stemma.core.digests import canonical_json, digest_bytes
from stemma.ledger.scope import Transaction
from stemma.network.bounds import Bounds, Spent
from stemma.network.message import Message, MessageStatus
from stemma.network.turn import Reply
from stemma.network.wire import from_json, to_json
from stemma.store.schema import messages, offers, runs, steps

MOST_DELIVERIES = 5
"""A message that was taken on so often, and whose worker died each time, is taken for the cause and becomes a dead letter."""

_WAITING, _RUNNING = MessageStatus.WAITING.value, MessageStatus.RUNNING.value
_CLAIMING = 0x5_7E_3A  # key of the lock under which messages are shared out on PostgreSQL


@dataclass(frozen=True, slots=True)
class Address:
    """An inbox with its rules: how many of its messages are worked on at once, and how many may wait."""

    inbox: str
    replicas: int | None
    capacity: int


@dataclass(frozen=True, slots=True)
class Posted:
    """Where a message stands: `mine` when the sender is to work on it at once; the reply, or the reason why there is none."""

    status: MessageStatus
    mine: bool = False
    reply: Reply | None = None
    reason: str | None = None
    recipient: str = ""
    spent: Spent = field(default_factory=Spent)


@dataclass(frozen=True, slots=True)
class Turned:
    """A message was not accepted: its inbox is `full`, a `bound` of the run is met, or the run has `ended`."""

    why: Literal["full", "bound", "ended"]
    reason: str


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message to work on, with what was done for it before its last worker died."""

    message: Message
    network: str
    steps: Mapping[str, Any]
    deliveries: int
    spent: Spent


def send(
    transaction: Transaction,
    message: Message,
    address: Address,
    *,
    bounds: Bounds,
    owner: str | None,
    instead: Sequence[tuple[Message, Address]] = (),
    deadline: str | None = None,
) -> Posted | Turned:
    """Puts `message` in its inbox; or, where the inbox allows it, into the hands of an `owner` who can work on it at once.

    With `instead` it is put up: the first of all these recipients with a free hand gets it. A message that is there
    already stays as it is.
    """
    connection = transaction.connection
    there = connection.execute(_SENDING, {"key": message.id, "of_run": message.run, "to_inbox": address.inbox}).one()
    if there.known is not None:
        return _posted(connection.execute(_STANDING, {"key": message.id}).one())
    turned = _turned_away(there, message, address, bounds)
    if turned is not None:
        return turned
    mine = owner is not None and not instead and not there.waiting and _has_replica(connection, address)
    post(
        transaction,
        message,
        status=MessageStatus.RUNNING if mine else MessageStatus.WAITING,
        inbox="" if instead else address.inbox,
        replicas=address.replicas,
        owner=owner if mine else None,
        deadline=deadline,
    )
    if instead:
        rows = [
            {
                "message": message.id,
                "inbox": to.inbox,
                "rank": rank,
                "replicas": to.replicas,
                "body": _body(one).decode(),
            }
            for rank, (one, to) in enumerate([(message, address), *instead])
        ]
        connection.execute(insert(offers), rows)
    spent = connection.execute(_COUNT_MESSAGE, {"key": message.run}).one()
    return Posted(MessageStatus.RUNNING if mine else MessageStatus.WAITING, mine, spent=Spent(*spent))


def post(
    transaction: Transaction,
    message: Message,
    *,
    status: MessageStatus,
    inbox: str = "",
    replicas: int | None = None,
    owner: str | None = None,
    deadline: str | None = None,
) -> None:
    """Writes a message down with its event, unless it is there."""
    body = _body(message)
    row = {
        "id": message.id,
        "run": message.run,
        "sender": message.sender,
        "recipient": message.recipient,
        "inbox": inbox or message.recipient,
        "replicas": replicas,
        "body": body.decode(),
        "status": status.value,
        "owner": owner,
        "deliveries": int(owner is not None),
        "deadline": deadline,
        "sent_at": transaction.at,
    }
    connection = transaction.connection
    # What was inserted is asked for: an insert's row count means nothing on PostgreSQL.
    if connection.execute(_insert_message(connection.dialect.name), row).first():
        data = {"from": message.sender, "to": message.recipient, "digest": digest_bytes(body)}
        transaction.note("message.sent", subject=message.id, data=data)


def claim(
    transaction: Transaction, owner: str, *, most: int, serves: Collection[str] | None, batch: str | None = None
) -> list[Delivery]:
    """Takes on up to `most` waiting messages, in the order of sending, from the inboxes that `owner` serves (None for all).

    With a `batch`, only of its runs. Messages whose deadline is over, and those that killed their workers, become dead
    letters.
    """
    connection = transaction.connection
    if connection.dialect.name == "postgresql":
        connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": _CLAIMING})
    waiting = _waiting(connection, serves, batch, 4 * most)
    if not waiting:
        return []
    limited = {slot.inbox for one in waiting for slot in one.slots if slot.replicas is not None}
    claims = choose(waiting, _running(connection, limited), most)
    taken: list[str] = []
    for claimed in claims:
        one, slot = claimed
        if one.deadline is not None and one.deadline <= transaction.at:
            bury(transaction, one.id, "nobody took it on before its deadline")
            continue
        if one.deliveries >= MOST_DELIVERIES:
            bury(
                transaction,
                one.id,
                f"it broke {one.deliveries} times while it was worked on" + (f": {one.reason}" if one.reason else ""),
            )
            continue
        values: dict[str, Any] = {"status": _RUNNING, "owner": owner, "deliveries": one.deliveries + 1}
        if slot.body is not None:
            recipient = json.loads(slot.body)["recipient"]
            values |= {"inbox": slot.inbox, "recipient": recipient, "body": slot.body, "replicas": slot.replicas}
        connection.execute(update(messages).where(messages.c.id == one.id).values(**values))
        if slot.body is not None:
            data = {"agent": values["recipient"], "digest": digest_bytes(slot.body.encode())}
            transaction.note("message.claimed", subject=one.id, data=data)
        taken.append(one.id)
    return deliveries(connection, taken)


def message_waits(connection: Connection, serves: Collection[str] | None, batch: str | None) -> bool:
    """Whether a message waits that could be taken on."""
    return bool(_waiting(connection, serves, batch, 1))


def deliveries(connection: Connection, ids: Sequence[str]) -> list[Delivery]:
    """The messages of these ids, in their order, as their worker gets them."""
    if not ids:
        return []
    query = select(messages.c.id, messages.c.body, messages.c.deliveries, runs.c.network, *_SPENT)
    found = {row.id: row for row in connection.execute(query.join(runs).where(messages.c.id.in_(ids)))}
    done: dict[str, dict[str, Any]] = {id: {} for id in ids}
    for step in connection.execute(select(steps.c.subject, steps.c.step, steps.c.body).where(steps.c.subject.in_(ids))):
        done[step.subject][step.step] = json.loads(step.body)
    return [
        Delivery(Message.from_json(json.loads(row.body)), row.network.hex(), done[id], row.deliveries, Spent(*row[-4:]))
        for id in ids
        if (row := found.get(id)) is not None
    ]


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
        transaction.note("message.buried", subject=id, data={"reason": reason})


def standing(connection: Connection, ids: Iterable[str]) -> dict[str, Posted]:
    """How those of these messages that have ended ended."""
    query = _STANDING_COLUMNS.where(messages.c.id.in_(list(ids)), messages.c.status.not_in((_WAITING, _RUNNING)))
    return {row.id: _posted(row) for row in connection.execute(query)}


def give_back(transaction: Transaction, owner: str) -> int:
    """Puts what a dead process was working on back where it was; returns how many messages and runs."""
    connection = transaction.connection
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


def give_back_one(transaction: Transaction, id: str, owner: str, reason: str) -> None:
    """Puts one message, or run, back that broke in `owner`'s hands. A message that does so again and again is a dead letter."""
    for table in (messages, runs):
        mine = (table.c.id == id, table.c.owner == owner, table.c.status == _RUNNING)
        transaction.connection.execute(update(table).where(*mine).values(status=_WAITING, owner=None))
    transaction.connection.execute(update(messages).where(messages.c.id == id).values(reason=reason))


def status_of(connection: Connection, id: str) -> str:
    """Where the message, or the run, of this id stands."""
    for table in (messages, runs):
        row = connection.execute(select(table.c.status).where(table.c.id == id)).one_or_none()
        if row is not None:
            return str(row.status)
    return ""


def ended_runs(connection: Connection, ids: Collection[str]) -> set[str]:
    """Those of these runs that have ended."""
    query = select(runs.c.id).where(runs.c.id.in_(list(ids)), runs.c.status.not_in((_WAITING, _RUNNING)))
    return set(connection.scalars(query))


def earlier(connection: Connection, message: Message, most: int) -> list[tuple[Message, Any]]:
    """The newest `most` messages of the same run that the same agent answered before this one was sent, the oldest first."""
    seq = select(messages.c.seq).where(messages.c.id == message.id).scalar_subquery()
    query = (
        select(messages.c.body, messages.c.answer)
        .where(messages.c.run == message.run, messages.c.recipient == message.recipient, messages.c.seq < seq)
        .where(messages.c.status == MessageStatus.ANSWERED.value, messages.c.answer.is_not(None))
        .order_by(messages.c.seq.desc())
        .limit(most)
    )
    found = [(Message.from_json(json.loads(row.body)), json.loads(row.answer)) for row in connection.execute(query)]
    return [(one, answer["value"]) for one, answer in reversed(found) if answer["problem"] is None]


def owners(connection: Connection) -> set[str]:
    """Who works on something."""
    return {
        row.owner
        for table in (messages, runs)
        for row in connection.execute(select(table.c.owner).where(table.c.status == _RUNNING).distinct())
        if row.owner is not None
    }


def loads(connection: Connection, inboxes: Sequence[str], now: datetime) -> dict[str, tuple[int, int, float]]:
    """How many messages of each inbox wait, how many are worked on, and how many seconds the oldest has waited.

    Idle inboxes are left out.
    """
    query = (
        select(
            messages.c.inbox,
            messages.c.status,
            func.count().label("number"),
            func.min(messages.c.sent_at).label("oldest"),
        )
        .where(messages.c.inbox.in_(inboxes), messages.c.status.in_((_WAITING, _RUNNING)))
        .group_by(messages.c.inbox, messages.c.status)
    )
    found: dict[str, tuple[int, int, float]] = {}
    for row in connection.execute(query):
        waiting, running, oldest = found.get(row.inbox, (0, 0, 0.0))
        if row.status == _WAITING:
            waiting, oldest = row.number, (now - datetime.fromisoformat(row.oldest)).total_seconds()
        else:
            running = row.number
        found[row.inbox] = waiting, running, oldest
    return found


def insert_or_ignore(connection: Connection, table: Table) -> "sqlite.Insert | postgresql.Insert":
    """An insert that leaves a row with the same key as it is."""
    return _insert_or_ignore(connection.dialect.name, table)


@lru_cache(maxsize=2)
def _insert_message(dialect: str) -> Any:
    return _insert_or_ignore(dialect, messages).returning(messages.c.seq)


@lru_cache(maxsize=16)
def _insert_or_ignore(dialect: str, table: Table) -> "sqlite.Insert | postgresql.Insert":
    # Building a statement takes longer than carrying it out.
    if dialect == "sqlite":
        return sqlite.insert(table).on_conflict_do_nothing()
    return postgresql.insert(table).on_conflict_do_nothing()


# --- sharing out ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Slot:
    """An inbox from which a message may be taken; `body` is the message as that recipient gets it, where it differs."""

    inbox: str
    replicas: int | None
    body: str | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message that waits, with the inboxes it may be taken from, the fittest first."""

    id: str
    slots: tuple[Slot, ...]
    deliveries: int = 0
    deadline: str | None = None
    reason: str | None = None


def choose(waiting: Sequence[Waiting], running: Mapping[str, int], most: int) -> list[tuple[Waiting, Slot]]:
    """Who is taken on, from which inbox, of `waiting` in the order of sending, given how many of each inbox are worked on."""
    busy = Counter(running)
    blocked: set[str] = set()
    chosen: list[tuple[Waiting, Slot]] = []
    for one in waiting:
        if len(chosen) == most:
            break
        free = next((slot for slot in one.slots if slot.inbox not in blocked and _has_room(slot, busy)), None)
        if free is None:
            # Whoever is behind it in a full inbox waits with it, even if a replica falls free while others are looked at.
            blocked |= {slot.inbox for slot in one.slots if len(one.slots) == 1}
            continue
        busy[free.inbox] += 1
        chosen.append((one, free))
    return chosen


def _has_room(slot: Slot, busy: Mapping[str, int]) -> bool:
    return slot.replicas is None or busy[slot.inbox] < slot.replicas


def _waiting(connection: Connection, serves: Collection[str] | None, batch: str | None, most: int) -> list[Waiting]:
    columns = [messages.c[name] for name in ("id", "inbox", "replicas", "deliveries", "deadline", "reason")]
    query = select(*columns).where(messages.c.status == _WAITING).order_by(messages.c.seq).limit(most)
    if serves is not None:
        put_up = select(offers.c.message).where(offers.c.inbox.in_(serves))
        query = query.where(or_(messages.c.inbox.in_(serves), messages.c.id.in_(put_up)))
    if batch is not None:
        query = query.where(messages.c.run.startswith(f"{batch}.", autoescape=True))
    found = connection.execute(query).all()
    put_up_ids = [row.id for row in found if "/" not in row.inbox]
    offered: dict[str, list[Slot]] = {id: [] for id in put_up_ids}
    if put_up_ids:
        ranked = select(offers).where(offers.c.message.in_(put_up_ids)).order_by(offers.c.message, offers.c.rank)
        for row in connection.execute(ranked):
            if serves is None or row.inbox in serves:
                offered[row.message].append(Slot(row.inbox, row.replicas, row.body))
    return [
        Waiting(
            row.id,
            tuple(offered.get(row.id, (Slot(row.inbox, row.replicas),))),
            row.deliveries,
            row.deadline,
            row.reason,
        )
        for row in found
    ]


def _running(connection: Connection, inboxes: Collection[str]) -> dict[str, int]:
    if not inboxes:
        return {}
    query = select(messages.c.inbox, func.count().label("number")).group_by(messages.c.inbox)
    query = query.where(messages.c.status == _RUNNING, messages.c.inbox.in_(inboxes))
    return {row.inbox: row.number for row in connection.execute(query)}


def _has_replica(connection: Connection, address: Address) -> bool:
    """Whether one more message of this inbox may be worked on at once."""
    if address.replicas is None:
        return True
    if connection.dialect.name == "postgresql":
        connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": _CLAIMING})
    return _running(connection, [address.inbox]).get(address.inbox, 0) < address.replicas


def _turned_away(there: Any, message: Message, address: Address, bounds: Bounds) -> Turned | None:
    if there.status != _RUNNING:
        return Turned("ended", f"run {message.run!r} is {there.status}")
    if there.messages >= bounds.messages:
        return Turned("bound", f"the task's bound of {bounds.messages:,} messages is met")
    if message.depth > bounds.depth:
        return Turned("bound", f"the task's bound of {bounds.depth:,} messages below each other is met")
    if there.waiting >= address.capacity:
        return Turned(
            "full", f"the inbox of {address.inbox!r} holds {there.waiting:,} waiting messages and takes no more"
        )
    return None


def _posted(row: Any) -> Posted:
    reply = None if row.answer is None else from_json(Reply, json.loads(row.answer))
    return Posted(MessageStatus(row.status), reply=reply, reason=row.reason, recipient=row.recipient)


def _body(message: Message) -> bytes:
    return canonical_json(message.to_json())


_SPENT = (runs.c.messages, runs.c.calls, runs.c.tokens, runs.c.microdollars)
_STANDING_COLUMNS = select(messages.c.id, messages.c.status, messages.c.answer, messages.c.reason, messages.c.recipient)
_STANDING = _STANDING_COLUMNS.where(messages.c.id == bindparam("key"))
_SENDING = select(
    select(messages.c.status).where(messages.c.id == bindparam("key")).scalar_subquery().label("known"),
    runs.c.status,
    runs.c.messages,
    select(func.count())
    .where(messages.c.status == _WAITING, messages.c.inbox == bindparam("to_inbox"))
    .scalar_subquery()
    .label("waiting"),
).where(runs.c.id == bindparam("of_run"))
_COUNT_MESSAGE = (
    update(runs).where(runs.c.id == bindparam("key")).values(messages=runs.c.messages + 1).returning(*_SPENT)
)
_ANSWER = (
    update(messages)
    .where(messages.c.id == bindparam("key"), messages.c.owner == bindparam("holder"), messages.c.status == _RUNNING)
    .values(
        status=bindparam("now"), answered_at=bindparam("at"), answer=bindparam("reply"), reason=bindparam("problem")
    )
    .returning(messages.c.id)
)
