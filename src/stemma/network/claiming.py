"""Claiming: how the messages that wait are shared out among those that can take them on.

An inbox is taken from in the order of sending; with `replicas` no more than so many of its messages are worked on at once,
by all processes together: with one, they are answered in that order too. An inbox that is held up keeps no other waiting.
"""

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from sqlalchemy import Connection, func, or_, select, update

from stemma.core.digests import digest
from stemma.ledger.authority import Action
from stemma.ledger.scope import Transaction
from stemma.network.admission import running_in, share_alone
from stemma.network.bounds import Spent
from stemma.network.inbox import PUT_UP, SPENT, bury
from stemma.network.message import Message, MessageStatus
from stemma.store.schema import messages, offers, runs, steps

MOST_DELIVERIES = 5
"""A message that was taken on so often without a new step is taken for the cause, and becomes a dead letter."""

_WAITING, _RUNNING = MessageStatus.WAITING.value, MessageStatus.RUNNING.value


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message to work on, with what was done for it before its last worker died."""

    message: Message
    network: str
    steps: Mapping[str, Any]
    deliveries: int
    spent: Spent


class Queue(Enum):
    """What waits for those who serve some inboxes."""

    EMPTY = "nothing waits"
    HELD_UP = "all that waits is behind messages which are worked on"
    READY = "a message could be taken on"


def claim(
    transaction: Transaction, owner: str, *, most: int, serves: Collection[str] | None, batch: str | None = None
) -> list[Delivery]:
    """Takes on up to `most` waiting messages, in the order of sending, from the inboxes that `owner` serves (None for all).

    With a `batch`, only of its runs. Messages whose deadline is over, and those that killed their workers, become dead
    letters.
    """
    connection = transaction.connection
    share_alone(connection)
    taken: list[str] = []
    for one, slot in _ready(connection, most, serves, batch, locked=True)[0]:
        if (reason := _hopeless(connection, one, transaction.at)) is not None:
            bury(transaction, one.id, reason)
            continue
        # Also that a worker whose token ended takes on nothing more.
        transaction.require(Action.USE, f"networks:/{one.slots[0].inbox.partition('/')[0]}")
        values: dict[str, Any] = {"status": _RUNNING, "owner": owner, "deliveries": one.deliveries + 1}
        if slot.body is not None:
            recipient = json.loads(slot.body)["recipient"]
            values |= {"inbox": slot.inbox, "recipient": recipient, "body": slot.body, "replicas": slot.replicas}
        connection.execute(update(messages).where(messages.c.id == one.id).values(**values))
        if slot.body is not None:
            data = {"agent": values["recipient"], "digest": digest(json.loads(slot.body))}
            transaction.note("message.claimed", subject=one.id, data=data)
        taken.append(one.id)
    return deliveries(connection, taken)


def queue(connection: Connection, serves: Collection[str] | None, batch: str | None) -> Queue:
    """What waits, as `claim` would find it."""
    chosen, waits = _ready(connection, 1, serves, batch, locked=False)
    if chosen:
        return Queue.READY
    return Queue.HELD_UP if waits else Queue.EMPTY


def deliveries(connection: Connection, ids: Sequence[str]) -> list[Delivery]:
    """The messages of these ids, in their order, as their worker gets them."""
    if not ids:
        return []
    query = select(messages.c.id, messages.c.body, messages.c.deliveries, runs.c.network, *SPENT)
    found = {row.id: row for row in connection.execute(query.join(runs).where(messages.c.id.in_(ids)))}
    done: dict[str, dict[str, Any]] = {id: {} for id in ids}
    for step in connection.execute(select(steps.c.subject, steps.c.step, steps.c.body).where(steps.c.subject.in_(ids))):
        done[step.subject][step.step] = json.loads(step.body)
    return [
        Delivery(Message.from_json(json.loads(row.body)), row.network.hex(), done[id], row.deliveries, Spent(*row[-4:]))
        for id in ids
        if (row := found.get(id)) is not None
    ]


# --- sharing out ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Slot:
    """An inbox from which a message may be taken; `body` is the message as that recipient gets it, where it differs."""

    inbox: str
    replicas: int | None
    body: str | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message that waits, with the inboxes it may be taken from, the fittest first. `seq` is its place in all of them."""

    seq: int
    id: str
    slots: tuple[Slot, ...]
    deliveries: int = 0
    deadline: str | None = None
    reason: str | None = None


def choose(waiting: Sequence[Waiting], busy: Counter[str], most: int, blocked: set[str]) -> list[tuple[Waiting, Slot]]:
    """Who is taken on, from which inbox, of `waiting` in the order of sending; at most `most`.

    `busy` says how many of each inbox are worked on, `blocked` from which nothing more is taken. Both are brought up to date,
    so that messages sent later can be looked at next.
    """
    chosen: list[tuple[Waiting, Slot]] = []
    for one in waiting:
        if len(chosen) == most:
            break
        free = next((slot for slot in one.slots if slot.inbox not in blocked and _has_room(slot, busy)), None)
        if free is None:
            # Whoever is behind it in its inbox waits with it, even one that came from a network with more replicas.
            blocked |= {slot.inbox for slot in one.slots if len(one.slots) == 1}
            continue
        busy[free.inbox] += 1
        chosen.append((one, free))
    return chosen


def _has_room(slot: Slot, busy: Mapping[str, int]) -> bool:
    return slot.replicas is None or busy.get(slot.inbox, 0) < slot.replicas


def _ready(
    connection: Connection, most: int, serves: Collection[str] | None, batch: str | None, *, locked: bool
) -> tuple[list[tuple[Waiting, Slot]], bool]:
    """Who could be taken on now, and whether anything waits at all. `locked`, nobody else changes them until the commit."""
    chosen: list[tuple[Waiting, Slot]] = []
    busy, counted, blocked = Counter[str](), set[str](), set[str]()
    last, size = 0, max(16, most)
    while True:
        page = _page(connection, serves, batch, after=last, without=blocked, most=size, locked=locked)
        limited = {slot.inbox for one in page for slot in one.slots if slot.replicas is not None} - counted
        busy.update(running_in(connection, limited))
        counted |= limited
        chosen += choose(page, busy, most - len(chosen), blocked)
        if len(chosen) == most or len(page) < size:
            return chosen, bool(page) or last > 0
        last = page[-1].seq


def _page(
    connection: Connection,
    serves: Collection[str] | None,
    batch: str | None,
    *,
    after: int,
    without: Collection[str],
    most: int,
    locked: bool,
) -> list[Waiting]:
    """The first waiting messages behind `after`, but for those of the inboxes `without`."""
    columns = [messages.c[name] for name in ("seq", "id", "inbox", "replicas", "deliveries", "deadline", "reason")]
    query = select(*columns).where(messages.c.status == _WAITING).order_by(messages.c.seq).limit(most)
    if after:
        query = query.where(messages.c.seq > after)
    if without:
        query = query.where(messages.c.inbox.not_in(without))
    if serves is not None:
        put_up = select(offers.c.message).where(offers.c.inbox.in_(serves))
        query = query.where(or_(messages.c.inbox.in_(serves), messages.c.id.in_(put_up)))
    if batch is not None:
        query = query.where(messages.c.run.startswith(f"{batch}.", autoescape=True))
    if locked and connection.dialect.name == "postgresql":
        # Claims take turns; what somebody else has a lock on is about to be cancelled, or is a dead letter.
        query = query.with_for_update(skip_locked=True)
    found = connection.execute(query).all()
    offered = _offered(connection, [row.id for row in found if row.inbox.endswith(PUT_UP)], serves)
    return [
        Waiting(
            row.seq,
            row.id,
            tuple(offered.get(row.id, (Slot(row.inbox, row.replicas),))),
            row.deliveries,
            row.deadline,
            row.reason,
        )
        for row in found
    ]


def _offered(connection: Connection, ids: Sequence[str], serves: Collection[str] | None) -> dict[str, list[Slot]]:
    """The inboxes, of those that are served, from which each message that is put up may be taken."""
    if not ids:
        return {}
    offered: dict[str, list[Slot]] = {id: [] for id in ids}
    for row in connection.execute(select(offers).where(offers.c.message.in_(ids)).order_by(offers.c.rank)):
        if serves is None or row.inbox in serves:
            offered[row.message].append(Slot(row.inbox, row.replicas, row.body))
    return offered


def _hopeless(connection: Connection, one: Waiting, now: str) -> str | None:
    """Why nobody is to take the message on any more; None while there is hope."""
    if one.deadline is not None and one.deadline <= now:
        return "nobody took it on before its deadline"
    if one.deliveries < MOST_DELIVERIES:
        return None
    kept = select(func.count()).select_from(steps).where(steps.c.subject == one.id)
    if one.deliveries < MOST_DELIVERIES + connection.execute(kept).scalar_one():
        return None  # it came a step further each time
    return f"it broke {one.deliveries} times while it was worked on" + (f": {one.reason}" if one.reason else "")
