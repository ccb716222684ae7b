"""The backlog: how much work there is on a store, and how long the oldest of it has waited."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Table, exists, func, select, true

from stemma.network.run import RunStatus
from stemma.store.schema import messages, questions, runs

_WAITING, _RUNNING = RunStatus.WAITING.value, RunStatus.RUNNING.value


@dataclass(frozen=True, slots=True)
class Backlog:
    """The messages and runs that have not ended.

    `waiting` are those that nobody has taken on, the oldest of them for `oldest_seconds`; `running` those that are worked on;
    `asking` those that wait for a person, and keep nobody busy. `hands` is how many hands could be busy at once: as many as
    there are messages, or runs, that wait or are worked on, whichever are more, since a worker has a hand for each of both.
    """

    waiting: int
    running: int
    asking: int
    hands: int
    oldest_seconds: float

    @property
    def is_over(self) -> bool:
        """Whether nothing is left but what waits for people."""
        return self.waiting == 0 == self.running


def backlog(connection: Connection, now: datetime, batch: str | None = None) -> Backlog:
    """What waits and runs at this moment, of every network or of one batch."""
    within_messages: ColumnElement[bool] = true()
    within_runs: ColumnElement[bool] = true()
    if batch is not None:
        within_messages, within_runs = messages.c.run.startswith(f"{batch}.", autoescape=True), runs.c.batch == batch
    # A question's id begins with that of the message that asks.
    asked_by_message = (questions.c.run == messages.c.run) & questions.c.id.startswith(messages.c.id + ".")
    of_messages = _open(connection, messages, messages.c.sent_at, within_messages, asked_by_message)
    of_runs = _open(connection, runs, runs.c.created_at, within_runs, questions.c.run == runs.c.id)
    oldest = min((one.oldest for one in (of_messages, of_runs) if one.oldest is not None), default=None)
    return Backlog(
        of_messages.waiting + of_runs.waiting,
        of_messages.running + of_runs.running,
        of_messages.asking + of_runs.asking,
        max(one.waiting + one.running for one in (of_messages, of_runs)),
        0.0 if oldest is None else max(0.0, (now - datetime.fromisoformat(oldest)).total_seconds()),
    )


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


@dataclass(frozen=True, slots=True)
class _Open:
    waiting: int
    running: int
    asking: int
    oldest: str | None


def _open(
    connection: Connection,
    table: Table,
    since: ColumnElement[str],
    within: ColumnElement[bool],
    asked: ColumnElement[bool],
) -> _Open:
    counted = select(table.c.status, func.count().label("number"), func.min(since).label("oldest"))
    counted = counted.where(table.c.status.in_((_WAITING, _RUNNING)), within).group_by(table.c.status)
    found = {row.status: row for row in connection.execute(counted)}
    asks = exists().where(questions.c.decided_at.is_(None), asked)
    those = select(func.count()).select_from(table).where(table.c.status == _RUNNING, within, asks)
    asking: int = connection.execute(those).scalar_one()
    waiting, running = found.get(_WAITING), found.get(_RUNNING)
    return _Open(
        0 if waiting is None else waiting.number,
        0 if running is None else max(0, running.number - asking),
        asking,
        None if waiting is None else waiting.oldest,
    )
