"""Whether an inbox takes a message: what its run may still send, who sends it, how much room there is, and in which order.

An inbox holds a certain number; who sends it more is turned away, and offers the message again until there is room, or until
the time is up in which it has to be answered: then it is a dead letter. As many more as processes send at the same moment may
be let in.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, bindparam, func, select, text

from stemma.network.bounds import Bounds
from stemma.network.message import Message, MessageStatus
from stemma.network.network import Network
from stemma.store.schema import messages, runs

_WAITING, _RUNNING = MessageStatus.WAITING.value, MessageStatus.RUNNING.value
_CLAIMING = 0x5_7E_3A
"""Key of the lock under which messages are shared out on PostgreSQL."""


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
class Turned:
    """A message was not accepted: its inbox is `full`, a `bound` of the run is met, or the run has `ended`."""

    why: Literal["full", "bound", "ended"]
    reason: str


def turned_away(
    connection: Connection, message: Message, address: Address, *, bounds: Bounds, by: str, asker: str, beside: int
) -> Turned | None:
    """Why `send` would not accept the message, sent behind `beside` others of the same turn; None when it would."""
    there = there_of(connection, message, address)
    if there.known is not None:
        return None
    return refusal(connection, there, message, address, bounds, by, asker, beside)


def refusal(
    connection: Connection,
    there: Any,
    message: Message,
    address: Address,
    bounds: Bounds,
    by: str,
    asker: str | None,
    beside: int = 0,
) -> Turned | None:
    """Why a message is not accepted, from what is `there` (see `there_of`); None when it is."""
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


def there_of(connection: Connection, message: Message, address: Address) -> Any:
    """Where the run stands that the message is for, what waits in its inbox, and the message itself, where it is `known`."""
    # Locked, or a run that ends at this very moment would leave a message behind.
    query = _SENDING_LOCKED if connection.dialect.name == "postgresql" else _SENDING
    return connection.execute(query, {"key": message.id, "of_run": message.run, "to_inbox": address.inbox}).one()


def hold(connection: Connection, addresses: Iterable[Address]) -> None:
    """Keeps all others from sending to these inboxes until the commit, where the order of the messages counts.

    Else a message that is not committed yet could be overtaken by one that was sent after it. For inboxes without a limit
    of replicas, and on SQLite, where every writer is alone, there is nothing to keep.
    """
    inboxes = {address.inbox for address in addresses if address.replicas is not None}
    if inboxes and connection.dialect.name == "postgresql":
        connection.execute(_HOLD, {"inboxes": sorted(inboxes)})


def has_replica(connection: Connection, address: Address) -> bool:
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


def share_alone(connection: Connection) -> None:
    """Waits until nobody else shares messages out, and keeps it so until the commit. On SQLite every writer is alone.

    Whoever looks at what waits, and then at what is worked on, must not see a message in neither.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": _CLAIMING})


def running_in(connection: Connection, inboxes: Collection[str]) -> dict[str, int]:
    if not inboxes:
        return {}
    query = select(messages.c.inbox, func.count().label("number")).group_by(messages.c.inbox)
    query = query.where(messages.c.status == _RUNNING, messages.c.inbox.in_(inboxes))
    return {row.inbox: row.number for row in connection.execute(query)}


# One after the other, and everywhere in the same order, so that no two wait for each other.
_HOLD = text(
    "select pg_advisory_xact_lock(hashtextextended(name, :space)) from"
    " (select name from unnest(cast(:inboxes as text[])) as name order by hashtextextended(name, :space) offset 0) held"
).bindparams(space=_CLAIMING)
_HOLDER = select(messages.c.status, messages.c.owner).where(messages.c.id == bindparam("key"))
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
