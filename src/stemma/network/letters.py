"""Letters: the messages that were sent, and the dead ones among them, which can be delivered again."""

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, func, or_, select, update

from stemma.core.digests import digest
from stemma.core.errors import Conflict, NotFound
from stemma.core.marked import near
from stemma.ledger.authority import Action
from stemma.ledger.scope import Scope
from stemma.network.leave import may_read, may_read_run
from stemma.network.message import Message, MessageStatus
from stemma.network.run import RunStatus
from stemma.store.schema import messages, networks, runs, steps


@dataclass(frozen=True, slots=True)
class Letter:
    """A message with where it stands. `reason` says why it is dead; `deliveries` how often it was taken on."""

    message: Message
    status: MessageStatus
    deliveries: int
    sent_at: str
    answered_at: str | None
    answer: Any
    reason: str | None


class Letters:
    """The messages of one store. Reading them raises Unauthorized for whoever may not read the runs that they are of."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def ls(
        self, *, status: MessageStatus | None = None, run: str | None = None, agent: str | None = None, limit: int = 50
    ) -> list[Letter]:
        """The newest messages, newest first. Raises NotFound for an agent that no network has."""
        query = select(messages).order_by(messages.c.seq.desc()).limit(limit)
        for column, wanted in ((messages.c.status, status), (messages.c.run, run), (messages.c.recipient, agent)):
            if wanted is not None:
                query = query.where(column == str(wanted))
        with self._scope.read() as connection:
            may_read_run(self._scope, connection, run)
            found = [_letter(row) for row in connection.execute(query)]
            if agent is not None and not found:
                _check_known(connection, agent, run)
        return found

    def get(self, message_id: str) -> Letter:
        """The message of this id, or the only one whose id begins or ends so, which takes leave to read every run.

        Raises NotFound.
        """
        with self._scope.read() as connection:
            row = _row(connection, self._whole(connection, message_id))
            may_read(self._scope, connection, _network(row))
            return _letter(row)

    def _whole(self, connection: Connection, part: str) -> str:
        if connection.execute(select(messages.c.id).where(messages.c.id == part)).first() is not None or not part:
            return part
        may_read(self._scope, connection)
        either = or_(messages.c.id.startswith(part, autoescape=True), messages.c.id.endswith(part, autoescape=True))
        found = list(connection.scalars(select(messages.c.id).where(either).order_by(messages.c.seq.desc()).limit(3)))
        if len(found) > 1:
            several = f"{', '.join(found[:2])}{' and more' if len(found) > 2 else ''}"
            raise NotFound(f"there is no message {part!r}, and it could mean several: {several}; write more of its id")
        return found[0] if found else part

    def inboxes(self) -> dict[str, dict[str, int]]:
        """How many messages of each inbox wait, are worked on and are dead. Numbers alone, for which nobody is asked."""
        shown = [MessageStatus.WAITING.value, MessageStatus.RUNNING.value, MessageStatus.DEAD.value]
        query = (
            select(messages.c.inbox, messages.c.status, func.count())
            .where(messages.c.status.in_(shown))
            .group_by(messages.c.inbox, messages.c.status)
            .order_by(messages.c.inbox)
        )
        found: dict[str, dict[str, int]] = {}
        with self._scope.read() as connection:
            for inbox, status, number in connection.execute(query):
                found.setdefault(inbox, dict.fromkeys(shown, 0))[status] = number
        return found

    def replay(self, message_id: str) -> Letter:
        """Puts a dead letter back into its inbox, and its run, if that has ended, back to where it waits for the answer.

        What others answered in the run stays. Whoever works on the store takes it up; where nobody does, `Networks.resume`
        goes on with its batch. Raises NotFound; Conflict for a message that is not dead, and for one whose turn called a tool
        with an effect: that would be called again; Unauthorized.
        """
        with self._scope.write() as transaction:
            connection = transaction.connection
            row = _row(connection, message_id)
            transaction.require(Action.USE, f"networks:/{_network(row)}")
            may_read(self._scope, connection, _network(row))  # it is given back as it then stands
            if row.status != MessageStatus.DEAD:
                raise Conflict(f"message {message_id!r} is {row.status}, not dead; only dead letters are replayed")
            effect = connection.execute(
                select(steps.c.step).where(steps.c.subject == message_id, steps.c.step.endswith(".begun")).limit(1)
            ).first()
            if effect is not None:
                raise Conflict(
                    f"the turn of message {message_id!r} called a tool with an effect ({effect.step}); to do it all anew, "
                    "start a run of its own: stemma run --new"
                )
            connection.execute(delete(steps).where(steps.c.subject == message_id))
            waiting = {"status": MessageStatus.WAITING.value, "owner": None, "answer": None, "answered_at": None}
            connection.execute(
                update(messages)
                .where(messages.c.id == message_id)
                .values(**waiting, reason=None, deadline=None, deliveries=1)  # a workflow of it has been begun before
            )
            ended = [status.value for status in RunStatus if status.is_final]
            revived = connection.execute(
                update(runs)
                .where(runs.c.id == row.run, runs.c.status.in_(ended))
                .values(status=RunStatus.WAITING.value, owner=None, outcome=None, finished_at=None, breaks=0)
                .returning(runs.c.id)
            ).first()
            if revived is not None:  # it asks again what was cancelled when it ended
                cancelled = (messages.c.run == row.run, messages.c.status == MessageStatus.CANCELLED.value)
                connection.execute(update(messages).where(*cancelled).values(**waiting, reason=None))
            transaction.note("message.replayed", subject=message_id, data={"reason": digest(row.reason)})
        return self.get(message_id)


def _check_known(connection: Connection, agent: str, run: str | None) -> None:
    """Raises NotFound where messages went to others, and no network has an agent of that name to whom one could go."""
    query = select(messages.c.recipient).distinct().order_by(messages.c.recipient)
    known = list(connection.scalars(query if run is None else query.where(messages.c.run == run)))
    if not known or agent in known:
        return
    for body in connection.scalars(select(networks.c.body)):
        if any(role["agent"]["name"] == agent for role in json.loads(body)["roles"]):
            return
    raise NotFound(f"there is no agent {agent!r}{near(agent, known)}; there are messages to {', '.join(known)}")


def _row(connection: Connection, message_id: str) -> Row[Any]:
    row = connection.execute(select(messages).where(messages.c.id == message_id)).one_or_none()
    if row is None:
        raise NotFound(f"there is no message {message_id!r}; list messages with: stemma messages ls")
    return row


def _network(row: Row[Any]) -> str:
    name: str = row.inbox.partition("/")[0]
    return name


def _letter(row: Row[Any]) -> Letter:
    answer = None if row.answer is None else json.loads(row.answer)
    message = Message.from_json(json.loads(row.body))
    return Letter(message, MessageStatus(row.status), row.deliveries, row.sent_at, row.answered_at, answer, row.reason)
