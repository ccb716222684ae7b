"""The exchange of one run: asks, waits and writes down what its flow wants, so that a replay meets the same again."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from stemma.core.digests import digest
from stemma.core.trust import Integrity, TrustLabel
from stemma.guard.closed import FieldSpec, FieldType
from stemma.network.admission import Address
from stemma.network.backlog import loads
from stemma.network.briefs import Briefs, given
from stemma.network.dispatch import BoundMet, Dispatch
from stemma.network.endorser import Endorser
from stemma.network.fitness import Fitness
from stemma.network.inbox import Posted
from stemma.network.journal import Event, Journal, Superseded
from stemma.network.message import Message, MessageStatus, Part
from stemma.network.network import Network, Role
from stemma.network.people import Decision, OnTimeout, Question, Verdict
from stemma.network.recall import Acting, remembering
from stemma.network.run import RunStatus
from stemma.network.state.memory import Memories
from stemma.network.task import Brief, Load, TaskEnded
from stemma.network.turn import Unusable, part_of


@dataclass
class RunExchange:
    """What `Task` needs, for one run on this process."""

    dispatch: Dispatch
    network: Network
    journal: Journal
    briefs: Briefs
    fits: Fitness
    memories: Memories
    holds: Acting
    endorser: Endorser

    async def ask(self, message: Message, *, instead: Sequence[Message] = ()) -> Part | Unusable:
        """See `Exchange.ask`. A dead letter is an answer that can not be used."""
        first, *others = [await self._remembering(one) for one in (message, *instead)]
        addresses = [Address.of(self.network, one.recipient) for one in (first, *others)]
        try:
            posted = await self.dispatch.ask(
                first,
                addresses[0],
                self.network.digest,
                bounds=self.network.bounds,
                instead=list(zip(others, addresses[1:], strict=True)),
                deadline=self.network.role(message.recipient).agent.limits.deadline,
            )
        except BoundMet as met:
            raise TaskEnded(RunStatus.STOPPED, str(met)) from met
        return self._answer(posted, message)

    def _answer(self, posted: Posted, message: Message) -> Part | Unusable:
        if posted.status is MessageStatus.CANCELLED:
            raise Superseded(posted.reason or f"message {message.id!r} was cancelled")
        if posted.reply is None:
            # Why there is none may be up to whatever its recipient was reading when its time was up.
            label = replace(message.label, integrity=Integrity.UNTRUSTED)
            return Unusable(posted.reason or "there is no answer", label)
        if posted.reply.ends is not None:
            raise TaskEnded(posted.reply.ends, posted.reply.problem or posted.reply.ends.value)
        return part_of(self.network.role(posted.recipient or message.recipient), posted.reply)

    async def _remembering(self, message: Message) -> Message:
        return await remembering(message, self.network, self.memories, self.dispatch, self.holds)

    async def tools(self, role: Role) -> Sequence[str]:
        """See `Exchange.tools`."""
        return list(await self.holds(self.network, role))

    async def prompted(self, role: Role, brief: Brief) -> tuple[Role, Part | None]:
        """See `Exchange.prompted`."""
        spawned, name = role.spawned, f"{role.agent.name}.{digest(brief.text)[:8]}"
        step = f"{brief.message}.{name if spawned is None else spawned.name}"
        if step not in self.journal.done:
            acts, events = any((await self.holds(self.network, role)).values()), list[Event]()
            candidate = await self._written(role, brief, acts=acts)
            if spawned is not None:
                data = {
                    "role": digest(spawned.name),
                    "by": brief.author,
                    "agent": role.agent.name,
                    "candidate": candidate,
                    "tools": list(spawned.tools),
                    "label": brief.label.to_json(),
                }
                events.append(Event("role.spawned", data, subject=brief.message))
            if acts and role.prompt is not None and brief.label.integrity is Integrity.UNTRUSTED:
                data = {"by": brief.author, "agent": role.agent.name, "label": brief.label.to_json()}
                events.append(Event("instruction.refused", data, subject=brief.message))
            await self.journal.keep(step, {"candidate": candidate}, events=events)
        return given(role, brief, self.journal.done[step]["candidate"])

    async def _written(self, role: Role, brief: Brief, *, acts: bool) -> int | None:
        candidate: int | None = await self.dispatch.in_thread(
            lambda: self.briefs.write(self.network, role, brief, has_effects=acts)
        )
        return candidate

    async def chosen(self, key: str, agent: str, field: str, bound: int, label: TrustLabel) -> TrustLabel:
        """See `Exchange.chosen`."""
        spec = FieldSpec(field, FieldType.ENUM, values=tuple(map(str, range(bound))))
        found = self.endorser.endorsed(agent, {field: spec}, label, key)
        if not found.labels:
            return label
        if key not in self.journal.done:
            await self.journal.keep(key, {}, events=found.events)
        return found.labels[field]

    async def once(self, key: str, work: Callable[[], Awaitable[Any]]) -> Any:
        """See `Exchange.once`."""
        if key not in self.journal.done:
            await self.journal.keep(key, await work())
        return self.journal.done[key]

    async def loads(self, agents: Iterable[str]) -> Mapping[str, Load]:
        """See `Exchange.loads`."""
        names = list(agents)
        inboxes = {self.network.inbox_of(name): name for name in names}
        now = self.dispatch.clock.now()
        found = await self.dispatch.read(lambda connection: loads(connection, list(inboxes), now))
        return {name: Load(*found.get(inbox, (0, 0, 0.0))) for inbox, name in inboxes.items()}

    async def decision(self, question: Question) -> Decision:
        """See `Exchange.decision`."""
        decision = await self.dispatch.decision(question)
        if decision.verdict is Verdict.REJECTED and decision.by == "clock" and question.on_timeout is OnTimeout.FAIL:
            raise TaskEnded(RunStatus.FAILED, f"nobody answered {question.text!r} in time")
        return decision

    async def fitness(self, text: str, agents: Sequence[str]) -> Mapping[str, float]:
        """See `Exchange.fitness`."""
        fitness: Mapping[str, float] = await self.dispatch.in_thread(self.fits.of, text, agents)
        return fitness
