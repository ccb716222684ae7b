"""History: what an agent did earlier in the same task."""

import json

from sqlalchemy import Connection, select

from stemma.network.message import Message, MessageStatus
from stemma.network.turn import Reply
from stemma.network.wire import from_json
from stemma.store.schema import messages


def earlier(connection: Connection, message: Message, most: int) -> list[tuple[Message, Reply]]:
    """The newest `most` messages of the same run that the same agent answered before this one was sent, the oldest first."""
    seq = select(messages.c.seq).where(messages.c.id == message.id).scalar_subquery()
    query = (
        select(messages.c.body, messages.c.answer)
        .where(messages.c.run == message.run, messages.c.recipient == message.recipient, messages.c.seq < seq)
        .where(messages.c.status == MessageStatus.ANSWERED.value, messages.c.answer.is_not(None))
        .order_by(messages.c.seq.desc())
        .limit(most)
    )
    found = [
        (Message.from_json(json.loads(row.body)), from_json(Reply, json.loads(row.answer)))
        for row in connection.execute(query)
    ]
    return [(one, reply) for one, reply in reversed(found) if reply.problem is None]
