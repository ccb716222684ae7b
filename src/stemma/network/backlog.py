"""The backlog: how much work there is on a store, and how long the oldest of it has waited."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Table, exists, func, select

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


def backlog(connection: Connection, now: datetime) -> Backlog:
    """What waits and runs at this moment, of every network."""
    # A question's id begins with that of the message that asks.
    asked_by_run = questions.c.run == runs.c.id
    asked_by_message = (questions.c.run == messages.c.run) & questions.c.id.startswith(messages.c.id)
    of_messages = _open(connection, messages, messages.c.sent_at, asked_by_message)
    of_runs = _open(connection, runs, runs.c.created_at, asked_by_run)
    oldest = min((one.oldest for one in (of_messages, of_runs) if one.oldest is not None), default=None)
    return Backlog(
        of_messages.waiting + of_runs.waiting,
        of_messages.running + of_runs.running,
        of_messages.asking + of_runs.asking,
        max(one.waiting + one.running for one in (of_messages, of_runs)),
        0.0 if oldest is None else max(0.0, (now - datetime.fromisoformat(oldest)).total_seconds()),
    )


@dataclass(frozen=True, slots=True)
class _Open:
    waiting: int
    running: int
    asking: int
    oldest: str | None


def _open(connection: Connection, table: Table, since: ColumnElement[str], asked: ColumnElement[bool]) -> _Open:
    counted = select(table.c.status, func.count().label("number"), func.min(since).label("oldest"))
    counted = counted.where(table.c.status.in_((_WAITING, _RUNNING))).group_by(table.c.status)
    found = {row.status: row for row in connection.execute(counted)}
    asks = exists().where(questions.c.decided_at.is_(None), asked)
    asking = connection.execute(
        select(func.count()).select_from(table).where(table.c.status == _RUNNING, asks)
    ).scalar_one()
    waiting, running = found.get(_WAITING), found.get(_RUNNING)
    return _Open(
        0 if waiting is None else waiting.number,
        0 if running is None else running.number - asking,
        asking,
        None if waiting is None else waiting.oldest,
    )
