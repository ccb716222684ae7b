"""The watch: looks at tasks after they have ended, against those before, and at changes of what people may do.

It follows the audit log, so that it meets each task once, whoever ran it, and costs a running turn nothing. What it measured
is kept, as the past that later tasks are held against.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects import postgresql, sqlite

from stemma.guard.alarms import Alarm
from stemma.ledger import Entry
from stemma.ledger.scope import Scope, Transaction
from stemma.models.encoders import Encoder
from stemma.network.alarms.access import widened
from stemma.network.alarms.ended import EndedTask, Seen
from stemma.network.alarms.raising import raised
from stemma.network.alarms.turns import TaskTurns, Turns
from stemma.store.schema import alarm_watch, runs

_LOG = "log"
_PAGE = 500  # entries of the log that are looked at in one go
_PAST = 400  # tasks of a network that a new one is held against


@dataclass(frozen=True, slots=True)
class Watch:
    """Looks at what the log has gained."""

    scope: Scope
    encoder: Encoder

    def look(self) -> list[Alarm] | None:
        """The alarms of the next page of the log, which are raised; None where there is nothing new.

        Of several that look at the same time one raises them.
        """
        with self.scope.read() as connection:
            through = _through(connection)
        entries = self.scope.ledger.tail(_PAGE, after=through)
        if not entries:
            return None
        with self.scope.read() as connection:
            page = _Page(connection, self.encoder, entries)
            found = [*widened(entries), *page.alarms()]
        with self.scope.write() as transaction:
            if not _advanced(transaction, through, entries[-1].seq):
                return []
            for row in page.rows():
                _kept(transaction, row)
            return [alarm for alarm in found if raised(transaction, alarm)]

    def behind(self) -> int:
        """How many entries of the log have not been looked at."""
        with self.scope.read() as connection:
            return self.scope.ledger.size() - 1 - _through(connection)


class _Page:
    """What entries of the log say about tasks."""

    def __init__(self, connection: Connection, encoder: Encoder, entries: Sequence[Entry]) -> None:
        self._connection = connection
        self._encoder = encoder
        self._pasts: dict[str, list[Seen]] = {}
        ended = {entry.subject: entry.seq for entry in entries if entry.kind == "run.finished"}
        endorsed = [entry for entry in entries if entry.kind == "label.endorsed"]
        self._networks = _networks(connection, {*ended, *(id for one in endorsed for id in _above(one.subject))})
        self._ended = {run: seq for run, seq in ended.items() if run in self._networks}
        counts: dict[str, Counter[str]] = defaultdict(Counter)
        for entry in endorsed:
            for run in _above(entry.subject):
                if run in self._networks:
                    counts[run][f"{entry.data['agent']}/{entry.data['field']}"] += 1
        self._seen = {run: Seen() for run in (*counts, *self._ended)}
        query = select(alarm_watch.c.subject, alarm_watch.c.seen).where(alarm_watch.c.subject.in_(list(self._seen)))
        for row in connection.execute(query):
            self._seen[row.subject] = Seen.from_json(row.seen)
        for run, counted in counts.items():
            self._seen[run].endorsed += counted

    def rows(self) -> Iterator[dict[str, Any]]:
        """What is kept of each task."""
        for run, seen in self._seen.items():
            yield {
                "subject": run,
                "network": self._networks[run],
                "through": self._ended.get(run, -1),
                "ended": int(run in self._ended),
                "seen": json.dumps(seen.to_json(), ensure_ascii=False),
            }

    def alarms(self) -> Iterator[Alarm]:
        for run in self._ended:
            task = TaskTurns(self._connection, run)
            task.load()
            looked = EndedTask(task, Turns(self._connection, task), self._encoder, self._seen[run])
            past = self._past(task.network)
            yield from looked.alarms(past)
            past.insert(0, self._seen[run])
            del past[_PAST:]

    def _past(self, network: str) -> list[Seen]:
        """The newest tasks of a network that were looked at before, the newest first."""
        if network not in self._pasts:
            query = select(alarm_watch.c.seen).where(alarm_watch.c.network == network, alarm_watch.c.ended == 1)
            query = query.where(alarm_watch.c.subject.not_in(list(self._ended)))
            found = self._connection.scalars(query.order_by(alarm_watch.c.through.desc()).limit(_PAST))
            self._pasts[network] = [Seen.from_json(written) for written in found]
        return self._pasts[network]


def _above(subject: str) -> Iterator[str]:
    """The ids that the id of something in a task begins with, one of which is the task's."""
    steps = subject.partition("!")[0].split(".")
    return (".".join(steps[:number]) for number in range(1, len(steps) + 1))


def _networks(connection: Connection, ids: set[str]) -> dict[str, str]:
    found = connection.execute(select(runs.c.id, runs.c.name).where(runs.c.id.in_(list(ids)))) if ids else ()
    return {row.id: row.name for row in found}


def _through(connection: Connection) -> int:
    found: int | None = connection.execute(select(alarm_watch.c.through).where(alarm_watch.c.subject == _LOG)).scalar()
    return -1 if found is None else found


def _advanced(transaction: Transaction, before: int, now: int) -> bool:
    """Says that the log was looked at that far; False when another was there first."""
    row = {"subject": _LOG, "network": "", "through": -1, "ended": 0, "seen": "{}"}
    transaction.connection.execute(_inserting(transaction.connection).values(row).on_conflict_do_nothing())
    moved = (
        update(alarm_watch)
        .where(alarm_watch.c.subject == _LOG, alarm_watch.c.through == before)
        .values(through=now)
        .returning(alarm_watch.c.subject)
    )
    return transaction.connection.execute(moved).first() is not None


def _kept(transaction: Transaction, row: Mapping[str, Any]) -> None:
    inserting = _inserting(transaction.connection).values(row)
    new = {name: value for name, value in row.items() if name != "subject"}
    transaction.connection.execute(inserting.on_conflict_do_update(index_elements=["subject"], set_=new))


def _inserting(connection: Connection) -> Any:
    return (sqlite if connection.dialect.name == "sqlite" else postgresql).insert(alarm_watch)
