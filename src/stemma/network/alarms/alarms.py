"""The alarms of one store, for those who look at them."""

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, select

from stemma.core.errors import NotFound
from stemma.guard.alarms import Alarm, Kind
from stemma.ledger.scope import Scope
from stemma.models.encoders import Encoder
from stemma.network.alarms.watch import Watch
from stemma.store.schema import alarms


@dataclass(frozen=True, slots=True)
class Raised:
    """An alarm, and when it was raised."""

    alarm: Alarm
    at: str

    def to_json(self) -> dict[str, Any]:
        return {**self.alarm.to_json(), "at": self.at}


class Alarms:
    """Reads alarms, and has the watch look. May be used by several threads."""

    def __init__(self, scope: Scope, encoder: Encoder) -> None:
        self._scope = scope
        self._watch = Watch(scope, encoder)

    def ls(self, *, run: str | None = None, kind: Kind | None = None, limit: int = 50) -> list[Raised]:
        """The newest alarms, newest first."""
        query = select(alarms).order_by(alarms.c.at.desc(), alarms.c.id).limit(limit)
        if run is not None:
            query = query.where(alarms.c.run == run)
        if kind is not None:
            query = query.where(alarms.c.kind == kind.value)
        with self._scope.read() as connection:
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
        return _raised(found[0])

    def scan(self) -> list[Alarm]:
        """Looks at all that ended since somebody looked last, and raises what it finds: drift, loops, spikes, phrases,
        authority that was widened. What was raised before is not raised again.
        """
        found = list[Alarm]()
        while (more := self._watch.look()) is not None:
            found += more
        return found

    def look(self) -> None:
        """Looks at the next few hundred entries of the log alone, as a process does that has other things to do."""
        self._watch.look()

    def behind(self) -> int:
        """How many entries of the audit log nobody has looked at yet."""
        return self._watch.behind()


def _raised(row: Row[Any]) -> Raised:
    return Raised(Alarm.from_json(json.loads(row.body)), row.at)
