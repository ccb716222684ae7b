"""The alarms of one task that has ended: what it read, who asked whom, who made up whom, how it compares with those before."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from stemma.core.digests import digest_bytes
from stemma.guard.alarms import Alarm, Asked, Hop, Kind, Source, SourceKind, Trace, loops, spike, strayed, trace
from stemma.guard.alarms.alarm import NOTHING_STOPPED
from stemma.guard.alarms.drift import nearness
from stemma.models.encoders import Encoder
from stemma.network.alarms.turns import TaskTurns, Told, Turns
from stemma.network.manifest.names import QUESTION, WORKERS
from stemma.network.message import PartKind
from stemma.network.run import RunStatus
from stemma.network.topologies.answers import structured

_LONGEST = 100_000  # characters of a text that are searched for phrases
_OUTSIDE = ("caller", "person")


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
class EndedTask:
    """One task that has ended; what is measured of it goes into `seen`."""

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
