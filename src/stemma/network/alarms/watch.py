"""The watch: looks at tasks after they have ended, against those before, and at changes of what people may do.

It follows the audit log, so that it meets each task once, whoever ran it, and costs a running turn nothing. What it measured
is kept, as the past that later tasks are held against.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, select, update
from sqlalchemy.dialects import postgresql, sqlite

from stemma.core.digests import digest_bytes
from stemma.guard.alarms import Alarm, Asked, Hop, Kind, Source, SourceKind, Trace, loops, spike, strayed, trace
from stemma.guard.alarms.alarm import NOTHING_STOPPED
from stemma.guard.alarms.drift import nearness
from stemma.ledger import Entry
from stemma.ledger.scope import Scope, Transaction
from stemma.models.encoders import Encoder
from stemma.network.alarms.access import widened
from stemma.network.alarms.raising import raised
from stemma.network.alarms.turns import TaskTurns, Told, Turns
from stemma.network.manifest.names import QUESTION, WORKERS
from stemma.network.message import PartKind
from stemma.network.run import RunStatus
from stemma.network.topologies.answers import structured
from stemma.store.schema import alarm_watch, runs

_LOG = "log"
_PAGE = 500  # entries of the log that are looked at in one go
_PAST = 400  # tasks of a network that a new one is held against
_LONGEST = 100_000  # characters of a text that are searched for phrases


@dataclass
class Seen:
    """What was measured of one task: how often each field was endorsed, and how near each agent stayed to the goal."""

    endorsed: Counter[str] = field(default_factory=Counter)
    near: dict[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {"endorsed": self.endorsed, "near": self.near}

    @classmethod
    def from_json(cls, written: str) -> "Seen":
        content = json.loads(written)
        return cls(Counter(content["endorsed"]), content["near"])


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
            looked = _Task(task, Turns(self._connection, task), self._encoder, self._seen[run])
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


@dataclass(frozen=True, slots=True)
class _Task:
    """One task that has ended."""

    task: TaskTurns
    turns: Turns
    encoder: Encoder
    seen: Seen

    def alarms(self, past: Sequence[Seen]) -> Iterator[Alarm]:
        yield from self._phrases()
        yield from self._loops()
        yield from self._roles()
        yield from self._drift(past)
        yield from self._spikes(past)

    def _alarm(
        self,
        kind: Kind,
        subject: str,
        about: str,
        found: Trace,
        detail: Mapping[str, Any],
        *,
        stopped: str = NOTHING_STOPPED,
    ) -> Alarm:
        told = {**detail, "others": found.others}
        return Alarm(kind, self.task.network, self.task.run, subject, about, found.source, found.path, stopped, told)

    def _phrases(self) -> Iterator[Alarm]:
        from stemma.guard.text import alarming  # few processes scan

        met = set[str]()
        for told in self.task.told:
            turn = self.task.turn(told.message.id)
            for text in turn.read:
                key = digest_bytes(text.value.encode("utf-8", "replace"))[:16]
                if text.kind is SourceKind.PEER or key in met:
                    continue
                met.add(key)
                signs = Counter(finding.kind for finding in alarming(text.value[:_LONGEST]))
                if signs:
                    sender = turn.sender if text.kind is SourceKind.INPUT else text.name
                    hop = Hop(turn.id, sender, turn.recipient, text.name, text.label)
                    found = Trace(Source(text.kind, text.name, text.label), (hop,))
                    yield self._alarm(Kind.INJECTION_PHRASE, turn.id, key, found, {"signs": dict(signs), "digest": key})

    def _loops(self) -> Iterator[Alarm]:
        asked = [
            Asked(
                told.message.id,
                told.asker,
                told.message.sender,
                told.message.recipient,
                str(told.message.data.get(QUESTION, "")),
            )
            for told in self.task.told
            if told.asker is not None and QUESTION in told.message.data
        ]
        ended = self.task.status in (RunStatus.STOPPED, RunStatus.CANCELLED)
        for loop in loops(asked, self.encoder):
            first = next(one for one in asked if one.id == loop.messages[0])
            begun = trace(self.turns, first.within)
            labels = {told.message.id: told.message.label for told in self.task.told}
            around = [
                Hop(one.id, one.sender, one.recipient, QUESTION, labels[one.id])
                for one in asked
                if one.id in loop.messages
            ]
            yield self._alarm(
                Kind.NEGOTIATION_LOOP,
                self.task.run,
                " ".join(sorted(loop.agents)),
                Trace(begun.source, (*begun.path, *around), begun.others),
                {"agents": list(loop.agents), "times": len(loop.messages)},
                stopped=f"the task, which is {self.task.status}" if ended else NOTHING_STOPPED,
            )

    def _roles(self) -> Iterator[Alarm]:
        """Made-up roles for which tools were asked that whoever plays them does not hold."""
        for told in self.task.told:
            held = _offered(told)
            for role, tools in _wanted(told.answer) if held is not None else ():
                more = [tool for tool in tools if tool not in (held or ())]
                if more:
                    yield self._alarm(
                        Kind.AUTHORITY_WIDENING,
                        told.message.id,
                        role,
                        trace(self.turns, told.message.id),
                        {"role": role, "by": told.message.recipient, "tools": len(more)},
                        stopped=f"no role was made up with {len(more)} more of the tools than there are to pass on",
                    )

    def _drift(self, past: Sequence[Seen]) -> Iterator[Alarm]:
        answered = [told for told in self.task.told if told.said and told.message.recipient not in _OUTSIDE]
        goal = list(self.task.request.values())
        nearest = nearness([told.said for told in answered], goal, self.encoder)
        furthest: dict[str, tuple[float, Told]] = {}
        for near, told in zip(nearest, answered, strict=True):
            agent = told.message.recipient
            if near is not None and (agent not in furthest or near < furthest[agent][0]):
                furthest[agent] = near, told
        self.seen.near = {agent: near for agent, (near, _) in furthest.items()}
        for agent, (near, told) in furthest.items():
            before = [seen.near[agent] for seen in past if agent in seen.near]
            p = strayed(near, before)
            if p is not None:
                detail = {
                    "agent": agent,
                    "near": near,
                    "median": sorted(before)[len(before) // 2],
                    "p": round(p, 4),
                    "encoder": self.encoder.name,
                }
                yield self._alarm(Kind.DRIFT, told.message.id, agent, trace(self.turns, told.message.id), detail)
                return  # those after it follow from it

    def _spikes(self, past: Sequence[Seen]) -> Iterator[Alarm]:
        for name, count in sorted(self.seen.endorsed.items()):
            found = spike(count, [seen.endorsed[name] for seen in past])
            if found is None:
                continue
            agent = name.partition("/")[0]
            last = next((one for one in reversed(self.task.told) if one.message.recipient == agent), None)
            way = Trace(None, ()) if last is None else trace(self.turns, last.message.id)
            detail = {"field": name, "count": count, "expected": round(found.expected, 2), "p": found.p}
            yield self._alarm(Kind.ENDORSEMENT_SPIKE, self.task.run, name, way, detail)


_OUTSIDE = ("caller", "person")


def _offered(told: Told) -> Sequence[str] | None:
    """The tools that an orchestrator was told it may pass on; None for who makes up no roles."""
    for part in told.message.parts:
        if part.kind is PartKind.DATA and part.name == WORKERS and isinstance(part.value, list):
            for one in part.value:
                if isinstance(one, dict) and "role" in one:
                    return list(one.get("tools", ()))
    return None


def _wanted(answer: Any) -> Iterator[tuple[str, Sequence[str]]]:
    """The roles that an orchestrator made up, with the tools that it gave them."""
    said = structured(answer)
    listed = said.get("assignments") if isinstance(said, dict) else said
    for one in listed if isinstance(listed, list) else ():
        if isinstance(one, dict) and isinstance(one.get("role"), str) and isinstance(one.get("tools"), list):
            yield one["role"][:40], [str(tool) for tool in one["tools"]]


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
