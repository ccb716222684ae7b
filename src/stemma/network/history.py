"""History: what an agent did earlier in the same task."""

import json

from sqlalchemy import Connection, select

from stemma.core.trust import Integrity
from stemma.network.message import Message, MessageStatus
from stemma.network.turn import Reply
from stemma.network.wire import from_json
from stemma.store.schema import messages

_ENDED = (MessageStatus.ANSWERED.value, MessageStatus.DEAD.value)


def earlier(connection: Connection, message: Message, most: int) -> list[tuple[Message, Reply]]:
    """The newest `most` messages of the same run that the same agent answered before this one was sent, the oldest first."""
    seq = select(messages.c.seq).where(messages.c.id == message.id).scalar_subquery()
    query = (
        select(messages.c.body, messages.c.answer)
        .where(messages.c.run == message.run, messages.c.recipient == message.recipient, messages.c.seq < seq)
        .where(messages.c.status.in_(_ENDED), messages.c.answer.is_not(None))
        .order_by(messages.c.seq.desc())
    )
    found: list[tuple[Message, Reply]] = []
    for row in connection.execute(query):
        one, reply = Message.from_json(json.loads(row.body)), from_json(Reply, json.loads(row.answer))
        if _counts(one, reply, message):
            found.append((one, reply))
        if len(found) == most:
            break
    return found[::-1]


def _counts(one: Message, reply: Reply, message: Message) -> bool:
    """Whether the turn is seen again. How many there are must not be up to strangers: neither by having it taken, unless that
    is how `message` came about, too, nor by keeping it from its answer.
    """
    if one.decided.integrity < min(message.decided.integrity, Integrity.INTERNAL):
        return False
    strange = (reply.label or one.label).integrity is Integrity.UNTRUSTED
    return strange or reply.problem is None
