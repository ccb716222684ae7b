"""The alarms of one store, for those who look at them."""

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, func, select

from stemma.core.errors import NotFound
from stemma.guard.alarms import Alarm, Kind
from stemma.ledger.authority import Action
from stemma.ledger.scope import Scope
from stemma.network.alarms.watch import Watch
from stemma.network.leave import may_read, may_read_run
from stemma.store.schema import alarms, runs

_PAGES_AFTER = 10
"""Pages of the log that are looked at when a batch has ended: some seconds' work at most, where nobody has looked for long."""


@dataclass(frozen=True, slots=True)
class Raised:
    """An alarm, and when it was raised."""

    alarm: Alarm
    at: str

    def to_json(self) -> dict[str, Any]:
        return {**self.alarm.to_json(), "at": self.at}


@dataclass(frozen=True, slots=True)
class Noticed:
    """How many alarms there are of a batch's runs, and how many entries of the log nobody has looked at yet."""

    alarms: int
    behind: int


class Alarms:
    """Reads alarms, and has the watch look. May be used by several threads.

    Raises Unauthorized for whoever may not read the runs that they are about.
    """

    def __init__(self, scope: Scope, watch: Watch) -> None:
        self._scope = scope
        self._watch = watch

    def ls(self, *, run: str | None = None, kind: Kind | None = None, limit: int = 50) -> list[Raised]:
        """The newest alarms, newest first."""
        query = select(alarms).order_by(alarms.c.at.desc(), alarms.c.id).limit(limit)
        if run is not None:
            query = query.where(alarms.c.run == run)
        if kind is not None:
            query = query.where(alarms.c.kind == kind.value)
        with self._scope.read() as connection:
            may_read_run(self._scope, connection, run)
            return [_raised(row) for row in connection.execute(query)]

    def get(self, alarm_id: str) -> Raised:
        """The alarm of this id, or the only one whose id begins so. Raises NotFound."""
        query = select(alarms).where(alarms.c.id.startswith(alarm_id, autoescape=True)).limit(2)
        with self._scope.read() as connection:
            found = connection.execute(query).all()
        if len(found) != 1 or not alarm_id:
            how = (
                "could mean several; write more of it"
                if len(found) > 1
                else "is none; list them with: stemma alarms ls"
            )
            raise NotFound(f"alarm {alarm_id!r} {how}")
        one = _raised(found[0])
        with self._scope.read() as connection:
            may_read(self._scope, connection, one.alarm.network)
        return one

    def scan(self) -> list[Alarm]:
        """Looks at all that ended since somebody looked last, and raises what it finds: drift, loops, spikes, phrases,
        authority that was widened. What was raised before is not raised again. Takes leave to read every run.
        """
        with self._scope.read() as connection:
            may_read(self._scope, connection)
        found = list[Alarm]()
        while (more := self._watch.look()) is not None:
            found += more
        return found

    def after(self, batch: str) -> Noticed:
        """Has the watch look at what ended, no further than a few thousand entries, and counts the alarms of a batch.

        For whoever ran it: takes leave to use its network, and tells nothing of others' runs.
        """
        of_batch = select(runs.c.id).where(runs.c.batch == batch)
        with self._scope.read() as connection:
            for network in connection.scalars(select(runs.c.name).where(runs.c.batch == batch).distinct()):
                self._scope.require(Action.USE, f"networks:/{network}", connection)
        for _ in range(_PAGES_AFTER):
            if self._watch.look() is None:
                break
        with self._scope.read() as connection:
            count = connection.execute(select(func.count()).where(alarms.c.run.in_(of_batch))).scalar_one()
        return Noticed(count, self.behind())

    def behind(self) -> int:
        """How many entries of the audit log nobody has looked at yet. A number alone, for which nobody is asked."""
        return self._watch.behind()


def _raised(row: Row[Any]) -> Raised:
    return Raised(Alarm.from_json(json.loads(row.body)), row.at)
